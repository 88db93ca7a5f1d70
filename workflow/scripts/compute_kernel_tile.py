"""Compare two blocks of frames."""

import os

os.environ.setdefault("NUMBA_NUM_THREADS", str(snakemake.threads))

import numpy as np

from gapglass import descriptors, files, kernels, log

log.configure(snakemake.log[0], "compute_kernel_tile")
settings = dict(snakemake.params.settings)
if snakemake.input.scale:
    settings["zeta"] = files.read_json(snakemake.input.scale)["zeta"]
block, other = (descriptors.read_block(folder) for folder in (snakemake.input.block, snakemake.input.other))
with files.whole_file(snakemake.output[0]) as temporary:
    np.savez(temporary, **kernels.compare_blocks(block, other, settings))
