"""The sparse points of a GAP: environments and distances on which its covariances are based.

They depend on the frames' geometries alone, not on labels or random numbers, and are nested: the first 200 of 400 are
the choice of 200.
"""

import numpy as np

MOST_CANDIDATES = 6000  # environments of a species; more take seconds and hardly change the choice
JITTER = 1e-8  # of variances 1, for environments that are nearly alike
LEAST_RESIDUAL = 1e-10  # of a candidate's variance 1: the choice ends where all others are known to rounding


def pivoted_cholesky(descriptors, zeta, number, known=None):
    """Choose environments that span the others best, the least known one first.

    A step of the Cholesky decomposition of the kernel matrix ``(q . q')^zeta`` leaves each candidate's variance that
    those chosen do not explain; the candidate with the largest one is next (Harbrecht, Peters, Schneider, Appl. Numer.
    Math. 62, 428 (2012), doi:10.1016/j.apnum.2011.10.001). It covers rare environments, unlike a random choice.

    Parameters
    ----------
    descriptors : numpy.ndarray, shape (n, n_components)
        Of length 1. Of more than ``MOST_CANDIDATES``, evenly spaced ones are the candidates.
    zeta : float
    number : int
    known : numpy.ndarray, shape (m, n_components), optional
        Environments that are chosen already; the others follow them.

    Returns
    -------
    numpy.ndarray of int
        Rows of ``descriptors`` in order of choice; fewer than ``number`` where the others are explained to rounding.
    """
    if len(descriptors) == 0:
        return np.zeros(0, int)
    candidates = np.arange(len(descriptors))
    if len(candidates) > MOST_CANDIDATES:
        candidates = np.unique(np.linspace(0, len(descriptors) - 1, MOST_CANDIDATES).astype(int))
    q = np.ascontiguousarray(descriptors[candidates])
    residual, first = np.ones(len(q)), 0 if known is None else len(known)
    columns = np.empty((first + min(number, len(q)), len(q)))
    chosen = []
    if first:
        from scipy import linalg  # rules import this module

        among = np.maximum(known @ known.T, 0.0) ** zeta
        among[np.diag_indices_from(among)] += JITTER
        lower = linalg.cholesky(among, lower=True)
        columns[:first] = linalg.solve_triangular(lower, np.maximum(known @ q.T, 0.0) ** zeta, lower=True)
        residual -= (columns[:first] ** 2).sum(axis=0)
        best = int(np.argmax(residual))
    else:
        best = int(np.argmax(q @ q.mean(axis=0)))  # all variances are 1: begin with the most typical environment
    for k in range(first, len(columns)):
        if residual[best] < LEAST_RESIDUAL:
            break
        column = np.maximum(q @ q[best], 0.0) ** zeta
        column -= columns[:k, best] @ columns[:k]
        column /= np.sqrt(residual[best])
        columns[k] = column
        residual -= column**2
        residual[best] = 0.0
        chosen.append(best)
        best = int(np.argmax(residual))
    return candidates[chosen]


def frame_stride(frames, number):
    """Return a step through frames that leaves twice as many environments of a species as can be candidates."""
    total = sum(int((frame.numbers == number).sum()) for frame in frames)
    return max(1, total // (2 * MOST_CANDIDATES))


def distances(closest, cutoff, number):
    """Return sparse points (Å) of a two-body term: evenly from the closest distance of the pair to the cutoff."""
    start = min(closest, 0.9 * cutoff)
    return start + (np.arange(number) + 0.5) / number * (cutoff - start)
