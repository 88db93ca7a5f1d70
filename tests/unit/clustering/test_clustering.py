"""The scan over N_c, the choice of delta, the map."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import SpectralClustering
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from gapglass.base.errors import UserError
from gapglass.clustering import mds, scan, spectral
from gapglass.similarity import kernels


@pytest.fixture(scope="module")
def blobs():
    """150 points in 5 groups: (truth, kernel, distances, energies that belong to the groups)."""
    points, truth = make_blobs(150, centers=[[0, 0], [8, 0], [0, 8], [8, 8], [4, 14]], cluster_std=0.6, random_state=3)
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    kernel = np.exp(-squared / 60)
    energies = truth * 0.1 + np.random.default_rng(0).normal(0, 0.002, 150)
    return truth, kernel, kernels.distance(kernel), energies


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
    scans = [scan.scan(distances.astype(kind), energies, d_tol=1e-3, n_clusters_max=12, seed=1, solver=solver)
             for kind, solver in ((np.float64, "dense"), (dtype, "lanczos"))]  # fmt: skip
    np.testing.assert_array_equal(scans[0][0], scans[1][0])
    np.testing.assert_allclose(scans[0][1]["mean_cluster_distance"], scans[1][1]["mean_cluster_distance"], rtol=1e-6)


def test_groups_are_found(blobs):
    truth, _, distances, _ = blobs
    vectors, values = spectral.embedding(spectral.affinity(distances), 6)
    assert adjusted_rand_score(truth, spectral.assign(vectors, 5, 1)) == 1.0
    assert values[0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("d_tol", "expected"), [(0.03, 3), (0.007, 4), (0.0035, 10)])
def test_scan_takes_the_smallest_number_that_meets_the_tolerance(blobs, d_tol, expected):
    _, _, distances, energies = blobs
    labels, table, converged = scan.scan(distances, energies, d_tol=d_tol, n_clusters_max=12, seed=1)
    assert converged and labels.max() + 1 == expected
    changes = table["change_to_next"].to_numpy()
    assert (changes[:-2] >= d_tol).all() and changes[-2] < d_tol and np.isnan(changes[-1])
    np.testing.assert_allclose(changes[:-1], np.abs(np.diff(table["mean_cluster_distance"])))
    assert (np.diff([energies[labels == k].mean() for k in range(expected)]) > 0).all()


def test_unmet_tolerance_takes_the_cap_and_says_so(blobs):
    _, _, distances, energies = blobs
    labels, table, converged = scan.scan(distances, energies, d_tol=1e-12, n_clusters_max=7, seed=1)
    assert not converged
    assert labels.max() + 1 == 7
    assert table["n_clusters"].tolist() == list(range(2, 9))


def test_mean_cluster_distance_by_hand():
    distances = np.array([[0, 1, 4, 6], [1, 0, 5, 7], [4, 5, 0, 2], [6, 7, 2, 0]], float)
    assert scan.mean_cluster_distance(distances, np.array([0, 0, 1, 1])) == pytest.approx(5.5)
    assert scan.mean_cluster_distance(distances, np.array([0, 0, 1, 2])) == pytest.approx((4.5 + 6.5 + 2) / 3)


def test_energy_spread_by_hand():
    labels = np.array([0, 0, 1, 1, 1, 1, 2])
    energies = np.array([0.0, 0.002, 1.0, 1.0, 1.004, 1.004, 5.0])
    mean, weighted, singletons = scan.energy_spread(labels, energies)
    assert mean == pytest.approx((1 + 2 + 0) / 3)
    assert weighted == pytest.approx((1 * 2 + 2 * 4) / 7)
    assert singletons == 1


def test_choice_of_delta_is_interior():
    table = pd.DataFrame(
        {"delta": [0, 0.3, 0.6, 0.9, 1.0], "mean_sigma_energy_mev_per_atom": [1.0, 9.0, 5.0, 5.0, 2.0]}
    )
    assert scan.choose_delta(table)["delta"] == 0.6


def test_two_runs_agree(blobs):
    _, _, distances, energies = blobs
    first = scan.scan(distances, energies, d_tol=1e-3, n_clusters_max=9, seed=4)[0]
    np.testing.assert_array_equal(first, scan.scan(distances, energies, d_tol=1e-3, n_clusters_max=9, seed=4)[0])


def test_identical_frames_are_refused():
    with pytest.raises(UserError, match="frames are alike"):
        spectral.affinity(np.zeros((5, 5)))


def test_map_keeps_planar_distances():
    points = np.random.default_rng(2).normal(size=(40, 2))
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    positions, stress = mds.two_dimensional_map(distances, 5)
    assert stress < 0.01
    np.testing.assert_allclose(np.linalg.norm(positions[:, None] - positions[None], axis=-1), distances, atol=0.05)


def test_choice_of_delta_from_the_inside_or_all_by_mean_or_weighted_spread():
    table = pd.DataFrame(
        {
            "delta": [0.0, 0.3, 0.6, 1.0],
            "mean_sigma_energy_mev_per_atom": [5.0, 9.0, 8.0, 4.0],
            "weighted_sigma_energy_mev_per_atom": [3.0, 7.0, 8.0, 6.0],
        }
    )
    chosen = {
        (where, by): scan.choose_delta(table, where, by)["delta"]
        for where in ("interior", "all")
        for by in ("mean", "weighted")
    }
    assert chosen == {
        ("interior", "mean"): 0.6,
        ("interior", "weighted"): 0.3,
        ("all", "mean"): 1.0,
        ("all", "weighted"): 0.0,
    }


def test_similarity_affinity_leaves_no_eigengap_where_rbf_does():
    points = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    kernel = 1 - 1e-4 * (points - points.T) ** 2 / 25
    gaps = {}
    for kind in ("rbf", "similarity"):
        _, values = spectral.embedding(spectral.affinity(kernels.distance(kernel), kind), 3)
        # of the random walk 1 - eigenvalue: the second is what tells two groups from one
        gaps[kind] = 1 - values[1]
    assert gaps["similarity"] < 1e-3 < 0.05 < gaps["rbf"]


def test_one_cluster_has_no_distance_to_another():
    assert scan.mean_cluster_distance(np.ones((3, 3)), np.zeros(3, dtype=int)) == 0.0
