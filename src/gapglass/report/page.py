"""The report: one self-contained HTML page from the frames of a study to the structure of its glass models."""

import base64
import datetime
import struct
from pathlib import Path
from types import SimpleNamespace

import jinja2
import matplotlib as mpl

from gapglass.active_learning.learning_curves import verdict
from gapglass.base.files import read_json, read_table
from gapglass.base.versions import versions
from gapglass.glass import closeness, explosion, outside
from gapglass.potential.hyperparameters import bound_warnings
from gapglass.report import catalogue, findings, reading, rows
from gapglass.report.figures.style import PAGE
from gapglass.report.settings import settings_of
from gapglass.study import models
from gapglass.study.source import yaml_text

TEMPLATES = Path(__file__).with_name("templates")
ROLES = {
    "optimal": "samples the clusters of the chosen δ (MLIP(0) of the paper)",
    "soap_only": "samples the clusters of δ = 0 in a loop of its own (MLIP(1))",
    "all_frames": "trained on every frame that may train, with the hyperparameters of optimal (MLIP(2))",
}
# What the loop of ``optimal`` adds where it does not draw from clusters, which soap_only then does not either.
CHOICES = {
    "residual": "adds the frames that, once fitted, lower the errors on other blocks of time most (residual)",
    "largest_residual": "adds the frames with the largest errors, and some at random (largest_residual)",
    "variance": "adds the frames that lower the predicted variances most (variance)",
    "uniform_in_time": "takes frames at even steps in time (uniform_in_time)",
    "random": "draws frames at random (random)",
    "farthest_point": "takes the frames farthest from those chosen before (farthest_point)",
}


