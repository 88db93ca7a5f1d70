"""Frames of LAMMPS dumps."""

import io
from itertools import islice
from pathlib import Path

import numpy as np
from ase import Atoms

HEADER = "ITEM: TIMESTEP"


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
    return _atoms(path)


def _atoms(source):
    from ase.io import read  # slow to import; a quench that exploded needs no frames

    frames = read(source, index=":", format="lammps-dump-text")
    return [Atoms(frame.symbols, positions=frame.positions, cell=frame.cell, pbc=True) for frame in frames]


def sample_dump(path, most):
    """Yield at most ``most`` complete frames of a LAMMPS dump one by one, none from a file that is no dump.

    Frames with positions that are not finite are left out.

    Parameters
    ----------
    path : path-like
        Text dump; only its last frame may be incomplete.
    most : int
        With more frames in the dump, every second, every third and so on is taken.

    Yields
    ------
    step : int
    frame : ase.Atoms
    """
    path = Path(path)
    with path.open() as stream:
        n_frames = sum(line.startswith(HEADER) for line in stream)
    if not n_frames:
        return
    stride = -(-n_frames // most)
    with path.open() as stream:
        for text in islice(_texts(stream), 0, None, stride):
            (frame,) = _atoms(io.StringIO(text))
            if np.isfinite(frame.positions).all():
                yield int(text.split("\n", 2)[1]), frame


def _texts(stream):
    """Yield the text of every complete frame of a dump."""
    while head := list(islice(stream, 9)):
        if len(head) < 9:
            return
        body = list(islice(stream, int(head[3])))
        if len(body) < int(head[3]) or not body[-1].endswith("\n"):
            return
        yield "".join(head + body)


def read_velocities(path):
    """Read the velocities of a LAMMPS dump.

    Parameters
    ----------
    path : path-like
        Text dump with the columns id, type, vx, vy and vz, sorted by id, of one number of atoms.

    Returns
    -------
    steps : numpy.ndarray of int, shape (n_frames,)
    types : numpy.ndarray of int, shape (n_atoms,)
    velocities : numpy.ndarray of float32, shape (n_frames, n_atoms, 3)
        In the unit of the dump.
    """
    steps, found, types = [], [], None
    with Path(path).open() as stream:
        for text in _texts(stream):
            head = text.split("\n", 9)
            numbers = np.fromstring(head[9], sep=" ").reshape(-1, 5)
            steps.append(int(head[1]))
            types = numbers[:, 1].astype(int)
            found.append(numbers[:, 2:].astype(np.float32))
    return np.array(steps), types, np.array(found)
