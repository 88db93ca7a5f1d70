"""A guide as prior mean: exact where it is right, harmless where it is wrong, unknown to the folds that test."""

from types import SimpleNamespace

import numpy as np
import pytest
import small_fits

from gapglass.active_learning import guide, trial
from gapglass.frames import geometry
from gapglass.potential import basis, cross_validation, engine, engine_fit
from gapglass.potential.cross_validation import CrossValidation

pytestmark = pytest.mark.xdist_group("engine")

CLASSES = ["a", "b", "c"]
FOLDS = [(["b", "c"], ["a"]), (["a", "c"], ["b"]), (["a", "b"], ["c"])]
EQUAL = {"energy": 1.0, "force": 1.0}
FIXED = {name: small_fits.HYPERPARAMETERS[name] for name in
         ("sigma_energy", "sigma_force", "sigma_virial", "delta", "two_body_delta", "n_sparse")}  # fmt: skip


def with_guide(frames, factor=1.25, noise=0.0, shift=3.0):
    """Return frames whose guide is the labels divided by a factor, energies shifted per atom, forces with noise."""
    random = np.random.default_rng(5)
    for frame in frames:
        frame.info["guide_energy"] = frame.info["REF_energy"] / factor + shift * len(frame)
        forces = frame.arrays["REF_forces"] / factor
        frame.arrays["guide_forces"] = forces + noise * random.normal(size=forces.shape)
    return frames


def classes_of(frames):
    return [CLASSES[i % 3] for i in range(len(frames))]


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    """Few labelled frames, many with a guide that is the labels but for factor and shift."""
    folder = tmp_path_factory.mktemp("guide")
    pool = with_guide(small_fits.frames(18))
    terms = small_fits.terms_of(pool, folder)
    rows = small_fits.rows_of(pool[::4], terms, folder, classes_of(pool)[::4])
    of_guide = small_fits.rows_of(guide.as_labels(pool), terms, folder, classes_of(pool))
    return SimpleNamespace(pool=pool, terms=terms, rows=rows, of_guide=of_guide, folder=folder)


def prior_of(problem, rows=None):
    return guide.Guide(rows or problem.of_guide, problem.terms, FOLDS, FIXED, EQUAL, FIXED["n_sparse"])


def test_guide_labels_take_the_place_of_labels_and_leave_virials_and_weights(problem):
    frame = problem.pool[0]
    frame.info["weight"] = 4.0
    copy = guide.as_labels([frame])[0]
    del frame.info["weight"]
    assert set(copy.info) == {"REF_energy"} and copy.info["REF_energy"] == frame.info["guide_energy"]
    assert np.array_equal(copy.arrays["REF_forces"], frame.arrays["guide_forces"])


def test_a_right_guide_lowers_the_error_and_its_factor_is_found(problem, caplog):
    plain = CrossValidation(problem.rows, problem.terms, FOLDS)
    prior = prior_of(problem)
    guided = plain.guided(prior.of_folds)
    without, with_it = plain.errors(FIXED), guided.errors(FIXED)
    # Of a small model the error is mostly that of the model, which no prior mends.
    assert with_it[0] < 0.97 * without[0] and with_it[1] < without[1]
    weights = prior.weights(FIXED["n_sparse"])
    e0 = problem.rows.e0(problem.rows.classes, None, weights)
    with caplog.at_level("INFO", logger="gapglass"):
        engine_fit.solution(problem.rows, problem.terms, FIXED, e0, weights)
    factor = float(caplog.messages[-1].split()[-1])
    assert factor == pytest.approx(1.25, abs=0.1)


