"""Means of (p_i.p_j)^k over all pairs of atoms of two frames, from which the left-hand side of Eq. 9 follows.

Small blocks of frames are compared atom by atom. For large blocks every frame is turned into features whose scalar
products are these means, so that the cost of a pair of frames no longer depends on their numbers of atoms, see
``soap_moments``. Source: Eq. 9 of doi:10.1111/jace.20128.
"""

from itertools import pairwise

import numba
import numpy as np

from gapglass.similarity.pairwise import (
    CHUNK,
    REORDERED,
    STRIP,
    TILE,
    add_products,
    are_same,
    frame_pairs,
    round_up,
    stack_frames,
)

MONOMIALS_AT_MOST = 150_000  # with more, the features of one frame would cost as much as hundreds of pairs of frames
# Bound on the error of a moment of A with B, relative to the geometric mean of those of A with A and of B with B. The
# measured error is 2e-7.
TOLERANCE = 1e-5


@numba.njit(parallel=True, fastmath=REORDERED, cache=True)
def _mean_powers(left, right, pairs, n_pairs_of_atoms, degree):
    """Return the mean of the powers 1 ... degree of all products of two frames' rows; shape (degree, n_pairs)."""
    means = np.empty((degree, len(pairs)))
    for pair in numba.prange(len(pairs)):
        first, second = left[pairs[pair, 0]], right[pairs[pair, 1]]
        # Padded rows have products of zero, which do not change the sums.
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
                            add_products(first, second, a, b, start, stop, products, a - tile)
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
    """Return the moments k = 1 ... degree of pairs of stacked frames; shape (degree, n_pairs)."""
    n_pairs_of_atoms = sizes[0][pairs[:, 0]] * sizes[1][pairs[:, 1]]
    return _mean_powers(left, right, pairs, n_pairs_of_atoms.astype(np.float64), degree)


def _self_moments(frames, degree, group=16):
    """Return the moments k = 1 ... degree of each frame with itself; shape (degree, n_frames)."""
    moments = []
    for start in range(0, len(frames), group):
        part = frames[start : start + group]
        sizes = np.array([len(frame) for frame in part])
        stacked = stack_frames(part, sizes.max(), part[0].shape[1])
        itself = np.repeat(np.arange(len(part)), 2).reshape(-1, 2)
        moments.append(_moments_of_pairs(stacked, stacked, (sizes, sizes), itself, degree))
    return np.concatenate(moments, axis=1)


