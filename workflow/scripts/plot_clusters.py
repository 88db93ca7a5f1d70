"""Figures of the clusters: choice of delta, clusters on the energies, map of the frames, clusters of every delta."""

from gapglass.base import files, log
from gapglass.report.figures import clusters, style

log.configure(snakemake.log[0], "plot_clusters", snakemake.params)
labels_of_delta = {
    delta: files.read_table(path)["cluster"].to_numpy()
    for delta, path in zip(snakemake.params.deltas, snakemake.input.each, strict=True)
}
figures = clusters.drawn(
    table=files.read_table(snakemake.input.table),
    labels=files.read_table(snakemake.input.labels),
    scan=files.read_table(snakemake.input.delta),
    best=files.read_json(snakemake.input.best),
    places=files.read_table(snakemake.input.map),
    labels_of_delta=labels_of_delta,
)
style.save_all(figures, snakemake.output)
