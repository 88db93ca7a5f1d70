"""Learning curves: error of a potential against its number of training frames, for several strategies of choice.

Every draw divides the blocks of time anew into a pool, from which all strategies choose, and a hold-out, on which
their fits are tested; sparse points come from the pool. All fits have the hyperparameters that were tuned on one more
division, which is not counted. Strategies are compared draw by draw (paired t test), and by the number of frames that
a choice at random needs for the same error.
"""

import logging
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from gapglass.active_learning import tuning
from gapglass.base.errors import UserError
from gapglass.base.seeds import derive
from gapglass.potential import basis, design, frame_equations
from gapglass.potential.cross_validation import CrossValidation
from gapglass.potential.failures import FitFailed
from gapglass.selection import kinds, strategies, time_blocks
from gapglass.selection.strategies import Given

log = logging.getLogger("gapglass")

SIGNIFICANCE = 0.05  # p value below which a difference is called better or worse
QUANTITIES = ("rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom")
TUNING = 0  # number of the division on which hyperparameters are tuned
WHOLE_POOL = "whole_pool"  # fits on every frame of the pool, where the curve of the choice at random ends
RESAMPLED = 1000  # draws with replacement, for intervals of the frames saved


def group_of(table, liquid_from=None):
    """Return the group of every frame: ``liquid``, ``glass``, or ``extra`` for trajectories of that role.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv.
    liquid_from : float, optional
        Reference frames at this temperature (K) and above are liquid. By default, those above the middle of the
        temperatures are liquid.

    Returns
    -------
    numpy.ndarray of str, shape (n_frames,)
    """
    temperatures = table.loc[table["role"] == "reference", "temperature_k"]
    middle = (temperatures.min() + temperatures.max()) / 2
    liquid = table["temperature_k"] > middle if liquid_from is None else table["temperature_k"] >= liquid_from
    return np.where(table["role"] == "reference", np.where(liquid, "liquid", "glass"), "extra")


def divide(blocks, fraction, seed, draw):
    """Return the division of a draw, from ``time_blocks.leave_out``."""
    return time_blocks.leave_out(blocks, fraction, derive(seed, "learning curves", draw))


