"""Every figure: functions that take tables and return a matplotlib figure and the table of the numbers drawn.

Nothing here computes physics. Which figure is which of the paper's: ``figures.py``.
"""

from itertools import cycle
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.colors import ListedColormap
from matplotlib.ticker import MaxNLocator

from gapglass.files import whole_file, write_table

plt.style.use(Path(__file__).with_name("gapglass.mplstyle"))

COLUMN, PAGE = 3.5, 7.1  # inches: one and two journal columns
SETS = {"train": ("training", "C2", "o"), "test": ("test", "C1", "s"), "holdout": ("hold-out", "C3", "^")}


def save(drawn, paths, name):
    """Write a figure and its numbers to those of ``paths`` that are called ``name``.png, ``name``.pdf and ``name``.csv.

    Parameters
    ----------
    drawn : (matplotlib.figure.Figure, pandas.DataFrame)
    paths : iterable of path-like
    name : str
    """
    figure, table = drawn
    for path in map(Path, paths):
        if path.stem != name:
            continue
        if path.suffix == ".csv":
            write_table(path, table)
            continue
        with whole_file(path) as temporary:
            # without a date the same figure gives the same bytes
            figure.savefig(temporary, metadata={"CreationDate": None} if path.suffix == ".pdf" else None)
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
    figure, panels = plt.subplots(rows, columns, figsize=(PAGE, 1.6 * rows + 0.4), sharex=True, sharey=True, squeeze=False)
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
    return figure, table[["frame", "trajectory", "temperature_k", "cluster", "x", "y"]]


def active_learning(loops):
    """Return the energy errors of every fit and of the best potential of each iteration against the training set.

    Parameters
    ----------
    loops : dict
        Potential -> (history, ledger, summary).
    """
    figure, panels = plt.subplots(1, len(loops), figsize=(COLUMN if len(loops) == 1 else PAGE, 3.0), sharey=True, squeeze=False)
    numbers = []
    for axes, (name, (history, ledger, summary)) in zip(panels[0], loops.items(), strict=True):
        size = dict(zip(history["iteration"], history["n_train"], strict=True))
        good = [entry for entry in ledger if entry["status"] == "ok" and entry["iteration"] in size]
        axes.scatter(
            [size[e["iteration"]] for e in good], [e["rmse_energy_mev_per_atom"] for e in good], s=10, color="0.7", label="test, every fit"
        )
        numbers += [
            {
                "potential": name,
                "kind": "every fit",
                "set": "test",
                "n_train": size[e["iteration"]],
                "energy": e["rmse_energy_mev_per_atom"],
            }
            for e in good
        ]
        for part, (label, colour, marker) in SETS.items():
            values = history[f"rmse_energy_mev_per_atom_{part}"]
            axes.plot(history["n_train"], values, marker=marker, color=colour, label=f"{label}, best fit")
            numbers += [
                {"potential": name, "kind": "best fit", "set": part, "n_train": n, "energy": value}
                for n, value in zip(history["n_train"], values, strict=True)
            ]
        axes.axhline(summary["energy_tolerance"], color="0.4", linestyle=":", zorder=0)
        place = (1, summary["energy_tolerance"])
        axes.annotate("$E_{tol}$", place, xycoords=("axes fraction", "data"), va="bottom", ha="right", fontsize=8)
        axes.set_xlabel("training frames")
        axes.set_ylim(bottom=0)
        axes.margins(x=0.12)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        if len(loops) > 1:
            axes.set_title(name)
    panels[0, 0].set_ylabel("energy RMSE (meV/atom)")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2 if len(loops) == 1 else 4)
    return figure, pd.DataFrame(numbers).rename(columns={"energy": "rmse_energy_mev_per_atom"})


def parity(potentials):
    """Return predicted against reference energies and forces, training, test and hold-out apart (the kind of figure S7).

    Parameters
    ----------
    potentials : dict
        Name -> (predictions, forces, summary).
    """
    figure, panels = plt.subplots(len(potentials), 2, figsize=(PAGE, 3.3 * len(potentials)), squeeze=False)
    numbers = []
    for (left, right), (name, (predictions, forces, summary)) in zip(panels, potentials.items(), strict=True):
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
            if len(potentials) > 1:
                axes.set_title(name)
            legend = axes.legend(loc="upper left", title="RMSE", handletextpad=0.2)
            for handle in legend.legend_handles:
                handle.set(alpha=1, sizes=[16])
        numbers.append(predictions.assign(potential=name))
    columns = ["potential", "frame", "set", "temperature_k", "energy_reference_ev_per_atom", "energy_gap_ev_per_atom"]
    return figure, pd.concat(numbers, ignore_index=True)[columns]


