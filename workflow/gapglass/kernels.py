"""Similarity of frames: rows of raw comparisons, the two normalised kernels, their hybrid and its distance.

A row compares one block of frames with itself and those before it and holds what needs no knowledge of other frames: for
averaged fingerprints products p_A.p_B and L1 distances, for environments the mean powers of p_i.p_j over all pairs of atoms.
Slope, c0, zeta and normalisation come in when the rows are put together, so that new frames leave old rows valid. Only
the Coulomb kernel over environments needs its zeta first.
Source: Eq. 3, 6, 7 and 9-12 of doi:10.1111/jace.20128.
"""

import math
from itertools import pairwise

import numba
import numpy as np

from gapglass.descriptors import whole_matrix
from gapglass.errors import UserError
from gapglass.many_frames import MatrixOnDisk, distance_dtype, row_chunks, streamed_median

# Sums may be reordered for vectors, but unlike with fastmath=True a NaN stays a NaN.
REORDERED = {"reassoc", "contract", "nsz"}
PANEL = 2048  # features of all rows that are read before every pair has met; 1200 rows are 10 MB
TILE = 64  # rows of a panel that a thread compares with as many others: both together fit its second-level cache
STRIP = 16  # rows that stay in the first-level cache
CHUNK = 512  # features that are summed in float32 before the sum is added in float64
LN_2 = math.log(2)
INVERSE_FACTORIALS = tuple(1 / math.factorial(k) for k in range(13, -1, -1))
MONOMIALS_AT_MOST = 150_000  # more would cost a frame what hundreds of pairs of frames cost
TOLERANCE = 1e-5  # bound on the error of a mean power of products of environments, relative to the frames' own; measured: 2e-7


