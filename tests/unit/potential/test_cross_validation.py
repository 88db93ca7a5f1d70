"""Errors of a cross-validation against a fit for every fold, written, read and evaluated on the frames left out."""

import numpy as np
import pytest
import small_fits

from gapglass.frames import isolated
from gapglass.potential import cross_validation, engine, evaluation
from gapglass.potential.cross_validation import CrossValidation, Tested
from gapglass.potential.failures import FitFailed
from gapglass.selection import time_blocks

pytestmark = pytest.mark.xdist_group("engine")

CLASSES = ["a", "a<", "a", "b", "b", "b>", "c", "c", "c", "c"]
FOLDS = [
    (["b", "b>", "c", isolated.CLASS], ["a", "a<"]),
    (["a", "c", isolated.CLASS], ["b", "b>"]),
    (["a", "a<", "b"], ["c"]),
]
OTHER = {
    "n_sparse": 9, "delta": 1.7, "two_body_delta": 0.4, "sigma_energy": 0.01, "sigma_force": 0.03, "sigma_virial": 0.2,
}  # fmt: skip
# The ends of the default ranges at which the equations are conditioned worst.
TRUSTED = {"delta": 10.0, "two_body_delta": 50.0, "sigma_energy": 2e-4, "sigma_force": 0.01, "sigma_virial": 0.005}
KNOWN = {"O": -431.9, "Te": -222.7}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cross_validation")


@pytest.fixture(scope="module")
def frames():
    """Ten frames, of which one has no virial and one lacks two atoms."""
    found = small_fits.frames(10)
    del found[1].info["REF_virial"]
    del found[4][[0, 17]]
    return found


@pytest.fixture(scope="module")
def terms(frames, folder):
    return small_fits.terms_of(frames, folder)


@pytest.fixture(scope="module")
def validation(frames, terms, folder):
    return CrossValidation(small_fits.rows_of(frames, terms, folder, CLASSES), terms, FOLDS)


def left_out(frames, classes, terms, folder, known=None, descriptor="soap_turbo", **changes):
    """Return energies per atom and forces of all folds, predicted and labelled, with the weights of both."""
    energies, forces = [], []
    for trains, tests in FOLDS:
        chosen = [n for n, name in enumerate(classes) if name in trains]
        rows = small_fits.rows_of([frames[n] for n in chosen], terms, folder, [classes[n] for n in chosen])
        e0 = rows.e0(rows.classes, known)
        path = small_fits.write(folder / "fold.xml", rows, terms, e0, descriptor, **changes)
        test = [frame for frame, name in zip(frames, classes, strict=True) if name in tests]
        for frame, energy, force in zip(test, *engine.predict(path, test), strict=True):
            weight = frame.info.get("weight", 1.0)
            of = [weight / frame.info.get(f"sigma_{kind}_factor", 1.0) ** 2 for kind in ("energy", "force")]
            energies.append([energy / len(frame), frame.info["REF_energy"] / len(frame), of[0]])
            forces += [[*pair, of[1]] for pair in zip(force.ravel(), frame.arrays["REF_forces"].ravel(), strict=True)]
    return np.array(energies), np.array(forces)


def rmse(table):
    return np.sqrt((table[:, 2] * (table[:, 0] - table[:, 1]) ** 2).sum() / table[:, 2].sum())


@pytest.mark.parametrize(
    "changes",
    [{}, {"n_sparse": 9}, {"delta": 1.7, "two_body_delta": 0.4}, OTHER, TRUSTED],
    ids=["as they are", "fewer points", "deltas", "all", "trusted"],
)
def test_errors_are_those_of_fits_without_each_fold(frames, terms, validation, tmp_path, changes):
    energies, forces = left_out(frames, CLASSES, terms, tmp_path, **changes)
    found = validation.errors(small_fits.HYPERPARAMETERS | changes)
    assert found == pytest.approx((1000 * rmse(energies), rmse(forces)), rel=1e-5)


def test_sets_differ(validation):
    """What the test above compares depends on every hyperparameter."""
    base = small_fits.HYPERPARAMETERS
    errors = [validation.errors(base), *(validation.errors(base | {name: value}) for name, value in OTHER.items())]
    assert len({round(energy, 3) for energy, _ in errors}) == len({round(force, 5) for _, force in errors}) == 7
    # A set has no memory of the one before.
    assert validation.errors(base) == errors[0]


def test_soap_of_quip_too(frames, tmp_path):
    terms = small_fits.terms_of(frames, tmp_path, "soap")
    rows = small_fits.rows_of(frames, terms, tmp_path, CLASSES)
    energies, forces = left_out(frames, CLASSES, terms, tmp_path, descriptor="soap", n_sparse=12)
    found = CrossValidation(rows, terms, FOLDS).errors(small_fits.HYPERPARAMETERS | {"n_sparse": 12})
    assert found == pytest.approx((1000 * rmse(energies), rmse(forces)), rel=1e-5)


