"""Files of canonical frames, in extended XYZ.

A canonical frame is an ``ase.Atoms`` whose ``info`` holds frame, trajectory, role, temperature (K), REF_energy (eV)
and, if known, time_ps and REF_virial (eV, virial = -stress x volume, 3 x 3 or its nine numbers), and whose ``arrays``
hold REF_forces (eV/Å). A frame with the labels of a guide has guide_energy (eV) and guide_forces (eV/Å) besides.
``info`` holds weight, sigma_energy_factor, sigma_force_factor and sigma_virial_factor (``gapglass.frames.weights``)
where they are not 1.
"""

import io
from itertools import islice
from pathlib import Path

import numpy as np
from ase import Atoms

from gapglass.base.files import whole_file


def write_frames(path, frames, keys=None):
    """Write frames as extended XYZ with one set of columns for all.

    Parameters
    ----------
    path : path-like
    frames : list of ase.Atoms
    keys : list of str, optional
        The ``info`` keys to write; all by default. gap_fit uses some keys by name, for example stress, so training
        files get only the intended keys. Forces of a guide are written with its energy.

    Returns
    -------
    list of int
        Byte at which each frame begins.
    """
    from ase.io import write  # ase.io takes half a second, which jobs that read no frames do not pay

    offsets = []
    with whole_file(path) as temporary, temporary.open("w") as stream:
        for frame in frames:
            offsets.append(stream.tell())
            copy = Atoms(frame.numbers, positions=frame.positions, cell=frame.cell, pbc=frame.pbc)
            # gap_fit reads nine numbers in a row; ASE writes a 3 x 3 array as JSON, which gap_fit ignores silently.
            copy.info = {
                key: value.ravel() if isinstance(value, np.ndarray) else value
                for key, value in frame.info.items()
                if keys is None or key in keys
            }
            if "REF_forces" in frame.arrays:
                copy.arrays["REF_forces"] = frame.arrays["REF_forces"]
            if "guide_forces" in frame.arrays and "guide_energy" in copy.info:
                copy.arrays["guide_forces"] = frame.arrays["guide_forces"]
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
        Byte at which every frame of the file begins (column ``offset_bytes`` of frames/table.csv); with it, only the
        frames in ``indices`` are read.

    Returns
    -------
    list of ase.Atoms
    """
    from ase.io import iread

    if offsets is not None and indices is not None:
        with Path(path).open() as stream:
            return [_frame_at(stream, int(offsets[i])) for i in indices]
    frames = list(iread(path, index=":", format="extxyz"))
    return frames if indices is None else [frames[i] for i in indices]


def _frame_at(stream, offset):
    from ase.io import read

    stream.seek(offset)
    first = stream.readline()
    lines = [first, *islice(stream, int(first) + 1)]
    return read(io.StringIO("".join(lines)), format="extxyz")
