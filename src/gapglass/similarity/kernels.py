"""Similarity of frames: rows of raw comparisons, the two normalised kernels, their hybrid and its distance.

A row compares one block of frames with itself and those before it and holds what needs no knowledge of other frames: for
averaged fingerprints products p_A.p_B and L1 distances, for environments the mean powers of p_i.p_j over all pairs of atoms.
Slope, c0, zeta and normalisation come in when the rows are put together, so that new frames leave old rows valid. Only
the Coulomb kernel over environments needs its zeta first.
Source: Eq. 3, 6, 7 and 9-12 of doi:10.1111/jace.20128.
"""

import math

import numpy as np

from gapglass.similarity.matrices import MatrixOnDisk, distance_dtype, row_chunks


def polynomial(products, degree, c0, slope):
    return (slope * products + c0) ** degree


def binomial(moments, c0, slope):
    degree = len(moments) - 1
    return sum(math.comb(degree, k) * slope**k * c0 ** (degree - k) * moments[k] for k in range(degree + 1))


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
