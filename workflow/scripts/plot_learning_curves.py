"""Figures of the learning curves: cluster sampling against other ways, and its own allocations."""

from pathlib import Path

from gapglass import figures, files, log, plots

log.configure(snakemake.log[0], "plot_learning_curves", snakemake.params)
summary = files.read_table(snakemake.input[0])
drawn = {
    "learning_curves": [name for name in plots.STRATEGIES if name not in figures.ALLOCATIONS],
    "learning_curves_allocation": ["clusters", "random", *sorted(figures.ALLOCATIONS)],
}
for name in {Path(path).stem for path in snakemake.output}:
    plots.save(plots.learning_curves(summary, drawn[name]), snakemake.output, name)
