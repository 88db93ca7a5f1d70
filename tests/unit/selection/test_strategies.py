"""Every strategy: nested choices from the pool alone, and what its definition says, on data known by hand."""

import numpy as np
import pytest
from conftest import ROOT

from gapglass.base.errors import UserError
from gapglass.selection import kinds, spread, strategies
from gapglass.study.schema import load_schema


def test_farthest_points_spread_over_a_line():
    x = np.array([0.0, 0.1, 0.2, 5.0, 9.9, 10.0])
    distances = np.abs(x[:, None] - x)
    assert spread.farthest_points(distances, 0, 3) == [0, 5, 3]
    assert spread.farthest_points(distances, [0, 3], 3) == [0, 3, 5]


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_beginnings_of_the_order_in_time_are_spread_evenly(n):
    pool = np.arange(100, 100 + n)
    order = spread.in_time(pool, seed=4)
    assert sorted(order) == pool.tolist()
    for size in (4, 8, 16):
        if size < n:
            steps = np.diff(sorted(order[:size]))
            assert steps.max() <= 2 * n / size
    assert n < 100 or len({tuple(spread.in_time(pool, seed)) for seed in range(20)}) > 3


class Model:
    """Stands in for equations: every frame has an error of its own."""

    n_atoms = np.full(120, 10)

    def solve(self, frames, hyperparameters, known):
        return "solution"

    def energy_errors(self, solution, frames):
        return 0.01 * (np.asarray(frames) % 13 + 1)

    def force_squares(self, solution, frames):
        return 1.0 + np.asarray(frames) % 7


@pytest.fixture
def given():
    """120 frames in four plateaus, of which the even ones may be chosen."""
    energies = np.repeat([0.03, 0.06, 0.15, 0.03], 30) + np.random.default_rng(0).normal(0, 0.01, 120)
    points = np.column_stack([energies / 0.1, np.repeat([0.6, 1.2, 3.0, 0.6], 30)])
    clusters = np.repeat([0, 1, 2, 3], 30)

    def of(seed=1):
        return strategies.Given(
            pool=np.arange(0, 120, 2),
            seed=seed,
            clusters={
                "best": clusters,
                "soap_only": clusters // 2,
                "rmsd": np.where(np.arange(120) % 5 == 0, -1, clusters),
            },
            energies=energies,
            distances=np.linalg.norm(points[:, None] - points, axis=2),
            equations=Model(),
            places={frame: frame for frame in range(120)},
            weights={"energy": 1.0, "force": 1.0},
        )

    return of


WITHOUT_MODEL = sorted(set(strategies.STRATEGIES) - set(kinds.BY_MODEL))


@pytest.mark.parametrize("strategy", [*WITHOUT_MODEL, "largest_residual"])
def test_choices_are_nested_and_from_the_pool_only(given, strategy):
    choose, chosen = strategies.STRATEGIES[strategy], []
    for size in (4, 9, 20):
        larger = choose(given(), chosen, size)
        assert larger[: len(chosen)] == chosen and len(set(larger)) == len(larger) == size
        assert not any(frame % 2 for frame in larger)
        chosen = larger
    assert choose(given(), choose(given(), [], 4), 9) == chosen[:9]
    assert len({tuple(choose(given(seed), [], 20)) for seed in range(6)}) > 1 or strategy == "clusters_medoids"


def test_strategies_differ_as_their_definitions_say(given):
    clusters = np.repeat([0, 1, 2, 3], 30)

    def counts(name, seed):
        return np.bincount(clusters[strategies.STRATEGIES[name](given(seed), [], 20)], minlength=4)

    assert all((counts("clusters", seed) == 5).all() for seed in range(5))
    assert any(np.abs(counts("random", seed) - 5).max() > 1 for seed in range(5))
    assert not any(frame % 5 == 0 for frame in strategies.STRATEGIES["rmsd_hdbscan"](given(), [], 20))
    energies = given().energies
    reached = {name: np.ptp(energies[strategies.STRATEGIES[name](given(), [], 4)]) for name in ("farthest_point",)}
    assert reached["farthest_point"] > 0.8 * np.ptp(energies[::2])
    with pytest.raises(UserError, match="belong to clusters"):
        strategies.STRATEGIES["rmsd_hdbscan"](given(), [], 55)


def test_configuration_knows_the_strategies():
    known = load_schema()["properties"]["learning_curves"]["properties"]["strategies"]
    assert set(known["default"]) == set(strategies.STRATEGIES)
    assert set(known["items"]["enum"]) == set(strategies.STRATEGIES) | set(strategies.BY_GUIDE)
    page = (ROOT / "docs/explanation/selection.md").read_text()
    assert all(f"`{name}`" in page for name in strategies.STRATEGIES | strategies.BY_GUIDE)


def test_labels_that_a_choice_reads():
    read = {name: kinds.labels_read(name, 20, 60, 120) for name in strategies.STRATEGIES}
    assert read["random"] == read["variance"] == 20 and read["residual"] == 60 and read["clusters"] == 120
    assert read["clusters_soap_only"] == kinds.labels_read("residual_guide", 20, 60, 120) == 20
