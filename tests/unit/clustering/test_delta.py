"""The choice of delta."""

import pandas as pd

from gapglass.clustering.delta import choose_delta, compare_deltas


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
