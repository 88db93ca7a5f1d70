"""Glass models by melt-quench: random packing, push-off, and the stages of the thermal cycle.

Source: section 2.5 of doi:10.1111/jace.20128.
"""

from ase import Atoms
from ase.io import read


def read_dump(path):
    """Read the frames of a LAMMPS dump as a list of ase.Atoms (species from the element column)."""
    frames = read(path, index=":", format="lammps-dump-text")
    return [Atoms(frame.symbols, positions=frame.positions, cell=frame.cell, pbc=True) for frame in frames]
