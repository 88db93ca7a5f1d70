"""Nested databases of training and test frames, drawn from every cluster (section 2.4 of doi:10.1111/jace.20128)."""

import math
from itertools import pairwise

import numpy as np

from gapglass.base.seeds import derive
from gapglass.selection.allocation import allocate, allocation_weights
from gapglass.selection.spread import farthest_points, in_time
from gapglass.selection.time_blocks import TESTS

BLOCK_ATOMS = 20_000  # of the frames whose rows of a fit one job computes; some tens of seconds


def cut(n_atoms):
    """Return the blocks of consecutive frames whose rows separate jobs compute, as slices.

    There are as few blocks of ``BLOCK_ATOMS`` as hold all frames, and they are about equally long, so that jobs side
    by side end together.

    Parameters
    ----------
    n_atoms : sequence of int
        Numbers of atoms of the frames, in their order.
    """
    if not len(n_atoms):
        return []
    ends = np.cumsum(np.asarray(n_atoms))
    n_blocks = min(len(n_atoms), math.ceil(ends[-1] / BLOCK_ATOMS))
    edges = np.searchsorted(ends, ends[-1] * np.arange(n_blocks + 1) / n_blocks)
    edges[-1] = len(n_atoms)
    return [slice(int(first), int(last)) for first, last in pairwise(np.unique(edges))]


def database_size(n_increments, increment, n_frames):
    """Return the number of frames in a database: n_increments x I_perc of all frames, at least 4.

    Parameters
    ----------
    n_increments : int
        Iterations so far that had more frames than the one before, the first included.
    increment : float
        I_perc of the paper, as a fraction.
    n_frames : int
        Frames of the study.
    """
    return int(min(n_frames, max(4, round(n_increments * increment * n_frames))))


def order_of_drawing(members, seed, draw="random", distances=None):
    """Return the members of a cluster in the order in which they are drawn.

    A sample is the beginning of this list, so that a larger sample contains a smaller one.

    Parameters
    ----------
    members : numpy.ndarray of int
        Frame numbers.
    seed : int
    draw : {"random", "even", "medoids"}
        even: at even steps in time. medoids: first the member with the smallest mean distance from all others, then
        always the member farthest from those already drawn.
    distances : numpy.ndarray, shape (n_frames, n_frames)
        Needed for medoids.

    Returns
    -------
    list of int
    """
    if draw == "random":
        return np.random.default_rng(seed).permutation(members).tolist()
    if draw == "even":
        return in_time(members, seed)
    within = distances[np.ix_(members, members)]
    return [int(members[i]) for i in farthest_points(within, within.mean(axis=1).argmin(), len(members))]


