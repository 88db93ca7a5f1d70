"""What limits the error of a fit, the data or the model, estimated from the blocks of time of its own database.

For every fold of the cross-validation, the fit is repeated on each half of the stretches of time that train it. The
mean squared error of a fit with n parameters exceeds what the model can reach by about a constant over the number of
frames (Cortes and others, Adv. Neural Inf. Process. Syst. 6, 327 (1993), with the exponent 1 of least squares). From
the errors with half and with all frames of the folds follow that constant, the error with twice as many frames as the
database has, and the error with any number of frames of the same kind.
"""

import logging
import math

from gapglass.active_learning.proposals import DATA, MODEL
from gapglass.active_learning.tuning import objective
from gapglass.potential.cross_validation import CrossValidation
from gapglass.potential.failures import FitFailed
from gapglass.selection import time_blocks

log = logging.getLogger("gapglass")

FLAT = 3.0  # percent: frames are worth their labels if twice as many lower the objective by this at least
QUANTITIES = ("rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom")


def extrapolated(half, full, share, times):
    """Return an error with ``times`` as many frames as a database, from errors on parts of it.

    Parameters
    ----------
    half, full : float
        RMSE of fits on ``share / 2`` and on ``share`` of the database.
    share : float
    times : float
        ``math.inf`` for any number of frames.
    """
    slope = share * max(half**2 - full**2, 0.0)  # of the mean square against the inverse number of databases
    return math.sqrt(max(full**2 - slope * (1 / share - 1 / times), 0.0))


def judge(half, full, training, share, spread, weights):
    """Return what limits the error, from errors with half and with all frames of the folds, and on those that train.

    Parameters
    ----------
    half, full, training : (float, float)
        RMSE of energies (meV/atom) and forces (eV/Å).
    share : float
        Part of the database on which the fits of the folds train.
    spread : (float, float)
        Of the labels, in the same units.
    weights : dict
        ``energy`` and ``force`` in the objective.

    Returns
    -------
    dict
        ``limit`` (data or model), ``fall_percent`` of the objective with twice as many frames, and for ``half``,
        ``training``, ``twice`` and ``any_number`` (of frames) the errors by quantity.
    """
    now, twice, most = (
        [extrapolated(*pair, share, times) for pair in zip(half, full, strict=True)] for times in (1, 2, math.inf)
    )
    fall = 100 * (1 - objective(twice, spread, weights) / objective(now, spread, weights))
    errors = {"half": half, "training": training, "twice": twice, "any_number": most}
    return {
        "limit": MODEL if fall < FLAT else DATA,
        "fall_percent": fall,
        **{name: dict(zip(QUANTITIES, map(float, pair), strict=True)) for name, pair in errors.items()},
    }


def estimate(rows, terms, folds, hyperparameters, full, spread, weights, known=None, of_folds=None):
    """Return what limits the error of a fit that a cross-validation has judged.

    Parameters
    ----------
    rows : Design
        Of the database.
    terms : list of Term
    folds : list of (list of str, list of str)
        Of that cross-validation.
    hyperparameters : dict
        Of the fit.
    full : (float, float)
        RMSE of the cross-validation, of energies (meV/atom) and forces (eV/Å).
    spread, weights
        As for ``judge``.
    known : dict, optional
        Energies of isolated atoms that are not fitted.
    of_folds : callable, optional
        From ``Guide.of_folds``, where the fit starts from a guide.

    Returns
    -------
    dict or None
        From ``judge``; None where the database is too small for its halves, or their equations cannot be solved.
    """

    def errors(parts, folds_of_guide):
        validation = CrossValidation(rows, terms, parts, known)
        if len(validation.folds) < len(parts):
            raise FitFailed("the training frames do not cover every fold")
        if of_folds is not None:
            validation = validation.guided(lambda n_sparse: folds_of_guide(of_folds(n_sparse)))
        return validation.errors(hyperparameters)

    halves = time_blocks.halves(folds)
    try:
        half = errors(halves, lambda whole: {place: whole[place // 2] for place in range(len(halves))})
        training = errors([(trains, trains) for trains, _ in folds], lambda whole: whole)
    except FitFailed as error:
        log.info("whether data or model limit the error is not estimated: %s", error)
        return None
    if not all(map(math.isfinite, (*half, *training, *full))):
        return None
    return judge(half, full, training, 1 - 1 / len(folds), spread, weights)
