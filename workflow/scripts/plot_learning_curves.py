"""Figures of the learning curves: cluster sampling against other ways, and its own allocations."""

from pathlib import Path

from gapglass.base import files, log
from gapglass.report import catalogue
from gapglass.report.figures import learning_curves, style

log.configure(snakemake.log[0], "plot_learning_curves", snakemake.params)
summary = files.read_table(snakemake.input[0])
drawn = {
    "learning_curves": [name for name in learning_curves.STRATEGIES if name not in catalogue.ALLOCATIONS],
    "learning_curves_allocation": ["clusters", "random", *sorted(catalogue.ALLOCATIONS)],
}
for name in {Path(path).stem for path in snakemake.output}:
    style.save(learning_curves.learning_curves(summary, drawn[name]), snakemake.output, name)
