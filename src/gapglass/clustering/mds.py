"""What changes when there are many frames: kernels read from disk in pieces, distances in single precision, a Lanczos solver.

Below the limits everything is exact and in double precision. The error beyond them is measured in docs/performance.md. Kernels
stay in double precision always: a SOAP kernel is so near 1 that single precision would leave three digits of a distance.
"""

import numpy as np
from sklearn.manifold import MDS

MAPPED_AT_MOST = 2000  # frames drawn in the plane: multidimensional scaling takes many passes over all their distances


def mapped_frames(n_frames):
    """Return the frames that are drawn in the plane: all, or of many every so many-th."""
    return np.arange(0, n_frames, -(-n_frames // MAPPED_AT_MOST))


def two_dimensional_map(distances, seed):
    """Return coordinates in the plane whose distances resemble ``distances`` (multidimensional scaling).

    Returns
    -------
    positions : numpy.ndarray, shape (n, 2)
    stress : float
        Normalised stress (Kruskal's stress-1); below 0.1 is fair, above 0.2 poor.
    """
    scaling = MDS(
        n_components=2,
        metric="precomputed",
        metric_mds=True,
        init="classical_mds",
        n_init=1,
        random_state=seed,
        normalized_stress=True,
    )
    positions = scaling.fit_transform(distances)
    return positions, float(scaling.stress_)
