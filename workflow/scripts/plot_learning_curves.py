"""Figures of the learning curves: cluster sampling against other ways, and its own allocations."""

from pathlib import Path

from gapglass.base import files, log
from gapglass.report.figures import learning_curves, style

log.configure(snakemake.log[0], "plot_learning_curves", snakemake.params)
names = {Path(path).name.split(".")[0] for path in snakemake.output}
style.save_all(learning_curves.drawn(names, files.read_table(snakemake.input[0])), snakemake.output)
