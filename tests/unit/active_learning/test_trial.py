"""A trial of the loop with the engine: rows in, a tuned potential, its errors and its cost out."""

from types import SimpleNamespace

import numpy as np
import pytest
import small_fits
from small_fits import GEOMETRY, HYPERPARAMETERS, SPECIES

from gapglass.active_learning import data_or_model, trial, tuning
from gapglass.frames import geometry, isolated
from gapglass.potential import basis, core, cost, engine, engine_fit, evaluation
from gapglass.potential.cross_validation import CrossValidation
from gapglass.selection import time_blocks

pytestmark = pytest.mark.xdist_group("engine")

CLASSES = ["0", "0", "0>", "1<", "1", "1", "3", "3", "4", "4", "4", "4"]
FOLDS = time_blocks.folds()
RANGES = HYPERPARAMETERS | {
    "n_sparse": {"low": 5, "high": 20, "scale": "log"},
    "sigma_force": {"low": 0.01, "high": 1.0, "scale": "log"},
    "delta": {"low": 0.05, "high": 10.0, "scale": "log"},
}
SETTINGS = {
    "descriptor": "soap_turbo", "cost_limit": None, "objective_weights": {"energy": 1.0, "force": 1.0},
    "ranges": RANGES, "prior": "auto", "virials": True, "fitter": "engine", "max_fit_memory": None, "e0": "fitted",
    "max_fit_time": 5,
}  # fmt: skip
KNOWN = {"O": -431.9, "Te": -222.7}


@pytest.fixture(scope="module")
def frames():
    return small_fits.frames(12)


@pytest.fixture(scope="module")
def files(frames, tmp_path_factory):
    """Sparse points, and the rows of three blocks of frames."""
    folder = tmp_path_factory.mktemp("trial")
    terms = small_fits.terms_of(frames, folder)
    basis.write(folder / "points.npz", terms)
    paths = write_blocks(folder, frames, terms, CLASSES)
    return SimpleNamespace(points=folder / "points.npz", blocks=paths, terms=terms, folder=folder)


def write_blocks(folder, frames, terms, classes):
    paths = [folder / f"rows_{number}.npz" for number in range(3)]
    for path, part in zip(paths, (slice(0, 5), slice(5, 6), slice(6, len(frames))), strict=True):
        small_fits.rows_of(frames[part], terms, folder, classes[part]).write(path)
    return paths


def run(files, frames, folder, folds=FOLDS, known=None, tables=None, counts=None, blocks=None, **settings):
    folder.mkdir(exist_ok=True)
    return trial.run(
        folder / "gap.xml",
        files.points,
        blocks or files.blocks,
        folds,
        GEOMETRY,
        SimpleNamespace(**SETTINGS | settings),
        counts=geometry.count_neighbours(frames) if counts is None else counts,
        known=known or {},
        tables=tables,
        uncertainty=(folder / "gap.variance", folder / "posterior.npz"),
        log_path=folder / "fit.log",
    )


@pytest.fixture(scope="module")
def judged(files, frames, tmp_path_factory):
    """A trial with a cross-validation: its folder and result; tests must not change them."""
    folder = tmp_path_factory.mktemp("judged")
    return folder, run(files, frames, folder)


