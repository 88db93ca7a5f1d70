"""Reading and checking trajectories."""

import dataclasses
import gzip

import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from conftest import ROOT
from reading import SETTINGS, entry

from gapglass.base.errors import UserError
from gapglass.frames import checks, readers, store, trajectory


@pytest.fixture
def file(tmp_path, blyp_frames):
    write(tmp_path / "run.extxyz", blyp_frames[:20], format="extxyz")
    return tmp_path / "run.extxyz"


def with_one_bad_frame(tmp_path, frames, spoil, number=3):
    """Write 20 frames, of which ``spoil`` changes one; return the path."""
    frames = [frame.copy() for frame in frames[:20]]
    spoil(frames[number])
    write(tmp_path / "run.extxyz", frames, format="extxyz")
    return tmp_path / "run.extxyz"


def test_frames_come_through_unchanged(file, blyp_frames):
    frames, table, summary = trajectory.import_frames([entry(file, interval=20)], SETTINGS)
    assert (summary["n_frames"], summary["n_rejected"], summary["species"]) == (20, 0, ["O", "Te"])
    assert summary["virials"] and summary["energy_source"] == ["REF_energy"]
    np.testing.assert_allclose(frames[7].arrays["REF_forces"], blyp_frames[7].arrays["REF_forces"])
    np.testing.assert_allclose(table["energy_ev_per_atom"][7], blyp_frames[7].info["REF_energy"] / 48)
    assert table["time_ps"][3] == pytest.approx(0.06)
    assert table["density_g_per_cm3"][0] == pytest.approx(5.6, abs=0.02)
    assert 1.6 < summary["closest_distance_angstrom"]["O-Te"] < 2.0


def test_start_stop_stride_where(file):
    indices = [index for index, _ in trajectory.read_raw(entry(file, start=2, stop=15, stride=4))]
    assert indices == [2, 6, 10, 14]
    hot = [raw.atoms.info["temperature"] for _, raw in trajectory.read_raw(entry(file, where={"temperature": 1000}))]
    assert hot and set(hot) == {1000}


def test_compressed_file_reads_alike(file, tmp_path):
    packed = tmp_path / "run.extxyz.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    plain = [raw.atoms.positions for _, raw in trajectory.read_raw(entry(file))]
    np.testing.assert_array_equal(plain, [raw.atoms.positions for _, raw in trajectory.read_raw(entry(packed))])


def test_written_virial_is_nine_numbers_that_gap_fit_reads(tmp_path, file):
    frames, *_ = trajectory.import_frames([entry(file)], SETTINGS)
    store.write_frames(tmp_path / "out.extxyz", frames)
    assert "_JSON" not in (tmp_path / "out.extxyz").read_text()
    np.testing.assert_allclose(
        np.reshape(read(tmp_path / "out.extxyz", 2).info["REF_virial"], (3, 3)), frames[2].info["REF_virial"]
    )


def nan_force(frame):
    frame.arrays["REF_forces"][4, 1] = np.nan


def huge_force(frame):
    frame.arrays["REF_forces"][4, 1] = 500.0


def no_energy(frame):
    del frame.info["REF_energy"]


def nan_energy(frame):
    frame.info["REF_energy"] = np.nan


def no_cell(frame):
    frame.cell[:] = 0


def not_periodic(frame):
    frame.pbc = [True, True, False]


def overlap(frame):
    frame.positions[1] = frame.positions[0] + [0.1, 0, 0]


def overlap_through_the_boundary(frame):
    frame.positions[0] = [0.05, 1, 1]
    frame.positions[1] = [frame.cell[0, 0] - 0.05, 1, 1]


def nan_position(frame):
    frame.positions[0, 0] = np.nan


def short_virial(frame):
    frame.info["REF_virial"] = np.ones(6)


