"""Compare a block of frames with itself and those before it."""

import os

os.environ.setdefault("NUMBA_NUM_THREADS", str(snakemake.threads))

import numpy as np

from gapglass import descriptors, files, kernels, log

log.configure(snakemake.log[0], "compute_kernel_row", snakemake.params)
settings = dict(snakemake.params.settings)
if snakemake.input.scale:
    settings["zeta"] = files.read_json(snakemake.input.scale)["zeta"]
*before, own = list(snakemake.input.blocks)
block = descriptors.read_block(own)
row = kernels.compare_with_all(block, (*map(descriptors.read_block, before), block), settings)
with files.whole_file(snakemake.output[0]) as temporary:
    np.savez(temporary, **row)
