"""Similarity of frames: raw tiles, the two normalised kernels, their hybrid and its distance.

A tile compares one block of frames with another and holds what needs no knowledge of other frames: products p_A.p_B
and L1 distances. Slope, zeta and normalisation come in when the tiles are put together, so that new frames leave old tiles valid.
Source: Eq. 3, 6, 7 and 9-12 of doi:10.1111/jace.20128.
"""

import numba
import numpy as np

from gapglass.errors import UserError


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


def assemble(tiles, sizes):
    """Put tiles of the lower block triangle together into one symmetric matrix.

    Parameters
    ----------
    tiles : dict
        (i, j) with i >= j -> array of shape (sizes[i], sizes[j]).
    sizes : list of int
        Frames in each block.
    """
    edges = np.concatenate([[0], np.cumsum(sizes)])
    matrix = np.empty((edges[-1], edges[-1]))
    for (i, j), tile in tiles.items():
        matrix[edges[i] : edges[i + 1], edges[j] : edges[j + 1]] = tile
        matrix[edges[j] : edges[j + 1], edges[i] : edges[i + 1]] = tile.T
    return (matrix + matrix.T) / 2


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
    return normalise((slope * products + c0) ** degree), float(slope)


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
        median = np.median(distances[np.triu_indices(len(distances), 1)])
        if median <= 0:
            raise UserError("more than half of the Coulomb distances are zero: the frames are alike; check trajectories.stride")
        zeta = 1.0 / median
    kernel = np.exp(-zeta * distances)
    np.fill_diagonal(kernel, 1.0)
    return kernel, float(zeta)


def hybrid(soap, coulomb, delta):
    """Return (1 - delta) K_SOAP + delta K_Coulomb (Eq. 11)."""
    return (1 - delta) * soap + delta * coulomb


def distance(kernel):
    """Return D = sqrt(2 - 2 K) (Eq. 12), tiny negatives clipped, the diagonal exactly 0."""
    result = np.sqrt(np.clip(2 - 2 * kernel, 0, None))
    np.fill_diagonal(result, 0.0)
    return result
