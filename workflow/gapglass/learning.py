"""Learning curves: error of a potential against the number of training frames, for several ways of choosing them.

Every potential has the same hyperparameters and is tested on one hold-out that no selection may touch.
"""

import numpy as np
import pandas as pd

from gapglass import sampling
from gapglass.errors import UserError
from gapglass.gap import errors
from gapglass.seeds import derive

CLUSTERED = {
    "clusters": {},
    "clusters_equal": {"allocation": "equal"},
    "clusters_energy_spread": {"allocation": "energy_spread"},
    "clusters_medoids": {"draw": "medoids"},
    "clusters_soap_only": {},
}


def set_aside(table, fraction, seed):
    """Return pool and hold-out: ``fraction`` of the frames of every plateau of every trajectory is set aside at random.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv: frame, trajectory, temperature_k.
    fraction : float
    seed : int

    Returns
    -------
    dict
        ``pool`` and ``holdout``: sorted frame numbers.
    """
    random = np.random.default_rng(derive(seed, "learning curves", "holdout"))
    holdout = []
    for _, part in table.groupby(["trajectory", "temperature_k"], sort=True):
        count = round(fraction * len(part))
        holdout += random.choice(part["frame"].to_numpy(), count, replace=False).tolist()
    if not holdout:
        raise UserError("learning_curves.holdout_fraction leaves no frame to test on; raise it")
    return {"pool": sorted(set(table["frame"]) - set(holdout)), "holdout": sorted(holdout)}


def choose(strategy, pool, size, seed, *, labels, energies, distances):
    """Return the training frames that a strategy chooses.

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
        When the pool is too small.
    """
    pool = np.asarray(pool)
    if size > len(pool):
        raise UserError(f"learning_curves.sizes holds {size}, the pool has {len(pool)} frames; lower it")
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
    if liquid_from is None:
        liquid_from = (temperatures.min() + temperatures.max()) / 2
    state = np.where(table["temperature_k"] >= liquid_from, "liquid", "glass")
    return np.where(table["role"] == "reference", state, "extra")


def group_errors(frames, energies, forces, groups):
    """Return the errors on all frames and on each group.

    Parameters
    ----------
    frames : list of ase.Atoms
        With labels.
    energies : numpy.ndarray, shape (n_frames,), eV
    forces : list of numpy.ndarray, eV/Å
    groups : sequence of str, shape (n_frames,)

    Returns
    -------
    dict
        ``all`` and each group -> errors as ``gap.errors`` gives them.
    """
    found = {"all": errors(frames, energies, forces)}
    for group in sorted(set(groups)):
        here = [i for i, name in enumerate(groups) if name == group]
        found[group] = errors([frames[i] for i in here], energies[here], [forces[i] for i in here])
    return found


def table(points):
    """Return the results of all points as one table, a row per strategy, n_train, draw and group; failed fits have none.

    Raises
    ------
    UserError
        When every fit failed.
    """
    rows = [
        {**{key: point[key] for key in ("strategy", "n_train", "draw")}, "group": group, **found}
        for point in points
        for group, found in point["errors"].items()
    ]
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
    """Return each strategy's mean difference from a baseline at equal size, in units of its standard error.

    Parameters
    ----------
    summary : pandas.DataFrame
        From ``summarise``.
    baseline : str

    Returns
    -------
    pandas.DataFrame
        strategy, n_train, group, quantity, difference (negative is better), difference_error, verdict: ``better`` or
        ``worse`` by more than the error bar of the difference, else ``equal``.
    """
    base = summary[summary["strategy"] == baseline].set_index(["n_train", "group"])
    rows = []
    for _, row in summary[summary["strategy"] != baseline].iterrows():
        if (row["n_train"], row["group"]) not in base.index:
            continue
        other = base.loc[(row["n_train"], row["group"])]
        for name in ("rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom"):
            difference = row[name] - other[name]
            error = np.hypot(row[f"{name}_error"], other[f"{name}_error"])
            verdict = "equal" if abs(difference) <= error else ("better" if difference < 0 else "worse")
            rows.append(
                {
                    **{key: row[key] for key in ("strategy", "n_train", "group")},
                    "quantity": name,
                    "difference": difference,
                    "difference_error": error,
                    "verdict": verdict,
                }
            )
    columns = ["strategy", "n_train", "group", "quantity", "difference", "difference_error", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def verdict(summary):
    """Return sentences that say how cluster sampling fares against each other strategy, energy and force, on all frames."""
    lines = []
    against = compare(summary, "clusters")
    words = {"better": "better than", "worse": "worse than", "equal": "as good as"}
    for quantity, name in (("rmse_energy_mev_per_atom", "energy"), ("rmse_force_ev_per_angstrom", "force")):
        for strategy, part in against[(against["group"] == "all") & (against["quantity"] == quantity)].groupby("strategy", sort=False):
            # the table says how the other fares, the sentence how cluster sampling does
            turned = {"better": "worse", "worse": "better", "equal": "equal"}
            found = [(int(row["n_train"]), turned[row["verdict"]]) for _, row in part.sort_values("n_train").iterrows()]
            said = []
            for kind in ("better", "worse", "equal"):
                sizes = [str(size) for size, what in found if what == kind]
                if sizes:
                    said.append(f"{words[kind]} it with {', '.join(sizes)} frames")
            lines.append(f"{name}, cluster sampling against {strategy.replace('_', ' ')}: {'; '.join(said)}")
    return lines
