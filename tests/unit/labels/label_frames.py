"""Frames, labels and settings for the tests of this folder."""

import numpy as np
from ase import Atoms

from gapglass.labels.label import Label
from gapglass.labels.settings import Settings

SETTINGS = Settings("cp2k", "2023.1", {"FORCE_EVAL/DFT/MGRID/CUTOFF": "320", "FUNCTIONAL": "BLYP"})


def frame_of(seed=1, n=12, edge=6.0, cell=None):
    """Return a random periodic frame of Te and O in a triclinic cell."""
    rng = np.random.default_rng(seed)
    cell = np.array([[edge, 0, 0], [0.7, edge, 0], [-0.3, 0.4, edge]]) if cell is None else cell
    atoms = Atoms(["Te", "O", "O"] * (n // 3), pbc=True, cell=cell)
    atoms.set_scaled_positions(rng.uniform(0, 1, (n, 3)))
    return atoms


def label_of(frame, energy=-10.0, **more):
    """Return an invented label of a frame; the forces add up to zero."""
    forces = np.random.default_rng(len(frame)).normal(size=(len(frame), 3))
    values = {"virial": np.diag([1.0, 2.0, 3.0]), "converged": True, "version": "2023.1", "seconds": 12.0}
    return Label(frame.copy(), energy, forces - forces.mean(axis=0), **(values | more))


def as_written_elsewhere(frame, seed=2):
    """Return the frame as another program may write it: rounded, and its atoms in other images."""
    rng = np.random.default_rng(seed)
    moved = frame.copy()
    turns = rng.integers(-2, 3, (len(frame), 3))
    moved.positions = np.round(moved.positions + turns @ np.asarray(frame.cell) + rng.uniform(-4e-5, 4e-5), 5)
    return moved
