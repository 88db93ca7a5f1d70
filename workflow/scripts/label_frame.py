"""Label one frame, unless a set or the store has its label; write where the label is."""

from pathlib import Path

from gapglass.base import files, log, progress
from gapglass.frames import store
from gapglass.labels import checks, job, library, status

number, settings = int(snakemake.wildcards.frame), snakemake.params.labels
harvested = hasattr(snakemake.wildcards, "round")
log.configure(snakemake.log[0], f"label of {'harvested ' * harvested}frame {number}", snakemake.params)
offsets = None if harvested else files.read_table(snakemake.input.table)["offset_bytes"]
(frame,) = store.read_frames(snakemake.input.frames, [number], offsets)
labels = library.open_library(settings)
record = job.label_frame(
    frame,
    labels.engine,
    labels.stored,
    labels.sets,
    keep=snakemake.params.kept,
    guesses=snakemake.params.guesses,
    max_seconds=60 * settings["max_time"],
    provenance={"trajectory": frame.info["trajectory"], "temperature": frame.info["temperature"]},
    study=snakemake.params.study,
    floor=checks.HARVESTED_FLOOR if harvested else checks.FLOOR,
)
files.write_json(snakemake.output[0], record.as_json())
took = f" in {progress.duration(record.seconds)}" if record.seconds and record.state != job.STORED else ""
reason = f" ({record.reason})" if record.reason else ""
log.notice("%s%s%s; %s", record.state, took, reason, status.progress(Path(snakemake.output[0]).parents[1]))
