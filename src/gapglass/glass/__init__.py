"""Melt-quench of glass models with LAMMPS."""
