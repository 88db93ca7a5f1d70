"""Count atoms and neighbours of every frame, from which the memory of fits is predicted."""

from gapglass.base import files, log
from gapglass.frames import geometry, store

log.configure(snakemake.log[0], "count_neighbours", snakemake.params)
counts = geometry.count_neighbours(store.read_frames(snakemake.input.frames))
counts.insert(0, "frame", range(len(counts)))
header = [
    "virial: 1 for frames with a virial",
    "within_R: neighbours of all atoms together within R Å, each pair from both sides, images included",
]
files.write_table(snakemake.output[0], counts, header=header)
