"""Every figure: functions that take tables and return a matplotlib figure and the table of the numbers drawn.

Nothing here computes physics. Which figure is which of the paper's: ``figures.py``.
"""

import matplotlib.pyplot as plt

from gapglass.report.figures.style import COLUMN, PAGE

STRATEGIES = {
    "clusters": (r"clusters, chosen $\delta$", "C1", "o", "-"),
    "clusters_soap_only": (r"clusters, $\delta$ = 0", "C2", "s", "-"),
    "random": ("random", "C0", "D", "--"),
    "uniform_in_time": ("uniform in time", "C3", "^", "-"),
    "farthest_point": ("farthest point", "C5", "v", "-"),
    "rmsd_hdbscan": ("RMSD + HDBSCAN", "C4", "P", "-"),
    "clusters_equal": ("clusters, the same number each", "C2", "s", "-"),
    "clusters_energy_spread": ("clusters, by energy spread", "C3", "^", "-"),
    "clusters_medoids": ("clusters, medoids", "C5", "v", "-"),
}
GROUPS = ("all", "liquid", "glass", "extra")


def learning_curves(summary, strategies):
    """Return the errors on the common hold-out against the size of the training set, groups of frames apart.

    Parameters
    ----------
    summary : pandas.DataFrame
        learning_curves/summary.csv.
    strategies : list of str
        Those to draw.
    """
    drawn = summary[summary["strategy"].isin(strategies)]
    groups = [group for group in GROUPS if (drawn["group"] == group).any()]
    if not groups:
        figure, axes = plt.subplots(figsize=(COLUMN, 1))
        axes.set_axis_off()
        axes.text(0.5, 0.5, "every fit of these strategies failed", ha="center", va="center")
        return figure, drawn
    figure, panels = plt.subplots(2, len(groups), figsize=(PAGE, 4.4), sharex=True, squeeze=False)
    quantities = (
        ("rmse_energy_mev_per_atom", "energy RMSE (meV/atom)"),
        ("rmse_force_ev_per_angstrom", "force RMSE (eV/Å)"),
    )
    names = [name for name in STRATEGIES if name in strategies and (drawn["strategy"] == name).any()]
    for row, (column, label) in zip(panels, quantities, strict=True):
        for axes, group in zip(row, groups, strict=True):
            for number, name in enumerate(names):
                text, colour, marker, line = STRATEGIES[name]
                part = drawn[(drawn["strategy"] == name) & (drawn["group"] == group)].sort_values("n_train")
                # a little aside of each other, so that error bars can be told apart
                x = part["n_train"] * 1.02 ** (number - (len(names) - 1) / 2)
                axes.errorbar(
                    x, part[column], part[f"{column}_error"], color=colour, marker=marker, linestyle=line, markersize=4, linewidth=1,
                    capsize=2, label=text,
                )  # fmt: skip
            axes.set_xscale("log")
            sizes = sorted(drawn["n_train"].unique())
            axes.set_xticks(sizes, [str(size) for size in sizes])
            axes.minorticks_off()
        row[0].set_ylabel(label)
    for axes, group in zip(panels[0], groups, strict=True):
        axes.set_title(group)
    for axes in panels[-1]:
        axes.set_xlabel("training frames")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure, drawn
