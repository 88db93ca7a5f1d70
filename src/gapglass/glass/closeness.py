"""How close the atoms of a stage come, measured by the closest distances in the frames of the study.

A guard stops a run in which atoms collapse. With a poor potential, a run can also live on above the limit of the
guard, often on a repulsive core, in a structure that no frame has. So the saved frames of every stage are compared
with the frames of the study, pair of species by pair of species. A glass with too many frames that are too close is
marked as not to be believed; its structure is analysed and shown all the same.
"""

from gapglass.frames.geometry import REACH, closest_pairs
from gapglass.glass import outcomes
from gapglass.glass.guards import pairs_of, reference_of

MOST_FRAMES = 5000  # of a stage; their shares are known to half a percent, and a large model costs 10 ms a frame
# Ratios below which the frames of every stage are counted, so that another ``glass.too_close_ratio`` repeats no stage.
RATIOS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5)


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


def counts_of_models(paths):
    """Return "{potential}_{atoms}_{replica}" -> counts of its stages, from glass/.../outcome.json of the models."""
    return {model: outcome.get("closeness", []) for model, outcome in outcomes.of_models(paths).items()}
