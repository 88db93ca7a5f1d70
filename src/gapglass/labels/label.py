"""A label: what a code computed for one frame, and the evidence that it computed what it was asked for."""

from dataclasses import dataclass, field

import numpy as np
from ase import Atoms


class LabelFailed(Exception):
    """The code gave no usable label for a frame; the message is the reason.

    It is a result about this frame, which is tried again with the fallback settings and then replaced by another.
    Mistakes of the user and of the machine are ``UserError``.
    """


@dataclass
class Label:
    """Result of one calculation.

    Attributes
    ----------
    atoms : ase.Atoms
        Cell, positions and species as the output states them.
    energy : float
        eV; the one of which the forces are derivatives, if the code tells it apart.
    forces : numpy.ndarray, shape (n_atoms, 3)
        eV/Å.
    virial : numpy.ndarray, shape (3, 3), or None
        eV; minus stress times volume.
    converged : bool or None
        Whether the self-consistency reached its threshold; None if the output does not state it.
    scf_steps : int or None
    seconds : float
        Wall time.
    version : str or None
        Version of the code by its output.
    ranks : int or None
        MPI ranks by its output.
    threads : int or None
        Threads per rank by its output.
    notes : list of str
        Findings that do not make the label useless.
    faults : list of str
        What the output states twice with different values.
    """

    atoms: Atoms
    energy: float
    forces: np.ndarray
    virial: np.ndarray | None = None
    converged: bool | None = None
    scf_steps: int | None = None
    seconds: float = 0.0
    version: str | None = None
    ranks: int | None = None
    threads: int | None = None
    notes: list = field(default_factory=list)
    faults: list = field(default_factory=list)
