"""Mark the frames of a round's quenches that the potential asks for, and take a few of them."""

from gapglass.active_learning import harvest
from gapglass.base import files, log
from gapglass.frames import store
from gapglass.glass import outside
from gapglass.labels import library, status
from gapglass.potential import environments
from gapglass.selection import time_blocks

number, settings = int(snakemake.wildcards.round), snakemake.params
log.configure(snakemake.log[0], f"harvest, round {number}", settings)
table, imported = files.read_table(snakemake.input.table), files.read_json(snakemake.input.summary)
fit = files.read_json(snakemake.input.fit)
validation = time_blocks.current(files.read_json(snakemake.input.sets)["runs"], table)["validation"]
before = [files.read_json(path) for path in snakemake.input.found]
asked = [frame for path in snakemake.input.asked for frame in store.read_frames(path)]
sets = [item["set"] for found in before for item in found["frames"]]
validation = store.read_frames(snakemake.input.frames, validation, table["offset_bytes"])
validation += [frame for frame, part in zip(asked, sets, strict=True) if part == "validation"]
known = outside.known(table, imported).widened(fit.get("known"), bare=True)
train = store.read_frames(snakemake.input.train)
compared = environments.Environments(snakemake.input.potential, train, fit["hyperparameters"]["sigma_energy"])
stages = harvest.read_stages(snakemake.input.outcomes, snakemake.input.trajectories, compared, known, settings)
budget = None
if settings.labels:
    records = status.read_joined(snakemake.input.loop)
    records |= harvest.read_records(snakemake.input.records, before)
    status.refuse_failures(records)
    entries = library.known(settings.labels, imported["labels"]["fingerprint"])
    budget = harvest.Budget(
        status.affordable(settings.labels["budget"], records, settings.labels["cores"]),
        lambda frames: library.n_own(frames, entries, settings.labels["study"]),
    )
found, frames = harvest.close_round(
    number, stages, compared, validation, known, settings, len(table), len(asked), budget
)
log.notice("%s", harvest.words(found))
store.write_frames(snakemake.output.asked, frames)
files.write_json(snakemake.output.found, found)
