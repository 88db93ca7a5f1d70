"""Choosing frames: nested databases drawn from every cluster, and the other ways that learning curves compare them with.

Source: section 2.4 of doi:10.1111/jace.20128; sizes: iteration n takes n x I_perc of the frames.
"""

import numpy as np

from gapglass.base.seeds import derive
from gapglass.selection.allocation import allocate, allocation_weights
from gapglass.selection.strategies import farthest_points


def database_size(iteration, increment, n_frames):
    """Return the number of frames in the database of an iteration, counted from 1: n x I_perc of all, at least 4."""
    return int(min(n_frames, max(4, round(iteration * increment * n_frames))))


def order_of_drawing(members, seed, draw="random", distances=None):
    """Return the members of a cluster in the order in which they are drawn; a larger sample begins with the smaller one.

    Parameters
    ----------
    members : numpy.ndarray of int
        Frame numbers.
    seed : int
    draw : {"random", "medoids"}
        medoids: the member nearest to all others first, then always the one farthest from those taken.
    distances : numpy.ndarray, shape (n_frames, n_frames)
        For medoids.
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
        Frames wanted.
    train_fraction : float
        Share of the whole database that trains.
    seed : int
    allocation, draw : str
        See ``allocation_weights`` and ``order_of_drawing``.
    energies : numpy.ndarray, shape (n_frames,), eV/atom
        For allocation energy_spread.
    distances : numpy.ndarray, shape (n_frames, n_frames)
        For draw medoids.

    Returns
    -------
    dict
        ``train``, ``test`` and ``holdout``: sorted frame numbers. Frames keep their role from one database to the next,
        and the split is spread over the clusters.
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
    # Rounding errors are carried along the list, which is ordered by cluster: each cluster is split near the same ratio.
    trains = np.diff(np.floor(np.arange(len(new) + 1) * share + 0.5)).astype(bool)
    train = sorted(database["train"] + [frame for frame, is_train in zip(new, trains, strict=True) if is_train])
    test = sorted(database["test"] + [frame for frame, is_train in zip(new, trains, strict=True) if not is_train])
    holdout = sorted(set(range(len(labels))) - set(train) - set(test))
    return {"train": train, "test": test, "holdout": holdout}


def draw_from_clusters(
    pool, labels, size, seed, allocation="proportional", draw="random", energies=None, distances=None
):
    """Return ``size`` frames of the pool, drawn from its clusters as ``enlarge`` draws them.

    Parameters
    ----------
    pool : numpy.ndarray of int
        Frame numbers that may be taken.
    labels, energies, distances : numpy.ndarray
        Of all frames.
    """
    here = labels[pool]
    weights = allocation_weights(here, None if energies is None else energies[pool], allocation, seed)
    chosen = []
    counts = allocate(np.unique(here, return_counts=True)[1], size, weights)
    for name, count in zip(np.unique(here), counts, strict=True):
        chosen += order_of_drawing(pool[here == name], derive(seed, "sampling", int(name)), draw, distances)[:count]
    return sorted(chosen)
