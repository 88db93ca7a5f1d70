"""Every kernel equation of doi:10.1111/jace.20128 on one page: Eq. 3, 6, 7 and 9-12.

=============  ================================================================  ============================
polynomial     (slope p.p' + c0)^degree                                          Eq. 3, right side of Eq. 9
binomial       mean over i, j of (slope p_i.p_j + c0)^degree                     left side of Eq. 9
laplacian      exp(-zeta |M - M'|_1)                                             Eq. 6, right side of Eq. 10
normalised     K(A, B) / sqrt(K(A, A) K(B, B))                                   Eq. 7
hybrid         (1 - delta) K_SOAP + delta K_Coulomb                              Eq. 11
distance       sqrt(2 - 2 K)                                                     Eq. 12
balanced       1 - (1 - K) / m                                                   not in the paper
=============  ================================================================  ============================

A SOAP kernel of frames of one material is often above 0.97 and a Coulomb kernel spread over all values, so that the
Coulomb kernel alone would decide in Eq. 11. Balanced kernels have one scale: the squared distance 2 - 2 K of each is
divided by its median m over all pairs of different frames.

The left side of Eq. 10, the mean of the Laplacian kernel over all pairs of matrix rows, needs every pair of rows and
is in ``coulomb_environments``. This module needs numpy only, so jobs that read kernels start without a compiler.
"""

import math

import numpy as np

from gapglass.similarity.matrices import MatrixOnDisk, distance_dtype, positive_median, row_chunks

UNBALANCED = {"soap": 1.0, "coulomb": 1.0}


def polynomial(products, degree, c0, slope):
    """Return the polynomial kernel (slope p.p' + c0)^degree (Eq. 3) of scalar products, in their shape."""
    return (slope * products + c0) ** degree


def binomial(moments, c0, slope):
    """Return the mean of the polynomial kernel over all pairs of atoms (left-hand side of Eq. 9).

    The binomial theorem turns the mean of (slope p_i.p_j + c0)^degree into a sum of the means of (p_i.p_j)^k.

    Parameters
    ----------
    moments : numpy.ndarray, shape (degree + 1, n, m)
        Means of (p_i.p_j)^k over the atoms of each pair of frames, k = 0 ... degree, from ``soap_moments``.
    c0, slope : float

    Returns
    -------
    numpy.ndarray, shape (n, m)
    """
    degree = len(moments) - 1
    return sum(math.comb(degree, k) * slope**k * c0 ** (degree - k) * moments[k] for k in range(degree + 1))


def laplacian(distances, zeta):
    """Return the Laplacian kernel exp(-zeta d) (Eq. 6, right-hand side of Eq. 10) of L1 distances, in their shape."""
    return np.exp(-zeta * distances)


def normalised(kernel, left, right):
    """Return K(A, B) / sqrt(K(A, A) K(B, B)) (Eq. 7).

    Parameters
    ----------
    kernel : numpy.ndarray, shape (n, m)
    left, right : numpy.ndarray, shapes (n,) and (m,)
        Self-similarities K(A, A) of the frames of the rows and K(B, B) of those of the columns.
    """
    return kernel * np.outer(1 / np.sqrt(left), 1 / np.sqrt(right))


def hybrid(soap, coulomb, delta):
    """Return (1 - delta) K_SOAP + delta K_Coulomb (Eq. 11)."""
    return (1 - delta) * soap + delta * coulomb


def distance(kernel):
    """Return D = sqrt(2 - 2 K) (Eq. 12); K above 1 by a rounding error gives 0."""
    return np.sqrt(np.clip(2 - 2 * kernel, 0, None))


def balanced(kernel, median):
    """Return the kernel whose squared distances are those of ``kernel`` divided by ``median``; with 1 itself."""
    return kernel if median == 1 else 1 - (1 - kernel) / median


def hybrid_distance(soap, coulomb, delta, medians):
    """Return the distances of the hybrid kernel (Eq. 11, 12), with a diagonal of exactly 0.

    Parameters
    ----------
    soap, coulomb : numpy.ndarray or MatrixOnDisk, shape (n, n)
        The normalised kernels, of which some rows at a time are read.
    delta : float
    medians : dict
        ``soap`` and ``coulomb``: the medians by which squared distances are divided; ``UNBALANCED`` is the paper's.

    Returns
    -------
    numpy.ndarray, shape (n, n), float64 up to 4000 frames, float32 beyond
    """
    distances = np.empty(soap.shape, dtype=distance_dtype(len(soap)))
    for rows in row_chunks(len(soap)):
        pair = balanced(soap[rows], medians["soap"]), balanced(coulomb[rows], medians["coulomb"])
        distances[rows] = distance(hybrid(*pair, delta))
    np.fill_diagonal(distances, 0.0)
    return distances


def read_distance(soap_path, coulomb_path, delta, medians):
    """Return ``hybrid_distance`` of two kernels in .npy files."""
    return hybrid_distance(MatrixOnDisk(soap_path), MatrixOnDisk(coulomb_path), delta, medians)


def spread(kernel):
    """Return how far apart the frames are in one kernel.

    Parameters
    ----------
    kernel : numpy.ndarray or MatrixOnDisk, shape (n, n)
        A normalised kernel.

    Returns
    -------
    dict
        ``median``, ``lowest``, ``highest`` and ``deviation`` (standard deviation) of the squared distances 2 - 2 K
        of all pairs of different frames.

    Raises
    ------
    UserError
        When more than half of the distances are zero.
    """

    def squared():
        for rows in row_chunks(len(kernel)):
            part = kernel[rows]
            # Rows hold pairs twice over the whole matrix; those right of the diagonal are every pair once.
            yield 2 - 2 * part[np.arange(len(kernel)) > np.arange(rows.start, rows.stop)[:, None]]

    count = total = squares = 0.0
    lowest, highest = np.inf, -np.inf
    for values in squared():
        if values.size:
            count, total, squares = count + values.size, total + values.sum(), squares + np.square(values).sum()
            lowest, highest = min(lowest, values.min()), max(highest, values.max())
    mean = total / count
    return {
        "median": positive_median(lambda: (np.clip(values, 0, None) for values in squared()), "squared distances"),
        "lowest": float(lowest),
        "highest": float(highest),
        "deviation": float(np.sqrt(max(squares / count - mean**2, 0.0))),
    }


def coulomb_share(delta, spreads, medians):
    """Return which share of the differences between hybrid distances comes from the Coulomb kernel, 0 to 1.

    The share is delta s_C / ((1 - delta) s_S + delta s_C) with the standard deviations s of the squared distances. At
    0.95 and more, or 0.05 and less, one kernel decides alone.

    Parameters
    ----------
    delta : float
    spreads : dict
        ``soap`` and ``coulomb``, from ``spread``.
    medians : dict
        As for ``hybrid_distance``.
    """
    soap, coulomb = (spreads[name]["deviation"] / medians[name] for name in ("soap", "coulomb"))
    return delta * coulomb / ((1 - delta) * soap + delta * coulomb)