def test_result_tells_the_set_its_errors_and_its_cost(judged, files, frames):
    _, result = judged
    h = result["hyperparameters"]
    assert (result["status"], result["reason"]) == ("ok", "") and set(h) == set(HYPERPARAMETERS)
    assert {name: h[name] for name in GEOMETRY} == GEOMETRY
    assert h["n_sparse"] in (5, 10, 20) and 0.01 <= h["sigma_force"] <= 1.0 and 0.05 <= h["delta"] <= 10
    assert (h["sigma_energy"], h["two_body_delta"]) == (0.002, 2.0)
    # The errors are those of the set on frames that its fits left out.
    validation = CrossValidation(trial.joined(files.blocks), files.terms, FOLDS)
    errors = validation.errors(h)
    assert (result["rmse_energy_mev_per_atom"], result["rmse_force_ev_per_angstrom"]) == pytest.approx(
        errors, rel=1e-9
    )
    weights = SETTINGS["objective_weights"]
    assert result["objective"] == pytest.approx(tuning.objective(errors, validation.spread(), weights), rel=1e-9)
    assert result["objective"] < tuning.objective(validation.errors(HYPERPARAMETERS), validation.spread(), weights)
    counts = geometry.count_neighbours(frames)
    assert result["cost_us_per_atom_step"] == pytest.approx(cost.of_potential(h, counts, 2, "soap_turbo"), abs=1e-3)
    assert [size["n_sparse"] for size in result["sizes"]] == [5, 10, 20] and result["n_tried"] > 30
    assert result["fit_cpu_seconds"] > 0 and result["peak_memory_mb"] > 50
    wanted = data_or_model.estimate(
        trial.joined(files.blocks), files.terms, FOLDS, h, errors, validation.spread(), weights
    )
    assert result["data_or_model"] == wanted


def test_potential_is_the_fit_on_all_frames_with_that_set(judged, files, tmp_path):
    folder, result = judged
    small_fits.write(tmp_path / "gap.xml", trial.joined(files.blocks), files.terms, **result["hyperparameters"])
    assert (folder / "gap.xml").read_bytes() == (tmp_path / "gap.xml").read_bytes()
    log = (folder / "fit.log").read_text()
    assert "12 frames, rows: 12 of energies, 1728 of forces, 72 of virials" in log and "SIMD level" in log
    assert (folder / "gap.variance").exists() and (folder / "posterior.npz").exists()


