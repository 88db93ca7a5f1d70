"""The figures of the clusters: choice of delta, clusters on the energies, two-dimensional map, all values of delta."""

from itertools import cycle

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.ticker import MaxNLocator

from gapglass.clustering import energies
from gapglass.report.figures.style import COLUMN, PAGE

# Of the energies by which the clusters are judged, see ``energies.of_frames``.
LABELS = {"labels": "energy (eV/atom)", "guide": "energy of the guide (eV/atom)", "none": "energy (none is known)"}
COLUMNS = {
    "labels": "energy_ev_per_atom", "guide": "guide_energy_ev_per_atom", "none": "guide_energy_ev_per_atom",
}  # fmt: skip


def cluster_colours(n_clusters):
    """Return a colour map of as many colours as clusters, which are numbered by rising mean energy."""
    return ListedColormap(mpl.colormaps["viridis"](np.linspace(0, 0.95, max(n_clusters, 2))))


def drawn(*, table, labels, scan, best, places, labels_of_delta):
    """Yield (name, (figure, table of the numbers drawn)) of every figure of the clusters.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv.
    labels : pandas.DataFrame
        clusters/best_labels.csv: frame, cluster.
    scan : pandas.DataFrame
        clusters/delta.csv.
    best : dict
        clusters/best.json.
    places : pandas.DataFrame
        clusters/map.csv: frame, x, y.
    labels_of_delta : dict
        delta -> cluster of every frame.
    """
    labelled = table.merge(labels, on="frame")
    yield "delta", delta(scan, best)
    yield "clusters", clusters(labelled, best)
    yield "map", map_of_frames(labelled.merge(places, on="frame"), best)
    yield "clusters_by_delta", clusters_by_delta(table, labels_of_delta)


def _style(n_clusters):
    """Return the colours of points by cluster: a colour map, and limits that put every cluster in its middle."""
    return {"cmap": cluster_colours(n_clusters), "vmin": -0.5, "vmax": n_clusters - 0.5}


def delta(table, best):
    """Return the number of clusters and the energy spread against delta (the paper's figure 2).

    Parameters
    ----------
    table : pandas.DataFrame
        clusters/delta.csv.
    best : dict
        Summary of the chosen delta.
    """
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
    of_frames, source = energies.of_frames(table)
    table = table.reset_index(drop=True)
    for axes, name in zip(panels[0], names, strict=True):
        part = table[table["trajectory"] == name]
        timed = part["time_ps"].notna().all()
        x = part["time_ps"] if timed else np.arange(len(part))
        energy, colours = of_frames[part.index], _style(best["n_clusters"])
        points = axes.scatter(x, energy, c=part["cluster"], s=7, **colours)
        axes.set_title(name)
        axes.set_xlabel("time (ps)" if timed else "frame")
        _plateaus(axes, np.asarray(x), part["temperature_k"].to_numpy())
    panels[0][0].set_ylabel(LABELS[source])
    figure.colorbar(
        points, ax=panels[0][-1], label="cluster, by rising energy", ticks=MaxNLocator(integer=True, nbins=6)
    )
    numbers = table[["frame", "trajectory", "time_ps", "temperature_k"]].copy()
    numbers[COLUMNS[source]] = of_frames
    return figure, numbers.assign(cluster=table["cluster"])


def _plateaus(axes, x, temperature):
    """Mark the places where a plateau of temperature (K) begins."""
    change = np.flatnonzero(np.diff(temperature)) + 1
    for start in [0, *change]:
        axes.text(
            x[start],
            1.0,
            f" {temperature[start]:g} K",
            transform=axes.get_xaxis_transform(),
            fontsize=6.5,
            va="top",
            rotation=90,
            ha="left",
        )
        axes.axvline(x[start], color="0.8", linewidth=0.7, zorder=0)


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
    of_frames, source = energies.of_frames(table)
    numbers = table[["frame", "trajectory"]].copy()
    numbers[COLUMNS[source]] = of_frames
    for axes, (value, found) in zip(panels.flat, sorted(labels.items()), strict=False):
        n_clusters = int(found.max()) + 1
        colours = _style(n_clusters)
        axes.scatter(table["frame"], of_frames, c=found, s=2, linewidth=0, rasterized=True, **colours)
        axes.set_title(rf"$\delta$ = {value:g}, $N_c$ = {n_clusters}", fontsize=8)
        numbers[f"cluster_delta_{value:g}"] = found
    for axes in panels.flat[len(labels) :]:
        axes.set_axis_off()
    # The lowest panel of each column has the axis below it, also where the last row is not full.
    for column in range(columns):
        lowest = panels[(len(labels) - 1 - column) // columns, column]
        lowest.xaxis.set_tick_params(labelbottom=True)
        lowest.set_xlabel("frame")
    figure.supylabel(LABELS[source], fontsize=9)
    return figure, numbers


def map_of_frames(table, best):
    """Return the two-dimensional map of the frames, coloured by cluster (the paper's figure 4) and by temperature.

    Parameters
    ----------
    table : pandas.DataFrame
        trajectory, temperature_k, cluster, and the coordinates x and y of multidimensional scaling.
    best : dict
        Summary of the chosen delta.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE, 3.1), sharex=True, sharey=True)
    first = left.scatter(table["x"], table["y"], c=table["cluster"], s=7, **_style(best["n_clusters"]))
    figure.colorbar(first, ax=left, label="cluster, by rising energy", ticks=MaxNLocator(integer=True, nbins=6))
    # The highest temperature is not at the end of the colours, because that yellow is too light on white.
    limits = {"vmin": table["temperature_k"].min(), "vmax": table["temperature_k"].max() * 1.1}
    for marker, (name, part) in zip(cycle("os^Dv"), table.groupby("trajectory", sort=False), strict=False):
        colours = {"c": part["temperature_k"], "cmap": "plasma", **limits}
        second = right.scatter(part["x"], part["y"], s=7, marker=marker, label=name, **colours)
    if table["trajectory"].nunique() > 1:
        for handle in right.legend().legend_handles:
            handle.set(color="0.3", sizes=[16])
    figure.colorbar(second, ax=right, label="temperature (K)")
    for axes in (left, right):
        axes.set_aspect("equal")
        axes.set_xlabel("first coordinate of distance D")
    left.set_ylabel("second coordinate of distance D")
    return figure, table[["frame", "trajectory", "temperature_k", "cluster", "x", "y"]]
