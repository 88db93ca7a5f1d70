"""The tables of the report as rows of text: numbers rounded for reading, NaN as a dash, labels for models and sets.

Every function returns a list of dictionaries with the same keys, column -> text, one for each row of the page.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from gapglass.active_learning.learning_curves import selected
from gapglass.base.files import read_table
from gapglass.base.progress import duration
from gapglass.glass import closeness
from gapglass.potential.agreement import UNITS
from gapglass.report.figures.style import model_label
from gapglass.structure import rates as of_rates

FRAMES = {
    "train": "training",
    "test": "test",
    "validation": "validation (decides the stop)",
    "holdout": "hold-out",
    "cross_validation": "training, each left out once (cross-validation)",
}


def number(value, digits=2):
    """Return a number as text, a dash for None and NaN."""
    return "–" if value is None or pd.isna(value) else f"{value:.{digits}f}"


def with_error(value, error, digits=2):
    """Return a number with its standard error where it has one."""
    return number(value, digits) + ("" if error is None or pd.isna(error) else f" ± {error:.{digits}f}")


def with_interval(row, name, digits=2):
    """Return a number of a row with the interval of its columns ``{name}_low`` and ``{name}_high``, if any."""
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    interval = "" if low is None or pd.isna(low) else f" ({low:.{digits}f} to {high:.{digits}f})"
    return number(row[name], digits) + interval


def _pair(row):
    """Return the text of a centre and its neighbour."""
    return f"{row['neighbour']} around {row['centre']}"


def electronic_structure(settings):
    """Return a row per trajectory with the settings of the electronic structure that its files state.

    Parameters
    ----------
    settings : dict
        Trajectory -> {setting: value}, from frames/import.json.
    """
    columns = list(dict.fromkeys(key for of_file in settings.values() for key in of_file))
    return [
        {"trajectory": name} | {key.replace("_", " "): of_file.get(key, "–") for key in columns}
        for name, of_file in settings.items()
    ]


def trajectories(entries, n_frames):
    """Return the trajectories of a configuration with the number of frames that the study uses of each."""
    return [
        {
            "trajectory": entry["name"],
            "role": entry["role"],
            "frames used": n_frames[entry["name"]],
            "file": entry["file"],
        }
        for entry in entries
    ]


def deltas(table):
    """Return the scan over delta, from clusters/delta.csv."""
    return [
        {
            "δ": f"{row['delta']:g}",
            "clusters": int(row["n_clusters"]),
            "mean spread (meV/atom)": number(row["mean_sigma_energy_mev_per_atom"], 1),
            "weighted by size (meV/atom)": number(row["weighted_sigma_energy_mev_per_atom"], 1),
            "above the chosen (meV/atom)": with_error(
                row["difference_mev_per_atom"], row["difference_error_mev_per_atom"], 1
            ),
            "single-frame clusters": int(row["n_singletons"]),
            "share of the Coulomb kernel": f"{100 * row['coulomb_share']:.0f} %",
            "d_tol met": "yes" if row["converged"] else "no, cap taken",
        }
        for _, row in table.iterrows()
    ]


def kernels(summary):
    """Return how far apart the frames are in each kernel, from kernels/kernels.json."""
    names = {"soap": "SOAP", "coulomb": "Coulomb matrix"}
    return [
        {
            "kernel": name,
            "median of 2 − 2K": f"{summary['spread'][key]['median']:.3g}",
            "lowest": f"{summary['spread'][key]['lowest']:.3g}",
            "highest": f"{summary['spread'][key]['highest']:.3g}",
            "standard deviation": f"{summary['spread'][key]['deviation']:.3g}",
            "divided by": f"{summary['medians'][key]:.3g}",
        }
        for key, name in names.items()
    ]


def history(paths):
    """Return the iterations of every active-learning loop, from potentials/{potential}/history.csv."""
    rows = []
    for path in paths:
        for _, row in read_table(path).iterrows():
            rows.append(
                {
                    "potential": Path(path).parent.name,
                    "iteration": int(row["iteration"]),
                    "training": int(row["n_train"]),
                    "test": int(row["n_test"]),
                    "labels read": int(row["n_labels_read"]),
                    "database": f"{100 * row['fraction']:.0f} %",
                    "fits so far": int(row["n_fits_so_far"]),
                    "limited by (fall with twice the frames)": _limited(row),
                    **_judged(row),
                    **_validated(row),
                    "hold-out RMSE (meV/atom; eV/Å)": _both(row, "holdout"),
                }
            )
    return rows


def _limited(row):
    """Return whether data or model limited the errors of an iteration, and how much more frames would lower them."""
    if pd.isna(row["limited_by"]):
        return "not estimated"
    return f"{row['limited_by']} ({row['fall_with_twice_the_frames_percent']:.1f} %)"


def _judged(row):
    """Return the errors that ended an iteration: those on test frames or those of the folds of a cross-validation."""
    if np.isfinite(row["rmse_energy_mev_per_atom_test"]):
        return {"test RMSE (meV/atom)": number(row["rmse_energy_mev_per_atom_test"])}
    return {
        "cross-validation RMSE (meV/atom; eV/Å)": _both(row, "cross_validation"),
    }


def _both(row, part):
    """Return the errors of energy and forces on a set as one text."""
    energy, force = (row[f"{name}_{part}"] for name in ("rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom"))
    return f"{number(energy)}; {number(force, 3)}"


def _validated(row):
    """Return the error that decided the stop and its upper bound, nothing where a point estimate did."""
    if not np.isfinite(row["rmse_energy_mev_per_atom_validation"]):
        return {}
    bound = row["upper_energy_mev_per_atom"]
    at_most = "" if pd.isna(bound) else f", at most {bound:.2f}"
    return {"validation RMSE (meV/atom)": number(row["rmse_energy_mev_per_atom_validation"]) + at_most}


def errors(table):
    """Return the errors of every potential, from tables/errors.csv."""
    return [
        {
            "potential": row["potential"],
            "frames": FRAMES.get(row["frames"], row["frames"]),
            "number": int(row["n_frames"]),
            "energy RMSE (meV/atom)": with_interval(row, "rmse_energy_mev_per_atom"),
            "force RMSE (eV/Å)": with_interval(row, "rmse_force_ev_per_angstrom", 3),
        }
        for _, row in table.iterrows()
    ]


def calibration(summaries):
    """Return how the errors on hold-out frames compare with the predicted ones, a row per potential and quantity.

    Parameters
    ----------
    summaries : dict
        Potential -> summary.json.
    """
    return [
        {
            "potential": potential,
            "quantity": label,
            "hold-out frames": summary["calibration"]["n_frames"],
            "mean predicted deviation": f"{1000 * of['mean_sigma']:.2f} meV/atom"
            if name == "energy"
            else f"{of['mean_sigma']:.3f} eV/Å",
            "inside 1 deviation": f"{100 * of['inside_1_sigma']:.0f} %",
            "inside 2 deviations": f"{100 * of['inside_2_sigma']:.0f} %",
        }
        for potential, summary in summaries.items()
        if summary["calibration"] and summary["calibration"]["n_frames"]
        for name, label in (("energy", "energy per atom"), ("force", "force component"))
        for of in [summary["calibration"][name]]
    ]


def agreement(summaries):
    """Return the largest differences between engine and QUIP, a row per potential and kind of frame.

    Parameters
    ----------
    summaries : dict
        Potential -> summary.json.
    """
    return [
        {
            "potential": potential,
            "frames": f"{len(summary['agreement']['frames'])} {kind}",
            **_differences(of_kind),
        }
        for potential, summary in summaries.items()
        for kind, of_kind in summary["agreement"]["kinds"].items()
    ]


def pair_styles(found):
    """Return the differences between LAMMPS and Python on one frame, from potentials/{potential}/pair_style.json."""
    return [
        {
            "potential": potential,
            "pair style": item["engine"],
            "MPI ranks": item["ranks"],
            **_differences(item["differences"]),
        }
        for potential, item in found.items()
    ]


def _differences(of_quantity):
    """Return the difference of each quantity and the limit that it had to keep."""
    return {
        f"{quantity} ({UNITS[quantity]})": f"{item['difference']:.1e} (limit {item['limit']:.0e})"
        for quantity, item in of_quantity.items()
    }


def hyperparameters(table):
    """Return the hyperparameters, a column per potential, from tables/hyperparameters.csv."""
    potentials = [column for column in table.columns if column not in ("hyperparameter", "searched")]
    return [
        {
            "hyperparameter": row["hyperparameter"],
            **{name: f"{row[name]:g}" for name in potentials},
            "searched": row["searched"],
        }
        for _, row in table.iterrows()
    ]


def errors_by_temperature(summaries):
    """Return the errors on frames that were set aside, a row for each potential, set and temperature."""
    rows = []
    for name, summary in summaries.items():
        for found in summary.get("errors_by_temperature") or []:
            flat = {"energy": found["rmse_energy_mev_per_atom"], "force": found["rmse_force_ev_per_angstrom"]}
            for short, key in (("energy", "rmse_energy_mev_per_atom"), ("force", "rmse_force_ev_per_angstrom")):
                flat[f"{short}_low"], flat[f"{short}_high"] = found["intervals"][key] or (None, None)
            rows.append(
                {
                    "potential": name,
                    "frames": FRAMES[found["set"]],
                    "temperature (K)": f"{found['temperature_k']:g}",
                    "number": found["n_frames"],
                    "blocks": found["n_blocks"],
                    "energy RMSE (meV/atom)": with_interval(flat, "energy"),
                    "force RMSE (eV/Å)": with_interval(flat, "force", 3),
                }
            )
    return rows


def nve(summaries):
    """Return the run at constant energy of every potential that has one, from summary.json."""
    return [
        {
            "potential": name,
            "temperature (K)": f"{found['temperature_k']:.0f}",
            "atoms": found["n_atoms"],
            "time step (fs)": f"{found['timestep_fs']:g}",
            "time (ps)": f"{found['time_ps']:.3g}",
            "atoms held together": "yes" if found["survived"] else f"no, until step {found['step']}",
            "drift (meV/atom/ps)": _signed(found["drift_mev_per_atom_per_ps"]),
            "fluctuation (meV/atom)": number(found["fluctuation_mev_per_atom"]),
            "closest, of the frames' closest": _of_closest(found["closeness"]),
        }
        for name, summary in summaries.items()
        if (found := summary.get("nve"))
    ]


def _signed(value):
    return "–" if value is None else f"{value:+.2g}"


def _of_closest(found):
    """Return the smallest distance of a pair as a share of its closest distance in the frames."""
    return "–" if found is None or found["pair"] is None else f"{found['ratio']:.2f} ({found['pair']})"


def crystals(table):
    """Return the properties of the crystals, from tables/crystals.csv: a row each, a column per potential."""
    rows, potentials = {}, list(dict.fromkeys(table["potential"]))
    for _, row in table.iterrows():
        key = (row["structure"], row["quantity"])
        unit = "" if row["unit"] == "1" else f" ({row['unit']})"
        shown = rows.setdefault(key, {"crystal": row["structure"], "quantity": row["quantity"] + unit})
        percent = "" if pd.isna(row["difference_percent"]) else f" ({row['difference_percent']:+.1f} %)"
        shown[row["potential"]] = "–" if pd.isna(row["value"]) else f"{row['value']:.4g}{percent}"
        shown["reference"] = "" if pd.isna(row["reference"]) else f"{row['reference']:.4g}"
        shown["source"] = "" if pd.isna(row["source"]) else row["source"]
    columns = ["crystal", "quantity", *potentials, "reference", "source"]
    return [{column: row.get(column, "–") for column in columns} for row in rows.values()]


def stages(paths, exploded, counts, ratio):
    """Return the stages of every quench, from glass/{potential}/{atoms}/{replica}/thermo.csv.

    Parameters
    ----------
    paths : list of path-like
    exploded : dict
        Model -> outcome of its quench, of the models that exploded.
    counts : dict
        Model -> counts of its stages, from ``closeness.counts_of_models``.
    ratio : float
        ``glass.too_close_ratio``.
    """
    rows = []
    for path in paths:
        *_, potential, atoms, replica, _ = Path(path).parts
        model = f"{potential}_{atoms}_{replica}"
        counted = {found["stage"]: found for found in counts.get(model, [])}
        for stage, part in read_table(path).groupby("stage"):
            here = model in exploded and stage == exploded[model]["stage"]
            settled = part.iloc[len(part) // 2 :]
            rows.append(
                {
                    "model": model_label(model),
                    "stage": f"{stage:.0f}" + (", exploded" if here else ""),
                    "ends at (ps)": number(part["time_ps"].iloc[-1]),
                    "mean T, 2nd half (K)": number(settled["temperature_k"].mean(), 0),
                    "energy (eV/atom)": number(settled["potential_energy_ev"].mean() / int(atoms), 3),
                    "pressure (GPa)": number(settled["pressure_gpa"].mean()),
                    "density (g/cm³)": number(settled["density_g_per_cm3"].mean()),
                    "closest pair (Å)": number(part["min_distance_angstrom"].min()),
                    **_closeness(counted.get(stage), ratio),
                }
            )
    return rows


def _closeness(found, ratio):
    """Return how close a stage came, as a share of the frames' closest distances, and in how many of its frames."""
    share = None if found is None else 100 * closeness.share(found, ratio)
    return {
        "closest, of the frames' closest": _of_closest(found),
        f"frames below {ratio:g} of it (%)": number(share, 1),
    }


