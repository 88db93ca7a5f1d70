"""Choosing frames: nested databases drawn from every cluster, and the other ways that learning curves compare them with.

Source: section 2.4 of doi:10.1111/jace.20128; sizes: iteration n takes n x I_perc of the frames.
"""

import numpy as np

from gapglass.base.seeds import derive


def allocate(sizes, total, weights=None):
    """Share ``total`` picks among clusters in proportion to a weight, at least one each where that is possible.

    Parameters
    ----------
    sizes : sequence of int
        Members of each cluster.
    total : int
        At most sum(sizes).
    weights : sequence of float, optional
        Not negative; the sizes by default.

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
        # the cluster furthest below its share, full ones left out
        gap = np.where(picks < sizes, ideal - picks, -np.inf)
        picks[gap.argmax()] += 1
    return picks


def allocation_weights(labels, energies, allocation, seed):
    """Return the weight of each cluster in an allocation.

    Parameters
    ----------
    labels : numpy.ndarray of int, shape (n_frames,)
    energies : numpy.ndarray, shape (n_frames,), eV/atom
    allocation : {"proportional", "equal", "energy_spread"}
        Cluster size (the paper), the same for all, or size times the standard deviation of the energy in the cluster
        (Neyman's allocation: it makes the mean energy of the sample least uncertain).
    seed : int
        With equal shares it decides which clusters get the frames that are left over.

    Returns
    -------
    numpy.ndarray, shape (n_clusters,)
        In the order of ``numpy.unique(labels)``.
    """
    names, sizes = np.unique(labels, return_counts=True)
    if allocation == "proportional":
        return sizes.astype(float)
    if allocation == "equal":
        # clusters are numbered by energy: without a tie-break the lowest would always get what is left over
        return 1 + 1e-9 * np.random.default_rng(derive(seed, "equal shares")).permutation(len(names))
    return sizes * np.array([energies[labels == name].std() for name in names])
