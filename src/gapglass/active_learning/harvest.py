"""Frames that a potential itself asks for: what a quench with it met that the training frames do not know.

A round of harvest quenches a small model, marks the frames in which the potential is at a loss, and takes a diverse
few of them, which are labelled and join the fit. Frames are marked by the deviation of known local energies
(``gapglass.potential.environments``), by pairs of atoms closer than in the frames that are known, where a repulsive
core acts, by bare atoms, whose neighbours are farther away than in the frames that are known, and by an explosion, of
which the frames before it are kept.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gapglass.base.errors import UserError
from gapglass.base.files import read_json
from gapglass.base.progress import Progress
from gapglass.frames.geometry import REACH, closest_pairs
from gapglass.frames.store import read_frames
from gapglass.glass import bare, closeness, explosion, outside
from gapglass.glass.dump import sample_dump
from gapglass.glass.guards import limits_of, reference_of, too_close
from gapglass.glass.stages import steps_of
from gapglass.labels import attach
from gapglass.labels.job import FAILED
from gapglass.potential import engine, evaluation

MOST_SAMPLES = 500  # of a stage, evenly spaced
PERCENTILE = 99.9
EVERY = 4  # one of so many harvested frames tests
TESTS = ("validation", "holdout")  # in turns
DEVIATION, CLOSE, BARE, EXPLOSION = "deviation", "close", "bare", "explosion"
# What a round ends with; after all but LABEL there is no further one.
LABEL, PASSED, ROUNDS_SPENT, BUDGET_SPENT, WRITTEN, NOTHING = (
    "label", "passed", "rounds spent", "budget spent", "written", "nothing to label",
)  # fmt: skip


@dataclass
class Sample:
    """A saved frame of a stage.

    Attributes
    ----------
    step : int
        Of the stage.
    frame : ase.Atoms
    deviation : float
        eV, the largest of its atoms.
    ratio : float
        Smallest ratio of the closest distance of a pair to that in the known frames.
    bare : bool
        Whether an atom has its first neighbours farther away than in the known frames (``gapglass.glass.bare``).
    relaxed : bool
        Whether it counts: the begin of the first stage, where atoms placed at random give off their energy, does not.
    marks : set of str
    """

    step: int
    frame: object
    deviation: float
    ratio: float
    bare: bool = False
    relaxed: bool = True
    marks: set = field(default_factory=set)


@dataclass
class Stage:
    """A stage of the quench of a round.

    Attributes
    ----------
    replica, number : int
        From 1.
    samples : list of Sample
        In the order of time; those just before an explosion come last.
    exploded : str or None
        Where, in words.
    """

    replica: int
    number: int
    samples: list
    exploded: str | None = None


def sample(step, frame, environments, known, relaxed=True):
    """Return the sample of a saved frame.

    Parameters
    ----------
    step : int
    frame : ase.Atoms
    environments : Environments
        Of the potential that made the frame.
    known : outside.Known
        What its frames contain.
    relaxed : bool
    """
    ratio, is_bare = closest_ratio(frame, known.closest), bool(bare.beyond(frame, known))
    return Sample(step, frame, float(environments.deviations(frame).max()), ratio, is_bare, relaxed)


def closest_ratio(frame, closest):
    """Return the smallest ratio of the closest distance of a pair in a frame to that in the known frames."""
    reach = max([REACH, *closest.values()])
    found = closest_pairs(frame, reach)
    return min((found[pair] / reference_of(pair, closest)[0] for pair in found), default=np.inf)


def reference(environments, frames):
    """Return the ``PERCENTILE`` (eV) of the deviations of the atoms of validation frames.

    Parameters
    ----------
    environments : Environments
    frames : list of ase.Atoms
    """
    return float(np.percentile(np.concatenate([environments.deviations(frame) for frame in frames]), PERCENTILE))


def sustained(values, on_end):
    """Return the largest value that so many successive values reach, and those of longer runs with them.

    Of fewer values than ``on_end``, all must reach it; without one it is 0.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
    on_end : int
    """
    values = np.asarray(values, float)
    if not len(values):
        return 0.0
    windows = np.lib.stride_tricks.sliding_window_view(values, min(on_end, len(values)))
    return float(windows.min(axis=1).max())


def in_runs(above, on_end):
    """Return which of some successive truths belong to a run of at least ``on_end`` (or to one of all)."""
    above = np.asarray(above, bool)
    found, least, first = np.zeros(len(above), bool), min(on_end, len(above)), 0
    while first < len(above):
        last = first
        while last < len(above) and above[last] == above[first]:
            last += 1
        if above[first] and last - first >= least:
            found[first:last] = True
        first = last
    return found


def mark(stage, limit, on_end, too_close_ratio, max_too_close_share):
    """Mark the samples of a stage that the potential asks for, and return what was found in it.

    Parameters
    ----------
    stage : Stage
        Whose samples are marked.
    limit : float
        eV, beyond which the deviation of an atom is too large.
    on_end : int
        So many successive samples have to be beyond the limit.
    too_close_ratio, max_too_close_share : float
        Of section ``glass``: a larger share of samples with a smaller ratio is too much.

    Returns
    -------
    dict
        replica, stage, n_samples, largest_ev, sustained_ev (see ``sustained``), share_too_close, share_bare, exploded,
        n_marked and passed.
    """
    judged = [item for item in stage.samples if item.relaxed]
    deviations = np.array([item.deviation for item in judged])
    runs = in_runs(deviations > limit, on_end)
    close = np.array([item.ratio < too_close_ratio for item in judged], bool)
    share = float(close.mean()) if len(close) else 0.0
    share_bare = float(np.mean([item.bare for item in judged])) if judged else 0.0
    for item, in_run, is_close in zip(judged, runs, close, strict=True):
        if item.bare and share_bare > bare.MOST_SHARE:
            item.marks.add(BARE)
        if in_run:
            item.marks.add(DEVIATION)
        if is_close and share > max_too_close_share:
            item.marks.add(CLOSE)
    if stage.exploded:
        for item in stage.samples:
            if item.deviation > limit:
                item.marks.add(EXPLOSION)
        # Even where the potential sees nothing new, something before the explosion has to be learnt.
        if not any(item.marks for item in stage.samples) and stage.samples:
            stage.samples[-1].marks.add(EXPLOSION)
    held = sustained(deviations, on_end)
    return {
        "replica": stage.replica,
        "stage": stage.number,
        "n_samples": len(judged),
        "largest_ev": float(deviations.max(initial=0.0)),
        "sustained_ev": held,
        "share_too_close": share,
        "share_bare": share_bare,
        "exploded": stage.exploded,
        "n_marked": sum(bool(item.marks) for item in stage.samples),
        "passed": not stage.exploded
        and held <= limit
        and share <= max_too_close_share
        and share_bare <= bare.MOST_SHARE,
    }


def take(stages, describe, limits, number):
    """Return the marked samples to label, at most ``number`` of every stage, as unlike each other as possible.

    Frames with a pair of atoms closer than the guard are left out: nobody should label them. Of each stage the first
    frame is the one farthest from those of the stages before, or the one with the largest deviation, and each further
    one that which is farthest from all taken so far.

    Parameters
    ----------
    stages : list of Stage
    describe : callable
        ase.Atoms -> numpy.ndarray, shape (n,), of length 1; their Euclidean distances count.
    limits : dict
        From ``guards.limits_of``.
    number : int

    Returns
    -------
    list of (Stage, Sample)
        Stage by stage, in the order in which they were taken.
    """
    taken, known = [], []
    for stage in stages:
        open_ones = [item for item in stage.samples if item.marks and too_close(item.frame, limits) is None]
        points = [describe(item.frame) for item in open_ones]
        for _ in range(min(number, len(open_ones))):
            if known:
                apart = [min(np.linalg.norm(point - other) for other in known) for point in points]
            else:
                apart = [item.deviation for item in open_ones]
            best = int(np.argmax(apart))
            taken.append((stage, open_ones.pop(best)))
            known.append(points.pop(best))
    return taken


def set_of(number):
    """Return the set of a harvested frame by its number over all rounds, from 0: train, validation or holdout."""
    if number % EVERY != EVERY - 1:
        return "train"
    return TESTS[number // EVERY % len(TESTS)]


def conclude(found, n_takeable, number, rounds, labels, affordable=None):
    """Return what a round ends with.

    Parameters
    ----------
    found : list of dict
        From ``mark``, of all stages.
    n_takeable : int
        Frames that may be labelled.
    number : int
        Of the round, from 1.
    rounds : int
        Rounds that may label; one more tries the potential of the last.
    labels : bool
        Whether frames are labelled by the study.
    affordable : int, optional
        Labels that the budget still allows.
    """
    if all(item["passed"] for item in found):
        return PASSED
    if number > rounds:
        return ROUNDS_SPENT
    if not n_takeable:
        return NOTHING
    if not labels:
        return WRITTEN
    return BUDGET_SPENT if affordable == 0 else LABEL


@dataclass(frozen=True)
class Budget:
    """What the labels of a study may still cost.

    Attributes
    ----------
    affordable : int or None
        Labels, None without a limit.
    cost : callable
        List of ase.Atoms -> how many of them are new labels of the study.
    """

    affordable: int | None
    cost: object = len


def read_stages(outcomes, trajectories, environments, known, settings):
    """Return the stages of the quenches of a round that were run, with their samples.

    Parameters
    ----------
    outcomes, trajectories : list of path-like
        outcome.json and LAMMPS dump, {replica}/stage_{stage}/..., of each stage.
    environments : Environments
        Of the potential that made them.
    known : outside.Known
        What its frames contain.
    settings : object
        Attributes cycle and timestep.

    Returns
    -------
    list of Stage
        The frames of their samples have their temperature (K): that of the thermostat, and before an explosion their
        own.
    """
    stages, progress = [], Progress(len(outcomes), "stages compared")
    for count, (path, trajectory) in enumerate(zip(outcomes, trajectories, strict=True), 1):
        replica, number = int(Path(path).parts[-3]), int(Path(path).parts[-2].removeprefix("stage_"))
        outcome, plan = read_json(path), settings.cycle[number - 1]
        if outcome["exploded"] and outcome["stage"] < number:
            continue
        n_steps = steps_of(plan, settings.timestep)
        begin, found = closeness.relaxed_from(number, n_steps, settings.timestep), []
        for step, frame in sample_dump(trajectory, MOST_SAMPLES):
            first = plan["temperature_start"] or plan["temperature"]
            frame.info["temperature"] = round(first + (plan["temperature"] - first) * min(1.0, step / n_steps), 1)
            found.append(sample(step, frame, environments, known, step >= begin))
        if outcome["exploded"] and outcome["frames_before"]:
            steps = {item.step for item in found}
            for frame in read_frames(outcome["frames_before"]):
                if frame.info["step"] not in steps and "temperature" in frame.info:
                    found.append(sample(frame.info["step"], frame, environments, known))
        exploded = explosion.place(outcome) if outcome["exploded"] else None
        stages.append(Stage(replica, number, sorted(found, key=lambda item: item.step), exploded))
        progress.update(count)
    return stages


def close_round(number, stages, environments, validation, known, settings, first, n_harvested, budget=None):
    """Return what a round of harvest found, and the frames that it asks for.

    Parameters
    ----------
    number : int
        Of the round, from 1.
    stages : list of Stage
    environments : Environments
    validation : list of ase.Atoms
        Validation frames, harvested ones included.
    known : outside.Known
    settings : object
        Attributes of section ``harvest``, and composition, closest_fraction, too_close_ratio and max_too_close_share
        of section ``glass``.
    first : int
        Number of the first harvested frame of the study.
    n_harvested : int
        Frames that earlier rounds asked for.
    budget : Budget, optional
        None if the study labels no frames.

    Returns
    -------
    found : dict
        round, action, asks (whether its frames are labelled), passed, reference_ev, threshold, n_validation, stages
        (from ``mark``) and frames.
    frames : list of ase.Atoms
    """
    of_validation = reference(environments, validation)
    limit = settings.threshold * of_validation
    limits = limits_of(known.closest, settings.composition, settings.closest_fraction)
    marked = [
        mark(stage, limit, settings.samples_on_end, settings.too_close_ratio, settings.max_too_close_share)
        for stage in stages
    ]
    taken = take(stages, environments.average, limits, settings.frames_per_stage)
    affordable = budget.affordable if budget else None
    action = conclude(marked, len(taken), number, settings.rounds, budget is not None, affordable)
    if action not in (LABEL, WRITTEN):
        taken = []
    for fewer in range(settings.frames_per_stage - 1, -1, -1):
        if affordable is None or budget.cost([item.frame for _, item in taken]) <= affordable:
            break
        taken = take(stages, environments.average, limits, fewer) if fewer else taken[:affordable]
    rows, frames = [], []
    for place, (stage, item) in enumerate(taken, n_harvested):
        frame = item.frame.copy()
        row = {"replica": stage.replica, "stage": stage.number, "step": int(item.step)}
        temperature = float(item.frame.info["temperature"])
        frame.info = {
            "frame": first + place, "trajectory": attach.HARVESTED, "role": "extra", "temperature": temperature,
            "round": number, **row,
        }  # fmt: skip
        frames.append(frame)
        more = {"temperature_k": temperature, "deviation_ev": item.deviation, "marks": sorted(item.marks)}
        rows.append({"frame": first + place, **row, **more, "set": set_of(place)})
    return {
        "round": number,
        "action": action,
        "asks": action == LABEL,
        "passed": action == PASSED,
        "reference_ev": of_validation,
        "threshold": settings.threshold,
        "n_validation": len(validation),
        "stages": marked,
        "frames": rows,
    }, frames


def read_records(paths, rounds):
    """Return frame -> record of the labelling jobs of harvested frames.

    Parameters
    ----------
    paths : list of path-like
        harvest/round_{round}/labels/{place}.json.
    rounds : list of dict
        Content of round.json of the rounds, from the first.
    """
    places = [(int(Path(path).parts[-3].removeprefix("round_")), int(Path(path).stem)) for path in paths]
    return {
        rounds[number - 1]["frames"][place]["frame"]: read_json(path)
        for (number, place), path in zip(places, paths, strict=True)
    }


def read_labelled(asked, rounds, records):
    """Return the harvested frames that have a label, by the set they belong to.

    Parameters
    ----------
    asked : list of path-like
        asked.extxyz of the rounds.
    rounds, records
        As for ``read_records``.

    Returns
    -------
    dict of str to list of ase.Atoms
        train, validation and holdout.

    Raises
    ------
    UserError
        When no frame that trains has a label, or a label is gone.
    """
    known = read_records(records, rounds)
    frames = {int(frame.info["frame"]): frame for path in asked for frame in read_frames(path)}
    found = attach.labelled({number: frames[number] for number in known}, known)
    parts = {part: [] for part in ("train", *TESTS)}
    for item in (item for content in rounds for item in content["frames"]):
        if item["frame"] in found:
            parts[item["set"]].append(found[item["frame"]])
    if known and not parts["train"]:
        reasons = [record["reason"] for record in known.values() if record["state"] == FAILED]
        raise UserError(
            f"no harvested frame that trains got a label, the last because {reasons[-1] if reasons else 'unknown'}; "
            "mend labels.template or labels.command, or set harvest.rounds: 0"
        )
    return parts


def contents(harvested):
    """Return what harvested frames contain, for ``outside.Known.widened``; ``harvested`` is from ``read_labelled``."""
    frames = [frame for part in harvested.values() for frame in part]
    return outside.of_frames(frames) if frames else None


def errors_by_set(potentials, harvested):
    """Return the errors of potentials on harvested frames, set by set.

    Parameters
    ----------
    potentials : dict
        Name -> gap.xml.
    harvested : dict
        From ``read_labelled``.

    Returns
    -------
    dict
        Name -> set -> n_frames and the errors of ``evaluation.errors``.
    """
    return {
        name: {
            part: {"n_frames": len(frames), **evaluation.errors(frames, *engine.predict(path, frames))}
            for part, frames in harvested.items()
            if frames
        }
        for name, path in potentials.items()
    }


def story(rounds, records, errors, known):
    """Return the summary of a harvest.

    Parameters
    ----------
    rounds : list of dict
        Content of round.json of every round.
    records : dict
        Frame -> record.
    errors : dict
        From ``errors_by_set``.
    known : dict or None
        From ``contents``.

    Returns
    -------
    dict
        passed, action (of the last round), rounds, n_labelled, n_failed, n_new (labels that this study computed),
        errors and known.
    """
    states = [record["state"] for record in records.values()]
    return {
        "passed": rounds[-1]["passed"],
        "action": rounds[-1]["action"],
        "rounds": rounds,
        "n_labelled": sum(record["file"] is not None for record in records.values()),
        "n_failed": states.count(FAILED),
        "n_new": sum(record["own"] for record in records.values()),
        "errors": errors,
        "known": known,
    }


def table(rounds, records):
    """Return a table of the harvested frames: round, the keys of round.json's frames, and the state of the label."""
    import pandas as pd

    columns = ["frame", "round", "replica", "stage", "step", "temperature_k", "deviation_ev", "marks", "set", "label"]
    rows = [
        {**item, "round": content["round"], "marks": " ".join(item["marks"]),
         "label": records[item["frame"]]["state"] if item["frame"] in records else "asked for"}
        for content in rounds
        for item in content["frames"]
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def ratio_of(found):
    """Return the largest sustained deviation of a round over that of the validation frames."""
    return max((item["sustained_ev"] for item in found["stages"]), default=0.0) / found["reference_ev"]


def go_on(asked, labels, study_file):
    """Return what a user has to do with frames that a round asks for and the study cannot label, step by step.

    Parameters
    ----------
    asked : path-like
        asked.extxyz of the round.
    labels : dict or None
        Section ``labels`` of the configuration, with ``engine: none``.
    study_file : str
        Path of the configuration.

    Returns
    -------
    list of str
        The last one is the command that goes on.
    """
    if labels is None:
        place = (
            "Add their file to trajectories: {name: harvested, file: FILE, role: extra, temperature_key: temperature}."
        )
    else:
        folder = (labels["sets"] or ["a folder of labels.sets"])[0]
        place = f"Put their file into {folder}, beside its settings.json."
    return [
        f"Label the frames of {asked} with the settings of the other labels: energy and forces, and the virial if "
        "those have it. Keep temperature=... in the comment lines.",
        place,
        f"gapglass run {study_file}",
    ]


def words(taken):
    """Return in words what a round found, for the log.

    Parameters
    ----------
    taken : dict
        Content of round.json.
    """
    ratio = ratio_of(taken)
    exploded = [item["exploded"] for item in taken["stages"] if item["exploded"]]
    text = f"largest deviation {ratio:.2f} of what validation frames hold, {taken['threshold']:g} are allowed"
    if exploded:
        text = f"the quench exploded in {exploded[0]}; {text}"
    then = {
        LABEL: f"{len(taken['frames'])} frames are labelled",
        PASSED: "the quench passed",
        ROUNDS_SPENT: "harvest.rounds are spent, and it has NOT passed",
        BUDGET_SPENT: "labels.budget is spent, and it has NOT passed",
        WRITTEN: f"{len(taken['frames'])} frames are written for you to label",
        NOTHING: "it has NOT passed, and no frame of it is physical enough to be labelled",
    }
    return f"{text}; {then[taken['action']]}"
