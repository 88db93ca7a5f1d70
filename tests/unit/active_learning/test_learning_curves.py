"""Learning curves: groups of frames, divisions, means, paired comparisons and frames saved."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from gapglass.active_learning import learning_curves
from gapglass.base.errors import UserError


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


def test_labelled_frames_alone_take_part(caplog):
    caplog.set_level("INFO", logger="gapglass")
    frames = sorted(frame for run in RUN for frame in run["frames"])
    table = pd.DataFrame({"frame": frames, "labelled": True})
    assert learning_curves.labelled_frames(table) == set(frames) and not caplog.records
    some = learning_curves.labelled_frames(table.assign(labelled=[frame % 2 == 0 for frame in frames]))
    assert some == {frame for frame in frames if frame % 2 == 0}
    assert f"{len(some)} labelled frames, of {len(frames)}" in caplog.text
    whole, part = (learning_curves.divide(RUN, 0.25, 3, 1, labelled) for labelled in (None, some))
    for name in ("pool", "holdout"):
        assert part[name] == [frame for frame in whole[name] if frame % 2 == 0] and part[name]
    with pytest.raises(UserError, match="leaves no labelled frame to test on"):
        learning_curves.refuse_sizes(RUN, 0.25, 3, 3, [1], set(whole["pool"][:1]))
    with pytest.raises(UserError, match="need labelled frames"):
        learning_curves.labelled_frames(table.assign(labelled=False))


def test_groups_by_temperature_and_role(table):
    groups = learning_curves.group_of(table)
    assert (
        groups[:60].tolist() == ["glass"] * 60
        and groups[60:90].tolist() == ["liquid"] * 30
        and groups[90:].tolist() == ["extra"] * 30
    )
    assert (learning_curves.group_of(table, 600.0)[30:60] == "liquid").all()
    assert set(learning_curves.group_of(table[:30])) == {"glass"}


def results(strategy, errors, force=0.2, size=10, prior="none"):
    return pd.DataFrame(
        [
            {
                "strategy": strategy,
                "sparse_from": "pool",
                "prior": prior,
                "n_train": size,
                "draw": n,
                "group": "all",
                "labels_read": size,
                "rmse_energy_mev_per_atom": e,
                "rmse_force_ev_per_angstrom": force,
            }
            for n, e in enumerate(errors, 1)
        ]
    )


def test_means_error_bars_and_paired_comparisons_by_hand():
    found = learning_curves.collect(
        [
            results("clusters", [4.0, 5.0, 6.0]),
            results("random", [8.0, 10.0, 12.5]),
            results("farthest_point", [9.0, 9.0, 12.0]),
        ]
    )
    summary = learning_curves.summarise(found).set_index("strategy").loc["clusters"]
    assert summary["rmse_energy_mev_per_atom"] == 5.0 and summary["n_draws"] == 3 and summary["labels_read"] == 10
    assert summary["rmse_energy_mev_per_atom_error"] == pytest.approx(1 / np.sqrt(3))
    comparison = learning_curves.compare(found)
    rows = comparison.set_index(["strategy", "quantity"])
    energy = rows.loc[("clusters", "rmse_energy_mev_per_atom")]
    logs = np.log([4.0 / 8, 5.0 / 10, 6.0 / 12.5])
    assert energy["verdict"] == "better" and energy["difference_percent"] == pytest.approx(
        100 * (np.exp(logs.mean()) - 1)
    )
    assert energy["p_value"] == pytest.approx(ttest_rel(np.log([4, 5, 6]), np.log([8, 10, 12.5])).pvalue)
    assert rows.loc[("clusters", "rmse_force_ev_per_angstrom"), "verdict"] == "undecided"
    lines = learning_curves.verdict(comparison)
    assert "energy, clusters against random: better with 10 frames" in lines
    assert "energy, farthest point against random: no difference seen with 10 frames" in lines


def test_a_guide_as_prior_is_compared_with_random_frames_without_it():
    parts = [results("random", [16 / size**0.5] * 3, size=size) for size in (4, 16, 64)]
    parts += [results("random", [8.0, 8.1, 7.9], size=4, prior="guide"), results("residual", [4.0] * 3, size=4)]
    parts += [results(learning_curves.WHOLE_POOL, [error] * 3, size=256, prior=prior)
              for prior, error in (("none", 1.0), ("guide", 0.1))]  # fmt: skip
    found = learning_curves.collect(parts)
    summary = learning_curves.summarise(found).set_index(["strategy", "prior", "n_train"])
    assert summary.loc[("random", "none", 4), "rmse_energy_mev_per_atom"] == pytest.approx(8.0)
    assert summary.loc[("random", "guide", 4), "n_draws"] == 3
    plain = learning_curves.selected(learning_curves.summarise(found))
    assert set(plain["prior"]) == {"none"} and len(plain) == 5
    old = plain.drop(columns="prior")
    assert len(learning_curves.selected(old)) == 5 and learning_curves.selected(old, prior="guide").empty
    comparison = learning_curves.compare(found)
    of = comparison[comparison["quantity"] == "rmse_energy_mev_per_atom"].set_index(["strategy", "prior", "n_train"])
    assert set(of.index) == {("random", "guide", 4), ("residual", "none", 4)}
    assert of.loc[("random", "guide", 4), "difference_percent"] == pytest.approx(0, abs=0.1)
    # Verdicts are sentences on the plain curves; the whole pool with a guide is no end of the baseline's curve.
    assert learning_curves.verdict(comparison)[0].startswith("energy, residual against random")
    saved = learning_curves.savings(found, seed=1).set_index(["strategy", "prior", "quantity"])
    assert saved.loc[("random", "guide", "rmse_energy_mev_per_atom"), "ratio"] == pytest.approx(1.0, abs=0.05)
    assert saved.loc[("residual", "none", "rmse_energy_mev_per_atom"), "ratio"] == pytest.approx(4.0)
    with pytest.raises(UserError, match="no frame has guide_energy and guide_forces"):
        learning_curves.refuse_no_guide(0)
    learning_curves.refuse_no_guide(3)


def test_calibration_is_a_mean_over_the_draws():
    of = {"strategy": "residual", "n_train": 8, "quantity": "energy", "scaled": True}
    tables = [
        pd.DataFrame([{**of, "draw": n, "inside_1_sigma": s, "inside_2_sigma": 1.0, "mean_sigma": 3.0, "scale": 2.0}])
        for n, s in ((1, 0.6), (2, 0.7))
    ]
    row = learning_curves.calibration([*tables, tables[0][:0]]).iloc[0]
    assert row["inside_1_sigma"] == pytest.approx(0.65) and row["inside_1_sigma_error"] == pytest.approx(0.05)
    assert row["n_draws"] == 2 and row["scaled"] and row["mean_sigma"] == 3.0
    assert list(learning_curves.calibration([tables[0][:0]])) == list(row.index)


def test_one_draw_decides_nothing():
    found = learning_curves.collect([results("clusters", [4.0]), results("random", [9.0, 9.1])])
    assert set(learning_curves.compare(found)["verdict"]) == {"undecided"}


def test_equal_strategies_are_seldom_distinguished(rng):
    verdicts = []
    for _ in range(300):
        shared = rng.normal(5, 0.5, 6)  # of the division, the same for both
        found = learning_curves.collect(
            [results(name, shared + rng.normal(0, 0.2, 6)) for name in ("clusters", "random")]
        )
        verdicts.append(learning_curves.compare(found)["verdict"].iloc[0])
    assert 0.01 < np.mean(np.array(verdicts) != "undecided") < 0.1


def test_frames_that_random_needs_for_the_same_error():
    parts = [results("random", [16 / size**0.5] * 3, size=size) for size in (4, 16, 64)]
    parts += [results(learning_curves.WHOLE_POOL, [1.0] * 3, size=256)]
    parts += [results("residual", [4.0] * 3, size=4), results("residual", [0.5] * 3, size=64)]
    parts += [results("variance", [16.0] * 3, size=4)]
    found = learning_curves.savings(learning_curves.collect(parts), seed=1)
    energy = found[found["quantity"] == "rmse_energy_mev_per_atom"].set_index(["strategy", "n_train"])
    assert energy.loc[("residual", 4), "ratio"] == pytest.approx(4.0)  # random needs 16
    # The pool of 256 frames does not reach 0.5.
    assert energy.loc[("residual", 64), "ratio"] == pytest.approx(4.0)
    assert energy.loc[("residual", 64), "bound"] == ">" and energy.loc[("variance", 4), "bound"] == "<"
    assert (
        energy["ratio_low"].le(energy["ratio"] + 1e-9).all() and energy["ratio_high"].ge(energy["ratio"] - 1e-9).all()
    )


RUN = [{"frames": list(range(20)), "edges": [0, 5, 10, 15, 20], "guard": 1}]


def test_divisions_that_cannot_be_made_are_refused():
    learning_curves.refuse_sizes(RUN, 0.25, 1, 3, [4, 12])
    with pytest.raises(UserError, match=r"sizes holds 15; division 0 leaves 1[34] frames"):
        learning_curves.refuse_sizes(RUN, 0.25, 1, 3, [4, 15])
    with pytest.raises(UserError, match="no run has two of them"):
        learning_curves.refuse_sizes([{"frames": [0], "edges": [0, 1], "guard": 0}], 0.25, 1, 3, [1])