def coordination(table):
    """Return Table 1 from tables/coordination.csv: a row per model, a column per pair, the reference first."""
    rows = {}
    for _, row in table.iterrows():
        model = rows.setdefault(row["model"], {"model": model_label(row["model"])})
        model[_pair(row)] = with_error(row["coordination_number"], row["standard_error"])
    return list(rows.values())


def l_fold(table):
    """Return the shares of atoms with l neighbours from tables/l_fold.csv, those of at least 0.5 % somewhere."""
    folds = [column for column in table.columns if column.startswith("percent_") and (table[column] >= 0.5).any()]
    names = {column: column.removeprefix("percent_").replace("_", "-") + " (%)" for column in folds}
    rows = [
        {"pair": _pair(row), "model": model_label(row["model"])}
        | {names[column]: number(row[column], 1) for column in folds}
        for _, row in table.iterrows()
    ]
    return sorted(rows, key=lambda row: row["pair"])


def closest_approach(table):
    """Return closest distance, first peak and first minimum, pair by pair, from tables/closest_approach.csv."""
    return [
        {
            "model": model_label(row["model"]),
            "pair": row["pair"],
            "closest (Å)": number(row["closest_distance_angstrom"]),
            "first peak (Å)": number(row["first_peak_angstrom"]),
            "first minimum (Å)": number(row["first_minimum_angstrom"]),
        }
        for _, row in table.sort_values(["pair"], kind="stable").iterrows()
    ]


