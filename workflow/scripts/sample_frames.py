"""Enlarge the database of the iteration before (or begin one) by frames from every cluster."""

from gapglass import files, log, sampling, trajectory

log.configure(snakemake.log[0], "sample_frames")
iteration = int(snakemake.wildcards.iteration)
labels = files.read_table(snakemake.input.labels)["cluster"].to_numpy()
before = files.read_json(snakemake.input.previous) if snakemake.input.previous else {"train": [], "test": []}
database = sampling.enlarge(
    before,
    labels,
    size=sampling.database_size(iteration, snakemake.params.increment, len(labels)),
    train_fraction=snakemake.params.train_fraction,
    seed=snakemake.params.seed,
)
frames = trajectory.read_frames(snakemake.input.frames)
trajectory.write_frames(snakemake.output.train, [frames[i] for i in database["train"]])
trajectory.write_frames(snakemake.output.test, [frames[i] for i in database["test"]])
files.write_json(snakemake.output.database, {"iteration": iteration, **database})
