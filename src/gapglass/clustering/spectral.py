"""Spectral clustering of the graph of frames (section 2.4 of doi:10.1111/jace.20128): edge weights, embedding, labels.

With the dense solver the labels equal those of scikit-learn's ``SpectralClustering(affinity="precomputed")`` with the
same seed. SciPy and scikit-learn take seconds to import and are imported by the functions that use them, because every
job of Snakemake imports this module for the estimate of the memory of clustering.
"""

import numpy as np

from gapglass.similarity.matrices import distance_dtype, positive_median, row_chunks, upper_triangle

DENSE_UP_TO = 4000  # frames for which the complete Laplacian is diagonalised


def solver(n_frames, wanted="auto"):
    """Return the eigensolver for this many frames: dense or lanczos, if ``wanted`` is auto, or else the one wanted."""
    if wanted != "auto":
        return wanted
    return "dense" if n_frames <= DENSE_UP_TO else "lanczos"


def clustering_memory_mb(n_frames, wanted="auto"):
    """Return an estimate of the memory (MB) of clustering.

    It includes the distances, the graph and, for the dense solver, its Laplacian and workspace.
    """
    n_matrices = 6 if solver(n_frames, wanted) == "dense" else 2.5
    return round(500 + n_matrices * np.dtype(distance_dtype(n_frames)).itemsize * n_frames**2 / 1e6)


def affinity(distances, kind="rbf"):
    """Return the edge weights of the similarity graph.

    Parameters
    ----------
    distances : numpy.ndarray, shape (n, n)
        Distances of the hybrid kernel (Eq. 12).
    kind : {"rbf", "similarity"}
        exp(-D^2 / 2 s^2) with the median distance s between different frames, or the kernel 1 - D^2 / 2 itself. The
        spectrum of a kernel close to 1 has no gap; with rbf it has one.

    Returns
    -------
    numpy.ndarray, shape (n, n), of the type of the distances

    Raises
    ------
    UserError
        When more than half of the distances between different frames are zero.
    """
    if kind == "similarity":

        def weight(part):
            return np.clip(1 - part**2 / 2, 0, 1)
    else:
        scale = positive_median(lambda: upper_triangle(distances), "distances between frames")

        def weight(part):
            return np.exp(-(part**2) / (2 * scale**2))

    weights = np.empty_like(distances)
    for rows in row_chunks(len(distances)):
        weights[rows] = weight(distances[rows])
    return weights


def embedding(weights, n_vectors, solver="dense", seed=0):
    """Return the spectral embedding of a graph.

    Parameters
    ----------
    weights : numpy.ndarray, shape (n, n)
    n_vectors : int
    solver : {"dense", "lanczos"}
        Diagonalise the complete Laplacian, or find the lowest eigenvectors by Lanczos iterations (ARPACK).
    seed : int
        Seed of the vector from which the Lanczos iterations start.

    Returns
    -------
    vectors : numpy.ndarray, shape (n, n_vectors), float64
        Eigenvectors of the normalised Laplacian divided by the square root of the degree. The component of largest
        magnitude is positive.
    values : numpy.ndarray, shape (n_vectors,)
        The eigenvalues in increasing order.
    """
    if solver == "dense":
        from scipy.linalg import eigh
        from scipy.sparse.csgraph import laplacian

        matrix, root_degree = laplacian(weights.astype(np.float64, copy=False), normed=True, return_diag=True)
        values, vectors = eigh(matrix, subset_by_index=[0, n_vectors - 1])
    else:
        values, vectors, root_degree = _lanczos(weights, n_vectors, seed)
    vectors = vectors / root_degree[:, None]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(n_vectors)]
    return vectors * np.sign(largest), values


def _lanczos(weights, n_vectors, seed):
    """Return the lowest eigenvalues and eigenvectors of the normalised Laplacian, and the roots of the degrees.

    The eigenvectors are those of D^-1/2 W D^-1/2 with the highest eigenvalues. The product of this matrix with a
    vector needs one pass over the weights and no copy of them.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    n = len(weights)
    loops = weights.diagonal().copy()
    root_degree = np.sqrt(weights.sum(axis=1, dtype=np.float64) - loops)

    def multiply(vector):
        scaled = vector.ravel() / root_degree
        return (weights @ scaled.astype(weights.dtype) - loops * scaled) / root_degree

    start = np.random.default_rng(seed).normal(size=n)
    values, vectors = eigsh(
        LinearOperator((n, n), matvec=multiply, dtype=np.float64), k=n_vectors, which="LA", tol=1e-6, v0=start
    )
    order = np.argsort(-values)
    return 1 - values[order], vectors[:, order], root_degree


def assign(vectors, n_clusters, seed, method="kmeans"):
    """Return labels 0 ... n_clusters - 1 from the first ``n_clusters`` columns of an embedding.

    Parameters
    ----------
    vectors : numpy.ndarray, shape (n, n_vectors)
    n_clusters : int
    seed : int
    method : {"kmeans", "cluster_qr", "discretize"}
        As in scikit-learn's ``SpectralClustering``; discretize may find fewer clusters.

    Returns
    -------
    numpy.ndarray of int, shape (n,)
    """
    from sklearn.cluster import k_means
    from sklearn.cluster._spectral import cluster_qr, discretize
    from sklearn.utils import check_random_state

    maps = np.ascontiguousarray(vectors[:, :n_clusters])
    if method == "cluster_qr":
        return cluster_qr(maps)
    random = check_random_state(seed)
    # scikit-learn first draws the start vector of its eigensolver from this stream; the same draw gives equal labels.
    random.uniform(-1, 1, len(maps))
    if method == "discretize":
        return discretize(maps, random_state=random)
    return k_means(maps, n_clusters, random_state=random, n_init=10)[1]
