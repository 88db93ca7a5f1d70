"""Figures of the learning curves: cluster sampling against other ways, and its own allocations."""

from gapglass import files, learning, log, plots

log.configure(snakemake.log[0], "plot_learning_curves")
summary = files.read_table(snakemake.input[0])
variants = [name for name in learning.CLUSTERED if name not in ("clusters", "clusters_soap_only")]
plots.save(plots.learning_curves(summary, [name for name in plots.STRATEGIES if name not in variants]), snakemake.output, "learning_curves")
plots.save(plots.learning_curves(summary, ["clusters", "random", *variants]), snakemake.output, "learning_curves_allocation")
