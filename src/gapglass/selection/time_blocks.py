"""Frames set aside for the stop and for the last test, and stretches of time for a cross-validation.

Frames that follow each other in time resemble each other, so a test on frames between training frames is too kind. All
divisions here take whole stretches of time, and leave out the frames beside a stretch as its guard. A plateau is the
frames of a trajectory at one temperature. Reference: Roberts et al., Ecography 40, 913 (2017),
doi:10.1111/ecog.02881 (blocked cross-validation).
"""

import numpy as np

from gapglass.base.errors import UserError
from gapglass.frames import isolated
from gapglass.frames.plateaus import MIN_PLATEAU_FRAMES

N_FOLDS = 5
TESTS = ("validation", "holdout")
PARTS = ("pool", "guard", *TESTS)
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


def set_aside(runs, table, fractions, seed):
    """Divide the frames of a study into those that may train, those that decide the stop, and the last test.

    The division is made once, when a study begins. It names frames by trajectory and place in their file, because the
    frames of a trajectory that grows get other numbers, and so that frames which come later are not set aside.

    Parameters
    ----------
    runs : list of dict
        From ``blocks``.
    table : pandas.DataFrame
        frames/table.csv: frame, trajectory, source_index.
    fractions : dict
        ``validation`` and ``holdout``: shares of the blocks of every run.
    seed : int

    Returns
    -------
    list of dict
        For every run ``trajectory``, ``reach`` (frames on which a frame leaves its mark, for guards), the places
        in the file of ``pool`` and ``guard``, and for ``validation`` and ``holdout`` a list of blocks of places.
    """
    of_frame = table.set_index("frame")
    place, found = of_frame["source_index"], []
    for run, (parts, tests) in zip(runs, _leave_out(runs, fractions, seed), strict=True):
        of_run = {"trajectory": str(of_frame["trajectory"][run["frames"][0]]), "reach": run["reach"]}
        of_run |= {name: [int(place[frame]) for frame in parts[name]] for name in ("pool", "guard")}
        of_run |= {name: [[int(place[i]) for i in block] for block in tests[name]] for name in TESTS}
        found.append(of_run)
    return found


def thinned(sets, per_block):
    """Return a division whose blocks that test hold at most some frames each; the others become guards.

    Where labels are expensive, one frame of a block tells nearly as much of its error as all of them. The others are
    ``spare``, of each block the closest ones to those that stay first, see ``replaced``.

    Parameters
    ----------
    sets : list of dict
        From ``set_aside``.
    per_block : int
        The frames that stay are evenly spaced, away from the edges of the block.
    """
    found = []
    for run in sets:
        run, spare = {**run, "guard": list(run["guard"])}, {}
        for name in TESTS:
            kept = [_inner(block, per_block) for block in run[name]]
            spare[name] = [_others(block, few) for block, few in zip(run[name], kept, strict=True)]
            run["guard"] += [place for places in spare[name] for place in places]
            run[name] = kept
        found.append(run | {"guard": sorted(run["guard"]), "spare": spare})
    return found


def _inner(block, number):
    """Return some elements of a block, evenly spaced and away from its edges."""
    if len(block) <= number:
        return list(block)
    return [block[int((place + 0.5) * len(block) / number)] for place in range(number)]


def _others(block, few):
    """Return the elements of a block that are not among a few of it, the closest to one of these first."""
    places = [place for place, element in enumerate(block) if element in few]
    rest = [place for place in range(len(block)) if place not in places]
    return [block[place] for place in sorted(rest, key=lambda place: (min(abs(place - i) for i in places), place))]


def replaced(sets, failed, available=None):
    """Return sets whose frames that test and got no label are replaced by others of their blocks.

    Parameters
    ----------
    sets : dict
        From ``current``.
    failed : set of int
        Frames without a label, which become unused.
    available : set of int, optional
        Frames that may take their places. By default, all frames of a block that are not used otherwise.

    Returns
    -------
    dict
        ``sets`` with other ``validation``, ``holdout`` and ``guard``. A block of which no other frame is left has
        fewer frames.
    """
    found, guard = {}, {*sets["guard"]}
    for part in TESTS:
        tests = []
        for kept, spare in sets["spare"][part]:
            stay = [frame for frame in kept if frame not in failed]
            others = [f for f in spare if f not in failed and (available is None or f in available)]
            tests += [*stay, *others[: len(kept) - len(stay)]]
            guard |= {*kept}
        found[part] = sorted(tests)
    return sets | found | {"guard": sorted(guard - {*found["validation"], *found["holdout"]})}


