"""The choice of delta."""

import numpy as np
import pandas as pd
import pytest

from gapglass.clustering.delta import GROUPS, choose_delta, compare_deltas, differences, groups_in_time
from gapglass.clustering.scan import energy_spread


def test_choice_of_delta_is_interior():
    table = pd.DataFrame(
        {"delta": [0, 0.3, 0.6, 0.9, 1.0], "mean_sigma_energy_mev_per_atom": [1.0, 9.0, 5.0, 5.0, 2.0]}
    )
    assert choose_delta(table)["delta"] == 0.6


def test_choice_of_delta_from_the_inside_or_all_by_mean_or_weighted_spread():
    table = pd.DataFrame(
        {
            "delta": [0.0, 0.3, 0.6, 1.0],
            "mean_sigma_energy_mev_per_atom": [5.0, 9.0, 8.0, 4.0],
            "weighted_sigma_energy_mev_per_atom": [3.0, 7.0, 8.0, 6.0],
        }
    )
    chosen = {
        (where, by): choose_delta(table, where, by)["delta"]
        for where in ("interior", "all")
        for by in ("mean", "weighted")
    }
    assert chosen == {
        ("interior", "mean"): 0.6,
        ("interior", "weighted"): 0.3,
        ("all", "mean"): 1.0,
        ("all", "weighted"): 0.0,
    }


def test_without_energies_both_kernels_count_alike():
    table = pd.DataFrame({"delta": [0.0, 0.1, 0.4, 0.9, 1.0], "mean_sigma_energy_mev_per_atom": [None] * 5})
    assert choose_delta(table)["delta"] == 0.4
    assert choose_delta(table.iloc[[0, 4]], "all")["delta"] == 0.0


def test_table_of_all_deltas_keeps_the_order_of_the_summaries():
    spread = {
        "mean_sigma_energy_mev_per_atom": 2.0,
        "weighted_sigma_energy_mev_per_atom": 3.0,
        "n_singletons": 1,
        "coulomb_share": 0.5,
    }
    summaries = [
        {"seed": 7, "delta": delta, "n_clusters": 4, "converged": True, "solver": "dense", **spread}
        for delta in (0.6, 0.3)
    ]
    table = compare_deltas(summaries)
    assert table["delta"].tolist() == [0.6, 0.3] and table.columns.tolist() == [
        "delta", "n_clusters", "mean_sigma_energy_mev_per_atom", "weighted_sigma_energy_mev_per_atom", "n_singletons",
        "coulomb_share", "converged",
    ]  # fmt: skip
    assert choose_delta(table).name == 1


def test_groups_are_stretches_of_every_plateau():
    table = pd.DataFrame(
        {
            "frame": range(50),
            "trajectory": ["melt"] * 40 + ["crystal"] * 10,
            "temperature_k": [2000.0] * 40 + [None] * 10,
        }
    )
    groups = groups_in_time(table)
    assert groups[:40].tolist() == np.repeat(range(20), 2).tolist()
    assert groups[40:].tolist() == list(range(0, 20, 2))


def test_error_of_a_difference_between_deltas_is_that_of_repeated_samples():
    """Two clusters against four of the same frames: the scatter of the difference over many samples is the answer."""
    rng = np.random.default_rng(1)

    def sample():
        energies = rng.normal(size=400) + np.repeat([0.0, 0.2, 2.0, 2.2], 100)
        labels = [np.repeat([0, 1], 200), np.repeat([0, 1, 2, 3], 100)]
        groups = np.tile(np.repeat(range(GROUPS), 5), 4)
        return differences(labels, energies, groups, chosen=1)

    samples = [sample() for _ in range(200)]
    found = np.array([of["difference_mev_per_atom"][0] for of in samples])
    errors = np.array([of["difference_error_mev_per_atom"][0] for of in samples])
    assert np.sqrt((errors**2).mean()) == pytest.approx(found.std(), rel=0.2)
    assert samples[0].iloc[1].tolist() == [0.0, 0.0]


def test_difference_is_that_of_the_spreads_and_follows_the_weighting():
    rng = np.random.default_rng(2)
    energies, labels = rng.normal(size=60), [np.repeat([0, 1], 30), np.repeat([0, 1], [50, 10])]
    for by in ("mean", "weighted"):
        name = f"{by}_sigma_energy_mev_per_atom"
        spread = [energy_spread(of, energies)[name] for of in labels]
        found = differences(labels, energies, np.arange(60) % GROUPS, 0, by)
        assert found["difference_mev_per_atom"].tolist() == pytest.approx([0, spread[1] - spread[0]])


def test_without_energies_there_is_no_difference():
    found = differences([np.repeat([0, 1], 10)] * 2, np.full(20, np.nan), np.arange(20), 0)
    assert found.isna().all(axis=None)
