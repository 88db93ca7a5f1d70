"""Write the atoms with which a glass model begins: a frame of the reference or of the user, or a random packing."""

from gapglass.base import files, log, seeds
from gapglass.glass import start

log.configure(snakemake.log[0], "pack_atoms", snakemake.params)
atoms, replica = int(snakemake.wildcards.atoms), int(snakemake.wildcards.replica)
names = ["packing", atoms, replica]
if hasattr(snakemake.wildcards, "round"):  # a model of a harvest
    names += ["harvest", int(snakemake.wildcards.round)]
start.write(
    snakemake.output[0],
    atoms,
    snakemake.params.settings,
    files.read_json(snakemake.input.summary)["closest_distance_angstrom"],
    seeds.derive(snakemake.params.seed, *names),
    frames=snakemake.input.frames,
    table=snakemake.input.table,
)
