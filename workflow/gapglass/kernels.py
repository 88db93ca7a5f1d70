"""Similarity of frames: rows of raw comparisons, the two normalised kernels, their hybrid and its distance.

A row compares one block of frames with itself and those before it and holds what needs no knowledge of other frames: for
averaged fingerprints products p_A.p_B and L1 distances, for environments the mean powers of p_i.p_j over all pairs of atoms.
Slope, c0, zeta and normalisation come in when the rows are put together, so that new frames leave old rows valid. Only
the Coulomb kernel over environments needs its zeta first.
Source: Eq. 3, 6, 7 and 9-12 of doi:10.1111/jace.20128.
"""

import math

import numba
import numpy as np

from gapglass.descriptors import whole_matrix
from gapglass.errors import UserError
from gapglass.many_frames import row_chunks, streamed_median


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


@numba.njit(parallel=True, fastmath=True, cache=True)
def _l1(left, right, out):
    # Chunks keep the float32 partial sums short; they are added up in float64.
    chunk = 256
    n_features = left.shape[1]
    for a in numba.prange(left.shape[0]):
        for b in range(right.shape[0]):
            total = 0.0
            for start in range(0, n_features, chunk):
                part = numba.float32(0.0)
                for k in range(start, min(start + chunk, n_features)):
                    part += abs(left[a, k] - right[b, k])
                total += part
            out[a, b] = total


def l1_distances(left, right):
    """Return the L1 distances between two sets of rows.

    Parameters
    ----------
    left, right : numpy.ndarray, shapes (n, k) and (m, k), float32

    Returns
    -------
    numpy.ndarray, shape (n, m), float64
    """
    out = np.empty((len(left), len(right)))
    _l1(np.ascontiguousarray(left), np.ascontiguousarray(right), out)
    return out


def coulomb_distances(left, right, packed=True):
    """Return sum_ij |M_ij(A) - M_ij(B)| between two sets of stored Coulomb vectors.

    Parameters
    ----------
    left, right : list of numpy.ndarray
        From ``descriptors.coulomb_vector``; lengths may differ.
    packed : bool
        True for lower triangles (each off-diagonal element stands for two), False for eigenvalues.

    Returns
    -------
    numpy.ndarray, shape (len(left), len(right)), float64
    """
    length = max(len(vector) for vector in (*left, *right))
    a, b = stack(left, length), stack(right, length)
    distances = l1_distances(a, b)
    if not packed:
        return distances
    diagonal = np.cumsum(np.arange(1, int(np.sqrt(2 * length)) + 1)) - 1
    diagonal = diagonal[diagonal < length]
    return 2 * distances - l1_distances(a[:, diagonal], b[:, diagonal])


def soap_moments(left, right, degree):
    """Return the mean of (p_i.p_j)^k over all pairs of atoms of two frames, for k = 0 ... degree.

    A polynomial kernel with any slope and c0 is a sum of these moments, and only one pair of frames is held at a time.

    Parameters
    ----------
    left, right : list of numpy.ndarray, shape (n_atoms, n_features)
        From ``descriptors.soap_fingerprint`` with averaging environments.
    degree : int

    Returns
    -------
    numpy.ndarray, shape (degree + 1, len(left), len(right)), float64
    """
    moments = np.ones((degree + 1, len(left), len(right)))
    for a, first in enumerate(left):
        for b, second in enumerate(right):
            products = (first @ second.T).astype(np.float64)
            power = products.copy()
            for k in range(1, degree + 1):
                moments[k, a, b] = power.mean()
                power *= products
    return moments


@numba.njit(parallel=True, fastmath=True, cache=True)
def _mean_row_kernel(left, right, zeta):
    sums = np.zeros(left.shape[0])
    for i in numba.prange(left.shape[0]):
        for j in range(right.shape[0]):
            total = 0.0
            for k in range(left.shape[1]):
                total += abs(left[i, k] - right[j, k])
            sums[i] += np.exp(-zeta * total)
    return sums.sum() / (left.shape[0] * right.shape[0])


def coulomb_environments(left, right, zeta):
    """Return the mean of exp(-zeta |M_i - M_j|_1) over all pairs of matrix rows of two frames (left-hand side of Eq. 10).

    Parameters
    ----------
    left, right : list of numpy.ndarray, shape (n_atoms, n_atoms)
        Whole matrices; rows of the smaller frame are padded with zeros.
    zeta : float

    Returns
    -------
    numpy.ndarray, shape (len(left), len(right)), float64
    """
    means = np.empty((len(left), len(right)))
    for a, first in enumerate(left):
        for b, second in enumerate(right):
            length = max(len(first), len(second))
            means[a, b] = _mean_row_kernel(stack(first, length), stack(second, length), zeta)
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
        whole = [[whole_matrix(vector) for vector in item["coulomb"]] for item in (block, other)]
        tile["coulomb"] = coulomb_environments(*whole, settings["zeta"])
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
        (name, n_frames) -> array to fill, for matrices kept on disk; float64 in memory by default.

    Returns
    -------
    soap, coulomb : numpy.ndarray, shape (n_frames, n_frames)
    scales : dict
        slope and zeta.
    """
    n_frames = max(place.stop for place in places)
    allocate = allocate or (lambda name, n_frames: np.empty((n_frames, n_frames)))
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
    soap_matrix, coulomb_matrix = (_fill(allocate(name, n_frames), rows, places, values) for name, values in raw.items())
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
    soap, coulomb : numpy.ndarray, shape (n, n)
        May be memory-mapped files: they are read some rows at a time.
    delta : float

    Returns
    -------
    numpy.ndarray, shape (n, n), of the precision of the kernels
    """
    distances = np.empty(soap.shape, dtype=soap.dtype)
    for rows in row_chunks(len(soap)):
        distances[rows] = distance(hybrid(soap[rows], coulomb[rows], delta))
    np.fill_diagonal(distances, 0.0)
    return distances


def read_distance(soap_path, coulomb_path, delta):
    """Return the hybrid distance of kernels in two .npy files, see ``hybrid_distance``."""
    return hybrid_distance(np.load(soap_path, mmap_mode="r"), np.load(coulomb_path, mmap_mode="r"), delta)
