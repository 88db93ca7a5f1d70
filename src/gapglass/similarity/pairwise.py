"""L1 distances and scalar products between all rows of two sets, compiled by numba.

The loops are cut into cache blocks (panels, tiles, strips, chunks) and compare four rows with four rows at a time, so
that SIMD registers hold the sixteen sums. Sums over a chunk of features are in float32 and are added up in float64.
Used for the right-hand side of Eq. 10 of doi:10.1111/jace.20128, and by the two modules of environments.
"""

import math

import numba
import numpy as np

# The compiler may reorder sums for SIMD, but unlike with fastmath=True a NaN remains a NaN.
REORDERED = {"reassoc", "contract", "nsz"}
PANEL = 2048  # features of all rows that are compared before the next features are read; 1200 rows are 10 MB
TILE = 64  # cache block of a thread: so many rows and as many others fit the second-level cache
STRIP = 16  # cache block of rows in the first-level cache
CHUNK = 512  # features that are summed in float32 before the sum is added in float64


def stack(vectors, length=None):
    """Stack vectors of different length into rows, padded with zeros at the end.

    Parameters
    ----------
    vectors : sequence of numpy.ndarray, shape (k,)
    length : int, optional
        That of the longest vector by default.

    Returns
    -------
    numpy.ndarray, shape (n, length), float32
    """
    length = length or max(len(vector) for vector in vectors)
    rows = np.zeros((len(vectors), length), dtype=np.float32)
    for row, vector in zip(rows, vectors, strict=True):
        row[: len(vector)] = vector
    return rows


@numba.njit(fastmath=REORDERED, cache=True)
def add_l1(left, right, weights, a, b, start, stop, sums, row):
    """Add the weighted L1 distances of rows a ... a + 3 from rows b ... b + 3, over a chunk, to sums[row:, b:]."""
    s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = numba.float32(0)
    s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = numba.float32(0)
    # The loop runs over slices because the check for negative indices would prevent SIMD.
    w = weights[start:stop]
    p0, p1, p2, p3 = left[a, start:stop], left[a + 1, start:stop], left[a + 2, start:stop], left[a + 3, start:stop]
    q0, q1, q2, q3 = right[b, start:stop], right[b + 1, start:stop], right[b + 2, start:stop], right[b + 3, start:stop]
    for k in range(stop - start):
        x0, x1, x2, x3, y0, y1, y2, y3 = p0[k], p1[k], p2[k], p3[k], q0[k], q1[k], q2[k], q3[k]
        s00 += w[k] * abs(x0 - y0)
        s01 += w[k] * abs(x0 - y1)
        s02 += w[k] * abs(x0 - y2)
        s03 += w[k] * abs(x0 - y3)
        s10 += w[k] * abs(x1 - y0)
        s11 += w[k] * abs(x1 - y1)
        s12 += w[k] * abs(x1 - y2)
        s13 += w[k] * abs(x1 - y3)
        s20 += w[k] * abs(x2 - y0)
        s21 += w[k] * abs(x2 - y1)
        s22 += w[k] * abs(x2 - y2)
        s23 += w[k] * abs(x2 - y3)
        s30 += w[k] * abs(x3 - y0)
        s31 += w[k] * abs(x3 - y1)
        s32 += w[k] * abs(x3 - y2)
        s33 += w[k] * abs(x3 - y3)
    sums[row, b] += s00
    sums[row, b + 1] += s01
    sums[row, b + 2] += s02
    sums[row, b + 3] += s03
    sums[row + 1, b] += s10
    sums[row + 1, b + 1] += s11
    sums[row + 1, b + 2] += s12
    sums[row + 1, b + 3] += s13
    sums[row + 2, b] += s20
    sums[row + 2, b + 1] += s21
    sums[row + 2, b + 2] += s22
    sums[row + 2, b + 3] += s23
    sums[row + 3, b] += s30
    sums[row + 3, b + 1] += s31
    sums[row + 3, b + 2] += s32
    sums[row + 3, b + 3] += s33


@numba.njit(fastmath=REORDERED, cache=True)
def add_products(left, right, a, b, start, stop, sums, row):
    """Add the scalar products of rows a ... a + 3 with rows b ... b + 3, over a chunk, to sums[row:, b:]."""
    s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = numba.float32(0)
    s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = numba.float32(0)
    p0, p1, p2, p3 = left[a, start:stop], left[a + 1, start:stop], left[a + 2, start:stop], left[a + 3, start:stop]
    q0, q1, q2, q3 = right[b, start:stop], right[b + 1, start:stop], right[b + 2, start:stop], right[b + 3, start:stop]
    for k in range(stop - start):
        x0, x1, x2, x3, y0, y1, y2, y3 = p0[k], p1[k], p2[k], p3[k], q0[k], q1[k], q2[k], q3[k]
        s00 += x0 * y0
        s01 += x0 * y1
        s02 += x0 * y2
        s03 += x0 * y3
        s10 += x1 * y0
        s11 += x1 * y1
        s12 += x1 * y2
        s13 += x1 * y3
        s20 += x2 * y0
        s21 += x2 * y1
        s22 += x2 * y2
        s23 += x2 * y3
        s30 += x3 * y0
        s31 += x3 * y1
        s32 += x3 * y2
        s33 += x3 * y3
    sums[row, b] += s00
    sums[row, b + 1] += s01
    sums[row, b + 2] += s02
    sums[row, b + 3] += s03
    sums[row + 1, b] += s10
    sums[row + 1, b + 1] += s11
    sums[row + 1, b + 2] += s12
    sums[row + 1, b + 3] += s13
    sums[row + 2, b] += s20
    sums[row + 2, b + 1] += s21
    sums[row + 2, b + 2] += s22
    sums[row + 2, b + 3] += s23
    sums[row + 3, b] += s30
    sums[row + 3, b + 1] += s31
    sums[row + 3, b + 2] += s32
    sums[row + 3, b + 3] += s33


