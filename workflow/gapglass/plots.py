"""Every figure: functions that take tables and return a matplotlib figure; nothing here computes physics."""

from itertools import cycle
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.colors import ListedColormap
from matplotlib.ticker import MaxNLocator

from gapglass.files import whole_file

plt.style.use(Path(__file__).with_name("gapglass.mplstyle"))

COLUMN, PAGE = 3.5, 7.1  # inches: one and two journal columns
SETS = {"train": ("training", "C2", "o"), "test": ("test", "C1", "s"), "holdout": ("hold-out", "C3", "^")}


def save(figure, paths, name):
    """Write a figure to those of ``paths`` that are called ``name``.png and ``name``.pdf."""
    for path in paths:
        if Path(path).stem == name:
            with whole_file(path) as temporary:
                # without a date the same figure gives the same bytes
                metadata = {"CreationDate": None} if str(path).endswith(".pdf") else None
                figure.savefig(temporary, metadata=metadata)
    plt.close(figure)


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
    below.plot(table["delta"], table["weighted_sigma_energy_mev_per_atom"], "s--", color="C2", label="weighted by size")
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
        f"chosen: {best['delta']:g}", (best["delta"], 0), xytext=(-3, 4), textcoords="offset points", ha="right", color="C1", fontsize=8
    )
    below.legend(loc="upper right")
    return figure


