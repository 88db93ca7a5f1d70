"""Put the tiles together, find slope and zeta, normalise, and write both kernels."""

import re

import numpy as np

from gapglass import files, kernels, log

log.configure(snakemake.log[0], "assemble_kernels")
tiles = {}
for path in snakemake.input:
    block, other = re.search(r"(\d{4})_(\d{4})\.npz$", path).groups()
    tiles[int(block), int(other)] = np.load(path)
sizes = [len(tiles[index, index]["products"]) for index in range(1 + max(block for block, _ in tiles))]
products = kernels.assemble({key: tile["products"] for key, tile in tiles.items()}, sizes)
distances = kernels.assemble({key: tile["distances"] for key, tile in tiles.items()}, sizes)
soap, slope = kernels.soap_kernel(products, **snakemake.params.soap)
coulomb, zeta = kernels.coulomb_kernel(distances, **snakemake.params.coulomb)
log.notice("%d x %d kernels, slope %.4g, zeta %.4g", *soap.shape, slope, zeta)
files.write_array(snakemake.output.soap, soap)
files.write_array(snakemake.output.coulomb, coulomb)
files.write_json(snakemake.output.summary, {"n_frames": len(soap), "slope": slope, "zeta": zeta})
