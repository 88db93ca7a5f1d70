"""Learning curves: error of a potential against its number of training frames, for several strategies of choice.

Every draw divides the blocks of time anew into a pool, from which all strategies choose, and a hold-out, on which
their fits are tested (``learning_fits``). Strategies are compared draw by draw (paired t test), and by the number of
frames that a choice at random needs for the same error, in both cases without a guide as prior.
"""

import logging

import numpy as np
import pandas as pd

from gapglass.base.errors import UserError
from gapglass.base.seeds import derive
from gapglass.selection import time_blocks

log = logging.getLogger("gapglass")
SIGNIFICANCE = 0.05  # p value below which a difference is called better or worse
QUANTITIES = ("rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom")
TUNING = 0  # number of the division on which hyperparameters are tuned
WHOLE_POOL = "whole_pool"  # fits on every frame of the pool, where the curve of the choice at random ends
RESAMPLED = 1000  # draws with replacement, for intervals of the frames saved
CALIBRATED = ("inside_1_sigma", "inside_2_sigma", "mean_sigma", "scale")  # see ``learning_fits.calibrated``
KINDS = ["strategy", "sparse_from", "prior"]  # what tells curves apart


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


def divide(blocks, fraction, seed, draw, labelled=None):
    """Return the division of a draw, from ``time_blocks.leave_out``; pool and hold-out are the labelled frames alone.

    Parameters
    ----------
    labelled : set of int, optional
        Frames with a label, from ``labelled_frames``; all by default.
    """
    found = time_blocks.leave_out(blocks, fraction, derive(seed, "learning curves", draw))
    if labelled is None:
        return found
    return found | {part: [frame for frame in found[part] if frame in labelled] for part in ("pool", "holdout")}


def labelled_frames(table):
    """Return the frames of frames/table.csv that have a label, and tell how many there are where others have none.

    Raises
    ------
    UserError
        When no frame has one.
    """
    labelled = set(table.loc[table["labelled"], "frame"].tolist())
    if not labelled:
        raise UserError(
            "learning curves need labelled frames, and the import found none: labels that are computed on demand are "
            "those of the frames chosen; make a study of them with labels: {engine: none}"
        )
    if len(labelled) < len(table):
        log.info("learning curves of the %d labelled frames, of %d", len(labelled), len(table))
    return labelled


def refuse_sizes(blocks, fraction, seed, draws, sizes, labelled=None):
    """Raise ``UserError`` when a division leaves no hold-out, or fewer frames to choose from than the largest size."""
    for draw in range(TUNING, draws + 1):
        division = divide(blocks, fraction, seed, draw, labelled)
        if not division["holdout"] and any(len(run["edges"]) > 2 for run in blocks):
            raise UserError(
                f"division {draw} of learning_curves leaves no labelled frame to test on: raise "
                "learning_curves.holdout_fraction, or label more frames"
            )
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


def refuse_no_guide(n_guide):
    """Raise ``UserError`` when no frame has the labels of a guide, ``n_guide`` of them being told by the import."""
    if not n_guide:
        raise UserError(
            "learning_curves asks for a guide (priors: [guide], or the strategy residual_guide), but no frame has "
            "guide_energy and guide_forces; name their keys with trajectories.keys, or leave the guide out"
        )


def selected(table, sparse_from="pool", prior="none"):
    """Return the rows of a table with these sparse points and this prior, by default those of the plain curves.

    A table without the column ``prior``, of a study that was run before there were priors, has none.
    """
    return table[(table["sparse_from"] == sparse_from) & (table.get("prior", "none") == prior)]


def collect(tables):
    """Return the results of all draws as one table; the whole pools count as one size, their mean."""
    results = pd.concat(tables, ignore_index=True)
    whole = results["strategy"] == WHOLE_POOL
    if whole.any():
        results.loc[whole, "n_train"] = round(results.loc[whole, "n_train"].mean())
    order = [*KINDS, "n_train", "draw", "group"]
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
        A row per strategy, sparse_from, prior, n_train and group: labels_read and the means, columns ``*_error``
        (standard error; NaN for one draw), n_draws.
    """
    rows = []
    names = [*KINDS, "n_train", "group"]
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

    The baseline has no prior; with a guide as prior it is compared with itself.

    Parameters
    ----------
    results : pandas.DataFrame
        From ``collect``.
    baseline : str

    Returns
    -------
    pandas.DataFrame
        strategy, sparse_from, prior, n_train, group, quantity, difference_percent (negative is better), its
        difference_percent_error, p_value (paired t test of the logarithms), verdict: ``better`` or ``worse`` where
        p_value is below 0.05, else ``undecided``.
    """
    from scipy.stats import ttest_1samp  # half a second to load, and the report imports this module

    rows, names = [], ["sparse_from", "n_train", "group"]
    base = results[(results["strategy"] == baseline) & (results["prior"] == "none")]
    base = base.set_index([*names, "draw"]).sort_index()
    for (strategy, prior, *key), part in results.groupby(["strategy", "prior", *names], sort=False):
        itself = (strategy, prior) == (baseline, "none")
        if itself or strategy == WHOLE_POOL or tuple(key) not in {index[:3] for index in base.index}:
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
                    "sparse_from": key[0],
                    "prior": prior,
                    **dict(zip(names[1:], key[1:], strict=True)),
                    "quantity": name,
                    "difference_percent": 100 * np.expm1(mean),
                    "difference_percent_error": 100 * np.exp(mean) * error,
                    "p_value": p_value,
                    "verdict": verdict,
                }
            )
    columns = ["difference_percent", "difference_percent_error", "p_value", "verdict"]
    return pd.DataFrame(rows, columns=[*KINDS, *names[1:], "quantity", *columns])


