"""Convert a measured curve to tables like those of the models."""

from gapglass.base import files, log
from gapglass.structure import experiment

log.configure(snakemake.log[0], f"experiment {snakemake.wildcards.name}", snakemake.params)
params = snakemake.params
sq, gr = experiment.experiment_tables(params.entry, params.settings, params.composition, params.density)
files.write_table(snakemake.output.sq, sq, sq.attrs["notes"])
files.write_table(snakemake.output.gr, gr, gr.attrs["notes"])