def stack(vectors, length=None):
    """Stack vectors of different length into rows, padded with zeros at the end.

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
def _add_l1(left, right, weights, a, b, start, stop, sums, row):
    """Add the weighted L1 distances of rows a ... a + 3 from rows b ... b + 3, over some features, to sums[row:, b:]."""
    s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = numba.float32(0)
    s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = numba.float32(0)
    # slices: an index that might be negative would keep the loop from running on vectors
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
def _add_products(left, right, a, b, start, stop, sums, row):
    """Add the scalar products of rows a ... a + 3 with rows b ... b + 3, over some features, to sums[row:, b:]."""
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
    for tile in numba.prange(len(tiles)):
        first, second = tiles[tile]
        for start in range(0, left.shape[1], CHUNK):
            stop = min(start + CHUNK, left.shape[1])
            for strip in range(first, min(first + TILE, len(left)), STRIP):
                for b in range(second, min(second + TILE, len(right)), 4):
                    for a in range(strip, min(strip + STRIP, len(left)), 4):
                        if not upper or a <= b:
                            _add_l1(left, right, weights, a, b, start, stop, distances, a)


def _l1_of_rows(left, right, weights):
    """Return the weighted L1 distances between rows of any length, short ones padded with zeros; shape (n, m), float64.

    Rows are read a panel of features at a time, so that all of them stay in the cache until every pair has met and no
    copy of the whole is made. Rows that are compared with themselves need only the upper triangle.
    """
    same = _are_same(left, right)
    distances = np.zeros((_up(len(left), 4), _up(len(right), 4)))
    tiles = [(a, b) for a in range(0, len(left), TILE) for b in range(a if same else 0, len(right), TILE)]
    width = min(PANEL, _up(len(weights), 16))
    panels = [_aligned_zeros((size, width)) for size in (distances.shape[:1] if same else distances.shape)]
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


def _up(number, unit):
    """Return the next multiple of a unit."""
    return -(-number // unit) * unit


def _are_same(left, right):
    """Tell whether both lists hold the very same arrays, so that what is found for (a, b) holds for (b, a)."""
    return len(left) == len(right) and all(a is b for a, b in zip(left, right, strict=True))


def _mirrored(upper):
    """Return the symmetric matrix of an upper triangle."""
    return np.triu(upper) + np.triu(upper, 1).T


def l1_distances(left, right):
    """Return the L1 distances between two sets of rows.

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
    """Return sum_ij |M_ij(A) - M_ij(B)| between two sets of stored Coulomb vectors.

    Parameters
    ----------
    left, right : list of numpy.ndarray
        From ``descriptors.coulomb_vector``; lengths may differ. The same list twice takes half the time.
    packed : bool
        True for lower triangles (each off-diagonal element stands for two), False for eigenvalues.

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


def _aligned_zeros(shape):
    """Return zeros, float32, that start where a cache line does, so that no vector straddles two."""
    size = 4 * math.prod(shape)
    memory = np.zeros(size + 64, dtype=np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(np.float32).reshape(shape)


def _stack_frames(frames, n_rows, n_features):
    """Stack frames of different size, padded with zeros; shape (n, n_rows, n_features), each a little larger; float32."""
    stacked = _aligned_zeros((len(frames), _up(n_rows, 4), _up(n_features, 16)))
    for target, frame in zip(stacked, frames, strict=True):
        target[: frame.shape[0], : frame.shape[1]] = frame
    return stacked


def _frame_pairs(n_left, n_right, same):
    """Return the pairs of frames to compare, of frames with themselves the upper triangle alone; shape (n_pairs, 2)."""
    return np.argwhere(np.triu(np.ones((n_left, n_right), dtype=bool)) if same else np.ones((n_left, n_right), dtype=bool))


@numba.njit(parallel=True, fastmath=REORDERED, cache=True)
def _mean_powers(left, right, pairs, n_pairs_of_atoms, degree):
    """Return the mean of the powers 1 ... degree of all products of two frames' rows; shape (degree, n_pairs)."""
    means = np.empty((degree, len(pairs)))
    for pair in numba.prange(len(pairs)):
        first, second = left[pairs[pair, 0]], right[pairs[pair, 1]]
        # Rows of padding give products of zero, which add nothing.
        products = np.empty((TILE, len(second)), dtype=np.float32)
        power = np.empty(len(second))
        sums = np.zeros(degree)
        for tile in range(0, len(first), TILE):
            end = min(tile + TILE, len(first))
            products[:] = 0
            for start in range(0, first.shape[1], CHUNK):
                stop = min(start + CHUNK, first.shape[1])
                for strip in range(tile, end, STRIP):
                    for b in range(0, len(second), 4):
                        for a in range(strip, min(strip + STRIP, end), 4):
                            _add_products(first, second, a, b, start, stop, products, a - tile)
            for row in range(end - tile):
                power[:] = 1.0
                for k in range(degree):
                    total = 0.0
                    for b in range(len(second)):
                        power[b] *= products[row, b]
                        total += power[b]
                    sums[k] += total
        means[:, pair] = sums / n_pairs_of_atoms[pair]
    return means


def _moments_of_pairs(left, right, sizes, pairs, degree):
    n_pairs_of_atoms = sizes[0][pairs[:, 0]] * sizes[1][pairs[:, 1]]
    return _mean_powers(left, right, pairs, n_pairs_of_atoms.astype(np.float64), degree)


def _self_moments(frames, degree, group=16):
    """Return the mean powers of the products of each frame's rows with one another; shape (degree, n_frames)."""
    moments = []
    for start in range(0, len(frames), group):
        part = frames[start : start + group]
        sizes = np.array([len(frame) for frame in part])
        stacked = _stack_frames(part, sizes.max(), part[0].shape[1])
        itself = np.repeat(np.arange(len(part)), 2).reshape(-1, 2)
        moments.append(_moments_of_pairs(stacked, stacked, (sizes, sizes), itself, degree))
    return np.concatenate(moments, axis=1)


