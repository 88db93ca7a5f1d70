"""The report of a study that is not finished: what is there, drawn and put into tables without starting a job.

The page of a finished study is ``report.html``, which the workflow makes. This one is another file, so that Snakemake
never meets a report that it has not made.
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from gapglass.active_learning import history, loop
from gapglass.base.files import read_json, read_json_lines, read_table, whole_file
from gapglass.glass import doubts, explosion
from gapglass.glass.stages import join_thermo
from gapglass.report import catalogue, costs, explorer, page, reading
from gapglass.report import tables as of_paper
from gapglass.report.figures import clusters, comparisons, glass, potentials, quench, rates, style, vibrations
from gapglass.structure.kinds import TABLES
from gapglass.structure.quench import of_thermodynamics
from gapglass.study import models
from gapglass.study.paths import LOOPS, Study

SO_FAR, EXPLORER_SO_FAR = "report-so-far.html", "explorer-so-far.html"


def write(settings, study_file):
    """Write the report of what a study has made so far.

    Parameters
    ----------
    settings : dict
        The completed configuration.
    study_file : str
        Path of the configuration, for the commands on the page.

    Returns
    -------
    pathlib.Path
        The page: ``report.html`` as it is where the study is finished, else ``report-so-far.html``.
    """
    study = Study(settings)
    files = study.report_files(
        [figure.name for figure in catalogue.listed(settings)], [table.name for table in catalogue.tables(settings)]
    )
    finished = Path(study.at("report.html"))
    if finished.exists() and not _newer(files, finished):
        return finished
    target = Path(study.at(SO_FAR))
    target.parent.mkdir(parents=True, exist_ok=True)
    explored = explorer.of_study(
        study.explorer_files(), settings["structure"]["coordination_cutoffs"], settings["study"], report=SO_FAR
    )
    if explored:
        with whole_file(target.with_name(EXPLORER_SO_FAR)) as temporary:
            temporary.write_text(explored, encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        draw(study, Path(folder))
        drawn = {path.name: path for path in Path(folder).iterdir()}
        here = [drawn.get(Path(path).name, path) for path in files["figures"]]
        text = page.render(
            settings,
            files | {"figures": here},
            study.at("logs"),
            study_file=study_file,
            progress=progress(study),
            tables=tables(study),
            explorer=EXPLORER_SO_FAR if explored else "",
        )
    with whole_file(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return target


def _newer(files, page_made):
    """Return whether a file of the report is missing, or newer than the page."""
    paths = [Path(path) for item in files.values() for path in ([item] if isinstance(item, str) else item)]
    made = page_made.stat().st_mtime
    return any(not path.exists() or path.stat().st_mtime > made for path in paths)


def progress(study):
    """Return how far each stage of a study is.

    Parameters
    ----------
    study : Study

    Returns
    -------
    list of dict
        ``stage``, ``text``, and ``done`` of ``of``.
    """
    stages = [("Frames", [study.at("frames/import.json")])]
    stages.append(("Clusters", [*study.delta_files("summary.json"), study.at("clusters/best.json")]))
    found = [_stage(name, paths) for name, paths in stages]
    for name in study.variants:
        made = _stage(f"Potential {name}", [study.at(f"potentials/{name}/summary.json")])
        if not made["done"] and name in LOOPS and (decisions := decisions_so_far(study, name)):
            made["text"] = _place(decisions)
        found.append(made)
    outcome = study.nve_outcome()
    hot = [outcome.format(potential=name) for name in study.variants] if outcome else []
    rated = study.rated_glasses()
    stages = [path for model in _glass_models(study) for path in study.stage_files(model, "outcome.json")]
    cooled = [path for model in rated for path in study.stage_files(model, "outcome.json") if path not in stages]
    structures = dict.fromkeys([*study.structure_files("rx.json"), *study.rated_files("rx.json")])
    wanted = {
        "Crystals": study.crystal_files("json"),
        "Constant energy, hotter than the frames": hot,
        "Stages of the glass models": stages,
        "Stages at other cooling rates": cooled,
        "Vibrations": study.vibrations_files(),
        "Structures": list(structures),
    }
    found += [_stage(name, paths) for name, paths in wanted.items() if paths]
    figures = [figure.name for figure in catalogue.listed(study.config)]
    found.append(_stage("Figures, tables and report", [*study.drawn(figures), study.at("report.html")]))
    return found


def _stage(name, paths):
    """Return how many of these files are there."""
    done = sum(Path(path).exists() for path in paths)
    text = "done" if done == len(paths) else f"{done} of {len(paths)}" if done else "not yet"
    return {"stage": name, "text": text, "done": done, "of": len(paths)}


def _place(decisions):
    """Return in words where a loop is."""
    last = decisions[-1]
    text = f"iteration {last['iteration']}, round {last['round']}, {last['n_train']} training frames"
    text += f", {last['n_fits']} fits"
    if last["best"]:
        text += f", best cross-validation {last['best']['rmse_energy_mev_per_atom']:.2f} meV/atom"
    return text


def decisions_so_far(study, potential):
    """Return the decisions of a loop that have been made, in order."""
    made = []

    def read(iteration, number):
        place = {"iteration": iteration, "round": number}
        return read_json(study.decision_file(potential, place))

    try:
        for decision in loop.walk(read):
            made.append(decision)
    except FileNotFoundError:
        pass  # the next one has not been made
    return made


def tables(study):
    """Return the tables of the report from what is there, by name; those of which nothing is there are absent.

    Parameters
    ----------
    study : Study
    """
    found = {"cost": costs.cost_table(study.at("benchmarks"))}
    summaries = reading.by_folder(_there(study.potential_files("summary.json")), read_json)
    if summaries:
        comparison = _there([study.at("potentials/comparison.csv")])
        compared = read_table(comparison[0]) if comparison else pd.DataFrame(columns=["potential", "temperature_k"])
        found["errors"] = of_paper.errors(summaries, compared)
        found["crystals"] = of_paper.of_crystals(_crystals(study), study.config["validation"]["structures"])
        found["hyperparameters"] = of_paper.hyperparameters(summaries, study.config["potential"]["hyperparameters"])
    if rated := _there([study.at("tables/rates.csv")] if study.rated_models() else []):
        found["rates"] = read_table(rated[0])
    transitions = _there(study.quench_files("transition.json"))
    if transitions:
        found |= of_paper.of_quenches(
            windows=reading.by_folder(_there(study.quench_files("quench.csv"))),
            transitions=reading.by_folder(transitions, read_json),
            frames=read_table(study.at("frames/table.csv")),
            npt=study.npt_stages(),
            experiments=study.config["structure"]["experiments"],
        )
    if _has_reference(study):
        kinds = ("coordination", "closest", "rings", "network")
        read = [reading.present(_there(study.structure_files(f"{kind}.csv"))) for kind in kinds]
        found |= of_paper.of_structures(*read, reading.by_folder(_there(study.structure_files("rx.json")), read_json))
    return found


def _crystals(study, kind="json", read=read_json):
    """Return potential -> crystal -> content, of the crystals that are finished."""
    found = reading.of_crystals(_there(study.crystal_files(kind)), read)
    known = reading.of_crystals(_there(study.crystal_files("json")), read_json)
    return {
        potential: {name: of[name] for name in of if name in known.get(potential, {})}
        for potential, of in found.items()
    }


def _there(paths):
    """Return those of some paths that exist."""
    return [path for path in paths if Path(path).exists()]


def _has_reference(study):
    """Return whether the structure of the reference is there, without which there is nothing to compare."""
    return all(Path(study.at(f"structure/reference/{kind}.csv")).exists() for kind in TABLES)


def draw(study, folder):
    """Draw the figures of which there is enough.

    Parameters
    ----------
    study : Study
    folder : pathlib.Path
        Gets {name}.png and {name}.dark.png.
    """
    for drawn in (_clusters, _potentials, _glass, _quench, _vibrations, _structure, _rates):
        for name, figure in drawn(study):
            style.save(figure, [folder / f"{name}.png", folder / f"{name}.{style.DARK}"], name)


def _clusters(study):
    """Yield the figures of the clusters once all of them are there."""
    at, deltas = study.at, study.config["clustering"]["deltas"]
    each = study.delta_files("labels.csv")
    names = ("frames/table.csv", "clusters/best_labels.csv", "clusters/delta.csv", "clusters/map.csv")
    paths = [at(name) for name in names]
    if len(_there([*paths, *each, at("clusters/best.json")])) < len(paths) + len(each) + 1:
        return
    table, labels, scan, places = map(read_table, paths)
    yield from clusters.drawn(
        table=table,
        labels=labels,
        scan=scan,
        best=read_json(at("clusters/best.json")),
        places=places,
        labels_of_delta={
            delta: read_table(path)["cluster"].to_numpy() for delta, path in zip(deltas, each, strict=True)
        },
    )


def _potentials(study):
    """Yield the figures of the potentials that are finished, and of loops that have finished an iteration."""

    def of(name, read=read_table):
        return reading.by_folder(_there(study.potential_files(name)), read)

    loops = {name: found for name in study.variants if name in LOOPS and (found := _loop(study, name))}
    if loops:
        yield "active_learning", potentials.active_learning(loops)
    summaries = of("summary.json", read_json)
    finished = {name: loops[name][1:] for name in loops if name in summaries}
    if finished:
        yield "cost", potentials.cost(finished)
    if summaries:
        dimers, predictions, forces = of("dimers.csv"), of("predictions.csv"), of("forces.npz", np.load)
        yield "dimers", potentials.pairs_alone({name: dimers[name] for name in summaries})
        yield (
            "parity",
            potentials.parity({name: (predictions[name], forces[name], summaries[name]) for name in summaries}),
        )
    comparison = study.at("potentials/comparison.csv")
    if len(summaries) > 1 and Path(comparison).exists():
        yield "errors_by_temperature", potentials.errors_by_temperature(read_table(comparison))
    if crystals := _crystals(study):
        structures = study.config["validation"]["structures"]
        yield (
            "equations_of_state",
            potentials.equations_of_state(crystals, _crystals(study, "csv", read_table), structures),
        )


def _loop(study, name):
    """Return history, ledger and summary of a loop as far as its iterations are closed, None before the first is."""
    folder = Path(study.at(f"potentials/{name}"))
    if all((folder / file).exists() for file in ("history.csv", "ledger.jsonl", "summary.json")):
        ledger = read_json_lines(folder / "ledger.jsonl")
        return read_table(folder / "history.csv"), ledger, read_json(folder / "summary.json")
    closed = [decision for decision in decisions_so_far(study, name) if decision["action"] != "fit"]
    evaluations = _there(
        f"{study.iteration_folder(name, decision['iteration'])}/evaluation.json" for decision in closed
    )
    evaluations = [read_json(path) for path in evaluations]
    known = {evaluation["iteration"] for evaluation in evaluations}
    # The evaluation of the last iteration may still be at work.
    closed = [decision for decision in closed if decision["iteration"] in known]
    if not closed:
        return None
    if not closed[-1]["delivered"]:
        closed[-1] = closed[-1] | {"delivered": closed[-1]["best"]}
    summary, table = history.summarise(closed, evaluations)
    ledger = read_json_lines(study.decision_file(name, closed[-1]).replace("decision.json", "ledger.jsonl"))
    return table, ledger, summary


def _glass_models(study):
    """Return potential, atoms, cooling and replica of every glass model that cools as ``glass.cycle`` says."""
    return [
        {"potential": potential, "atoms": atoms, "cooling": "", "replica": replica}
        for potential, atoms, replica in study.glasses
    ]


def _finished_stages(study):
    """Return model with its replica -> thermodynamics of its finished stages, without models that have none."""
    found = {}
    for model in _glass_models(study):
        stages = _there(study.stage_files(model, "thermo.csv"))
        if stages:
            found["{potential}_{atoms}_{replica}".format(**model)] = join_thermo([read_table(path) for path in stages])
    return found


def _glass(study):
    """Yield the figure of the melt-quench, of the stages that are finished."""
    found = _finished_stages(study)
    outcomes = _there(study.glass_files("outcome.json"))
    if found:
        yield (
            "melt_quench",
            glass.melt_quench(found, explosion.of_models(outcomes), doubts.of_models(outcomes)),
        )


def _doubted(study):
    """Return the models of which a finished replica is not to be believed."""
    return doubts.doubted_models(_there(study.glass_files("outcome.json")))


def _quench(study):
    """Yield the figures of the quench: of finished models as in the report, of others the enthalpy alone."""
    windows, moved, transitions = (
        reading.by_folder(_there(study.quench_files(name)), read)
        for name, read in (
            ("quench.csv", read_table),
            ("displacements.csv", read_table),
            ("transition.json", read_json),
        )
    )
    for name, thermo in _finished_stages(study).items():
        if name not in windows:
            windows[name] = of_thermodynamics(thermo, int(name.rsplit("_", 2)[1]))
    if not any(map(len, windows.values())):
        return
    plateaus, reference = (study.at(f"structure/reference/{name}.csv") for name in ("plateaus", "displacements"))
    known = read_table(plateaus) if Path(plateaus).exists() else pd.DataFrame(columns=["temperature_k"])
    doubted = {style.model_label(model) for model in _doubted(study)}
    yield "quench", style.marked(quench.quench(windows, known, transitions), doubted)
    if any(map(len, moved.values())) and Path(reference).exists():
        of_moved = {name: windows[name] for name in moved if len(windows.get(name, ()))}
        yield "displacements", style.marked(quench.displacements(moved, of_moved, read_table(reference)), doubted)


def _vibrations(study):
    """Yield the figure of the vibrations, of the models that have them."""
    found = reading.present(_there(study.vibrations_files()))
    if found:
        yield "vibrations", vibrations.vibrations(found)


def _rates(study):
    """Yield the figure of the cooling rates once their table is there."""
    table, reference = study.at("tables/rates.csv"), study.at("structure/reference/sq.csv")
    if not study.rated_models() or len(_there([table, reference])) < 2:
        return
    present = reading.present(_there(study.rated_files("sq.csv")))
    curves = {rate: present[name] for rate, name in study.rated_models().items() if name in present}
    reference_rate = study.config["structure"]["reference_rate"]
    yield "rates", rates.rates(read_table(table), curves, read_table(reference), reference_rate)


def _structure(study):
    """Yield the figures of the structures; those that compare models wait for all of them."""
    measured = [*study.experiment_files("sq.csv"), *study.experiment_files("gr.csv")]
    if not _has_reference(study) or len(_there(measured)) < len(measured):
        return
    paths = {kind: study.structure_files(f"{kind}.csv", experiments=kind in ("sq", "gr")) for kind in TABLES}
    names = {figure.name for figure in catalogue.listed(study.config)}
    if not all(Path(path).exists() for of_kind in paths.values() for path in of_kind):
        names &= {figure.name for figure in (*catalogue.LOCAL_ORDER, catalogue.RINGS, catalogue.NETWORK)}
    yield from comparisons.drawn(
        names,
        {kind: reading.present(_there(of_kind)) for kind, of_kind in paths.items()},
        main=models.main_potential(study.config),
        compared=models.compared_sizes(study.config),
        cutoffs=study.config["structure"]["coordination_cutoffs"],
        experiments=study.config["structure"]["experiments"],
        settings={key: study.config["structure"][key] for key in ("q_max", "window")},
        doubted=_doubted(study),
    )
