"""Fits on data that are few, repeated, mixed or wrong: a fit that is right, or a clear refusal."""

from types import SimpleNamespace

import numpy as np
import pytest
import small_fits
from scipy import linalg
from small_fits import GEOMETRY, HYPERPARAMETERS, SPECIES
from test_trial import RANGES, SETTINGS

from gapglass.active_learning import trial
from gapglass.base.errors import UserError
from gapglass.frames import geometry
from gapglass.potential import basis, design, engine, evaluation, sparse_points
from gapglass.potential.cross_validation import CrossValidation
from gapglass.potential.failures import FitFailed
from gapglass.selection import time_blocks

pytestmark = pytest.mark.xdist_group("engine")


@pytest.fixture(scope="module")
def frames():
    return small_fits.frames(8)


@pytest.fixture(scope="module")
def terms(frames, tmp_path_factory):
    return small_fits.terms_of(frames, tmp_path_factory.mktemp("terms"))


def run(frames, classes, folder, species=SPECIES, folds=None, pool=None, **settings):
    """Choose sparse points, compute rows and run a trial, as the jobs of a study do."""
    terms = basis.choose(pool or frames, HYPERPARAMETERS, species, "soap_turbo", folder)
    basis.write(folder / "points.npz", terms)
    design.compute(frames, classes, terms, species, True, folder).write(folder / "rows.npz")
    return trial.run(
        folder / "gap.xml",
        folder / "points.npz",
        [folder / "rows.npz"],
        folds or time_blocks.folds(),
        GEOMETRY,
        SimpleNamespace(**SETTINGS | {"ranges": RANGES} | settings),
        counts=geometry.count_neighbours(frames),
        known={},
        tables=None,
        uncertainty=(folder / "gap.variance", folder / "posterior.npz"),
        log_path=folder / "fit.log",
    )


def assert_usable(result, folder, test):
    """Assert that a trial succeeded with finite errors, and that its potential is finite on frames."""
    assert (result["status"], result["reason"]) == ("ok", "")
    for name in ("objective", "rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom"):
        assert np.isfinite(result[name]), name
    energies, forces = engine.predict(folder / "gap.xml", test)
    assert np.isfinite(energies).all() and all(np.isfinite(force).all() for force in forces)
    return evaluation.errors(test, energies, forces)


def test_fewer_labels_than_sparse_points(frames, tmp_path):
    """The fit is that of Gaussian process regression with as many unknowns as labels."""
    terms, h = small_fits.terms_of(frames, tmp_path, n_sparse=150), HYPERPARAMETERS | {"n_sparse": 150}
    rows, other = (small_fits.rows_of([frame], terms, tmp_path) for frame in frames[:2])
    assert rows.columns > 250 > sum(rows.n_rows()) == 151
    e0 = rows.e0(["train"])
    scale = small_fits.basis.by_column(terms, basis.deltas(terms, h) ** 2)
    alpha = small_fits.weights_of(rows, terms, e0, n_sparse=150)
    roots = [
        linalg.cholesky(delta**2 * term.among_points() + 1e-8 * np.eye(len(term.points)), lower=True)
        for delta, term in zip(basis.deltas(terms, h), terms, strict=True)
    ]
    root = linalg.block_diag(*roots)

    def white(design_):
        energy, (forces, of_forces), (virials, of_virials) = (
            design_.energy_rows(["train"]), design_.forces["train"].parts(), design_.virials["train"].parts()
        )  # fmt: skip
        found = np.concatenate(
            [
                energy[:, : design_.columns] / h["sigma_energy"],
                forces / h["sigma_force"],
                virials / h["sigma_virial"],
            ]
        )
        labels = np.concatenate(
            [
                (energy[:, -3] - energy[:, design_.columns : -3] @ e0) / h["sigma_energy"],
                of_forces / h["sigma_force"],
                of_virials / h["sigma_virial"],
            ]
        )
        return found * scale, linalg.solve_triangular(root, (found * scale).T, lower=True).T, labels

    _, known, labels = white(rows)
    there, new, _ = white(other)
    wanted = new @ known.T @ np.linalg.solve(known @ known.T + np.eye(len(known)), labels)
    found = there @ alpha
    assert np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()


def test_sets_are_judged_with_fewer_labels_than_sparse_points(frames, tmp_path):
    lone = [frame[[0, 1, 2, 16, 17, 18, 30, 40]] for frame in frames[:4]]
    for frame, whole in zip(lone, frames, strict=False):
        frame.info["REF_energy"] = whole.info["REF_energy"] * 8 / 48
        del frame.info["REF_virial"]
    result = run(lone, ["0", "0", "2", "2"], tmp_path, pool=frames)
    assert_usable(result, tmp_path, lone)