@numba.njit(cache=True)
def _monomials(scales, smallest, degree, at_most):
    """List the monomials in some coordinates whose product of scales is at least ``smallest``, a parent before its children.

    A child has one factor more, of an index not below its parent's last, so each monomial comes once.

    Returns
    -------
    level, last, weight, parent : numpy.ndarray
        Number of factors, index of the last one, number of orders of the factors, and whether there are children; empty
        when there are more than ``at_most``.
    """
    level, last = np.empty(at_most, np.int64), np.empty(at_most, np.int64)
    weight, parent = np.empty(at_most), np.zeros(at_most, np.bool_)
    following, product = np.zeros(degree + 1, np.int64), np.ones(degree + 1)
    node, repeats, orders = np.zeros(degree + 1, np.int64), np.zeros(degree + 1, np.int64), np.ones(degree + 1)
    n, k = 0, 1
    while k >= 1:
        index = following[k]
        if index < len(scales) and product[k - 1] * scales[index] >= smallest:
            if n == at_most:
                return level[:0], last[:0], weight[:0], parent[:0]
            repeats[k] = repeats[k - 1] + 1 if k > 1 and last[node[k - 1]] == index else 1
            orders[k] = orders[k - 1] * k / repeats[k]
            product[k] = product[k - 1] * scales[index]
            level[n], last[n], weight[n], node[k] = k, index, orders[k], n
            if k > 1:
                parent[node[k - 1]] = True
            following[k] += 1
            n += 1
            if k < degree:
                k += 1
                following[k] = index
        else:
            k -= 1
    return level[:n], last[:n], weight[:n], parent[:n]


@numba.njit(parallel=True, fastmath=REORDERED, cache=True)
def _mean_monomials(coordinates, sizes, level, last, root_weight, parent, place):
    """Return the mean over a frame's atoms of every monomial times the root of its weight; shape (n_frames, n_monomials).

    coordinates has shape (n_frames, n_coordinates, n_atoms), zeros after the atoms of a smaller frame.
    """
    means = np.empty((len(coordinates), len(level)), np.float32)
    for frame in numba.prange(len(coordinates)):
        own = coordinates[frame]
        products = np.ones((level.max() + 1, own.shape[1]), np.float32)
        for n in range(len(level)):
            before, factor = products[level[n] - 1], own[last[n]]
            total = numba.float32(0)
            if parent[n]:
                product = products[level[n]]
                for i in range(own.shape[1]):
                    product[i] = before[i] * factor[i]
                    total += product[i]
            else:
                for i in range(own.shape[1]):
                    total += before[i] * factor[i]
            means[frame, place[n]] = total * root_weight[n] / sizes[frame]
    return means


class _Monomials:
    """Features of frames whose scalar products are the mean powers of the products of their environments.

    The mean of (p_i.p_j)^k over the atoms of frames A and B is the scalar product of the means of p_i x ... x p_i over A and
    over B. In the principal axes of the environments almost all components of these tensors are too small to count; the
    rest are monomials in few coordinates, some ten thousand of them, and cost a frame what a few pairs of frames cost.
    """

    def __init__(self, directions, scales, smallest, degree):
        tree = _monomials(scales, smallest, degree, MONOMIALS_AT_MOST)
        self.level, self.last, weight, self.parent = tree
        self.root_weight = np.sqrt(weight).astype(np.float32)
        self.place = np.argsort(np.argsort(self.level, kind="stable"))
        self.ends = np.cumsum(np.bincount(self.level, minlength=degree + 1))
        self.directions = directions[:, : max(self.last, default=-1) + 1].astype(np.float32)

    def __len__(self):
        return len(self.level)

    def of(self, frames, group=32):
        """Return the features of frames; shape (n_frames, n_features), float32, the powers one after the other."""
        features = []
        for start in range(0, len(frames), group):
            part = frames[start : start + group]
            sizes = np.array([len(frame) for frame in part])
            coordinates = np.zeros((len(part), self.directions.shape[1], _up(sizes.max(), 16)), np.float32)
            for target, frame in zip(coordinates, part, strict=True):
                target[:, : len(frame)] = (frame @ self.directions).T
            features.append(_mean_monomials(coordinates, sizes, self.level, self.last, self.root_weight, self.parent, self.place))
        return np.concatenate(features)

    def powers(self):
        """Yield the slice of the features of each power."""
        for start, end in pairwise(self.ends):
            yield slice(start, end)

    def within_tolerance(self, features, exact):
        """Tell whether the moments of every frame with itself are right to ``TOLERANCE``.

        What is left out of a moment of A with B is itself a scalar product, so the geometric mean of what is left out of
        A with A and of B with B bounds it (Cauchy-Schwarz).
        """
        found = np.array([np.square(features[:, power], dtype=np.float64).sum(axis=1) for power in self.powers()])
        return (np.abs(found - exact) <= TOLERANCE * np.abs(exact)).all()


