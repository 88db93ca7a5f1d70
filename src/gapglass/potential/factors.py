"""Triangular factors of the least-squares problem of a GAP, to which rows are added block by block.

The fit minimises ``|Sigma^(-1/2) (y - K alpha)|² + alpha^T K_MM alpha`` (section 3.3 of
doi:10.1021/acs.chemrev.1c00022). QR is associative: the triangle of all rows follows from the triangle of some and the
others, so memory does not grow with the number of rows.
"""

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

BLOCK = 32  # columns that LAPACK works on together


class Factor:
    """The triangle R of rows with their labels, where R^T R is that of the rows; few rows are kept as they are.

    Parameters
    ----------
    columns : int
        Unknowns; one more column holds the labels.

    Attributes
    ----------
    n_rows : int
        Rows that were added.
    """

    def __init__(self, columns):
        self.size = columns + 1
        self.n_rows = 0
        self._waiting = []  # rows that are not in the triangle yet
        self._triangle = None

    def add(self, rows, labels):
        """Add rows of the design matrix.

        Parameters
        ----------
        rows : numpy.ndarray, shape (n, columns)
        labels : numpy.ndarray, shape (n,)
        """
        if not len(rows):
            return
        self.n_rows += len(rows)
        self._waiting.append(np.column_stack([rows, labels]))
        if sum(map(len, self._waiting)) > self.size:
            self._reduce()

    def _reduce(self):
        block = np.asfortranarray(np.concatenate(self._waiting))
        self._waiting = []
        if self._triangle is None:
            self._triangle = np.zeros((self.size, self.size), order="F")
        size = min(BLOCK, self.size)
        self._triangle, _, _, info = lapack.dtpqrt(0, size, self._triangle, block, overwrite_a=1, overwrite_b=1)
        if info:
            raise ValueError(f"dtpqrt returned {info}")

    def stacked(self):
        """Return at most columns + 1 rows with labels, shape (n, columns + 1), that stand for all that were added."""
        if self._triangle is None:
            return np.concatenate([np.zeros((0, self.size)), *self._waiting])
        if self._waiting:
            self._reduce()
        return np.triu(self._triangle)

    def parts(self):
        """Return the rows and the labels of ``stacked``."""
        found = self.stacked()
        return found[:, :-1], found[:, -1]


JITTER = 1e-8  # eV², as gap_fit's ``sparse_jitter``


def solve(parts, prior):
    """Return the weights of the sparse points.

    Parameters
    ----------
    parts : iterable of (numpy.ndarray, numpy.ndarray)
        Rows (n, m) and labels (n,), divided by the expected errors of the labels; taken in their order.
    prior : numpy.ndarray, shape (m, m)
        Covariances K_MM of the sparse points, ``JITTER`` added to the diagonal.

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
    whole.add(linalg.cholesky(prior), np.zeros(columns))
    for rows, labels in parts:
        whole.add(rows, labels)
    rows, labels = whole.parts()
    return linalg.solve_triangular(rows[:columns], labels[:columns]), rows[:columns]
