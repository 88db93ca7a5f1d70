"""Energy of every pair of species alone against its distance."""

from gapglass.base import files, log
from gapglass.potential import dimers

log.configure(snakemake.log[0], f"dimers of {snakemake.wildcards.potential}", snakemake.params)
closest = files.read_json(snakemake.input.sets)["closest_distance_angstrom"]
table = dimers.curves(snakemake.input.potential, files.read_json(snakemake.input.summary)["species"], closest)
for pair, distance in dimers.attractive(table).items():
    if distance is not None:
        log.notice("%s alone do not repel at %.2f Å, closer than the frames ever were", pair, distance)
files.write_table(snakemake.output[0], table)
