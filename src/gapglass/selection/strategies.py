"""Choosing frames: nested databases drawn from every cluster, and the other ways that learning curves compare them with.

Source: section 2.4 of doi:10.1111/jace.20128; sizes: iteration n takes n x I_perc of the frames.
"""

import numpy as np

from gapglass.base.errors import UserError
from gapglass.base.seeds import derive
from gapglass.selection.allocation import allocate


def farthest_points(distances, start, count):
    """Return ``count`` rows: ``start``, then always the one farthest from all taken before.

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
    """Return ``size`` frames of the pool at even steps along the trajectories, the first step at random."""
    phase = np.random.default_rng(seed).uniform()
    return [int(pool[int((step + phase) * len(pool) / size)]) for step in range(size)]


def draw_regularly(pool, labels, size, seed):
    """Return ``size`` frames, each cluster sampled at even steps in time from a random start, its share in proportion to its size.

    Parameters
    ----------
    pool : numpy.ndarray of int
    labels : numpy.ndarray of int, shape (n_frames,)
        -1 is noise, never taken.

    Raises
    ------
    UserError
        When fewer frames than ``size`` belong to clusters.
    """
    kept = pool[labels[pool] >= 0]
    if len(kept) < size:
        raise UserError(
            f"only {len(kept)} frames of the pool belong to clusters, {size} are asked for; drop the size from learning_curves.sizes"
        )
    chosen = []
    names, sizes = np.unique(labels[kept], return_counts=True)
    for name, count in zip(names, allocate(sizes, size), strict=True):
        chosen += (
            uniform_in_time(kept[labels[kept] == name], count, derive(seed, "regular", int(name))) if count else []
        )
    return sorted(chosen)
