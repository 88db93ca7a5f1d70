"""Isolated atoms in a data set: recognition, their energies, and the frames that every fit gets.

The energy of an isolated atom is the e0 of its species. Such a frame is no structure to cluster or to test on, so the
import keeps it apart from the canonical frames.
"""

import re
from itertools import product

import numpy as np
from ase import Atoms

from gapglass.base.errors import UserError

# Å; a single atom with a periodic image closer than this is a crystal with one atom in its cell.
FAR = 6.0
# Å; edge of the cubic cell in which an isolated atom is written, beyond twice any cutoff.
EDGE = 50.0
LARGEST_FORCE = 0.05  # eV/Å on an atom alone
SAME_ENERGY = 1e-4  # eV, between two isolated atoms of one species
CLASS = "isolated"  # of isolated atoms among the training frames; every fold of a cross-validation trains on them
SAME_E0 = 1e-3  # eV, between an isolated atom and potential.e0, which may be rounded


def tagged(atoms):
    """Return whether a frame has a tag for isolated atoms, such as config_type=IsolatedAtom, in any spelling."""
    for key, value in atoms.info.items():
        if isinstance(value, str) and _is_tag(value):
            return True
        if isinstance(value, (bool, np.bool_)) and value and _is_tag(key):
            return True
    return False


def _is_tag(word):
    return re.sub(r"[^a-z]", "", str(word).lower()) in ("isolatedatom", "isolatedatoms")


def image_distance(atoms):
    """Return the distance (Å) between an atom and its closest periodic image, infinity without one."""
    vectors = np.asarray(atoms.cell)[np.asarray(atoms.pbc)]
    vectors = vectors[np.linalg.norm(vectors, axis=1) > 0]
    turns = [turn for turn in product((-2, -1, 0, 1, 2), repeat=len(vectors)) if any(turn)]
    return min((float(np.linalg.norm(np.array(turn) @ vectors)) for turn in turns), default=np.inf)


def is_isolated(atoms):
    """Return whether a frame is an isolated atom: by its tag, or one atom far from its periodic images."""
    return tagged(atoms) or (len(atoms) == 1 and image_distance(atoms) >= FAR)


def problems(atoms, label):
    """Return the reasons to reject an isolated atom, an empty list for a valid one.

    Parameters
    ----------
    atoms : ase.Atoms
        For which ``is_isolated`` is true.
    label : dict
        From ``labels.labels``; forces may be absent.
    """
    if len(atoms) != 1:
        return [f"a tag of an isolated atom, but {len(atoms)} atoms ({atoms.get_chemical_formula()})"]
    found = []
    if (distance := image_distance(atoms)) < FAR:
        found.append(f"a tag of an isolated atom, but a periodic image {distance:.2f} Å away (at least {FAR:g})")
    if label["energy"] is None or not np.isfinite(label["energy"]):
        found.append("an isolated atom without an energy")
    if label["forces"] is not None and not np.abs(label["forces"]).max(initial=0) < LARGEST_FORCE:
        found.append(f"a force of {np.abs(label['forces']).max():.3g} eV/Å on an isolated atom")
    if atoms.numbers[0] == 0:
        found.append("an unknown species")
    return found


def energies(found, species, e0, log):
    """Return the energy of the isolated atom of every species that has one (eV).

    Parameters
    ----------
    found : list of dict
        symbol, energy (eV), trajectory and source_index of every isolated atom.
    species : iterable of str
        Species of the other frames; atoms of further species are left out.
    e0 : "fitted" or dict
        ``potential.e0``.
    log : logging.Logger

    Raises
    ------
    UserError
        When two isolated atoms of one species, or one and ``potential.e0``, have different energies.
    """
    first = {}
    for atom in found:
        known = first.setdefault(atom["symbol"], atom)
        if abs(known["energy"] - atom["energy"]) > SAME_ENERGY:
            raise UserError(
                f"two isolated atoms of {atom['symbol']} have different energies: {known['energy']:.6f} eV "
                f"({_place(known)}) and {atom['energy']:.6f} eV ({_place(atom)}); leave one of them out"
            )
    for symbol in sorted(set(first) - set(species)):
        log.warning("the isolated atom of %s is left out, because no other frame holds this element", symbol)
        del first[symbol]
    for symbol, atom in first.items():
        if isinstance(e0, dict) and symbol in e0 and abs(e0[symbol] - atom["energy"]) > SAME_E0:
            raise UserError(
                f"potential.e0.{symbol} is {e0[symbol]:.6f} eV, but the isolated atom of {symbol} ({_place(atom)}) "
                f"has {atom['energy']:.6f} eV; drop potential.e0, or leave out this frame"
            )
    return {symbol: first[symbol]["energy"] for symbol in sorted(first)}


def _place(atom):
    return f"trajectory {atom['trajectory']!r}, frame {atom['source_index']}"


def frames(atom_energies):
    """Return a frame with labels for every isolated atom, which every fit gets besides its training frames.

    Parameters
    ----------
    atom_energies : dict
        Species -> eV.

    Returns
    -------
    list of ase.Atoms
        One atom without force in a cell that no cutoff spans; ``info`` holds config_type and REF_energy (eV).
    """
    made = []
    for symbol, energy in atom_energies.items():
        atom = Atoms(symbol, positions=[[EDGE / 2] * 3], cell=[EDGE] * 3, pbc=True)
        atom.info = {"config_type": "isolated_atom", "REF_energy": float(energy)}
        atom.arrays["REF_forces"] = np.zeros((1, 3))
        made.append(atom)
    return made
