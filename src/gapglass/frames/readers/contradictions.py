"""What the keys of a frame state a second time: number of atoms, volume, formula, energy per atom, stress."""

from collections import Counter

import numpy as np
from ase.formula import Formula

from gapglass.base.units import tensor

N_ATOMS = {"n_atoms", "natoms", "num_atoms", "nat", "number_of_atoms"}
VOLUME = {"volume", "vol", "cell_volume"}
FORMULA = {"formula", "chemical_formula"}
VOLUME_TOLERANCE = 1e-3  # relative; files round volumes
ENERGY_TOLERANCE = 1e-3  # eV/atom
VIRIAL_TOLERANCE = 0.01  # relative, together with 0.05 eV


def contradictions(frame, stress, volume, keys):
    """Return a reason for everything that a frame states twice with different values.

    Parameters
    ----------
    frame : RawFrame
        With its labels, in eV and Å.
    stress : numpy.ndarray or None
        eV/Å³, six or nine numbers; given if the frame has a virial too.
    volume : float
        Å³.
    keys : dict
        Kind -> key of the labels.
    """
    atoms, found = frame.atoms, []
    for key, value in atoms.info.items():
        name = str(key).lower()
        if name in N_ATOMS and _is_number(value) and int(value) != len(atoms):
            found.append(f"{key} is {value}, but the frame has {len(atoms)} atoms")
        elif name in VOLUME and _is_number(value) and volume > 0 and abs(value / volume - 1) > VOLUME_TOLERANCE:
            found.append(f"{key} is {value:.6g}, but the cell has {volume:.6g} Å³")
        elif name in FORMULA and isinstance(value, str) and _counts(value) not in (None, Counter(atoms.symbols)):
            found.append(f"{key} is {value}, but the atoms are {atoms.get_chemical_formula()}")
    for kind, energy in frame.energies.items():
        each = atoms.info.get(f"{keys.get(kind, kind)}_per_atom")
        mean = energy / max(len(atoms), 1)
        if _is_number(each) and abs(each - mean) > ENERGY_TOLERANCE:
            found.append(f"{keys.get(kind, kind)}_per_atom is {each:.6g}, but the energy per atom is {mean:.6g} eV")
    if stress is not None and frame.virial is not None and frame.virial.size == 9 and stress.size in (6, 9):
        found += _virial_and_stress(frame.virial, stress, volume, keys)
    return found


def _virial_and_stress(virial, stress, volume, keys):
    full = tensor(stress.ravel(), "xx yy zz yz xz xy") if stress.size == 6 else stress.reshape(3, 3)
    other = -full * volume
    allowed = VIRIAL_TOLERANCE * max(np.abs(virial).max(), np.abs(other).max()) + 0.05
    if np.abs(virial - other).max() <= allowed:
        return []
    return [
        f"{keys['virial']} has the trace {np.trace(virial):.4g} eV, and {keys['stress']} (times minus the volume) "
        f"{np.trace(other):.4g} eV"
    ]


def _is_number(value):
    return np.isscalar(value) and not isinstance(value, (str, bytes, bool)) and bool(np.isfinite(value))


def _counts(text):
    """Return the numbers of atoms of a formula, None if the text is no formula."""
    try:
        return Counter(Formula(text).count())
    except (ValueError, KeyError):
        return None
