"""Enlarge the database of the iteration before (or begin one) by frames from every cluster."""

import numpy as np

from gapglass import files, kernels, log, sampling, trajectory

log.configure(snakemake.log[0], "sample_frames")
iteration = int(snakemake.wildcards.iteration)
labels = files.read_table(snakemake.input.labels)["cluster"].to_numpy()
distances = None
if snakemake.input.kernels:
    soap, coulomb, summary = snakemake.input.kernels
    distances = kernels.distance(kernels.hybrid(np.load(soap), np.load(coulomb), files.read_json(summary)["delta"]))
before = files.read_json(snakemake.input.previous) if snakemake.input.previous else {"train": [], "test": []}
database = sampling.enlarge(
    before,
    labels,
    size=sampling.database_size(iteration, snakemake.params.increment, len(labels)),
    train_fraction=snakemake.params.train_fraction,
    seed=snakemake.params.seed,
    allocation=snakemake.params.allocation,
    draw=snakemake.params.draw,
    energies=files.read_table(snakemake.input.table)["energy_ev_per_atom"].to_numpy(),
    distances=distances,
)
frames = trajectory.read_frames(snakemake.input.frames)
trajectory.write_frames(snakemake.output.train, [frames[i] for i in database["train"]])
trajectory.write_frames(snakemake.output.test, [frames[i] for i in database["test"]])
files.write_json(snakemake.output.database, {"iteration": iteration, **database})
