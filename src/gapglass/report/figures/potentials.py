"""The figures of the potentials: active learning, error against cost, pairs alone, parity, errors by temperature."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from gapglass.report.figures.crystals import equations_of_state
from gapglass.report.figures.style import COLUMN, PAGE

SETS = {
    "train": ("training", "C2", "o"),
    "test": ("test", "C1", "s"),
    "validation": ("validation", "C0", "D"),
    "holdout": ("hold-out", "C3", "^"),
}
# What judged the fits of a loop: the frames of its test set, or the folds of a cross-validation.
JUDGES = {"test": "test", "cross_validation": "cross-validation"}

QUANTITIES = (
    ("rmse_energy_mev_per_atom", "energy RMSE (meV/atom)"),
    ("rmse_force_ev_per_angstrom", "force RMSE (eV/Å)"),
)
FORCES_AT_MOST = 4000  # atoms of a set whose forces are drawn; the numbers in the legend are of all atoms


def drawn(
    *,
    histories,
    ledgers,
    predictions,
    forces,
    summaries,
    dimers,
    comparison,
    crystals=None,
    states=None,
    structures=(),
):
    """Yield (name, (figure, table of the numbers drawn)) of every figure of the potentials.

    Parameters
    ----------
    histories, ledgers : dict
        Potential -> history.csv and ledger.jsonl, of the potentials with a loop.
    predictions, forces, summaries : dict
        Potential -> predictions.csv, forces.npz and summary.json, of all potentials.
    dimers : dict
        Potential -> dimers.csv.
    comparison : pandas.DataFrame
        potentials/comparison.csv.
    crystals, states : dict, optional
        Potential -> crystal -> its JSON and CSV.
    structures : list of dict
        ``validation.structures``.
    """
    if histories:
        loops = {name: (histories[name], ledgers[name], summaries[name]) for name in histories}
        yield "active_learning", active_learning(loops)
        yield "cost", cost({name: (ledgers[name], summaries[name]) for name in histories})
    yield "dimers", pairs_alone(dimers)
    yield "parity", parity({name: (predictions[name], forces[name], summaries[name]) for name in summaries})
    if len(summaries) > 1:
        yield "errors_by_temperature", errors_by_temperature(comparison)
    if crystals:
        yield "equations_of_state", equations_of_state(crystals, states, structures)


def active_learning(loops):
    """Return the energy errors of every fit and of the best fit of each iteration against the training set.

    Parameters
    ----------
    loops : dict
        Potential -> (history, ledger, summary).
    """
    width = COLUMN if len(loops) == 1 else PAGE
    figure, panels = plt.subplots(1, len(loops), figsize=(width, 3.0), sharey=True, squeeze=False)
    numbers = []
    for axes, (name, loop) in zip(panels[0], loops.items(), strict=True):
        numbers += _loop(axes, name, *loop)
        if len(loops) > 1:
            axes.set_title(name)
    # The panels share this axis. A limit that is set before the last one is drawn would cut off its points.
    panels[0, 0].set_ylim(bottom=0)
    panels[0, 0].set_ylabel("energy RMSE (meV/atom)")
    columns = 2 if len(loops) == 1 else 4
    figure.legend(
        *panels[0, 0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=columns,
        columnspacing=1.0,
        handlelength=1.6,
        handletextpad=0.4,
    )
    return figure, pd.DataFrame(numbers).rename(columns={"energy": "rmse_energy_mev_per_atom"})


def _loop(axes, name, history, ledger, summary):
    """Draw one active-learning loop with its tolerance, and return the numbers drawn."""
    size = dict(zip(history["iteration"], history["n_train"], strict=True))
    good = [entry for entry in ledger if entry["status"] == "ok" and entry["iteration"] in size]
    sizes = [size[entry["iteration"]] for entry in good]
    errors = [entry["rmse_energy_mev_per_atom"] for entry in good]
    judge = "test" if summary["n_test"] else "cross_validation"
    axes.scatter(sizes, errors, s=10, color="0.7", label=f"{JUDGES[judge]}, every fit")
    numbers = [
        {"potential": name, "kind": "every fit", "set": judge, "n_train": n, "energy": error}
        for n, error in zip(sizes, errors, strict=True)
    ]
    decides = ["validation"] if summary["validation"] else []
    shown = {part: SETS[part] for part in ("train", *decides, "holdout")}
    shown[judge] = (JUDGES[judge], *SETS["test"][1:])
    for part, (label, colour, marker) in shown.items():
        values = history[f"rmse_energy_mev_per_atom_{part}"]
        axes.plot(history["n_train"], values, marker=marker, color=colour, label=f"{label}, best fit")
        numbers += [
            {"potential": name, "kind": "best fit", "set": part, "n_train": n, "energy": value}
            for n, value in zip(history["n_train"], values, strict=True)
        ]
    bounds = history["upper_energy_mev_per_atom"] if decides else pd.Series(dtype=float)
    if bounds.notna().any():
        axes.plot(
            history["n_train"], bounds, marker="v", ls="--", color=SETS["validation"][1], label="its upper bound"
        )
        numbers += [
            {"potential": name, "kind": "upper bound", "set": "validation", "n_train": n, "energy": value}
            for n, value in zip(history["n_train"], bounds, strict=True)
        ]
    axes.axhline(summary["energy_tolerance"], color="0.4", linestyle=":", zorder=0)
    place = (1, summary["energy_tolerance"])
    axes.annotate("$E_{tol}$", place, xycoords=("axes fraction", "data"), va="bottom", ha="right", fontsize=8)
    axes.set_xlabel("training frames")
    axes.margins(x=0.12)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    return numbers


def cost(loops):
    """Return the error of every fit against what it costs in molecular dynamics, with the front of the best ones.

    Parameters
    ----------
    loops : dict
        Potential -> (ledger, summary).
    """
    figure, panels = plt.subplots(len(loops), 2, figsize=(PAGE, 2.8 * len(loops)), squeeze=False)
    numbers = []
    for row, (name, (ledger, summary)) in zip(panels, loops.items(), strict=True):
        delivered = summary["delivered"]
        points = pd.DataFrame(_points_of_cost(name, ledger, delivered["iteration"]))
        chosen = {
            quantity: summary[quantity]["test" if summary["n_test"] else "cross_validation"]
            for quantity, _ in QUANTITIES
        }
        for axes, (quantity, label) in zip(row, QUANTITIES, strict=True):
            front = _front(points["cost_us_per_atom_step"].to_numpy(), points[quantity].to_numpy())
            axes.scatter(points["cost_us_per_atom_step"], points[quantity], s=10, color="0.7", label="fits")
            axes.step(
                points["cost_us_per_atom_step"].iloc[front], points[quantity].iloc[front], where="post", color="C0",
                label="front",
            )  # fmt: skip
            axes.scatter(
                summary["cost_us_per_atom_step"], chosen[quantity], s=50, marker="*", color="C3", zorder=3,
                label="delivered",
            )  # fmt: skip
            axes.set_xlabel("cost (µs per atom and step)")
            axes.set_ylabel(label)
            axes.set_ylim(0, 1.15 * max(points[quantity].max(), chosen[quantity]))
            axes.set_title(name)
        numbers.append(points)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure, pd.concat(numbers, ignore_index=True)


def _points_of_cost(name, ledger, iteration):
    """Return cost and errors of every fit of an iteration, and of each number of sparse points that a fit tried."""
    rows = []
    for entry in ledger:
        if entry["status"] != "ok" or entry["iteration"] != iteration:
            continue
        for of_size in entry.get("sizes") or [entry]:
            rows.append(
                {
                    "potential": name,
                    "round": entry["round"],
                    "trial": entry["trial"],
                    "n_sparse": of_size.get("n_sparse", entry["hyperparameters"]["n_sparse"]),
                    **{key: of_size[key] for key in ("cost_us_per_atom_step", *(name for name, _ in QUANTITIES))},
                }
            )
    return rows


def _front(costs, errors):
    """Return the points that no other one beats in both cost and error, by ascending cost."""
    best, found = np.inf, []
    for place in np.lexsort((errors, costs)):
        if errors[place] < best:
            best = errors[place]
            found.append(int(place))
    return found


def pairs_alone(tables):
    """Return the energy of two atoms alone against their distance, a panel for each pair of species.

    Parameters
    ----------
    tables : dict
        Potential -> dimers.csv.
    """
    pairs = sorted({pair for table in tables.values() for pair in table["pair"]})
    columns = min(3, len(pairs))
    n_rows = -(-len(pairs) // columns)
    figure, panels = plt.subplots(n_rows, columns, figsize=(PAGE, 2.5 * n_rows), squeeze=False)
    for axes in panels.flat[len(pairs) :]:
        axes.set_visible(False)
    for axes, pair in zip(panels.flat, pairs, strict=False):
        for name, table in tables.items():
            here = table[table["pair"] == pair]
            axes.plot(here["r_angstrom"], here["energy_ev"], label=name)
        closest = here["closest_angstrom"].iloc[0]
        if np.isfinite(closest):
            axes.axvline(closest, color="0.4", linestyle=":", zorder=0)
        # Below 1 eV the scale is linear, above it logarithmic: wells and the wall are seen together.
        axes.set_yscale("symlog", linthresh=1.0)
        axes.axhline(0, color="0.8", zorder=0)
        axes.set_ylim(bottom=1.3 * min(-1.0, *(table["energy_ev"].min() for table in tables.values())))
        axes.set_title(pair)
        axes.set_xlabel("distance (Å)")
    for axes in panels[:, 0]:
        axes.set_ylabel("energy of the pair (eV)")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(tables))
    return figure, pd.concat([table.assign(potential=name) for name, table in tables.items()], ignore_index=True)


def parity(potentials):
    """Return predicted against reference energies and forces for training, test and hold-out (the kind of figure S7).

    Parameters
    ----------
    potentials : dict
        Name -> (predictions, forces, summary).
    """
    figure, panels = plt.subplots(len(potentials), 2, figsize=(PAGE, 3.3 * len(potentials)), squeeze=False)
    for row, (name, potential) in zip(panels, potentials.items(), strict=True):
        _parity_of_sets(*row, *potential)
        for axes, unit, what in zip(row, ("eV/atom", "eV/Å"), ("energy", "force component"), strict=True):
            _diagonal(axes)
            axes.set_xlabel(f"reference {what} ({unit})")
            axes.set_ylabel(f"GAP {what} ({unit})")
            if len(potentials) > 1:
                axes.set_title(name)
            legend = axes.legend(loc="upper left", title="RMSE", handletextpad=0.2)
            for handle in legend.legend_handles:
                handle.set(alpha=1, sizes=[16])
    numbers = [predictions.assign(potential=name) for name, (predictions, *_) in potentials.items()]
    columns = ["potential", "frame", "set", "temperature_k", "energy_reference_ev_per_atom", "energy_gap_ev_per_atom"]
    return figure, pd.concat(numbers, ignore_index=True)[columns]


def _parity_of_sets(left, right, predictions, forces, summary):
    """Draw energies on the left and force components on the right, a colour for each set that has frames."""
    sets = predictions["set"].to_numpy()
    of_atom = sets[forces["frame"]]
    reference, gap = forces["reference"], forces["gap"]
    for part in ("holdout", "validation", "train", "test"):
        label, colour, marker = SETS[part]
        energy, force = (summary[quantity][part] for quantity, _ in QUANTITIES)
        if energy is None or part not in sets:
            continue
        here = predictions[sets == part]
        left.scatter(
            here["energy_reference_ev_per_atom"],
            here["energy_gap_ev_per_atom"],
            s=8,
            color=colour,
            marker=marker,
            linewidth=0,
            label=f"{label}: {energy:.2f} meV/atom",
            alpha=0.7,
        )
        chosen = np.flatnonzero(of_atom == part)
        chosen = chosen[:: max(1, len(chosen) // FORCES_AT_MOST)]
        right.scatter(
            reference[chosen].ravel(),
            gap[chosen].ravel(),
            s=2,
            color=colour,
            linewidth=0,
            alpha=0.4,
            rasterized=True,
            label=f"{label}: {force:.3f} eV/Å",
        )


def _diagonal(axes):
    """Draw the diagonal, and give both axes the same limits."""
    low, high = min(axes.get_xlim()[0], axes.get_ylim()[0]), max(axes.get_xlim()[1], axes.get_ylim()[1])
    axes.plot([low, high], [low, high], color="0.5", linewidth=0.8, zorder=0)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_aspect("equal")


def errors_by_temperature(table):
    """Return the errors of the potentials by temperature, on the frames outside the databases of all loops.

    Parameters
    ----------
    table : pandas.DataFrame
        potentials/comparison.csv.
    """
    figure, panels = plt.subplots(1, 2, figsize=(PAGE, 2.8))
    shown = table.dropna(subset="temperature_k")
    temperatures = sorted(shown["temperature_k"].unique())
    names = list(dict.fromkeys(shown["potential"]))
    for axes, (column, label) in zip(panels, QUANTITIES, strict=True):
        for number, name in enumerate(names):
            part = shown[shown["potential"] == name].set_index("temperature_k").reindex(temperatures)
            places = np.arange(len(temperatures)) + (number - (len(names) - 1) / 2) * 0.8 / len(names)
            trained = bool(part["trained_on_them"].fillna(False).any())
            axes.bar(
                places,
                part[column],
                0.8 / len(names),
                color=f"C{1 + number}",
                label=f"{name} (trained on these frames)" if trained else name,
                hatch="///" if trained else None,
            )
        axes.set_xticks(range(len(temperatures)), [f"{value:g}" for value in temperatures])
        axes.set_xlabel("temperature (K)")
        axes.set_ylabel(label)
    if names:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(names))
    else:
        figure.suptitle("the loops have used every frame: none is left to compare on", fontsize=9)
    return figure, shown