def _principal_axes(frames):
    """Return the axes of the environments of some frames and their mean squares relative to the first, falling; None for NaN.

    The last ones, which together hold less than ``TOLERANCE``, are left out.
    """
    n_features = frames[0].shape[1]
    ends = np.cumsum([len(frame) for frame in frames])
    chosen = np.sort(np.random.default_rng(0).choice(ends[-1], min(ends[-1], 4 * n_features), replace=False))
    owners = np.searchsorted(ends, chosen, side="right")
    sample = np.array([frames[owner][row - ends[owner]] for owner, row in zip(owners, chosen, strict=True)], dtype=np.float64)
    if not np.isfinite(sample).all():
        return None
    squares, axes = np.linalg.eigh(sample.T @ sample)
    scales = np.maximum(squares[::-1], 0) / squares[-1]
    n_axes = max(1, (np.cumsum(scales[::-1])[::-1] > TOLERANCE).sum())
    return axes[:, ::-1][:, :n_axes], scales[:n_axes]


def _features(frames, degree):
    """Return monomials and features of frames that meet the tolerance, and the moments of each frame with itself; None where none do."""
    axes = _principal_axes(frames)
    if axes is None:
        return None
    exact = _self_moments(frames, degree)
    few = np.unique(np.linspace(0, len(frames) - 1, 8).astype(int))
    smallest = 4e-9
    while True:
        monomials = _Monomials(*axes, smallest, degree)
        if not len(monomials):
            return None
        if monomials.within_tolerance(monomials.of([frames[i] for i in few]), exact[:, few]):
            features = monomials.of(frames)
            if monomials.within_tolerance(features, exact):
                return monomials, features, exact
        smallest /= 4


def _products_of_features(left, right, chunk=4096):
    """Return left @ right.T in float64 without a float64 copy of either."""
    products = np.zeros((len(left), len(right)))
    for start in range(0, left.shape[1], chunk):
        part = slice(start, start + chunk)
        products += left[:, part].astype(np.float64) @ right[:, part].T.astype(np.float64)
    return products


def soap_moments(left, right, degree):
    """Return the mean of (p_i.p_j)^k over all pairs of atoms of two frames, for k = 0 ... degree.

    A polynomial kernel with any slope and c0 is a sum of these moments. Small blocks are compared pair of atoms by pair of
    atoms, large ones by features of the frames, see ``_Monomials``: a moment of frames A and B is then off by less than
    1e-5 of the geometric mean of those of A with A and B with B (measured: 2e-7), and the cost of a pair no longer depends on their atoms.

    Parameters
    ----------
    left, right : list of numpy.ndarray, shape (n_atoms, n_features)
        From ``descriptors.soap_fingerprint`` with averaging environments. The same list twice takes half the time.
    degree : int

    Returns
    -------
    numpy.ndarray, shape (degree + 1, len(left), len(right)), float64
    """
    same = _are_same(left, right)
    sizes = [np.array([len(frame) for frame in frames]) for frames in (left, right)]
    moments = np.ones((degree + 1, len(left), len(right)))
    # finding the axes takes about as long as this many products
    if sizes[0].sum() * sizes[1].sum() > 64 * left[0].shape[1] ** 2:
        found = _features(left if same else [*left, *right], degree)
        if found:
            monomials, features, exact = found
            first, second = features[: len(left)], features if same else features[len(left) :]
            for k, power in enumerate(monomials.powers(), start=1):
                moments[k] = _products_of_features(first[:, power], second[:, power])
            if same:
                moments[1:, np.arange(len(left)), np.arange(len(left))] = exact
            return moments
    first = _stack_frames(left, sizes[0].max(), left[0].shape[1])
    second = first if same else _stack_frames(right, sizes[1].max(), left[0].shape[1])
    pairs = _frame_pairs(len(left), len(right), same)
    moments[1:, pairs[:, 0], pairs[:, 1]] = _moments_of_pairs(first, second, sizes, pairs, degree)
    if same:
        moments[1:, pairs[:, 1], pairs[:, 0]] = moments[1:, pairs[:, 0], pairs[:, 1]]
    return moments


