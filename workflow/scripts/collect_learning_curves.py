"""Collect the learning curves: means over the draws, comparison with random choice, and the frames that are saved."""

from gapglass.active_learning import learning_curves
from gapglass.base import files, log

log.configure(snakemake.log[0], "learning curves", snakemake.params)
results = learning_curves.collect([files.read_table(path) for path in snakemake.input])
comparison = learning_curves.compare(results)
for line in learning_curves.verdict(comparison):
    log.notice("%s", line)
files.write_table(snakemake.output.results, results)
files.write_table(
    snakemake.output.summary,
    learning_curves.summarise(results),
    ["means over the draws; *_error is their standard error"],
)
files.write_table(
    snakemake.output.comparison, comparison, ["difference from random choice at equal size; negative is better"]
)
files.write_table(
    snakemake.output.savings,
    learning_curves.savings(results, snakemake.params.seed),
    ["ratio: frames that random choice needs for the same error, over those of the strategy"],
)
