"""Figures of the potential: history of the active-learning loop, parity of energies and forces."""

import numpy as np

from gapglass import files, log, plots

log.configure(snakemake.log[0], "plot_potential")
summary = files.read_json(snakemake.input.summary)
history = files.read_table(snakemake.input.history)
ledger = files.read_json_lines(snakemake.input.ledger)
plots.save(plots.active_learning(history, ledger, summary), snakemake.output, "active_learning")
predictions = files.read_table(snakemake.input.predictions)
plots.save(plots.parity(predictions, np.load(snakemake.input.forces), summary), snakemake.output, "parity")
