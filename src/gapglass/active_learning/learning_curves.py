"""Learning curves: error of a potential against the number of training frames, for several ways of choosing them.

Every potential has the same hyperparameters and is tested on one hold-out that no selection may touch.
"""

import numpy as np
import pandas as pd
from scipy.stats import ttest_ind_from_stats

from gapglass.base.errors import UserError
from gapglass.potential.evaluation import rmse

SIGNIFICANCE = 0.05  # of a difference that is called better or worse (Welch's t test)


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
            means = [
                value
                for one in (row, other)
                for value in (one[name], one[error] * np.sqrt(one["n_draws"]), one["n_draws"])
            ]
            p_value = (
                ttest_ind_from_stats(*means, equal_var=False).pvalue
                if min(row["n_draws"], other["n_draws"]) > 1
                else np.nan
            )
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
        for strategy, part in against[(against["group"] == "all") & (against["quantity"] == quantity)].groupby(
            "strategy", sort=False
        ):
            said = []
            for kind in ("worse", "better", "undecided"):
                sizes = sorted(part.loc[part["verdict"] == kind, "n_train"])
                if sizes:
                    said.append(f"{words[kind]} {', '.join(str(int(size)) for size in sizes)} frames")
            lines.append(f"{name}, cluster sampling against {strategy.replace('_', ' ')}: {'; '.join(said)}")
    return lines
