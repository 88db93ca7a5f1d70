"""The fits of learning curves: on frames that different strategies choose from a pool, tested on a hold-out.

Sparse points come from the pool. All fits have the hyperparameters that were tuned on a division which is not counted.
With a guide as prior, the fit to the guide's labels is that of the pool: it knows neither hold-out nor guards.
"""

import logging
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from gapglass.active_learning import tuning
from gapglass.active_learning.learning_curves import CALIBRATED, QUANTITIES, WHOLE_POOL
from gapglass.base.errors import UserError
from gapglass.base.seeds import derive
from gapglass.potential import basis, design, engine, engine_fit, frame_equations, variance
from gapglass.potential.cross_validation import CrossValidation
from gapglass.potential.failures import FitFailed
from gapglass.potential.gap_xml import potential_label
from gapglass.selection import kinds, strategies, time_blocks
from gapglass.selection.strategies import Given

log = logging.getLogger("gapglass")
# Of the normal equations of a fold, see ``cross_validation``; those of the whole pool hold several times as many
# frames.
LARGEST_ROUNDING = 0.005


def tuned(frames, blocks, n_train, geometry, ranges, settings, seed):
    """Return hyperparameters for all fits, tuned on frames at random by a cross-validation over blocks of time.

    The largest training set tunes best: a cross-validation of 32 frames of TeO2 chose expected errors of the energies
    eight times smaller than one of 64, and with them every choice by errors lost to chance.

    Parameters
    ----------
    frames : dict
        Frame -> ase.Atoms of the pool of the division ``TUNING``, from which a repulsive core has been subtracted.
    blocks : dict
        Frame -> number of its block.
    n_train : int
        Frames that train.
    geometry, ranges : dict
        Hyperparameters of the descriptors, and ``potential.hyperparameters``.
    settings : object
        Attributes species, descriptor, virials, objective_weights and known.
    seed : int

    Returns
    -------
    dict
        A complete set.
    """
    random = np.random.default_rng(derive(seed, "learning curves", "tuning"))
    chosen = sorted(random.choice(sorted(frames), min(n_train, len(frames)), replace=False).tolist())
    classes, folds = folds_of(chosen, blocks)
    with threadpool_limits(1), TemporaryDirectory(prefix="learning-") as folder:
        highest = tuning.numbers_of_points(ranges["n_sparse"], 10**9)[-1]
        terms = basis.choose(
            list(frames.values()), {**geometry, "n_sparse": highest}, settings.species, settings.descriptor, folder
        )
        rows = design.compute([frames[i] for i in chosen], classes, terms, settings.species, settings.virials, folder)
        available = max(len(term.points) for term in terms if term.covariance == "dot_product")
        validation = CrossValidation(rows, terms, folds, settings.known, LARGEST_ROUNDING)
        found = tuning.tune(validation, ranges, settings.objective_weights, available)
    return {**geometry, **found.hyperparameters}


def folds_of(chosen, blocks):
    """Return the class of each chosen frame and the folds of a cross-validation over their blocks of time.

    Raises
    ------
    UserError
        When the frames belong to one block.
    """
    place = {block: rank for rank, block in enumerate(sorted({blocks[frame] for frame in chosen}))}
    n_folds = min(time_blocks.N_FOLDS, len(place))
    if n_folds < 2:
        raise UserError("learning_curves needs training frames of two blocks of time to tune with; raise the sizes")
    classes = [str(place[blocks[frame]] % n_folds) for frame in chosen]
    return classes, [([str(i) for i in range(n_folds) if i != out], [str(out)]) for out in range(n_folds)]