def test_one_frame_alone(frames, tmp_path):
    table = {"frame": [0], "trajectory": ["a"], "source_index": [0], "temperature_k": [300.0], "usable": [True]}
    pandas = pytest.importorskip("pandas")
    with pytest.raises(UserError, match="the 1 training frames lie in one stretch of time"):
        time_blocks.classes_of([0], {"train": [0], "test": []}, pandas.DataFrame(table), [0], {}, "cross_validation")
    # With the paper's division, one frame trains and one tests.
    result = run(frames[:2], ["train", "test"], tmp_path, folds=time_blocks.folds_of("split"))
    found = assert_usable(result, tmp_path, frames[:1])
    assert found["rmse_energy_mev_per_atom"] < 5


def test_frames_that_come_twice_weigh_twice(frames, terms, tmp_path):
    twice = small_fits.rows_of([*frames, *frames], terms, tmp_path)
    heavy = [frame.copy() for frame in frames]
    for frame in heavy:
        frame.info["weight"] = 2.0
    small_fits.assert_same_rows(twice, small_fits.rows_of(heavy, terms, tmp_path))
    # They hold no new environment.
    for one, other in zip(terms, small_fits.terms_of([*frames, *frames], tmp_path), strict=True):
        np.testing.assert_array_equal(one.points, other.points)
    result = run([*frames, *frames], [*"00112233", *"33221100"], tmp_path)
    assert_usable(result, tmp_path, frames)


def test_frames_that_are_all_the_same(frames, tmp_path):
    """Their energies have no spread, and few environments are left to choose."""
    result = run([frames[0]] * 4, list("0123"), tmp_path)
    assert assert_usable(result, tmp_path, frames[:1])["rmse_energy_mev_per_atom"] < 1
    assert result["hyperparameters"]["n_sparse"] <= 20


def test_sparse_points_that_come_twice(frames, terms, tmp_path):
    """Their weights are shared, and the potential is that of the points once."""
    double = [
        basis.Term(
            term.descriptor, term.covariance, 1.0, term.power, np.repeat(term.points, 2, axis=0),
            np.repeat(term.cutoff, 2), np.repeat(term.alpha, 2),
        )
        for term in terms
    ]  # fmt: skip
    rows, more = (small_fits.rows_of(frames[:6], some, tmp_path, list("aabbcc")) for some in (terms, double))
    paths = [
        small_fits.write(tmp_path / f"{number}.xml", design_, some, n_sparse=40)
        for number, (design_, some) in enumerate(((rows, terms), (more, double)))
    ]
    (energies, forces), (others, other_forces) = (engine.predict(path, frames[6:]) for path in paths)
    np.testing.assert_allclose(energies / 48, others / 48, rtol=0, atol=1e-5)
    # Only the jitter on their covariances counts twice.
    np.testing.assert_allclose(np.concatenate(forces), np.concatenate(other_forces), rtol=0, atol=5e-3)
    folds = [(["a", "b"], ["c"]), (["c"], ["a"])]
    errors = [
        CrossValidation(design_, some, folds).errors(HYPERPARAMETERS | {"n_sparse": 40})
        for design_, some in ((rows, terms), (more, double))
    ]
    assert errors[0] == pytest.approx(errors[1], rel=1e-3)


def with_sulphur(frame):
    found = frame.copy()
    found.symbols[3] = "S"
    return found


def test_a_species_in_one_frame_only(frames, tmp_path):
    """The fold that leaves out this frame knows nothing of the species, and the other pairs of it never meet."""
    mixed, species = [*frames[:6], with_sulphur(frames[6])], ["O", "S", "Te"]
    result = run(mixed, list("0011223"), tmp_path, species)
    found = assert_usable(result, tmp_path, mixed)
    assert found["rmse_energy_mev_per_atom"] < 50
    terms = basis.read(tmp_path / "points.npz")
    assert [len(term.points) for term in terms[-3:]] == [20, 1, 20]
    with pytest.raises(FitFailed, match="the frames hold no environment of S"):
        basis.choose(frames, HYPERPARAMETERS, species, "soap_turbo", tmp_path)


@pytest.mark.parametrize("place", range(4))
def test_a_species_in_one_large_frame_is_found_where_frames_are_skipped(frames, tmp_path, monkeypatch, place):
    monkeypatch.setattr(sparse_points, "MOST_CANDIDATES", 10)
    mixed = [frame.copy() for frame in frames[:4]]
    mixed[place].symbols[:44] = "S"
    terms = basis.choose(mixed, HYPERPARAMETERS, ["O", "S", "Te"], "soap_turbo", tmp_path)
    assert len(terms[-2].points) == 10


