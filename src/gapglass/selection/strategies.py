"""Selections that need no database: farthest points, even steps in time, even steps in time within clusters."""

import numpy as np

from gapglass.base.errors import UserError
from gapglass.base.seeds import derive
from gapglass.selection.allocation import allocate


def farthest_points(distances, start, count):
    """Return ``count`` rows of a matrix: ``start``, then always the row farthest from all rows chosen before.

    Parameters
    ----------
    distances : numpy.ndarray, shape (n, n)
    start : int
    count : int

    Returns
    -------
    list of int
    """
    taken = [int(start)]
    nearest = distances[start].copy()
    while len(taken) < count:
        nearest[taken] = -np.inf
        taken.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, distances[taken[-1]])
    return taken


def uniform_in_time(pool, size, seed):
    """Return ``size`` frames at even steps along a pool, the first one at random within the first step.

    Parameters
    ----------
    pool : numpy.ndarray of int
        Frame numbers in the order of time.
    size, seed : int

    Returns
    -------
    list of int
    """
    phase = np.random.default_rng(seed).uniform()
    return [int(pool[int((step + phase) * len(pool) / size)]) for step in range(size)]


def draw_regularly(pool, labels, size, seed):
    """Return ``size`` frames, drawn from each cluster at even steps in time and in proportion to its size.

    Parameters
    ----------
    pool : numpy.ndarray of int
        Frame numbers in the order of time.
    labels : numpy.ndarray of int, shape (n_frames,)
        Cluster of each frame; frames with the label -1, noise, are never chosen.
    size, seed : int

    Returns
    -------
    list of int
        Sorted frame numbers.

    Raises
    ------
    UserError
        When fewer frames than ``size`` belong to clusters.
    """
    kept = pool[labels[pool] >= 0]
    if len(kept) < size:
        raise UserError(
            f"only {len(kept)} frames of the pool belong to clusters, {size} are asked for; "
            "drop the size from learning_curves.sizes"
        )
    chosen = []
    names, sizes = np.unique(labels[kept], return_counts=True)
    for name, count in zip(names, allocate(sizes, size), strict=True):
        if count:
            chosen += uniform_in_time(kept[labels[kept] == name], count, derive(seed, "regular", int(name)))
    return sorted(chosen)
