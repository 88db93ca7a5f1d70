"""Labels of two calculators in one file: one family of keys is read, a mixture is refused, all keys are listed."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from conftest import ROOT
from reading import SETTINGS, entry, frames_of

from gapglass.base.errors import UserError
from gapglass.frames import inspection, readers, trajectory
from gapglass.frames.readers import label_names

TWO_CALCULATORS = ROOT / "tests/data/faults/labels-of-two-calculators/mixed_stress.extxyz"
STRESS = np.array([0.1, 0.2, 0.3, 0.04, 0.05, 0.06])


def labelled(info=None, arrays=None, results=None):
    """Return a frame of four atoms with these labels."""
    atoms = Atoms("TeOTeO", positions=[[0, 0, 0], [2, 0, 0], [0, 4, 0], [2, 4, 0]], cell=[8, 8, 8], pbc=True)
    atoms.info = dict(info or {})
    atoms.arrays |= {name: np.full((4, 3), value) for name, value in (arrays or {}).items()}
    if results:
        atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def read_back(tmp_path, atoms, ending="extxyz", **options):
    path = tmp_path / f"run.{ending}"
    write(path, [atoms])
    (found,), source = frames_of(path, **options)
    return found, source


def test_virial_is_of_the_calculator_of_the_energy():
    found, _ = frames_of(TWO_CALCULATORS)
    assert len(found) == 12
    for raw in found:
        np.testing.assert_allclose(raw.virial, -5.12 * np.eye(3))
        assert np.abs(raw.forces).max() < 2  # those of the other calculator are 9 and more


def test_stress_of_another_calculator_is_no_virial_and_noted(tmp_path):
    found, source = read_back(
        tmp_path, labelled({"REF_energy": -30.0}, {"REF_forces": 0.1}, {"energy": -29.0, "stress": STRESS})
    )
    assert found.virial is None and found.energies["REF_energy"] == -30.0
    assert "no virial is read: stress is not of the same calculator" in source.notes[0]


@pytest.mark.parametrize("name", ["REF_virial", "REF_virials", "REF_stress"])
def test_names_of_the_virial_within_the_family(tmp_path, name):
    sign = -1 / 512 if "stress" in name else 1
    found, source = read_back(
        tmp_path, labelled({"REF_energy": -30.0, name: sign * np.arange(1.0, 10.0)}, {"REF_forces": 0.1})
    )
    np.testing.assert_allclose(found.virial.ravel(), np.arange(1.0, 10.0), rtol=1e-6)
    assert not source.notes


def test_energy_and_forces_of_two_calculators_are_refused_with_the_entry_to_paste(tmp_path):
    atoms = labelled({"REF_energy": -30.0}, {"REF_force": 0.1}, {"energy": -29.0, "forces": np.ones((4, 3))})
    with pytest.raises(UserError, match=r"REF_energy, but the forces that go with it are missing") as error:
        read_back(tmp_path, atoms)
    assert "`keys: {energy: REF_energy, forces: REF_force}`" in str(error.value)
    assert all(key in str(error.value) for key in ("REF_energy", "REF_force", "energy", "forces"))
    found, _ = read_back(tmp_path, atoms, keys={"energy": "REF_energy", "forces": "REF_force"})
    assert found.energies == {"energy": -30.0} and np.all(found.forces == 0.1)


@pytest.mark.parametrize("ending", ["traj", "db"])
def test_mixture_in_the_files_of_ase_which_hold_no_further_columns(tmp_path, ending):
    atoms = labelled({"REF_energy": -30.0}, {}, {"energy": -29.0, "forces": np.ones((4, 3))})
    path = tmp_path / f"run.{ending}"
    if ending == "db":
        from ase.db import connect

        connect(path).write(atoms, REF_energy=-30.0)
    else:
        write(path, atoms)
    with pytest.raises(
        UserError, match=r"forces that go with it are missing.*`keys: \{energy: energy, forces: forces\}`"
    ):
        frames_of(path)
    (found,), _ = frames_of(path, keys={"energy": "energy", "forces": "forces"})
    assert found.energies == {"energy": -29.0} and np.all(found.forces == 1)


def test_energy_of_ase_with_forces_of_another_name_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"`keys: \{energy: dft_energy, forces: dft_forces, virial: dft_virial\}`"):
        read_back(
            tmp_path,
            labelled({"dft_energy": -30.0, "dft_virial": np.arange(9.0)}, {"dft_forces": 0.1}, {"energy": -29.0}),
        )


def test_labels_under_other_names_only_are_rejected_with_the_entry_to_paste(tmp_path):
    frames = [labelled({"dft_energy": -30.0}, {"dft_forces": 0.1}) for _ in range(12)]
    write(tmp_path / "run.extxyz", frames)
    with pytest.raises(UserError, match=r"no energy .*`keys: \{energy: dft_energy, forces: dft_forces\}`"):
        trajectory.import_frames([entry(tmp_path / "run.extxyz")], SETTINGS)


def test_inspect_lists_all_keys_that_look_like_labels():
    found = inspection.inspect(readers.source_of(entry(TWO_CALCULATORS)))
    assert set(found["label_keys"]) == {"REF_energy", "REF_forces", "REF_stress", "energy", "forces", "stress"}
    text = inspection.text(found)
    assert "NOT USED forces, energy, stress" in text
    assert "pressure -1.6 GPa" in text  # 0.01 eV/Å³ of tension


@pytest.mark.parametrize(
    ("key", "kind", "family"),
    [
        ("REF_energy", "energy", "ref"),
        ("energy", "energy", ""),
        ("free_energy", "free_energy", ""),
        ("REF_free_energy", "free_energy", "ref"),
        ("dft-force", "forces", "dft"),
        ("forces_mace", "forces", "mace"),
        ("DFT_virials", "virial", "dft"),
        ("stress", "stress", ""),
        ("energy_sigma", None, None),
        ("energy_unit", None, None),
        ("kinetic_energy", None, None),
        ("energy_per_atom", None, None),
        ("temperature", None, None),
    ],
)
def test_kind_and_family_of_a_key(key, kind, family):
    assert label_names.family_of(key) == (kind, family)