def points(frames, division, n_frames, hyperparameters, settings, *, sizes, given, groups, draw):
    """Return the errors of all strategies and sizes on the hold-out of one division.

    Parameters
    ----------
    frames : dict
        Frame -> ase.Atoms of pool and hold-out, from which a repulsive core has been subtracted.
    division : dict
        From ``divide``.
    n_frames : int
        Of the study.
    hyperparameters : dict
        From ``tuned``; where a guide is asked for, ``guide`` has those of the fit to its labels.
    settings : object
        As for ``tuned``, and strategies, sparse_from and priors (learning_curves).
    sizes : list of int
    given : dict
        clusters, energies and distances for ``strategies.Given``.
    groups : numpy.ndarray of str, shape (n_frames,)
        From ``group_of``.
    draw : int

    Returns
    -------
    errors : pandas.DataFrame
        strategy, sparse_from, prior, n_train, draw, group, labels_read and both errors.
    calibration : pandas.DataFrame
        From ``calibrated``, for the largest choice of the first strategy that makes it.
    """
    h, pool, holdout = hyperparameters, division["pool"], division["holdout"]
    n_pool, rows, largest = len(pool), [], None
    place = {frame: i for i, frame in enumerate(sorted(frames))}
    every, priors = strategies.STRATEGIES | strategies.BY_GUIDE, dict.fromkeys(["none", *settings.priors])

    def equations_of(points_from, others):
        with TemporaryDirectory(prefix="learning-") as folder:
            terms = basis.choose([frames[i] for i in points_from], h, settings.species, settings.descriptor, folder)
            return frame_equations.FrameEquations(
                [frames[i] for i in others], terms, settings.species, settings.virials, folder
            )

    def record(strategy, sparse_from, prior, chosen, equations, places):
        solution = equations.solve([places[i] for i in chosen], h, settings.known, guide=means[prior])
        for group in ("all", *sorted(set(groups[holdout]))):
            tested = [places[i] for i in holdout if group in ("all", groups[i])]
            errors = dict(zip(QUANTITIES, equations.rmse(solution, tested), strict=True))
            read = kinds.labels_read(strategy, len(chosen), n_pool, n_frames)
            of = {"strategy": strategy, "sparse_from": sparse_from, "prior": prior, "n_train": len(chosen)}
            rows.append({**of, "draw": draw, "group": group, "labels_read": read, **errors})

    with threadpool_limits(1):
        equations = equations_of(pool, sorted(frames))
        known = Given(
            pool=np.array(pool), seed=derive(settings.seed, "learning curves", "choice", draw), equations=equations,
            places=place, blocks=division["blocks"], plateaus=division["plateaus"], hyperparameters=h,
            weights=settings.objective_weights, known=settings.known, guide=equations.of_guide(),
            guide_hyperparameters=h.get("guide", {}), **given,
        )  # fmt: skip
        means = {"none": None}
        if "guide" in priors:
            with_guide = [place[i] for i in pool if known.guide.labelled[place[i]]]
            means["guide"] = known.guide.solve(with_guide, known.guide_hyperparameters).weights
        for strategy in settings.strategies:
            chosen = []
            for size in sorted(sizes):
                try:
                    chosen = every[strategy](known, chosen, size)
                    if "pool" in settings.sparse_from:
                        for prior in priors:
                            record(strategy, "pool", prior, chosen, equations, place)
                    if "training" in settings.sparse_from:
                        others = [*chosen, *holdout]
                        own = equations_of(sorted(chosen), others)
                        record(strategy, "training", "none", chosen, own, {frame: i for i, frame in enumerate(others)})
                except (UserError, FitFailed) as error:
                    log.info("%s, %d frames: %s", strategy, size, error)
                    break
            if largest is None and len(chosen) == max(sizes):
                largest = strategy, chosen
        for prior in priors:
            record(WHOLE_POOL, "pool", prior, pool, equations, place)
        calibration = []
        if largest is not None:
            strategy, chosen = largest
            of = {"strategy": strategy, "n_train": len(chosen), "draw": draw}
            try:
                found = calibrated(frames, chosen, holdout, division["blocks"], equations.terms, h, settings)
                calibration = [{**of, **row} for row in found]
            except (UserError, FitFailed) as error:
                log.info("predicted deviations of %s, %d frames: %s", strategy, len(chosen), error)
    columns = ["strategy", "n_train", "draw", "quantity", "scaled", *CALIBRATED]
    return pd.DataFrame(rows), pd.DataFrame(calibration, columns=columns)


def calibrated(frames, chosen, holdout, blocks, terms, hyperparameters, settings):
    """Return how the errors of a fit on frames that it has not seen agree with its predicted standard deviations.

    Parameters
    ----------
    frames, hyperparameters, settings
        As for ``points``.
    chosen, holdout : list of int
        Frames that train, and that test.
    blocks : dict
        Frame -> number of its block.
    terms : list of Term

    Returns
    -------
    list of dict
        quantity (energy or force), scaled (whether the variances are multiplied by ``scale``, from a cross-validation
        over the blocks of the training frames), inside_1_sigma and inside_2_sigma (shares of the errors), mean_sigma
        (meV/atom, eV/Å) and scale.
    """
    h, chosen = hyperparameters, sorted(chosen)
    classes, folds = folds_of(chosen, blocks)
    tested, rows = [frames[i] for i in holdout], []
    with TemporaryDirectory(prefix="learning-") as folder:
        path, posterior = Path(folder) / "gap.xml", Path(folder) / "posterior.npz"
        of = design.compute([frames[i] for i in chosen], classes, terms, settings.species, settings.virials, folder)
        scales = CrossValidation(of, terms, folds, settings.known).variance_scales(h)
        e0 = of.e0(of.classes, settings.known)
        alpha, triangle, _ = engine_fit.solution(of, terms, h, e0)
        engine_fit.write(path, terms, alpha, h, e0, of.species, settings.descriptor)
        predicted = engine.predict(path, tested)
        for scaled, factors in ((False, (1.0, 1.0)), (True, scales)):
            sigmas = h["sigma_energy"], h["sigma_force"]
            variance.write_posterior(posterior, potential_label(path), triangle, factors, sigmas)
            found = variance.calibration(variance.Posterior(path, posterior), tested, *predicted)
            for quantity, scale, unit in zip(("energy", "force"), factors, (1000.0, 1.0), strict=True):
                shares = found[quantity]
                row = {"quantity": quantity, "scaled": scaled, **shares, "scale": scale}
                rows.append(row | {"mean_sigma": unit * shares["mean_sigma"]})
    return rows
