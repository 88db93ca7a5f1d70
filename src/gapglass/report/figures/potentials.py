"""Every figure: functions that take tables and return a matplotlib figure and the table of the numbers drawn.

Nothing here computes physics. Which figure is which of the paper's: ``figures.py``.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from gapglass.report.figures.style import COLUMN, PAGE

SETS = {"train": ("training", "C2", "o"), "test": ("test", "C1", "s"), "holdout": ("hold-out", "C3", "^")}


def active_learning(loops):
    """Return the energy errors of every fit and of the best potential of each iteration against the training set.

    Parameters
    ----------
    loops : dict
        Potential -> (history, ledger, summary).
    """
    figure, panels = plt.subplots(
        1, len(loops), figsize=(COLUMN if len(loops) == 1 else PAGE, 3.0), sharey=True, squeeze=False
    )
    numbers = []
    for axes, (name, (history, ledger, summary)) in zip(panels[0], loops.items(), strict=True):
        size = dict(zip(history["iteration"], history["n_train"], strict=True))
        good = [entry for entry in ledger if entry["status"] == "ok" and entry["iteration"] in size]
        axes.scatter(
            [size[e["iteration"]] for e in good],
            [e["rmse_energy_mev_per_atom"] for e in good],
            s=10,
            color="0.7",
            label="test, every fit",
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
    figure.legend(
        *panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2 if len(loops) == 1 else 4
    )
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
    quantities = (
        ("rmse_energy_mev_per_atom", "energy RMSE (meV/atom)"),
        ("rmse_force_ev_per_angstrom", "force RMSE (eV/Å)"),
    )
    for axes, (column, label) in zip(panels, quantities, strict=True):
        for number, name in enumerate(names):
            part = drawn[drawn["potential"] == name].set_index("temperature_k").reindex(temperatures)
            places = np.arange(len(temperatures)) + (number - (len(names) - 1) / 2) * 0.8 / len(names)
            trained = bool(part["trained_on_them"].fillna(False).any())
            text = f"{name} (trained on these frames)" if trained else name
            axes.bar(
                places,
                part[column],
                0.8 / len(names),
                color=f"C{1 + number}",
                label=text,
                hatch="///" if trained else None,
            )
        axes.set_xticks(range(len(temperatures)), [f"{value:g}" for value in temperatures])
        axes.set_xlabel("temperature (K)")
        axes.set_ylabel(label)
    if names:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(names))
    else:
        figure.suptitle("the loops have used every frame: none is left to compare on", fontsize=9)
    return figure, drawn
