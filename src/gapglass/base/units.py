"""Conversion to the units of gapglass (eV, Å, fs, K), and the signs of stress, pressure and virial.

The constants are those of ``ase.units`` (CODATA 2014). virial = -stress x volume = pressure x volume.
"""

import numpy as np
from ase import units

AMU_PER_A3_IN_G_PER_CM3 = 1e24 / units.mol
BAR_PER_GPA = 1e4
BOLTZMANN_EV_PER_K = units.kB
ENERGY_EV = {
    "eV": 1.0,
    "Hartree": units.Hartree,
    "Ry": units.Rydberg,
    "kcal/mol": units.kcal / units.mol,
    "kJ/mol": units.kJ / units.mol,
}
LENGTH_ANGSTROM = {"A": 1.0, "Bohr": units.Bohr, "nm": 10.0}
FORCE_EV_PER_ANGSTROM = {
    "eV/A": 1.0,
    "Hartree/Bohr": units.Hartree / units.Bohr,
    "Ry/Bohr": units.Rydberg / units.Bohr,
    "kcal/mol/A": units.kcal / units.mol,
    "kJ/mol/nm": units.kJ / units.mol / 10.0,
}
PRESSURE_EV_PER_ANGSTROM3 = {
    "eV/A^3": 1.0,
    "GPa": units.GPa,
    "kbar": 0.1 * units.GPa,
    "bar": units.bar,
    "atm": 101325 * units.Pascal,
    "Hartree/Bohr^3": units.Hartree / units.Bohr**3,
    "Ry/Bohr^3": units.Rydberg / units.Bohr**3,
}
# The atomic unit of time is that of Hartree atomic units, hbar / Hartree.
TIME_FS = {"fs": 1.0, "ps": 1000.0, "a.u.": units._aut * 1e15}


def energy(value, unit):
    """Return energies in eV."""
    return np.multiply(value, ENERGY_EV[unit])


def length(value, unit):
    """Return lengths in Å."""
    return np.multiply(value, LENGTH_ANGSTROM[unit])


def forces(value, unit):
    """Return forces in eV/Å."""
    return np.multiply(value, FORCE_EV_PER_ANGSTROM[unit])


def time(value, unit):
    """Return times in fs."""
    return np.multiply(value, TIME_FS[unit])


def velocities(value, length_unit, time_unit):
    """Return velocities in Å/fs."""
    return np.multiply(value, LENGTH_ANGSTROM[length_unit] / TIME_FS[time_unit])


def virial_from_stress(stress, volume, unit="eV/A^3"):
    """Return the virial (eV, 3 x 3) of a stress that is positive under tension, as in ASE.

    Parameters
    ----------
    stress : array-like, shape (3, 3)
    volume : float
        Å³.
    unit : str
        Key of ``PRESSURE_EV_PER_ANGSTROM3``.
    """
    return -virial_from_pressure(stress, volume, unit)


def virial_from_pressure(pressure, volume, unit="eV/A^3"):
    """Return the virial (eV, 3 x 3) of a pressure tensor, which is positive under compression, as most codes print it.

    Parameters
    ----------
    pressure : array-like, nine numbers
    volume : float
        Å³.
    unit : str
        Key of ``PRESSURE_EV_PER_ANGSTROM3``.
    """
    return np.asarray(pressure, float).reshape(3, 3) * (PRESSURE_EV_PER_ANGSTROM3[unit] * volume)


def kinetic_virial(masses, velocities_angstrom_per_fs):
    """Return sum m v v (eV, 3 x 3), the kinetic contribution to a pressure tensor x volume.

    The virial of a label does not include it.

    Parameters
    ----------
    masses : array-like, shape (n_atoms,)
        Atomic mass units.
    velocities_angstrom_per_fs : array-like, shape (n_atoms, 3)
    """
    speed = np.asarray(velocities_angstrom_per_fs, float) / units.fs
    return np.einsum("i,ia,ib->ab", masses, speed, speed)


def tensor(six, order):
    """Return a symmetric 3 x 3 tensor from six numbers.

    Parameters
    ----------
    six : sequence of float
    order : str
        Their components, for example "xx yy zz yz xz xy", the order of ASE and of Voigt.
    """
    full = np.empty((3, 3))
    for value, name in zip(six, order.split(), strict=True):
        i, j = ("xyz".index(letter) for letter in name)
        full[i, j] = full[j, i] = value
    return full
