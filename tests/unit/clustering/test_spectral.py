"""Spectral clustering: agreement with scikit-learn, both solvers, the graph."""

import numpy as np
import pytest
from sklearn.cluster import SpectralClustering
from sklearn.metrics import adjusted_rand_score

from gapglass.base.errors import UserError
from gapglass.clustering import scan, spectral
from gapglass.similarity import kernels


@pytest.mark.parametrize("method", ["kmeans", "cluster_qr", "discretize"])
@pytest.mark.parametrize("kind", ["rbf", "similarity"])
def test_labels_equal_scikit_learn(blobs, method, kind):
    _, _, distances, _ = blobs
    weights = spectral.affinity(distances, kind)
    vectors, _ = spectral.embedding(weights, 13)
    for n_clusters in range(2, 13):
        theirs = SpectralClustering(
            n_clusters, affinity="precomputed", random_state=11, assign_labels=method
        ).fit_predict(weights)
        np.testing.assert_array_equal(spectral.assign(vectors, n_clusters, 11, method), theirs)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_lanczos_finds_what_the_dense_solver_finds(blobs, dtype):
    _, _, distances, energies = blobs
    weights = spectral.affinity(distances)
    vectors, values = spectral.embedding(weights, 8)
    others, found = spectral.embedding(weights.astype(dtype), 8, "lanczos", seed=3)
    tolerance = {np.float64: 1e-8, np.float32: 1e-4}[dtype]
    np.testing.assert_allclose(found, values, atol=tolerance)
    np.testing.assert_allclose(others, vectors, atol=tolerance)
    scans = [
        scan.scan(distances.astype(kind), energies, d_tol=1e-3, n_clusters_max=12, seed=1, solver=solver)
        for kind, solver in ((np.float64, "dense"), (dtype, "lanczos"))
    ]
    np.testing.assert_array_equal(scans[0][0], scans[1][0])
    np.testing.assert_allclose(scans[0][1]["mean_cluster_distance"], scans[1][1]["mean_cluster_distance"], rtol=1e-6)


def test_groups_are_found(blobs):
    truth, _, distances, _ = blobs
    vectors, values = spectral.embedding(spectral.affinity(distances), 6)
    assert adjusted_rand_score(truth, spectral.assign(vectors, 5, 1)) == 1.0
    assert values[0] == pytest.approx(0, abs=1e-12)


def test_identical_frames_are_refused():
    with pytest.raises(UserError, match="frames are alike"):
        spectral.affinity(np.zeros((5, 5)))


def test_similarity_affinity_leaves_no_eigengap_where_rbf_does():
    points = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    kernel = 1 - 1e-4 * (points - points.T) ** 2 / 25
    gaps = {}
    for kind in ("rbf", "similarity"):
        _, values = spectral.embedding(spectral.affinity(kernels.distance(kernel), kind), 3)
        # Two groups show in the second eigenvalue of the random walk, 1 - that of the Laplacian.
        gaps[kind] = 1 - values[1]
    assert gaps["similarity"] < 1e-3 < 0.05 < gaps["rbf"]