def caption(figure, settings):
    """Return the caption of a figure, from the file that Snakemake's own report takes too."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    text = environment.from_string(catalogue.caption_file(figure).read_text(encoding="utf-8"))
    return " ".join(text.render(snakemake=SimpleNamespace(config=settings)).split())


def _width(path):
    """Return the width of a figure on the page (rem), in proportion to its width in print, so letters are equal."""
    width_in_pixels = struct.unpack(">I", Path(path).read_bytes()[16:20])[0]
    return round(width_in_pixels / mpl.rcParams["savefig.dpi"] * 60 / PAGE, 1)


def _pictures(settings, paths, learning_curves):
    """Return the images of the page with their widths, captions and places in the paper, by the name of the figure."""
    listed = catalogue.listed(settings) + (catalogue.learning(settings) if learning_curves else [])
    return {
        "widths": {Path(path).stem: _width(path) for path in paths},
        "figures": {Path(path).stem: base64.b64encode(Path(path).read_bytes()).decode() for path in paths},
        "captions": {figure.name: caption(figure, settings) for figure in listed},
        "paper": {figure.name: figure.paper for figure in listed},
    }


def _study(settings, logs):
    """Return the part of the page on the study as a whole: names, versions, settings."""
    used = versions()
    return {
        "study": settings["study"],
        "notice": settings["notice"],
        "seed": settings["seed"],
        "date": datetime.date.today().isoformat(),
        "versions": used,
        "version_rows": [{"package": name, "version": version} for name, version in used.items()],
        "settings": settings,
        "settings_text": yaml_text(settings),
        "made_with": settings_of(logs),
    }


def _frames_and_clusters(settings, files):
    """Return the part of the page on the frames and their clusters."""
    imported, best, delta = read_json(files.imported), read_json(files.best), read_table(files.delta)
    kernels = read_json(files.kernels)
    return {
        "imported": imported,
        "trajectories": rows.trajectories(settings["trajectories"], imported["trajectories"]),
        "left_out": findings.left_out(imported),
        "dft_settings": rows.electronic_structure(imported["settings"]),
        "kernels": kernels,
        "spreads": rows.kernels(kernels),
        "decides_alone": findings.decides_alone(best),
        "best": best,
        "deltas": rows.deltas(delta),
        "chosen_delta": int((delta["delta"] - best["delta"]).abs().argmin()),
    }


def _potentials(settings, files, tables, best, doubted):
    """Return the part of the page on the potentials, and the facts at its head."""
    potentials = reading.by_folder(files.potentials, read_json)
    main, strategy = models.main_potential(settings), settings["selection"]["strategy"]
    return {
        "potentials": potentials,
        "main": main,
        "roles": ROLES | ({"optimal": CHOICES[strategy]} if strategy in CHOICES else {}),
        "facts": findings.facts(best, potentials[main], tables["r_x"], main, doubted),
        "errors": rows.errors(tables["errors"]),
        "history": rows.history(files.histories),
        "hyperparameters": rows.hyperparameters(tables["hyperparameters"]),
        "calibration": rows.calibration(potentials),
        "agreement": rows.agreement(potentials),
        "disagreements": findings.disagreements(potentials),
        "pair_styles": rows.pair_styles(reading.by_folder(files.pair_styles, read_json)),
        "not_repulsive": findings.not_repulsive(potentials),
        "limited_by": findings.limited_by(potentials),
        "unproven": findings.unproven(potentials),
        "on_bounds": {
            name: lines
            for name, summary in potentials.items()
            if (lines := bound_warnings(summary.get("on_bounds", [])))
        },
    }


def _glass(settings, files):
    """Return the part of the page on the melt-quench."""
    exploded = explosion.of_models(files.outcomes)
    return {
        "speeds": findings.speeds([read_json(path) for path in files.speed]),
        "cycle_ps": sum(stage["time"] for stage in settings["glass"]["cycle"]),
        "stages": rows.stages(
            files.thermo, exploded, closeness.counts_of_models(files.outcomes), settings["glass"]["too_close_ratio"]
        ),
        "exploded": findings.explosions(exploded),
        "doubts": findings.doubts(closeness.doubts_of_models(files.outcomes)),
        "what_helps_doubts": closeness.REMEDY,
        "n_models": len(files.outcomes),
        "outside": findings.outside(outside.of_models(files.outcomes)),
    }


def _structure(settings, files, tables, doubted):
    """Return the part of the page on the structure of the models."""
    last = settings["glass"]["cycle"][-1]["temperature"]
    counts = models.all_replicas(settings)
    return {
        "replicated": max(counts.values()) > 1,
        "error_bars": findings.error_bars(counts),
        "without_structure": findings.without_structure(files.gr),
        "reference_temperature": settings["structure"]["reference_temperature"] or last,
        "r_x": findings.marked(rows.r_x(tables["r_x"]), doubted),
        "coordination": findings.marked(rows.coordination(tables["coordination"]), doubted),
        "l_fold": findings.marked(rows.l_fold(tables["l_fold"]), doubted),
        "closest": findings.marked(rows.closest_approach(tables["closest_approach"]), doubted),
        "rings": findings.marked(rows.rings(tables["rings"]), doubted),
        "network": findings.marked(rows.network(tables["network"]), doubted),
    }


def _learning_curves(paths):
    """Return the part of the page on the learning curves, empty where they have not been computed."""
    if not paths:
        return {"learning": [], "savings": [], "verdict": []}
    summary, comparison, savings = (read_table(path) for path in paths[:3])
    return {
        "learning": rows.learning_curves(summary),
        "savings": rows.savings(savings),
        "verdict": verdict(comparison),
    }


def render(settings, files, logs, learning_curves=()):
    """Return the report as HTML.

    Parameters
    ----------
    settings : dict
        The completed configuration.
    files : object
        Attributes ``figures``, ``imported``, ``kernels``, ``best``, ``delta``, ``potentials`` (summaries),
        ``pair_styles``, ``histories``, ``tables``, ``thermo``, ``outcomes``, ``gr`` (of the models) and ``speed``:
        paths or lists of paths.
    logs : path-like
        Folder of the logs, which hold the settings of each job.
    learning_curves : list of path-like
        Summary, comparison, savings and figures of the learning curves, empty where they have not been computed.

    Returns
    -------
    str
    """
    tables = {Path(path).stem: read_table(path) for path in files.tables}
    context = _study(settings, logs) | _frames_and_clusters(settings, files)
    doubted = findings.doubted_labels(closeness.doubts_of_models(files.outcomes))
    context |= _potentials(settings, files, tables, context["best"], doubted)
    context |= _glass(settings, files) | _structure(settings, files, tables, doubted)
    context |= _learning_curves(learning_curves) | {"costs": rows.costs(tables["cost"])}
    context |= _pictures(settings, [*files.figures, *learning_curves[3:]], learning_curves)
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True)
    return environment.from_string((TEMPLATES / "report.html.j2").read_text(encoding="utf-8")).render(**context)
