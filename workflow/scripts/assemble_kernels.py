"""Put the rows together, find slope and zeta, normalise, and write both kernels."""

from contextlib import ExitStack

import numpy as np

from gapglass import blocks, files, kernels, log, many_frames

log.configure(snakemake.log[0], "assemble_kernels")
places = [block.frames for block in blocks.cut(files.read_table(snakemake.input.table), snakemake.params.block_frames)]
settings = {name: dict(snakemake.params[name]) for name in ("soap", "coulomb")}
if snakemake.input.scale:
    settings["coulomb"]["zeta"] = files.read_json(snakemake.input.scale)["zeta"]
with ExitStack() as stack:
    rows = [stack.enter_context(np.load(path)) for path in snakemake.input.rows]
    paths = {name: stack.enter_context(files.whole_file(snakemake.output[name])) for name in settings}
    soap, coulomb, scales = kernels.combine(rows, places, **settings, allocate=lambda name, n: many_frames.matrix_on_disk(paths[name], n))
    for matrix in (soap, coulomb):
        matrix.flush()
log.notice("%d x %d kernels in %s, slope %.4g, zeta %.4g", *soap.shape, soap.dtype, scales["slope"], scales["zeta"])
files.write_json(snakemake.output.summary, {"n_frames": len(soap), "dtype": str(soap.dtype), **scales})
