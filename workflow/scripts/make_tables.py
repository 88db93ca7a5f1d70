"""The paper's tables as CSV."""

from pathlib import Path

from gapglass.base import files, log
from gapglass.report import costs, tables
from gapglass.structure import absence

log.configure(snakemake.log[0], "make_tables", snakemake.params)


def by_folder(paths, read=files.read_table):
    """Return model or potential -> content of its file."""
    return {Path(path).parent.name: read(path) for path in paths}


def present(paths):
    """Return model -> table, without the models that have no structure."""
    return {Path(path).parent.name: table for path, table in absence.read_present(paths).items()}


summaries = by_folder(snakemake.input.summaries, files.read_json)
coordination = present(snakemake.input.coordination)
made = {
    "coordination": tables.coordination(coordination),
    "l_fold": tables.l_fold(coordination),
    "closest_approach": tables.closest_approach(present(snakemake.input.closest)),
    "r_x": tables.r_x(by_folder(snakemake.input.rx, files.read_json)),
    "hyperparameters": tables.hyperparameters(summaries, snakemake.params.hyperparameters),
    "errors": tables.errors(summaries, files.read_table(snakemake.input.comparison)),
    "cost": costs.cost_table(snakemake.params.benchmarks),
}
for path in snakemake.output:
    files.write_table(path, made[Path(path).stem])
