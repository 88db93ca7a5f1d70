"""Triangular factors of the least-squares problem of a GAP, to which rows are added block by block.

The fit minimises ``|Sigma^(-1/2) (y - K alpha)|² + alpha^T K_MM alpha`` (section 3.3 of
doi:10.1021/acs.chemrev.1c00022). QR is associative: the triangle of all rows follows from the triangle of some and the
others, so memory does not grow with the number of rows. With one factor each for energies, forces and virials, another
sigma is one number.
"""

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

BLOCK = 32  # columns that LAPACK works on together


class Factor:
    """The triangle R of rows with their labels, shape (columns + 1, columns + 1), where R^T R is that of the rows.

    Parameters
    ----------
    columns : int
        Unknowns; the last column of the triangle belongs to the labels.
    """

    def __init__(self, columns):
        self.triangle = np.zeros((columns + 1, columns + 1), order="F")
        self.n_rows = 0

    def add(self, rows, labels):
        """Add rows of the design matrix.

        Parameters
        ----------
        rows : numpy.ndarray, shape (n, columns)
        labels : numpy.ndarray, shape (n,)
        """
        if not len(rows):
            return
        block = np.asfortranarray(np.column_stack([rows, labels]))
        size = min(BLOCK, len(self.triangle))
        self.triangle, _, _, info = lapack.dtpqrt(0, size, self.triangle, block, overwrite_a=1, overwrite_b=1)
        if info:
            raise ValueError(f"dtpqrt returned {info}")
        self.n_rows += len(rows)

    def parts(self):
        """Return rows (columns + 1, columns) and labels (columns + 1,) that stand for all that were added."""
        upper = np.triu(self.triangle)
        return upper[:, :-1], upper[:, -1]


def solve(factors, sigmas, prior, jitter=1e-8):
    """Return the weights of the sparse points.

    Parameters
    ----------
    factors : list of Factor
    sigmas : list of float
        Expected error of the labels of each factor, in their unit.
    prior : numpy.ndarray, shape (m, m)
        Covariances K_MM of the sparse points.
    jitter : float
        Added to the diagonal of ``prior``, as gap_fit's ``sparse_jitter``.

    Returns
    -------
    alpha : numpy.ndarray, shape (m,)
    triangle : numpy.ndarray, shape (m, m)
        R of the whole problem, with R^T R = K^T Sigma^-1 K + K_MM; ``variance.factors`` takes it.

    Raises
    ------
    numpy.linalg.LinAlgError
        When ``prior`` is not positive definite.
    """
    columns = len(prior)
    whole = Factor(columns)
    root = linalg.cholesky(prior + jitter * np.eye(columns))
    whole.add(root, np.zeros(columns))
    for factor, sigma in zip(factors, sigmas, strict=True):
        rows, labels = factor.parts()
        whole.add(rows / sigma, labels / sigma)
    rows, labels = whole.parts()
    return linalg.solve_triangular(rows[:-1], labels[:-1]), rows[:-1]
