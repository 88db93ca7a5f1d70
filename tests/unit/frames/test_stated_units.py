"""Units that a file states: known names are converted, unknown ones refused, contradictions told."""

import numpy as np
import pytest
from ase import units
from ase.io import write
from reading import frames_of
from test_label_families import labelled, read_back

from gapglass.base.errors import UserError
from gapglass.frames.readers.stated_units import factor

ATOMIC = {"energy": units.Hartree, "forces": units.Hartree / units.Bohr, "stress": units.GPa}


@pytest.mark.parametrize(
    "names",
    [
        ("energy-unit", "force_unit", "stress_unit"),
        ("energy_units", "forces-units", "stress_units"),
        ("unit_energy", "unit_forces", "unit_stress"),
        ("REF_energy_unit", "REF_force_unit", "REF_stress_unit"),
    ],
)
def test_stated_units_are_converted(tmp_path, names):
    said = dict(zip(names, ("hartree", "hartree/bohr", "GPa"), strict=True))
    atoms = labelled({"REF_energy": -2.0, "REF_stress": 3.0 * np.eye(3).ravel(), **said}, {"REF_forces": 0.1})
    found, source = read_back(tmp_path, atoms)
    assert found.energies["REF_energy"] == pytest.approx(-2 * units.Hartree)
    np.testing.assert_allclose(found.forces, 0.1 * units.Hartree / units.Bohr)
    np.testing.assert_allclose(found.virial, -3.0 * units.GPa * 512 * np.eye(3), atol=1e-9)
    assert not source.notes


def test_stated_length_converts_cell_and_positions(tmp_path):
    atoms = labelled({"REF_energy": -2.0, "length_unit": "bohr"}, {"REF_forces": 0.1})
    found, source = read_back(tmp_path, atoms)
    np.testing.assert_allclose(found.atoms.positions, atoms.positions * units.Bohr)
    np.testing.assert_allclose(found.atoms.cell[0, 0], 8 * units.Bohr)
    assert "no unit of energy and forces" in source.notes[0]


def test_units_of_one_family_do_not_touch_another(tmp_path):
    found, _ = read_back(tmp_path, labelled({"REF_energy": -2.0, "dft_energy_unit": "hartree"}, {"REF_forces": 0.1}))
    assert found.energies["REF_energy"] == -2.0


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("energy_unit", "erg"),
        ("stress_unit", "psi"),
        ("force_units", "N"),
        ("units", "metal"),
        ("temperature_unit", "C"),
    ],
)
def test_unknown_units_are_refused_by_name(tmp_path, key, text):
    with pytest.raises(UserError, match=f"{key}={text}, a unit that is not known"):
        read_back(tmp_path, labelled({"REF_energy": -2.0, key: text}, {"REF_forces": 0.1}))


def test_declared_keys_take_the_stated_unit_and_refuse_a_contradiction(tmp_path):
    atoms = labelled({"e": -2.0, "energy_unit": "Ry"}, {"f": 0.1})
    keys = {"energy": "e", "forces": "f"}
    found, _ = read_back(tmp_path, atoms, keys=keys)
    assert found.energies["energy"] == pytest.approx(-2 * units.Rydberg)
    assert read_back(tmp_path, atoms, keys=keys, key_units={"energy": "Ry"})[0].energies == found.energies
    with pytest.raises(UserError, match=r"key_units.energy is Hartree, but .* states energy_unit=Ry"):
        read_back(tmp_path, atoms, keys=keys, key_units={"energy": "Hartree"})


def test_keys_that_only_look_like_units_are_no_units(tmp_path):
    info = {"REF_energy": -2.0, "unit_cell": "cubic-p", "formula_units": 16, "charge_unit": "e", "n_units": "five"}
    found, source = read_back(
        tmp_path, labelled({k: v for k, v in info.items() if k != "unit_cell"}, {"REF_forces": 0.1})
    )
    assert found.energies["REF_energy"] == -2.0 and not source.notes
    write(tmp_path / "run.extxyz", labelled({"REF_energy": -2.0, "unit_cell_volume": 512.0}, {"REF_forces": 0.1}))
    assert len(frames_of(tmp_path / "run.extxyz")[0]) == 1


@pytest.mark.parametrize(
    ("quantity", "text", "value"),
    [
        ("energy", "eV", 1.0),
        ("energy", "meV", 1e-3),
        ("energy", "Ha", units.Hartree),
        ("energy", "a.u.", units.Hartree),
        ("energy", "kcal/mol", units.kcal / units.mol),
        ("energy", "kcal mol-1", units.kcal / units.mol),
        ("forces", "eV/Angstrom", 1.0),
        ("forces", "eV/Å", 1.0),
        ("forces", "eV/A", 1.0),
        ("forces", "Ha/Bohr", units.Hartree / units.Bohr),
        ("forces", "eV Ang^-1", 1.0),
        ("forces", "kcal/mol/Angstrom", units.kcal / units.mol),
        ("forces", "eV", None),
        ("stress", "eV/Å^3", 1.0),
        ("stress", "eV/Angstrom**3", 1.0),
        ("stress", "eV/A3", 1.0),
        ("stress", "eV*Ang^-3", 1.0),
        ("stress", "GPa", units.GPa),
        ("stress", "kB", None),
        ("stress", "kbar", 0.1 * units.GPa),
        ("stress", "eV/Å", None),
        ("length", "angstrom", 1.0),
        ("length", "Bohr", units.Bohr),
        ("time", "ps", 1000.0),
        ("temperature", "K", 1.0),
    ],
)
def test_names_of_units(quantity, text, value):
    assert factor(quantity, text) == (None if value is None else pytest.approx(value, rel=1e-6))
