"""The figures of the quench: coordination and enthalpy against temperature, displacements of each stage."""

import numpy as np
import pandas as pd
from matplotlib.ticker import NullFormatter

from gapglass.report.figures.structure import model_style
from gapglass.report.figures.style import model_label, panels_in_rows

NEAR = 0.15  # share by which a plateau of the reference may differ from the mean temperature of a stage
RAMP = 0.25  # change from the first to the second half of a stage, as a share of its mean, that makes it a ramp


def over_replicas(tables, keys):
    """Return model -> mean table over its replicas, with the standard error of each number as ``*_error``.

    Parameters
    ----------
    tables : dict
        "{potential}_{atoms}_{replica}" -> table; tables without rows are left out.
    keys : list of str
        Columns that name a row.
    """
    groups = {}
    for name, table in tables.items():
        if len(table):
            groups.setdefault(name.rsplit("_", 1)[0], []).append(table)
    means = {}
    for model, parts in groups.items():
        grouped = pd.concat(parts).groupby(keys, sort=True)
        means[model] = grouped.mean().join(grouped.sem(), rsuffix="_error").reset_index()
    return means


def quench(tables, plateaus, transitions):
    """Return enthalpy and coordination numbers along the cycle, against temperature, with those of the reference.

    Parameters
    ----------
    tables : dict
        Model with its replica -> table of the windows, see ``structure.quench``.
    plateaus : pandas.DataFrame
        The reference at its temperatures.
    transitions : dict
        Model with its replica -> transition.json.
    """
    means = over_replicas(tables, ["stage", "window"])
    pairs = [column for column in plateaus if column != "temperature_k"]
    figure, panels = panels_in_rows(1 + len(pairs), 2.5)
    numbers = [plateaus.assign(model="reference")]
    for number, (model, table) in enumerate(means.items()):
        style = model_style(model, number)
        named = [of["temperature_k"] for name, of in transitions.items() if name.rsplit("_", 1)[0] == model]
        named = [value for value in named if value is not None]
        label = model_label(model)
        if named:
            label += f", transition {np.mean(named):.0f} K"
            panels.flat[0].axvline(np.mean(named), color=style["color"], linewidth=0.8, linestyle=":")
        for axes, column in zip(panels.flat, ["enthalpy_ev_per_atom", *pairs], strict=False):
            if column in table:
                axes.errorbar(
                    table["temperature_k"],
                    table[column],
                    table[f"{column}_error"],
                    marker="o",
                    markersize=2.5,
                    label=label,
                    **style,
                )
        numbers.append(table.assign(model=model, transition_k=np.mean(named) if named else np.nan))
    for axes, pair in zip(panels.flat[1:], pairs, strict=False):
        axes.plot(plateaus["temperature_k"], plateaus[pair], "ks", markersize=4, label="reference")
        centre, neighbour = pair.split("-")
        axes.set_ylabel(f"number of {neighbour} around {centre}")
    panels.flat[0].set_ylabel("enthalpy (eV/atom)")
    for axes in panels.flat[: 1 + len(pairs)]:
        axes.set_xlabel("temperature (K)")
    _legend(figure, panels.flat[min(1, len(pairs))])
    return figure, pd.concat(numbers, ignore_index=True).pipe(lambda t: t[["model", *t.columns.drop("model")]])


def displacements(tables, windows, reference):
    """Return the mean-square displacement of each species, a panel for each stage, with the reference at the plateaus.

    Parameters
    ----------
    tables, windows : dict
        Model with its replica -> table of the displacements, and of the windows, see ``structure.quench``.
    reference : pandas.DataFrame
        Displacements of the reference with temperature_k.
    """
    means = over_replicas(tables, ["stage", "species", "time_ps"])
    kelvin = over_replicas(windows, ["stage", "window"])
    stages = sorted({stage for table in means.values() for stage in table["stage"]})
    figure, panels = panels_in_rows(max(len(stages), 1), 2.6)
    styles = ("-", "--", "-.", ":")
    numbers = [reference.assign(model="reference")]
    for number, (model, table) in enumerate(means.items()):
        numbers.append(table.assign(model=model))
        for axes, stage in zip(panels.flat, stages, strict=False):
            part = table[table["stage"] == stage]
            _lines(axes, part, model_style(model, number)["color"], model_label(model), styles)
    for axes, stage in zip(panels.flat, stages, strict=False):
        of_stage = pd.concat([table[table["stage"] == stage] for table in kelvin.values()])
        mean = of_stage["temperature_k"].mean()
        early = of_stage["window"] <= of_stage["window"].max() / 2
        change = of_stage.loc[early, "temperature_k"].mean() - of_stage.loc[~early, "temperature_k"].mean()
        axes.set_title(f"stage {stage:.0f}, {mean:.0f} K on average")
        # A ramp has no reference at one temperature.
        near = [value for value in reference["temperature_k"].unique() if abs(value - mean) < NEAR * mean]
        if near and abs(change) < RAMP * mean:
            closest = min(near, key=lambda value: abs(value - mean))
            label = f"reference, {closest:.0f} K"
            _lines(axes, reference[reference["temperature_k"] == closest], "k", label, styles)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("time (ps)")
    for row in panels:
        row[0].set_ylabel("displacement$^2$ (Å$^2$)")
    _legend(figure, *panels.flat)
    return figure, pd.concat(numbers, ignore_index=True).pipe(lambda t: t[["model", *t.columns.drop("model")]])


def _lines(axes, table, color, label, styles):
    for place, (species, part) in enumerate(table.groupby("species")):
        axes.plot(
            part["time_ps"],
            part["msd_angstrom2"],
            color=color,
            linestyle=styles[place % len(styles)],
            linewidth=1.2,
            label=f"{label}, {species}",
        )


def _legend(figure, *panels):
    """Draw one legend for several panels, each text once."""
    found = {}
    for axes in panels:
        found |= dict(reversed(pair) for pair in zip(*axes.get_legend_handles_labels(), strict=True))
    if found:
        figure.legend(found.values(), found.keys(), loc="outside upper center", ncols=2)
