"""Spectral clustering with the number of clusters found automatically, and the choice of delta.

One eigendecomposition serves the whole scan over N_c: the embedding for N_c clusters is the first N_c eigenvectors.
With the dense solver labels equal those of scikit-learn's ``SpectralClustering(affinity="precomputed")`` with the same seed.
Source: Eq. 12-14 and section 2.4 of doi:10.1111/jace.20128.
"""

import numpy as np
import pandas as pd

from gapglass.clustering.spectral import affinity, assign, embedding


def mean_cluster_distance(distances, labels):
    """Return the mean over all pairs of clusters of the mean distance between their members (Eq. 13, 14), 0 for one cluster."""
    members = (labels[:, None] == np.unique(labels)).astype(distances.dtype)
    if members.shape[1] < 2:
        return 0.0
    sizes = members.sum(axis=0, dtype=np.float64)
    to_clusters = (distances @ members).astype(np.float64)
    between = members.T.astype(np.float64) @ to_clusters / np.outer(sizes, sizes)
    upper = np.triu_indices(len(sizes), 1)
    return float(between[upper].mean())


def energy_spread(labels, energies):
    """Return how much the energy varies inside the clusters.

    Parameters
    ----------
    labels : numpy.ndarray of int, shape (n,)
    energies : numpy.ndarray, shape (n,), eV/atom

    Returns
    -------
    mean, weighted : float, meV/atom
        Mean over clusters of the standard deviation of the members' energies (the paper's <sigma>_E; a cluster of one
        frame counts as 0), and the same weighted by cluster size.
    n_singletons : int
    """
    names, sizes = np.unique(labels, return_counts=True)
    spread = np.array([np.std(energies[labels == name]) for name in names]) * 1000
    return float(spread.mean()), float(np.average(spread, weights=sizes)), int((sizes == 1).sum())


def scan(distances, energies, *, d_tol, n_clusters_max, seed, kind="rbf", method="kmeans", solver="dense"):
    """Raise N_c from 2 until the mean distance between clusters changes by less than ``d_tol``.

    Parameters
    ----------
    distances : numpy.ndarray, shape (n, n)
    energies : numpy.ndarray, shape (n,), eV/atom
    d_tol : float
    n_clusters_max : int
        Cap of N_c; lowered to n - 1 for small data sets.
    seed : int
    kind : {"rbf", "similarity"}
        See ``affinity``.
    method : {"kmeans", "cluster_qr", "discretize"}
    solver : {"dense", "lanczos"}
        See ``embedding``.

    Returns
    -------
    labels : numpy.ndarray of int, shape (n,)
        Of the chosen N_c, clusters numbered by rising mean energy.
    table : pandas.DataFrame
        One row per N_c visited: n_clusters, mean_cluster_distance, change, the energy spreads, singletons, eigenvalue.
    converged : bool
        False when the cap was reached; the labels are then those of the cap.
    """
    cap = min(n_clusters_max, len(distances) - 1)
    vectors, values = embedding(affinity(distances, kind), min(cap + 1, len(distances)), solver, seed)
    rows, previous, chosen, converged = [], None, None, False
    for n_clusters in range(2, cap + 2):
        labels = assign(vectors, n_clusters, seed, method)
        mean = mean_cluster_distance(distances, labels)
        spread, weighted, singletons = energy_spread(labels, energies)
        rows.append(
            {
                "n_clusters": n_clusters,
                "n_clusters_found": len(np.unique(labels)),
                "mean_cluster_distance": mean,
                "change_to_next": np.nan,
                "mean_sigma_energy_mev_per_atom": spread,
                "weighted_sigma_energy_mev_per_atom": weighted,
                "n_singletons": singletons,
                "laplacian_eigenvalue": values[n_clusters - 1],
            }
        )
        if previous is not None:
            # discretize may find fewer clusters than asked for: the same partition again is no convergence
            repeated = rows[-1]["n_clusters_found"] == rows[-2]["n_clusters_found"]
            change = np.inf if repeated else abs(rows[-2]["mean_cluster_distance"] - mean)
            rows[-2]["change_to_next"] = change
            chosen = previous
            if change < d_tol:
                converged = True
                break
        previous = labels
    return order_by_energy(chosen, energies), pd.DataFrame(rows), converged


def order_by_energy(labels, energies):
    """Renumber clusters by rising mean energy, so that numbers and colours mean the same for every delta."""
    names = np.unique(labels)
    order = np.argsort([energies[labels == name].mean() for name in names], kind="stable")
    new = np.empty(names.max() + 1, dtype=int)
    new[names[order]] = np.arange(len(names))
    return new[labels]


def choose_delta(table, choose_from="interior", choose_by="mean"):
    """Return the row of ``delta.csv`` with the lowest energy spread; ties go to the smaller delta.

    Parameters
    ----------
    table : pandas.DataFrame
    choose_from : {"interior", "all"}
        Strictly inside 0 < delta < 1 (the paper), or the ends too.
    choose_by : {"mean", "weighted"}
        Mean over clusters (the paper) or weighted by cluster size.
    """
    allowed = table[(table["delta"] > 0) & (table["delta"] < 1)] if choose_from == "interior" else table
    return allowed.sort_values([f"{choose_by}_sigma_energy_mev_per_atom", "delta"], kind="stable").iloc[0]