def test_a_repeated_trial_is_the_same_to_the_last_digit(judged, files, frames, tmp_path):
    folder, result = judged
    again = run(files, frames, tmp_path)
    times = {"fit_seconds", "fit_cpu_seconds", "peak_memory_mb"}
    assert {k: v for k, v in again.items() if k not in times} == {k: v for k, v in result.items() if k not in times}
    for name in ("gap.xml", "gap.variance", "posterior.npz"):
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_split_fits_the_training_frames_alone(files, frames, tmp_path):
    """With the paper's division the potential is the fit that was tested."""
    classes = ["train" if number % 3 else "test" for number in range(12)]
    (tmp_path / "rows").mkdir()
    blocks = write_blocks(tmp_path / "rows", frames, files.terms, classes)
    result = run(files, frames, tmp_path, time_blocks.folds_of("split"), blocks=blocks)
    assert result["status"] == "ok"
    train, test = ([f for f, name in zip(frames, classes, strict=True) if name == part] for part in ("train", "test"))
    rows = small_fits.rows_of(train, files.terms, tmp_path)
    h, e0 = result["hyperparameters"], rows.e0(["train"])
    alone = small_fits.write(tmp_path / "alone.xml", rows, files.terms, e0, **h)
    predictions = [engine.predict(path, test) for path in (tmp_path / "gap.xml", alone)]
    np.testing.assert_allclose(predictions[0][0], predictions[1][0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.concatenate(predictions[0][1]), np.concatenate(predictions[1][1]), rtol=0, atol=1e-5)
    errors = evaluation.errors(test, *predictions[1])
    for name, value in errors.items():
        assert result[name] == pytest.approx(value, rel=1e-3)
    spread = evaluation.spread(test)
    assert result["objective"] == pytest.approx(
        tuning.objective(list(errors.values()), spread, SETTINGS["objective_weights"]), rel=1e-3
    )
    assert "8 frames, rows: 8 of energies" in (tmp_path / "fit.log").read_text()


def test_isolated_atoms_are_e0_and_among_the_rows(files, frames, tmp_path):
    everything, classes = [*frames, *isolated.frames(KNOWN)], [*CLASSES, isolated.CLASS, isolated.CLASS]
    (tmp_path / "rows").mkdir()
    blocks = write_blocks(tmp_path / "rows", everything, files.terms, classes)
    result = run(files, frames, tmp_path, known=KNOWN, blocks=blocks)
    assert result["status"] == "ok" and "14 frames" in (tmp_path / "fit.log").read_text()
    energies, _ = evaluation.predict(tmp_path / "gap.xml", isolated.frames(KNOWN))
    assert energies == pytest.approx(list(KNOWN.values()), abs=0.05)


def test_core_is_added_to_what_is_fitted_without_it(files, frames, tmp_path):
    tables = core.tables({"O-O": 2.2, "O-Te": 1.7, "Te-Te": 2.9}, SPECIES, outer=1.3)
    (tmp_path / "rows").mkdir()
    blocks = write_blocks(tmp_path / "rows", core.subtract(frames, tables), files.terms, CLASSES)
    result = run(files, frames, tmp_path, tables=tables, blocks=blocks)
    found = evaluation.errors(frames, *engine.predict(tmp_path / "gap.xml", frames))
    assert "IP Glue" in (tmp_path / "gap.xml").read_text()
    # The frames were fitted, so their errors are below those of the folds; without the core they are far above.
    assert found["rmse_force_ev_per_angstrom"] < result["rmse_force_ev_per_angstrom"]
    without, _ = engine.predict(run_bare(tmp_path / "bare", files, frames, blocks), frames)
    added = [core.energy_forces_virial(frame, tables)[0] for frame in frames]
    with_core, _ = engine.predict(tmp_path / "gap.xml", frames)
    np.testing.assert_allclose(with_core - without, added, atol=1e-6)
    assert max(added) > 1


def run_bare(folder, files, frames, blocks):
    run(files, frames, folder, blocks=blocks)
    return folder / "gap.xml"


def test_species_that_no_training_frame_holds_is_a_failed_fit(files, frames, tmp_path):
    counts = geometry.count_neighbours(frames).assign(n_Ge=0)
    result = run(files, frames, tmp_path, counts=counts)
    assert result == {
        "status": "failed", "reason": "the training frames hold no Ge; raise active_learning.increment"
    }  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_fit_that_cannot_be_solved_is_a_result(files, frames, tmp_path):
    ranges = RANGES | {"sigma_energy": 1e-310}
    result = run(files, frames, tmp_path, ranges=ranges)
    assert result["status"] == "failed" and "potential.hyperparameters" in result["reason"]
    assert not (tmp_path / "gap.xml").exists()


def test_cost_limit_leaves_out_large_numbers_of_points(judged, files, frames, tmp_path):
    costs = {size["n_sparse"]: size["cost_us_per_atom_step"] for size in judged[1]["sizes"]}
    limit = costs[10] + 1e-3  # they are rounded
    result = run(files, frames, tmp_path, cost_limit=limit)
    assert [size["n_sparse"] for size in result["sizes"]] == [5, 10] and result["cost_us_per_atom_step"] <= limit


def test_objective_weights_reach_the_search(judged, files, frames, tmp_path):
    result = run(files, frames, tmp_path, objective_weights={"energy": 1.0, "force": 0.0})
    assert result["rmse_energy_mev_per_atom"] <= 1.001 * judged[1]["rmse_energy_mev_per_atom"]
    validation = CrossValidation(trial.joined(files.blocks), files.terms, FOLDS)
    assert result["objective"] == pytest.approx(result["rmse_energy_mev_per_atom"] / validation.spread()[0], rel=1e-9)


def fit_rows(files, frames, folder, h, **settings):
    return trial.fit_rows(
        folder / "gap.xml",
        files.points,
        files.blocks,
        h,
        counts=geometry.count_neighbours(frames),
        settings=SimpleNamespace(**SETTINGS | settings),
        known={},
        tables=None,
        uncertainty=(folder / "gap.variance", folder / "posterior.npz"),
        scales=(1.0, 1.0),
        log_path=folder / "fit.log",
    )


def test_fit_on_all_rows_is_that_of_the_set(judged, files, frames, tmp_path):
    folder, result = judged
    found = fit_rows(files, frames, tmp_path, result["hyperparameters"], max_fit_memory=1000)
    assert (found["status"], found["reason"]) == ("ok", "") and 150 < found["predicted_memory_mb"] < 300
    assert (folder / "gap.xml").read_bytes() == (tmp_path / "gap.xml").read_bytes()


def test_fit_on_all_rows_that_tunes_is_the_trial_of_the_same_descriptors(judged, files, frames, tmp_path):
    folder, result = judged
    settings = SimpleNamespace(**SETTINGS | {"max_fit_memory": 1000})
    more = {
        "counts": geometry.count_neighbours(frames), "known": {}, "tables": None,
        "uncertainty": (tmp_path / "gap.variance", tmp_path / "posterior.npz"), "log_path": tmp_path / "fit.log",
    }  # fmt: skip
    target = tmp_path / "gap.xml"
    other = result["hyperparameters"] | {"delta": 0.01, "sigma_energy": 1.0, "n_sparse": 7}
    found = trial.tune_rows(target, files.points, files.blocks, FOLDS, other, settings=settings, **more)
    assert found["hyperparameters"] == result["hyperparameters"] and found["objective"] == result["objective"]
    assert (folder / "gap.xml").read_bytes() == target.read_bytes() and found["predicted_memory_mb"] > 150
    target.unlink()
    settings.max_fit_memory = 50
    found = trial.tune_rows(target, files.points, files.blocks, FOLDS, other, settings=settings, **more)
    assert found["status"] == "failed" and found["reason"].startswith("not started: it would need about ")
    assert not target.exists()


def test_fit_on_all_rows_above_the_limit_does_not_start(files, frames, tmp_path):
    found = fit_rows(files, frames, tmp_path, HYPERPARAMETERS, max_fit_memory=50)
    assert found["status"] == "failed" and found["reason"].startswith("not started: it would need about ")
    found = fit_rows(files, frames, tmp_path, HYPERPARAMETERS | {"sigma_virial": 0.0})
    assert found["status"] == "failed" and "sigma_virial is 0.0; it must be positive" in found["reason"]
    assert not (tmp_path / "gap.xml").exists()


def test_gap_fit_gives_a_result_of_the_same_form(frames, tmp_path):
    train, test, imported = frames[:4], frames[6:8], {"species": SPECIES, "virials": True}
    settings = SETTINGS | {"fitter": "gap_fit"}

    def run_gap_fit(**changes):
        return trial.run_gap_fit(
            tmp_path / "gap.xml", train, test, HYPERPARAMETERS, SimpleNamespace(**settings | changes),
            counts=geometry.count_neighbours(train), imported=imported, tables=None, seed=1,
            log_path=tmp_path / "fit.log",
        )  # fmt: skip

    result = run_gap_fit()
    errors = evaluation.errors(test, *evaluation.predict(tmp_path / "gap.xml", test))
    assert result["status"] == "ok" and {name: result[name] for name in errors} == pytest.approx(errors, rel=1e-9)
    expected = tuning.objective(list(errors.values()), evaluation.spread(test), SETTINGS["objective_weights"])
    assert result["objective"] == pytest.approx(expected, rel=1e-9) and result["cost_us_per_atom_step"] > 0
    failed = run_gap_fit(max_fit_memory=1)
    assert failed["status"] == "failed" and "objective" not in failed and "max_fit_memory" in failed["reason"]


def test_the_engine_solves_one_thread_at_a_time(files, frames, tmp_path, monkeypatch):
    """Sums keep one order, whatever number of threads the machine offers."""
    from threadpoolctl import threadpool_info

    seen, solve = [], engine_fit.solve

    def watched(*arguments):
        seen.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return solve(*arguments)

    monkeypatch.setattr(engine_fit, "solve", watched)
    fit_rows(files, frames, tmp_path, HYPERPARAMETERS)
    assert seen and set(seen) == {1}
