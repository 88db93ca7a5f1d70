"""The report: one self-contained HTML page that tells the study from frames to structure."""

import base64
import datetime
import struct
from pathlib import Path
from types import SimpleNamespace

import jinja2
import matplotlib.pyplot as plt
import pandas as pd
import yaml

from gapglass.active_learning.learning_curves import verdict
from gapglass.base.files import read_header, read_json, read_table
from gapglass.base.progress import duration
from gapglass.base.versions import versions
from gapglass.glass import explosion
from gapglass.report import catalogue
from gapglass.report.figures.style import PAGE, model_label
from gapglass.report.settings import settings_of
from gapglass.structure import absence, replicas
from gapglass.study import models

TEMPLATES = Path(__file__).with_name("templates")
ROLES = {
    "optimal": "samples the clusters of the chosen δ (MLIP(0) of the paper)",
    "soap_only": "samples the clusters of δ = 0 in a loop of its own (MLIP(1))",
    "all_frames": "trained on every frame with the hyperparameters of optimal (MLIP(2))",
}
FRAMES = {"train": "training", "test": "test", "holdout": "hold-out"}


def caption(figure, settings):
    """Return the caption of a figure: the same file that Snakemake's own report takes."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    text = environment.from_string(catalogue.caption_file(figure).read_text(encoding="utf-8"))
    return " ".join(text.render(snakemake=SimpleNamespace(config=settings)).split())


def _number(value, digits=2):
    return "–" if value is None or pd.isna(value) else f"{value:.{digits}f}"


def _with_error(value, error, digits=2):
    return _number(value, digits) + ("" if error is None or pd.isna(error) else f" ± {error:.{digits}f}")


def _pair(row):
    return f"{'all' if row['neighbour'] == 'all' else row['neighbour']} around {row['centre']}"


def _coordination_rows(table):
    """Return Table 1: a row per model, a column per pair, the reference in the first row."""
    rows = {}
    for _, row in table.iterrows():
        rows.setdefault(row["model"], {"model": model_label(row["model"])})[_pair(row)] = _with_error(
            row["coordination_number"], row["standard_error"]
        )
    return list(rows.values())


def _fold_rows(table):
    folds = [column for column in table.columns if column.startswith("percent_") and (table[column] >= 0.5).any()]
    names = {column: column.removeprefix("percent_").replace("_", "-") + " (%)" for column in folds}
    rows = [
        {"pair": _pair(row), "model": model_label(row["model"])}
        | {names[column]: _number(row[column], 1) for column in folds}
        for _, row in table.iterrows()
    ]
    return sorted(rows, key=lambda row: row["pair"])


def _closest_rows(table):
    return [
        {
            "model": model_label(row["model"]),
            "pair": row["pair"],
            "closest (Å)": _number(row["closest_distance_angstrom"]),
            "first peak (Å)": _number(row["first_peak_angstrom"]),
            "first minimum (Å)": _number(row["first_minimum_angstrom"]),
        }
        for _, row in table.sort_values(["pair"], kind="stable").iterrows()
    ]


def _r_x_rows(table):
    return [
        {
            "model": model_label(row["model"]),
            "against": model_label(row["against"]),
            "R_X (%)": _with_error(row["r_x_percent"], row["r_x_percent_error"], 1),
            "r (Å)": f"{row['r_min_angstrom']:.2f} to {row['r_max_angstrom']:.2f}",
            "Q_max (1/Å)": _number(row["q_max_inverse_angstrom"], 1),
        }
        for _, row in table.iterrows()
    ]


def _error_rows(table):
    return [
        {
            "potential": row["potential"],
            "frames": FRAMES.get(row["frames"], row["frames"]),
            "number": int(row["n_frames"]),
            "energy RMSE (meV/atom)": _number(row["rmse_energy_mev_per_atom"]),
            "force RMSE (eV/Å)": _number(row["rmse_force_ev_per_angstrom"], 3),
        }
        for _, row in table.iterrows()
    ]


def _hyperparameter_rows(table):
    potentials = [column for column in table.columns if column not in ("hyperparameter", "searched")]
    return [
        {
            "hyperparameter": row["hyperparameter"],
            **{name: f"{row[name]:g}" for name in potentials},
            "searched": row["searched"],
        }
        for _, row in table.iterrows()
    ]


def _cost_rows(table):
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


def _history_rows(paths):
    rows = []
    for path in paths:
        for _, row in read_table(path).iterrows():
            rows.append(
                {
                    "potential": Path(path).parent.name,
                    "iteration": int(row["iteration"]),
                    "training": int(row["n_train"]),
                    "test": int(row["n_test"]),
                    "database": f"{100 * row['fraction']:.0f} %",
                    "fits so far": int(row["n_fits_so_far"]),
                    "test RMSE (meV/atom)": _number(row["rmse_energy_mev_per_atom_test"]),
                    "hold-out RMSE (meV/atom)": _number(row["rmse_energy_mev_per_atom_holdout"]),
                    "hold-out force RMSE (eV/Å)": _number(row["rmse_force_ev_per_angstrom_holdout"], 3),
                }
            )
    return rows


def _delta_rows(table):
    return [
        {
            "δ": f"{row['delta']:g}",
            "clusters": int(row["n_clusters"]),
            "mean spread (meV/atom)": _number(row["mean_sigma_energy_mev_per_atom"], 1),
            "weighted by size (meV/atom)": _number(row["weighted_sigma_energy_mev_per_atom"], 1),
            "single-frame clusters": int(row["n_singletons"]),
            "d_tol met": "yes" if row["converged"] else "no, cap taken",
        }
        for _, row in table.iterrows()
    ]


def _stage_rows(paths, exploded):
    rows = []
    for path in paths:
        thermo = read_table(path)
        *_, potential, atoms, replica, _ = Path(path).parts
        model = f"{potential}_{atoms}_{replica}"
        for stage, part in thermo.groupby("stage"):
            settled = part.iloc[len(part) // 2 :]
            rows.append(
                {
                    "model": model_label(model),
                    "stage": f"{stage:.0f}"
                    + (", exploded" if model in exploded and stage == exploded[model]["stage"] else ""),
                    "ends at (ps)": _number(part["time_ps"].iloc[-1]),
                    "mean T, 2nd half (K)": _number(settled["temperature_k"].mean(), 0),
                    "energy (eV/atom)": _number(settled["potential_energy_ev"].mean() / int(atoms), 3),
                    "pressure (GPa)": _number(settled["pressure_gpa"].mean()),
                    "density (g/cm³)": _number(settled["density_g_per_cm3"].mean()),
                    "closest pair (Å)": _number(part["min_distance_angstrom"].min()),
                }
            )
    return rows


def _explosions(exploded):
    return [
        {**found, "model": model_label(model), "place": explosion.place(found)} for model, found in exploded.items()
    ]


def _without_structure(paths):
    """Return what the structure is made without: models, and replicas of models, each with its reason."""
    lines = []
    for path in paths:
        model, reason = model_label(Path(path).parent.name), absence.absence(path)
        if reason is not None:
            lines.append(f"{model}: no structure ({reason})")
        else:
            left_out = [
                line.removeprefix(replicas.LEFT_OUT)
                for line in read_header(path)
                if line.startswith(replicas.LEFT_OUT)
            ]
            if left_out:
                lines.append(f"{model}: without {'; '.join(left_out)}")
    return lines


def _speeds(found):
    """Return atoms -> ns/day, as a range where models differ; models that exploded while they were timed are left out."""
    speeds = {}
    for item in found:
        if item["ns_per_day"] is not None:
            speeds.setdefault(item["atoms"], []).append(item["ns_per_day"])
    texts = {
        atoms: sorted({f"{min(values):.2f}", f"{max(values):.2f}"}, key=float) for atoms, values in speeds.items()
    }
    return {atoms: " to ".join(texts[atoms]) for atoms in sorted(texts)}


def _width(path):
    """Return the width of a figure on the page (rem): in proportion to its width in print, so that all have one size of letters."""
    width_in_pixels = struct.unpack(">I", Path(path).read_bytes()[16:20])[0]
    return round(width_in_pixels / plt.rcParams["savefig.dpi"] * 60 / PAGE, 1)


def _learning_rows(summary):
    rows = []
    for strategy, part in summary[summary["group"] == "all"].groupby("strategy", sort=False):
        row = {"chosen by": strategy.replace("_", " ")}
        for _, point in part.sort_values("n_train").iterrows():
            row[f"{point['n_train']:.0f} frames"] = _with_error(
                point["rmse_energy_mev_per_atom"], point["rmse_energy_mev_per_atom_error"]
            )
        rows.append(row)
    return rows


def _left_out(imported):
    """Return in words what the readers and the import left out of each trajectory without rejecting it."""
    return [f"{count} {reason} ({name})" for name, of in imported["left_out"].items() for reason, count in of.items()]


def _setting_rows(settings):
    """Return a row per trajectory with the settings of the electronic structure that its files state."""
    columns = list(dict.fromkeys(key for of_file in settings.values() for key in of_file))
    return [
        {"trajectory": name} | {key.replace("_", " "): of_file.get(key, "–") for key in columns}
        for name, of_file in settings.items()
    ]


def _facts(settings, best, potentials, main, r_x):
    """Return the numbers at the head of the page."""
    summary = potentials[main]
    energy, force = summary["rmse_energy_mev_per_atom"], summary["rmse_force_ev_per_angstrom"]
    facts = [
        (f"{summary['n_train']} of {summary['n_frames_reference']}", "frames train the potential"),
        (f"δ = {best['delta']:g}", f"{best['n_clusters']} clusters"),
    ]
    if energy["test"] is not None:
        facts.append(
            (f"{energy['test']:.2f} meV/atom", f"energy error on test frames (E_tol {summary['energy_tolerance']:g})")
        )
    if energy["holdout"] is not None:
        facts += [
            (f"{energy['holdout']:.2f} meV/atom", "energy error on frames never used"),
            (f"{force['holdout']:.3f} eV/Å", "force error on frames never used"),
        ]
    shown = r_x[r_x["model"].str.startswith(f"{main}_") & (r_x["against"] == "reference")]
    facts += [(f"{row['r_x_percent']:.0f} %", f"R_X, {model_label(row['model'])}") for _, row in shown.iterrows()][:3]
    return facts


def render(settings, files, logs, learning_curves=()):
    """Return the report as HTML.

    Parameters
    ----------
    settings : dict
        The whole completed configuration.
    files : object
        Attributes ``figures``, ``imported``, ``kernels``, ``best``, ``delta``, ``potentials`` (summaries), ``histories``,
        ``tables``, ``thermo``, ``outcomes``, ``gr`` (of the models) and ``speed``: paths or lists of paths.
    logs : path-like
        Folder of the logs, which tell with which settings each result was made.
    learning_curves : list of path-like
        Summary and figures of the learning curves, where they have been made.
    """
    imported, best = read_json(files.imported), read_json(files.best)
    potentials = {Path(path).parent.name: read_json(path) for path in files.potentials}
    main = models.main_potential(settings)
    tables = {Path(path).stem: read_table(path) for path in files.tables}
    delta = read_table(files.delta)
    listed = catalogue.listed(settings) + (catalogue.learning(settings) if learning_curves else [])
    curves = read_table(learning_curves[0]) if learning_curves else None
    pictures = [*files.figures, *learning_curves[1:]]
    exploded = explosion.of_models(files.outcomes)
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
        "potentials": potentials,
        "main": main,
        "roles": ROLES,
        "settings": settings,
        "settings_text": yaml.safe_dump(settings, sort_keys=False, allow_unicode=True),
        "widths": {Path(path).stem: _width(path) for path in pictures},
        "figures": {Path(path).stem: base64.b64encode(Path(path).read_bytes()).decode() for path in pictures},
        "captions": {figure.name: caption(figure, settings) for figure in listed},
        "paper": {figure.name: figure.paper for figure in listed},
        "facts": _facts(settings, best, potentials, main, tables["r_x"]),
        "trajectories": [
            {
                "trajectory": e["name"],
                "role": e["role"],
                "frames used": imported["trajectories"][e["name"]],
                "file": e["file"],
            }
            for e in settings["trajectories"]
        ],
        "left_out": _left_out(imported),
        "dft_settings": _setting_rows(imported["settings"]),
        "deltas": _delta_rows(delta),
        "chosen_delta": int((delta["delta"] - best["delta"]).abs().argmin()),
        "errors": _error_rows(tables["errors"]),
        "history": _history_rows(files.histories),
        "hyperparameters": _hyperparameter_rows(tables["hyperparameters"]),
        "speeds": _speeds([read_json(path) for path in files.speed]),
        "cycle_ps": sum(stage["time"] for stage in settings["glass"]["cycle"]),
        "stages": _stage_rows(files.thermo, exploded),
        "exploded": _explosions(exploded),
        "n_models": len(files.outcomes),
        "without_structure": _without_structure(files.gr),
        "reference_temperature": settings["structure"]["reference_temperature"]
        or settings["glass"]["cycle"][-1]["temperature"],
        "r_x": _r_x_rows(tables["r_x"]),
        "coordination": _coordination_rows(tables["coordination"]),
        "l_fold": _fold_rows(tables["l_fold"]),
        "closest": _closest_rows(tables["closest_approach"]),
        "costs": _cost_rows(tables["cost"]),
        "made_with": settings_of(logs),
        "learning": _learning_rows(curves) if learning_curves else [],
        "verdict": verdict(curves) if learning_curves else [],
    }
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True)
    return environment.from_string((TEMPLATES / "report.html.j2").read_text(encoding="utf-8")).render(**context)
