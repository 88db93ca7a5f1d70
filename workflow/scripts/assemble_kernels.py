"""Combine the rows: find slope and zeta, normalise, write both kernels, and state their spread and common scale."""

from contextlib import ExitStack
from functools import partial

import numpy as np
from numpy.lib.format import open_memmap

from gapglass.base import files, log
from gapglass.similarity import blocks, kernels
from gapglass.similarity.matrices import MatrixOnDisk
from gapglass.similarity.rows import combine

log.configure(snakemake.log[0], "assemble_kernels", snakemake.params)
places = [block.frames for block in blocks.cut(files.read_table(snakemake.input.table), snakemake.params.block_frames)]
settings = {name: dict(snakemake.params[name]) for name in ("soap", "coulomb")}
if snakemake.input.scale:
    settings["coulomb"]["zeta"] = files.read_json(snakemake.input.scale)["zeta"]
with ExitStack() as stack:
    rows = [stack.enter_context(np.load(path)) for path in snakemake.input.rows]
    paths = {name: stack.enter_context(files.whole_file(snakemake.output[name])) for name in settings}
    on_disk = {name: partial(open_memmap, path, mode="w+") for name, path in paths.items()}
    soap, coulomb, scales = combine(rows, places, **settings, allocate=lambda name, shape: on_disk[name](shape=shape))
    for matrix in (soap, coulomb):
        matrix.flush()
log.notice("%d x %d kernels, slope %.4g, zeta %.4g", *soap.shape, scales["slope"], scales["zeta"])
spreads = {name: kernels.spread(MatrixOnDisk(snakemake.output[name])) for name in settings}
balance = snakemake.params.balance
medians = {name: spreads[name]["median"] if balance == "median" else kernels.UNBALANCED[name] for name in settings}
files.write_json(
    snakemake.output.summary,
    {"n_frames": len(soap), **scales, "balance": balance, "medians": medians, "spread": spreads},
)
