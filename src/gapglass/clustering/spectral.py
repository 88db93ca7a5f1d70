"""What changes when there are many frames: kernels read from disk in pieces, distances in single precision, a Lanczos solver.

Below the limits everything is exact and in double precision. The error beyond them is measured in docs/performance.md. Kernels
stay in double precision always: a SOAP kernel is so near 1 that single precision would leave three digits of a distance.
"""

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.csgraph import laplacian
from scipy.sparse.linalg import LinearOperator, eigsh
from sklearn.cluster import k_means
from sklearn.cluster._spectral import cluster_qr, discretize
from sklearn.utils import check_random_state

from gapglass.base.errors import UserError
from gapglass.similarity import matrices
from gapglass.similarity.matrices import FLOAT64_UP_TO

DENSE_UP_TO = 4000  # frames whose graph is diagonalised as a whole


def solver(n_frames, wanted="auto"):
    """Return the eigensolver for this many frames: dense or lanczos."""
    if wanted != "auto":
        return wanted
    return "dense" if n_frames <= DENSE_UP_TO else "lanczos"


def clustering_memory_mb(n_frames, wanted="auto"):
    """Return the memory (MB) that clustering takes: distances, graph and, for the dense solver, its Laplacian and workspace."""
    value = 8 if n_frames <= FLOAT64_UP_TO else 4
    matrices = 6 if solver(n_frames, wanted) == "dense" else 2.5
    return round(500 + matrices * value * n_frames**2 / 1e6)


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
        scale = matrices.streamed_median(lambda: matrices.upper_triangle(distances))
        if scale <= 0:
            raise UserError(
                "more than half of the distances between frames are zero: the frames are alike; check trajectories.stride"
            )

        def weight(part):
            return np.exp(-(part**2) / (2 * scale**2))

    weights = np.empty_like(distances)
    for rows in matrices.row_chunks(len(distances)):
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
    values, vectors = eigsh(
        LinearOperator((n, n), matvec=multiply, dtype=np.float64), k=n_vectors, which="LA", tol=1e-6, v0=start
    )
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
