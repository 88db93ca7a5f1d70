"""Put the tiles together, find slope and zeta, normalise, and write both kernels."""

import re

import numpy as np

from gapglass import files, kernels, log

log.configure(snakemake.log[0], "assemble_kernels")
tiles = {}
for path in snakemake.input.tiles:
    block, other = re.search(r"(\d{4})_(\d{4})\.npz$", path).groups()
    tiles[int(block), int(other)] = np.load(path)
settings = {name: dict(snakemake.params[name]) for name in ("soap", "coulomb")}
if snakemake.input.scale:
    settings["coulomb"]["zeta"] = files.read_json(snakemake.input.scale)["zeta"]
soap, coulomb, scales = kernels.combine(tiles, **settings)
log.notice("%d x %d kernels, slope %.4g, zeta %.4g", *soap.shape, scales["slope"], scales["zeta"])
files.write_array(snakemake.output.soap, soap)
files.write_array(snakemake.output.coulomb, coulomb)
files.write_json(snakemake.output.summary, {"n_frames": len(soap), **scales})
