"""Checks of a label, and the table, share of failures, time and budget of a study."""

import os

import numpy as np
import pytest
from label_frames import SETTINGS, as_written_elsewhere, frame_of, label_of

from gapglass.base.errors import UserError
from gapglass.base.files import read_header, read_table, write_json
from gapglass.labels import checks, status


def found(label, frame=None, virials=True, energies=(), **more):
    return checks.problems(frame or frame_of(), label, virials, energies, **more)


def test_good_label_has_no_problem():
    assert found(label_of(frame_of())) == []
    frame = frame_of()
    assert found(label_of(as_written_elsewhere(frame)), frame) == []
    assert found(label_of(frame_of(), converged=None)) == []


def test_each_problem_has_its_reason():
    frame = frame_of()
    assert found(label_of(frame, converged=False)) == ["the self-consistency did not converge"]
    assert "not a finite number" in found(label_of(frame, energy=np.inf))[0]
    label = label_of(frame)
    label.forces[3, 1] = np.nan
    assert "three finite numbers" in found(label)[0]
    label = label_of(frame)
    label.forces = label.forces[:-1]
    assert "three finite numbers" in found(label)[0]
    assert "asks for" in found(label_of(frame, virial=None))[0]
    assert found(label_of(frame, virial=None), virials=False) == []
    assert "nine finite" in found(label_of(frame, virial=np.full((3, 3), np.nan)))[0]
    assert found(label_of(frame, faults=["two energies"])) == ["two energies"]


def test_geometry_of_the_output_is_compared():
    frame = frame_of()
    label = label_of(frame)
    label.atoms.cell[0, 0] += 0.01
    assert "the cell of the output differs by 0.0100" in found(label)[0]
    label = label_of(frame)
    label.atoms.pbc = [True, True, False]
    assert "not periodic" in found(label)[0]
    assert "is of 24 atoms, 12 were sent" in found(label_of(frame_of(1, 24)))[0]


def test_mean_force():
    frame = frame_of()
    label = label_of(frame)
    exact = label.forces.copy()
    label.forces = exact + np.array([0.1, 0.1, 0.0])
    assert found(label) == []
    assert checks.without_mean_force(label) == pytest.approx(0.1 * np.sqrt(2))
    assert np.allclose(label.forces, exact) and len(label.notes) == 1
    label.forces = exact + np.array([0.12, 0.12, 0.0])
    assert "mean force is 0.170 eV/Å" in found(label)[0]
    tiny = label_of(frame)
    tiny.forces = exact + 1e-5
    checks.without_mean_force(tiny)
    assert tiny.notes == [] and np.allclose(tiny.forces, exact)


def test_band_of_energies():
    frame = frame_of()
    cold = -5.0 + np.random.default_rng(0).normal(0, 0.002, 30)
    assert found(label_of(frame, energy=12 * -4.7), energies=cold) == []  # a hot frame after cold ones
    assert "0.600 from the median" in found(label_of(frame, energy=12 * (np.median(cold) + 0.6)), energies=cold)[0]
    assert found(label_of(frame, energy=12 * -4.4), energies=cold[:9]) == []  # too few for a band
    wide = -5.0 + np.random.default_rng(0).normal(0, 0.2, 200)
    assert found(label_of(frame, energy=12 * -4.0), energies=wide) == []
    # One wrong entry must not widen the band.
    assert found(label_of(frame, energy=12 * -3.0), energies=[*cold, 1000.0]) != []
    # A frame that a potential at a loss has made lies far above those that train, though not anywhere.
    harvested = {"energies": cold, "floor": checks.HARVESTED_FLOOR}
    assert found(label_of(frame, energy=12 * -1.2), **harvested) == []
    assert "from the median" in found(label_of(frame, energy=12 * 8.0), **harvested)[0]


def record(state, seconds=60.0, reason="", core_seconds=None):
    own = state in ("computed", "failed")
    return {
        "state": state,
        "seconds": seconds,
        "core_seconds": seconds if core_seconds is None else core_seconds,
        "scf_steps": 9,
        "file": "a.extxyz",
        "reason": reason,
        "own": own,
    }


def test_table_and_its_header(tmp_path):
    records = {7: record("computed", 100.0), 3: record("stored", 200.0), 5: record("failed", 10.0, "a, b")}
    status.write(tmp_path / "status.csv", records, SETTINGS)
    table = read_table(tmp_path / "status.csv")
    assert table.frame.tolist() == [3, 5, 7]
    assert table.state.tolist() == ["stored", "failed", "computed"]
    assert table.reason[1] == "a, b"
    header = read_header(tmp_path / "status.csv")
    assert SETTINGS.fingerprint in header[0] and header[1] == "frames: 1 computed, 1 failed, 1 stored"
    assert "2 min 30 s" in header[2]
    status.write(tmp_path / "empty.csv", {})
    assert len(read_table(tmp_path / "empty.csv")) == 0


def test_more_than_a_fifth_of_failures_stops():
    records = {i: record("computed") for i in range(8)} | {8: record("failed", reason="x"), 9: record("failed")}
    status.refuse_failures(records)
    records[10] = record("failed", reason="no convergence")
    with pytest.raises(UserError, match="3 of 11 frames got no label") as refused:
        status.refuse_failures(records)
    assert "frame 10: no convergence" in str(refused.value)
    status.refuse_failures({1: record("failed"), 2: record("computed")})


def test_median_forecast_and_budget():
    records = {1: record("computed", 100.0), 2: record("stored", 300.0), 3: record("failed", 1000.0)}
    assert status.median_seconds(records) == 200
    assert status.core_hours(records) == pytest.approx(1100 / 3600)  # the stored one is another study's
    assert status.forecast(3, records) == "3 frames to label, about 10 min 00 s one after the other (3 min 20 s each)"
    assert status.forecast(1, {}) == "1 frame to label; no time of a label is known yet"
    assert status.forecast(0, {}) == "0 frames to label"
    assert status.affordable(None, records) is None
    assert status.affordable({"frames": 10}, records) == 8
    assert status.affordable({"core_hours": 1}, records, cores=2) == int((3600 - 1100) / 400)
    assert status.affordable({"core_hours": 0.1}, records) == 0
    assert status.affordable({"core_hours": 1}, {}) == 1
    assert status.affordable({"frames": 1, "core_hours": 100}, records) == 0


def test_progress_counts_the_frames_of_the_last_choice_of_each_potential(tmp_path):
    assert status.progress(tmp_path) == "0 frames to label"
    for number, asked in ((1, [1, 2, 3]), (2, [4, 5])):
        path = tmp_path / f"potentials/optimal/iteration_01/choice_{number}/database.json"
        write_json(path, {"asked": asked})
        os.utime(path, (number, number))
    assert status.progress(tmp_path) == "2 frames to label; no time of a label is known yet"
    write_json(tmp_path / "labels/1.json", record("computed", 90.0))
    write_json(tmp_path / "labels/5.json", record("computed", 110.0))
    assert status.progress(tmp_path) == "1 frame to label, about 1 min 40 s one after the other (1 min 40 s each)"