def rings(table):
    """Return the primitive rings per former from tables/rings.csv: a row per model, a column per size."""
    rows = {}
    for _, row in table.iterrows():
        model = rows.setdefault(row["model"], {"model": model_label(row["model"])})
        model[f"{row['formers_in_ring']:.0f}"] = with_error(row["rings_per_former"], row["rings_per_former_error"])
    return list(rows.values())


# Words for the quantities of tables/network.csv.
SPECIES_OF_NETWORK = {"Q": "{species} Q{n}", "bridge": "{species} bonded to {n}", "shared": "pairs sharing {n}"}


def network(table):
    """Return the shares from tables/network.csv: a row per model, a column for those of at least 0.5 % somewhere."""
    rows = {}
    keys = ["quantity", "species", "n"]
    table = table[table.groupby(keys)["share_percent"].transform("max") >= 0.5]
    columns = [
        SPECIES_OF_NETWORK[quantity].format(species=species, n=int(n)) + " (%)"
        for quantity, species, n in table[keys].drop_duplicates().sort_values(keys).itertuples(index=False)
    ]
    for _, row in table.iterrows():
        model = rows.setdefault(
            row["model"], {"model": model_label(row["model"]), **dict.fromkeys(columns, number(0.0, 1))}
        )
        name = SPECIES_OF_NETWORK[row["quantity"]].format(species=row["species"], n=int(row["n"])) + " (%)"
        model[name] = with_error(row["share_percent"], row["share_percent_error"], 1)
    return list(rows.values())


