"""Structure of the reference frames at the temperature of the glass."""

import os

os.environ.setdefault("NUMBA_NUM_THREADS", str(snakemake.threads))

from gapglass import log, structure, trajectory

log.configure(snakemake.log[0], "structure of the reference", snakemake.params)
frames = structure.reference_frames(trajectory.read_frames(snakemake.input.frames), snakemake.params.temperature)
structure.write_analysis(frames, snakemake.params.settings, snakemake.output)
