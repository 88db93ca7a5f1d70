"""How close the atoms of a stage come, measured by the closest distances in the frames, and which glasses to doubt.

A guard stops a run in which atoms collapse. With a poor potential, a run can also live on above the limit of the
guard, often on a repulsive core, in a structure that no frame has. So the saved frames of every stage are compared
with the frames of the study, pair of species by pair of species. A glass with too many frames that are too close is
marked as not to be believed; its structure is analysed and shown all the same.
"""

from gapglass.frames.geometry import REACH, closest_pairs
from gapglass.glass import outcomes, outside
from gapglass.glass.guards import pairs_of, reference_of

MOST_FRAMES = 5000  # of a stage; their shares are known to half a percent, and a large model costs 10 ms a frame
# Ratios below which the frames of every stage are counted, so that another ``glass.too_close_ratio`` repeats no stage.
RATIOS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5)
REMEDY = (
    "Possible reasons: (1) the potential lacks such configurations: add frames of this state and density from first "
    "principles, let the potential ask for them (harvest.rounds), or lower active_learning.energy_tolerance; (2) the "
    "stage is hotter or denser than the frames; (3) glass.timestep is too long; (4) the model is far larger than the "
    "frames, and rare close pairs are more often among its atoms: lower glass.too_close_ratio"
)