def refuse_sizes(blocks, fraction, seed, draws, sizes):
    """Raise ``UserError`` when a division leaves no hold-out, or fewer frames to choose from than the largest size."""
    for draw in range(TUNING, draws + 1):
        division = divide(blocks, fraction, seed, draw)
        if not division["holdout"]:
            raise UserError(
                "learning_curves cannot set a block aside, because no run has two of them: the trajectories are too "
                "short"
            )
        if max(sizes) > len(division["pool"]):
            raise UserError(
                f"learning_curves.sizes holds {max(sizes)}; division {draw} leaves {len(division['pool'])} frames to "
                "choose from; lower the size or learning_curves.holdout_fraction"
            )


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
    place = {block: rank for rank, block in enumerate(sorted({blocks[frame] for frame in chosen}))}
    n_folds = min(time_blocks.N_FOLDS, len(place))
    if n_folds < 2:
        raise UserError("learning_curves needs training frames of two blocks of time to tune with; raise the sizes")
    classes = [str(place[blocks[frame]] % n_folds) for frame in chosen]
    folds = [([str(i) for i in range(n_folds) if i != out], [str(out)]) for out in range(n_folds)]
    with threadpool_limits(1), TemporaryDirectory(prefix="learning-") as folder:
        highest = tuning.numbers_of_points(ranges["n_sparse"], 10**9)[-1]
        terms = basis.choose(
            list(frames.values()), {**geometry, "n_sparse": highest}, settings.species, settings.descriptor, folder
        )
        rows = design.compute([frames[i] for i in chosen], classes, terms, settings.species, settings.virials, folder)
        available = max(len(term.points) for term in terms if term.covariance == "dot_product")
        found = tuning.tune(
            CrossValidation(rows, terms, folds, settings.known), ranges, settings.objective_weights, available
        )
    return {**geometry, **found.hyperparameters}


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
        From ``tuned``.
    settings : object
        As for ``tuned``, and strategies and sparse_from (learning_curves).
    sizes : list of int
    given : dict
        clusters, energies and distances for ``strategies.Given``.
    groups : numpy.ndarray of str, shape (n_frames,)
        From ``group_of``.
    draw : int

    Returns
    -------
    pandas.DataFrame
        strategy, sparse_from, n_train, draw, group, labels_read and both errors.
    """
    h, pool, holdout = hyperparameters, division["pool"], division["holdout"]
    n_pool, rows = len(pool), []
    place = {frame: i for i, frame in enumerate(sorted(frames))}

    def equations_of(points_from, others):
        with TemporaryDirectory(prefix="learning-") as folder:
            terms = basis.choose([frames[i] for i in points_from], h, settings.species, settings.descriptor, folder)
            return frame_equations.FrameEquations(
                [frames[i] for i in others], terms, settings.species, settings.virials, folder
            )

    def record(strategy, sparse_from, chosen, equations, places):
        solution = equations.solve([places[i] for i in chosen], h, settings.known)
        for group in ("all", *sorted(set(groups[holdout]))):
            tested = [places[i] for i in holdout if group in ("all", groups[i])]
            errors = dict(zip(QUANTITIES, equations.rmse(solution, tested), strict=True))
            read = kinds.labels_read(strategy, len(chosen), n_pool, n_frames)
            of = {"strategy": strategy, "sparse_from": sparse_from, "n_train": len(chosen), "draw": draw}
            rows.append({**of, "group": group, "labels_read": read, **errors})

    with threadpool_limits(1):
        equations = equations_of(pool, sorted(frames))
        known = Given(
            pool=np.array(pool), seed=derive(settings.seed, "learning curves", "choice", draw), equations=equations,
            places=place, blocks=division["blocks"], hyperparameters=h, weights=settings.objective_weights,
            known=settings.known, **given,
        )  # fmt: skip
        for strategy in settings.strategies:
            chosen = []
            for size in sorted(sizes):
                try:
                    chosen = strategies.STRATEGIES[strategy](known, chosen, size)
                    if "pool" in settings.sparse_from:
                        record(strategy, "pool", chosen, equations, place)
                    if "training" in settings.sparse_from:
                        others = [*chosen, *holdout]
                        own = equations_of(sorted(chosen), others)
                        record(strategy, "training", chosen, own, {frame: i for i, frame in enumerate(others)})
                except (UserError, FitFailed) as error:
                    log.info("%s, %d frames: %s", strategy, size, error)
                    break
        record(WHOLE_POOL, "pool", pool, equations, place)
    return pd.DataFrame(rows)


def collect(tables):
    """Return the results of all draws as one table; the whole pools count as one size, their mean."""
    results = pd.concat(tables, ignore_index=True)
    whole = results["strategy"] == WHOLE_POOL
    if whole.any():
        results.loc[whole, "n_train"] = round(results.loc[whole, "n_train"].mean())
    order = ["strategy", "sparse_from", "n_train", "draw", "group"]
    return results.sort_values(order, kind="stable", ignore_index=True)


def summarise(results):
    """Return mean and standard error over the draws.

    Parameters
    ----------
    results : pandas.DataFrame
        From ``collect``.

    Returns
    -------
    pandas.DataFrame
        A row per strategy, sparse_from, n_train and group: labels_read and the means, columns ``*_error`` (standard
        error; NaN for one draw), n_draws.
    """
    rows = []
    names = ["strategy", "sparse_from", "n_train", "group"]
    for key, part in results.groupby(names, sort=False):
        row = {**dict(zip(names, key, strict=True)), "labels_read": round(part["labels_read"].mean())}
        row["n_draws"] = len(part)
        for name in QUANTITIES:
            row[name] = part[name].mean()
            row[f"{name}_error"] = part[name].std(ddof=1) / np.sqrt(len(part))
        rows.append(row)
    return pd.DataFrame(rows)


def compare(results, baseline="random"):
    """Return each strategy's difference from a baseline at equal size, draw by draw, and whether chance explains it.

    Parameters
    ----------
    results : pandas.DataFrame
        From ``collect``.
    baseline : str

    Returns
    -------
    pandas.DataFrame
        strategy, sparse_from, n_train, group, quantity, difference_percent (negative is better), its
        difference_percent_error, p_value (paired t test of the logarithms), verdict: ``better`` or ``worse`` where
        p_value is below 0.05, else ``undecided``.
    """
    from scipy.stats import ttest_1samp  # half a second to load, and the report imports this module

    rows, names = [], ["sparse_from", "n_train", "group"]
    base = results[results["strategy"] == baseline].set_index([*names, "draw"]).sort_index()
    for (strategy, *key), part in results.groupby(["strategy", *names], sort=False):
        if strategy in (baseline, WHOLE_POOL) or tuple(key) not in {index[:3] for index in base.index}:
            continue
        draws = part.set_index("draw")
        of_base = base.loc[tuple(key)]
        for name in QUANTITIES:
            logs = np.log(draws[name] / of_base[name]).dropna()
            p_value = ttest_1samp(logs, 0.0).pvalue if len(logs) > 1 and logs.std() > 0 else np.nan
            mean, error = logs.mean(), logs.std(ddof=1) / np.sqrt(len(logs))
            verdict = ("better" if mean < 0 else "worse") if p_value < SIGNIFICANCE else "undecided"
            rows.append(
                {
                    "strategy": strategy,
                    **dict(zip(names, key, strict=True)),
                    "quantity": name,
                    "difference_percent": 100 * np.expm1(mean),
                    "difference_percent_error": 100 * np.exp(mean) * error,
                    "p_value": p_value,
                    "verdict": verdict,
                }
            )
    columns = ["difference_percent", "difference_percent_error", "p_value", "verdict"]
    return pd.DataFrame(rows, columns=["strategy", *names, "quantity", *columns])


def savings(results, seed, baseline="random"):
    """Return how many frames a choice at random needs for the error that a strategy reaches.

    The mean of the logarithm of the baseline's error over the draws, made to fall with the number of frames, is
    interpolated linearly in the logarithm of this number; it ends with the whole pool. Intervals hold 95 % of the
    ratios of draws with replacement.

    Parameters
    ----------
    results : pandas.DataFrame
        From ``collect``.
    seed : int
    baseline : str

    Returns
    -------
    pandas.DataFrame
        strategy, sparse_from, n_train, group, quantity, ratio (frames at random over frames of the strategy),
        ratio_low and ratio_high, bound: ``>`` where the whole pool does not reach the error, ``<`` where fewer frames
        than the smallest size do.
    """
    random, rows = np.random.default_rng(derive(seed, "learning curves", "savings")), []
    draws = np.array(sorted(results["draw"].unique()))
    samples = [np.arange(len(draws)), *(random.integers(len(draws), size=len(draws)) for _ in range(RESAMPLED))]
    for (sparse_from, group), part in results.groupby(["sparse_from", "group"], sort=False):
        whole = results[(results["strategy"] == WHOLE_POOL) & (results["group"] == group)]
        for name in QUANTITIES:
            base = pd.concat([part[part["strategy"] == baseline], whole]).drop_duplicates(["n_train", "draw"])
            curve = np.log(base.pivot(index="n_train", columns="draw", values=name))
            sizes = np.log(curve.index.to_numpy(float))
            if len(sizes) < 2:
                continue
            for (strategy, n_train), own in part.groupby(["strategy", "n_train"], sort=False):
                if strategy in (baseline, WHOLE_POOL):
                    continue
                logs = np.log(own.set_index("draw")[name].reindex(curve.columns).to_numpy())
                found = []
                for sample in samples:
                    falling = np.minimum.accumulate(np.nanmean(curve.to_numpy()[:, sample], axis=1))
                    error = np.nanmean(logs[sample])
                    found.append(np.exp(np.interp(-error, -falling, sizes)) / n_train)
                falling = np.minimum.accumulate(np.nanmean(curve.to_numpy(), axis=1))
                error = np.nanmean(logs)
                bound = ">" if error < falling[-1] else "<" if error > falling[0] else ""
                low, high = np.quantile(found[1:], [0.025, 0.975])
                of = {"strategy": strategy, "sparse_from": sparse_from, "n_train": n_train, "group": group}
                rows.append(
                    {**of, "quantity": name, "ratio": found[0], "ratio_low": low, "ratio_high": high, "bound": bound}
                )
    columns = ["strategy", "sparse_from", "n_train", "group", "quantity", "ratio", "ratio_low", "ratio_high", "bound"]
    return pd.DataFrame(rows, columns=columns)


def verdict(comparison):
    """Return sentences that state how each strategy compares with the choice at random, on all frames of the hold-out.

    Parameters
    ----------
    comparison : pandas.DataFrame
        From ``compare``.

    Returns
    -------
    list of str
        One sentence per strategy for the energy, then one per strategy for the forces.
    """
    lines = []
    words = {"better": "better with", "worse": "worse with", "undecided": "no difference seen with"}
    here = comparison[(comparison["group"] == "all") & (comparison["sparse_from"] == "pool")]
    for quantity, name in zip(QUANTITIES, ("energy", "force"), strict=True):
        for strategy, part in here[here["quantity"] == quantity].groupby("strategy", sort=False):
            statements = []
            for kind, text in words.items():
                sizes = sorted(part.loc[part["verdict"] == kind, "n_train"])
                if sizes:
                    statements.append(f"{text} {', '.join(str(int(size)) for size in sizes)} frames")
            lines.append(f"{name}, {strategy.replace('_', ' ')} against random: {'; '.join(statements)}")
    return lines
