"""Two-dimensional map of the frames: multidimensional scaling of their distances, by scikit-learn."""

import numpy as np
from sklearn.manifold import MDS

MAPPED_AT_MOST = 2000  # frames on the map, because multidimensional scaling passes many times over all distances


def mapped_frames(n_frames):
    """Return the numbers of the frames on the map: all, or at most 2000 at even steps."""
    return np.arange(0, n_frames, -(-n_frames // MAPPED_AT_MOST))


def two_dimensional_map(distances, seed):
    """Return points in the plane whose distances approximate the given ones (multidimensional scaling).

    Parameters
    ----------
    distances : numpy.ndarray, shape (n, n)
    seed : int

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
