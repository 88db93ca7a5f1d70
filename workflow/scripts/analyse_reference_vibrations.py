"""Vibrational density of states of the reference, where its frames are close enough in time."""

from gapglass.base import files, log
from gapglass.frames import store
from gapglass.structure import absence, analysis, vibrations

log.configure(snakemake.log[0], "vibrations of the reference", snakemake.params)
models = absence.read_present(snakemake.input.models).values()
highest = max(map(vibrations.highest_frequency, models), default=None)
frames = analysis.reference_frames(store.read_frames(snakemake.input.frames), snakemake.params.temperature)
table, text = vibrations.of_reference(frames, snakemake.params.resolution, highest)
log.notice("vibrations of the reference: %s", text)
if table is None:
    absence.write_empty_table(snakemake.output[0], "vibrations", text)
else:
    files.write_table(snakemake.output[0], table, vibrations.header(snakemake.params.resolution, None, text))
