"""Try the user's own LAMMPS before anything depends on it."""

from gapglass.base import log
from gapglass.glass import own_lammps

log.configure(snakemake.log[0], "check_lammps", snakemake.params)
settings = snakemake.params
own_lammps.check_own_lammps(snakemake.output[0], settings.command, settings.ranks, settings.pair_style)
