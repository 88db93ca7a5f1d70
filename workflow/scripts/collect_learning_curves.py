"""Collect the learning curves: means and standard errors over the draws, and the comparison with random choice."""

from gapglass.active_learning import learning_curves
from gapglass.base import files, log

log.configure(snakemake.log[0], "learning curves", snakemake.params)
table, holdout = files.read_table(snakemake.input.table), files.read_json(snakemake.input.sets)["holdout"]
results = learning_curves.table(
    [files.read_json(path) for path in snakemake.input.points],
    learning_curves.group_of(table, snakemake.params.liquid_from)[holdout],
    table["n_atoms"].to_numpy()[holdout],
)
summary = learning_curves.summarise(results)
comparison = learning_curves.compare(summary)
for line in learning_curves.verdict(summary):
    log.notice("%s", line)
files.write_table(snakemake.output.results, results)
files.write_table(snakemake.output.summary, summary, ["means over the draws; *_error is their standard error"])
files.write_table(
    snakemake.output.comparison, comparison, ["difference from random choice at equal size; negative is better"]
)
