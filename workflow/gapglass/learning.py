"""Learning curves: error of a potential against the number of training frames, for several ways of choosing them.

Every potential has the same hyperparameters and is tested on one hold-out that no selection may touch.
"""

import numpy as np
import pandas as pd
from scipy.stats import ttest_ind_from_stats

from gapglass import sampling
from gapglass.errors import UserError
from gapglass.seeds import derive

POOL_OF_A_DRAW = 0.8  # share of the pool that a draw sees: strategies without chance of their own then differ from draw to draw as well
SIGNIFICANCE = 0.05  # of a difference that is called better or worse (Welch's t test)

CLUSTERED = {
    "clusters": {},
    "clusters_equal": {"allocation": "equal"},
    "clusters_energy_spread": {"allocation": "energy_spread"},
    "clusters_medoids": {"draw": "medoids"},
    "clusters_soap_only": {},
}


def set_aside(table, fraction, sizes, seed):
    """Return pool and hold-out: ``fraction`` of the frames of every plateau of every trajectory is set aside at random.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv: frame, trajectory, temperature_k.
    fraction : float
    sizes : list of int
        Training frames that will be asked for.
    seed : int

    Returns
    -------
    dict
        ``pool`` and ``holdout``: sorted frame numbers.

    Raises
    ------
    UserError
        When nothing is left to test on, or too little to choose from.
    """
    random = np.random.default_rng(derive(seed, "learning curves", "holdout"))
    holdout = []
    for _, part in table.groupby(["trajectory", "temperature_k"], sort=True):
        count = round(fraction * len(part))
        holdout += random.choice(part["frame"].to_numpy(), count, replace=False).tolist()
    if not holdout:
        raise UserError("learning_curves.holdout_fraction leaves no frame to test on; raise it")
    pool = sorted(set(table["frame"]) - set(holdout))
    if max(sizes) > POOL_OF_A_DRAW * len(pool):
        raise UserError(
            f"learning_curves.sizes holds {max(sizes)}; each draw sees {POOL_OF_A_DRAW:.0%} of the {len(pool)} frames that "
            "holdout_fraction leaves; lower one of them"
        )
    return {"pool": pool, "holdout": sorted(holdout)}


def choose(strategy, pool, size, seed, *, labels, energies, distances):
    """Return the training frames that a strategy chooses from a random four fifths of the pool.

    Parameters
    ----------
    strategy : str
        Item of ``learning_curves.strategies``.
    pool : sequence of int
    size : int
    seed : int
    labels : dict
        Cluster of every frame: ``best`` (chosen delta), ``soap_only`` (delta = 0), ``rmsd`` (-1 is noise).
    energies : numpy.ndarray, shape (n_frames,), eV/atom
    distances : numpy.ndarray, shape (n_frames, n_frames)
        Of the chosen delta.

    Returns
    -------
    list of int
        Sorted frame numbers.

    Raises
    ------
    UserError
        When a strategy cannot find so many frames.
    """
    pool = np.sort(np.random.default_rng(derive(seed, "pool")).choice(pool, int(POOL_OF_A_DRAW * len(pool)), replace=False))
    if strategy in CLUSTERED:
        of = labels["soap_only"] if strategy == "clusters_soap_only" else labels["best"]
        chosen = sampling.draw_from_clusters(pool, of, size, seed, energies=energies, distances=distances, **CLUSTERED[strategy])
    elif strategy == "random":
        chosen = np.random.default_rng(seed).choice(pool, size, replace=False).tolist()
    elif strategy == "uniform_in_time":
        chosen = sampling.uniform_in_time(pool, size, seed)
    elif strategy == "farthest_point":
        within = distances[np.ix_(pool, pool)]
        chosen = pool[sampling.farthest_points(within, np.random.default_rng(seed).integers(len(pool)), size)].tolist()
    else:
        chosen = sampling.draw_regularly(pool, labels["rmsd"], size, seed)
    return sorted(chosen)


def group_of(table, liquid_from=None):
    """Return the group of every frame: ``liquid``, ``glass``, or ``extra`` for trajectories of that role.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv.
    liquid_from : float, optional
        Reference frames at this temperature (K) and above are liquid; by default above the middle of the temperatures.
    """
    temperatures = table.loc[table["role"] == "reference", "temperature_k"]
    middle = (temperatures.min() + temperatures.max()) / 2
    liquid = table["temperature_k"] > middle if liquid_from is None else table["temperature_k"] >= liquid_from
    return np.where(table["role"] == "reference", np.where(liquid, "liquid", "glass"), "extra")


def frame_errors(frames, energies, forces):
    """Return the error of every frame of the hold-out, from which those of any group follow.

    Parameters
    ----------
    frames : list of ase.Atoms
        With labels.
    energies : numpy.ndarray, shape (n_frames,), eV
    forces : list of numpy.ndarray, eV/Å

    Returns
    -------
    dict
        energy_error_mev_per_atom and rmse_force_ev_per_angstrom, lists of n_frames.
    """
    energy = [1000 * (e - f.info["REF_energy"]) / len(f) for e, f in zip(energies, frames, strict=True)]
    force = [np.sqrt(np.mean((g - f.arrays["REF_forces"]) ** 2)) for g, f in zip(forces, frames, strict=True)]
    return {"energy_error_mev_per_atom": list(map(float, energy)), "rmse_force_ev_per_angstrom": list(map(float, force))}


