"""Start configurations: random positions whose overlaps a soft repulsion removes, as LAMMPS data files.

Source: section 2.5 of doi:10.1111/jace.20128.
"""

import logging

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from gapglass.base.errors import UserError
from gapglass.base.files import whole_file
from gapglass.base.units import AMU_PER_A3_IN_G_PER_CM3
from gapglass.frames.geometry import closest_distance
from gapglass.glass import lammps
from gapglass.glass.guards import limits_of, log_limits, sum_of_radii, too_close
from gapglass.glass.scratch import Scratch

log = logging.getLogger("gapglass")

PUSH_OFF = 1.2  # reach of the soft repulsion, as a multiple of the closest distance of the pair in the frames
UNKNOWN_DISTANCE = 2.0  # Å, the least for a pair that the frames never hold together


def species_order(composition):
    """Return the species in the order of LAMMPS' atom types, by atomic number."""
    return sorted(composition, key=atomic_numbers.get)


def random_packing(n_atoms, composition, density, seed):
    """Return atoms placed at random in a cubic cell.

    Parameters
    ----------
    n_atoms : int
        A multiple of the atoms in the formula unit.
    composition : dict
        Formula unit, {"Te": 1, "O": 2}.
    density : float
        g/cm³.
    seed : int

    Returns
    -------
    ase.Atoms
        Atoms may overlap.
    """
    units = n_atoms // sum(composition.values())
    symbols = [symbol for symbol in species_order(composition) for _ in range(units * composition[symbol])]
    mass = sum(atomic_masses[atomic_numbers[symbol]] for symbol in symbols)
    length = (mass * AMU_PER_A3_IN_G_PER_CM3 / density) ** (1 / 3)
    positions = np.random.default_rng(seed).uniform(0, length, (n_atoms, 3))
    return Atoms(symbols, positions=positions, cell=[length] * 3, pbc=True)


def write_data(path, atoms, species):
    """Write atoms as a LAMMPS data file (units metal) with the atom types 1, 2, ... in the order of ``species``."""
    from ase.io import write

    write(path, atoms, format="lammps-data", specorder=species, units="metal", masses=True)


def read_data(path, species):
    """Read a LAMMPS data file (units metal, atom_style atomic) whose atom types are in the order of ``species``."""
    from ase.io import read

    atoms = read(path, format="lammps-data", atom_style="atomic", units="metal", sort_by_id=True)
    atoms.numbers = [atomic_numbers[species[kind - 1]] for kind in atoms.arrays["type"]]
    return Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True)


def _push_off_ranges(species, closest):
    """Return (type, type, reach in Å) of the soft repulsion for every pair of atom types."""
    ranges = []
    for i, first in enumerate(species):
        for j in range(i, len(species)):
            pair = "-".join(sorted((first, species[j])))
            known = closest.get(pair) or max(UNKNOWN_DISTANCE, sum_of_radii(pair))
            ranges.append((i + 1, j + 1, round(PUSH_OFF * known, 4)))
    return ranges


def pack(target, n_atoms, settings, closest, seed):
    """Write a packed start configuration as a LAMMPS data file.

    Parameters
    ----------
    target : path-like
    n_atoms : int
    settings : dict
        Section ``glass``.
    closest : dict
        "O-Te" -> smallest distance (Å) of the pair in the frames, for which the soft repulsion is chosen; for a pair
        that is absent the sum of the covalent radii, at least 2 Å.
    seed : int

    Raises
    ------
    UserError
        When the cell is too small for the repulsion, or overlaps remain because the density is too high.
    """
    species = species_order(settings["composition"])
    atoms = random_packing(n_atoms, settings["composition"], settings["density"], seed)
    length = atoms.cell.lengths()[0]
    cutoffs = _push_off_ranges(species, closest)
    if max(cutoff for *_, cutoff in cutoffs) >= atoms.cell.lengths().min() / 2:
        raise UserError(
            f"glass.sizes holds {n_atoms}: the cell of {length:.2f} Å is too small to pack; take more atoms"
        )
    with Scratch(target) as folder:
        write_data(folder / "start.data", atoms, species)
        lammps.run(folder, lammps.render("pack.in.j2", cutoffs=cutoffs), ranks=1)
        packed = read_data(folder / "packed.data", species)
        limits = limits_of(closest, species, settings["closest_fraction"])
        log_limits(limits)
        refuse_too_close(
            packed,
            limits,
            "after the push-off",
            f"glass.density {settings['density']} g/cm³ is too high for {n_atoms} atoms, or the guard "
            "(glass.closest_fraction) too strict",
        )
        with whole_file(target) as temporary:
            write_data(temporary, packed, species)
    distance = closest_distance(packed)
    log.info("packed %d atoms, cell %.4f Å, closest pair %.2f Å", n_atoms, packed.cell.lengths()[0], distance)


def refuse_too_close(atoms, limits, when, remedy):
    """Refuse a start whose atoms would stop the run at once.

    Parameters
    ----------
    atoms : ase.Atoms
    limits : dict
        From ``guards.limits_of``.
    when, remedy : str
        Parts of the message.

    Raises
    ------
    UserError
        Naming the pair, its distance, its limit and where the limit comes from.
    """
    found = too_close(atoms, limits)
    if found:
        pair, distance = found
        raise UserError(
            f"{when} {pair.replace('-', ' and ')} are {distance:.2f} Å apart, below {limits[pair].distance:.2f} Å "
            f"({limits[pair].origin}); {remedy}"
        )