@numba.njit(fastmath=REORDERED, cache=True)
def _exp(x):
    """Return exp(x) for x <= 0 to 1e-12, in steps that the compiler can do for many numbers at once; exp(-700) below -700."""
    x = -700.0 if x < -700.0 else x
    whole = np.floor(x / LN_2 + 0.5)
    rest = x - whole * LN_2
    series = 0.0
    for factor in INVERSE_FACTORIALS:
        series = series * rest + factor
    return series * np.int64((np.int64(whole) + 1023) << 52).view(np.float64)


@numba.njit(parallel=True, fastmath=REORDERED, cache=True)
def _mean_exponentials(left, right, weights, pairs, n_left, n_right, zeta):
    """Return the mean of exp(-zeta |x_i - y_j|_1) over the rows of each pair of frames; shape (n_pairs,)."""
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
                        _add_l1(first, second, weights, a, b, start, stop, distances, a - strip)
            for row in range(min(STRIP, n_first - strip)):
                part = 0.0
                for b in range(n_second):
                    part += _exp(-zeta * distances[row, b])
                total += part
        means[pair] = total / (n_first * n_second)
    return means


def coulomb_environments(left, right, zeta):
    """Return the mean of exp(-zeta |M_i - M_j|_1) over all pairs of matrix rows of two frames (left-hand side of Eq. 10).

    Parameters
    ----------
    left, right : list of numpy.ndarray, shape (n_atoms, n_atoms)
        Whole matrices; rows of the smaller frame are padded with zeros. The same list twice takes half the time.
    zeta : float

    Returns
    -------
    numpy.ndarray, shape (len(left), len(right)), float64
    """
    same = _are_same(left, right)
    sizes = [np.array([len(frame) for frame in frames]) for frames in (left, right)]
    n_features = max(size.max() for size in sizes)
    first = _stack_frames(left, sizes[0].max(), n_features)
    second = first if same else _stack_frames(right, sizes[1].max(), n_features)
    pairs = _frame_pairs(len(left), len(right), same)
    weights = np.ones(first.shape[2], dtype=np.float32)
    means = np.empty((len(left), len(right)))
    means[pairs[:, 0], pairs[:, 1]] = _mean_exponentials(first, second, weights, pairs, *sizes, float(zeta))
    if same:
        means[pairs[:, 1], pairs[:, 0]] = means[pairs[:, 0], pairs[:, 1]]
    return means