def stress_without_a_cell(frame):
    energy, forces = frame.info.pop("REF_energy"), frame.arrays.pop("REF_forces")
    frame.info.pop("REF_virial")
    frame.calc = SinglePointCalculator(frame, energy=energy, forces=forces, stress=np.ones(6))
    frame.cell[:] = 0
    frame.pbc = False


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (short_virial, "a virial that is not nine finite numbers"),
        (stress_without_a_cell, "no cell"),
        (nan_force, "forces that are not finite"),
        (huge_force, "above import.max_force"),
        (no_energy, "no energy"),
        (nan_energy, "energy that is not a finite"),
        (no_cell, "no cell"),
        (not_periodic, "not periodic"),
        (overlap, "below import.min_distance"),
        (overlap_through_the_boundary, "below import.min_distance"),
        (nan_position, "positions that are not finite"),
    ],
)
def test_bad_frame_is_rejected_counted_and_named(tmp_path, blyp_frames, spoil, reason):
    path = with_one_bad_frame(tmp_path, blyp_frames, spoil)
    frames, _, summary = trajectory.import_frames([entry(path)], SETTINGS)
    assert len(frames) == 19
    assert [item["source_index"] for item in summary["rejected"]] == [3]
    assert reason in summary["rejected"][0]["reasons"][0]
    with pytest.raises(UserError, match=r"1 of 20 frames fail.*max_rejected_fraction"):
        trajectory.import_frames([entry(path)], SETTINGS | {"max_rejected_fraction": 0.01})


def test_frame_without_a_temperature_is_rejected(tmp_path, blyp_frames):
    path = with_one_bad_frame(tmp_path, blyp_frames, lambda frame: frame.info.pop("temperature"))
    _, _, summary = trajectory.import_frames([entry(path, temperature=None, temperature_key="temperature")], SETTINGS)
    assert "no number under temperature_key 'temperature'" in summary["rejected"][0]["reasons"][0]


def test_repeated_frame_is_left_out_and_counted(tmp_path, blyp_frames):
    write(tmp_path / "run.extxyz", [*blyp_frames[:12], blyp_frames[5]], format="extxyz")
    frames, _, summary = trajectory.import_frames(
        [entry(tmp_path / "run.extxyz")], SETTINGS | {"max_rejected_fraction": 0}
    )
    assert (len(frames), summary["n_rejected"]) == (12, 0)
    assert summary["left_out"] == {"run": {"repetitions of an earlier frame": 1}}


def test_repetition_with_another_energy_is_a_contradiction_and_rejected(tmp_path, blyp_frames):
    other = blyp_frames[5].copy()
    other.info["REF_energy"] += 1.0
    write(tmp_path / "run.extxyz", [*blyp_frames[:12], other], format="extxyz")
    _, _, summary = trajectory.import_frames([entry(tmp_path / "run.extxyz")], SETTINGS)
    (reason,) = summary["rejected"][0]["reasons"]
    assert reason.startswith("a repetition of frame 5 of trajectory 'run' with another energy")
    assert f"{other.info['REF_energy']:.6f} eV after {blyp_frames[5].info['REF_energy']:.6f} eV" in reason


def test_missing_forces_everywhere_stop_the_run(tmp_path, blyp_frames):
    frames = [frame.copy() for frame in blyp_frames[:12]]
    for frame in frames:
        del frame.arrays["REF_forces"]
    write(tmp_path / "run.extxyz", frames, format="extxyz")
    with pytest.raises(UserError, match="no forces"):
        trajectory.import_frames([entry(tmp_path / "run.extxyz")], SETTINGS)


def test_mixed_kinds_of_energy_are_refused(tmp_path, blyp_frames):
    frames = [frame.copy() for frame in blyp_frames[:12]]
    energy, forces = frames[3].info.pop("REF_energy"), frames[3].arrays.pop("REF_forces")
    frames[3].calc = SinglePointCalculator(frames[3], energy=energy, forces=forces)
    write(tmp_path / "run.extxyz", frames, format="extxyz")
    with pytest.raises(UserError, match=r"different kinds \(REF_energy, energy\)"):
        trajectory.import_frames([entry(tmp_path / "run.extxyz")], SETTINGS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"file": "absent.extxyz"}, "there is no file absent.extxyz"),
        ({"where": {"temperature": 5}}, "gives no frame"),
        ({"start": 100}, "gives no frame"),
        ({"temperature": None, "temperature_key": "temp"}, "temperature_key 'temp'"),
    ],
)
def test_unusable_entry(file, changes, message):
    with pytest.raises(UserError, match=message):
        trajectory.import_frames([entry(file, **changes)], SETTINGS)


