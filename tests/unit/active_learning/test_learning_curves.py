"""Learning curves: groups of frames, means, verdicts, and the errors of groups."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

from gapglass.active_learning import learning_curves
from gapglass.base.errors import UserError
from gapglass.potential import evaluation


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


def test_equal_strategies_are_seldom_distinguished(rng):
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
