"""Figures of the clusters: choice of delta, clusters on energy against time, map."""

from gapglass import files, log, plots

log.configure(snakemake.log[0], "plot_clusters")
best = files.read_json(snakemake.input.best)
table = files.read_table(snakemake.input.table).merge(files.read_table(snakemake.input.labels), on="frame")
table = table.merge(files.read_table(snakemake.input.map), on="frame")
plots.save(plots.delta(files.read_table(snakemake.input.delta), best), snakemake.output, "delta")
plots.save(plots.clusters(table, best), snakemake.output, "clusters")
plots.save(plots.map_of_frames(table, best), snakemake.output, "map")
