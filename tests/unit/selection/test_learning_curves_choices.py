"""Learning curves: the hold-out, and the frames that each strategy chooses."""

import numpy as np
import pandas as pd
import pytest

from gapglass.base.errors import UserError
from gapglass.selection import learning_curves as choices
from gapglass.study.schema import load_schema

STRATEGIES = load_schema()["properties"]["learning_curves"]["properties"]["strategies"]["default"]


@pytest.fixture
def table():
    """120 frames: glass at 300 and 600 K, liquid at 1500 K, a crystal."""
    temperature = np.repeat([300.0, 600.0, 1500.0, 300.0], 30)
    return pd.DataFrame(
        {
            "frame": range(120),
            "trajectory": np.repeat(["run", "crystal"], [90, 30]),
            "role": np.repeat(["reference", "extra"], [90, 30]),
            "temperature_k": temperature,
            "energy_ev_per_atom": temperature / 1e4 + np.random.default_rng(0).normal(0, 0.01, 120),
        }
    )


@pytest.fixture
def choose(table):
    points = table[["energy_ev_per_atom", "temperature_k"]].to_numpy() / [0.1, 500]
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    clusters = np.repeat([0, 1, 2, 3], 30)
    labels = {"best": clusters, "soap_only": clusters // 2, "rmsd": np.where(np.arange(120) % 5 == 0, -1, clusters)}

    def chosen(strategy, size=20, seed=1, pool=range(0, 120, 2)):
        return choices.choose(
            strategy,
            list(pool),
            size,
            seed,
            labels=labels,
            energies=table["energy_ev_per_atom"].to_numpy(),
            distances=distances,
        )

    return chosen


def test_holdout_takes_its_share_of_every_plateau(table):
    sets = choices.set_aside(table, 0.2, [20], seed=3)
    assert not set(sets["pool"]) & set(sets["holdout"]) and len(sets["pool"]) + len(sets["holdout"]) == 120
    held = table.iloc[sets["holdout"]]
    assert held.groupby(["trajectory", "temperature_k"]).size().tolist() == [6, 6, 6, 6]
    assert sets == choices.set_aside(table, 0.2, [20], seed=3) != choices.set_aside(table, 0.2, [20], seed=4)
    with pytest.raises(UserError, match=r"sizes holds 77; each draw sees 80% of the 96 frames"):
        choices.set_aside(table, 0.2, [20, 77], seed=3)
    with pytest.raises(UserError, match="holdout_fraction"):
        choices.set_aside(table, 0.001, [20], seed=3)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_takes_that_many_frames_from_the_pool_only(choose, strategy):
    for size in (4, 20):
        frames = choose(strategy, size)
        assert len(set(frames)) == len(frames) == size and not any(frame % 2 for frame in frames)
    assert choose(strategy) == choose(strategy)
    assert len({tuple(choose(strategy, seed=seed)) for seed in range(6)}) > 1


def test_strategies_differ_as_their_definitions_say(choose, table):
    clusters = np.repeat([0, 1, 2, 3], 30)
    counts = np.array([np.bincount(clusters[choose("clusters", seed=seed)], minlength=4) for seed in range(5)])
    # The part of the pool that a draw sees holds a few more frames of one cluster than of another, and the shares
    # follow it.
    assert np.abs(counts - 5).max() <= 1
    random = np.array([np.bincount(clusters[choose("random", seed=seed)], minlength=4) for seed in range(5)])
    assert np.abs(random - 5).max() > 1
    assert np.diff(choose("uniform_in_time")).max() <= 14
    assert not any(frame % 5 == 0 for frame in choose("rmsd_hdbscan"))
    energies = table["energy_ev_per_atom"].to_numpy()
    spread = {name: np.ptp(energies[choose(name, 4)]) for name in ("farthest_point", "uniform_in_time")}
    assert spread["farthest_point"] > 0.8 * np.ptp(energies[::2]) > spread["uniform_in_time"] - 0.05
    with pytest.raises(UserError, match="belong to clusters"):
        choose("rmsd_hdbscan", 45)
