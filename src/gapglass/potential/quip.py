"""Evaluating a potential with QUIP, with which the engine is compared; the only module that imports quippy.

quippy is imported where a potential is loaded, in the processes that evaluate frames.
"""

import logging
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from ase import Atoms

from gapglass.base.errors import UserError
from gapglass.base.progress import Progress

log = logging.getLogger("gapglass")

_potential = None
_loaded = None  # path of the one potential that this process has loaded


def load_potential(path):
    """Return the quippy calculator of a GAP file.

    QUIP keeps the radial basis of the first soap_turbo potential of a process: a second one with the same n_max and
    another cutoff or atom_sigma would give wrong energies without a warning. ``evaluate`` therefore forks new
    processes for every call.

    Raises
    ------
    UserError
        When this process has loaded another potential before.
    """
    from quippy.potential import Potential

    _refuse_a_second(path)
    global _loaded
    _loaded = Path(path).resolve()
    return Potential("", param_filename=str(path))


def _refuse_a_second(path):
    """Refuse a potential other than the one that this process, or the process it was forked from, has loaded."""
    if _loaded not in (None, Path(path).resolve()):
        raise UserError(
            f"this process has loaded the potential {_loaded}, and QUIP would use its radial basis for {path} too; "
            "load each potential in a process of its own"
        )


def _load(path):
    """Load the potential of a worker process."""
    global _potential
    _potential = load_potential(path)


def _evaluate_one(frame):
    """Return energy (eV), forces (eV/Å) and virial (eV) of a frame by the potential of this worker process."""
    bare = Atoms(frame.numbers, positions=frame.positions, cell=frame.cell, pbc=frame.pbc, calculator=_potential)
    return bare.get_potential_energy(), bare.get_forces(), -bare.get_volume() * bare.get_stress(voigt=False)


def evaluate(potential, frames, workers=1):
    """Evaluate a potential on frames.

    Parameters
    ----------
    potential : path-like
        gap.xml.
    frames : list of ase.Atoms
    workers : int
        Number of processes.

    Returns
    -------
    list of (float, numpy.ndarray, numpy.ndarray)
        Energy (eV), forces (eV/Å, shape (n_atoms, 3)) and virial (eV, 3 x 3, minus stress times volume) of each frame.

    Raises
    ------
    UserError
        When QUIP aborts, or this process has loaded another potential itself, because forked processes would inherit
        its radial basis.
    """
    _refuse_a_second(potential)
    try:
        return _evaluate(potential, frames, workers)
    except BrokenProcessPool:
        # Either a process was killed, or QUIP aborted. Only an abort happens again in the second attempt.
        log.warning("a process that evaluated %s ended early; one process evaluates the frames once more", potential)
    try:
        return _evaluate(potential, frames, 1)
    except BrokenProcessPool as error:
        raise UserError(
            f"QUIP could not evaluate {potential}: {error}; free memory, or make the potential anew"
        ) from error


def _evaluate(potential, frames, workers):
    """Evaluate frames as ``evaluate`` does; raise ``BrokenProcessPool`` when a worker process ends early."""
    progress, found = Progress(len(frames), "frames evaluated with QUIP"), []
    try:
        with ProcessPoolExecutor(
            workers, mp_context=get_context("fork"), initializer=_load, initargs=(str(potential),)
        ) as pool:
            for values in pool.map(_evaluate_one, frames):
                found.append(values)
                progress.update(len(found))
    except BrokenProcessPool:
        raise
    except RuntimeError as error:
        raise UserError(
            f"QUIP could not evaluate {potential} on frame {len(found)} or one soon after it: {error}; "
            "make the potential anew"
        ) from error
    return found
