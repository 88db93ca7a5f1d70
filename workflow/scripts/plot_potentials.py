"""Figures of the potentials: active learning, parity of energies and forces, errors by temperature."""

from pathlib import Path

import numpy as np

from gapglass.base import files, log
from gapglass.report.figures import potentials, style


def by_potential(paths, read):
    """Return potential -> content of its file."""
    return {Path(path).parent.name: read(path) for path in paths}


log.configure(snakemake.log[0], "plot_potentials", snakemake.params)
summaries = by_potential(snakemake.input.summaries, files.read_json)
histories = by_potential(snakemake.input.histories, files.read_table)
ledgers = by_potential(snakemake.input.ledgers, files.read_json_lines)
predictions = by_potential(snakemake.input.predictions, files.read_table)
forces = by_potential(snakemake.input.forces, np.load)
if histories:
    loops = {name: (histories[name], ledgers[name], summaries[name]) for name in histories}
    style.save(potentials.active_learning(loops), snakemake.output, "active_learning")
style.save(
    potentials.parity({name: (predictions[name], forces[name], summaries[name]) for name in summaries}),
    snakemake.output,
    "parity",
)
if len(summaries) > 1:
    style.save(
        potentials.errors_by_temperature(files.read_table(snakemake.input.comparison)),
        snakemake.output,
        "errors_by_temperature",
    )