@numba.njit(parallel=True, fastmath=REORDERED, cache=True)
def _add_l1_tiles(left, right, weights, tiles, upper, distances):
    """Add the weighted L1 distances over the features of a panel; ``upper`` skips 4 x 4 groups below the diagonal."""
    for tile in numba.prange(len(tiles)):
        first, second = tiles[tile]
        for start in range(0, left.shape[1], CHUNK):
            stop = min(start + CHUNK, left.shape[1])
            for strip in range(first, min(first + TILE, len(left)), STRIP):
                for b in range(second, min(second + TILE, len(right)), 4):
                    for a in range(strip, min(strip + STRIP, len(left)), 4):
                        if not upper or a <= b:
                            add_l1(left, right, weights, a, b, start, stop, distances, a)


def _l1_of_rows(left, right, weights):
    """Return the weighted L1 distances between rows of any length, padded with zeros; shape (n, m), float64.

    The rows are read one panel of features at a time. All rows of a panel stay in the cache until every pair has been
    compared, and no copy of all features is made. For rows compared with themselves only the upper triangle is
    computed.
    """
    same = are_same(left, right)
    distances = np.zeros((round_up(len(left), 4), round_up(len(right), 4)))
    tiles = [(a, b) for a in range(0, len(left), TILE) for b in range(a if same else 0, len(right), TILE)]
    width = min(PANEL, round_up(len(weights), 16))
    panels = [aligned_zeros((size, width)) for size in (distances.shape[:1] if same else distances.shape)]
    for start in range(0, len(weights), width):
        for panel, rows in zip(panels, (left, right), strict=False):
            for target, row in zip(panel, rows, strict=False):
                values = row[start : start + width]
                target[: len(values)] = values
                target[len(values) :] = 0
        part = np.zeros(width, dtype=np.float32)
        part[: len(weights) - start] = weights[start : start + width]
        _add_l1_tiles(panels[0], panels[-1], part, np.array(tiles), same, distances)
    distances = distances[: len(left), : len(right)]
    return _mirrored(distances) if same else distances


def round_up(number, unit):
    """Return the next multiple of a unit."""
    return -(-number // unit) * unit


def are_same(left, right):
    """Say whether both lists hold the same objects, in which case the result for (a, b) is also that for (b, a)."""
    return len(left) == len(right) and all(a is b for a, b in zip(left, right, strict=True))


def _mirrored(upper):
    """Return the symmetric matrix of an upper triangle."""
    return np.triu(upper) + np.triu(upper, 1).T


def l1_distances(left, right):
    """Return the L1 distances between all rows of two arrays.

    Parameters
    ----------
    left, right : numpy.ndarray, shapes (n, k) and (m, k), float32

    Returns
    -------
    numpy.ndarray, shape (n, m), float64
    """
    rows = list(left)
    return _l1_of_rows(rows, rows if left is right else list(right), np.ones(left.shape[1], dtype=np.float32))


def coulomb_distances(left, right, packed=True):
    """Return sum_ij |M_ij(A) - M_ij(B)| between two sets of Coulomb vectors.

    Parameters
    ----------
    left, right : list of numpy.ndarray
        From ``coulomb_vector``; lengths may differ. Comparing a list with itself takes half the time.
    packed : bool
        True for lower triangles, whose off-diagonal elements count twice; False for eigenvalues.

    Returns
    -------
    numpy.ndarray, shape (len(left), len(right)), float64
    """
    length = max(len(vector) for vector in (*left, *right))
    weights = np.ones(length, dtype=np.float32)
    if packed:
        diagonal = np.cumsum(np.arange(1, int(np.sqrt(2 * length)) + 1)) - 1
        weights[:] = 2
        weights[diagonal[diagonal < length]] = 1
    return _l1_of_rows(left, right, weights)


def aligned_zeros(shape):
    """Return float32 zeros that start at the boundary of a cache line, so that no SIMD load crosses one."""
    size = 4 * math.prod(shape)
    memory = np.zeros(size + 64, dtype=np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(np.float32).reshape(shape)


def stack_frames(frames, n_rows, n_features):
    """Stack arrays of different size, padded with zeros.

    Parameters
    ----------
    frames : list of numpy.ndarray, shape (n_atoms, k)
    n_rows, n_features : int
        At least the largest n_atoms and k.

    Returns
    -------
    numpy.ndarray, shape (n, n_rows rounded up to 4, n_features rounded up to 16), float32
    """
    stacked = aligned_zeros((len(frames), round_up(n_rows, 4), round_up(n_features, 16)))
    for target, frame in zip(stacked, frames, strict=True):
        target[: frame.shape[0], : frame.shape[1]] = frame
    return stacked


def frame_pairs(n_left, n_right, same):
    """Return the pairs of frames to compare, shape (n_pairs, 2); of frames with themselves only the upper triangle."""
    compared = np.ones((n_left, n_right), dtype=bool)
    return np.argwhere(np.triu(compared) if same else compared)
