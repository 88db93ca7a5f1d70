"""The paper's tables as data frames, for CSV files and the report; ``catalogue.TABLES`` lists them."""

import numpy as np
import pandas as pd

from gapglass.potential.hyperparameters import setting_text
from gapglass.report import costs
from gapglass.structure import expansion


def assemble(
    *,
    summaries,
    comparison,
    coordinations,
    closest,
    rings,
    network,
    rx,
    quenches,
    crystals,
    structures,
    settings,
    benchmarks,
):
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
    quenches : dict
        Arguments of ``of_quenches`` by name.
    crystals : dict
        Potential -> crystal -> its JSON.
    structures : list of dict
        ``validation.structures``.
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
        "crystals": of_crystals(crystals, structures),
        **of_structures(coordinations, closest, rings, network, rx),
        **of_quenches(**quenches),
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


def of_quenches(windows, transitions, frames, npt, experiments):
    """Return glass transition, density and thermal expansion of every model, beside reference and experiments.

    Parameters
    ----------
    windows, transitions : dict
        "{potential}_{atoms}_{replica}" -> quench.csv and transition.json.
    frames : pandas.DataFrame
        frames/table.csv.
    npt : list of int
        Numbers of the stages at constant pressure, from 1.
    experiments : list of dict
        ``structure.experiments``.

    Returns
    -------
    dict of pandas.DataFrame
        glass_transition: model, quantity (enthalpy or volume), transition_k, transition_k_error, n_named (replicas in
        which one is named), n_replicas, reason. density: model, stage, temperature_k, density_g_per_cm3,
        density_g_per_cm3_error, means over the second half of each stage at constant pressure; of the reference at
        each of its temperatures, of an experiment without a temperature. thermal_expansion: model, range (glass,
        liquid, cooling or reference), expansion_1e_6_per_k, expansion_1e_6_per_k_error, from_k, to_k. Errors are
        standard errors over replicas, of a single one those of its line.
    """
    found = {}
    for name, item in transitions.items():
        found.setdefault(name.rsplit("_", 1)[0], []).append(item)
    crossings, expansions = [], []
    for model, items in found.items():
        # An unfinished study may hold results of a version that did not look at the volume.
        items = [{"volume": None, "expansion": {}} | item for item in items]
        volumes = [item["volume"] for item in items if npt and item["volume"]]
        of_quantity = {"enthalpy": items, "volume": volumes}
        for quantity, each in of_quantity.items():
            if each:
                crossings.append({"model": model, "quantity": quantity} | _transition(each))
        for part in dict.fromkeys(name for item in items for name in item["expansion"]):
            fits = [item["expansion"][part] for item in items if part in item["expansion"]]
            expansions.append({"model": model, "range": part} | _expansion(fits))
    means = {}
    for name, table in windows.items():
        for stage, part in table[table["stage"].isin(npt)].groupby("stage"):
            late = part[part["window"] > part["window"].max() / 2][["temperature_k", "density_g_per_cm3"]].mean()
            means.setdefault((name.rsplit("_", 1)[0], stage), []).append(late)
    densities = [
        {"model": model, "stage": stage, **pd.DataFrame(values).mean().to_dict()}
        | {"density_g_per_cm3_error": pd.DataFrame(values)["density_g_per_cm3"].sem()}
        for (model, stage), values in means.items()
    ]
    if densities:
        reference = frames[frames["role"] == "reference"].groupby("temperature_k")["density_g_per_cm3"].mean()
        rows = [
            {"model": "reference", "temperature_k": kelvin, "density_g_per_cm3": value}
            for kelvin, value in reference.items()
        ]
        rows += [
            {"model": f"experiment_{entry['name']}", "density_g_per_cm3": entry["density"]}
            for entry in experiments
            if entry["density"] is not None
        ]
        densities = rows + densities
        # A reference with one cell at all temperatures has no expansion.
        fitted = expansion.fit(reference.index, reference) if reference.round(4).nunique() > 1 else None
        if fitted:
            expansions.insert(0, {"model": "reference", "range": "reference"} | _expansion([fitted]))
    columns = {
        "glass_transition": ["transition_k", "transition_k_error", "n_named", "n_replicas", "reason"],
        "density": ["stage", "temperature_k", "density_g_per_cm3", "density_g_per_cm3_error"],
        "thermal_expansion": ["range", "expansion_1e_6_per_k", "expansion_1e_6_per_k_error", "from_k", "to_k"],
    }
    columns["glass_transition"].insert(0, "quantity")
    tables = zip(columns.items(), (crossings, densities, expansions), strict=True)
    return {name: pd.DataFrame(rows, columns=["model", *names]) for (name, names), rows in tables}


def _transition(items):
    """Return the mean of the glass transitions of replicas, with the standard error over them or of the only one."""
    named = [item for item in items if item["temperature_k"] is not None]
    values = pd.Series([item["temperature_k"] for item in named], dtype=float)
    return {
        "transition_k": values.mean(),
        "transition_k_error": values.sem() if len(named) > 1 else named[0]["error_k"] if named else np.nan,
        "n_named": len(named),
        "n_replicas": len(items),
        "reason": "; ".join(dict.fromkeys(item["reason"] for item in items if item["reason"])),
    }


