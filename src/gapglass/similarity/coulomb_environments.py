"""Laplacian kernel averaged over all pairs of matrix rows: the left-hand side of Eq. 10 of doi:10.1111/jace.20128."""

import math

import numba
import numpy as np

from gapglass.similarity.matrices import positive_median
from gapglass.similarity.pairwise import (
    CHUNK,
    REORDERED,
    STRIP,
    add_l1,
    are_same,
    frame_pairs,
    l1_distances,
    stack,
    stack_frames,
)

LN_2 = math.log(2)
INVERSE_FACTORIALS = tuple(1 / math.factorial(k) for k in range(13, -1, -1))


@numba.njit(fastmath=REORDERED, cache=True)
def _exp(x):
    """Return exp(x) for x <= 0 with an error of 1e-12, and exp(-700) below -700.

    Unlike numpy's exp, the compiler can turn this polynomial into SIMD instructions.
    """
    x = -700.0 if x < -700.0 else x
    exponent = np.floor(x / LN_2 + 0.5)
    rest = x - exponent * LN_2
    series = 0.0
    for factor in INVERSE_FACTORIALS:
        series = series * rest + factor
    return series * np.int64((np.int64(exponent) + 1023) << 52).view(np.float64)


@numba.njit(parallel=True, fastmath=REORDERED, cache=True)
def _mean_exponentials(left, right, weights, pairs, n_left, n_right, zeta):
    """Return the mean of exp(-zeta |x_i - y_j|_1) over all pairs of rows of each pair of frames; shape (n_pairs,)."""
    means = np.empty(len(pairs))
    for pair in numba.prange(len(pairs)):
        first, second = left[pairs[pair, 0]], right[pairs[pair, 1]]
        n_first, n_second = n_left[pairs[pair, 0]], n_right[pairs[pair, 1]]
        distances = np.empty((STRIP, len(second)))
        total = 0.0
        for strip in range(0, n_first, STRIP):
            distances[:] = 0
            for start in range(0, first.shape[1], CHUNK):
                stop = min(start + CHUNK, first.shape[1])
                for b in range(0, n_second, 4):
                    for a in range(strip, min(strip + STRIP, n_first), 4):
                        add_l1(first, second, weights, a, b, start, stop, distances, a - strip)
            for row in range(min(STRIP, n_first - strip)):
                part = 0.0
                for b in range(n_second):
                    part += _exp(-zeta * distances[row, b])
                total += part
        means[pair] = total / (n_first * n_second)
    return means


def coulomb_environments(left, right, zeta):
    """Return the mean of exp(-zeta |M_i - M_j|_1) over all pairs of matrix rows (left-hand side of Eq. 10).

    Parameters
    ----------
    left, right : list of numpy.ndarray, shape (n_atoms, n_atoms)
        Matrices as ``whole_matrix`` returns them; rows of the smaller frame are padded with zeros. Comparing a list
        with itself takes half the time.
    zeta : float

    Returns
    -------
    numpy.ndarray, shape (len(left), len(right)), float64
    """
    same = are_same(left, right)
    sizes = [np.array([len(frame) for frame in frames]) for frames in (left, right)]
    n_features = max(size.max() for size in sizes)
    first = stack_frames(left, sizes[0].max(), n_features)
    second = first if same else stack_frames(right, sizes[1].max(), n_features)
    pairs = frame_pairs(len(left), len(right), same)
    weights = np.ones(first.shape[2], dtype=np.float32)
    means = np.empty((len(left), len(right)))
    means[pairs[:, 0], pairs[:, 1]] = _mean_exponentials(first, second, weights, pairs, *sizes, float(zeta))
    if same:
        means[pairs[:, 1], pairs[:, 0]] = means[pairs[:, 0], pairs[:, 1]]
    return means


def row_scale(matrices, seed, n_pairs=200):
    """Return the median L1 distance between matrix rows of different frames.

    Parameters
    ----------
    matrices : list of numpy.ndarray, shape (n_atoms, n_atoms)
    seed : int
        Decides which pairs of frames are taken.
    n_pairs : int
        Number of pairs of frames.

    Raises
    ------
    UserError
        When more than half of the distances are zero.
    """
    random = np.random.default_rng(seed)
    distances = []
    for _ in range(n_pairs):
        first, second = (matrices[i] for i in random.choice(len(matrices), 2, replace=False))
        length = max(len(first), len(second))
        distances.append(l1_distances(stack(first, length), stack(second, length)).ravel())
    return positive_median(lambda: [np.concatenate(distances)])
