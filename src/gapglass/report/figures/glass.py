"""The figure of the melt-quench: temperature, energy and pressure of every glass model over the thermal cycle."""

import matplotlib.pyplot as plt
import pandas as pd

from gapglass.report.figures.style import PAGE, model_label


def melt_quench(tables, exploded=(), doubted=()):
    """Return temperature, energy and pressure of every glass model over its thermal cycle.

    Parameters
    ----------
    tables : dict
        Model ("optimal_96_1") -> table of thermo.csv.
    exploded : collection of str
        Models whose quench exploded; a cross marks the last row of their table.
    doubted : collection of str
        Models that are not to be believed; the legend says so.
    """
    figure, panels = plt.subplots(3, 1, figsize=(PAGE * 0.7, 4.6), sharex=True)
    for number, (name, table) in enumerate(tables.items()):
        atoms = int(name.rsplit("_", 2)[1])
        style = {"color": f"C{1 + number % 7}", "linewidth": 1, "label": model_label(name)}
        if name in exploded:
            style |= {"marker": "x", "markevery": [-1] if len(table) else None, "label": f"{style['label']}, exploded"}
        elif name in doubted:
            style["label"] += ", not to be believed"
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
    # Marked labels are too long for two columns.
    figure.legend(handles, labels, loc="outside upper center", ncols=1 if exploded or doubted else 2)
    columns = ["time_ps", "stage", "temperature_k", "potential_energy_ev", "pressure_gpa", "density_g_per_cm3"]
    drawn = {name: table for name, table in tables.items() if len(table)} or dict(list(tables.items())[:1])
    return figure, pd.concat([table[columns].assign(model=name) for name, table in drawn.items()], ignore_index=True)
