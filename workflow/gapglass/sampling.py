"""Databases for the active-learning loop: nested, drawn from every cluster, split into training and test frames.

Source: section 2.4 of doi:10.1111/jace.20128; sizes in ``method.md``: iteration n takes n x I_perc of the frames.
"""

import numpy as np

from gapglass.seeds import derive


def database_size(iteration, increment, n_frames):
    """Return the number of frames in the database of an iteration, counted from 1: n x I_perc of all, at least 4."""
    return int(min(n_frames, max(4, round(iteration * increment * n_frames))))


def allocate(sizes, total):
    """Share ``total`` picks among clusters in proportion to their size, at least one each where that is possible.

    Parameters
    ----------
    sizes : sequence of int
        Members of each cluster.
    total : int
        At most sum(sizes).

    Returns
    -------
    numpy.ndarray of int
        Picks per cluster, none above the cluster's size, summing to ``total``.
    """
    sizes = np.asarray(sizes)
    if total >= sizes.sum():
        return sizes.copy()
    picks = np.zeros(len(sizes), dtype=int)
    first = np.argsort(-sizes, kind="stable")[:total]
    picks[first] = 1
    ideal = sizes / sizes.sum() * total
    while picks.sum() < total:
        # the cluster furthest below its share, full ones left out
        gap = np.where(picks < sizes, ideal - picks, -np.inf)
        picks[gap.argmax()] += 1
    return picks


def enlarge(database, labels, *, size, train_fraction, seed):
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

    Returns
    -------
    dict
        ``train``, ``test`` and ``holdout``: sorted frame numbers. Frames keep their role from one database to the next,
        and the split is spread over the clusters.
    """
    have = set(database["train"]) | set(database["test"])
    names, sizes = np.unique(labels, return_counts=True)
    taken = np.array([sum(labels[frame] == name for frame in have) for name in names])
    wanted = np.maximum(allocate(sizes, size), taken)
    while wanted.sum() > max(size, len(have)):
        spare = wanted - taken
        wanted[spare.argmax()] -= 1

    new = []
    for name, count in zip(names, wanted - taken, strict=True):
        pool = [int(frame) for frame in np.flatnonzero(labels == name) if int(frame) not in have]
        order = np.random.default_rng(derive(seed, "sampling", int(name))).permutation(len(labels))
        new += sorted(pool, key=order.__getitem__)[:count]

    total = len(have) + len(new)
    n_train = min(max(round(train_fraction * total), 1), total - 1) - len(database["train"])
    share = np.clip(n_train / max(len(new), 1), 0, 1)
    # Rounding errors are carried along the list, which is ordered by cluster: each cluster is split near the same ratio.
    trains = np.diff(np.floor(np.arange(len(new) + 1) * share + 0.5)).astype(bool)
    train = sorted(database["train"] + [frame for frame, is_train in zip(new, trains, strict=True) if is_train])
    test = sorted(database["test"] + [frame for frame, is_train in zip(new, trains, strict=True) if not is_train])
    holdout = sorted(set(range(len(labels))) - set(train) - set(test))
    return {"train": train, "test": test, "holdout": holdout}