def errors_by_temperature(table):
    """Return the errors of the potentials on the frames that no loop has used, temperature by temperature.

    Parameters
    ----------
    table : pandas.DataFrame
        potentials/comparison.csv.
    """
    figure, panels = plt.subplots(1, 2, figsize=(PAGE, 2.8))
    drawn = table.dropna(subset="temperature_k")
    temperatures = sorted(drawn["temperature_k"].unique())
    names = list(dict.fromkeys(drawn["potential"]))
    quantities = (("rmse_energy_mev_per_atom", "energy RMSE (meV/atom)"), ("rmse_force_ev_per_angstrom", "force RMSE (eV/Å)"))
    for axes, (column, label) in zip(panels, quantities, strict=True):
        for number, name in enumerate(names):
            part = drawn[drawn["potential"] == name].set_index("temperature_k").reindex(temperatures)
            places = np.arange(len(temperatures)) + (number - (len(names) - 1) / 2) * 0.8 / len(names)
            trained = bool(part["trained_on_them"].fillna(False).any())
            text = f"{name} (trained on these frames)" if trained else name
            axes.bar(places, part[column], 0.8 / len(names), color=f"C{1 + number}", label=text, hatch="///" if trained else None)
        axes.set_xticks(range(len(temperatures)), [f"{value:g}" for value in temperatures])
        axes.set_xlabel("temperature (K)")
        axes.set_ylabel(label)
    if names:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(names))
    else:
        figure.suptitle("the loops have used every frame: none is left to compare on", fontsize=9)
    return figure, drawn


LABELS = {
    "S_X": ("q (Å$^{-1}$)", "X-ray structure factor $S_X(q)$"),
    "S_N": ("q (Å$^{-1}$)", "neutron structure factor $S_N(q)$"),
    "G_X": ("r (Å)", "X-ray $G(r)$ (Å$^{-2}$)"),
    "G_N": ("r (Å)", "neutron $G(r)$ (Å$^{-2}$)"),
    "S": ("q (Å$^{-1}$)", r"$S_{\mathrm{PAIR}}(q)$"),
    "g": ("r (Å)", r"$g_{\mathrm{PAIR}}(r)$"),
}
LIMITS = {"S_X": 1, "S_N": 1, "G_X": 0, "G_N": 0, "S": 1, "g": 1}


def _kind(column):
    """Return the key of LABELS and LIMITS for a column."""
    return column if column in LABELS else column[0]


def _label(column):
    return LABELS[_kind(column)][1].replace("PAIR", column[2:])


def model_label(name):
    """Return the legend text of a model: reference, experiment_{name}, {potential}_{atoms} or {potential}_{atoms}_{replica}."""
    if name == "reference":
        return "reference"
    if name.startswith("experiment_"):
        return f"experiment ({name.removeprefix('experiment_')})"
    words = name.split("_")
    numbers = [word for word in words[-2:] if word.isdigit()]
    potential = "_".join(words[: -len(numbers)])
    replica = f", replica {numbers[1]}" if len(numbers) == 2 else ""
    return f"GAP ({potential}), {numbers[0]} atoms{replica}"


def _style(name, number):
    """Return the line style of a model; ``number`` counts the GAP models."""
    if name == "reference":
        return {"color": "k", "linewidth": 1.6}
    if name.startswith("experiment_"):
        return {"color": "0.45", "linewidth": 1.4, "linestyle": (0, (4, 1.5))}
    return {"color": f"C{1 + number % 7}", "linewidth": 1.3}


def _curve(axes, table, column, style, label=None, shift=0.0):
    x, y = table.iloc[:, 0], table[column] + shift
    axes.plot(x, y, label=label, **style)
    error = table.get(f"{column}_error")
    if error is not None and error.notna().any():
        axes.fill_between(x, y - error, y + error, alpha=0.2, linewidth=0, color=style["color"])
    if "method" in table and (table["method"] == "transform").any():
        join = x[table["method"] == "transform"].iloc[0]
        axes.axvline(join, color=style["color"], linewidth=0.8, linestyle=":", zorder=0)


def _numbers(tables, columns):
    """Return the drawn columns of all models below each other, with a column ``model``."""
    parts = []
    for name, table in tables.items():
        wanted = [column for column in columns if column in table]
        errors = [f"{column}_error" for column in wanted if f"{column}_error" in table]
        parts.append(table[[table.columns[0], *wanted, *errors]].assign(model=name))
    return pd.concat(parts, ignore_index=True).pipe(lambda t: t[["model", *[c for c in t if c != "model"]]])


def partial_columns(tables, kind):
    """Return the columns of the partial curves, kind ``S`` or ``g``."""
    first = next(iter(tables.values()))
    totals = ("S_X", "S_N", "G_X", "G_N")
    return [c for c in first.columns if c.startswith(f"{kind}_") and not c.endswith("_error") and c not in totals]