def r_x(table):
    """Return the Wright parameters from tables/r_x.csv."""
    return [
        {
            "model": model_label(row["model"]),
            "against": model_label(row["against"]),
            "R_X (%)": with_error(row["r_x_percent"], row["r_x_percent_error"], 1),
            "r (Å)": f"{row['r_min_angstrom']:.2f} to {row['r_max_angstrom']:.2f}",
            "Q_max (1/Å)": number(row["q_max_inverse_angstrom"], 1),
        }
        for _, row in table.iterrows()
    ]


def learning_curves(summary):
    """Return the energy errors on all frames of the hold-out, a row per strategy, a column per size."""
    rows = []
    here = selected(summary[summary["group"] == "all"])
    for strategy, part in here.groupby("strategy", sort=False):
        row = {"chosen by": strategy.replace("_", " ")}
        for _, point in part.sort_values("n_train").iterrows():
            row[f"{point['n_train']:.0f} frames"] = with_error(
                point["rmse_energy_mev_per_atom"], point["rmse_energy_mev_per_atom_error"]
            )
        row["labels read"] = " to ".join(
            str(int(n)) for n in sorted({part["labels_read"].min(), part["labels_read"].max()})
        )
        rows.append(row)
    return rows


def savings(table):
    """Return how many times as many frames a choice at random needs for the same energy error, a row per strategy."""
    rows = []
    here = selected(table[table["group"] == "all"])
    for strategy, part in here[here["quantity"] == "rmse_energy_mev_per_atom"].groupby("strategy", sort=False):
        row = {"chosen by": strategy.replace("_", " ")}
        for _, point in part.sort_values("n_train").iterrows():
            interval = f"({point['ratio_low']:.1f} to {point['ratio_high']:.1f})"
            row[f"{point['n_train']:.0f} frames"] = f"{_bound(point['bound'])}{point['ratio']:.1f} {interval}"
        rows.append(row)
    return rows


