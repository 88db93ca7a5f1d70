"""Reading trajectories, checking every frame, and the canonical frames that all later steps use.

Canonical frame: an ``ase.Atoms`` whose ``info`` holds frame, trajectory, role, temperature (K), time_ps, REF_energy (eV)
and, where given, REF_virial (eV, 3 x 3 or its nine numbers, virial = -stress x volume), and whose ``arrays`` hold REF_forces (eV/Å).
"""

import io
from itertools import islice
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import iread, read, write

from gapglass.base.files import whole_file


def write_frames(path, frames, keys=None):
    """Write frames as extended XYZ with one set of columns for all.

    Parameters
    ----------
    path : path-like
    frames : list of ase.Atoms
    keys : list of str, optional
        The ``info`` keys to write; all by default. gap_fit takes some keys by name (stress, say), so
        training files carry only what is meant.

    Returns
    -------
    list of int
        Byte at which each frame begins.
    """
    offsets = []
    with whole_file(path) as temporary, temporary.open("w") as stream:
        for frame in frames:
            offsets.append(stream.tell())
            copy = Atoms(frame.numbers, positions=frame.positions, cell=frame.cell, pbc=frame.pbc)
            # gap_fit reads nine numbers in a row; a 3 x 3 array would be written as JSON, which it passes over in silence
            copy.info = {
                key: value.ravel() if isinstance(value, np.ndarray) else value
                for key, value in frame.info.items()
                if keys is None or key in keys
            }
            if "REF_forces" in frame.arrays:
                copy.arrays["REF_forces"] = frame.arrays["REF_forces"]
            write(stream, copy, format="extxyz")
    return offsets


def read_frames(path, indices=None, offsets=None):
    """Read canonical frames.

    Parameters
    ----------
    path : path-like
        frames.extxyz of a study.
    indices : iterable of int, optional
        Only these frames, in this order.
    offsets : sequence of int, optional
        Byte at which every frame of the file begins (column ``offset_bytes`` of frames/table.csv): only the frames asked for are read.
    """
    if offsets is not None and indices is not None:
        with Path(path).open() as stream:
            return [_frame_at(stream, int(offsets[i])) for i in indices]
    frames = list(iread(path, index=":", format="extxyz"))
    return frames if indices is None else [frames[i] for i in indices]


def _frame_at(stream, offset):
    stream.seek(offset)
    first = stream.readline()
    lines = [first, *islice(stream, int(first) + 1)]
    return read(io.StringIO("".join(lines)), format="extxyz")
