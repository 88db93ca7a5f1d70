"""Try the user's own LAMMPS before anything depends on it."""

from gapglass import glass, log

log.configure(snakemake.log[0], "check_lammps", snakemake.params)
glass.check_own_lammps(snakemake.output[0], snakemake.params.command, snakemake.params.ranks)
