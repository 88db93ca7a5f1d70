"""Isolated atoms with the settings of the labels, whose energies are the e0 of a potential.

An atom stands alone in a cubic cell and is computed with spin. Its number of unpaired electrons is that of the ground
state of the free atom, or is given.
"""

import re

from ase import Atoms

from gapglass.base.errors import UserError
from gapglass.labels import job

EDGE = 12.0  # Å; distance of the atom from its images
TAG = "isolated_atom"  # config_type of the entry of an atom
# Unpaired electrons of the ground states of the free atoms, one less than the multiplicity of their terms (NIST Atomic
# Spectra Database, doi:10.18434/T4W30F).
_UNPAIRED = """
    H1 He0 Li1 Be0 B1 C2 N3 O2 F1 Ne0 Na1 Mg0 Al1 Si2 P3 S2 Cl1 Ar0
    K1 Ca0 Sc1 Ti2 V3 Cr6 Mn5 Fe4 Co3 Ni2 Cu1 Zn0 Ga1 Ge2 As3 Se2 Br1 Kr0
    Rb1 Sr0 Y1 Zr2 Nb5 Mo6 Tc5 Ru4 Rh3 Pd0 Ag1 Cd0 In1 Sn2 Sb3 Te2 I1 Xe0
    Cs1 Ba0 La1 Ce0 Pr3 Nd4 Pm5 Sm6 Eu7 Gd8 Tb5 Dy4 Ho3 Er2 Tm1 Yb0 Lu1
    Hf2 Ta3 W4 Re5 Os4 Ir3 Pt2 Au1 Hg0 Tl1 Pb2 Bi3 Po2 At1 Rn0 Th2 U4
"""
UNPAIRED = {symbol: int(number) for symbol, number in re.findall(r"([A-Z][a-z]?)(\d)", _UNPAIRED)}


def unpaired_electrons(symbol, given=None):
    """Return the number of unpaired electrons of a free atom.

    Parameters
    ----------
    symbol : str
    given : dict, optional
        Element -> number, which replaces that of the table.

    Raises
    ------
    UserError
        For an element that the table does not have.
    """
    known = UNPAIRED | (given or {})
    if symbol not in known:
        raise UserError(
            f"the number of unpaired electrons of a free {symbol} atom is not known; give it with labels.spins"
        )
    return int(known[symbol])


def frame(symbol, edge=EDGE):
    """Return an atom in the middle of a cubic cell with edges of ``edge`` (Å)."""
    return Atoms(symbol, positions=[[edge / 2] * 3], cell=[edge] * 3, pbc=True)


def is_isolated(entry):
    """Return whether an entry of a set is an isolated atom, which is no structure to cluster or to train on."""
    return entry.info.get("config_type") == TAG


def label_atom(symbol, engine, stored, sets=(), *, spins=None, edge=EDGE, **options):
    """Return (record, energy in eV) of an isolated atom; the energy is None if there is no label.

    Parameters
    ----------
    symbol : str
    engine : Engine
    stored : StoredSet
    sets : sequence of LabelSet
    spins : dict, optional
        Element -> number of unpaired electrons, where it is not that of the free atom.
    edge : float
        Å.
    **options
        Of ``job.Options``.

    Raises
    ------
    UserError
        When the known label of the atom is of another number of unpaired electrons.
    """
    spin = unpaired_electrons(symbol, spins)
    atom = frame(symbol, edge)
    provenance = {"config_type": TAG, "unpaired_electrons": spin}
    record = job.label_frame(atom, engine, stored, sets, spin=spin, provenance=provenance, **options)
    if record.state == job.FAILED:
        return record, None
    stored.refresh()
    entry = job.find(atom, sets, stored)
    if entry.info.get("unpaired_electrons", spin) != spin:
        raise UserError(
            f"{entry.file} has the isolated atom of {symbol} with {entry.info['unpaired_electrons']} unpaired "
            f"electrons, {spin} are asked for (labels.spins); move that file away, or drop the number"
        )
    return record, entry.energy