def row_scale(matrices, seed, n_pairs=200):
    """Return the median L1 distance between rows of matrices of different frames, from ``n_pairs`` random pairs of frames.

    Parameters
    ----------
    matrices : list of numpy.ndarray, shape (n_atoms, n_atoms)
    seed : int
    n_pairs : int

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
    return _positive_median(lambda: [np.concatenate(distances)])


def _positive_median(chunks):
    median = streamed_median(chunks)
    if median <= 0:
        raise UserError("more than half of the Coulomb distances are zero: the frames are alike; check trajectories.stride")
    return median


def normalise(kernel):
    """Divide by the self-similarities, K_AB / sqrt(K_AA K_BB) (Eq. 7); the diagonal becomes exactly 1."""
    scale = np.sqrt(np.diag(kernel))
    kernel = kernel / np.outer(scale, scale)
    np.fill_diagonal(kernel, 1.0)
    return kernel


def soap_kernel(products, degree=4, c0=1.0, slope="auto"):
    """Return the normalised average SOAP kernel and the slope used (Eq. 3, 7, 9).

    Parameters
    ----------
    products : numpy.ndarray, shape (n, n)
        p_A . p_B of averaged fingerprints.
    slope : float or "auto"
        auto takes 1 / mean of p_A . p_A, so that the product and c0 are of one order.
    """
    if slope == "auto":
        slope = 1.0 / np.diag(products).mean()
    return normalise(_polynomial(products, degree, c0, slope)), float(slope)


def _polynomial(products, degree, c0, slope):
    return (slope * products + c0) ** degree


def soap_environment_kernel(moments, self_product, c0=1.0, slope="auto"):
    """Return the normalised mean of the polynomial kernel over all pairs of atoms and the slope used (left-hand side of Eq. 9).

    Parameters
    ----------
    moments : numpy.ndarray, shape (degree + 1, n, n)
        From ``soap_moments``, put together.
    self_product : float
        Mean of p_i.p_i over the atoms of all frames; slope auto is its inverse.
    """
    if slope == "auto":
        slope = 1.0 / self_product
    return normalise(_binomial(moments, c0, slope)), float(slope)


def _binomial(moments, c0, slope):
    degree = len(moments) - 1
    return sum(math.comb(degree, k) * slope**k * c0 ** (degree - k) * moments[k] for k in range(degree + 1))


def coulomb_kernel(distances, zeta="auto"):
    """Return the Laplacian kernel exp(-zeta d) and the zeta used (Eq. 6, 10).

    Parameters
    ----------
    distances : numpy.ndarray, shape (n, n)
        L1 distances of Coulomb matrices.
    zeta : float or "auto"
        auto takes 1 / median distance between different frames.

    Raises
    ------
    UserError
        When all frames are alike, so that no scale exists.
    """
    if zeta == "auto":
        zeta = 1.0 / _positive_median(lambda: [distances[np.triu_indices(len(distances), 1)]])
    kernel = np.exp(-zeta * distances)
    np.fill_diagonal(kernel, 1.0)
    return kernel, float(zeta)


def compare_blocks(block, other, settings):
    """Return the tile of two blocks of frames.

    Parameters
    ----------
    block, other : dict
        ``soap`` and ``coulomb``: lists with one array per frame, as ``descriptors`` returns them.
    settings : dict
        soap_averaging, coulomb_averaging, degree (for environments), packed (triangles, not eigenvalues), zeta (for
        environments).

    Returns
    -------
    dict of numpy.ndarray
        ``products`` or ``moments`` with ``self_products`` and ``n_atoms`` of the first block; ``distances`` or ``coulomb``.
    """
    tile = {}
    if settings["soap_averaging"] == "fingerprint":
        tile["products"] = np.array(block["soap"]) @ np.array(other["soap"]).T
    else:
        tile["moments"] = soap_moments(block["soap"], other["soap"], settings["degree"])
        tile["self_products"] = np.array([np.square(frame, dtype=np.float64).sum() for frame in block["soap"]])
        tile["n_atoms"] = np.array([len(frame) for frame in block["soap"]])
    if settings["coulomb_averaging"] == "fingerprint":
        tile["distances"] = coulomb_distances(block["coulomb"], other["coulomb"], settings["packed"])
    else:
        own = [whole_matrix(vector) for vector in block["coulomb"]]
        others = own if other is block else [whole_matrix(vector) for vector in other["coulomb"]]
        tile["coulomb"] = coulomb_environments(own, others, settings["zeta"])
    return tile


def compare_with_all(block, others, settings):
    """Return the row of a block: its tiles with all ``others``, itself last, one after the other along the last axis.

    Parameters
    ----------
    block : dict
    others : iterable of dict
        Read one at a time.
    settings : dict
        As for ``compare_blocks``.
    """
    tiles = [compare_blocks(block, other, settings) for other in others]
    alone = ("self_products", "n_atoms")
    return {name: tiles[0][name] if name in alone else np.concatenate([tile[name] for tile in tiles], axis=-1) for name in tiles[0]}


def combine(rows, places, soap, coulomb, allocate=None):
    """Return both normalised kernels from all rows, and the scales used.

    Parameters
    ----------
    rows : list of mapping
        From ``compare_with_all``, in the order in which blocks are compared; read one at a time, so files may be passed.
    places : list of slice
        The frames of every block.
    soap, coulomb : dict
        Sections ``kernels.soap`` and ``kernels.coulomb``; zeta must be a number where the rows were made with it.
    allocate : callable, optional
        (name, shape) -> array to fill, for matrices kept on disk; in memory by default.

    Returns
    -------
    soap, coulomb : numpy.ndarray, shape (n_frames, n_frames)
    scales : dict
        slope and zeta.
    """
    n_frames = max(place.stop for place in places)
    allocate = allocate or (lambda name, shape: np.empty(shape))
    slope, zeta = soap["slope"], coulomb["zeta"]
    if slope == "auto":
        slope = 1.0 / _mean_self_product(rows, soap["averaging"])
    if zeta == "auto":
        zeta = 1.0 / _positive_median(lambda: _different(rows, "distances"))
    raw = {
        "soap": {
            "fingerprint": lambda row: _polynomial(row["products"], soap["degree"], soap["c0"], slope),
            "environments": lambda row: _binomial(row["moments"], soap["c0"], slope),
        }[soap["averaging"]],
        "coulomb": {
            "fingerprint": lambda row: np.exp(-zeta * row["distances"]),
            "environments": lambda row: row["coulomb"],
        }[coulomb["averaging"]],
    }
    soap_matrix, coulomb_matrix = (_fill(allocate(name, (n_frames, n_frames)), rows, places, values) for name, values in raw.items())
    return soap_matrix, coulomb_matrix, {"slope": float(slope), "zeta": float(zeta)}


def _mean_self_product(rows, averaging):
    """Return the mean of p_A.p_A over frames, or of p_i.p_i over the atoms of all frames."""
    if averaging == "environments":
        return sum(row["self_products"].sum() for row in rows) / sum(row["n_atoms"].sum() for row in rows)
    own = [row["products"] for row in rows]
    return np.concatenate([np.diag(part[:, -len(part) :]) for part in own]).mean()


def _different(rows, name):
    """Return an iterator over the values of all pairs of different frames, each pair once."""
    for row in rows:
        values = row[name]
        n = len(values)
        yield values[:, :-n].ravel()
        yield values[:, -n:][np.triu_indices(n, 1)]


def _fill(matrix, rows, places, raw):
    """Normalise the rows and put them into their place and its mirror image; the diagonal becomes exactly 1 (Eq. 7)."""
    scale = np.empty(len(matrix))
    for row, place in zip(rows, places, strict=True):
        values = raw(row)
        scale[place] = 1 / np.sqrt(np.diag(values[:, -len(values) :]))
    for index, (row, place) in enumerate(zip(rows, places, strict=True)):
        values = raw(row)
        start = 0
        for partner in places[: index + 1]:
            part = values[:, start : start + partner.stop - partner.start] * np.outer(scale[place], scale[partner])
            start += part.shape[1]
            if partner == place:
                part = (part + part.T) / 2
                np.fill_diagonal(part, 1.0)
            matrix[place, partner] = part
            matrix[partner, place] = part.T
    return matrix


def hybrid(soap, coulomb, delta):
    """Return (1 - delta) K_SOAP + delta K_Coulomb (Eq. 11)."""
    return (1 - delta) * soap + delta * coulomb


def distance(kernel):
    """Return D = sqrt(2 - 2 K) (Eq. 12), tiny negatives clipped."""
    return np.sqrt(np.clip(2 - 2 * kernel, 0, None))


def hybrid_distance(soap, coulomb, delta):
    """Return the distances of the hybrid kernel (Eq. 11, 12), the diagonal exactly 0.

    Parameters
    ----------
    soap, coulomb : numpy.ndarray or many_frames.MatrixOnDisk, shape (n, n)
        Read some rows at a time.
    delta : float

    Returns
    -------
    numpy.ndarray, shape (n, n), float32 beyond 4000 frames
    """
    distances = np.empty(soap.shape, dtype=distance_dtype(len(soap)))
    for rows in row_chunks(len(soap)):
        distances[rows] = distance(hybrid(soap[rows], coulomb[rows], delta))
    np.fill_diagonal(distances, 0.0)
    return distances


def read_distance(soap_path, coulomb_path, delta):
    """Return the hybrid distance of kernels in two .npy files, see ``hybrid_distance``."""
    return hybrid_distance(MatrixOnDisk(soap_path), MatrixOnDisk(coulomb_path), delta)