@numba.njit(cache=True)
def _monomials(scales, smallest, degree, at_most):
    """Return the monomials whose product of scales is at least ``smallest``, parents before children.

    A child has one more factor than its parent, with an index not below that of the parent's last factor. Each
    monomial therefore occurs once.

    Returns
    -------
    level, last, weight, parent : numpy.ndarray
        Number of factors, index of the last factor, number of permutations of the factors, and whether the monomial
        has children. The arrays are empty when there are more than ``at_most`` monomials.
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
    """Return the mean of every monomial over the atoms of a frame, times the square root of its weight.

    ``coordinates`` has shape (n_frames, n_coordinates, n_atoms) and is padded with zeros after the atoms of a smaller
    frame. The result has shape (n_frames, n_monomials), float32.
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
    """Features of frames whose scalar products are the moments of pairs of frames.

    The mean of (p_i.p_j)^k over the atoms of frames A and B is the scalar product of two tensors: the mean over A of
    the k-fold tensor product of p_i with itself, and the same mean over B. In the principal axes of the environments
    almost all components of these tensors are negligible. The others are monomials of few coordinates. There are about
    ten thousand of them, and computing them for a frame costs as much as comparing a few pairs of frames atom by atom.

    Parameters
    ----------
    directions : numpy.ndarray, shape (n_features, n_axes)
        Principal axes.
    scales : numpy.ndarray, shape (n_axes,)
        Mean squares of the coordinates relative to the first, decreasing.
    smallest : float
        Lowest product of scales of a monomial that is kept.
    degree : int
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
        """Return the features of frames, sorted by degree; shape (n_frames, n_monomials), float32."""
        features = []
        for start in range(0, len(frames), group):
            part = frames[start : start + group]
            sizes = np.array([len(frame) for frame in part])
            coordinates = np.zeros((len(part), self.directions.shape[1], round_up(sizes.max(), 16)), np.float32)
            for target, frame in zip(coordinates, part, strict=True):
                target[:, : len(frame)] = (frame @ self.directions).T
            features.append(
                _mean_monomials(coordinates, sizes, self.level, self.last, self.root_weight, self.parent, self.place)
            )
        return np.concatenate(features)

    def powers(self):
        """Yield the slice of the features of each degree from 1."""
        for start, end in pairwise(self.ends):
            yield slice(start, end)

    def within_tolerance(self, features, exact):
        """Say whether the moments of every frame with itself have a relative error of at most ``TOLERANCE``.

        The neglected part of a moment of A with B is a scalar product of the neglected components of A and B. By the
        Cauchy-Schwarz inequality it is at most the geometric mean of the neglected parts of A with A and of B with B.
        """
        found = np.array([np.square(features[:, power], dtype=np.float64).sum(axis=1) for power in self.powers()])
        return (np.abs(found - exact) <= TOLERANCE * np.abs(exact)).all()


def _principal_axes(frames):
    """Return the principal axes of the environments of frames, and the mean squares along them relative to the first.

    The axes are sorted by decreasing mean square. The last ones, whose mean squares sum to less than ``TOLERANCE``,
    are left out. The axes are those of a random sample of at most 4 n_features environments; the result is None when
    one of them is not finite.
    """
    n_features = frames[0].shape[1]
    ends = np.cumsum([len(frame) for frame in frames])
    chosen = np.sort(np.random.default_rng(0).choice(ends[-1], min(ends[-1], 4 * n_features), replace=False))
    owners = np.searchsorted(ends, chosen, side="right")
    sample = np.array(
        [frames[owner][row - ends[owner]] for owner, row in zip(owners, chosen, strict=True)], dtype=np.float64
    )
    if not np.isfinite(sample).all():
        return None
    squares, axes = np.linalg.eigh(sample.T @ sample)
    scales = np.maximum(squares[::-1], 0) / squares[-1]
    n_axes = max(1, (np.cumsum(scales[::-1])[::-1] > TOLERANCE).sum())
    return axes[:, ::-1][:, :n_axes], scales[:n_axes]


def _features(frames, degree):
    """Return monomials and features of frames that meet the tolerance, and the moments of each frame with itself.

    The result is None when no affordable number of monomials meets the tolerance.
    """
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
    """Return left @ right.T in float64 without a complete float64 copy of either."""
    products = np.zeros((len(left), len(right)))
    for start in range(0, left.shape[1], chunk):
        part = slice(start, start + chunk)
        products += left[:, part].astype(np.float64) @ right[:, part].T.astype(np.float64)
    return products


def soap_moments(left, right, degree):
    """Return the moments of two sets of frames: means of (p_i.p_j)^k over all pairs of atoms, k = 0 ... degree.

    The mean of a polynomial kernel with any slope and c0 is a sum of these moments, see ``kernels.binomial``. Small
    blocks are compared atom by atom, large ones by features of the frames, see ``_Monomials``. The error of a moment
    of frames A and B is then less than 1e-5 of the geometric mean of those of A with A and of B with B (measured:
    2e-7), and the cost of a pair of frames does not depend on their numbers of atoms.

    Parameters
    ----------
    left, right : list of numpy.ndarray, shape (n_atoms, n_features)
        From ``soap_features`` with averaging environments. Comparing a list with itself takes half the time.
    degree : int

    Returns
    -------
    numpy.ndarray, shape (degree + 1, len(left), len(right)), float64
    """
    same = are_same(left, right)
    sizes = [np.array([len(frame) for frame in frames]) for frames in (left, right)]
    moments = np.ones((degree + 1, len(left), len(right)))
    # The diagonalisation for the principal axes takes about as long as this many scalar products.
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
    first = stack_frames(left, sizes[0].max(), left[0].shape[1])
    second = first if same else stack_frames(right, sizes[1].max(), left[0].shape[1])
    pairs = frame_pairs(len(left), len(right), same)
    moments[1:, pairs[:, 0], pairs[:, 1]] = _moments_of_pairs(first, second, sizes, pairs, degree)
    if same:
        moments[1:, pairs[:, 1], pairs[:, 0]] = moments[1:, pairs[:, 0], pairs[:, 1]]
    return moments
