"""The figure of the cooling rates: S(q) at each rate, and the numbers of the glass against the rate."""

import matplotlib.pyplot as plt
import numpy as np

from gapglass.report.figures.style import panels_in_rows

LABELS = {
    "coordination_number": "neighbours, ",
    "r_x_percent": "$R_X$ (%), ",
    "enthalpy_ev_per_atom": "enthalpy (eV/atom)",
    "density_g_per_cm3": "density (g/cm$^3$)",
}


def rates(table, curves, reference, reference_rate=None):
    """Return S_X(q) at every rate, and a panel for each number of the glass against the rate.

    Parameters
    ----------
    table : pandas.DataFrame
        From ``structure.rates.collect``.
    curves : dict
        Rate (K/ps) -> table of S(q), without rates whose models all exploded.
    reference : pandas.DataFrame
        S(q) of the reference.
    reference_rate : float, optional
        K/ps, of the reference.
    """
    groups = list(table.fillna({"of": ""}).groupby(["quantity", "of"], sort=False))
    figure, panels = panels_in_rows(1 + len(groups), 2.4)
    first = panels.flat[0]
    colours = dict(zip(sorted(curves), plt.get_cmap("viridis")(np.linspace(0, 0.85, len(curves))), strict=True))
    for rate, curve in sorted(curves.items()):
        first.plot(
            curve["q_inverse_angstrom"], curve["S_X"], color=colours[rate], linewidth=1.1, label=f"{_text(rate)} K/ps"
        )
    first.plot(reference["q_inverse_angstrom"], reference["S_X"], "k--", linewidth=1.2, label="reference")
    first.set_xlabel("q (Å$^{-1}$)")
    first.set_ylabel("$S_X(q)$")
    for axes, ((quantity, of), part) in zip(panels.flat[1:], groups, strict=False):
        axes.errorbar(
            part["rate_k_per_ps"],
            part["value"],
            part["error"].fillna(0),
            marker="o",
            markersize=3,
            capsize=2,
            color="C1",
        )
        known = part["reference"].iloc[0]
        if np.isfinite(known):
            axes.axhline(known, color="k", linewidth=0.8, linestyle="--")
            if reference_rate:
                axes.plot([reference_rate], [known], "ks", markersize=4)
        axes.set_xscale("log")
        axes.set_xticks(sorted(set(table["rate_k_per_ps"])), labels=map(_text, sorted(set(table["rate_k_per_ps"]))))
        axes.minorticks_off()
        axes.set_xlabel("cooling rate (K/ps)")
        axes.set_ylabel(LABELS[quantity] + str(of).removeprefix("experiment_"))
    figure.legend(*first.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure, table.assign(reference_rate_k_per_ps=reference_rate if reference_rate else np.nan)


def _text(rate):
    """Return a rate (K/ps) with three digits, without an exponent."""
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.3g}"
