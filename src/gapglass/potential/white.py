"""White coordinates of a fit: rows times the inverse Cholesky factor of the covariances of the sparse points.

In them the prior is the identity, an energy scale (delta) multiplies the columns of its term, and fewer sparse points
are the first columns of each term.
"""

import numpy as np
from scipy import linalg

from gapglass.potential.factors import JITTER


class White:
    """The change to white coordinates for the sparse points of terms, which have energy scales of 1 eV.

    Parameters
    ----------
    terms : list of Term
        From ``basis.choose``.

    Attributes
    ----------
    jitter : numpy.ndarray, shape (columns, columns)
        The unit matrix times ``JITTER`` in white coordinates. The fit adds its jitter to covariances of any energy
        scale, these coordinates to those of 1 eV.
    """

    def __init__(self, terms):
        self._roots = [
            linalg.cholesky(term.among_points() + JITTER * np.eye(len(term.points)), lower=True) for term in terms
        ]
        self.jitter = linalg.block_diag(*(self._jitter(root) for root in self._roots))

    @staticmethod
    def _jitter(root):
        inverse = linalg.solve_triangular(root, np.eye(len(root)), lower=True)
        return JITTER * inverse @ inverse.T

    def rows(self, rows):
        """Return rows of the design matrix, shape (n, columns), in white coordinates."""
        out, first = np.empty_like(rows, dtype=float, order="F"), 0
        for root in self._roots:
            last = first + len(root)
            out[:, first:last] = linalg.solve_triangular(root, rows[:, first:last].T, lower=True).T
            first = last
        return out
