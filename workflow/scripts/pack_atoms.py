"""Place atoms at random at the given density and push them apart."""

from gapglass.base import files, log, seeds
from gapglass.glass import packing

log.configure(snakemake.log[0], "pack_atoms", snakemake.params)
atoms, replica = int(snakemake.wildcards.atoms), int(snakemake.wildcards.replica)
packing.pack(
    snakemake.output[0],
    atoms,
    snakemake.params.settings,
    files.read_json(snakemake.input.summary)["closest_distance_angstrom"],
    seeds.derive(snakemake.params.seed, "packing", atoms, replica),
)