def savings(results, seed, baseline="random"):
    """Return how many frames a choice at random needs for the error that a strategy reaches.

    The mean of the logarithm of the baseline's error over the draws, made to fall with the number of frames, is
    interpolated linearly in the logarithm of this number; it ends with the whole pool. The baseline has no prior: with
    a guide as prior, the ratio counts what choice and guide save together. Intervals hold 95 % of the ratios of draws
    with replacement.

    Parameters
    ----------
    results : pandas.DataFrame
        From ``collect``.
    seed : int
    baseline : str

    Returns
    -------
    pandas.DataFrame
        strategy, sparse_from, prior, n_train, group, quantity, ratio (frames at random over frames of the
        strategy), ratio_low and ratio_high, bound: ``>`` where the whole pool does not reach the error, ``<`` where
        fewer frames than the smallest size do.
    """
    random, rows = np.random.default_rng(derive(seed, "learning curves", "savings")), []
    draws = np.array(sorted(results["draw"].unique()))
    samples = [np.arange(len(draws)), *(random.integers(len(draws), size=len(draws)) for _ in range(RESAMPLED))]
    for (sparse_from, group), part in results.groupby(["sparse_from", "group"], sort=False):
        plain = part[part["prior"] == "none"]
        whole = results[(results["strategy"] == WHOLE_POOL) & (results["prior"] == "none")]
        whole = whole[whole["group"] == group]
        for name in QUANTITIES:
            base = pd.concat([plain[plain["strategy"] == baseline], whole]).drop_duplicates(["n_train", "draw"])
            curve = np.log(base.pivot(index="n_train", columns="draw", values=name))
            sizes = np.log(curve.index.to_numpy(float))
            if len(sizes) < 2:
                continue
            for (strategy, prior, n_train), own in part.groupby(["strategy", "prior", "n_train"], sort=False):
                if (strategy, prior) == (baseline, "none") or strategy == WHOLE_POOL:
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
                of = {"strategy": strategy, "sparse_from": sparse_from, "prior": prior, "n_train": n_train}
                of |= {"group": group, "quantity": name, "ratio": found[0]}
                rows.append({**of, "ratio_low": low, "ratio_high": high, "bound": bound})
    columns = [*KINDS, "n_train", "group", "quantity", "ratio", "ratio_low", "ratio_high", "bound"]
    return pd.DataFrame(rows, columns=columns)


def calibration(tables):
    """Return mean and standard error over the draws of the shares of errors inside predicted standard deviations.

    Parameters
    ----------
    tables : list of pandas.DataFrame
        From ``learning_fits.calibrated``, of every draw.

    Returns
    -------
    pandas.DataFrame
        A row per strategy, n_train, quantity and scaled: n_draws and means, with their standard errors (``*_error``).
    """
    rows, names = [], ["strategy", "n_train", "quantity", "scaled"]
    for key, part in pd.concat(tables, ignore_index=True).groupby(names, sort=False):
        row = {**dict(zip(names, key, strict=True)), "n_draws": len(part)}
        for name in CALIBRATED:
            row[name] = part[name].mean()
            row[f"{name}_error"] = part[name].std(ddof=1) / np.sqrt(len(part))
        rows.append(row)
    columns = [f"{name}{end}" for name in CALIBRATED for end in ("", "_error")]
    return pd.DataFrame(rows, columns=[*names, "n_draws", *columns])


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
    here = selected(comparison[comparison["group"] == "all"])
    for quantity, name in zip(QUANTITIES, ("energy", "force"), strict=True):
        for strategy, part in here[here["quantity"] == quantity].groupby("strategy", sort=False):
            statements = []
            for kind, text in words.items():
                sizes = sorted(part.loc[part["verdict"] == kind, "n_train"])
                if sizes:
                    statements.append(f"{text} {', '.join(str(int(size)) for size in sizes)} frames")
            lines.append(f"{name}, {strategy.replace('_', ' ')} against random: {'; '.join(statements)}")
    return lines