def test_errors_with_weights_factors_and_isolated_atoms(frames, terms, tmp_path):
    weighed = [frame.copy() for frame in frames]
    weighed[0].info |= {"weight": 4.0, "sigma_energy_factor": 0.5}
    weighed[3].info |= {"weight": 0.25, "sigma_force_factor": 3.0}
    weighed[8].info |= {"sigma_virial_factor": 2.0, "sigma_energy_factor": 2.0}
    everything, classes = [*weighed, *isolated.frames(KNOWN)], [*CLASSES, isolated.CLASS, isolated.CLASS]
    rows = small_fits.rows_of(everything, terms, tmp_path, classes)
    energies, forces = left_out(everything, classes, terms, tmp_path, KNOWN)
    assert len(energies) == 10  # isolated atoms never test
    validation = CrossValidation(rows, terms, FOLDS, KNOWN)
    found = validation.errors(small_fits.HYPERPARAMETERS)
    assert found == pytest.approx((1000 * rmse(energies), rmse(forces)), rel=1e-5)
    unweighted = energies.copy()
    unweighted[:, 2] = 1.0
    assert rmse(unweighted) != pytest.approx(rmse(energies), rel=0.01)


def test_spread_is_that_of_the_labels(frames, terms, tmp_path, validation):
    """The energies of each fold without their mean and the energies of their isolated atoms; forces from zero."""
    same = [frame for frame in frames if len(frame) == 48]
    rows = small_fits.rows_of(same, terms, tmp_path, ["a"] * 3 + ["b"] * 6)
    one = CrossValidation(rows, terms, [(["a"], ["b"])])
    assert one.spread() == pytest.approx(evaluation.spread(same[3:]), rel=1e-6)
    both = CrossValidation(rows, terms, [(["a"], ["b"]), (["b"], ["a"])])
    parts = np.array([evaluation.spread(same[:3]), evaluation.spread(same[3:])])
    assert both.spread() == pytest.approx(np.sqrt((np.array([3, 6]) @ parts**2) / 9), rel=1e-6)
    # A fit with hardly any trust in its labels predicts e0: forces of zero.
    nothing = dict.fromkeys(("sigma_energy", "sigma_force", "sigma_virial"), 1e6)
    assert validation.errors(small_fits.HYPERPARAMETERS | nothing)[1] == pytest.approx(validation.spread()[1])


def test_classes_that_hold_nothing_change_nothing(frames, terms, tmp_path, validation):
    rows = small_fits.rows_of(frames, terms, tmp_path, CLASSES)
    more = [([*trains, "d", "e>"], [*tests, "f"]) for trains, tests in FOLDS]
    # A fold without test frames, or with isolated atoms alone to train on, is left out.
    more += [(["a"], ["g"]), (["h", isolated.CLASS], ["a"])]
    found = CrossValidation(rows, terms, more)
    assert found.errors(small_fits.HYPERPARAMETERS) == validation.errors(small_fits.HYPERPARAMETERS)
    assert found.spread() == validation.spread() and len(found.folds) == 3


def test_isolated_atoms_alone_train_no_fold(frames, terms, tmp_path):
    everything = [*frames[:2], *isolated.frames(KNOWN)]
    rows = small_fits.rows_of(everything, terms, tmp_path, ["0>", "1<", isolated.CLASS, isolated.CLASS])
    with pytest.raises(FitFailed, match=r"no training frames are left where others test"):
        CrossValidation(rows, terms, time_blocks.folds(), KNOWN)


@pytest.mark.parametrize("changes", [{}, {"n_sparse": 9}, OTHER, TRUSTED], ids=["as is", "fewer", "other", "trusted"])
def test_both_solutions_are_one(validation, monkeypatch, changes):
    """Normal equations, and the QR that replaces them where rounding would hide the prior."""
    h, found = small_fits.HYPERPARAMETERS | changes, []
    for limit in (1e9, 0.0):
        monkeypatch.setattr(cross_validation, "LARGEST_ROUNDING", limit)
        found.append((*validation.errors(h), *validation.variance_scales(h)))
    assert found[0] == pytest.approx(found[1], rel=1e-5) and found[0] != found[1]


def test_equations_that_lose_the_prior_in_rounding_are_solved_by_qr(frames, terms, validation, tmp_path, monkeypatch):
    """Fewer rows than sparse points, each trusted beyond rounding."""
    trusted = {"sigma_energy": 1e-12, "sigma_force": 1e9, "sigma_virial": 1e9}
    energies, forces = left_out(frames, CLASSES, terms, tmp_path, **trusted)
    found = validation.errors(small_fits.HYPERPARAMETERS | trusted)
    assert found == pytest.approx((1000 * rmse(energies), rmse(forces)), rel=1e-3)
    rows = small_fits.rows_of(frames, terms, tmp_path, CLASSES)
    refusing = CrossValidation(rows, terms, FOLDS, refuse_above=0.05)
    assert refusing.errors(small_fits.HYPERPARAMETERS | trusted) == (np.inf, np.inf)
    assert refusing.errors(small_fits.HYPERPARAMETERS) == validation.errors(small_fits.HYPERPARAMETERS)
    monkeypatch.setattr(cross_validation, "LARGEST_ROUNDING", 1e99)
    assert validation.errors(small_fits.HYPERPARAMETERS | trusted) == (np.inf, np.inf)


def test_errors_of_large_weights_are_not_the_difference_of_large_numbers():
    """From normal equations, the error of these weights would be lost in rounding."""
    rows, x = np.array([[1.0, 1.0], [1.0, 2.0]]), np.array([1e9, -1e9])
    tested = Tested([(rows[:1], np.array([1e-3])), (rows[1:], np.array([-1e9]))])
    assert tested.residual(x) == pytest.approx(1e-6, rel=1e-9)
    matrix, vector = rows.T @ rows, rows.T @ [1e-3, -1e9]
    assert abs(x @ matrix @ x - 2 * x @ vector + tested.square - tested.residual(x)) > tested.residual(x)
    assert tested.less(x).square == pytest.approx(tested.residual(x), rel=1e-9)
