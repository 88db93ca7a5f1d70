"""The figure of the crystals: energy against volume with every potential."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from ase.eos import birchmurnaghan
from ase.units import GPa

from gapglass.report.figures.style import COLUMN, panels_in_rows

VOLUME, ENERGY = "volume_angstrom3_per_atom", "energy_ev_per_atom"
MARKERS = "os^Dv<>"


def equations_of_state(found, tables, structures):
    """Return energy against volume, a panel for each potential and formula.

    Parameters
    ----------
    found, tables : dict
        Potential -> crystal -> its JSON and CSV.
    structures : list of dict
        ``validation.structures``.
    """
    references = {entry["name"]: (entry["reference"] or {}).get("volume") for entry in structures}
    panels = [
        (potential, formula)
        for potential, crystals in found.items()
        for formula in dict.fromkeys(crystal["formula"] for crystal in crystals.values())
    ]
    if len(panels) == 1:
        figure, array = plt.subplots(figsize=(COLUMN, 3.0), squeeze=False)
    else:
        figure, array = panels_in_rows(len(panels), 2.6)
    numbers = []
    for axes, (potential, formula) in zip(array.flat, panels, strict=False):
        crystals = {name: item for name, item in found[potential].items() if item["formula"] == formula}
        lowest = min((tables[potential][name][ENERGY].min() for name in crystals), default=0.0)
        for number, (name, item) in enumerate(crystals.items()):
            table = tables[potential][name]
            colour, marker = f"C{number % 10}", MARKERS[number % len(MARKERS)]
            label = name if item["relaxed"] else f"{name} (not relaxed)"
            axes.plot(table[VOLUME], 1000 * (table[ENERGY] - lowest), marker, ms=3, color=colour, label=label)
            _draw_fit(axes, item, table, lowest, colour)
            if references[name] is not None:
                axes.axvline(references[name], color=colour, linestyle=":", zorder=0)
            numbers.append(table.assign(potential=potential, structure=name, formula=formula))
        axes.set_title(formula if len(found) == 1 else f"{formula}, {potential}")
        axes.set_xlabel("volume (Å³/atom)")
        axes.set_ylabel("energy (meV/atom)")
        axes.legend()
    return figure, pd.concat(numbers, ignore_index=True)


def _draw_fit(axes, item, table, lowest, colour):
    """Draw the fit of an equation of state as a line, if there is one."""
    state = item.get("equation_of_state")
    if not state:
        return
    volumes = np.linspace(table[VOLUME].min(), table[VOLUME].max(), 200)
    modulus = state["bulk_modulus_gpa"] * GPa
    energies = birchmurnaghan(volumes, state[ENERGY], modulus, state["bulk_modulus_derivative"], state[VOLUME])
    axes.plot(volumes, 1000 * (energies - lowest), color=colour, linewidth=1)
