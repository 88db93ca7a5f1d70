"""Place atoms at random at the given density and push them apart, or take a frame of the reference or of the user."""

from gapglass.base import files, log, seeds
from gapglass.glass import packing, start

log.configure(snakemake.log[0], "pack_atoms", snakemake.params)
atoms, replica = int(snakemake.wildcards.atoms), int(snakemake.wildcards.replica)
settings = snakemake.params.settings
closest = files.read_json(snakemake.input.summary)["closest_distance_angstrom"]
names = ["packing", atoms, replica]
if hasattr(snakemake.wildcards, "round"):  # a model of a harvest
    names += ["harvest", int(snakemake.wildcards.round)]
seed = seeds.derive(snakemake.params.seed, *names)
if settings["start"] == start.RANDOM:
    packing.pack(snakemake.output[0], atoms, settings, closest, seed)
else:
    if settings["start"] == start.REFERENCE:
        frame = start.reference_frame(snakemake.input.frames, snakemake.input.table, atoms, seed)
    else:
        frame = start.frame_of_file(snakemake.input.start)
    start.place(snakemake.output[0], atoms, settings, frame, closest)
