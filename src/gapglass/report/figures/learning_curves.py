"""The figures of the learning curves: errors on the common hold-out against the size of the training set."""

import matplotlib.pyplot as plt

from gapglass.active_learning.learning_curves import selected
from gapglass.report.catalogue import ALLOCATIONS
from gapglass.report.figures.style import COLUMN, PAGE

# Strategy -> text of the legend, colour, marker and line.
STRATEGIES = {
    "residual_per_plateau": ("residual per plateau", "C8", "*", "-"),
    "residual": ("residual", "C2", "s", "-"),
    "residual_guide": ("residual of the guide", "C9", "p", "-"),
    "variance": ("variance", "C4", "P", "-"),
    "clusters": (r"clusters, chosen $\delta$", "C1", "o", "-"),
    "random": ("random", "C0", "D", "--"),
    "uniform_in_time": ("uniform in time", "C3", "^", "-"),
    "farthest_point": ("farthest point", "C5", "v", "-"),
    "largest_residual": ("largest residual", "C2", "s", "-"),
    "variance_per_cluster": ("variance in every cluster", "C4", "P", "-"),
    "rmsd_hdbscan": ("RMSD + HDBSCAN", "C6", "X", "-"),
    "clusters_soap_only": (r"clusters, $\delta$ = 0", "C7", "<", "-"),
    "clusters_equal": ("clusters, the same number each", "C3", "^", "-"),
    "clusters_energy_spread": ("clusters, by energy spread", "C5", "v", "-"),
    "clusters_medoids": ("clusters, medoids", "C8", ">", "-"),
}
GROUPS = ("all", "liquid", "glass", "extra")


# Figure -> the strategies that it shows: cluster sampling beside other ways, and its own allocations beside chance.
SHOWN = {
    "learning_curves": [name for name in STRATEGIES if name not in ALLOCATIONS],
    "learning_curves_allocation": ["clusters", "random", *sorted(ALLOCATIONS)],
}
QUANTITIES = (
    ("rmse_energy_mev_per_atom", "energy RMSE (meV/atom)"),
    ("rmse_force_ev_per_angstrom", "force RMSE (eV/Å)"),
)
ASIDE = 1.02  # factor between the places of two strategies at one size, so that their error bars do not overlap


def drawn(names, summary):
    """Yield (name, (figure, table of the numbers drawn)) of the figures with these names, keys of ``SHOWN``."""
    for name in names:
        yield name, learning_curves(summary, SHOWN[name])


def learning_curves(summary, strategies):
    """Return the errors on the common hold-out against the size of the training set, a column of panels per group.

    Parameters
    ----------
    summary : pandas.DataFrame
        learning_curves/summary.csv.
    strategies : list of str
        Strategies to draw, keys of ``STRATEGIES``.
    """
    shown = selected(summary[summary["strategy"].isin(strategies)])
    groups = [group for group in GROUPS if (shown["group"] == group).any()]
    if not groups:
        figure, axes = plt.subplots(figsize=(COLUMN, 1))
        axes.set_axis_off()
        axes.text(0.5, 0.5, "every fit of these strategies failed", ha="center", va="center")
        return figure, shown
    figure, panels = plt.subplots(2, len(groups), figsize=(PAGE, 4.4), sharex=True, squeeze=False)
    for row, (column, label) in zip(panels, QUANTITIES, strict=True):
        for axes, group in zip(row, groups, strict=True):
            _panel(axes, shown, group, column)
        row[0].set_ylabel(label)
    for axes, group in zip(panels[0], groups, strict=True):
        axes.set_title(group)
    for axes in panels[-1]:
        axes.set_xlabel("training frames")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure, shown


def _panel(axes, shown, group, column):
    """Draw one error of one group of frames, a line per strategy with standard errors."""
    names = [name for name in STRATEGIES if (shown["strategy"] == name).any()]
    for number, name in enumerate(names):
        text, colour, marker, line = STRATEGIES[name]
        part = shown[(shown["strategy"] == name) & (shown["group"] == group)].sort_values("n_train")
        axes.errorbar(
            part["n_train"] * ASIDE ** (number - (len(names) - 1) / 2),
            part[column],
            part[f"{column}_error"],
            color=colour,
            marker=marker,
            linestyle=line,
            markersize=4,
            linewidth=1,
            capsize=2,
            label=text,
        )
    sizes = sorted(shown["n_train"].unique())
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