def only(blocks, frames):
    """Return blocks with those of their frames that are among ``frames``, without empty ones."""
    kept = [{**block, "frames": [frame for frame in block["frames"] if frame in frames]} for block in blocks]
    return [block for block in kept if block["frames"]]


def current(sets, table):
    """Return the frame numbers of a division that was made when the study began.

    Parameters
    ----------
    sets : list of dict
        From ``set_aside``.
    table : pandas.DataFrame
        frames/table.csv as it is now.

    Returns
    -------
    dict
        ``pool``, ``guard``, ``validation`` and ``holdout``, sorted frame numbers; ``blocks``: of validation and
        holdout, a list of ``run`` and ``frames``, those included that ``thinned`` has set free; ``spare``: of the
        same, a pair for each block, the frames that test and those that may replace them; ``reach``: trajectory ->
        frames, for ``classes``. Of these sets, only usable frames are listed, those that have a label or can get one.
        ``geometries``: the frames of the pool,
        usable or not (frames that came later are in the pool); ``known``: those of them that were there when the study
        began.
    """
    keys = zip(table["trajectory"].astype(str), table["source_index"], strict=True)
    pairs = zip(keys, table["frame"], strict=True)
    frame_of = {(trajectory, int(place)): int(frame) for (trajectory, place), frame in pairs}
    usable = set(table.loc[table["usable"], "frame"])
    found = {name: [] for name in (*PARTS, "known")}
    found["blocks"], found["spare"] = ({name: [] for name in TESTS} for _ in range(2))
    found["reach"], apart = {}, set()

    def here(trajectory, places):
        return [frame_of[trajectory, place] for place in places if (trajectory, place) in frame_of]

    def only_usable(frames):
        return [frame for frame in frames if frame in usable]

    for number, run in enumerate(sets):
        name = run["trajectory"]
        found["known"] += here(name, run["pool"])
        found["guard"] += here(name, run["guard"])
        found["reach"][name] = max(run["reach"], found["reach"].get(name, 0))
        for part in TESTS:
            spare = run.get("spare", {}).get(part, [[]] * len(run[part]))
            for kept, others in zip(run[part], spare, strict=True):
                frames, others = here(name, kept), only_usable(here(name, others))
                apart |= {*frames}
                if frames := only_usable(frames):
                    found["blocks"][part].append({"run": number, "frames": sorted([*frames, *others])})
                    found["spare"][part].append((frames, others))
                    found[part] += frames
    apart |= set(found["guard"])
    found["geometries"] = [int(frame) for frame in table["frame"] if frame not in apart]
    found["pool"], found["guard"] = only_usable(found["geometries"]), only_usable(found["guard"])
    return found | {name: sorted(found[name]) for name in (*PARTS, "known", "geometries")}


