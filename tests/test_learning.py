"""Learning curves: the hold-out, the choices, means and verdicts, and the errors of several potentials side by side."""

import numpy as np
import pandas as pd
import pytest
from gapglass import evaluation, learning
from gapglass.config import load_schema
from gapglass.errors import UserError

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
        return learning.choose(
            strategy, list(pool), size, seed, labels=labels, energies=table["energy_ev_per_atom"].to_numpy(), distances=distances
        )

    return chosen


def test_holdout_takes_its_share_of_every_plateau(table):
    sets = learning.set_aside(table, 0.2, seed=3)
    assert not set(sets["pool"]) & set(sets["holdout"]) and len(sets["pool"]) + len(sets["holdout"]) == 120
    held = table.iloc[sets["holdout"]]
    assert held.groupby(["trajectory", "temperature_k"]).size().tolist() == [6, 6, 6, 6]
    assert sets == learning.set_aside(table, 0.2, seed=3) != learning.set_aside(table, 0.2, seed=4)
    with pytest.raises(UserError, match="holdout_fraction"):
        learning.set_aside(table, 0.001, seed=3)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_takes_so_many_frames_from_the_pool_alone(choose, strategy):
    for size in (4, 20):
        frames = choose(strategy, size)
        assert len(set(frames)) == len(frames) == size and not any(frame % 2 for frame in frames)
    assert choose(strategy) == choose(strategy)
    varied = len({tuple(choose(strategy, seed=seed)) for seed in range(6)}) > 1
    assert varied == (strategy != "clusters_medoids")
    with pytest.raises(UserError, match=r"learning_curves\.sizes holds 61"):
        choose(strategy, 61)


def test_strategies_differ_as_their_definitions_say(choose, table):
    clusters = np.repeat([0, 1, 2, 3], 30)
    assert np.bincount(clusters[choose("clusters")], minlength=4).tolist() == [5, 5, 5, 5]
    random = [np.bincount(clusters[choose("random", seed=seed)], minlength=4).tolist() for seed in range(5)]
    assert any(counts != [5, 5, 5, 5] for counts in random)
    steps = np.diff(choose("uniform_in_time"))
    assert set(steps) == {6}
    assert not any(frame % 5 == 0 for frame in choose("rmsd_hdbscan"))
    energies = table["energy_ev_per_atom"].to_numpy()
    spread = {name: np.ptp(energies[choose(name, 4)]) for name in ("farthest_point", "uniform_in_time")}
    assert spread["farthest_point"] > 0.9 * np.ptp(energies[::2]) > spread["uniform_in_time"] - 0.05


def test_groups_by_temperature_and_role(table):
    groups = learning.group_of(table)
    assert groups[:60].tolist() == ["glass"] * 60 and groups[60:90].tolist() == ["liquid"] * 30 and groups[90:].tolist() == ["extra"] * 30
    assert (learning.group_of(table, 600.0)[30:60] == "liquid").all()


def results(strategy, errors, force=0.2, size=10):
    return [
        {
            "strategy": strategy,
            "n_train": size,
            "draw": n,
            "group": "all",
            "rmse_energy_mev_per_atom": e,
            "rmse_force_ev_per_angstrom": force,
        }
        for n, e in enumerate(errors)
    ]


def test_means_error_bars_and_verdicts_by_hand():
    rows = results("clusters", [4.0, 5.0, 6.0]) + results("random", [7.0, 8.0, 9.0]) + results("farthest_point", [5.0, 5.2, 5.4])
    summary = learning.summarise(pd.DataFrame(rows))
    clusters = summary.set_index("strategy").loc["clusters"]
    assert clusters["rmse_energy_mev_per_atom"] == 5.0 and clusters["n_draws"] == 3
    assert clusters["rmse_energy_mev_per_atom_error"] == pytest.approx(1 / np.sqrt(3))
    found = learning.compare(summary).set_index(["strategy", "quantity"])
    assert found.loc[("clusters", "rmse_energy_mev_per_atom"), "verdict"] == "better"
    assert found.loc[("clusters", "rmse_energy_mev_per_atom"), "difference_error"] == pytest.approx(np.sqrt(2 / 3))
    assert found.loc[("clusters", "rmse_force_ev_per_angstrom"), "verdict"] == "equal"
    lines = learning.verdict(summary)
    assert "energy, cluster sampling against random: better than it with 10 frames" in lines
    assert "energy, cluster sampling against farthest point: as good as it with 10 frames" in lines
    worse = learning.verdict(learning.summarise(pd.DataFrame(results("clusters", [9.0, 9.1]) + results("random", [4.0, 4.1]))))
    assert worse[0] == "energy, cluster sampling against random: worse than it with 10 frames"


def test_failed_fits_leave_no_row_and_all_failed_is_an_error():
    good = {"strategy": "random", "n_train": 5, "draw": 1, "errors": {"all": {"rmse_energy_mev_per_atom": 1.0}}, "reason": ""}
    failed = {"strategy": "clusters", "n_train": 5, "draw": 1, "errors": {}, "reason": "no memory"}
    assert learning.table([failed, good])["strategy"].tolist() == ["random"]
    with pytest.raises(UserError, match="no memory"):
        learning.table([failed])


def test_potentials_are_compared_where_no_loop_has_been():
    def predictions(sets, error):
        reference = np.zeros(4)
        temperature = [300.0, 300.0, 600.0, 600.0]
        return pd.DataFrame(
            {"set": sets, "temperature_k": temperature, "energy_reference_ev_per_atom": reference, "energy_gap_ev_per_atom": error}
        )

    tables = {
        "optimal": predictions(["train", "holdout", "holdout", "holdout"], [9.0, 0.001, 0.002, 9.0]),
        "soap_only": predictions(["holdout", "holdout", "holdout", "test"], [9.0, 0.003, 0.004, 9.0]),
        "all_frames": predictions(["train"] * 4, [9.0, 0.0, 0.0, 9.0]),
    }
    arrays = {"frame": np.repeat(range(4), 2), "reference": np.zeros((8, 3)), "gap": np.full((8, 3), 0.1)}
    found = evaluation.compare(tables, dict.fromkeys(tables, arrays))
    whole = found[found["temperature_k"].isna()].set_index("potential")
    assert whole["n_frames"].tolist() == [2, 2, 2]
    assert whole.loc["optimal", "rmse_energy_mev_per_atom"] == pytest.approx(np.sqrt((1 + 4) / 2))
    assert whole.loc["soap_only", "rmse_energy_mev_per_atom"] == pytest.approx(np.sqrt((9 + 16) / 2))
    assert whole["trained_on_them"].to_dict() == {"optimal": False, "soap_only": False, "all_frames": True}
    assert whole["rmse_force_ev_per_angstrom"].tolist() == pytest.approx([0.1] * 3)
    used = {"optimal": tables["optimal"].assign(set="train"), "soap_only": tables["soap_only"]}
    assert evaluation.compare(used, dict.fromkeys(used, arrays)).empty
