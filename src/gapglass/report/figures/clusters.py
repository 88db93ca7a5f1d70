"""Every figure: functions that take tables and return a matplotlib figure and the table of the numbers drawn.

Nothing here computes physics. Which figure is which of the paper's: ``figures.py``.
"""

from itertools import cycle

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.ticker import MaxNLocator

from gapglass.report.figures.style import COLUMN, PAGE


def cluster_colours(n_clusters):
    """Return a colour map that runs through the clusters in their order of rising energy."""
    return ListedColormap(mpl.colormaps["viridis"](np.linspace(0, 0.95, max(n_clusters, 2))))


def delta(table, best):
    """Return the number of clusters and the energy spread against delta (the paper's figure 2)."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(COLUMN, 4.0), sharex=True)
    above.plot(table["delta"], table["n_clusters"], "o-")
    above.set_ylabel("number of clusters $N_c$")
    above.yaxis.set_major_locator(MaxNLocator(integer=True))
    below.plot(table["delta"], table["mean_sigma_energy_mev_per_atom"], "o-", label=r"mean, $\langle\sigma\rangle_E$")
    below.plot(
        table["delta"], table["weighted_sigma_energy_mev_per_atom"], "s--", color="C2", label="weighted by size"
    )
    below.set_ylabel("energy spread (meV/atom)")
    below.set_xlabel(r"weight of the Coulomb kernel $\delta$")
    below.set_ylim(bottom=0)
    unmet = table[~table["converged"].astype(bool)]
    if len(unmet):
        above.plot(unmet["delta"], unmet["n_clusters"], "x", color="C1", markersize=9, label="cap reached")
        above.legend()
    for axes in (above, below):
        axes.axvline(best["delta"], color="C1", linewidth=1, linestyle=":", zorder=0)
    below.annotate(
        f"chosen: {best['delta']:g}",
        (best["delta"], 0),
        xytext=(-3, 4),
        textcoords="offset points",
        ha="right",
        color="C1",
        fontsize=8,
    )
    below.legend(loc="upper right")
    return figure, table


def clusters(table, best):
    """Return the energy of every frame along its trajectory, coloured by cluster (the paper's figure 3).

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv with the column ``cluster``.
    best : dict
        Summary of the chosen delta.
    """
    names = list(dict.fromkeys(table["trajectory"]))
    lengths = [(table["trajectory"] == name).sum() for name in names]
    figure, panels = plt.subplots(
        1,
        len(names),
        figsize=(PAGE, 2.8),
        sharey=True,
        squeeze=False,
        width_ratios=[max(n, 0.25 * max(lengths)) for n in lengths],
    )
    for axes, name in zip(panels[0], names, strict=True):
        part = table[table["trajectory"] == name]
        timed = part["time_ps"].notna().all()
        x = part["time_ps"] if timed else np.arange(len(part))
        points = axes.scatter(
            x, part["energy_ev_per_atom"], c=part["cluster"], s=7, cmap=cluster_colours(best["n_clusters"]), vmin=-0.5,
            vmax=best["n_clusters"] - 0.5,
        )  # fmt: skip
        axes.set_title(name)
        axes.set_xlabel("time (ps)" if timed else "frame")
        change = np.flatnonzero(np.diff(part["temperature_k"].to_numpy())) + 1
        for start in [0, *change]:
            axes.text(
                np.asarray(x)[start], 1.0, f" {part['temperature_k'].iloc[start]:g} K", transform=axes.get_xaxis_transform(),
                fontsize=6.5, va="top", rotation=90, ha="left",
            )  # fmt: skip
            axes.axvline(np.asarray(x)[start], color="0.8", linewidth=0.7, zorder=0)
    panels[0][0].set_ylabel("energy (eV/atom)")
    figure.colorbar(
        points, ax=panels[0][-1], label="cluster, by rising energy", ticks=MaxNLocator(integer=True, nbins=6)
    )
    return figure, table[["frame", "trajectory", "time_ps", "temperature_k", "energy_ev_per_atom", "cluster"]]


def clusters_by_delta(table, labels):
    """Return the clusters of every delta on the energies of the frames (the kind of figures S2 to S6).

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv.
    labels : dict
        delta -> cluster of every frame.
    """
    columns = min(4, len(labels))
    rows = -(-len(labels) // columns)
    figure, panels = plt.subplots(
        rows, columns, figsize=(PAGE, 1.6 * rows + 0.4), sharex=True, sharey=True, squeeze=False
    )
    numbers = table[["frame", "trajectory", "energy_ev_per_atom"]].copy()
    for axes, (value, found) in zip(panels.flat, sorted(labels.items()), strict=False):
        n_clusters = int(found.max()) + 1
        axes.scatter(
            table["frame"], table["energy_ev_per_atom"], c=found, s=2, cmap=cluster_colours(n_clusters), vmin=-0.5, vmax=n_clusters - 0.5,
            linewidth=0, rasterized=True,
        )  # fmt: skip
        axes.set_title(rf"$\delta$ = {value:g}, $N_c$ = {n_clusters}", fontsize=8)
        numbers[f"cluster_delta_{value:g}"] = found
    for axes in panels.flat[len(labels) :]:
        axes.set_axis_off()
    # the lowest panel of each column has the axis below it, also where the last row is not full
    for column in range(columns):
        lowest = panels[(len(labels) - 1 - column) // columns, column]
        lowest.xaxis.set_tick_params(labelbottom=True)
        lowest.set_xlabel("frame")
    figure.supylabel("energy (eV/atom)", fontsize=9)
    return figure, numbers


def map_of_frames(table, best):
    """Return the multidimensional-scaling map, coloured by cluster (the paper's figure 4) and by temperature."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE, 3.1), sharex=True, sharey=True)
    first = left.scatter(
        table["x"],
        table["y"],
        c=table["cluster"],
        s=7,
        cmap=cluster_colours(best["n_clusters"]),
        vmin=-0.5,
        vmax=best["n_clusters"] - 0.5,
    )
    figure.colorbar(first, ax=left, label="cluster, by rising energy", ticks=MaxNLocator(integer=True, nbins=6))
    for marker, (name, part) in zip(cycle("os^Dv"), table.groupby("trajectory", sort=False), strict=False):
        second = right.scatter(
            part["x"], part["y"], c=part["temperature_k"], s=7, marker=marker, cmap="plasma", vmin=table["temperature_k"].min(),
            vmax=table["temperature_k"].max() * 1.1, label=name,
        )  # fmt: skip
    if table["trajectory"].nunique() > 1:
        for handle in right.legend().legend_handles:
            handle.set(color="0.3", sizes=[16])
    figure.colorbar(second, ax=right, label="temperature (K)")
    for axes in (left, right):
        axes.set_aspect("equal")
        axes.set_xlabel("first coordinate of distance D")
    left.set_ylabel("second coordinate of distance D")
    return figure, table[["frame", "trajectory", "temperature_k", "cluster", "x", "y"]]
