"""The report: one self-contained HTML page from the frames of a study to the structure of its glass models."""

import base64
import datetime
import io
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import jinja2
import matplotlib as mpl
from PIL import Image

from gapglass.active_learning.learning_curves import verdict
from gapglass.base.files import read_json, read_table
from gapglass.base.versions import versions
from gapglass.glass import closeness, doubts, explosion, outside
from gapglass.potential.hyperparameters import bound_warnings
from gapglass.report import catalogue, findings, harvest, overview, reading, rows
from gapglass.report.figures.style import DARK, PAGE, model_label
from gapglass.report.settings import settings_of
from gapglass.structure import rates
from gapglass.study import models
from gapglass.study.source import yaml_text

TEMPLATES = Path(__file__).with_name("templates")
COLOURS = 128  # of a figure on the page; letters and colour maps look the same with more
ROLES = {
    "optimal": "samples the clusters of the chosen δ (MLIP(0) of the paper)",
    "soap_only": "samples the clusters of δ = 0 in a loop of its own (MLIP(1))",
    "all_frames": "trained on every frame that may train, with the descriptors of optimal (MLIP(2))",
}
# What the loop of ``optimal`` adds where it does not draw from clusters, which soap_only then does not either.
CHOICES = {
    "residual_per_plateau": (
        "adds the frames that, once fitted, lower the errors on other blocks of time most, by the same share on every "
        "plateau (residual_per_plateau)"
    ),
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


def _image(path):
    """Return a figure for the page: a quarter of the bytes of its PNG file, as WebP with few colours, in base64."""
    image = Image.open(path).convert("RGB").quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=0)
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "WEBP", lossless=True)
    return {
        "data": base64.b64encode(buffer.getvalue()).decode(),
        "width": image.width,
        "height": image.height,
        "rem": _width(path),
    }


