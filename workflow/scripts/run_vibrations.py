"""Run a finished glass on at constant energy and save its velocities."""

from gapglass.base import files, log
from gapglass.glass import outside, stages

atoms, replica = snakemake.wildcards.atoms, snakemake.wildcards.replica
log.configure(snakemake.log[0], f"vibrations of {atoms} atoms, replica {replica}", snakemake.params)
stages.run_stage(
    snakemake.params.stage,
    snakemake.params.n_stages + 1,
    snakemake.params.settings,
    snakemake.input.start,
    dict(snakemake.output.items()) | {"log": snakemake.log.lammps},
    potential=snakemake.input.potential,
    plugin=snakemake.input.plugin or None,
    known=outside.known(files.read_table(snakemake.input.table), files.read_json(snakemake.input.summary)),
    earlier=files.read_json(snakemake.input.earlier),
    seed=None,
)
