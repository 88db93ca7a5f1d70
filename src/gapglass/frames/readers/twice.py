"""What a file states twice: counts, elements, masses, the volume of the cell, energies, kinetic energy.

A contradiction of counts, elements, cells or times is refused, because one of the two would make every frame wrong. A
contradiction of energies, masses or temperatures becomes a note with both values.
"""

import re

import numpy as np
from ase import units as constants
from ase.data import atomic_masses, atomic_numbers

# Relative; files print volumes and pressures with few digits.
SAME_VOLUME = 2e-3
# Users give hydrogen a larger mass on purpose; the rounding of a file is smaller.
SAME_MASS = 0.02


def element_of(name):
    """Return the element that is the leading letters of a name such as Te_sv, H1.25 or Te_sv/7c3a5b1e, or None."""
    symbol = re.match(r"[A-Za-z]*", str(name)).group(0).capitalize()
    return symbol if symbol in atomic_numbers and symbol != "X" else None


def check_volume(cell, volume, error, digits=0.011):
    """Refuse a cell (Å, 3 x 3) with another volume than the file states (Å³).

    Parameters
    ----------
    cell : numpy.ndarray, shape (3, 3)
    volume : float or None
        Nothing is checked if it is None.
    error : callable
        Message -> exception.
    digits : float
        Å³; rounding of the stated volume.
    """
    if volume is None:
        return
    found = abs(np.linalg.det(cell))
    if abs(found - volume) > digits + SAME_VOLUME * abs(volume):
        raise error(f"the cell vectors have a volume of {found:.3f} Å³, but the file states {volume:.3f} Å³")


def check_masses(source, masses):
    """Note masses that are not those of the elements.

    Parameters
    ----------
    source : Source
    masses : iterable of (str, float)
        Symbol and mass in atomic mass units.
    """
    for symbol, mass in masses:
        usual = atomic_masses[atomic_numbers[symbol]]
        if abs(mass - usual) > SAME_MASS * usual:
            source.note(
                f"{source.path.name} states a mass of {mass:g} for {symbol}, whose mass is {usual:.4g}; "
                "is it the right element?"
            )


def check_same(source, what, first, second, tolerance, unit, where):
    """Note two statements of one number that differ by more than ``tolerance``; NaN and None are not compared."""
    if first is not None and second is not None and abs(first - second) > tolerance:
        _note_first(source, f"{what} is stated twice and differs", f"{where}: {first:.8g} and {second:.8g} {unit}")


def check_temperature(source, n_atoms, kinetic_ev, temperature_k, where, of="the kinetic energy"):
    """Note a kinetic energy (eV) that does not belong to the temperature (K) of the same step.

    The degrees of freedom are at most three per atom. Fixed atoms and constraints reduce them, but not to less than
    half in a liquid or glass.
    """
    if kinetic_ev is None or not temperature_k or temperature_k < 10 or n_atoms < 3:
        return
    of_all = 2 * kinetic_ev / (3 * n_atoms * constants.kB)
    if not 0.5 <= of_all / temperature_k <= 1.1:
        values = f"{temperature_k:.1f} K, and {kinetic_ev:.6g} eV is {of_all:.1f} K for {n_atoms} atoms"
        _note_first(source, f"the temperature does not belong to {of}", f"{where}: {values}")


def _note_first(source, kind, example):
    """Add a note with the first step of a contradiction; further ones are counted in it."""
    text = f"{kind}, first in {example}"
    for place, note in enumerate(source.notes):
        if note.startswith(f"{kind}, first in "):
            found = re.search(r" \((\d+) steps\)$", note)
            count = int(found.group(1)) + 1 if found else 2
            source.notes[place] = f"{note[: found.start()] if found else note} ({count} steps)"
            return
    source.notes.append(text)


def state(source, **settings):
    """Add settings of the electronic structure to the source, and note those that change within its files."""
    for name, value in settings.items():
        if value is None or value == "":
            continue
        known = source.settings.setdefault(name, value)
        if known != value:
            source.note(
                f"{source.path.name} joins runs with different settings ({name}: {known} and {value}); "
                "their energies do not agree"
            )