@pytest.mark.parametrize("n_lines", [50 * 12 + 1, 50 * 12 + 2, 50 * 12 + 3, 50 * 12 + 49])
def test_truncated_file_is_named(file, n_lines):
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:n_lines]))
    with pytest.raises(UserError, match="cannot be read as extended XYZ after frame 12"):
        trajectory.import_frames([entry(file)], SETTINGS)


@pytest.mark.parametrize("choice", ["leave_out", "keep"])
def test_frames_that_are_not_converged_are_left_out_or_kept_and_counted(tmp_path, blyp_frames, choice):
    frames = [frame.copy() for frame in blyp_frames[:14]]
    for number, frame in enumerate(frames):
        frame.info["converged"] = number not in (3, 8)
    write(tmp_path / "run.extxyz", frames, format="extxyz")
    settings = SETTINGS | {"unconverged": choice, "max_rejected_fraction": 0}
    found, table, summary = trajectory.import_frames([entry(tmp_path / "run.extxyz")], settings)
    assert summary["unconverged"] == {"run": 2} and summary["n_rejected"] == 0
    if choice == "keep":
        assert len(found) == 14 and summary["notes"] == [
            "run: 2 frames are not converged and are kept (import.unconverged)"
        ]
    else:
        assert summary["left_out"] == {"run": {"not converged (import.unconverged)": 2}}
        assert table["source_index"].tolist() == [n for n in range(14) if n not in (3, 8)]


def test_settings_that_files_state_are_recorded_and_compared(tmp_path, blyp_frames, monkeypatch):
    def reading(source):
        source.settings.update({"functional": "BLYP", "cutoff_ev": 400.0 if source.name == "one" else 500.0})
        yield from form.frames(source)

    form = readers.FORMATS["extxyz"]
    monkeypatch.setitem(readers.FORMATS, "extxyz", dataclasses.replace(form, frames=reading))
    write(tmp_path / "one.extxyz", blyp_frames[:12], format="extxyz")
    write(tmp_path / "two.extxyz", blyp_frames[12:20], format="extxyz")
    both = [entry(tmp_path / f"{name}.extxyz", name=name) for name in ("one", "two")]
    _, _, summary = trajectory.import_frames(both, SETTINGS)
    assert summary["settings"]["two"] == {"functional": "BLYP", "cutoff_ev": 500.0}
    assert (
        summary["notes"][0]
        == "the trajectories were computed with different settings, cutoff_ev: 400.0 in one; 500.0 in two"
    )


def test_only_the_frames_of_the_structure_reference_must_agree(blyp_frames):
    composition = {"Te": 1, "O": 2}

    def frame(temperature, n_units, role="reference"):
        atoms = blyp_frames[0][[*range(4 * n_units), *range(4 * n_units)][: 3 * n_units]]
        atoms.numbers = [52] * n_units + [8] * (2 * n_units)
        atoms.info = {"role": role, "temperature": temperature, "trajectory": f"of-{3 * n_units}", "frame": 0}
        return atoms

    checks.check_reference(composition, [frame(300, 4), frame(2000, 6), frame(300, 8, "extra")], 300)
    with pytest.raises(UserError, match="different sizes: O8Te4 in trajectory 'of-12', O12Te6 in trajectory 'of-18'"):
        checks.check_reference(composition, [frame(300, 4), frame(300, 6)], 300)
    with pytest.raises(UserError, match=r"trajectory 'of-12' has role reference and holds O8Te4, glass.composition"):
        checks.check_reference({"Te": 1, "O": 3}, [frame(300, 4)], 300)
    checks.check_reference({"Te": 1, "O": 3}, [frame(2000, 4)], 300)


def test_repeated_frames_of_a_restart_stop_nothing():
    path = ROOT / "tests/data/faults/repeated-frames/dup1.extxyz"
    read = entry(path, temperature=None, temperature_key="temperature")
    frames, _, summary = trajectory.import_frames([read], SETTINGS | {"max_rejected_fraction": 0})
    assert len(frames) == 40 and summary["left_out"] == {"run": {"repetitions of an earlier frame": 1}}
