"""Labels from the calculator, and the sign of the virial."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from gapglass.base.units import virial_from_pressure, virial_from_stress
from gapglass.frames import labels


def strain_derivative(atoms, i, j, size=1e-4):
    """Return -dE/d(strain) in eV, the definition of the virial."""
    energies = []
    for sign in (1, -1):
        strain = np.eye(3)
        strain[i, j] += sign * size / 2
        strain[j, i] += sign * size / 2
        strained = atoms.copy()
        strained.set_cell(atoms.cell @ strain, scale_atoms=True)
        strained.calc = EMT()
        energies.append(strained.get_potential_energy())
    return -(energies[0] - energies[1]) / (2 * size)


def test_virial_is_minus_the_derivative_of_the_energy_by_the_strain(rng):
    atoms = Atoms(
        "Cu4",
        scaled_positions=[[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]],
        cell=np.eye(3) * 3.4,
        pbc=True,
    )
    atoms.set_cell(atoms.cell @ (np.eye(3) + rng.uniform(-0.03, 0.03, (3, 3))), scale_atoms=True)
    atoms.rattle(0.05, seed=3)
    atoms.calc = EMT()
    stress = atoms.get_stress()
    atoms.calc = SinglePointCalculator(atoms, energy=0.0, stress=stress)
    virial = labels.labels(atoms)["virial"]
    assert np.trace(virial) > 1  # a compressed cell has a positive pressure and virial
    for i, j in ((0, 0), (1, 1), (0, 1), (1, 2)):
        assert virial[i, j] == pytest.approx(strain_derivative(atoms, i, j), rel=1e-3, abs=1e-4)
    full = np.array([stress[k] for k in (0, 5, 4, 5, 1, 3, 4, 3, 2)])
    volume = atoms.get_volume()
    np.testing.assert_allclose(virial_from_stress(full.reshape(3, 3), volume), virial)
    np.testing.assert_allclose(virial_from_pressure(-full * 1602.1766, volume, "kbar"), virial, rtol=1e-6)


def test_labels_in_the_calculator_and_the_sign_of_the_virial(blyp_frames):
    bare = blyp_frames[0].copy()
    stress = np.array([0.1, 0.2, 0.3, 0.04, 0.05, 0.06])
    bare.calc = SinglePointCalculator(bare, energy=-5.0, free_energy=-5.5, forces=np.ones((48, 3)), stress=stress)
    bare.info.clear()
    del bare.arrays["REF_forces"]
    label = labels.labels(bare)
    assert (label["energy"], label["energy_source"]) == (-5.5, "free_energy")
    assert labels.labels(bare, "energy")["energy"] == -5.0
    np.testing.assert_allclose(label["virial"][0], -bare.get_volume() * np.array([0.1, 0.06, 0.05]))