def classes(table, pool, reach, n_folds=N_FOLDS):
    """Return the class of every frame of a pool: its stretch, and whether it lies beside another one.

    Every plateau is cut into ``n_folds`` stretches of equal length. The first stretch of each plateau has another
    number, so that plateaus with few training frames do not all fall into the same folds.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv.
    pool : sequence of int
        Frames that may train.
    reach : dict
        Trajectory -> frames within this number of places of another stretch lie beside it; at most a quarter of a
        stretch. The largest one holds for trajectories that it lacks.
    n_folds : int

    Returns
    -------
    dict of int to str
        Frame -> class, for example ``3``, ``3<`` (beside stretch 2), ``3>`` (beside stretch 4) or ``3<>``.
    """
    here, most = table[table["frame"].isin(set(pool))], max(reach.values(), default=0)
    found = {}
    for number, part in enumerate(plateaus(here)):
        frames = part["frame"].to_numpy()
        edges = np.round(np.linspace(0, len(frames), n_folds + 1)).astype(int)
        for stretch in range(n_folds):
            first, last = edges[stretch], edges[stretch + 1]
            beside = min(reach.get(str(part["trajectory"].iloc[0]), most), (last - first) // 4)
            for place in range(first, last):
                name = str((stretch + number) % n_folds)
                if stretch > 0 and place - first < beside:
                    name += "<"
                if stretch < n_folds - 1 and last - 1 - place < beside:
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


def halves(folds):
    """Return two folds for each of a cross-validation; their fits train on every other stretch that the fold takes.

    Parameters
    ----------
    folds : list of (list of str, list of str)
        From ``folds``.

    Returns
    -------
    list of (list of str, list of str)
        The halves of fold i at places 2 i and 2 i + 1.
    """
    found = []
    for trains, tests in folds:
        stretches = list(dict.fromkeys(name.rstrip("<>") for name in trains if name != isolated.CLASS))
        for half in (stretches[::2], stretches[1::2]):
            found.append(([name for name in trains if name == isolated.CLASS or name.rstrip("<>") in half], tests))
    return found


def classes_of(frames, database, table, pool, reach, validation):
    """Return the classes of frames of a database.

    Parameters
    ----------
    frames : list of int
    database : dict
        train and test.
    table, pool, reach
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
    found = classes(table, pool, reach)
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


def blocks(table, distances, guard=None):
    """Cut every run into blocks, which are the unit of a test: frames of one block resemble each other.

    A block is twice as long as the fast loss of similarity (``decay``), has four frames at least, and a run has at
    least four of them. Of unrelated snapshots each is a block.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv.
    distances : callable
        Frame numbers of a run -> numpy.ndarray, distances between them.
    guard : int, optional
        Frames beside a block that is left out; by default, as many as the fast loss of similarity lasts.

    Returns
    -------
    list of dict
        A run each: ``frames`` (in the order of time), ``edges`` (place of the first frame of every block, and the
        number of frames), ``reach`` (the guard that is asked for) and ``guard`` (at most a quarter of a block).
    """
    found = []
    for frames in runs(table):
        lag, unrelated = decay(distances(frames))
        n_blocks = len(frames) if unrelated else max(LEAST_BLOCKS, len(frames) // max(LEAST_FRAMES, 2 * lag))
        n_blocks = min(n_blocks, len(frames))
        edges = np.round(np.linspace(0, len(frames), n_blocks + 1)).astype(int)
        reach = (0 if unrelated else lag) if guard is None else guard
        found.append(
            {
                "frames": frames.tolist(),
                "edges": edges.tolist(),
                "reach": int(reach),
                "guard": int(min(reach, np.diff(edges).min() // 4)),
            }
        )
    return found


def leave_out(runs, fraction, seed):
    """Divide frames into a pool and a hold-out of blocks that are drawn at random from every run.

    Parameters
    ----------
    runs : list of dict
        From ``blocks``.
    fraction : float
        Share of the blocks of every run that is held out, at least one block of a run that has two.
    seed : int

    Returns
    -------
    dict
        ``pool``, ``guard`` and ``holdout``: sorted frame numbers; ``blocks`` and ``plateaus``: frame -> number of its
        block, and of its run.
    """
    divided = [parts for parts, _ in _leave_out(runs, {"holdout": fraction}, seed)]
    names = ("pool", "guard", "holdout")
    found = {name: sorted(frame for parts in divided for frame in parts[name]) for name in names}
    return found | {"blocks": block_of_frame(runs), "plateaus": run_of_frame(runs)}


def _leave_out(runs, fractions, seed):
    """Return for every run its frames by part, and by test a list of the frames of its blocks."""
    random, found = np.random.default_rng(seed), []
    for run in runs:
        frames, edges = np.asarray(run["frames"]), run["edges"]
        n_blocks = len(edges) - 1
        left, part = np.arange(n_blocks), np.full(len(frames), "pool", dtype=object)
        tests = {name: [] for name in TESTS}
        for name in reversed(TESTS):  # where a run has two blocks, one is for the last test
            share = fractions.get(name, 0)
            count = min(max(1, round(share * n_blocks)), len(left) - 1) if share else 0
            taken = np.sort(random.choice(left, count, replace=False))
            left = np.setdiff1d(left, taken)
            for block in taken:
                part[edges[block] : edges[block + 1]] = name
                tests[name].append(frames[edges[block] : edges[block + 1]].tolist())
        for place in np.flatnonzero(np.isin(part, TESTS)):
            beside = slice(max(0, place - run["guard"]), place + run["guard"] + 1)
            part[beside] = np.where(part[beside] == "pool", "guard", part[beside])
        found.append(({name: frames[part == name].tolist() for name in PARTS}, tests))
    return found


def block_of_frame(runs_of_blocks):
    """Return frame -> number of its block, counted over all runs from ``blocks``."""
    found, number = {}, 0
    for run in runs_of_blocks:
        for first, last in zip(run["edges"][:-1], run["edges"][1:], strict=True):
            found |= dict.fromkeys(run["frames"][first:last], number)
            number += 1
    return found


def run_of_frame(runs_of_blocks):
    """Return frame -> number of its run from ``blocks``: its plateau, or short plateaus joined."""
    return {frame: number for number, run in enumerate(runs_of_blocks) for frame in run["frames"]}
