"""The paper's tables as data frames, for CSV files and the report; ``catalogue.TABLES`` lists them."""

import numpy as np
import pandas as pd

from gapglass.potential.hyperparameters import setting_text
from gapglass.report import costs


def assemble(*, summaries, comparison, coordinations, closest, rings, network, rx, settings, benchmarks):
    """Return every table of a study by its name in ``catalogue.TABLES``.

    Parameters
    ----------
    summaries : dict
        Potential -> summary.json.
    comparison : pandas.DataFrame
        potentials/comparison.csv.
    coordinations, closest, rings, network : dict
        Model -> coordination.csv, closest.csv, rings.csv and network.csv.
    rx : dict
        Model -> rx.json.
    settings : dict
        Section ``potential.hyperparameters``.
    benchmarks : path-like
        Folder ``benchmarks`` of the study.

    Returns
    -------
    dict of pandas.DataFrame
    """
    return {
        "hyperparameters": hyperparameters(summaries, settings),
        "cost": costs.cost_table(benchmarks),
        "errors": errors(summaries, comparison),
        **of_structures(coordinations, closest, rings, network, rx),
    }


def of_structures(coordinations, closest, rings, network, rx):
    """Return the tables of the structures, with the arguments of ``assemble``."""
    return {
        "coordination": coordination(coordinations),
        "r_x": r_x(rx),
        "l_fold": l_fold(coordinations),
        "closest_approach": by_model(closest),
        "rings": by_model(rings),
        "network": by_model(network),
    }


def _folds(table):
    """Return the columns with the share of atoms that have l neighbours."""
    return [column for column in table.columns if column.startswith("percent_")]


def coordination(tables):
    """Return coordination numbers beside those of the reference (Table 1).

    Parameters
    ----------
    tables : dict
        Model -> coordination table, ``reference`` among them.

    Returns
    -------
    pandas.DataFrame
        model, centre, neighbour, cutoff_angstrom, coordination_number, standard_error, reference_coordination_number.
    """
    columns = ["model", "centre", "neighbour", "cutoff_angstrom", "coordination_number", "standard_error"]
    if tables["reference"].empty:
        return pd.DataFrame(columns=columns)
    reference = tables["reference"].set_index(["centre", "neighbour"])["coordination_number"]
    reference = reference.rename("reference_coordination_number")
    joined = pd.concat([table.assign(model=name)[columns] for name, table in tables.items()], ignore_index=True)
    return joined.join(reference, on=["centre", "neighbour"])


def l_fold(tables):
    """Return the share of atoms with l neighbours, percent, a row per model and pair (Tables S4 and S5)."""
    parts = [
        table.assign(model=name)[["model", "centre", "neighbour", *_folds(table)]] for name, table in tables.items()
    ]
    joined = pd.concat(parts, ignore_index=True)
    folds = sorted(_folds(joined), key=lambda column: int(column.split("_")[1]))
    joined[folds] = joined[folds].fillna(0.0)
    return joined[["model", "centre", "neighbour", *folds]]


def by_model(tables):
    """Return the tables of all models below each other, with the column ``model`` first."""
    joined = pd.concat([table.assign(model=name) for name, table in tables.items()], ignore_index=True)
    return joined[["model", *[column for column in joined.columns if column != "model"]]]


def hyperparameters(summaries, settings):
    """Return the hyperparameters of every potential and how they were searched (Table S1).

    Parameters
    ----------
    summaries : dict
        Potential -> summary.json.
    settings : dict
        Section ``potential.hyperparameters``.
    """
    table = pd.DataFrame({name: summary["hyperparameters"] for name, summary in summaries.items()})
    table.insert(0, "searched", [setting_text(settings[name]) for name in table.index])
    return table.rename_axis("hyperparameter").reset_index()


def r_x(results):
    """Return R_X of every model against the reference and every experiment (Table S3).

    Parameters
    ----------
    results : dict
        Model -> rx.json.

    Returns
    -------
    pandas.DataFrame
        model, against, r_x_percent, r_x_percent_error (over replicas), r_min_angstrom, r_max_angstrom,
        q_max_inverse_angstrom.
    """
    rows = [
        {"model": model, "against": against, **found}
        for model, result in results.items()
        for against, found in result.items()
    ]
    columns = [
        "model",
        "against",
        "r_x_percent",
        "r_x_percent_error",
        "r_min_angstrom",
        "r_max_angstrom",
        "q_max_inverse_angstrom",
    ]
    return pd.DataFrame(rows, columns=columns)


def errors(summaries, comparison):
    """Return sizes and errors of every potential on its own sets and on the frames outside the databases of all loops.

    Errors on blocks of time that were set aside have an interval of 95 %, in columns that end with low and high.

    Parameters
    ----------
    summaries : dict
        Potential -> summary.json.
    comparison : pandas.DataFrame
        potentials/comparison.csv.
    """
    quantities = ["rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom"]
    rows = []
    for name, summary in summaries.items():
        sizes = {part: summary[f"n_{part}"] for part in ("train", "test", "validation", "holdout")}
        if "cross_validation" in summary[quantities[0]]:
            sizes["cross_validation"] = summary["n_train"]
        for part, size in sizes.items():
            if size:
                found = {quantity: summary[quantity][part] for quantity in quantities}
                for quantity in quantities:
                    low, high = summary["intervals"][quantity].get(part) or (np.nan, np.nan)
                    found |= {f"{quantity}_low": low, f"{quantity}_high": high}
                rows.append({"potential": name, "frames": part, "n_frames": size, **found})
        # Rows without a temperature hold the errors over all temperatures.
        of_all = comparison[(comparison["potential"] == name) & comparison["temperature_k"].isna()]
        for _, found in of_all.iterrows():
            common = "used by no loop" + (", trained on them" if found["trained_on_them"] else "")
            rows.append({"potential": name, "frames": common, **found[["n_frames", *quantities]]})
    return pd.DataFrame(rows)
