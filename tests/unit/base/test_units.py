"""Units: values of constants, and the signs of stress, pressure and virial."""

import numpy as np
import pytest
from ase import Atoms, units

from gapglass.base.units import (
    ENERGY_EV,
    FORCE_EV_PER_ANGSTROM,
    LENGTH_ANGSTROM,
    PRESSURE_EV_PER_ANGSTROM3,
    TIME_FS,
    kinetic_virial,
    tensor,
)


@pytest.mark.parametrize(
    ("table", "unit", "value"),
    [
        # NIST, CODATA 2018, to the digits in which the editions agree
        (ENERGY_EV, "Hartree", 27.2113862),
        (ENERGY_EV, "Ry", 13.6056931),
        (ENERGY_EV, "kcal/mol", 0.0433641),
        (ENERGY_EV, "kJ/mol", 0.01036427),
        (LENGTH_ANGSTROM, "Bohr", 0.529177211),
        (FORCE_EV_PER_ANGSTROM, "Hartree/Bohr", 51.4220675),
        (FORCE_EV_PER_ANGSTROM, "Ry/Bohr", 25.7110337),
        (FORCE_EV_PER_ANGSTROM, "kJ/mol/nm", 0.001036427),
        (PRESSURE_EV_PER_ANGSTROM3, "GPa", 1 / 160.2176634),
        (PRESSURE_EV_PER_ANGSTROM3, "kbar", 1 / 1602.176634),
        (PRESSURE_EV_PER_ANGSTROM3, "bar", 1 / 1602176.634),
        (PRESSURE_EV_PER_ANGSTROM3, "atm", 1.01325 / 1602176.634),
        (PRESSURE_EV_PER_ANGSTROM3, "Ry/Bohr^3", 14710.5076 / 160.2176634),
        (PRESSURE_EV_PER_ANGSTROM3, "Hartree/Bohr^3", 29421.0152 / 160.2176634),
        (TIME_FS, "a.u.", 0.0241888433),
        (TIME_FS, "ps", 1000.0),
    ],
)
def test_values_of_units(table, unit, value):
    assert table[unit] == pytest.approx(value, rel=2e-7)


def test_share_of_the_motion():
    # an ideal gas: pressure x volume is two thirds of the kinetic energy
    atoms = Atoms("H2", positions=[[0, 0, 0], [1, 0, 0]])
    velocity = np.array([[0.01, 0.02, 0.0], [0.0, 0.0, -0.03]])  # Å/fs
    atoms.set_velocities(velocity / units.fs)
    assert np.trace(kinetic_virial(atoms.get_masses(), velocity)) == pytest.approx(2 * atoms.get_kinetic_energy())


def test_order_of_six_numbers():
    six = [1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(tensor(six, "xx yy zz yz xz xy"), [[1, 6, 5], [6, 2, 4], [5, 4, 3]])
    np.testing.assert_array_equal(tensor(six, "xx yy zz xy yz zx"), [[1, 4, 6], [4, 2, 5], [6, 5, 3]])