def _expansion(fits):
    """Return the mean expansion of replicas in 1e-6/K, with the standard error over them or of the only line."""
    values = 1e6 * pd.Series([item["per_k"] for item in fits])
    return {
        "expansion_1e_6_per_k": values.mean(),
        "expansion_1e_6_per_k_error": values.sem() if len(fits) > 1 else 1e6 * fits[0]["error_per_k"],
        "from_k": np.mean([item["from_k"] for item in fits]),
        "to_k": np.mean([item["to_k"] for item in fits]),
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
        model, against, r_x_percent, r_x_percent_error (over replicas), n_replicas, r_min_angstrom,
        r_max_angstrom, q_max_inverse_angstrom.
    """
    rows = [
        {"model": model, "against": against, "n_replicas": len(found.get("r_x_percent_replicas", [None])), **found}
        for model, result in results.items()
        for against, found in result.items()
    ]
    columns = [
        "model",
        "against",
        "r_x_percent",
        "r_x_percent_error",
        "n_replicas",
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


def of_crystals(found, structures):
    """Return the properties of every crystal beside the values of the configuration.

    Parameters
    ----------
    found : dict
        Potential -> crystal -> what ``potential.crystals.characterise`` found.
    structures : list of dict
        ``validation.structures``.

    Returns
    -------
    pandas.DataFrame
        potential, structure, quantity, unit, value, reference (NaN where none is given), difference_percent and
        source. A crystal that is not relaxed has no row.
    """
    rows = []
    for potential, crystals in found.items():
        for entry in structures:
            given = entry["reference"] or {}
            item = crystals.get(entry["name"])
            if item is None or not item["relaxed"]:
                continue
            other = crystals.get(entry["relative_to"])
            for quantity, unit, value, reference in _properties(item, other, given):
                difference = (
                    np.nan if value is None or not reference else round(100 * (value / reference - 1), 4) + 0.0
                )
                rows.append(
                    {
                        "potential": potential,
                        "structure": entry["name"],
                        "quantity": quantity,
                        "unit": unit,
                        "value": value,
                        "reference": reference,
                        "difference_percent": difference,
                        "source": "" if reference is None else given["source"],
                    }
                )
    columns = ["potential", "structure", "quantity", "unit", "value", "reference", "difference_percent", "source"]
    return pd.DataFrame(rows, columns=columns).astype(
        {name: float for name in ("value", "reference", "difference_percent")}
    )


def _properties(item, other, given):
    """Yield quantity, unit, value and reference value of a relaxed crystal; None stands for what is not known."""
    edges = zip(("a", "b", "c", "alpha", "beta", "gamma"), item["lattice"], strict=True)
    for place, (name, value) in enumerate(edges):
        yield name, "Å" if place < 3 else "degree", value, given["lattice"][place] if "lattice" in given else None
    yield "volume", "Å³/atom", item["volume_angstrom3_per_atom"], given.get("volume")
    state = item["equation_of_state"] or {}
    yield "bulk modulus", "GPa", state.get("bulk_modulus_gpa"), given.get("bulk_modulus")
    yield "its pressure derivative", "1", state.get("bulk_modulus_derivative"), None
    if item["cohesive_energy_ev_per_atom"] is not None or "cohesive_energy" in given:
        yield "cohesive energy", "eV/atom", item["cohesive_energy_ev_per_atom"], given.get("cohesive_energy")
    if other is not None and other["relaxed"]:
        relative = 1000 * (item["energy_ev_per_atom"] - other["energy_ev_per_atom"])
        yield "relative energy", "meV/atom", relative, given.get("relative_energy")
    if item["elasticity"]:
        wanted = given.get("elastic_constants", {})
        for name, value in _constants(item["elasticity"]["constants_gpa"], wanted):
            yield name, "GPa", value, wanted.get(name)
        for name, key in (("bulk modulus (Reuss)", "bulk_reuss_gpa"), ("shear modulus (Hill)", "shear_hill_gpa")):
            yield name, "GPa", item["elasticity"][key], None


def _constants(matrix, wanted):
    """Yield name and value of the elastic constants that the symmetry leaves, and of those with a reference."""
    seen = []
    for i in range(6):
        for j in range(i, 6):
            name, value = f"C{i + 1}{j + 1}", matrix[i][j]
            kind = (i == j, i < 3, j < 3)
            alike = any(kind == other and abs(value - known) < 1e-6 * max(1.0, abs(known)) for other, known in seen)
            if name in wanted or f"C{j + 1}{i + 1}" in wanted or (abs(value) > 0.05 and not alike):
                yield (f"C{j + 1}{i + 1}" if f"C{j + 1}{i + 1}" in wanted else name), value
            seen.append((kind, value))
