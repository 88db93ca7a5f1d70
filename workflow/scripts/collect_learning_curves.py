"""Collect the learning curves: means, comparison with random choice, frames saved, calibration of predicted errors."""

from gapglass.active_learning import learning_curves
from gapglass.base import files, log

log.configure(snakemake.log[0], "learning curves", snakemake.params)
results = learning_curves.collect([files.read_table(path) for path in snakemake.input.errors])
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
files.write_table(
    snakemake.output.calibration,
    learning_curves.calibration([files.read_table(path) for path in snakemake.input.calibration]),
    [
        "shares of errors on the hold-out inside 1 and 2 predicted standard deviations (0.683 and 0.954 if normal), "
        "means over the draws; *_error is their standard error"
    ],
)