def clusters(table, best):
    """Return the energy of every frame along its trajectory, coloured by cluster (the paper's figure 3)."""
    names = list(dict.fromkeys(table["trajectory"]))
    lengths = [(table["trajectory"] == name).sum() for name in names]
    figure, panels = plt.subplots(
        1, len(names), figsize=(PAGE, 2.8), sharey=True, squeeze=False, width_ratios=[max(n, 0.25 * max(lengths)) for n in lengths]
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
    figure.colorbar(points, ax=panels[0][-1], label="cluster, by rising energy", ticks=MaxNLocator(integer=True, nbins=6))
    return figure


def map_of_frames(table, best):
    """Return the multidimensional-scaling map, coloured by cluster (the paper's figure 4) and by temperature."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE, 3.1), sharex=True, sharey=True)
    first = left.scatter(
        table["x"], table["y"], c=table["cluster"], s=7, cmap=cluster_colours(best["n_clusters"]), vmin=-0.5, vmax=best["n_clusters"] - 0.5
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
    return figure


def active_learning(history, ledger, summary):
    """Return the energy errors of every fit and of the best potential of each iteration against the training set."""
    figure, axes = plt.subplots(figsize=(COLUMN, 3.0))
    size = dict(zip(history["iteration"], history["n_train"], strict=True))
    good = [entry for entry in ledger if entry["status"] == "ok" and entry["iteration"] in size]
    axes.scatter(
        [size[e["iteration"]] for e in good], [e["rmse_energy_mev_per_atom"] for e in good], s=10, color="0.7", label="test, every fit"
    )
    for part, (label, colour, marker) in SETS.items():
        values = history[f"rmse_energy_mev_per_atom_{part}"]
        axes.plot(history["n_train"], values, marker=marker, color=colour, label=f"{label}, best fit")
    axes.axhline(summary["energy_tolerance"], color="0.4", linestyle=":")
    axes.annotate("$E_{tol}$", (0.25, summary["energy_tolerance"]), xycoords=("axes fraction", "data"), va="top", ha="center", fontsize=8)
    axes.set_xlabel("training frames")
    axes.set_ylabel("energy RMSE (meV/atom)")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def parity(predictions, forces, summary):
    """Return predicted against reference energies and forces, training, test and hold-out apart (the kind of figure S7)."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE, 3.3))
    sets = predictions["set"].to_numpy()
    of_atom = sets[forces["frame"]]
    reference, gap = forces["reference"], forces["gap"]
    for part in ("holdout", "train", "test"):
        label, colour, marker = SETS[part]
        error = summary["rmse_energy_mev_per_atom"][part]
        if error is None:
            continue
        here = predictions[sets == part]
        left.scatter(
            here["energy_reference_ev_per_atom"], here["energy_gap_ev_per_atom"], s=8, color=colour, marker=marker, linewidth=0,
            label=f"{label}: {error:.2f} meV/atom", alpha=0.7,
        )  # fmt: skip
        chosen = np.flatnonzero(of_atom == part)
        chosen = chosen[:: max(1, len(chosen) // 4000)]  # enough to see the spread; the numbers use all
        right.scatter(
            reference[chosen].ravel(), gap[chosen].ravel(), s=2, color=colour, linewidth=0, alpha=0.4, rasterized=True,
            label=f"{label}: {summary['rmse_force_ev_per_angstrom'][part]:.3f} eV/Å",
        )  # fmt: skip
    for axes, unit, what in ((left, "eV/atom", "energy"), (right, "eV/Å", "force component")):
        low, high = min(axes.get_xlim()[0], axes.get_ylim()[0]), max(axes.get_xlim()[1], axes.get_ylim()[1])
        axes.plot([low, high], [low, high], color="0.5", linewidth=0.8, zorder=0)
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        axes.set_aspect("equal")
        axes.set_xlabel(f"reference {what} ({unit})")
        axes.set_ylabel(f"GAP {what} ({unit})")
        legend = axes.legend(loc="upper left", title="RMSE", handletextpad=0.2)
        for handle in legend.legend_handles:
            handle.set(alpha=1, sizes=[16])
    return figure


LABELS = {
    "S_X": ("q (Å$^{-1}$)", "X-ray structure factor $S_X(q)$"),
    "G_X": ("r (Å)", "X-ray $G(r)$ (Å$^{-2}$)"),
    "S": ("q (Å$^{-1}$)", r"$S_{{\mathrm{{{}}}}}(q)$"),
    "g": ("r (Å)", r"$g_{{\mathrm{{{}}}}}(r)$"),
}


def model_label(name):
    """Return the legend text of a structure folder: reference, or potential, atoms and replica."""
    if name == "reference":
        return "reference"
    potential, atoms, replica = name.rsplit("_", 2)
    return f"GAP ({potential}), {atoms} atoms" + (f", replica {replica}" if replica != "1" else "")


def _draw(axes, tables, column):
    for number, (name, table) in enumerate(tables.items()):
        x, y, error = table.iloc[:, 0], table[column], table[f"{column}_error"].fillna(0)
        style = {"color": "k", "linewidth": 1.6} if name == "reference" else {"color": f"C{1 + (number - 1) % 7}"}
        axes.plot(x, y, label=model_label(name), **style)
        axes.fill_between(x, y - error, y + error, alpha=0.2, linewidth=0, color=style["color"])
    axes.set_xlim(0, min(table.iloc[-1, 0] for table in tables.values()))


def curves(tables, column):
    """Return the total curves of all models over each other with their standard errors (the kind of figures 5 and 7)."""
    figure, axes = plt.subplots(figsize=(PAGE * 0.7, 3.0))
    _draw(axes, tables, column)
    axes.axhline(1 if column == "S_X" else 0, color="0.7", linewidth=0.7, zorder=0)
    axes.set_xlabel(LABELS[column][0])
    axes.set_ylabel(LABELS[column][1])
    axes.legend()
    return figure


def partial_curves(tables, kind):
    """Return the partial curves, one panel per pair of species (the kind of figures 6 and 8)."""
    first = next(iter(tables.values()))
    columns = [c for c in first.columns if c.startswith(f"{kind}_") and not c.endswith("_error") and c not in ("S_X", "S_N")]
    figure, panels = plt.subplots(len(columns), 1, figsize=(PAGE * 0.7, 1.6 * len(columns) + 0.5), sharex=True, squeeze=False)
    for axes, column in zip(panels[:, 0], columns, strict=True):
        _draw(axes, tables, column)
        axes.axhline(1, color="0.7", linewidth=0.7, zorder=0)
        axes.set_ylabel(LABELS[kind][1].format(column[2:]))
    panels[0, 0].legend()
    panels[-1, 0].set_xlabel(LABELS[kind][0])
    return figure


def melt_quench(tables):
    """Return temperature, energy and pressure of every glass model over its thermal cycle.

    Parameters
    ----------
    tables : dict
        Model name ("optimal_96_1") -> thermo table.
    """
    figure, panels = plt.subplots(3, 1, figsize=(PAGE * 0.7, 4.6), sharex=True)
    for number, (name, table) in enumerate(tables.items()):
        atoms = int(name.rsplit("_", 2)[1])
        style = {"color": f"C{1 + number % 7}", "linewidth": 1, "label": model_label(name)}
        panels[0].plot(table["time_ps"], table["temperature_k"], **style)
        panels[1].plot(table["time_ps"], table["potential_energy_ev"] / atoms, **style)
        panels[2].plot(table["time_ps"], table["pressure_gpa"], **style)
        for _, part in table.groupby("stage"):
            for axes in panels:
                axes.axvline(part["time_ps"].iloc[-1], color="0.85", linewidth=0.7, zorder=0)
    for axes, label in zip(panels, ("temperature (K)", "energy (eV/atom)", "pressure (GPa)"), strict=True):
        axes.set_ylabel(label)
    panels[0].legend()
    panels[0].set_ylim(bottom=0)
    panels[2].set_xlabel("time (ps)")
    return figure


def coordination(tables):
    """Return the l-fold shares of every counted pair as bars, models beside the reference, the mean in the legend.

    Parameters
    ----------
    tables : dict
        Model name -> coordination table.
    """
    first = next(iter(tables.values()))
    pairs = list(zip(first["centre"], first["neighbour"], strict=True))
    figure, panels = plt.subplots(1, max(len(pairs), 1), figsize=(PAGE, 2.9), squeeze=False, sharey=True)
    for axes, (centre, neighbour) in zip(panels[0], pairs, strict=False):
        for number, (name, table) in enumerate(tables.items()):
            row = table[(table["centre"] == centre) & (table["neighbour"] == neighbour)].iloc[0]
            shares = {int(key.split("_")[1]): row[key] for key in table if key.startswith("percent_") and row[key] >= 0.05}
            width = 0.8 / len(tables)
            places = [fold + (number - (len(tables) - 1) / 2) * width for fold in shares]
            colour = "0.25" if name == "reference" else f"C{1 + (number - 1) % 7}"
            axes.bar(places, list(shares.values()), width, color=colour, label=f"{model_label(name)}: {row['coordination_number']:.2f}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel(f"number of {'neighbours' if neighbour == 'all' else neighbour} around {centre}")
        axes.legend(title="mean", fontsize=7)
        axes.set_ylim(0, 119)
    if not pairs:
        panels[0, 0].text(0.5, 0.5, "no structure.coordination_cutoffs are given", ha="center", transform=panels[0, 0].transAxes)
    panels[0, 0].set_ylabel("share of atoms (%)")
    return figure
