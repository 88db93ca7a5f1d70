"""Structure of the reference frames at the temperature of the glass."""

import os

os.environ.setdefault("NUMBA_NUM_THREADS", str(snakemake.threads))

from gapglass.base import log
from gapglass.frames import store
from gapglass.structure import analysis

log.configure(snakemake.log[0], "structure of the reference", snakemake.params)
frames = analysis.reference_frames(store.read_frames(snakemake.input.frames), snakemake.params.temperature)
analysis.write_analysis(frames, snakemake.params.settings, snakemake.output)
