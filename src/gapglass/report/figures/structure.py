"""The curves of the structure: S(q), G(r), partials, running coordination, bond angles, shares of coordination,
voids.

``figures.comparisons`` chooses the models of each figure. A dotted line marks where S(q) passes from the direct sum to
the transform of g(r).
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from gapglass.report.figures.style import PAGE, model_label, panels_in_rows

LABELS = {
    "S_X": ("q (Å$^{-1}$)", "X-ray structure factor $S_X(q)$"),
    "S_N": ("q (Å$^{-1}$)", "neutron structure factor $S_N(q)$"),
    "G_X": ("r (Å)", "X-ray $G(r)$ (Å$^{-2}$)"),
    "G_N": ("r (Å)", "neutron $G(r)$ (Å$^{-2}$)"),
    "S": ("q (Å$^{-1}$)", r"$S_{\mathrm{PAIR}}(q)$"),
    "g": ("r (Å)", r"$g_{\mathrm{PAIR}}(r)$"),
}
SMALLEST_VOID_SHARE = 0.01  # %; a point or two of those of all frames
LIMITS = {"S_X": 1, "S_N": 1, "G_X": 0, "G_N": 0, "S": 1, "g": 1}


def _kind(column):
    """Return the key of LABELS and LIMITS for a column."""
    return column if column in LABELS else column[0]


def _label(column):
    """Return the label of the axis for a column."""
    return LABELS[_kind(column)][1].replace("PAIR", column[2:])


def model_style(name, number):
    """Return the line style of a model; ``number`` counts the GAP models."""
    if name == "reference":
        return {"color": "k", "linewidth": 1.6}
    if name.startswith("experiment_"):
        return {"color": "0.45", "linewidth": 1.4, "linestyle": (0, (4, 1.5))}
    return _gap_style(number)


def _gap_style(number):
    """Return the line style of the GAP model with this number, from 0."""
    return {"color": f"C{1 + number % 7}", "linewidth": 1.3}


def _curve(axes, table, column, style, label=None, shift=0.0):
    """Draw one column over the first with its standard error, and mark where the method changes."""
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
        Model -> table of S(q) or of G(r); a panel shows the models that have its column.
    columns : list of str
        S_X, S_N, G_X, G_N, or partials such as S_O-Te and g_O-Te.
    x_max : float, optional
        End of the axis; by default the end of the shortest curve of a model.
    """
    height = 3.0 if len(columns) == 1 else 1.6 * len(columns) + 0.5
    figure, panels = plt.subplots(len(columns), 1, figsize=(PAGE * 0.7, height), sharex=True, squeeze=False)
    ends = [table.iloc[-1, 0] for name, table in tables.items() if not name.startswith("experiment_")]
    for axes, column in zip(panels[:, 0], columns, strict=True):
        models = {name: table for name, table in tables.items() if column in table}
        gap_models = [name for name in models if name != "reference" and not name.startswith("experiment_")]
        for name, table in models.items():
            number = gap_models.index(name) if name in gap_models else 0
            _curve(axes, table, column, model_style(name, number), model_label(name))
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
        Title of a column of panels -> {label: table}; a column without a model shows only the reference.
    reference : pandas.DataFrame
    columns : list of str
        A row of panels for each.
    x_max : float, optional
    """
    width, height = PAGE * (0.7 if len(groups) == 1 else 1), 3.4 if len(columns) == 1 else 2.2 * len(columns) + 0.5
    figure, panels = plt.subplots(
        len(columns), len(groups), figsize=(width, height), sharex="col", sharey="row", squeeze=False
    )
    for row, column in zip(panels, columns, strict=True):
        for axes, models in zip(row, groups.values(), strict=True):
            _stack(axes, models, reference, column)
            ends = [reference.iloc[-1, 0], *(table.iloc[-1, 0] for table in models.values())]
            axes.set_xlim(0, x_max or min(ends))
        row[0].set_ylabel(_label(column) + ", shifted")
    for axes, title in zip(panels[0], groups, strict=True):
        axes.set_title(title)
    for axes in panels[-1]:
        axes.set_xlabel(LABELS[_kind(columns[-1])][0])
    handles, labels = panels[0, -1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(4, len(labels)))
    tables = {"reference": reference}
    for title, models in groups.items():
        tables |= {f"{title} {label}".strip(): table for label, table in models.items()}
    return figure, _numbers(tables, columns)


def _stack(axes, models, reference, column):
    """Draw the models above each other, each shifted together with the reference; only the reference without any."""
    span = np.nanmax(reference[column]) - np.nanmin(reference[column])
    black = {"color": "k", "linewidth": 0.8}
    for number, (label, table) in enumerate(models.items()):
        shift = 0.8 * number * span
        _curve(axes, reference, column, black, "reference" if number == 0 else None, shift)
        _curve(axes, table, column, _gap_style(number), label, shift)
        axes.axhline(LIMITS[_kind(column)] + shift, color="0.85", linewidth=0.7, zorder=0)
    if not models:
        _curve(axes, reference, column, black, "reference")


def running_coordination(tables, cutoffs):
    """Return the number of neighbours within r, a panel for each centre and neighbour.

    Parameters
    ----------
    tables : dict
        Model -> table of G(r).
    cutoffs : dict
        ``structure.coordination_cutoffs``, drawn as dotted lines.
    """
    first = next(iter(tables.values()))
    columns = [c for c in first.columns if c.startswith("n_") and not c.endswith("_error")]
    figure, panels = panels_in_rows(len(columns), 2.3)
    for axes, column in zip(panels.flat, columns, strict=False):
        centre, neighbour = column[2:].split("-")
        cutoff = cutoffs.get(f"{centre}-{neighbour}", cutoffs.get(f"{neighbour}-{centre}"))
        end = min(1.5 * cutoff if cutoff else 5.0, *(table.iloc[-1, 0] for table in tables.values()))
        for number, (name, table) in enumerate(tables.items()):
            part = table[table.iloc[:, 0] <= end]
            _curve(axes, part, column, model_style(name, number - 1), model_label(name))
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
        Model -> table of the angles.
    """
    first = next(iter(tables.values()))
    columns = [c for c in first.columns[1:] if not c.endswith("_error")]
    figure, panels = panels_in_rows(len(columns), 2.3, sharex=True)
    for axes, column in zip(panels.flat, columns, strict=False):
        for number, (name, table) in enumerate(tables.items()):
            if column in table:
                _curve(axes, table, column, model_style(name, number - 1), model_label(name))
        axes.set_title(column)
        axes.set_xlim(0, 180)
        axes.set_ylim(bottom=0)
        axes.set_xticks(range(0, 181, 45))
        axes.set_xlabel("angle (°)")
    panels[0, 0].set_ylabel("probability density (1/°)")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(3, len(labels)))
    return figure, _numbers(tables, columns)


