"""Frames of LAMMPS dumps."""

from ase import Atoms


def read_dump(path):
    """Read the frames of a LAMMPS dump.

    Parameters
    ----------
    path : path-like
        Text dump with the columns element, x, y and z.

    Returns
    -------
    list of ase.Atoms
        Periodic, with positions and cell in Å.
    """
    from ase.io import read  # slow to import; a quench that exploded needs no frames

    frames = read(path, index=":", format="lammps-dump-text")
    return [Atoms(frame.symbols, positions=frame.positions, cell=frame.cell, pbc=True) for frame in frames]
