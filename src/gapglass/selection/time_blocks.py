"""Frames set aside for the last test, and stretches of time for a cross-validation inside the training frames.

Frames that follow each other in time resemble each other, so a test on frames between training frames is too kind. All
divisions here take whole stretches of every plateau, and leave out the frames beside a stretch as its guard. A plateau
is the frames of a trajectory at one temperature. Reference: Roberts et al., Ecography 40, 913 (2017),
doi:10.1111/ecog.02881 (blocked cross-validation).
"""

import numpy as np

from gapglass.base.errors import UserError
from gapglass.frames import isolated
from gapglass.frames.plateaus import MIN_PLATEAU_FRAMES

N_FOLDS = 5
PARTS = ("pool", "guard", "holdout")
LEAST_BLOCKS = 4  # of a run
LEAST_FRAMES = 4  # of a block, so that its guard is a frame at least
SETTLED = 0.1
TRAIN, TEST = "train", "test"  # classes of the paper's division of a database


def plateaus(table):
    """Return the frames of every plateau, as parts of a table.

    Where the frames of a trajectory state temperatures that hold for a few frames only, as those of a ramp do, these
    frames together count as one plateau in the order of time.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv, or some of its rows.

    Returns
    -------
    list of pandas.DataFrame
    """
    found = []
    for _, part in table.groupby("trajectory", sort=True):
        number = part.groupby("temperature_k")["frame"].transform("size")
        steady = part[number >= MIN_PLATEAU_FRAMES]
        found += [of_temperature for _, of_temperature in steady.groupby("temperature_k", sort=True)]
        if len(steady) < len(part):
            found.append(part[number < MIN_PLATEAU_FRAMES])
    return found


def set_aside(table, fraction, guard):
    """Divide the frames of a study: the last share of every plateau is the hold-out, a guard lies before it.

    The division is made once, when a study begins. It names frames by trajectory and place in their file, because the
    frames of a trajectory that grows get other numbers, and so that frames which come later are not set aside.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv: frame, trajectory, source_index, temperature_k; in the order of time in each trajectory.
    fraction : float
        Share of every plateau that is set aside; 0 sets nothing aside.
    guard : int
        Frames before the hold-out that are not used at all; at most as many as the plateau sets aside.

    Returns
    -------
    dict
        Trajectory -> ``pool``, ``guard`` and ``holdout``, sorted places in the file.
    """
    sets = {}
    for part in plateaus(table):
        trajectory = part["trajectory"].iloc[0]
        places = part["source_index"].to_numpy()
        n_holdout = round(fraction * len(places))
        n_guard = min(guard, n_holdout)
        edges = len(places) - n_holdout - n_guard, len(places) - n_holdout
        of_trajectory = sets.setdefault(str(trajectory), {name: [] for name in PARTS})
        for name, some in zip(PARTS, np.split(places, edges), strict=True):
            of_trajectory[name] = sorted(of_trajectory[name] + some.tolist())
    return sets


def current(sets, table):
    """Return the frame numbers of a division that was made when the study began.

    Parameters
    ----------
    sets : dict
        From ``set_aside``.
    table : pandas.DataFrame
        frames/table.csv as it is now.

    Returns
    -------
    dict
        ``pool``, ``guard`` and ``holdout``, sorted frame numbers, and ``known``, the frames of the pool that were
        there when the study began. Frames that came later are in the pool.
    """
    part_of = {
        (trajectory, place): name for trajectory, parts in sets.items() for name in PARTS for place in parts[name]
    }
    found = {name: [] for name in (*PARTS, "known")}
    for frame, trajectory, place in zip(table["frame"], table["trajectory"], table["source_index"], strict=True):
        name = part_of.get((str(trajectory), int(place)))
        found[name or "pool"].append(int(frame))
        if name == "pool":
            found["known"].append(int(frame))
    return {name: sorted(frames) for name, frames in found.items()}


