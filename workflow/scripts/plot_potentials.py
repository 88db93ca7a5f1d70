"""Figures of the potentials: active learning, parity of energies and forces, errors by temperature, crystals."""

import numpy as np

from gapglass.base import files, log
from gapglass.report import reading
from gapglass.report.figures import potentials, style

log.configure(snakemake.log[0], "plot_potentials", snakemake.params)
figures = potentials.drawn(
    histories=reading.by_folder(snakemake.input.histories),
    ledgers=reading.by_folder(snakemake.input.ledgers, files.read_json_lines),
    predictions=reading.by_folder(snakemake.input.predictions),
    forces=reading.by_folder(snakemake.input.forces, np.load),
    summaries=reading.by_folder(snakemake.input.summaries, files.read_json),
    dimers=reading.by_folder(snakemake.input.dimers),
    comparison=files.read_table(snakemake.input.comparison),
    crystals=reading.of_crystals(snakemake.input.crystals, files.read_json),
    states=reading.of_crystals(snakemake.input.states),
    structures=snakemake.params.structures,
)
style.save_all(figures, snakemake.output)