def enlarge(
    database,
    labels,
    *,
    size,
    train_fraction,
    seed,
    allocation="proportional",
    draw="random",
    energies=None,
    distances=None,
    pool=None,
):
    """Return a database of ``size`` frames that contains the given one.

    Parameters
    ----------
    database : dict
        ``{"train": [...], "test": [...]}`` of frame numbers; both empty at the start.
    labels : numpy.ndarray of int, shape (n_frames,)
        Cluster of each frame.
    size : int
        Frames of the new database.
    train_fraction : float
        Share of the training frames in the new database; with 1, all train.
    seed : int
    allocation, draw : str
        See ``allocation_weights`` and ``order_of_drawing``.
    energies : numpy.ndarray, shape (n_frames,), eV/atom
        Needed for allocation energy_spread.
    distances : numpy.ndarray, shape (n_frames, n_frames)
        Needed for draw medoids.
    pool : sequence of int, optional
        Frames that may be drawn; all by default.

    Returns
    -------
    dict
        ``train``, ``test`` and ``rest``: sorted frame numbers. A frame keeps its role from one database to the
        next, and the new frames of each cluster are split in about the same ratio. ``rest`` are the other frames of
        the pool.
    """
    have = set(database["train"]) | set(database["test"])
    pool = np.arange(len(labels)) if pool is None else np.sort(np.asarray(pool))
    here = labels[pool]
    names, sizes = np.unique(here, return_counts=True)
    taken = np.array([sum(labels[frame] == name for frame in have) for name in names])
    weights = allocation_weights(here, None if energies is None else energies[pool], allocation, seed)
    size = min(size, len(pool))
    wanted = np.maximum(allocate(sizes, size, weights), taken)
    while wanted.sum() > max(size, len(have)):
        spare = wanted - taken
        wanted[spare.argmax()] -= 1

    new = []
    for name, count in zip(names, wanted - taken, strict=True):
        order = order_of_drawing(pool[here == name], derive(seed, "sampling", int(name)), draw, distances)
        new += [frame for frame in order if frame not in have][:count]

    total = len(have) + len(new)
    n_train = total if train_fraction == 1 else min(max(round(train_fraction * total), 1), total - 1)
    n_train -= len(database["train"])
    share = np.clip(n_train / max(len(new), 1), 0, 1)
    # The list is ordered by cluster. Rounding errors are carried along it, so that all clusters are split alike.
    trains = np.diff(np.floor(np.arange(len(new) + 1) * share + 0.5)).astype(bool)
    train = sorted(database["train"] + [frame for frame, is_train in zip(new, trains, strict=True) if is_train])
    test = sorted(database["test"] + [frame for frame, is_train in zip(new, trains, strict=True) if not is_train])
    return {"train": train, "test": test, "rest": sorted(set(pool.tolist()) - set(train) - set(test))}


def unchanged(before, sets):
    """Return the database of the iteration before, for larger models on the same frames."""
    have = {*before["train"], *before["test"]}
    return {"train": before["train"], "test": before["test"], "rest": [i for i in sets["pool"] if i not in have]}


def describe(database, before, sets, n_atoms, labels_read, iteration=1):
    """Return the database of an iteration as the loop stores it.

    Parameters
    ----------
    database : dict
        train, test and rest, from ``enlarge``.
    before : dict
        That of the iteration before; its train and test are empty at the start.
    sets : dict
        pool, guard, validation and holdout, from ``time_blocks.current``.
    n_atoms : numpy.ndarray of int, shape (n_frames,)
    labels_read : int
        Frames whose labels the choice has read, see ``kinds.labels_read``.
    iteration : int
        From 1.

    Returns
    -------
    dict
        ``iteration``, ``since`` (the iteration that first had these frames), ``n_increments`` (iterations so far that
        had more frames than the one before, the first included), ``labels_read``, ``train``, ``test``, ``validation``,
        ``holdout`` (frames set aside for the last test, or all that were not drawn where none are), ``unused`` (the
        other frames), ``n_frames`` (of the study), ``n_left`` (frames that may still be drawn), and ``blocks``: the
        frames that are new, block by block.
    """
    rest = database["rest"]
    aside = bool(sets["holdout"])
    new = sorted({*database["train"], *database["test"]} - {*before["train"], *before["test"]})
    same = iteration > 1 and not new
    return {
        "iteration": iteration,
        "since": before["since"] if same else iteration,
        "n_increments": before["n_increments"] if same else before.get("n_increments", 0) + 1,
        "labels_read": labels_read,
        "train": database["train"],
        "test": database["test"],
        "holdout": sets["holdout"] if aside else rest,
        "validation": sets["validation"],
        "unused": sorted([*rest, *sets["guard"]]) if aside else sets["guard"],
        "n_frames": len(n_atoms),
        "n_left": len(rest),
        "blocks": [new[part] for part in cut(n_atoms[new])],
    }


def of_all(sets):
    """Return the database of the potential that trains on every frame which may train.

    Parameters
    ----------
    sets : dict
        pool, guard, validation and holdout, from ``time_blocks.current``.
    """
    return {"test": [], "train": sets["pool"], "unused": sets["guard"]} | {part: sets[part] for part in TESTS}
