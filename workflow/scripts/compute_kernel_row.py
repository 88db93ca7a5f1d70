"""Compare a block of frames with itself and all blocks before it."""

import os

os.environ.setdefault("NUMBA_NUM_THREADS", str(snakemake.threads))

import numpy as np

from gapglass.base import files, log
from gapglass.similarity import blocks, rows

log.configure(snakemake.log[0], "compute_kernel_row", snakemake.params)
settings = dict(snakemake.params.settings)
if snakemake.input.scale:
    settings["zeta"] = files.read_json(snakemake.input.scale)["zeta"]
*before, own = list(snakemake.input.blocks)
block = blocks.read_block(own)
row = rows.compare_with_all(block, (*map(blocks.read_block, before), block), settings)
with files.whole_file(snakemake.output[0]) as temporary:
    np.savez(temporary, **row)
