"""The scan over N_c, and the distances and energies of clusters by hand."""

import numpy as np
import pandas as pd
import pytest

from gapglass.clustering import energies as energies_of
from gapglass.clustering import scan


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


def test_frames_without_energy_count_in_no_spread_and_their_clusters_come_last():
    labels = np.array([0, 0, 1, 1, 1, 2, 3])
    energies = np.array([np.nan, np.nan, -1.0, np.nan, -1.2, -2.0, np.nan])
    spread = scan.energy_spread(labels, energies)
    # The clusters of -1.0 and -1.2 and of -2.0 alone; the two without energies have no spread.
    assert spread["mean_sigma_energy_mev_per_atom"] == pytest.approx((100 + 0) / 2)
    assert spread["weighted_sigma_energy_mev_per_atom"] == pytest.approx(100 * 2 / 3)
    assert spread["n_singletons"] == 2
    assert scan.order_by_energy(labels, energies).tolist() == [2, 2, 1, 1, 1, 0, 3]


def test_energies_are_those_of_the_guide_where_labels_are_missing():
    table = pd.DataFrame({"labelled": True, "energy_ev_per_atom": [1.0, 2.0], "guide_energy_ev_per_atom": [3.0, 4.0]})
    found, source = energies_of.of_frames(table)
    assert (found.tolist(), source) == ([1.0, 2.0], "labels")
    nothing = table.assign(labelled=[True, False], guide_energy_ev_per_atom=np.nan)
    assert energies_of.of_frames(nothing)[1] == "none"
    spread = scan.energy_spread(np.array([0, 0, 1]), np.full(3, np.nan))
    assert spread["mean_sigma_energy_mev_per_atom"] is None and spread["n_singletons"] == 1
    found, source = energies_of.of_frames(table.assign(labelled=[True, False]))
    assert (found.tolist(), source) == ([3.0, 4.0], "guide")


def test_energy_spread_by_hand():
    labels = np.array([0, 0, 1, 1, 1, 1, 2])
    energies = np.array([0.0, 0.002, 1.0, 1.0, 1.004, 1.004, 5.0])
    spread = scan.energy_spread(labels, energies)
    assert spread == {
        "mean_sigma_energy_mev_per_atom": pytest.approx((1 + 2 + 0) / 3),
        "weighted_sigma_energy_mev_per_atom": pytest.approx((1 * 2 + 2 * 4) / 7),
        "n_singletons": 1,
    }
    assert scan.summarise(labels, energies, True) == {**spread, "n_clusters": 3, "converged": True}


def test_two_runs_agree(blobs):
    _, _, distances, energies = blobs
    first = scan.scan(distances, energies, d_tol=1e-3, n_clusters_max=9, seed=4)[0]
    np.testing.assert_array_equal(first, scan.scan(distances, energies, d_tol=1e-3, n_clusters_max=9, seed=4)[0])


def test_one_cluster_has_no_distance_to_another():
    assert scan.mean_cluster_distance(np.ones((3, 3)), np.zeros(3, dtype=int)) == 0.0
