"""Databases: sizes, nesting, every cluster represented, the split."""

from itertools import pairwise

import numpy as np
import pytest

from gapglass.selection.database import database_size, draw_from_clusters, enlarge, order_of_drawing


@pytest.fixture
def labels():
    return np.random.default_rng(1).choice(9, size=400, p=[0.3, 0.2, 0.15, 0.1, 0.1, 0.06, 0.05, 0.03, 0.01])


def chain(labels, increment=0.05, n=5, seed=3):
    database, result = {"train": [], "test": []}, []
    for iteration in range(1, n + 1):
        size = database_size(iteration, increment, len(labels))
        database = enlarge(database, labels, size=size, train_fraction=0.7, seed=seed)
        result.append(database)
    return result


@pytest.mark.parametrize(("n_frames", "iteration", "train"), [(937, 3, 97), (1200, 3, 127), (1245, 4, 175)])
def test_sizes_are_those_of_the_paper(n_frames, iteration, train):
    # The paper rounds within each cluster, of which it has about 5 to 15.
    size = database_size(iteration, 0.05, n_frames)
    assert abs(round(0.7 * size) - train) <= 5


def test_databases_are_nested_disjoint_and_complete(labels):
    databases = chain(labels)
    for iteration, database in enumerate(databases, 1):
        assert len(database["train"]) + len(database["test"]) == 20 * iteration
        assert len(database["train"]) == 14 * iteration
        everything = database["train"] + database["test"] + database["holdout"]
        assert sorted(everything) == list(range(400))
    for small, large in pairwise(databases):
        assert set(small["train"]) < set(large["train"]) and set(small["test"]) < set(large["test"])


def test_every_cluster_is_drawn_from_in_proportion(labels):
    database = chain(labels, increment=0.2, n=1)[0]
    picked = np.bincount(labels[database["train"] + database["test"]], minlength=9)
    assert (picked >= 1).all()
    np.testing.assert_allclose(picked, np.maximum(np.bincount(labels) * 0.2, 1), atol=1.5)


def test_split_is_spread_over_the_clusters(labels):
    database = chain(labels, increment=0.5, n=1)[0]
    for cluster in range(6):
        train, test = (np.sum(labels[database[part]] == cluster) for part in ("train", "test"))
        assert train / (train + test) == pytest.approx(0.7, abs=1.01 / (train + test))


def test_whole_set(labels):
    databases = chain(labels, increment=0.5, n=3)
    assert databases[1]["holdout"] == [] and databases[2] == databases[1]


def test_seed_decides(labels):
    assert chain(labels, seed=3) == chain(labels, seed=3)
    assert chain(labels, seed=3) != chain(labels, seed=4)


@pytest.mark.parametrize("train_fraction", [0.01, 0.1, 0.9, 0.99])
def test_neither_set_is_ever_empty(labels, train_fraction):
    database = enlarge({"train": [], "test": []}, labels, size=4, train_fraction=train_fraction, seed=1)
    assert database["train"] and database["test"]


def test_medoids_begin_in_the_middle_and_stay_nested():
    x = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 50.0])
    distances = np.abs(x[:, None] - x)
    members = np.arange(5)
    assert order_of_drawing(members, 1, "medoids", distances)[0] == 2
    labels = np.array([0, 0, 0, 0, 0, 1])
    small = draw_from_clusters(np.arange(6), labels, 3, 1, draw="medoids", distances=distances)
    large = draw_from_clusters(np.arange(6), labels, 4, 1, draw="medoids", distances=distances)
    assert small == [0, 2, 5] and set(small) < set(large)
    assert draw_from_clusters(np.arange(6), labels, 3, 8, draw="medoids", distances=distances) == small
    first = enlarge(
        {"train": [], "test": []}, labels, size=4, train_fraction=0.5, seed=1, draw="medoids", distances=distances
    )
    assert {2, 5} < set(first["train"] + first["test"])


def test_energy_spread_enters_the_databases(labels):
    energies = np.where(labels == 3, np.random.default_rng(2).normal(0, 1, len(labels)), 0.0)
    database = {"train": [], "test": []}
    for allocation, many in (("proportional", False), ("energy_spread", True)):
        found = enlarge(
            database, labels, size=40, train_fraction=0.7, seed=1, allocation=allocation, energies=energies
        )
        picked = np.sum(labels[found["train"] + found["test"]] == 3)
        assert (picked > 25) == many
