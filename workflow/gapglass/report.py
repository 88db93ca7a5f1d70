"""The report: one self-contained HTML page that tells the study from frames to structure."""

import base64
import datetime
from pathlib import Path

import jinja2
import pandas as pd
import yaml

from gapglass.files import read_json, read_table
from gapglass.log import duration, versions
from gapglass.plots import model_label

TEMPLATE = Path(__file__).resolve().parents[1] / "report" / "report.html.j2"


def captions(settings, best):
    """Return the caption of every figure, with the settings used."""
    structure = settings["structure"]
    d_tol = settings["clustering"]["d_tol"]
    window = "with a Lorch window" if structure["window"] == "lorch" else "without a window"
    band = "Bands: standard error of the mean from block averages."
    return {
        "delta": f"Number of clusters and energy spread inside them against the weight of the Coulomb kernel; d_tol {d_tol:g}. "
        f"Dotted: the chosen δ = {best['delta']:g}.",
        "clusters": f"Energy of every frame along its trajectory, coloured by cluster "
        f"(δ = {best['delta']:g}, {best['n_clusters']} clusters). "
        "Vertical lines: temperature plateaus.",
        "map": "The frames in the plane by multidimensional scaling of D = √(2 − 2K), left by cluster, right by temperature.",
        "active_learning": "Energy error against the size of the training set: every fit of the hyperparameter search, "
        "and the best fit of each iteration "
        f"on training, test and hold-out frames. E_tol {settings['active_learning']['energy_tolerance']:g} meV/atom.",
        "parity": "Energies and force components of the potential against the reference, with the root mean square errors. "
        "Forces: an evenly spaced choice of points; the errors use all.",
        "melt_quench": "Temperature, potential energy per atom and pressure over the thermal cycle. Vertical lines: stages.",
        "structure_factor": "X-ray structure factor by direct sum over the wave vectors of the cell, "
        f"bins of {structure['q_bin']:g} Å⁻¹. {band}",
        "partial_structure_factors": f"Faber-Ziman partial structure factors. {band}",
        "pair_distribution": f"G(r) transformed from S(q) up to Q_max = {structure['q_max']:g} Å⁻¹ {window}. {band}",
        "coordination": "Share of atoms with l neighbours within the cutoffs; in the legend the mean coordination number.",
        "partial_pair_distributions": f"Partial pair distribution functions, bins of {structure['r_bin']:g} Å. {band}",
    }


def _number(value, digits=2):
    return "–" if value is None or pd.isna(value) else f"{value:.{digits}f}"


def costs(folder):
    """Return wall time, CPU time and peak memory per rule from Snakemake's benchmark files below ``folder``."""
    rows = {}
    for path in sorted(Path(folder).rglob("*.tsv")):
        rule = path.relative_to(folder).parts[0].removesuffix(".tsv")
        table = pd.read_csv(path, sep="\t", na_values="-")
        row = rows.setdefault(rule, {"jobs": 0, "wall": 0.0, "cpu": 0.0, "memory": 0.0})
        row["jobs"] += 1
        row["wall"] += float(table["s"].iloc[0])
        for key, column in (("cpu", "cpu_time"), ("memory", "max_rss")):
            value = float(table[column].iloc[0]) if column in table else 0.0
            value = 0.0 if pd.isna(value) else value
            row[key] = row[key] + value if key == "cpu" else max(row[key], value)
    listed = sorted(rows.items(), key=lambda item: -item[1]["wall"])
    return [
        {
            "rule": rule,
            "jobs": row["jobs"],
            "wall time": duration(row["wall"]),
            "CPU time": duration(row["cpu"]),
            "peak memory (MB)": f"{row['memory']:.0f}",
        }
        for rule, row in listed
    ]


def _setting_text(setting):
    if not isinstance(setting, dict):
        return "fixed"
    if "choices" in setting:
        return " or ".join(map(str, setting["choices"]))
    return f"{setting['low']} to {setting['high']}" + (", log" if setting["scale"] == "log" else "")


def _coordination_rows(tables):
    rows = []
    for name, table in tables.items():
        for _, row in table.iterrows():
            folds = {int(key.split("_")[1]): row[key] for key in table.columns if key.startswith("percent_")}
            rows.append(
                {
                    "model": model_label(name),
                    "pair": f"{row['neighbour']} around {row['centre']}",
                    "cutoff (Å)": _number(row["cutoff_angstrom"]),
                    "coordination number": f"{row['coordination_number']:.2f} ± {_number(row['standard_error'])}",
                    "l-fold (%)": ", ".join(f"{fold}: {share:.0f}" for fold, share in folds.items() if share >= 0.5),
                }
            )
    return sorted(rows, key=lambda row: row["pair"])


