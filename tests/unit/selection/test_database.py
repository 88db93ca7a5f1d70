"""Databases: sizes, nesting, every cluster represented, the split."""

from itertools import pairwise

import numpy as np
import pytest

from gapglass.selection import database as databases
from gapglass.selection.database import database_size, enlarge, order_of_drawing


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
        everything = database["train"] + database["test"] + database["rest"]
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
    assert databases[1]["rest"] == [] and databases[2] == databases[1]


def test_only_frames_of_the_pool_are_drawn(labels):
    pool = np.arange(0, 400, 3)
    database = {"train": [], "test": []}
    for size in (40, 90, 500):
        database = enlarge(database, labels, size=size, train_fraction=0.7, seed=3, pool=pool[::-1])
        drawn = database["train"] + database["test"]
        assert len(drawn) == min(size, len(pool)) and sorted(drawn + database["rest"]) == pool.tolist()
    # Clusters count by their frames in the pool: frames that are set aside change nothing.
    other = labels.copy()
    other[np.setdiff1d(np.arange(400), pool)] = 0
    for now in (labels, other):
        found = enlarge({"train": [], "test": []}, now, size=60, train_fraction=0.7, seed=3, pool=pool)
        picked = np.bincount(labels[found["train"] + found["test"]], minlength=9)
        np.testing.assert_allclose(picked, np.maximum(np.bincount(labels[pool]) * 60 / len(pool), 1), atol=1.5)


def test_the_whole_database_trains_with_a_cross_validation(labels):
    database = {"train": [], "test": []}
    for size in (4, 40, 400):
        before, database = database, enlarge(database, labels, size=size, train_fraction=1, seed=3)
        assert (
            len(database["train"]) == size and not database["test"] and set(before["train"]) <= set(database["train"])
        )


SETS = {"pool": [0, 1, 2, 3, 4, 5, 6], "guard": [7], "validation": [9], "holdout": [8, 10], "known": [0, 1, 2, 3]}


def test_database_of_an_iteration():
    drawn = {"train": [0, 3, 5], "test": [2], "rest": [1, 4, 6]}
    found = databases.describe(drawn, {"train": [0], "test": []}, SETS, np.full(11, 48), 4)
    assert found == {
        "train": [0, 3, 5], "test": [2], "validation": [9], "holdout": [8, 10], "unused": [1, 4, 6, 7],
        "n_frames": 11, "n_left": 3,
        "blocks": [[2, 3, 5]], "labels_read": 4, "iteration": 1, "since": 1, "n_increments": 1,
    }  # fmt: skip
    parts = [frame for part in ("train", "test", "validation", "holdout", "unused") for frame in found[part]]
    assert sorted(parts) == list(range(11))
    # Where nothing is set aside, the frames that the loop did not take are the last test, as in the paper.
    paper = databases.describe(
        drawn | {"rest": [1, 4, 6, 7, 8, 9, 10]}, {"train": [], "test": []},
        {"pool": list(range(11)), "guard": [], "validation": [], "holdout": []}, np.full(11, 48), 4,
    )  # fmt: skip
    assert (paper["holdout"], paper["unused"], paper["n_left"]) == ([1, 4, 6, 7, 8, 9, 10], [], 7)
    assert paper["blocks"] == [[0, 2, 3, 5]]
    # Nothing new, nothing to compute: a larger model has the frames of the iteration before.
    same = databases.describe(databases.unchanged(found, SETS), found, SETS, np.full(11, 48), 4, iteration=2)
    assert same == found | {"blocks": [], "iteration": 2}
    more = databases.describe(drawn | {"train": [0, 1, 3, 5], "rest": [4, 6]}, same, SETS, np.full(11, 48), 4, 3)
    assert (more["since"], more["n_increments"], more["blocks"]) == (3, 2, [[1]])


def test_blocks_of_a_database_are_its_new_frames_in_order():
    n_atoms = np.array([9000, 48, 15000, 9000, 2000, 30000, 48, 20000, 1, 1])
    drawn = {"train": [0, 2, 3, 4, 5, 6, 7, 9], "test": [1], "rest": []}
    found = databases.describe(drawn, {"train": [4], "test": [1]}, SETS, n_atoms, 8)
    assert [frame for block in found["blocks"] for frame in block] == [0, 2, 3, 5, 6, 7, 9] and len(
        found["blocks"]
    ) > 2
    found = databases.describe(drawn | {"train": [0, 3, 4, 6, 8, 9]}, {"train": [], "test": []}, SETS, n_atoms, 8)
    assert found["blocks"] == [[0, 1], [3, 4, 6, 8, 9]]  # 20,098 atoms in two blocks


def test_blocks_are_few_and_about_equally_long(rng):
    n_atoms = rng.integers(1, 600, size=300)
    parts = databases.cut(n_atoms)
    assert [frame for part in parts for frame in range(300)[part]] == list(range(300))
    atoms = [n_atoms[part].sum() for part in parts]
    assert len(parts) == np.ceil(n_atoms.sum() / databases.BLOCK_ATOMS)
    # An edge lies where a frame ends, so blocks differ by at most one frame on each side.
    assert max(atoms) - min(atoms) <= 2 * 600
    # More than a block by less than a frame, which is what ``resources.compute_rows`` asks for.
    assert max(atoms) < databases.BLOCK_ATOMS + 600
    assert databases.cut([]) == [] and databases.cut([10**6]) == [slice(0, 1)]
    assert databases.cut([480] * 127) == [slice(0, 31), slice(31, 63), slice(63, 95), slice(95, 127)]
    # A frame larger than a block is one; every block holds a frame.
    parts = databases.cut([50_000, 48, 48, 50_000])
    assert [frame for part in parts for frame in range(4)[part]] == list(range(4))
    assert all(part.stop > part.start for part in parts)


def test_database_of_the_fit_on_all_frames():
    sets = {"train": SETS["pool"], "test": [], "validation": [9], "holdout": [8, 10], "unused": [7]}
    assert databases.of_all(SETS) == sets


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
