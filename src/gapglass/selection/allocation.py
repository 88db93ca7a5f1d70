"""How many frames each cluster contributes (section 2.4 of doi:10.1111/jace.20128)."""

import numpy as np

from gapglass.base.seeds import derive


def allocate(sizes, total, weights=None):
    """Distribute ``total`` picks among clusters in proportion to a weight.

    Every cluster gets at least one pick if there are as many picks as clusters; otherwise the clusters of the largest
    weights get one each.

    Parameters
    ----------
    sizes : sequence of int
        Members of each cluster.
    total : int
        At most sum(sizes).
    weights : sequence of float, optional
        Non-negative weights; the sizes by default.

    Returns
    -------
    numpy.ndarray of int
        Picks per cluster, none above the cluster's size, summing to ``total``.
    """
    sizes = np.asarray(sizes)
    if total >= sizes.sum():
        return sizes.copy()
    weights = sizes if weights is None or not np.any(weights) else np.asarray(weights)
    picks = np.zeros(len(sizes), dtype=int)
    first = np.argsort(-weights, kind="stable")[:total]
    picks[first] = 1
    ideal = weights / weights.sum() * total
    while picks.sum() < total:
        # The next pick goes to the cluster furthest below its share that still has frames.
        gap = np.where(picks < sizes, ideal - picks, -np.inf)
        picks[gap.argmax()] += 1
    return picks


def allocation_weights(labels, energies, allocation, seed):
    """Return the weight of each cluster in an allocation.

    Parameters
    ----------
    labels : numpy.ndarray of int, shape (n_frames,)
    energies : numpy.ndarray, shape (n_frames,), eV/atom
        NaN for frames without; where none has one, ``energy_spread`` is an allocation by size.
    allocation : {"proportional", "equal", "energy_spread"}
        Cluster size (the paper), the same weight for all, or size times the standard deviation of the energy in the
        cluster (Neyman's allocation, which minimises the uncertainty of the mean energy of the sample).
    seed : int
        With equal weights it decides which clusters get the remainder of the division.

    Returns
    -------
    numpy.ndarray, shape (n_clusters,)
        In the order of ``numpy.unique(labels)``.
    """
    names, sizes = np.unique(labels, return_counts=True)
    if allocation == "proportional":
        return sizes.astype(float)
    if allocation == "equal":
        # Clusters are numbered by energy. Without a random tie-break the lowest would always get the remainder.
        return 1 + 1e-9 * np.random.default_rng(derive(seed, "equal shares")).permutation(len(names))
    members = [energies[(labels == name) & np.isfinite(energies)] for name in names]
    return sizes * np.array([of.std() if len(of) else 0.0 for of in members])