def curves(tables, columns, x_max=None):
    """Return curves of all models over each other with their standard errors, one panel per column (figures 5 to 8).

    Parameters
    ----------
    tables : dict
        Model -> sq or gr table; models without a column are left out of its panel.
    columns : list of str
        S_X, S_N, G_X, G_N, or partials such as S_O-Te and g_O-Te.
    x_max : float, optional
        End of the axis; the shortest model's end by default.
    """
    height = 3.0 if len(columns) == 1 else 1.6 * len(columns) + 0.5
    figure, panels = plt.subplots(len(columns), 1, figsize=(PAGE * 0.7, height), sharex=True, squeeze=False)
    ends = [table.iloc[-1, 0] for name, table in tables.items() if not name.startswith("experiment_")]
    for axes, column in zip(panels[:, 0], columns, strict=True):
        models = {name: table for name, table in tables.items() if column in table}
        gap_models = [name for name in models if name != "reference" and not name.startswith("experiment_")]
        for name, table in models.items():
            number = gap_models.index(name) if name in gap_models else 0
            _curve(axes, table, column, _style(name, number), model_label(name))
        kind = _kind(column)
        axes.axhline(LIMITS[kind], color="0.7", linewidth=0.7, zorder=0)
        axes.set_ylabel(_label(column))
        axes.set_xlim(0, x_max or min(ends))
    panels[0, 0].legend()
    panels[-1, 0].set_xlabel(LABELS[_kind(columns[0])][0])
    return figure, _numbers(tables, columns)


def stacked(groups, reference, columns, x_max=None):
    """Return models shifted above each other, each on the reference in black (figures S8 to S13).

    Parameters
    ----------
    groups : dict
        Title of a panel column -> {label: table}; without a model there is the reference alone.
    reference : pandas.DataFrame
    columns : list of str
        A row of panels for each.
    x_max : float, optional
    """
    height = 3.4 if len(columns) == 1 else 2.2 * len(columns) + 0.5
    figure, panels = plt.subplots(
        len(columns), len(groups), figsize=(PAGE * (0.7 if len(groups) == 1 else 1), height), sharex="col", sharey="row", squeeze=False
    )
    for row, column in zip(panels, columns, strict=True):
        kind = _kind(column)
        span = np.nanmax(reference[column]) - np.nanmin(reference[column])
        for axes, (title, models) in zip(row, groups.items(), strict=True):
            for number, (label, table) in enumerate(models.items()):
                shift = 0.8 * number * span
                _curve(axes, reference, column, {"color": "k", "linewidth": 0.8}, "reference" if number == 0 else None, shift)
                _curve(axes, table, column, {"color": f"C{1 + number % 7}", "linewidth": 1.3}, label, shift)
                axes.axhline(LIMITS[kind] + shift, color="0.85", linewidth=0.7, zorder=0)
            if axes in panels[0]:
                axes.set_title(title)
            if not models:  # every one of them exploded
                _curve(axes, reference, column, {"color": "k", "linewidth": 0.8}, "reference")
            ends = [reference.iloc[-1, 0], *(table.iloc[-1, 0] for table in models.values())]
            axes.set_xlim(0, x_max or min(ends))
        row[0].set_ylabel(_label(column) + ", shifted")
    for axes in panels[-1]:
        axes.set_xlabel(LABELS[kind][0])
    handles, labels = panels[0, -1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(4, len(labels)))
    tables = {"reference": reference}
    for title, models in groups.items():
        tables |= {f"{title} {label}".strip(): table for label, table in models.items()}
    return figure, _numbers(tables, columns)


def _grid(n_panels, height, **sharing):
    """Return a figure a page wide with so many panels, rows of ``height`` inches, and the array of its axes; spare ones are off."""
    across = 2 if n_panels == 4 else min(3, n_panels)
    down = -(-n_panels // across)
    figure, panels = plt.subplots(down, across, figsize=(PAGE, height * down + 0.5), squeeze=False, **sharing)
    for axes in panels.flat[n_panels:]:
        axes.set_axis_off()
    return figure, panels


def running_coordination(tables, cutoffs):
    """Return the number of neighbours within r, a panel for each centre and neighbour.

    Parameters
    ----------
    tables : dict
        Model -> gr table.
    cutoffs : dict
        ``structure.coordination_cutoffs``; dotted lines.
    """
    first = next(iter(tables.values()))
    columns = [c for c in first.columns if c.startswith("n_") and not c.endswith("_error")]
    figure, panels = _grid(len(columns), 2.3)
    for axes, column in zip(panels.flat, columns, strict=False):
        centre, neighbour = column[2:].split("-")
        cutoff = cutoffs.get(f"{centre}-{neighbour}", cutoffs.get(f"{neighbour}-{centre}"))
        end = min(1.5 * cutoff if cutoff else 5.0, *(table.iloc[-1, 0] for table in tables.values()))
        for number, (name, table) in enumerate(tables.items()):
            part = table[table.iloc[:, 0] <= end]
            _curve(axes, part, column, _style(name, number - 1), model_label(name))
        if cutoff:
            axes.axvline(cutoff, color="0.5", linewidth=0.8, linestyle=":")
        axes.set_xlim(1.0, end)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("r (Å)")
        axes.set_ylabel(f"{neighbour} within r of {centre}")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(3, len(labels)))
    return figure, _numbers(tables, columns)


