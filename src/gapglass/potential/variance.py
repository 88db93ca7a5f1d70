"""The predictive variance of the energy of one atom: the factors that the engine needs, and their file.

With k the covariances of an atom's energy with the sparse points, K the covariance matrix of the sparse points and
A = C^T Sigma^-1 C + K that of the fit, where C holds the covariances of the labels with the sparse points, the
variance is ``k_** - k^T K^-1 k + k^T A^-1 k`` (deterministic training conditional; Quiñonero-Candela & Rasmussen,
J. Mach. Learn. Res. 6, 1939 (2005), section 5, and doi:10.1021/acs.chemrev.1c00022). It is that of the local energy,
which has no label of its own: a measure of how far an environment is from the training set, not an error bar.
"""

import numpy as np
from scipy import linalg

from gapglass.base.files import whole_file


def factors(prior, triangle, points):
    """Return the factors of one species: the variance is ``k_** - |F_prior k|² + |F_posterior k|²``.

    Parameters
    ----------
    prior : numpy.ndarray, shape (m, m)
        Covariance matrix K of all sparse points, jitter included; block diagonal over the terms of the potential.
    triangle : numpy.ndarray, shape (m, m)
        Upper triangular R of the fit's QR, with R^T R = A.
    points : numpy.ndarray of int, shape (p,)
        Numbers of the sparse points of the terms that give an atom of the species energy, ascending.

    Returns
    -------
    prior_factor, posterior_factor : numpy.ndarray, shape (p, p)

    Raises
    ------
    numpy.linalg.LinAlgError
        When K is not positive definite.
    """
    points = np.asarray(points)
    eye = np.eye(len(points))
    lower = linalg.cholesky(prior[np.ix_(points, points)], lower=True)
    # With the columns of the species moved to the end, the last block of a new R is the factor of (A^-1)_pp alone.
    others = np.setdiff1d(np.arange(len(triangle)), points)
    last = linalg.qr(triangle[:, np.concatenate([others, points])], mode="r")[0][len(others) :, len(others) :]
    return (
        linalg.solve_triangular(lower, eye, lower=True),
        linalg.solve_triangular(last, eye, trans="T"),
    )


def write_factors(path, label, species):
    """Write the file that ``GAP(..., variance=path)`` and ``pair_style gapglass variance`` read.

    Parameters
    ----------
    path : path-like
    label : str
        Label of the potential, from ``gap_xml.potential_label``; the engine refuses factors of another potential.
    species : dict of int to (numpy.ndarray, numpy.ndarray)
        Atomic number -> prior and posterior factor, shapes (rows, p), for every element of the potential.
    """
    with whole_file(path) as temporary, temporary.open("wb") as stream:
        stream.write(f"gapglass-variance 1\nlabel {label}\n".encode())
        for number, (prior, posterior) in sorted(species.items()):
            stream.write(f"species {number} {prior.shape[1]} {len(prior)} {len(posterior)}\n".encode())
            for factor in (prior, posterior):
                stream.write(np.ascontiguousarray(factor, dtype="<f8").tobytes())