def _stage_rows(paths):
    rows = []
    for path in paths:
        thermo = read_table(path)
        *_, potential, atoms, replica, _ = Path(path).parts
        for stage, part in thermo.groupby("stage"):
            settled = part.iloc[len(part) // 2 :]
            rows.append(
                {
                    "model": model_label(f"{potential}_{atoms}_{replica}"),
                    "stage": int(stage),
                    "ends at (ps)": _number(part["time_ps"].iloc[-1]),
                    "mean T, 2nd half (K)": f"{settled['temperature_k'].mean():.0f}",
                    "energy (eV/atom)": _number(settled["potential_energy_ev"].mean() / int(atoms), 3),
                    "pressure (GPa)": _number(settled["pressure_gpa"].mean()),
                    "density (g/cm³)": _number(settled["density_g_per_cm3"].mean()),
                    "closest pair (Å)": _number(part["min_distance_angstrom"].min()),
                }
            )
    return rows


def render(settings, files, benchmarks):
    """Return the report as HTML.

    Parameters
    ----------
    settings : dict
        The whole completed configuration.
    files : object
        Attributes ``figures``, ``imported``, ``kernels``, ``best``, ``delta``, ``potential``, ``history``, ``reference``,
        ``coordination``, ``rx``, ``thermo``, ``speed``: paths or lists of paths.
    benchmarks : path-like
        Folder of Snakemake's benchmark files.
    """
    imported, best, potential = (read_json(getattr(files, name)) for name in ("imported", "best", "potential"))
    delta, history = read_table(files.delta), read_table(files.history)
    rx = [{**read_json(path), "label": model_label(Path(path).parent.name)} for path in files.rx]
    energy, force = potential["rmse_energy_mev_per_atom"], potential["rmse_force_ev_per_angstrom"]
    parts = ("train", "test", "holdout")
    sizes = {"train": potential["n_train"], "test": potential["n_test"]}
    sizes["holdout"] = potential["n_frames_reference"] - sum(sizes.values())
    used = versions()
    context = {
        "study": settings["study"],
        "notice": settings["notice"],
        "seed": settings["seed"],
        "date": datetime.date.today().isoformat(),
        "versions": used,
        "version_rows": [{"package": name, "version": version} for name, version in used.items()],
        "imported": imported,
        "kernels": read_json(files.kernels),
        "best": best,
        "potential": potential,
        "settings": settings,
        "settings_text": yaml.safe_dump(settings, sort_keys=False, allow_unicode=True),
        "figures": {Path(path).stem: base64.b64encode(Path(path).read_bytes()).decode() for path in files.figures},
        "captions": captions(settings, best),
        "facts": [
            (f"{potential['n_train']} of {potential['n_frames_reference']}", "frames train the potential"),
            (f"δ = {best['delta']:g}", f"{best['n_clusters']} clusters"),
            (f"{_number(energy['test'])} meV/atom", f"energy error on test frames (E_tol {potential['energy_tolerance']:g})"),
            (f"{_number(energy['holdout'])} meV/atom", "energy error on frames never used"),
            (f"{_number(force['holdout'], 3)} eV/Å", "force error on frames never used"),
            *[(f"{item['r_x_percent']:.0f} %", f"R_X, {item['label']}") for item in rx[:3]],
        ],
        "trajectories": [
            {"trajectory": e["name"], "role": e["role"], "frames used": imported["trajectories"][e["name"]], "file": e["file"]}
            for e in settings["trajectories"]
        ],
        "deltas": [
            {
                "δ": f"{row['delta']:g}",
                "clusters": int(row["n_clusters"]),
                "mean spread (meV/atom)": _number(row["mean_sigma_energy_mev_per_atom"], 1),
                "weighted by size (meV/atom)": _number(row["weighted_sigma_energy_mev_per_atom"], 1),
                "single-frame clusters": int(row["n_singletons"]),
                "d_tol met": "yes" if row["converged"] else "no, cap taken",
            }
            for _, row in delta.iterrows()
        ],
        "chosen_delta": int((delta["delta"] - best["delta"]).abs().argmin()),
        "errors": [
            {
                "frames": {"train": "training", "test": "test", "holdout": "hold-out"}[part],
                "number": sizes[part],
                "energy RMSE (meV/atom)": _number(energy[part]),
                "force RMSE (eV/Å)": _number(force[part], 3),
            }
            for part in parts
        ],
        "history": [
            {
                "iteration": int(row["iteration"]),
                "training": int(row["n_train"]),
                "test": int(row["n_test"]),
                "database": f"{100 * row['fraction']:.0f} %",
                "fits so far": int(row["n_fits_so_far"]),
                "test RMSE (meV/atom)": _number(row["rmse_energy_mev_per_atom_test"]),
                "hold-out RMSE (meV/atom)": _number(row["rmse_energy_mev_per_atom_holdout"]),
                "hold-out force RMSE (eV/Å)": _number(row["rmse_force_ev_per_angstrom_holdout"], 3),
            }
            for _, row in history.iterrows()
        ],
        "hyperparameters": [
            {"hyperparameter": name, "value": f"{value:g}", "searched": _setting_text(settings["potential"]["hyperparameters"][name])}
            for name, value in potential["hyperparameters"].items()
        ],
        "speeds": [read_json(path) for path in files.speed],
        "cycle_ps": sum(stage["time"] for stage in settings["glass"]["cycle"]),
        "stages": _stage_rows(files.thermo),
        "reference_temperature": settings["structure"]["reference_temperature"] or settings["glass"]["cycle"][-1]["temperature"],
        "rx": rx,
        "coordination": _coordination_rows({Path(path).parent.name: read_table(path) for path in (files.reference, *files.coordination)}),
        "costs": costs(benchmarks),
    }
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(**context)
