"""The figure of the vibrational density of states."""

import pandas as pd

from gapglass.report.figures.structure import model_style
from gapglass.report.figures.style import model_label, panels_in_rows
from gapglass.structure.vibrations import INVERSE_CM_PER_THZ, TOTAL, highest_frequency

BEYOND = 1.1  # share of the highest frequency that is drawn


def vibrations(tables):
    """Return the vibrational density of states, a panel for the total and for each element.

    Parameters
    ----------
    tables : dict
        Model -> table, see ``structure.vibrations``; models without one are absent.
    """
    columns = [TOTAL]
    for table in tables.values():
        columns += [name for name in table if name.startswith("vdos_") and name.endswith("_per_thz")]
    columns = list(dict.fromkeys(columns))
    figure, panels = panels_in_rows(len(columns), 2.5)
    for axes, name in zip(panels.flat, columns, strict=False):
        for number, (model, table) in enumerate(tables.items()):
            style = model_style(model, number - ("reference" in tables))
            x, y, error = table["frequency_thz"], table[name], table[f"{name}_error"]
            axes.plot(x, y, label=model_label(model), **style)
            axes.fill_between(x, y - error, y + error, alpha=0.2, linewidth=0, color=style["color"])
        element = name.removeprefix("vdos_").removesuffix("per_thz").removesuffix("_")
        axes.set_title(element or "total")
        axes.set_xlabel("frequency (THz)")
        above = axes.secondary_xaxis(
            "top", functions=(lambda f: f * INVERSE_CM_PER_THZ, lambda k: k / INVERSE_CM_PER_THZ)
        )
        above.set_xlabel("wavenumber (cm$^{-1}$)")
        axes.set_ylim(bottom=0)
        if tables:
            axes.set_xlim(0, BEYOND * max(map(highest_frequency, tables.values())))
    for row in panels:
        row[0].set_ylabel("density of states (1/THz)")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper center", ncols=min(3, len(labels)))
    every = [table.assign(model=name) for name, table in tables.items()]
    numbers = pd.concat(every, ignore_index=True) if every else pd.DataFrame(columns=["model", "frequency_thz", TOTAL])
    return figure, numbers[["model", *numbers.columns.drop("model")]]
