"""Learning curves: the hold-out, the choices, means and verdicts, and the errors of several potentials side by side."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

from gapglass.active_learning import learning_curves
from gapglass.base.errors import UserError
from gapglass.potential import evaluation
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
def test_every_strategy_takes_so_many_frames_from_the_pool_alone(choose, strategy):
    for size in (4, 20):
        frames = choose(strategy, size)
        assert len(set(frames)) == len(frames) == size and not any(frame % 2 for frame in frames)
    assert choose(strategy) == choose(strategy)
    assert len({tuple(choose(strategy, seed=seed)) for seed in range(6)}) > 1


def test_strategies_differ_as_their_definitions_say(choose, table):
    clusters = np.repeat([0, 1, 2, 3], 30)
    counts = np.array([np.bincount(clusters[choose("clusters", seed=seed)], minlength=4) for seed in range(5)])
    # the draw's part of the pool holds a few more of one cluster than of another; the share follows it
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


def test_groups_by_temperature_and_role(table):
    groups = learning_curves.group_of(table)
    assert (
        groups[:60].tolist() == ["glass"] * 60
        and groups[60:90].tolist() == ["liquid"] * 30
        and groups[90:].tolist() == ["extra"] * 30
    )
    assert (learning_curves.group_of(table, 600.0)[30:60] == "liquid").all()
    assert set(learning_curves.group_of(table[:30])) == {"glass"}


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
    rows = (
        results("clusters", [4.0, 5.0, 6.0])
        + results("random", [9.0, 10.0, 11.0])
        + results("farthest_point", [5.0, 5.2, 5.4])
    )
    summary = learning_curves.summarise(pd.DataFrame(rows))
    clusters = summary.set_index("strategy").loc["clusters"]
    assert clusters["rmse_energy_mev_per_atom"] == 5.0 and clusters["n_draws"] == 3
    assert clusters["rmse_energy_mev_per_atom_error"] == pytest.approx(1 / np.sqrt(3))
    found = learning_curves.compare(summary).set_index(["strategy", "quantity"])
    energy = found.loc[("clusters", "rmse_energy_mev_per_atom")]
    assert energy["verdict"] == "better" and energy["difference_error"] == pytest.approx(np.sqrt(2 / 3))
    assert energy["p_value"] == pytest.approx(ttest_ind([4, 5, 6], [9, 10, 11], equal_var=False).pvalue)
    assert found.loc[("clusters", "rmse_force_ev_per_angstrom"), "verdict"] == "undecided"
    lines = learning_curves.verdict(summary)
    assert "energy, cluster sampling against random: better with 10 frames" in lines
    assert "energy, cluster sampling against farthest point: no difference seen with 10 frames" in lines
    worse = learning_curves.verdict(
        learning_curves.summarise(pd.DataFrame(results("clusters", [9.0, 9.1]) + results("random", [4.0, 4.1])))
    )
    assert worse[0] == "energy, cluster sampling against random: worse with 10 frames"


def test_one_draw_decides_nothing():
    summary = learning_curves.summarise(pd.DataFrame(results("clusters", [4.0]) + results("random", [9.0, 9.1])))
    assert set(learning_curves.compare(summary)["verdict"]) == {"undecided"}


def test_equal_strategies_are_seldom_told_apart(rng):
    verdicts = []
    for _ in range(300):
        rows = results("clusters", rng.normal(5, 0.3, 5)) + results("random", rng.normal(5, 0.3, 5))
        verdicts.append(learning_curves.compare(learning_curves.summarise(pd.DataFrame(rows)))["verdict"].iloc[0])
    assert 0.005 < np.mean(np.array(verdicts) != "undecided") < 0.1


def test_errors_of_groups_follow_from_those_of_the_frames(blyp_frames, rng):
    frames = [blyp_frames[0].copy(), blyp_frames[1].copy(), blyp_frames[2].copy()[:24]]
    for frame in frames:
        frame.info["REF_energy"], frame.arrays["REF_forces"] = -1.0 * len(frame), rng.normal(size=(len(frame), 3))
    energies = np.add([frame.info["REF_energy"] for frame in frames], [0.48, -0.96, 0.24])
    forces = [frame.arrays["REF_forces"] + rng.normal(0, 0.2, (len(frame), 3)) for frame in frames]
    point = {
        "strategy": "random",
        "n_train": 5,
        "draw": 1,
        "status": "ok",
        "reason": "",
        **evaluation.frame_errors(frames, energies, forces),
    }
    failed = {"strategy": "clusters", "n_train": 5, "draw": 1, "status": "failed", "reason": "no memory"}
    found = learning_curves.table(
        [failed, point], np.array(["glass", "liquid", "liquid"]), np.array([48, 48, 24])
    ).set_index("group")
    assert set(found["strategy"]) == {"random"}
    assert found.loc["glass", "rmse_energy_mev_per_atom"] == pytest.approx(10.0)
    for group, chosen in (("all", slice(None)), ("liquid", slice(1, None))):
        expected = evaluation.errors(frames[chosen], energies[chosen], forces[chosen])
        for name, value in expected.items():
            assert found.loc[group, name] == pytest.approx(value)
    with pytest.raises(UserError, match="no memory"):
        learning_curves.table([failed], np.array(["glass"]), np.array([48]))


def test_potentials_are_compared_where_no_loop_has_been():
    def predictions(sets, error):
        reference = np.zeros(4)
        temperature = [300.0, 300.0, 600.0, 600.0]
        return pd.DataFrame(
            {
                "set": sets,
                "temperature_k": temperature,
                "energy_reference_ev_per_atom": reference,
                "energy_gap_ev_per_atom": error,
            }
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