def test_folds_equal_fits_without_their_frames(problem):
    """The guide and the labels of a fold leave out its frames: prediction by explicit fits gives the same errors."""
    prior = prior_of(problem)
    guided = CrossValidation(problem.rows, problem.terms, FOLDS).guided(prior.of_folds)
    found, squares, number = guided.errors(FIXED), np.zeros(2), np.zeros(2)
    h = {**small_fits.GEOMETRY, **FIXED}
    classes = classes_of(problem.pool)
    for trains, tests in FOLDS:
        know = [i for i, name in enumerate(classes) if name in trains]
        few = [i for i in know if i % 4 == 0]
        left = [i for i, name in enumerate(classes) if name in tests and i % 4 == 0]
        of_guide = small_fits.rows_of(guide.as_labels([problem.pool[i] for i in know]), problem.terms, problem.folder)
        alpha, _, _ = engine_fit.solution(of_guide, problem.terms, h, of_guide.e0(of_guide.classes))
        weights = alpha * basis.by_column(problem.terms, basis.deltas(problem.terms, h) ** 2)
        rows = small_fits.rows_of([problem.pool[i] for i in few], problem.terms, problem.folder)
        e0 = rows.e0(rows.classes, None, weights)
        alpha, _, _ = engine_fit.solution(rows, problem.terms, h, e0, weights)
        path = problem.folder / "fold.xml"
        engine_fit.write(path, problem.terms, alpha, h, e0, small_fits.SPECIES, "soap_turbo")
        frames = [problem.pool[i] for i in left]
        for frame, energy, forces in zip(frames, *engine.predict(path, frames), strict=True):
            squares += (
                ((energy - frame.info["REF_energy"]) / len(frame)) ** 2,
                ((forces - frame.arrays["REF_forces"]) ** 2).sum(),
            )
            number += 1, forces.size
    wanted = np.sqrt(squares / number) * (1000, 1)
    assert found == pytest.approx(tuple(wanted), rel=2e-3)


@pytest.mark.parametrize("n_sparse", [FIXED["n_sparse"], 9])
def test_normal_equations_and_qr_give_one_fit_with_a_guide(problem, monkeypatch, n_sparse):
    guided = CrossValidation(problem.rows, problem.terms, FOLDS).guided(prior_of(problem).of_folds)
    h, found = FIXED | {"n_sparse": n_sparse}, []
    for limit in (1e9, 0.0):
        monkeypatch.setattr(cross_validation, "LARGEST_ROUNDING", limit)
        found.append((*guided.errors(h), *guided.variance_scales(h)))
    assert found[0] == pytest.approx(found[1], rel=1e-5) and found[0] != found[1]


def test_weights_of_fewer_points_are_those_of_a_fit_on_them(problem):
    prior = prior_of(problem)
    weights = prior.weights(9)
    taken = basis.columns_of_part(problem.terms, 9)
    assert np.all(weights[np.setdiff1d(np.arange(len(weights)), taken)] == 0) and np.all(weights[taken] != 0)


@pytest.mark.parametrize(("noise", "taken"), [(0.0, "guide"), (30.0, "none")])
def test_trial_takes_the_guide_where_it_helps(problem, noise, taken, tmp_path):
    pool = with_guide(small_fits.frames(18), noise=noise)
    of_guide = small_fits.rows_of(guide.as_labels(pool), problem.terms, tmp_path, classes_of(pool))
    basis.write(tmp_path / "points.npz", problem.terms)
    problem.rows.write(tmp_path / "rows.npz")
    of_guide.write(tmp_path / "guide.npz")
    settings = SimpleNamespace(
        descriptor="soap_turbo", cost_limit=None, objective_weights=EQUAL, ranges=FIXED, prior="auto"
    )
    result = trial.run(
        tmp_path / "gap.xml", tmp_path / "points.npz", [tmp_path / "rows.npz"], FOLDS, small_fits.GEOMETRY, settings,
        counts=geometry.count_neighbours(pool[::4]), known={}, tables=None,
        uncertainty=(tmp_path / "gap.variance", tmp_path / "posterior.npz"), log_path=tmp_path / "log",
        guide=[tmp_path / "guide.npz"],
    )  # fmt: skip
    assert result["status"] == "ok" and result["prior"] == taken
    assert result["objective"] == min(result["priors"][name]["objective"] for name in ("none", "guide"))
    energies, _ = engine.predict(tmp_path / "gap.xml", pool[:2])
    assert np.isfinite(energies).all()
