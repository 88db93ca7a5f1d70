"""Learning curves: groups of frames, divisions, means, paired comparisons, frames saved, and a curve of real fits."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import small_fits
from scipy.stats import ttest_rel

from gapglass.active_learning import learning_curves
from gapglass.base.errors import UserError
from gapglass.potential import basis, engine, evaluation


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
    return pd.DataFrame(
        [
            {
                "strategy": strategy,
                "sparse_from": "pool",
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


@pytest.mark.xdist_group("engine")
def test_points_are_the_errors_of_fits_on_the_frames_chosen(tmp_path):
    frames = small_fits.frames(20)
    settings = SimpleNamespace(
        species=small_fits.SPECIES, descriptor="soap_turbo", virials=True, known={}, seed=3,
        sparse_from=["pool", "training"], objective_weights={"energy": 1.0, "force": 1.0},
        strategies=["residual", "random", "rmsd_hdbscan"],
    )  # fmt: skip
    division = learning_curves.divide(RUN, 0.25, 3, 1)
    used = {i: frames[i] for i in (*division["pool"], *division["holdout"])}
    labels = {"rmsd": np.full(20, -1)}
    groups = np.array(["liquid"] * 10 + ["glass"] * 10)
    found = learning_curves.points(
        used, division, 20, small_fits.HYPERPARAMETERS, settings, sizes=[8, 4], given={"clusters": labels},
        groups=groups, draw=1,
    )  # fmt: skip
    # A strategy that cannot choose is left out.
    assert set(found["strategy"]) == {"residual", "random", learning_curves.WHOLE_POOL}
    whole = found[(found["strategy"] == learning_curves.WHOLE_POOL) & (found["group"] == "all")].iloc[0]
    terms = basis.choose(
        [frames[i] for i in division["pool"]], small_fits.HYPERPARAMETERS, small_fits.SPECIES, "soap_turbo", tmp_path
    )
    rows = small_fits.rows_of([frames[i] for i in division["pool"]], terms, tmp_path)
    path = small_fits.write(tmp_path / "gap.xml", rows, terms)
    test = [frames[i] for i in division["holdout"]]
    expected = evaluation.errors(test, *engine.predict(path, test))
    for name, value in expected.items():
        assert whole[name] == pytest.approx(value, rel=1e-4)
    again = learning_curves.points(
        used, division, 20, small_fits.HYPERPARAMETERS, settings, sizes=[4, 8], given={"clusters": labels},
        groups=groups, draw=1,
    )  # fmt: skip
    pd.testing.assert_frame_equal(found, again)


@pytest.mark.xdist_group("engine")
def test_hyperparameters_are_tuned_on_a_division_of_their_own():
    frames = small_fits.frames(20)
    division = learning_curves.divide(RUN, 0.25, 3, learning_curves.TUNING)
    settings = SimpleNamespace(
        species=small_fits.SPECIES, descriptor="soap_turbo", virials=True, known={},
        objective_weights={"energy": 1.0, "force": 1.0},
    )  # fmt: skip
    ranges = small_fits.HYPERPARAMETERS | {"sigma_force": {"low": 0.01, "high": 1.0, "scale": "log"}}
    pool = {i: frames[i] for i in division["pool"]}
    found = learning_curves.tuned(pool, division["blocks"], 8, small_fits.GEOMETRY, ranges, settings, seed=3)
    assert set(found) == {*small_fits.HYPERPARAMETERS} and 0.01 < found["sigma_force"] <= 1.0
    assert {name: found[name] for name in small_fits.GEOMETRY} == small_fits.GEOMETRY
    with pytest.raises(UserError, match="two blocks of time"):
        learning_curves.tuned(pool, division["blocks"], 1, small_fits.GEOMETRY, ranges, settings, seed=3)