def _bound(mark):
    """Return the mark of a bound as text before a number; an empty field of a table is read as NaN."""
    return f"{mark} " if isinstance(mark, str) and mark else ""


def costs(table):
    """Return time and memory of every rule, from tables/cost.csv."""
    return [
        {
            "rule": row["rule"],
            "jobs": int(row["jobs"]),
            "wall time": duration(row["wall_time_s"]),
            "CPU time": duration(row["cpu_time_s"]),
            "longest job": duration(60 * row["longest_job_min"]),
            "asked for": "-" if pd.isna(row["asked_time_min"]) else duration(60 * row["asked_time_min"]),
            "peak memory (MB)": f"{row['peak_memory_mb']:.0f}",
            "asked for (MB)": "-" if pd.isna(row["asked_memory_mb"]) else f"{row['asked_memory_mb']:.0f}",
        }
        for _, row in table.iterrows()
    ]


def rates(table):
    """Return the numbers of the glass at every cooling rate from tables/rates.csv, a row for each number."""
    found = []
    for (quantity, of), part in table.fillna({"of": ""}).groupby(["quantity", "of"], sort=False):
        row = {"number": of_rates.name(quantity, of)}
        for _, item in part.iterrows():
            row[f"{item['rate_k_per_ps']:g} K/ps"] = with_error(item["value"], item["error"], 3)
        known = part["reference"].iloc[0]
        found.append(row | {"reference": "" if pd.isna(known) else f"{known:.3f}"})
    return found


def glass_transition(table):
    """Return the glass transitions from tables/glass_transition.csv: a row per model and quantity."""
    return [
        {
            "model": model_label(row["model"]),
            "from": row["quantity"],
            "glass transition (K)": with_error(row["transition_k"], row["transition_k_error"], 0)
            if row["n_named"]
            else "none named",
            "named in": f"{row['n_named']} of {row['n_replicas']}",
            "why not": "" if pd.isna(row["reason"]) else row["reason"],
        }
        for _, row in table.iterrows()
    ]


def densities(table):
    """Return the densities at constant pressure from tables/density.csv, the reference and experiments first."""
    return [
        {
            "model": model_label(row["model"]),
            "stage": "" if pd.isna(row["stage"]) else f"{row['stage']:.0f}",
            "T (K)": "" if pd.isna(row["temperature_k"]) else number(row["temperature_k"], 0),
            "density (g/cm³)": with_error(row["density_g_per_cm3"], row["density_g_per_cm3_error"], 3),
        }
        for _, row in table.iterrows()
    ]


def thermal_expansion(table):
    """Return the thermal expansion from tables/thermal_expansion.csv: a row per model and range of temperatures."""
    return [
        {
            "model": model_label(row["model"]),
            "range": f"{row['range']}, {row['from_k']:.0f} to {row['to_k']:.0f} K",
            "volumetric expansion (1e-6/K)": with_error(
                row["expansion_1e_6_per_k"], row["expansion_1e_6_per_k_error"], 1
            ),
        }
        for _, row in table.iterrows()
    ]
