"""Nested databases of training and test frames, drawn from every cluster (section 2.4 of doi:10.1111/jace.20128)."""

import numpy as np

from gapglass.base.seeds import derive
from gapglass.selection.allocation import allocate, allocation_weights
from gapglass.selection.strategies import farthest_points


def database_size(iteration, increment, n_frames):
    """Return the number of frames in the database of an iteration: iteration x I_perc of all frames, at least 4.

    Parameters
    ----------
    iteration : int
        Counted from 1.
    increment : float
        I_perc of the paper, as a fraction.
    n_frames : int
        Frames of the study.
    """
    return int(min(n_frames, max(4, round(iteration * increment * n_frames))))


def order_of_drawing(members, seed, draw="random", distances=None):
    """Return the members of a cluster in the order in which they are drawn.

    A sample is the beginning of this list, so that a larger sample contains a smaller one.

    Parameters
    ----------
    members : numpy.ndarray of int
        Frame numbers.
    seed : int
    draw : {"random", "medoids"}
        medoids: first the member with the smallest mean distance from all others, then always the member farthest from
        those already drawn.
    distances : numpy.ndarray, shape (n_frames, n_frames)
        Needed for medoids.

    Returns
    -------
    list of int
    """
    if draw == "random":
        return np.random.default_rng(seed).permutation(members).tolist()
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
        Share of the training frames in the new database.
    seed : int
    allocation, draw : str
        See ``allocation_weights`` and ``order_of_drawing``.
    energies : numpy.ndarray, shape (n_frames,), eV/atom
        Needed for allocation energy_spread.
    distances : numpy.ndarray, shape (n_frames, n_frames)
        Needed for draw medoids.

    Returns
    -------
    dict
        ``train``, ``test`` and ``holdout``: sorted frame numbers. A frame keeps its role from one database to the
        next, and the new frames of each cluster are split in about the same ratio.
    """
    have = set(database["train"]) | set(database["test"])
    names, sizes = np.unique(labels, return_counts=True)
    taken = np.array([sum(labels[frame] == name for frame in have) for name in names])
    wanted = np.maximum(allocate(sizes, size, allocation_weights(labels, energies, allocation, seed)), taken)
    while wanted.sum() > max(size, len(have)):
        spare = wanted - taken
        wanted[spare.argmax()] -= 1

    new = []
    for name, count in zip(names, wanted - taken, strict=True):
        order = order_of_drawing(np.flatnonzero(labels == name), derive(seed, "sampling", int(name)), draw, distances)
        new += [frame for frame in order if frame not in have][:count]

    total = len(have) + len(new)
    n_train = min(max(round(train_fraction * total), 1), total - 1) - len(database["train"])
    share = np.clip(n_train / max(len(new), 1), 0, 1)
    # The list is ordered by cluster. Rounding errors are carried along it, so that all clusters are split alike.
    trains = np.diff(np.floor(np.arange(len(new) + 1) * share + 0.5)).astype(bool)
    train = sorted(database["train"] + [frame for frame, is_train in zip(new, trains, strict=True) if is_train])
    test = sorted(database["test"] + [frame for frame, is_train in zip(new, trains, strict=True) if not is_train])
    holdout = sorted(set(range(len(labels))) - set(train) - set(test))
    return {"train": train, "test": test, "holdout": holdout}


def draw_from_clusters(
    pool, labels, size, seed, allocation="proportional", draw="random", energies=None, distances=None
):
    """Return ``size`` frames of a pool, drawn from its clusters as in ``enlarge``.

    Parameters
    ----------
    pool : numpy.ndarray of int
        Frame numbers that may be drawn.
    labels : numpy.ndarray of int, shape (n_frames,)
        Cluster of each frame, also of those outside the pool.
    size, seed : int
    allocation, draw, energies, distances
        See ``enlarge``.

    Returns
    -------
    list of int
        Sorted frame numbers.
    """
    here = labels[pool]
    weights = allocation_weights(here, None if energies is None else energies[pool], allocation, seed)
    chosen = []
    counts = allocate(np.unique(here, return_counts=True)[1], size, weights)
    for name, count in zip(np.unique(here), counts, strict=True):
        chosen += order_of_drawing(pool[here == name], derive(seed, "sampling", int(name)), draw, distances)[:count]
    return sorted(chosen)