def voids(tables):
    """Return the share of the volume farther than a distance from every atom, on a linear and a logarithmic scale.

    Parameters
    ----------
    tables : dict
        Model -> table of the voids.
    """
    column = "volume_share_percent"
    figure, panels = plt.subplots(1, 2, figsize=(PAGE, 2.8))
    for axes in panels:
        for number, (name, table) in enumerate(tables.items()):
            _curve(axes, table, column, model_style(name, number - 1), model_label(name))
        axes.set_xlabel("distance d from every atom (Å)")
    panels[0].set_ylabel("volume at least d away (%)")
    panels[1].set_yscale("log")
    panels[1].set_ylim(SMALLEST_VOID_SHARE, 100)
    ends = [table.iloc[:, 0][table[column] >= SMALLEST_VOID_SHARE].max() for table in tables.values()]
    for axes in panels:
        axes.set_xlim(0, max(ends))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(3, len(labels)))
    return figure, _numbers(tables, [column])


def coordination(tables):
    """Return the l-fold shares of every counted pair as bars, models beside the reference (Tables S4 and S5).

    Parameters
    ----------
    tables : dict
        Model -> table of the coordination.
    """
    first = next(iter(tables.values()))
    pairs = list(zip(first["centre"], first["neighbour"], strict=True))
    figure, panels = panels_in_rows(len(pairs), 2.5, sharey=True)
    numbers = []
    for axes, (centre, neighbour) in zip(panels.flat, pairs, strict=False):
        for number, (name, table) in enumerate(tables.items()):
            row = table[(table["centre"] == centre) & (table["neighbour"] == neighbour)].iloc[0]
            shares = {
                int(key.split("_")[1]): row[key] for key in table if key.startswith("percent_") and row[key] >= 0.05
            }
            width = 0.8 / len(tables)
            places = [fold + (number - (len(tables) - 1) / 2) * width for fold in shares]
            axes.bar(
                places,
                list(shares.values()),
                width,
                color=model_style(name, number - 1)["color"],
                label=model_label(name),
            )
            numbers += [
                {"model": name, "centre": centre, "neighbour": neighbour, "l": fold, "percent": share}
                for fold, share in shares.items()
            ]
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel(f"number of {'neighbours' if neighbour == 'all' else neighbour} around {centre}")
    for row in panels:
        row[0].set_ylabel("share of atoms (%)")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(3, len(labels)))
    return figure, pd.DataFrame(numbers)
