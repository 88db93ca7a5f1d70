"""The figures of the network: rings, and the shares of Q^n, bridging species and shared corners or edges."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from gapglass.report.figures.structure import model_style
from gapglass.report.figures.style import PAGE, model_label, panels_in_rows

TITLES = {
    "Q": ("$Q^n$ of SPECIES", "bridging atoms n"),
    "bridge": ("bonds of SPECIES", "formers bonded to it"),
    "shared": ("pairs of SPECIES", "bridges they share"),
}


def rings(tables):
    """Return the number of primitive rings per former, and the share of formers in them, against the size of the ring.

    Parameters
    ----------
    tables : dict
        Model -> table of the rings, see ``structure.network``.
    """
    figure, panels = plt.subplots(1, 2, figsize=(PAGE, 2.8))
    columns = {"rings_per_former": "primitive rings per former", "formers_share_percent": "formers in such a ring (%)"}
    for axes, (column, label) in zip(panels, columns.items(), strict=True):
        for number, (name, table) in enumerate(tables.items()):
            axes.errorbar(
                table["formers_in_ring"],
                table[column],
                table[f"{column}_error"],
                marker="o",
                markersize=3,
                capsize=2,
                label=model_label(name),
                **model_style(name, number - 1),
            )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("formers in the ring")
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
    _legend(figure, panels[0])
    return figure, pd.concat([table.assign(model=name) for name, table in tables.items()], ignore_index=True)


def network(tables):
    """Return the shares of Q^n, of bridges by their bonds, and of shared corners, edges and faces, as bars.

    Parameters
    ----------
    tables : dict
        Model -> table of the network, see ``structure.network``.
    """
    every = pd.concat([table.assign(model=name) for name, table in tables.items()], ignore_index=True)
    groups = list(every.groupby(["quantity", "species"], sort=False))
    figure, panels = panels_in_rows(len(groups), 2.5)
    width = 0.8 / len(tables)
    for axes, ((quantity, species), part) in zip(panels.flat, groups, strict=False):
        for number, name in enumerate(tables):
            of_model = part[part["model"] == name]
            axes.bar(
                of_model["n"] + (number - (len(tables) - 1) / 2) * width,
                of_model["share_percent"],
                width,
                # A single frame has no error.
                yerr=np.nan_to_num(of_model["share_percent_error"]),
                color=model_style(name, number - 1)["color"],
                error_kw={"elinewidth": 0.8, "ecolor": "0.5"},
                label=model_label(name),
            )
        title, label = TITLES[quantity]
        axes.set_title(title.replace("SPECIES", species))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel(label)
    for row in panels:
        row[0].set_ylabel("share (%)")
    _legend(figure, panels[0, 0])
    return figure, every


def _legend(figure, axes):
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(3, len(labels)))
