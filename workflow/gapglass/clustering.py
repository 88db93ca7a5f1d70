"""Spectral clustering with the number of clusters found automatically, and the choice of delta.

One eigendecomposition serves the whole scan over N_c: the embedding for N_c clusters is the first N_c eigenvectors.
With the dense solver labels equal those of scikit-learn's ``SpectralClustering(affinity="precomputed")`` with the same seed.
Source: Eq. 12-14 and section 2.4 of doi:10.1111/jace.20128.
"""

import numpy as np
import pandas as pd
from scipy.linalg import eigh
from scipy.sparse.csgraph import laplacian
from scipy.sparse.linalg import LinearOperator, eigsh
from sklearn.cluster import k_means
from sklearn.cluster._spectral import cluster_qr, discretize
from sklearn.manifold import MDS
from sklearn.utils import check_random_state

from gapglass import many_frames
from gapglass.errors import UserError


def affinity(distances, kind="rbf"):
    """Return the edge weights of the similarity graph.

    Parameters
    ----------
    distances : numpy.ndarray, shape (n, n)
        Of the hybrid kernel.
    kind : {"rbf", "similarity"}
        exp(-D^2 / 2 s^2) with s the median distance between different frames, or the kernel 1 - D^2 / 2 itself.
        A kernel near 1 leaves no eigengap; rbf restores it.
    """
    if kind == "similarity":

        def weight(part):
            return np.clip(1 - part**2 / 2, 0, 1)
    else:
        scale = many_frames.streamed_median(lambda: many_frames.upper_triangle(distances))
        if scale <= 0:
            raise UserError("more than half of the distances between frames are zero: the frames are alike; check trajectories.stride")

        def weight(part):
            return np.exp(-(part**2) / (2 * scale**2))

    weights = np.empty_like(distances)
    for rows in many_frames.row_chunks(len(distances)):
        weights[rows] = weight(distances[rows])
    return weights


def embedding(weights, n_vectors, solver="dense", seed=0):
    """Return the spectral embedding of a graph.

    Parameters
    ----------
    weights : numpy.ndarray, shape (n, n)
    n_vectors : int
    solver : {"dense", "lanczos"}
        Diagonalise the whole Laplacian, or multiply vectors by it until the lowest ones stand still (ARPACK).
    seed : int
        Of the vector that lanczos starts from.

    Returns
    -------
    vectors : numpy.ndarray, shape (n, n_vectors), float64
        Eigenvectors of the normalised Laplacian divided by the square root of the degree, signs fixed by the largest entry.
    values : numpy.ndarray, shape (n_vectors,)
        The eigenvalues, ascending.
    """
    if solver == "dense":
        matrix, root_degree = laplacian(weights.astype(np.float64, copy=False), normed=True, return_diag=True)
        values, vectors = eigh(matrix, subset_by_index=[0, n_vectors - 1])
    else:
        values, vectors, root_degree = _lanczos(weights, n_vectors, seed)
    vectors = vectors / root_degree[:, None]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(n_vectors)]
    return vectors * np.sign(largest), values


def _lanczos(weights, n_vectors, seed):
    """Return the lowest eigenvalues and eigenvectors of the normalised Laplacian, and the roots of the degrees.

    They are the highest of D^-1/2 W D^-1/2, whose product with a vector needs one pass over the weights and no copy of them.
    """
    n = len(weights)
    loops = weights.diagonal().copy()
    root_degree = np.sqrt(weights.sum(axis=1, dtype=np.float64) - loops)

    def multiply(vector):
        scaled = vector.ravel() / root_degree
        return (weights @ scaled.astype(weights.dtype) - loops * scaled) / root_degree

    start = np.random.default_rng(seed).normal(size=n)
    values, vectors = eigsh(LinearOperator((n, n), matvec=multiply, dtype=np.float64), k=n_vectors, which="LA", tol=1e-6, v0=start)
    order = np.argsort(-values)
    return 1 - values[order], vectors[:, order], root_degree


def assign(vectors, n_clusters, seed, method="kmeans"):
    """Return labels 0 ... n_clusters - 1 from the first ``n_clusters`` columns of an embedding."""
    maps = np.ascontiguousarray(vectors[:, :n_clusters])
    if method == "cluster_qr":
        return cluster_qr(maps)
    random = check_random_state(seed)
    # scikit-learn draws its eigensolver's start vector from this stream first; doing the same keeps labels equal to its own.
    random.uniform(-1, 1, len(maps))
    if method == "discretize":
        return discretize(maps, random_state=random)
    return k_means(maps, n_clusters, random_state=random, n_init=10)[1]


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


def mapped_frames(n_frames):
    """Return the frames that are drawn in the plane: all, or of many every so many-th."""
    return np.arange(0, n_frames, -(-n_frames // many_frames.MAPPED_AT_MOST))


def two_dimensional_map(distances, seed):
    """Return coordinates in the plane whose distances resemble ``distances`` (multidimensional scaling).

    Returns
    -------
    positions : numpy.ndarray, shape (n, 2)
    stress : float
        Normalised stress (Kruskal's stress-1); below 0.1 is fair, above 0.2 poor.
    """
    scaling = MDS(
        n_components=2, metric="precomputed", metric_mds=True, init="classical_mds", n_init=1, random_state=seed, normalized_stress=True
    )
    positions = scaling.fit_transform(distances)
    return positions, float(scaling.stress_)
