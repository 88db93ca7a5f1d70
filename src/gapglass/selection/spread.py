"""Frames spread over space and time: farthest points, and even steps in time whose beginnings are even steps too."""

import numpy as np


def farthest_points(distances, start, count):
    """Return ``count`` rows of a matrix: ``start``, then always the row farthest from all rows chosen before.

    Parameters
    ----------
    distances : numpy.ndarray, shape (n, n)
    start : int or sequence of int
        Row, or rows, chosen first.
    count : int

    Returns
    -------
    list of int
    """
    taken = [int(row) for row in np.atleast_1d(start)]
    nearest = distances[taken].min(axis=0)
    while len(taken) < count:
        nearest[taken] = -np.inf
        taken.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, distances[taken[-1]])
    return taken


def in_time(pool, seed):
    """Return the frames of a pool in an order whose beginnings are spread evenly along it.

    The places are van der Corput's sequence to the base of 2, moved around by a random phase.

    Parameters
    ----------
    pool : sequence of int
        Frame numbers in the order of time.
    seed : int

    Returns
    -------
    list of int
    """
    pool = np.asarray(pool, int)
    bits = max(1, int(np.ceil(np.log2(max(len(pool), 2)))) + 3)
    numbers = np.arange(2**bits)
    reversed_bits = sum(((numbers >> bit) & 1) << (bits - 1 - bit) for bit in range(bits))
    shares = (reversed_bits / 2**bits + np.random.default_rng(seed).uniform()) % 1.0
    places = (shares * len(pool)).astype(int)
    _, first = np.unique(places, return_index=True)
    return pool[places[np.sort(first)]].tolist()