def relaxed_from(stage, n_steps, timestep):
    """Return the step of a stage from which its frames are counted.

    The first picosecond of the first stage is left out, but at most half of the stage: atoms placed at random give off
    the energy of their start there, which says nothing about the glass.

    Parameters
    ----------
    stage, n_steps : int
        Number of the stage, from 1, and of its steps.
    timestep : float
        fs.
    """
    return min(round(1000 / timestep), n_steps // 2) if stage == 1 else 0


def distances_of(frames, closest):
    """Return the atoms, steps and closest distances of the frames of a stage.

    Parameters
    ----------
    frames : iterable of (int, ase.Atoms)
        Step and frame, of one stage, so all of the same atoms; they are read one by one and not kept.
    closest : dict
        "H-O" -> smallest distance (Å) of the pair in the frames of the study, as for ``guards.limits_of``.

    Returns
    -------
    symbols : list of str
        Symbols of the atoms, empty without a frame.
    steps : list of int
    distances : list of dict
        For every frame "H-O" -> closest distance (Å), without pairs that are farther apart than is compared.
    """
    symbols, steps, distances, reach = [], [], [], REACH
    for step, frame in frames:
        if not symbols:
            symbols = frame.get_chemical_symbols()
            reach = max(REACH, *(reference_of(pair, closest)[0] for pair in pairs_of(set(symbols))))
        found = closest_pairs(frame, reach)
        steps.append(step)
        distances.append({pair: distance for pair, distance in found.items() if distance < reach})
    return symbols, steps, distances


def count(stage, distances, closest):
    """Return how close the atoms of a stage came.

    A pair that the frames never hold together is compared with the sum of its covalent radii, and one that is nowhere
    within ``geometry.REACH`` in the frames with that distance, as the guards do.

    Parameters
    ----------
    stage : int
        Number of the stage, from 1.
    distances : list of dict
        From ``distances_of``, of the frames to be counted.
    closest : dict
        As for ``distances_of``.

    Returns
    -------
    dict or None
        stage, n_frames, ratio (the smallest of a closest distance of a pair to that in the frames; None if no pair is
        within reach), pair, distance_angstrom, reference (what it is compared with, in words), and shares: for each of
        ``RATIOS`` as text ("0.9") the share of the frames in which any pair is below it. None without a frame.
    """
    if not distances:
        return None
    references = {pair: reference_of(pair, closest) for found in distances for pair in found}
    smallest = []
    for found in distances:
        ratios = {pair: distance / references[pair][0] for pair, distance in found.items()}
        pair = min(ratios, key=ratios.get, default=None)
        smallest.append((ratios[pair], pair, found[pair]) if ratios else (float("inf"), None, None))
    ratio, pair, distance = min(smallest, key=lambda item: item[0])
    shares = {f"{limit:g}": sum(item[0] < limit for item in smallest) / len(smallest) for limit in RATIOS}
    return {
        "stage": stage,
        "n_frames": len(smallest),
        "ratio": None if pair is None else ratio,
        "pair": pair,
        "distance_angstrom": distance,
        "reference": None if pair is None else references[pair][1],
        "shares": shares,
    }


def text(found):
    """Return a count in words."""
    if found["pair"] is None:
        return f"no pair within reach in {found['n_frames']} saved frames"
    below = ", ".join(f"{_percent(part)} below {ratio}" for ratio, part in found["shares"].items() if part)
    return f"closest of {found['n_frames']} saved frames: {_closest(found)}; {below or 'none below 1'}"


def _closest(found):
    return f"{found['pair']} at {found['distance_angstrom']:.3f} Å, {found['ratio']:.3f} of {found['reference']}"


def _percent(share):
    return f"{100 * share:.3g} %"


def share(found, ratio):
    """Return the share of the frames of a stage in which any pair is below a ratio, one of ``RATIOS``."""
    return found["shares"][f"{ratio:g}"]


def doubts(counts, ratio, most):
    """Return the stages that make a glass not to be believed.

    Parameters
    ----------
    counts : list of dict
        From ``count``, of the stages.
    ratio : float
        ``glass.too_close_ratio``.
    most : float
        ``glass.max_too_close_share``.

    Returns
    -------
    list of dict
        stage, share and text of every stage with a larger share of frames below the ratio.
    """
    return [
        {
            "stage": found["stage"],
            "share": share(found, ratio),
            "text": f"in {_percent(share(found, ratio))} of {found['n_frames']} saved frames a pair is closer than "
            f"{ratio:g} (glass.too_close_ratio) of its closest distance in the frames of the study, allowed are "
            f"{_percent(most)} (glass.max_too_close_share); the closest is {_closest(found)}",
        }
        for found in counts
        if share(found, ratio) > most
    ]


def judged(outcome, settings):
    """Return the outcome of a model: that of its last stage with the judgement whether its glass is to be believed.

    Parameters
    ----------
    outcome : dict
        outcome.json of the last stage.
    settings : dict
        too_close_ratio and max_too_close_share of section ``glass``.

    Returns
    -------
    dict
        The outcome with believed (None if the stages were made by a version that did not count) and doubts, as from
        ``doubts``, and those of stages with an energy below that of every frame. A quench that exploded left no glass
        to believe, and none to doubt.
    """
    if outcome["exploded"]:
        return {**outcome, "believed": False, "doubts": []}
    counts = outcome.get("closeness", [])
    found = doubts(counts, settings["too_close_ratio"], settings["max_too_close_share"])
    too_low = [item for item in outcome.get("outside", []) if item["what"] == outside.ENERGY]
    found += [{name: item[name] for name in ("stage", "share", "text")} for item in too_low]
    found.sort(key=lambda item: item["stage"])
    return {**outcome, "believed": not found if counts or found else None, "doubts": found}


def counts_of_models(paths):
    """Return "{potential}_{atoms}_{replica}" -> counts of its stages, from glass/.../outcome.json of the models."""
    return {model: outcome.get("closeness", []) for model, outcome in outcomes.of_models(paths).items()}


def doubts_of_models(paths):
    """Return the doubts about the glass models that are not to be believed.

    Parameters
    ----------
    paths : iterable of path-like
        glass/{potential}/{atoms}/{replica}/outcome.json.

    Returns
    -------
    dict
        "{potential}_{atoms}_{replica}" -> doubts, in the order of the paths.
    """
    found = outcomes.of_models(paths)
    return {model: item["doubts"] for model, item in found.items() if item.get("doubts")}


def doubted_models(paths):
    """Return the models, "{potential}_{atoms}", of which a replica is not to be believed, from the same paths."""
    return {model.rsplit("_", 1)[0] for model in doubts_of_models(paths)}