def table(points, groups, n_atoms):
    """Return the results of all points as one table, a row per strategy, n_train, draw and group; failed fits have none.

    Parameters
    ----------
    points : list of dict
        strategy, n_train, draw, status, reason and ``frame_errors``.
    groups : numpy.ndarray of str, shape (n_holdout,)
    n_atoms : numpy.ndarray of int, shape (n_holdout,)

    Raises
    ------
    UserError
        When every fit failed.
    """
    rows = []
    for point in points:
        if point["status"] != "ok":
            continue
        energy, force = (np.array(point[name]) for name in ("energy_error_mev_per_atom", "rmse_force_ev_per_angstrom"))
        for group in ("all", *sorted(set(groups))):
            here = np.ones(len(groups), dtype=bool) if group == "all" else groups == group
            rows.append(
                {
                    **{key: point[key] for key in ("strategy", "n_train", "draw")},
                    "group": group,
                    "rmse_energy_mev_per_atom": np.sqrt(np.mean(energy[here] ** 2)),
                    "rmse_force_ev_per_angstrom": np.sqrt(np.average(force[here] ** 2, weights=n_atoms[here])),
                }
            )
    if not rows:
        raise UserError(f"every fit of the learning curves failed, the first with: {points[0]['reason']}")
    return pd.DataFrame(rows).sort_values(["strategy", "n_train", "draw", "group"], kind="stable", ignore_index=True)


def summarise(results):
    """Return mean and standard error over the draws.

    Parameters
    ----------
    results : pandas.DataFrame
        A row per strategy, n_train, draw and group with rmse_energy_mev_per_atom and rmse_force_ev_per_angstrom.

    Returns
    -------
    pandas.DataFrame
        A row per strategy, n_train and group: the means, columns ``*_error`` (standard error; NaN for one draw), n_draws.
    """
    rows = []
    for (strategy, size, group), part in results.groupby(["strategy", "n_train", "group"], sort=False):
        row = {"strategy": strategy, "n_train": size, "group": group, "n_draws": len(part)}
        for name in ("rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom"):
            row[name] = part[name].mean()
            row[f"{name}_error"] = part[name].std(ddof=1) / np.sqrt(len(part))
        rows.append(row)
    return pd.DataFrame(rows)


def compare(summary, baseline="random"):
    """Return each strategy's mean difference from a baseline at equal size, and whether chance explains it.

    Parameters
    ----------
    summary : pandas.DataFrame
        From ``summarise``.
    baseline : str

    Returns
    -------
    pandas.DataFrame
        strategy, n_train, group, quantity, difference (negative is better), difference_error, p_value (Welch's t test), verdict:
        ``better`` or ``worse`` where p_value is below 0.05, else ``undecided``.
    """
    base = summary[summary["strategy"] == baseline].set_index(["n_train", "group"])
    rows = []
    for _, row in summary[summary["strategy"] != baseline].iterrows():
        if (row["n_train"], row["group"]) not in base.index:
            continue
        other = base.loc[(row["n_train"], row["group"])]
        for name in ("rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom"):
            difference, error = row[name] - other[name], f"{name}_error"
            means = [value for one in (row, other) for value in (one[name], one[error] * np.sqrt(one["n_draws"]), one["n_draws"])]
            p_value = ttest_ind_from_stats(*means, equal_var=False).pvalue if min(row["n_draws"], other["n_draws"]) > 1 else np.nan
            verdict = ("better" if difference < 0 else "worse") if p_value < SIGNIFICANCE else "undecided"
            rows.append(
                {
                    **{key: row[key] for key in ("strategy", "n_train", "group")},
                    "quantity": name,
                    "difference": difference,
                    "difference_error": np.hypot(row[error], other[error]),
                    "p_value": p_value,
                    "verdict": verdict,
                }
            )
    columns = ["strategy", "n_train", "group", "quantity", "difference", "difference_error", "p_value", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def verdict(summary):
    """Return sentences that say how cluster sampling fares against each other strategy, energy and force, on all frames."""
    lines = []
    against = compare(summary, "clusters")
    # the table says how the other fares, the sentence how cluster sampling does
    words = {"better": "worse with", "worse": "better with", "undecided": "no difference seen with"}
    for quantity, name in (("rmse_energy_mev_per_atom", "energy"), ("rmse_force_ev_per_angstrom", "force")):
        for strategy, part in against[(against["group"] == "all") & (against["quantity"] == quantity)].groupby("strategy", sort=False):
            said = []
            for kind in ("worse", "better", "undecided"):
                sizes = sorted(part.loc[part["verdict"] == kind, "n_train"])
                if sizes:
                    said.append(f"{words[kind]} {', '.join(str(int(size)) for size in sizes)} frames")
            lines.append(f"{name}, cluster sampling against {strategy.replace('_', ' ')}: {'; '.join(said)}")
    return lines
