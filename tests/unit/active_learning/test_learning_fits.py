"""Fits of learning curves: errors on the hold-out, a guide as prior and as chooser, and predicted deviations."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import small_fits

from gapglass.active_learning import guide, learning_curves, learning_fits
from gapglass.base.errors import UserError
from gapglass.potential import basis, engine, engine_fit, evaluation

pytestmark = pytest.mark.xdist_group("engine")

RUN = [{"frames": list(range(20)), "edges": [0, 5, 10, 15, 20], "guard": 1}]
GROUPS = np.array(["liquid"] * 10 + ["glass"] * 10)
H = small_fits.HYPERPARAMETERS
ERRORS = list(learning_curves.QUANTITIES)


def settings(strategies, sparse_from=("pool",), priors=("none",)):
    return SimpleNamespace(
        species=small_fits.SPECIES, descriptor="soap_turbo", virials=True, known={}, seed=3, priors=list(priors),
        sparse_from=list(sparse_from), objective_weights={"energy": 1.0, "force": 1.0}, strategies=strategies,
    )  # fmt: skip


@pytest.fixture(scope="module")
def division():
    return learning_curves.divide(RUN, 0.25, 3, 1)


def run(frames, division, of, sizes=(4, 8), hyperparameters=H):
    used = {i: frames[i] for i in (*division["pool"], *division["holdout"])}
    given = {"clusters": {"rmsd": np.full(20, -1)}}
    return learning_fits.points(
        used, division, 20, hyperparameters, of, sizes=list(sizes), given=given, groups=GROUPS, draw=1
    )


def with_guide(frames, factor=1.0, shift=3.0):
    """Return frames whose guide is the labels divided by a factor, energies shifted per atom."""
    for frame in frames:
        frame.info["guide_energy"] = frame.info["REF_energy"] / factor + shift * len(frame)
        frame.arrays["guide_forces"] = frame.arrays["REF_forces"] / factor
    return frames


def drawn(division, folder):
    """Return terms with sparse points of the pool, and frames with the labels of weights drawn from the prior."""
    random, frames = np.random.default_rng(8), small_fits.frames(20)
    terms = basis.choose([frames[i] for i in division["pool"]], H, small_fits.SPECIES, "soap_turbo", folder)
    rows = small_fits.rows_of(frames, terms, folder)
    _, _, prior = engine_fit.solution(rows, terms, H, rows.e0(rows.classes))
    alpha = np.linalg.solve(np.linalg.cholesky(prior).T, random.normal(size=rows.columns))
    engine_fit.write(folder / "true.xml", terms, alpha, H, [-5.0, -7.0], small_fits.SPECIES, "soap_turbo")
    for frame, energy, forces in zip(frames, *engine.predict(folder / "true.xml", frames), strict=True):
        frame.info.pop("REF_virial", None)
        frame.info["REF_energy"], frame.arrays["REF_forces"] = energy, forces.copy()
    return terms, frames


def test_points_are_the_errors_of_fits_on_the_frames_chosen(division, tmp_path):
    frames = small_fits.frames(20)
    of = settings(["residual", "random", "rmsd_hdbscan"], ["pool", "training"])
    found, _ = run(frames, division, of, [8, 4])
    # A strategy that cannot choose is left out.
    assert set(found["strategy"]) == {"residual", "random", learning_curves.WHOLE_POOL}
    assert set(found["prior"]) == {"none"}
    whole = found[(found["strategy"] == learning_curves.WHOLE_POOL) & (found["group"] == "all")].iloc[0]
    terms = basis.choose([frames[i] for i in division["pool"]], H, small_fits.SPECIES, "soap_turbo", tmp_path)
    rows = small_fits.rows_of([frames[i] for i in division["pool"]], terms, tmp_path)
    path = small_fits.write(tmp_path / "gap.xml", rows, terms)
    test = [frames[i] for i in division["holdout"]]
    expected = evaluation.errors(test, *engine.predict(path, test))
    for name, value in expected.items():
        assert whole[name] == pytest.approx(value, rel=1e-4)
    again, _ = run(frames, division, of, [4, 8])
    pd.testing.assert_frame_equal(found, again)


def test_hyperparameters_are_tuned_on_a_division_of_their_own():
    frames = small_fits.frames(20)
    division = learning_curves.divide(RUN, 0.25, 3, learning_curves.TUNING)
    ranges = H | {"sigma_force": {"low": 0.01, "high": 1.0, "scale": "log"}}
    pool, of = {i: frames[i] for i in division["pool"]}, settings([])
    found = learning_fits.tuned(pool, division["blocks"], 8, small_fits.GEOMETRY, ranges, of, seed=3)
    assert set(found) == {*H} and 0.01 < found["sigma_force"] <= 1.0
    assert {name: found[name] for name in small_fits.GEOMETRY} == small_fits.GEOMETRY
    with pytest.raises(UserError, match="two blocks of time"):
        learning_fits.tuned(pool, division["blocks"], 1, small_fits.GEOMETRY, ranges, of, seed=3)


def test_a_guide_that_knows_the_labels_lowers_the_errors_of_one_label(division):
    """Exact recovery is in test_frame_equations; here the error of the small model remains."""
    frames, wide = with_guide(small_fits.frames(20)), H | {"sigma_energy": 0.02, "sigma_force": 0.5}
    found, _ = run(frames, division, settings(["random"], priors=["guide"]), [1], wide | {"guide": wide})
    found = found[found["group"] == "all"].set_index(["strategy", "prior"])[ERRORS]
    whole, more = (found.loc[(learning_curves.WHOLE_POOL, prior)] for prior in ("none", "guide"))
    one, plain = (found.loc[("random", prior)] for prior in ("guide", "none"))
    assert (one < 0.9 * plain).all() and (more < 1.05 * whole).all()


def test_a_fit_with_the_prior_is_that_of_the_engine(division, tmp_path):
    """The fit from normal equations against the QR of a potential that is delivered."""
    frames, pool = with_guide(small_fits.frames(20), 1.25), division["pool"]
    found, _ = run(frames, division, settings(["random"], priors=["none", "guide"]), [4], H | {"guide": H})
    terms = basis.choose([frames[i] for i in pool], H, small_fits.SPECIES, "soap_turbo", tmp_path)
    of_guide = small_fits.rows_of(guide.as_labels([frames[i] for i in pool]), terms, tmp_path, virials=False)
    h = {name: H[name] for name in ("sigma_energy", "sigma_force", "sigma_virial", "delta", "two_body_delta")}
    alpha, _, _ = engine_fit.solution(of_guide, terms, H, of_guide.e0(of_guide.classes))
    weights = alpha * basis.by_column(terms, basis.deltas(terms, h) ** 2)
    rows = small_fits.rows_of([frames[i] for i in pool], terms, tmp_path)
    e0 = rows.e0(rows.classes, None, weights)
    alpha, _, _ = engine_fit.solution(rows, terms, H, e0, weights)
    engine_fit.write(tmp_path / "gap.xml", terms, alpha, H, e0, small_fits.SPECIES, "soap_turbo")
    test = [frames[i] for i in division["holdout"]]
    expected = evaluation.errors(test, *engine.predict(tmp_path / "gap.xml", test))
    whole = found[(found["strategy"] == learning_curves.WHOLE_POOL) & (found["group"] == "all")].set_index("prior")
    assert whole.loc["guide", ERRORS].to_dict() == pytest.approx(expected, rel=1e-3)
    assert np.abs(whole.loc["none", ERRORS[0]] / expected[ERRORS[0]] - 1) > 1e-3


def test_a_guide_never_knows_hold_out_and_guards(division):
    of = settings(["residual_guide", "random"], priors=["none", "guide"])
    frames = with_guide(small_fits.frames(20), 1.25)
    before, calibration = run(frames, division, of, hyperparameters=H | {"guide": H})
    for i in {*range(20)} - {*division["pool"]}:
        frames[i].info["guide_energy"] += 50.0
        frames[i].arrays["guide_forces"] *= -7.0
    after, same = run(frames, division, of, hyperparameters=H | {"guide": H})
    pd.testing.assert_frame_equal(before, after)
    pd.testing.assert_frame_equal(calibration, same)
    for i in {*range(20)} - {*division["pool"]}:
        del frames[i].info["guide_energy"]  # frames of the hold-out need no guide
    without, _ = run(frames, division, of, hyperparameters=H | {"guide": H})
    pd.testing.assert_frame_equal(before, without)


def test_choice_by_a_guide_reads_no_label_and_takes_frames_with_a_guide(division):
    """With the labels as guide the choice is that by residuals; no label is read, frames without a guide are out."""
    frames = with_guide(small_fits.frames(20), shift=0.0)
    for frame in frames:
        frame.info.pop("REF_virial")  # which the guide does not have
    of, h = settings(["residual", "residual_guide"]), H | {"guide": H}
    found, _ = run(frames, division, of, hyperparameters=h)
    of_choice = found.set_index("strategy")[[*ERRORS, "n_train", "group"]]
    pd.testing.assert_frame_equal(
        of_choice.loc["residual"].reset_index(drop=True), of_choice.loc["residual_guide"].reset_index(drop=True)
    )
    read = found.groupby("strategy")["labels_read"].max()
    assert read["residual_guide"] == 8 and read["residual"] == len(division["pool"])
    with_one_less = [i for i in division["pool"] if i != division["pool"][0]]
    del frames[division["pool"][0]].info["guide_energy"]
    largest, _ = run(frames, division, of, [len(division["pool"])], hyperparameters=h)
    assert largest.loc[largest["strategy"] == "residual_guide", "n_train"].max() == len(with_one_less)


def test_deviations_are_right_where_labels_come_from_the_prior(division, tmp_path):
    """Weights drawn from the prior and labels with noise: the shares are those of a normal distribution, unscaled."""
    random = np.random.default_rng(9)
    terms, frames = drawn(division, tmp_path)
    for frame in frames:
        frame.info["REF_energy"] += H["sigma_energy"] * np.sqrt(len(frame)) * random.normal()
        frame.arrays["REF_forces"] += H["sigma_force"] * random.normal(size=(len(frame), 3))
    of = settings([])
    of.known = {"O": -5.0, "Te": -7.0}
    frames_of = dict(enumerate(frames))
    found = learning_fits.calibrated(
        frames_of, division["pool"], division["holdout"], division["blocks"], terms, H, of
    )  # fmt: skip
    table = pd.DataFrame(found).set_index(["quantity", "scaled"])
    force = table.loc[("force", False)]
    assert force["inside_1_sigma"] == pytest.approx(0.683, abs=0.04)
    assert force["inside_2_sigma"] == pytest.approx(0.954, abs=0.02)
    assert table.loc[("force", True), "scale"] == pytest.approx(1, abs=0.1)
    assert table.loc[("energy", True), "scale"] == pytest.approx(1, abs=0.9)
    # Sigmas ten times too small cover little, and the scale makes up for it.
    wrong = H | {"sigma_force": 0.01, "sigma_energy": 2e-4, "delta": 0.05, "two_body_delta": 0.2}
    found = learning_fits.calibrated(
        frames_of, division["pool"], division["holdout"], division["blocks"], terms, wrong, of
    )  # fmt: skip
    table = pd.DataFrame(found).set_index(["quantity", "scaled"])
    assert table.loc[("force", False), "inside_2_sigma"] < 0.2
    assert table.loc[("force", True), "inside_1_sigma"] == pytest.approx(0.683, abs=0.04)
    assert table.loc[("force", True), "mean_sigma"] == pytest.approx(force["mean_sigma"], rel=0.05)
