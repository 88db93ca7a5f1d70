"""fit_and_test: a fit that succeeds, fits that fail and are results, and errors that are no results."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from conftest import HYPERPARAMETERS

from gapglass.base.errors import ProgramKilled, UserError
from gapglass.frames import geometry, isolated
from gapglass.potential import core, evaluation, fit, gap_fit, gap_xml, memory

SMALL = HYPERPARAMETERS | {"n_max": 3, "l_max": 2, "n_sparse": 10}
SETTINGS = {
    "descriptor": "soap_turbo",
    "fitter": "gap_fit",
    "e0": "fitted",
    "virials": True,
    "max_fit_time": 5,
    "max_fit_memory": None,
}
IMPORTED = {"species": ["O", "Te"], "virials": False}


@pytest.fixture
def run(tmp_path, blyp_frames):
    """Function that fits four frames in ``tmp_path`` and tests the potential on two others."""

    def run(hyperparameters=SMALL, imported=IMPORTED, points_from=None, tables=None, **settings):
        train, test = blyp_frames[:4], blyp_frames[30:32]
        return fit.fit_and_test(
            train,
            test,
            hyperparameters,
            tmp_path / "gap.xml",
            counts=geometry.count_neighbours(train),
            settings=SimpleNamespace(**SETTINGS | settings),
            imported=imported,
            seed=1,
            log_path=tmp_path / "fit.log",
            points_from=points_from,
            tables=tables,
        )

    return run


def assert_failed(outcome, folder):
    """Assert that an outcome is a failed fit without a potential; return its reason."""
    result, energies, forces = outcome
    assert set(result) == {"status", "reason", "predicted_memory_mb"} and result["status"] == "failed"
    assert energies is None and forces is None and not (folder / "gap.xml").exists()
    return result["reason"]


def test_fit_gives_a_potential_its_cost_and_predictions(tmp_path, blyp_frames, run):
    result, energies, forces = run(max_fit_memory=500)
    predicted = memory.of_fit(geometry.count_neighbours(blyp_frames[:4]), SMALL, SimpleNamespace(**SETTINGS), IMPORTED)
    assert (result["status"], result["reason"]) == ("ok", "")
    assert result["predicted_memory_mb"] == round(predicted) and 15 < result["peak_memory_mb"] < 1.05 * predicted
    assert 0 < result["fit_cpu_seconds"] <= result["fit_seconds"] + 0.5
    again, forces_again = evaluation.predict(tmp_path / "gap.xml", blyp_frames[30:32])
    np.testing.assert_allclose(energies, again, rtol=0, atol=1e-9)
    np.testing.assert_allclose(forces, forces_again, rtol=0, atol=1e-9)
    assert evaluation.errors(blyp_frames[30:32], energies, forces)["rmse_energy_mev_per_atom"] < 100
    # The study asks for virials, but not all of its frames have them.
    assert "target virials (property name: NONE) found: 0" in (tmp_path / "fit.log").read_text()


def test_the_engine_fits_too(tmp_path, blyp_frames, run):
    result, energies, forces = run(fitter="engine", max_fit_memory=500)
    assert (result["status"], result["reason"]) == ("ok", "") and result["predicted_memory_mb"] < 500
    assert evaluation.errors(blyp_frames[30:32], energies, forces)["rmse_energy_mev_per_atom"] < 100
    assert "SIMD level" in (tmp_path / "fit.log").read_text()
    (tmp_path / "gap.xml").unlink()
    assert "not started" in assert_failed(run(fitter="engine", max_fit_memory=100), tmp_path)
    assert "must be positive" in assert_failed(run(SMALL | {"sigma_energy": 0.0}, fitter="engine"), tmp_path)


def test_known_energies_are_those_that_are_not_fitted():
    atoms = {"isolated_atom_energies": {"O": -431.0}}
    assert fit.known_energies("fitted", atoms) == {"O": -431.0} and fit.known_energies("fitted", {}) == {}
    given = {"O": -2.0, "Te": -3.0}
    assert fit.known_energies(given, atoms) == given and fit.known_energies(given, atoms) is not given


def test_sparse_points_of_the_engine_come_from_the_frames_that_are_named(tmp_path, blyp_frames, run):
    """Those of a crowded pool are not those of the training frames; the choice reads no labels."""
    pool = [frame.copy() for frame in blyp_frames[::6]]
    for frame in pool:
        frame.info.clear()
    run(fitter="engine")
    own, log = (tmp_path / "gap.xml").read_bytes(), (tmp_path / "fit.log").read_text()
    run(fitter="engine", points_from=pool)
    assert (tmp_path / "gap.xml").read_bytes() != own and (tmp_path / "fit.log").read_text() == log
    fewer = SMALL | {"n_sparse": 4}
    run(fewer, fitter="engine", points_from=pool)
    points = [term.points for term in gap_xml.read_terms(tmp_path / "gap.xml")]
    run(fewer, fitter="engine", points_from=[*pool, *pool])
    for one, other in zip(points, gap_xml.read_terms(tmp_path / "gap.xml"), strict=True):
        np.testing.assert_array_equal(one, other.points)


@pytest.mark.parametrize("fitter", ["engine", "gap_fit"])
def test_core_belongs_to_the_potential_and_not_to_its_labels(tmp_path, blyp_frames, run, fitter):
    tables = core.tables({"O-O": 2.2, "O-Te": 1.7, "Te-Te": 2.9}, ["O", "Te"], outer=1.3)  # reaches into the data
    result, energies, forces = run(fitter=fitter, tables=tables)
    assert result["status"] == "ok"
    # The potential gives the labels, core included; two atoms at half a bond repel each other.
    assert evaluation.errors(blyp_frames[30:32], energies, forces)["rmse_energy_mev_per_atom"] < 100
    pair = Atoms("TeO", positions=[[0, 0, 0], [0.8, 0, 0]], cell=[20] * 3, pbc=True)
    _, [with_core] = evaluation.predict(tmp_path / "gap.xml", [pair])
    wall = core.energy_forces_virial(pair, tables)[1][1, 0]
    assert wall > 50 and with_core[1, 0] == pytest.approx(wall, rel=0.5)


def test_isolated_atoms_belong_to_the_fit_of_the_engine(tmp_path, blyp_frames, run):
    known = {"O": -431.0, "Te": -220.0}
    run(fitter="engine", imported=IMPORTED | {"isolated_atom_energies": known})
    lone = isolated.frames(known)
    energies, _ = evaluation.predict(tmp_path / "gap.xml", lone)
    assert energies == pytest.approx([frame.info["REF_energy"] for frame in lone], abs=0.05)
    assert "6 frames" in (tmp_path / "fit.log").read_text()


def test_failed_fit_is_a_result(tmp_path, run):
    assert assert_failed(run(SMALL | {"zeta": "four"}), tmp_path).startswith("gap_fit ended with status 1: ")
    assert "hold no As" in assert_failed(run(imported=IMPORTED | {"species": ["As", "O", "Te"]}), tmp_path)


def test_fit_above_the_memory_limit_does_not_start(tmp_path, run):
    reason = assert_failed(run(max_fit_memory=10), tmp_path)
    assert reason.startswith("not started: it would need about ") and "max_fit_memory is 10 MB" in reason
    assert not (tmp_path / "fit.log").exists()


def test_predictions_that_are_not_finite_are_a_failed_fit(tmp_path, blyp_frames, run, monkeypatch):
    monkeypatch.setattr(gap_fit, "run_fit", lambda *_, **__: {"fit_seconds": 1.0})
    forces = [frame.arrays["REF_forces"] for frame in blyp_frames[30:32]]
    monkeypatch.setattr(fit, "predict", lambda *_: (np.array([np.nan, -100.0]), forces))
    assert "not finite" in assert_failed(run(), tmp_path)


def test_killed_program_and_mistaken_settings_are_no_results(tmp_path, run, monkeypatch):
    with pytest.raises(UserError, match=r"potential\.e0 lacks O"):
        run(e0={"Te": -3.0})
    program = tmp_path / "killed"
    program.write_text("#!/bin/sh\nkill -9 $$\n")
    program.chmod(0o755)
    monkeypatch.setattr(gap_fit, "gap_fit_program", lambda: str(program))
    with pytest.raises(ProgramKilled, match=r"gap_fit was ended from outside \(SIGKILL\)"):
        run()


def test_isolated_atoms_are_e0_and_in_every_training_set(tmp_path, run):
    known = {"O": -432.0, "Te": -223.1}
    result, *_ = run(imported=IMPORTED | {"isolated_atom_energies": known})
    assert result["status"] == "ok"
    log = (tmp_path / "fit.log").read_text()
    assert "e0={O:-432.0:Te:-223.1}" in log
    assert re.search(r"target energies .*found: +6\n", log) and re.search(rf"target forces .*found: +{3 * 194}\n", log)
    energies, forces = evaluation.predict(tmp_path / "gap.xml", isolated.frames(known))
    np.testing.assert_allclose(energies, list(known.values()), atol=0.05)
    assert max(np.abs(force).max() for force in forces) < 1e-6


def test_virials_are_used_for_the_frames_that_have_them(tmp_path, blyp_frames):
    train = [frame.copy() for frame in blyp_frames[:4]]
    for frame in train[1:]:
        del frame.info["REF_virial"]
    counts = geometry.count_neighbours(train)
    imported, settings = IMPORTED | {"virials": True}, SimpleNamespace(**SETTINGS)
    assert counts["virial"].tolist() == [1, 0, 0, 0]
    few, none, every = (
        memory.of_fit(made, SMALL, settings, imported)
        for made in (counts, counts.assign(virial=0), counts.assign(virial=1))
    )
    assert none < few < every and none == memory.of_fit(counts, SMALL, settings, IMPORTED)
    fit.fit(
        train, SMALL, tmp_path / "gap.xml", settings=settings, imported=imported, seed=1, log_path=tmp_path / "log"
    )
    assert re.search(r"target virials .*found: +6\n", (tmp_path / "log").read_text())
