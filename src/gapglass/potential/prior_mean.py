"""A fit to a guide as prior mean of a fit: weights of the guide times a factor, and what the labels add to them.

With y the labels, K their rows and w the weights of the guide, the weights are ``(1 + t) w + x``: x has the prior of a
fit without a guide, and t, the deviation of the factor from 1, is expected to be 0 within ``GUIDE_SCALE``. Both follow
from the labels less K w, with K w as one more column of K.
"""

import numpy as np

GUIDE_SCALE = 0.3  # expected deviation of the factor on a guide from 1


def with_factor(matrix, vector, column, own, label):
    """Return normal equations with one more unknown, by how much the factor on a guide differs from 1.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (m, m)
        K^T Sigma^-1 K and the prior of the weights.
    vector : numpy.ndarray, shape (m,)
        K^T Sigma^-1 r, where r are the labels less those of the guide.
    column : numpy.ndarray, shape (m,)
        K^T Sigma^-1 g, where g are the labels of the guide's fit, K w.
    own, label : float
        g^T Sigma^-1 g and g^T Sigma^-1 r.

    Returns
    -------
    matrix : numpy.ndarray, shape (m + 1, m + 1)
    vector : numpy.ndarray, shape (m + 1,)
    """
    corner = np.array([[own + 1 / GUIDE_SCALE**2]])
    return np.block([[matrix, column[:, None]], [column[None, :], corner]]), np.append(vector, label)