def repeated(frame, times):
    """Return a frame of eight or more times as many atoms, with its labels."""
    large = frame.repeat(times)
    copies = len(large) // len(frame)
    large.info |= {
        "REF_energy": copies * frame.info["REF_energy"], "REF_virial": copies * np.asarray(frame.info["REF_virial"])
    }  # fmt: skip
    large.arrays["REF_forces"] = np.tile(frame.arrays["REF_forces"], (copies, 1))
    return large


def test_a_frame_of_eight_cells_is_one_cell_of_weight_eight(frames, terms, tmp_path):
    """48 and 384 atoms mixed: the same expected errors hold per atom for energies and virials of both."""
    heavy = frames[2].copy()
    heavy.info["weight"] = 8.0
    large = repeated(frames[2], (2, 2, 2))
    assert len(large) == 384
    rows = small_fits.rows_of([*frames[:2], large, *frames[3:6]], terms, tmp_path)
    small_fits.assert_same_rows(
        rows, small_fits.rows_of([*frames[:2], heavy, *frames[3:6]], terms, tmp_path), tolerance=1e-8
    )
    energies, forces = engine.predict(small_fits.write(tmp_path / "gap.xml", rows, terms), [frames[2], large])
    assert energies[1] == pytest.approx(8 * energies[0], rel=1e-9)
    np.testing.assert_allclose(forces[1], np.tile(forces[0], (8, 1)), atol=1e-6)


def test_mixed_sizes_are_judged_per_atom(frames, terms, tmp_path):
    """An energy counts once for each frame in the error, whatever its size; forces for each atom."""
    classes, folds = list("aaabbb"), [(["a"], ["b"]), (["b"], ["a"])]
    mixed = [repeated(frames[0], (2, 1, 1)), *frames[1:4], repeated(frames[4], (1, 1, 2)), frames[5]]
    found = CrossValidation(small_fits.rows_of(mixed, terms, tmp_path, classes), terms, folds)
    squares, forces = [], []
    for trains, tests in folds:
        train, test = ([f for f, name in zip(mixed, classes, strict=True) if name in part] for part in (trains, tests))
        path = small_fits.write(tmp_path / "fold.xml", small_fits.rows_of(train, terms, tmp_path), terms)
        for frame, energy, force in zip(test, *engine.predict(path, test), strict=True):
            squares.append(((energy - frame.info["REF_energy"]) / len(frame)) ** 2)
            forces += ((force - frame.arrays["REF_forces"]) ** 2).ravel().tolist()
    wanted = 1000 * np.sqrt(np.mean(squares)), np.sqrt(np.mean(forces))
    assert found.errors(HYPERPARAMETERS) == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("label", ["force", "energy", "virial"])
def test_absurd_labels_give_a_finite_fit_that_says_how_bad_it_is(frames, tmp_path, label):
    wrong = [frame.copy() for frame in frames]
    if label == "force":
        wrong[3].arrays["REF_forces"][5, 1] = 1e6
    elif label == "energy":
        wrong[3].info["REF_energy"] += 1e6
    else:
        wrong[3].info["REF_virial"] = np.full((3, 3), 1e6)
    result = run(wrong, list("00112233"), tmp_path)
    assert_usable(result, tmp_path, frames)
    right = run(frames, list("00112233"), tmp_path)
    if label == "force":
        assert result["rmse_force_ev_per_angstrom"] > 1e4 > 1e3 * right["rmse_force_ev_per_angstrom"]
    elif label == "energy":
        assert result["rmse_energy_mev_per_atom"] > 1e6 > 1e3 * right["rmse_energy_mev_per_atom"]
    else:
        # Virials do not test, but they train.
        assert result["rmse_energy_mev_per_atom"] > right["rmse_energy_mev_per_atom"]


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_labels_beyond_what_numbers_hold_are_refused(frames, tmp_path):
    wrong = [frame.copy() for frame in frames]
    wrong[3].arrays["REF_forces"][:] = 1e200
    result = run(wrong, list("00112233"), tmp_path)
    assert result["status"] == "failed" and "look for wrong labels" in result["reason"]
    assert not (tmp_path / "gap.xml").exists()


def test_labels_are_equal_wherever_the_zero_of_energy_lies(frames, tmp_path):
    """The energies of all atoms may differ by thousands of eV between programs; errors do not."""
    shifted = [frame.copy() for frame in frames]
    for frame in shifted:
        frame.info["REF_energy"] += 1e4 * len(frame)
    one, other = (run(some, list("00112233"), tmp_path) for some in (frames, shifted))
    for name in ("rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom", "objective"):
        assert one[name] == pytest.approx(other[name], rel=1e-4)
