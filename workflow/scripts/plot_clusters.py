"""Figures of the clusters: choice of delta, clusters on energy against time, map, clusters of every delta."""

from gapglass.base import files, log
from gapglass.report.figures import clusters, style

log.configure(snakemake.log[0], "plot_clusters", snakemake.params)
best = files.read_json(snakemake.input.best)
frames = files.read_table(snakemake.input.table)
table = frames.merge(files.read_table(snakemake.input.labels), on="frame")
each = {
    delta: files.read_table(path)["cluster"].to_numpy()
    for delta, path in zip(snakemake.params.deltas, snakemake.input.each, strict=True)
}
style.save(clusters.delta(files.read_table(snakemake.input.delta), best), snakemake.output, "delta")
style.save(clusters.clusters(table, best), snakemake.output, "clusters")
style.save(
    clusters.map_of_frames(table.merge(files.read_table(snakemake.input.map), on="frame"), best),
    snakemake.output,
    "map",
)
style.save(clusters.clusters_by_delta(frames, each), snakemake.output, "clusters_by_delta")