def _pictures(settings, paths, threads):
    """Return the images of the page with their captions and places in the paper, by the name of the figure.

    The paths of a figure are {name}.png and, for readers who prefer a dark page, {name}.dark.png.
    """
    light = {Path(path).stem: path for path in paths if not str(path).endswith(f".{DARK}")}
    dark = {Path(path).name.removesuffix(f".{DARK}"): path for path in paths if str(path).endswith(f".{DARK}")}
    listed = {figure.name: figure for figure in catalogue.every(settings)}
    with ThreadPoolExecutor(threads) as pool:
        images = dict(zip(paths, pool.map(_image, paths), strict=True))
    return {
        "figures": {name: images[path] for name, path in light.items()},
        "dark_figures": {name: images[path] for name, path in dark.items()},
        "captions": {name: caption(listed[name], settings) for name in light},
        "paper": {name: listed[name].paper for name in light},
        # A study that is not finished has drawn some figures for this page alone.
        "with_files": {name for name, path in light.items() if Path(path).with_suffix(".csv").exists()},
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


def _frames(settings, files):
    """Return the part of the page on the frames."""
    imported = read_json(files["imported"])
    return {
        "imported": imported,
        "trajectories": rows.trajectories(settings["trajectories"], imported["trajectories"]),
        "left_out": findings.left_out(imported),
        "dft_settings": rows.electronic_structure(imported["settings"]),
    }


def _clusters(files):
    """Return the part of the page on the clusters."""
    best, delta, kernels = read_json(files["best"]), read_table(files["delta"]), read_json(files["kernels"])
    return {
        "kernels": kernels,
        "spreads": rows.kernels(kernels),
        "decides_alone": findings.decides_alone(best),
        "best": best,
        "deltas": rows.deltas(delta),
        "chosen_delta": int((delta["delta"] - best["delta"]).abs().argmin()),
    }


def _potentials(settings, files, tables):
    """Return the part of the page on the potentials that are there."""
    potentials = reading.by_folder(files["potentials"], read_json)
    strategy = settings["selection"]["strategy"]
    return {
        "potentials": potentials,
        "roles": ROLES | ({"optimal": CHOICES[strategy]} if strategy in CHOICES else {}),
        "errors": rows.errors(tables["errors"]),
        "history": rows.history(files["histories"]),
        "hyperparameters": rows.hyperparameters(tables["hyperparameters"]),
        "calibration": rows.calibration(potentials),
        "agreement": rows.agreement(potentials),
        "disagreements": findings.disagreements(potentials),
        "pair_styles": rows.pair_styles(reading.by_folder(files["pair_styles"], read_json)),
        "not_repulsive": findings.not_repulsive(potentials),
        "nve": rows.nve(potentials),
        "errors_by_temperature": rows.errors_by_temperature(potentials),
        "crystals": rows.crystals(tables["crystals"]) if "crystals" in tables else [],
        "crystal_troubles": findings.crystals(reading.of_crystals(files["crystals"], read_json)),
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
    outcomes = files["outcomes"]
    exploded, doubted = explosion.of_models(outcomes), doubts.of_models(outcomes)
    return {
        "speeds": findings.speeds([read_json(path) for path in files["speed"]]),
        "cycle_ps": sum(stage["time"] for stage in settings["glass"]["cycle"]),
        "stages": rows.stages(
            files["thermo"], exploded, closeness.counts_of_models(outcomes), settings["glass"]["too_close_ratio"]
        ),
        "exploded": findings.explosions(exploded),
        "doubts": findings.doubts(doubted),
        "remedies": doubts.remedies(doubted),
        "n_models": len(outcomes),
        "outside": findings.outside(outside.of_models(outcomes)),
        "without_vibrations": findings.without_structure(files.get("vibrations", []), "vibrations"),
    }


def _structure(settings, files, tables, doubted):
    """Return the part of the page on the structure of the models."""
    last = settings["glass"]["cycle"][-1]["temperature"]
    counts = models.all_replicas(settings)
    return {
        "replicated": max(counts.values()) > 1,
        "error_bars": findings.error_bars(counts),
        "without_structure": findings.without_structure(files["gr"]),
        "reference_temperature": settings["structure"]["reference_temperature"] or last,
        "r_x": findings.marked(rows.r_x(tables["r_x"]), doubted),
        "coordination": findings.marked(rows.coordination(tables["coordination"]), doubted),
        "l_fold": findings.marked(rows.l_fold(tables["l_fold"]), doubted),
        "closest": findings.marked(rows.closest_approach(tables["closest_approach"]), doubted),
        "rings": findings.marked(rows.rings(tables["rings"]), doubted),
        "network": findings.marked(rows.network(tables["network"]), doubted),
        "rates": rows.rates(tables["rates"]) if "rates" in tables else [],
        "trends": rates.texts(rates.trends(tables["rates"])) if "rates" in tables else [],
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


def _first_screen(settings, files, tables, context, study_file):
    """Return what was made, whether it can be trusted, and what to do next."""
    main = models.main_potential(settings)
    counts = models.all_replicas(settings)
    summary = context.get("potentials", {}).get(main)
    species = context["imported"]["species"] if "imported" in context else []
    outcomes = [Path(path).parts[-4:-1] for path in files["outcomes"]]
    unfinished = context["progress"] is not None
    trust = []
    if summary:
        trust = overview.trust(
            summary,
            r_x=tables.get("r_x"),
            coordination=tables.get("coordination"),
            l_fold=tables.get("l_fold"),
            main=main,
            agreements=context["disagreements"],
            crystals=tables.get("crystals"),
            crystal_troubles=context["crystal_troubles"].get(main, []),
            experiments=settings["structure"]["experiments"],
            n_models=len(outcomes),
            exploded=context["exploded"],
            doubted=context["doubted"],
            harvest=context["harvest"],
        )
    return {
        "main": main,
        "made": overview.made(
            imported=context.get("imported"),
            best=context.get("best"),
            summary=summary,
            main=main,
            models=[(potential, int(atoms), int(replica)) for potential, atoms, replica in outcomes],
            costs=tables.get("cost"),
        ),
        "trust": trust,
        "next_steps": overview.next_steps(
            study_file,
            settings,
            folder=f"results/{settings['study']}",
            summary=summary,
            species=species,
            unfinished=unfinished,
            replicated=max(counts.values()) > 1,
        ),
    }


def _there(files):
    """Return the files that exist: for a list those of it, else the path or None."""

    def existing(paths):
        if isinstance(paths, str | Path):
            return paths if Path(paths).exists() else None
        return [path for path in paths if Path(path).exists()]

    return {name: existing(paths) for name, paths in files.items()}


def render(
    settings, files, logs, learning_curves=(), *, study_file, progress=None, explorer="", tables=None, threads=1
):
    """Return the report as HTML.

    Files that do not exist are left out, and so is what follows from them, so that a study can be shown at any time.

    Parameters
    ----------
    settings : dict
        The completed configuration.
    files : mapping
        From ``Study.report_files``: names -> paths or lists of paths.
    logs : path-like
        Folder of the logs, which hold the settings of each job.
    learning_curves : list of path-like
        Summary, comparison, savings and figures of the learning curves, empty where they have not been computed.
    study_file : str
        Path of the configuration, for the commands on the page.
    progress : list of dict, optional
        How far an unfinished study is, from ``preview.progress``.
    explorer : str
        Name of the explorer beside the page, empty where there is none.
    tables : dict, optional
        Tables by name, instead of those in ``files``.
    threads : int
        Images that are compressed at the same time.

    Returns
    -------
    str
    """
    files = _there(files)
    if tables is None:
        tables = {Path(path).stem: read_table(path) for path in files["tables"]}
    doubted = {model_label(model) for model in doubts.doubted_models(files["outcomes"])}
    context = _study(settings, logs) | {"progress": progress, "explorer": explorer, "doubted": doubted}
    if files["imported"]:
        context |= _frames(settings, files)
    if files["best"] and files["delta"] and files["kernels"]:
        context |= _clusters(files)
    if files["potentials"]:
        context |= _potentials(settings, files, tables)
    context["harvest"] = harvest.told(read_json(files["harvest"])) if files.get("harvest") else None
    context |= _glass(settings, files)
    context |= {
        "transitions": rows.glass_transition(tables["glass_transition"]) if "glass_transition" in tables else [],
        "densities": rows.densities(tables["density"]) if "density" in tables else [],
        "expansions": rows.thermal_expansion(tables["thermal_expansion"]) if "thermal_expansion" in tables else [],
    }
    if "coordination" in tables:
        context |= _structure(settings, files, tables, doubted)
    context |= _learning_curves(learning_curves) | {"costs": rows.costs(tables["cost"])}
    context |= _pictures(settings, [*files["figures"], *learning_curves[3:]], threads)
    context |= _first_screen(settings, files, tables, context, study_file)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, autoescape=True
    )
    return environment.get_template("report.html.j2").render(**context)