def bond_angles(tables):
    """Return the bond-angle distributions, a panel for each triple of species.

    Parameters
    ----------
    tables : dict
        Model -> angles table.
    """
    first = next(iter(tables.values()))
    columns = [c for c in first.columns[1:] if not c.endswith("_error")]
    figure, panels = _grid(len(columns), 2.3, sharex=True)
    for axes, column in zip(panels.flat, columns, strict=False):
        for number, (name, table) in enumerate(tables.items()):
            if column in table:
                _curve(axes, table, column, _style(name, number - 1), model_label(name))
        axes.set_title(column)
        axes.set_xlim(0, 180)
        axes.set_ylim(bottom=0)
        axes.set_xticks(range(0, 181, 45))
        axes.set_xlabel("angle (°)")
    panels[0, 0].set_ylabel("probability density (1/°)")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(3, len(labels)))
    return figure, _numbers(tables, columns)


def melt_quench(tables, exploded=()):
    """Return temperature, energy and pressure of every glass model over its thermal cycle.

    Parameters
    ----------
    tables : dict
        Model ("optimal_96_1") -> thermo table.
    exploded : collection of str
        Models whose quench exploded: a cross marks the last row of their table.
    """
    figure, panels = plt.subplots(3, 1, figsize=(PAGE * 0.7, 4.6), sharex=True)
    for number, (name, table) in enumerate(tables.items()):
        atoms = int(name.rsplit("_", 2)[1])
        style = {"color": f"C{1 + number % 7}", "linewidth": 1, "label": model_label(name)}
        if name in exploded:
            style |= {"marker": "x", "markevery": [-1] if len(table) else None, "label": f"{style['label']}, exploded"}
        panels[0].plot(table["time_ps"], table["temperature_k"], **style)
        panels[1].plot(table["time_ps"], table["potential_energy_ev"] / atoms, **style)
        panels[2].plot(table["time_ps"], table["pressure_gpa"], **style)
    for _, part in max(tables.values(), key=len).groupby("stage"):
        for axes in panels:
            axes.axvline(part["time_ps"].iloc[-1], color="0.85", linewidth=0.7, zorder=0)
    for axes, label in zip(panels, ("temperature (K)", "energy (eV/atom)", "pressure (GPa)"), strict=True):
        axes.set_ylabel(label)
    panels[0].set_ylim(bottom=0)
    panels[1].ticklabel_format(axis="y", useOffset=False)
    panels[2].set_xlabel("time (ps)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    columns = ["time_ps", "stage", "temperature_k", "potential_energy_ev", "pressure_gpa", "density_g_per_cm3"]
    drawn = {name: table for name, table in tables.items() if len(table)} or dict(list(tables.items())[:1])
    return figure, pd.concat([table[columns].assign(model=name) for name, table in drawn.items()], ignore_index=True)


def coordination(tables):
    """Return the l-fold shares of every counted pair as bars, models beside the reference (Tables S4 and S5).

    Parameters
    ----------
    tables : dict
        Model -> coordination table.
    """
    first = next(iter(tables.values()))
    pairs = list(zip(first["centre"], first["neighbour"], strict=True))
    figure, panels = _grid(len(pairs), 2.5, sharey=True)
    numbers = []
    for axes, (centre, neighbour) in zip(panels.flat, pairs, strict=False):
        for number, (name, table) in enumerate(tables.items()):
            row = table[(table["centre"] == centre) & (table["neighbour"] == neighbour)].iloc[0]
            shares = {int(key.split("_")[1]): row[key] for key in table if key.startswith("percent_") and row[key] >= 0.05}
            width = 0.8 / len(tables)
            places = [fold + (number - (len(tables) - 1) / 2) * width for fold in shares]
            axes.bar(places, list(shares.values()), width, color=_style(name, number - 1)["color"], label=model_label(name))
            numbers += [
                {"model": name, "centre": centre, "neighbour": neighbour, "l": fold, "percent": share} for fold, share in shares.items()
            ]
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel(f"number of {'neighbours' if neighbour == 'all' else neighbour} around {centre}")
    for row in panels:
        row[0].set_ylabel("share of atoms (%)")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(3, len(labels)))
    return figure, pd.DataFrame(numbers)


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
    quantities = (("rmse_energy_mev_per_atom", "energy RMSE (meV/atom)"), ("rmse_force_ev_per_angstrom", "force RMSE (eV/Å)"))
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
