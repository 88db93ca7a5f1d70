"""Databases: sizes, nesting, every cluster represented, the split."""

from itertools import pairwise

import numpy as np
import pytest
from ase import Atoms

from gapglass.base.errors import UserError
from gapglass.clustering import rmsd
from gapglass.selection import strategies
from gapglass.selection.allocation import allocate, allocation_weights
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
    # within one frame per cluster, of which the paper has about 5 to 15
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


@pytest.mark.parametrize(
    ("sizes", "total"), [([5, 1, 1], 3), ([5, 1, 1], 2), ([10, 10, 80], 50), ([1, 1, 98], 99), ([3], 2)]
)
def test_allocation_adds_up_and_stays_inside(sizes, total):
    picks = allocate(sizes, total)
    assert picks.sum() == total and (picks <= sizes).all() and (picks >= 0).all()
    assert (picks >= 1).all() or total < len(sizes)


@pytest.mark.parametrize("train_fraction", [0.01, 0.1, 0.9, 0.99])
def test_neither_set_is_ever_empty(labels, train_fraction):
    database = enlarge({"train": [], "test": []}, labels, size=4, train_fraction=train_fraction, seed=1)
    assert database["train"] and database["test"]


# Other ways of choosing, on data with an answer known by hand.


def test_allocations_share_by_size_alike_or_by_energy_spread():
    labels = np.repeat([0, 1, 2], [80, 10, 10])
    energies = np.concatenate([np.zeros(80), np.linspace(-1, 1, 10), np.full(10, 5.0)])
    shares = {
        kind: allocate([80, 10, 10], 20, allocation_weights(labels, energies, kind, seed=1)).tolist()
        for kind in ("proportional", "equal", "energy_spread")
    }
    assert shares["proportional"] == [16, 2, 2]
    assert sorted(shares["equal"]) == [6, 7, 7]
    # all spread is in the second cluster: the others keep the one frame that every cluster gives, full ones pass the rest on
    assert (
        shares["energy_spread"][1] == 10 and min(shares["energy_spread"]) >= 1 and sum(shares["energy_spread"]) == 20
    )


def test_frames_left_over_by_equal_shares_go_to_clusters_at_random():
    labels = np.repeat(np.arange(20), 10)
    weights = [allocation_weights(labels, None, "equal", seed) for seed in range(30)]
    picks = sum(allocate([10] * 20, 5, weight) for weight in weights)
    assert picks.sum() == 150 and (picks > 0).sum() > 15


def test_farthest_points_spread_over_a_line():
    x = np.array([0.0, 0.1, 0.2, 5.0, 9.9, 10.0])
    distances = np.abs(x[:, None] - x)
    assert strategies.farthest_points(distances, 0, 3) == [0, 5, 3]


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


def test_uniform_in_time_has_even_steps():
    pool = np.arange(100, 200)
    chosen = np.array(strategies.uniform_in_time(pool, 10, seed=4))
    assert (np.diff(chosen) == 10).all() and chosen[0] < 110
    assert len({tuple(strategies.uniform_in_time(pool, 10, seed)) for seed in range(20)}) > 3


def walk(rng, n_frames=40, centre=0.0):
    """Frames that shake about one configuration: 8 atoms, drifting and turning as a whole."""
    base = rng.uniform(0, 6, (8, 3))
    frames = []
    for step in range(n_frames):
        atoms = Atoms("O8", positions=base + centre + rng.normal(0, 0.02, (8, 3)), cell=[30.0] * 3, pbc=True)
        atoms.rotate(3 * step, "z", center=(15, 15, 15))
        atoms.positions += [0.7 * step, 0, 0]
        atoms.wrap()
        atoms.info["trajectory"] = "run"
        frames.append(atoms)
    return frames


def test_rmsd_takes_out_shift_and_rotation_and_counts_a_displacement(rng):
    frames = walk(rng, 12)
    assert rmsd.rmsd(frames).max() < 0.1
    moved = frames[-1].copy()
    moved.positions[0] += [0, 0, 2.0]
    # one of n atoms moved by d: the best superposition leaves at most d sqrt(1/n - 1/n^2)
    last = rmsd.rmsd([*frames, moved])[-1, :-1]
    assert ((last > 0.3) & (last <= 2.0 * np.sqrt(1 / 8 - 1 / 64) + 0.1)).all()


def test_rmsd_refuses_reflections(rng):
    chiral = Atoms("O4", positions=[[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3.0]], cell=[30.0] * 3, pbc=True)
    chiral.positions += 10
    mirror = chiral.copy()
    mirror.positions[:, 0] = 20 - mirror.positions[:, 0]
    assert rmsd.rmsd([chiral, mirror])[0, 1] > 0.2


def test_rmsd_clusters_drop_noise_and_keep_trajectories_apart(rng):
    """Two states of one trajectory with a jump between them, another trajectory of its own, three outliers."""
    first, second = walk(rng), walk(rng, centre=0.5)
    outliers = []
    for _ in range(3):
        atoms = first[0].copy()
        atoms.positions = rng.uniform(0, 12, (8, 3))
        outliers.append(atoms)
    other = walk(rng, 20)
    for atoms in other:
        atoms.info["trajectory"] = "other"
    labels = rmsd.rmsd_clusters([*first, *outliers, *second, *other], 5)
    assert (labels[40:43] == -1).all()
    # a change of the frame to frame displacement beyond half a cell may split a state, but never joins two
    assert not set(labels[:40]) & set(labels[43:83]) - {-1}
    assert not set(labels[:83]) & set(labels[83:]) - {-1}
    chosen = strategies.draw_regularly(np.arange(len(labels)), labels, 12, seed=1)
    assert len(set(chosen)) == 12 and (labels[chosen] >= 0).all()
    with pytest.raises(UserError, match="belong to clusters"):
        strategies.draw_regularly(np.arange(len(labels)), labels, len(labels), seed=1)


def test_short_trajectories_are_noise_and_mixed_ones_refused(rng):
    frames = walk(rng, 20)
    for atoms in frames[:4]:
        atoms.info["trajectory"] = "short"
    assert (rmsd.rmsd_clusters(frames, 5)[:4] == -1).all()
    frames[10] = frames[10][:4]
    frames[10].info["trajectory"] = "run"
    with pytest.raises(UserError, match="frames of different atoms"):
        rmsd.rmsd_clusters(frames, 5)
