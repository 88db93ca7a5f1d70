"""The database of an iteration, enlarged by the study's strategy, which may ask a fit on the database so far.

The fit has the hyperparameters of the best one of the iteration before. Its equations are held for all frames that may
train, or for evenly spaced ones where their memory would pass ``memory.MOST_EQUATIONS_MB``, so that a choice among
20,000 frames costs no more than one among a thousand.
"""

import logging
from tempfile import TemporaryDirectory

import numpy as np
from threadpoolctl import threadpool_limits

from gapglass.potential import basis, memory
from gapglass.potential.cross_validation import SIGMAS
from gapglass.potential.failures import FitFailed
from gapglass.potential.frame_equations import FrameEquations
from gapglass.selection import kinds, strategies

log = logging.getLogger("gapglass")
TRUST_LESS = (1.0, 3.0, 10.0, 30.0)  # factors on expected errors that are tried


def candidates(pool, train, n_sparse_points):
    """Return the frames whose equations a choice holds: the training frames and, evenly spaced, those of the pool.

    Parameters
    ----------
    pool, train : sequence of int
        Frames that may train, in the order of time, and those that do.
    n_sparse_points : int
        Of all terms.
    """
    others = sorted(set(pool) - set(train))
    room = int(memory.MOST_EQUATIONS_MB / memory.of_frame_equations(n_sparse_points, 1)) - len(train)
    if len(others) > max(room, 1):
        others = [others[place] for place in np.linspace(0, len(others) - 1, max(room, 1)).astype(int)]
    return sorted([*train, *dict.fromkeys(others)])


def with_labels(frames):
    """Return frames, those without a label with zeros: a choice by predicted variances depends on no label."""
    found = []
    for frame in frames:
        if "REF_energy" not in frame.info:
            frame = frame.copy()
            frame.info["REF_energy"], frame.arrays["REF_forces"] = 0.0, np.zeros((len(frame), 3))
        found.append(frame)
    return found


def _by_model(choose, given, train, size, hyperparameters):
    """Return the choice of a model, of one that trusts its labels less where rounding prevents that of the study."""
    for factor in TRUST_LESS:
        given.hyperparameters = trusting_less(hyperparameters, factor)
        try:
            return choose(given, train, size)
        except FitFailed as error:
            last = error
            log.info("frames cannot be chosen with expected errors times %g: %s", factor, error)
    log.warning("frames are taken at even steps in time, because %s", last)
    return train


def trusting_less(hyperparameters, factor):
    """Return hyperparameters with expected errors times a factor, and the energy scale of distances divided by it.

    The potential itself is solved by QR. The equations of single frames, by which frames are chosen, are conditioned
    worse, so that labels without noise, as those of a classical potential, may need a weaker model for the choice.
    """
    changed = {name: factor * hyperparameters[name] for name in SIGMAS}
    return {**hyperparameters, **changed, "two_body_delta": hyperparameters["two_body_delta"] / factor}


def enlarge(strategy, given, before, size, *, frames=None, sparse_from=None, hyperparameters=None, settings=None):
    """Return the database that a strategy enlarges to a number of training frames; all of its frames train.

    Parameters
    ----------
    strategy : str
        Key of ``strategies.STRATEGIES``.
    given : Given
        Without equations.
    before : dict
        ``train``: frames of the database so far.
    size : int
    frames : dict, optional
        Frame -> ase.Atoms of the ``candidates``, from which a repulsive core has been subtracted; None where
        ``kinds.needs_model`` is false.
    sparse_from : list of ase.Atoms, optional
        Where the sparse points of the fit are chosen.
    hyperparameters : dict, optional
        A complete set.
    settings : object, optional
        Attributes species, descriptor, virials, objective_weights and known.

    Returns
    -------
    dict
        ``train``, ``test`` (empty) and ``rest``: sorted frame numbers.
    """
    choose, train, pool = strategies.STRATEGIES[strategy], list(before["train"]), given.pool
    size = max(len(train), min(size, len(pool)))
    if frames is None and strategy in kinds.BY_MODEL:
        choose = strategies.uniform_in_time
    elif frames is not None:
        with threadpool_limits(1), TemporaryDirectory(prefix="enlarge-") as folder:
            terms = basis.choose(sparse_from, hyperparameters, settings.species, settings.descriptor, folder)
            given.places = {frame: place for place, frame in enumerate(frames)}
            given.equations = FrameEquations(list(frames.values()), terms, settings.species, settings.virials, folder)
            given.weights, given.known = settings.objective_weights, settings.known
            given.pool = np.array(sorted(set(frames) & set(pool.tolist())))
            train = _by_model(choose, given, train, min(size, len(given.pool)), hyperparameters)
        choose = strategies.uniform_in_time  # where the candidates are fewer than the frames asked for
        given.pool = pool
    train = choose(given, train, size)
    return {"train": sorted(train), "test": [], "rest": sorted(set(pool.tolist()) - set(train))}
