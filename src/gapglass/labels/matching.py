"""When two frames are the same: species in the same order, equal cells, and equal positions in the minimum image.

A digest of rounded numbers would miss frames whose last digit another program wrote on the other side of a rounding
edge, so frames are compared. Each frame gets two numbers that change smoothly with its positions and do not depend
on the periodic image of an atom; only frames with close numbers are compared.
"""

import hashlib

import numpy as np
from ase import Atoms

SAME_CELL = 1e-5  # Å, every component
SAME_POSITION = 1e-4  # Å, every component in the minimum image


def bare(atoms):
    """Return species, positions and cell of a frame as a periodic frame without labels."""
    return Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True)


def species_key(atoms):
    """Return a text that two frames share when they have the same species in the same order."""
    return hashlib.sha256(np.asarray(atoms.numbers, np.int64).tobytes()).hexdigest()[:16]


def places_of(atoms):
    """Return the two numbers by which frames are looked up; one alone would leave several candidates in large sets."""
    angles = 2 * np.pi * _scaled(atoms)
    weights = np.sin(1.0 + np.arange(angles.size)).reshape(angles.shape)
    return float((weights * np.cos(angles)).sum()), float((weights * np.sin(angles)).sum())


def reach_of(atoms):
    """Return how far each number of two frames that are the same can be apart.

    The factor 2 also covers cells that differ by their tolerance.
    """
    height = 1 / np.linalg.norm(np.linalg.inv(np.asarray(atoms.cell)), axis=0).max()
    return 2 * 2 * np.pi * 3 * len(atoms) * SAME_POSITION / height


def same(one, other):
    """Return whether two frames are the same: species, cell to 1e-5 Å, positions to 1e-4 Å in the minimum image."""
    if len(one) != len(other) or (one.numbers != other.numbers).any():
        return False
    cell = np.asarray(one.cell)
    if np.abs(cell - np.asarray(other.cell)).max() > SAME_CELL:
        return False
    return farthest(one, other) <= SAME_POSITION


def farthest(one, other):
    """Return the largest component (Å) by which two frames of one cell differ in the minimum image."""
    return float(np.abs(_apart(one, other)).max(initial=0.0))


def mean_displacement(one, other):
    """Return the root mean square displacement (Å) of the atoms of two frames of one cell in the minimum image."""
    return float(np.sqrt((_apart(one, other) ** 2).sum(axis=1).mean()))


def _apart(one, other):
    cell = np.asarray(one.cell)
    scaled = np.linalg.solve(cell.T, (one.positions - other.positions).T).T
    return (scaled - np.rint(scaled)) @ cell


def _scaled(atoms):
    return np.linalg.solve(np.asarray(atoms.cell).T, atoms.positions.T).T
