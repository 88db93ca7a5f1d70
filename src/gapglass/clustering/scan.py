"""The number of clusters N_c: clusterings for N_c = 2, 3, ... until the mean distance between clusters converges.

One eigendecomposition serves the whole scan: the embedding for N_c clusters is the first N_c eigenvectors.
Source: Eq. 13, 14 and section 2.4 of doi:10.1111/jace.20128.
"""

import numpy as np
import pandas as pd

from gapglass.clustering.spectral import affinity, assign, embedding


def mean_cluster_distance(distances, labels):
    """Return the mean distance between clusters (Eq. 13, 14); 0 for one cluster.

    The distance of two clusters is the mean distance between their members. The result is the mean over all pairs of
    clusters.

    Parameters
    ----------
    distances : numpy.ndarray, shape (n, n)
    labels : numpy.ndarray of int, shape (n,)
    """
    members = (labels[:, None] == np.unique(labels)).astype(distances.dtype)
    if members.shape[1] < 2:
        return 0.0
    sizes = members.sum(axis=0, dtype=np.float64)
    to_clusters = (distances @ members).astype(np.float64)
    between = members.T.astype(np.float64) @ to_clusters / np.outer(sizes, sizes)
    upper = np.triu_indices(len(sizes), 1)
    return float(between[upper].mean())


def energy_spread(labels, energies):
    """Return the variation of the energy inside the clusters.

    Parameters
    ----------
    labels : numpy.ndarray of int, shape (n,)
    energies : numpy.ndarray, shape (n,), eV/atom
        NaN for frames that have none, which count in no spread.

    Returns
    -------
    dict
        ``mean_sigma_energy_mev_per_atom``: mean over clusters of the standard deviation of the members' energies (the
        paper's <sigma>_E), to which a cluster of one frame contributes 0. ``weighted_sigma_energy_mev_per_atom``: the
        same mean weighted by cluster size. Both are None where no frame has an energy. ``n_singletons``: number of
        clusters of one frame.
    """
    known = np.isfinite(energies)
    singletons = int((np.unique(labels, return_counts=True)[1] == 1).sum())
    if not known.any():
        nothing = dict.fromkeys(("mean_sigma_energy_mev_per_atom", "weighted_sigma_energy_mev_per_atom"))
        return nothing | {"n_singletons": singletons}
    names, sizes = np.unique(labels[known], return_counts=True)
    spread = np.array([np.std(energies[known & (labels == name)]) for name in names]) * 1000
    return {
        "mean_sigma_energy_mev_per_atom": float(spread.mean()),
        "weighted_sigma_energy_mev_per_atom": float(np.average(spread, weights=sizes)),
        "n_singletons": singletons,
    }


def summarise(labels, energies, converged):
    """Return the summary of a clustering: number of clusters, energy spread, whether the scan converged.

    Parameters
    ----------
    labels : numpy.ndarray of int, shape (n,)
    energies : numpy.ndarray, shape (n,), eV/atom
    converged : bool

    Returns
    -------
    dict
    """
    return {"n_clusters": int(labels.max() + 1), **energy_spread(labels, energies), "converged": converged}


def scan(distances, energies, *, d_tol, n_clusters_max, seed, kind="rbf", method="kmeans", solver="dense"):
    """Raise N_c from 2 until the mean distance between clusters changes by less than ``d_tol``.

    Parameters
    ----------
    distances : numpy.ndarray, shape (n, n)
    energies : numpy.ndarray, shape (n,), eV/atom
    d_tol : float
    n_clusters_max : int
        Largest N_c, or n - 1 if that is smaller.
    seed : int
    kind : {"rbf", "similarity"}
        See ``affinity``.
    method : {"kmeans", "cluster_qr", "discretize"}
        See ``assign``.
    solver : {"dense", "lanczos"}
        See ``embedding``.

    Returns
    -------
    labels : numpy.ndarray of int, shape (n,)
        Labels of the chosen N_c, with clusters numbered by increasing mean energy.
    table : pandas.DataFrame
        One row per N_c: n_clusters, n_clusters_found, mean_cluster_distance, change_to_next, the energy spread,
        n_singletons, laplacian_eigenvalue.
    converged : bool
        False when no N_c up to the largest one converged; the labels are then those of the largest.
    """
    cap = min(n_clusters_max, len(distances) - 1)
    vectors, values = embedding(affinity(distances, kind), min(cap + 1, len(distances)), solver, seed)
    rows, previous, chosen, converged = [], None, None, False
    for n_clusters in range(2, cap + 2):
        labels = assign(vectors, n_clusters, seed, method)
        mean = mean_cluster_distance(distances, labels)
        rows.append(
            {
                "n_clusters": n_clusters,
                "n_clusters_found": len(np.unique(labels)),
                "mean_cluster_distance": mean,
                "change_to_next": np.nan,
                **energy_spread(labels, energies),
                "laplacian_eigenvalue": values[n_clusters - 1],
            }
        )
        if previous is not None:
            # The method discretize may find fewer clusters than asked for. The same partition again is no convergence.
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
    """Return labels renumbered by increasing mean energy, so that numbers and colours are comparable between deltas.

    Parameters
    ----------
    labels : numpy.ndarray of int, shape (n,)
    energies : numpy.ndarray, shape (n,), eV/atom
        A cluster whose frames have none (NaN) comes last.
    """
    names = np.unique(labels)
    members = [energies[labels == name] for name in names]
    means = [of[np.isfinite(of)].mean() if np.isfinite(of).any() else np.inf for of in members]
    order = np.argsort(means, kind="stable")
    new = np.empty(names.max() + 1, dtype=int)
    new[names[order]] = np.arange(len(names))
    return new[labels]
