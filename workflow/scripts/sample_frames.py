"""Enlarge the database of the iteration before, or begin one, with frames from every cluster."""

from gapglass.base import files, log
from gapglass.frames import store
from gapglass.selection import time_blocks
from gapglass.selection.database import database_size, describe, enlarge
from gapglass.similarity import kernels

log.configure(snakemake.log[0], "sample_frames", snakemake.params)
iteration = int(snakemake.wildcards.iteration)
table = files.read_table(snakemake.input.table)
labels = files.read_table(snakemake.input.labels)["cluster"].to_numpy()
distances = None
if snakemake.input.kernels:
    soap, coulomb, scales, summary = snakemake.input.kernels
    delta, medians = files.read_json(summary)["delta"], files.read_json(scales)["medians"]
    distances = kernels.read_distance(soap, coulomb, delta, medians)
before = files.read_json(snakemake.input.previous) if snakemake.input.previous else {"train": [], "test": []}
sets = time_blocks.current(files.read_json(snakemake.input.sets)["trajectories"], table)
enlarged = enlarge(
    before,
    labels,
    size=database_size(iteration, snakemake.params.increment, len(labels)),
    train_fraction=snakemake.params.train_fraction,
    seed=snakemake.params.seed,
    allocation=snakemake.params.allocation,
    draw=snakemake.params.draw,
    energies=table["energy_ev_per_atom"].to_numpy(),
    distances=distances,
    pool=sets["pool"],
)
database = describe(enlarged, before, sets, table["n_atoms"].to_numpy())
for part in ("train", "test"):
    frames = store.read_frames(snakemake.input.frames, database[part], table["offset_bytes"])
    store.write_frames(snakemake.output[part], frames)
files.write_json(snakemake.output.database, {"iteration": iteration, **database})