def classes(table, pool, guard, n_folds=N_FOLDS):
    """Return the class of every frame of a pool: its stretch, and whether it lies beside another one.

    Every plateau is cut into ``n_folds`` stretches of equal length. The first stretch of each plateau has another
    number, so that plateaus with few training frames do not all fall into the same folds.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv.
    pool : sequence of int
        Frames that may train.
    guard : int
        Frames within this number of places of another stretch lie beside it; at most a quarter of a stretch.
    n_folds : int

    Returns
    -------
    dict of int to str
        Frame -> class, for example ``3``, ``3<`` (beside stretch 2), ``3>`` (beside stretch 4) or ``3<>``.
    """
    here = table[table["frame"].isin(set(pool))]
    found = {}
    for number, part in enumerate(plateaus(here)):
        frames = part["frame"].to_numpy()
        edges = np.round(np.linspace(0, len(frames), n_folds + 1)).astype(int)
        for stretch in range(n_folds):
            first, last = edges[stretch], edges[stretch + 1]
            reach = min(guard, (last - first) // 4)
            for place in range(first, last):
                name = str((stretch + number) % n_folds)
                if stretch > 0 and place - first < reach:
                    name += "<"
                if stretch < n_folds - 1 and last - 1 - place < reach:
                    name += ">"
                found[int(frames[place])] = name
    return found


def folds(n_folds=N_FOLDS):
    """Return the classes that train and those that test in every fold of a cross-validation over ``classes``.

    Returns
    -------
    list of (list of str, list of str)
    """
    marks = ("", "<", ">", "<>")
    found = []
    for out in range(n_folds):
        after, before = (out + 1) % n_folds, (out - 1) % n_folds
        trains = [
            f"{stretch}{mark}"
            for stretch in range(n_folds)
            for mark in marks
            if stretch != out and not (stretch == after and "<" in mark) and not (stretch == before and ">" in mark)
        ]
        found.append(([*trains, isolated.CLASS], [f"{out}{mark}" for mark in marks]))
    return found


def classes_of(frames, database, table, pool, guard, validation):
    """Return the classes of frames of a database.

    Parameters
    ----------
    frames : list of int
    database : dict
        train and test.
    table, pool, guard
        As for ``classes``.
    validation : {"cross_validation", "split"}

    Raises
    ------
    UserError
        When a cross-validation has fewer than two folds.
    """
    if validation == "split":
        train = set(database["train"])
        return [TRAIN if frame in train else TEST for frame in frames]
    found = classes(table, pool, guard)
    refuse_one_fold([found[frame] for frame in database["train"]])
    return [found[frame] for frame in frames]


def folds_of(validation):
    """Return the classes that train and test in every fold: one fold for ``split``."""
    return folds() if validation == "cross_validation" else [([TRAIN, isolated.CLASS], [TEST])]


def refuse_one_fold(names):
    """Raise ``UserError`` when fewer than two folds both train and test on training frames of these classes.

    Raises
    ------
    UserError
    """
    held = set(names) - {isolated.CLASS}
    if sum(bool(held & set(trains) and held & set(tests)) for trains, tests in folds()) < 2:
        raise UserError(
            f"the {len(names)} training frames lie in one stretch of time, or beside each other, so no fold can be "
            "left out: raise active_learning.increment, or set active_learning.validation: split"
        )


def decay(distances):
    """Return after how many frames the fast loss of similarity along a run has ended.

    Vibrations change a frame within few steps; the slow drift of a liquid, or of the state of a glass, goes on for
    ever. The loss has ended at the first lag whose next frame adds less than a tenth of what the first frame adds to
    the mean squared distance.

    Parameters
    ----------
    distances : numpy.ndarray, shape (n, n)
        Between the frames of a run, in the order of time.

    Returns
    -------
    lag : int
        At least 1, at most a quarter of the frames.
    unrelated : bool
        Whether neighbours in time are as far apart as any two frames: within a tenth of the mean squared distance.
    """
    squared, n = np.square(distances), len(distances)
    longest = max(1, n // 4)
    of_lag = np.array([np.diagonal(squared, lag).mean() for lag in range(1, longest + 2) if lag < n])
    if not len(of_lag):
        return 1, True
    mean = squared[np.triu_indices(n, 1)].mean()
    settled = np.flatnonzero(np.diff(of_lag) < SETTLED * of_lag[0])
    return min(int(settled[0]) + 1 if len(settled) else longest, longest), bool(of_lag[0] >= (1 - SETTLED) * mean)


def runs(table):
    """Return the frames of every run that is cut into blocks: plateaus, short ones joined with the next in time.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv, or some of its rows.

    Returns
    -------
    list of numpy.ndarray of int
        Frame numbers in the order of time, of one trajectory each.
    """
    found, waiting = [], {}
    for part in sorted(plateaus(table), key=lambda part: part["frame"].iloc[0]):
        trajectory, frames = part["trajectory"].iloc[0], part["frame"].to_numpy()
        if trajectory in waiting:
            frames = np.sort(np.concatenate([waiting.pop(trajectory), frames]))
        if len(frames) < LEAST_BLOCKS:
            waiting[trajectory] = frames
        else:
            found.append((trajectory, frames))
    for trajectory, frames in waiting.items():
        last = [place for place, (name, _) in enumerate(found) if name == trajectory]
        if last:
            found[last[-1]] = (trajectory, np.sort(np.concatenate([found[last[-1]][1], frames])))
        else:
            found.append((trajectory, frames))
    return [frames for _, frames in found]


def blocks(table, distances):
    """Cut every run into blocks, which are the unit of a test: frames of one block resemble each other.

    A block is twice as long as the fast loss of similarity (``decay``), has four frames at least, and a run has at
    least four of them. Of unrelated snapshots each is a block.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv.
    distances : callable
        Frame numbers of a run -> numpy.ndarray, distances between them.

    Returns
    -------
    list of dict
        A run each: ``frames`` (in the order of time), ``edges`` (place of the first frame of every block, and the
        number of frames) and ``guard`` (frames beside a block that is left out, at most a quarter of a block).
    """
    found = []
    for frames in runs(table):
        lag, unrelated = decay(distances(frames))
        n_blocks = len(frames) if unrelated else max(LEAST_BLOCKS, round(len(frames) / max(LEAST_FRAMES, 2 * lag)))
        n_blocks = min(n_blocks, len(frames))
        edges = np.round(np.linspace(0, len(frames), n_blocks + 1)).astype(int)
        guard = 0 if unrelated else min(lag, int(np.diff(edges).min()) // 4)
        found.append({"frames": frames.tolist(), "edges": edges.tolist(), "guard": int(guard)})
    return found


def leave_out(runs_of_blocks, fraction, seed):
    """Divide frames by blocks that are drawn at random from every run.

    Parameters
    ----------
    runs_of_blocks : list of dict
        From ``blocks``.
    fraction : float
        Share of the blocks of every run that is held out, at least one block of a run that has two.
    seed : int

    Returns
    -------
    dict
        ``pool``, ``guard`` and ``holdout``: sorted frame numbers; ``blocks``: frame -> number of its block.
    """
    random, parts = np.random.default_rng(seed), {name: [] for name in PARTS}
    for run in runs_of_blocks:
        frames, edges = np.asarray(run["frames"]), run["edges"]
        n_blocks = len(edges) - 1
        count = min(max(1, round(fraction * n_blocks)), n_blocks - 1)
        part = np.full(len(frames), PARTS.index("pool"))
        for block in random.choice(n_blocks, count, replace=False):
            first, last = edges[block], edges[block + 1]
            for place in range(max(0, first - run["guard"]), min(len(frames), last + run["guard"])):
                if part[place] != PARTS.index("holdout"):
                    part[place] = PARTS.index("guard")
            part[first:last] = PARTS.index("holdout")
        for index, name in enumerate(PARTS):
            parts[name] += frames[part == index].tolist()
    divided = {name: sorted(int(frame) for frame in frames) for name, frames in parts.items()}
    return divided | {"blocks": block_of_frame(runs_of_blocks)}


def block_of_frame(runs_of_blocks):
    """Return frame -> number of its block, counted over all runs from ``blocks``."""
    found, number = {}, 0
    for run in runs_of_blocks:
        for first, last in zip(run["edges"][:-1], run["edges"][1:], strict=True):
            found |= dict.fromkeys(run["frames"][first:last], number)
            number += 1
    return found
