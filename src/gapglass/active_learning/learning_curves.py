"""Learning curves: error of a potential against its number of training frames, for several strategies of choice.

Every potential has the same hyperparameters and is tested on one hold-out that no selection may use. The module
averages over the draws and compares strategies by Welch's t test, doi:10.1093/biomet/34.1-2.28.
"""

import numpy as np
import pandas as pd

from gapglass.base.errors import UserError
from gapglass.potential.evaluation import rmse

SIGNIFICANCE = 0.05  # p value below which a difference is called better or worse
QUANTITIES = ("rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom")


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


def table(points, groups, n_atoms):
    """Return the results of all points as one table.

    Parameters
    ----------
    points : list of dict
        strategy, n_train, draw, status, reason and ``frame_errors``.
    groups : numpy.ndarray of str, shape (n_holdout,)
    n_atoms : numpy.ndarray of int, shape (n_holdout,)

    Returns
    -------
    pandas.DataFrame
        A row per strategy, n_train, draw and group; a failed fit has no row.

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
                    "rmse_energy_mev_per_atom": rmse(energy[here]),
                    "rmse_force_ev_per_angstrom": rmse(force[here], weights=n_atoms[here]),
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
        A row per strategy, n_train and group: the means, columns ``*_error`` (standard error; NaN for one draw),
        n_draws.
    """
    rows = []
    for (strategy, size, group), part in results.groupby(["strategy", "n_train", "group"], sort=False):
        row = {"strategy": strategy, "n_train": size, "group": group, "n_draws": len(part)}
        for name in QUANTITIES:
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
        strategy, n_train, group, quantity, difference (negative is better), difference_error, p_value (Welch's t
        test), verdict: ``better`` or ``worse`` where p_value is below 0.05, else ``undecided``.
    """
    base = summary[summary["strategy"] == baseline].set_index(["n_train", "group"])
    rows = []
    for _, row in summary[summary["strategy"] != baseline].iterrows():
        if (row["n_train"], row["group"]) not in base.index:
            continue
        other = base.loc[(row["n_train"], row["group"])]
        for name in QUANTITIES:
            difference, error = row[name] - other[name], f"{name}_error"
            p_value = _p_value(row, other, name)
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


def _p_value(row, other, name):
    """Return the p value of Welch's t test for one quantity in two rows of a summary, NaN where one has one draw."""
    if min(row["n_draws"], other["n_draws"]) <= 1:
        return np.nan
    # scipy.stats takes half a second to load, and the report imports this module also for a study without curves.
    from scipy.stats import ttest_ind_from_stats

    means = [
        value
        for one in (row, other)
        for value in (one[name], one[f"{name}_error"] * np.sqrt(one["n_draws"]), one["n_draws"])
    ]
    return ttest_ind_from_stats(*means, equal_var=False).pvalue


def verdict(summary):
    """Return sentences that state how cluster sampling compares with each other strategy, on all frames.

    There is one sentence per strategy for the energy, then one per strategy for the forces.
    """
    lines = []
    against = compare(summary, "clusters")
    # The table states how the other strategy compares, the sentence how cluster sampling does.
    words = {"better": "worse with", "worse": "better with", "undecided": "no difference seen with"}
    for quantity, name in zip(QUANTITIES, ("energy", "force"), strict=True):
        rows = against[(against["group"] == "all") & (against["quantity"] == quantity)]
        for strategy, part in rows.groupby("strategy", sort=False):
            statements = []
            for kind in ("worse", "better", "undecided"):
                sizes = sorted(part.loc[part["verdict"] == kind, "n_train"])
                if sizes:
                    statements.append(f"{words[kind]} {', '.join(str(int(size)) for size in sizes)} frames")
            lines.append(f"{name}, cluster sampling against {strategy.replace('_', ' ')}: {'; '.join(statements)}")
    return lines
