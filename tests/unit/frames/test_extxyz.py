"""Reader of extended XYZ with declared keys."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from reading import SETTINGS, entry, frames_of

from gapglass.frames import trajectory


def test_declared_keys_and_their_units(tmp_path, blyp_frames):
    frames = []
    for frame in blyp_frames[:3]:
        other = Atoms(frame.numbers, positions=frame.positions, cell=frame.cell, pbc=True)
        stress = -np.reshape(frame.info["REF_virial"], (3, 3)) / frame.get_volume()
        other.info = {
            "E0": frame.info["REF_energy"] / units.Hartree,
            "sigma": (stress / units.GPa).ravel(),
            "t": 0.02 * len(frames),
        }
        other.info["REF_energy"] = 1.0  # `keys` does not name it, so it is no label
        other.arrays["f_dft"] = frame.arrays["REF_forces"] / (units.Hartree / units.Bohr)
        frames.append(other)
    write(tmp_path / "run.extxyz", frames, format="extxyz")
    keys = {"energy": "E0", "forces": "f_dft", "stress": "sigma", "time": "t"}
    unit = {"energy": "Hartree", "forces": "Hartree/Bohr", "stress": "GPa", "time": "ps"}
    found, _ = frames_of(tmp_path / "run.extxyz", keys=keys, key_units=unit)
    for raw, frame in zip(found, blyp_frames, strict=False):
        assert raw.energies == {"energy": pytest.approx(frame.info["REF_energy"])}
        np.testing.assert_allclose(raw.forces, frame.arrays["REF_forces"], atol=1e-6)
        np.testing.assert_allclose(raw.virial, np.reshape(frame.info["REF_virial"], (3, 3)), atol=1e-5)
    assert [raw.time_fs for raw in found] == pytest.approx([0.0, 20.0, 40.0])
    keys["pressure"] = keys.pop("stress")
    turned, _ = frames_of(
        tmp_path / "run.extxyz",
        keys=keys,
        key_units={"energy": "Hartree", "forces": "Hartree/Bohr", "pressure": "GPa"},
    )
    np.testing.assert_allclose(turned[0].virial, -found[0].virial)


def test_keys_that_ase_takes_for_its_calculator_can_be_declared(tmp_path, blyp_frames):
    frame = Atoms(blyp_frames[0].numbers, positions=blyp_frames[0].positions, cell=blyp_frames[0].cell, pbc=True)
    stress = np.array([0.1, 0.2, 0.3, 0.04, 0.05, 0.06])
    frame.calc = SinglePointCalculator(frame, energy=-5.0, forces=np.ones((48, 3)), stress=stress)
    write(tmp_path / "run.xyz", [frame], format="extxyz")
    found, source = frames_of(
        tmp_path / "run.xyz", keys={"free_energy": "energy", "forces": "forces", "pressure": "stress"}
    )
    assert source.format == "extxyz"
    assert found[0].energies == {"free_energy": -5.0}
    np.testing.assert_allclose(found[0].virial[0], frame.get_volume() * np.array([0.1, 0.06, 0.05]))


def test_time_of_the_file_is_taken_unless_an_interval_is_given(tmp_path, blyp_frames):
    frames = [frame.copy() for frame in blyp_frames[:12]]
    for number, frame in enumerate(frames):
        frame.info["t"] = 7.5 * number**2
    write(tmp_path / "run.extxyz", frames, format="extxyz")
    keys = {"energy": "REF_energy", "forces": "REF_forces", "time": "t"}
    _, table, _ = trajectory.import_frames([entry(tmp_path / "run.extxyz", keys=keys)], SETTINGS)
    np.testing.assert_allclose(table["time_ps"], [0.0075 * n**2 for n in range(12)])
    _, table, _ = trajectory.import_frames([entry(tmp_path / "run.extxyz", keys=keys, interval=20.0)], SETTINGS)
    np.testing.assert_allclose(table["time_ps"], [0.02 * n for n in range(12)])
