"""The atoms with which a model begins: a frame of the reference or of the user, repeated, or a random packing.

Molecules cannot be made by packing atoms at random, so a molecular liquid begins as a frame in which its molecules are
whole. Other liquids do so where they can, because a random packing holds environments that no frame has.
"""

import logging
from collections import deque
from itertools import product
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from ase.formula import Formula

from gapglass.base.errors import UserError
from gapglass.base.files import read_table, whole_file
from gapglass.base.units import AMU_PER_A3_IN_G_PER_CM3
from gapglass.frames.geometry import half_height, wrapped
from gapglass.frames.store import read_frames
from gapglass.glass.guards import limits_of, log_limits
from gapglass.glass.kinds import AUTO, FROM_REFERENCE, RANDOM, start_file
from gapglass.glass.outside import composition as composition_of
from gapglass.glass.packing import pack, refuse_too_close, species_order, write_data

log = logging.getLogger("gapglass")

BOND = 1.2  # atoms within this multiple of the sum of their covalent radii are bonded
STRETCH = 0.02  # lengths change by at most this share with the positions; beyond, whole molecules are moved


def write(target, n_atoms, settings, closest, seed, *, frames=None, table=None):
    """Write the start configuration that section ``glass`` asks for as a LAMMPS data file.

    Parameters
    ----------
    target : path-like
    n_atoms : int
        Size of the model.
    settings : dict
        Section ``glass``.
    closest : dict
        "O-Te" -> smallest distance (Å) of the pair in the frames.
    seed : int
    frames, table : path-like, optional
        frames/frames.extxyz and frames/table.csv, for a start in the reference.

    Raises
    ------
    UserError
        When the start cannot be made; with ``auto`` only if a random packing fails too.
    """
    if settings["start"] == RANDOM:
        pack(target, n_atoms, settings, closest, seed)
    elif settings["start"] not in FROM_REFERENCE:
        place(target, n_atoms, settings, frame_of_file(start_file(settings)), closest)
    else:
        try:
            frame = reference_frame(frames, table, n_atoms, settings["composition"], seed)
            place(target, n_atoms, settings, frame, closest)
        except UserError as error:
            if settings["start"] != AUTO:
                raise
            log.warning("the start is packed at random, not a frame of the reference: %s", error)
            pack(target, n_atoms, settings, closest, seed)


def place(target, n_atoms, settings, frame, closest):
    """Write a start configuration made from a frame as a LAMMPS data file.

    Parameters
    ----------
    target : path-like
    n_atoms : int
        Size of the model, a multiple of the atoms in the frame.
    settings : dict
        Section ``glass``.
    frame : ase.Atoms
    closest : dict
        "O-Te" -> smallest distance (Å) of the pair in the frames.

    Raises
    ------
    UserError
        When the density cannot be reached without stretching bonds, or atoms end up too close.
    """
    atoms = repeated(frame, n_atoms // len(frame))
    species = species_order(settings["composition"])
    atoms = at_density(atoms, settings["density"])
    limits = limits_of(closest, species, settings["closest_fraction"])
    log_limits(limits)
    remedy = "take another frame or a glass.density nearer to that of the frame"
    refuse_too_close(atoms, limits, f"in the start of glass.start {settings['start']}", remedy)
    with whole_file(target) as temporary:
        write_data(temporary, atoms, species)
    log.info("start of %d atoms, smallest height of the cell %.3f Å", len(atoms), 2 * half_height(atoms))


def reference_frame(frames, table, n_atoms, composition, seed):
    """Return a reference frame of the highest plateau, drawn among those that repeat to the wanted size.

    Parameters
    ----------
    frames, table : path-like
        frames/frames.extxyz and frames/table.csv.
    n_atoms : int
    composition : dict
        Formula unit, {"Te": 1, "O": 2}.
    seed : int

    Raises
    ------
    UserError
        When no trajectory of this composition has role reference, or no frame repeats to the size; the message names
        the nearest sizes.
    """
    rows = read_table(table)
    rows = rows[(rows["role"] == "reference") & (rows["n_atoms"] > 1)]
    own = composition_of(composition)
    rows = rows[[composition_of(Formula(text).count()) == own for text in rows["formula"]]]
    if rows.empty:
        unit = Formula.from_dict(composition)
        raise UserError(
            f"no trajectory of {unit} (glass.composition) has role reference; give glass.start a file or random"
        )
    rows = rows[rows["temperature_k"] > rows["temperature_k"].max() - 0.5]
    fitting = rows[n_atoms % rows["n_atoms"] == 0]
    if fitting.empty:
        raise UserError(f"`glass.sizes` holds {n_atoms}; {wrong_size(n_atoms, rows['n_atoms'], 'reference')}")
    chosen = fitting.iloc[np.random.default_rng(seed).integers(len(fitting))]
    log.info(
        "start: frame %d of trajectory %s, %g K, %d atoms, %.4g g/cm³",
        chosen["frame"],
        chosen["trajectory"],
        chosen["temperature_k"],
        chosen["n_atoms"],
        chosen["density_g_per_cm3"],
    )
    offsets = dict(zip(rows["frame"], rows["offset_bytes"], strict=True))
    return read_frames(frames, [chosen["frame"]], offsets)[0]


def wrong_size(n_atoms, known, start):
    """Return in words that a size is no multiple of the frames, with the nearest sizes that are."""
    known = sorted(set(map(int, known)))
    nearest = sorted(
        {max(1, n_atoms // n + step) * n for n in known for step in (0, 1)}, key=lambda size: abs(size - n_atoms)
    )
    return (
        f"allowed with glass.start {start}: multiples of the {' or '.join(map(str, known))} atoms of its frame; "
        f"use {' or '.join(map(str, sorted(nearest[:2])))}"
    )


def frame_of_file(path):
    """Return the last frame of a user's extended XYZ file.

    Raises
    ------
    UserError
        When the file cannot be read or its frame is not periodic in a cell.
    """
    from ase.io import read

    try:
        frame = read(path, index=-1, format="extxyz")
    except Exception as error:  # parsers raise errors of many types
        raise UserError(
            f"`glass.start` is {path}, which cannot be read as extended XYZ ({' '.join(str(error).split())[:200]}); "
            "write it anew, for example with ase.io.write"
        ) from error
    cell = np.asarray(frame.cell)
    if not (np.isfinite(cell).all() and abs(np.linalg.det(cell)) > 1e-3 and frame.pbc.all()):
        raise UserError(
            f'`glass.start` is {path}, whose last frame is not periodic in a cell; give it Lattice and pbc="T T T"'
        )
    if not np.isfinite(frame.positions).all():
        raise UserError(f"`glass.start` is {path}, which has positions that are not finite numbers; mend it")
    return Atoms(frame.numbers, positions=frame.positions, cell=cell, pbc=True)


def problems_of_file(glass):
    """Return what contradicts the configuration in the file of ``glass.start``, as a list of messages."""
    path = start_file(glass)
    if path is None:
        return []
    try:
        frame = frame_of_file(Path(path))
    except UserError as error:
        return [str(error)]
    composition, total = glass["composition"], sum(glass["composition"].values())
    counts = {symbol: int((frame.symbols == symbol).sum()) for symbol in sorted(set(frame.symbols))}
    if set(counts) != set(composition) or any(
        counts[symbol] * total != n * len(frame) for symbol, n in composition.items()
    ):
        return [
            f"`glass.start` is {path}, which holds {frame.get_chemical_formula()}, and glass.composition is "
            f"{composition}; mend one of them"
        ]
    sizes = sorted({*glass["sizes"], *(glass["comparison_sizes"] or [])})
    return [
        f"`glass.sizes` holds {size}; {wrong_size(size, [len(frame)], path)}" for size in sizes if size % len(frame)
    ]


def repeated(frame, n):
    """Return a frame repeated ``n`` times along its cell vectors, so that the smallest height becomes largest."""
    triples = [(a, b, n // a // b) for a, b in product(range(1, n + 1), repeat=2) if n % (a * b) == 0]
    cell = np.asarray(frame.cell)
    heights = abs(np.linalg.det(cell)) / np.array(
        [np.linalg.norm(np.cross(cell[(i + 1) % 3], cell[(i + 2) % 3])) for i in range(3)]
    )
    best = max(triples, key=lambda triple: (round((heights * triple).min(), 6), -round((heights * triple).max(), 6)))
    return Atoms(frame.numbers, positions=frame.positions, cell=cell, pbc=True).repeat(best)


def density_of(atoms):
    """Return the density of a periodic frame (g/cm³)."""
    return float(atoms.get_masses().sum() / atoms.get_volume() * AMU_PER_A3_IN_G_PER_CM3)


def at_density(atoms, density):
    """Return atoms in a cell of the same shape with another density (g/cm³).

    Lengths that change by at most ``STRETCH`` take the positions with them. Beyond, the centres of the molecules move
    and the molecules stay as they are.

    Raises
    ------
    UserError
        When atoms are bonded without end through the periodic images, so that nothing can be moved as a whole.
    """
    own = density_of(atoms)
    scale = (own / density) ** (1 / 3)
    moved = atoms.copy()
    if abs(scale - 1) <= STRETCH:
        moved.set_cell(atoms.cell * scale, scale_atoms=True)
    else:
        positions, molecule, endless = molecules(atoms)
        if endless:
            low, high = own / (1 + STRETCH) ** 3, own / (1 - STRETCH) ** 3
            raise UserError(
                f"glass.density {density:g} g/cm³ changes the lengths of the start ({own:.4g} g/cm³) by "
                f"{100 * (scale - 1):+.1f} %, and its atoms are bonded without end ({endless}): there are no "
                f"molecules to move. Give glass.density between {low:.3f} and {high:.3f} g/cm³ or another start "
                "(glass.start), or reach the density by a stage at constant pressure (npt)"
            )
        moved.set_cell(atoms.cell * scale)
        masses = atoms.get_masses()
        for number in range(molecule.max() + 1):
            members = molecule == number
            centre = np.average(positions[members], axis=0, weights=masses[members])
            positions[members] += (scale - 1) * centre
        moved.positions = positions
        log.info("%d molecules moved, lengths %+.2f %%", molecule.max() + 1, 100 * (scale - 1))
    moved.positions = wrapped(moved)
    return moved


def molecules(atoms):
    """Return positions in which every molecule is whole, and the molecules.

    Parameters
    ----------
    atoms : ase.Atoms
        Periodic.

    Returns
    -------
    positions : numpy.ndarray, shape (n_atoms, 3)
        Å.
    molecule : numpy.ndarray of int, shape (n_atoms,)
        Number of the molecule of every atom, from 0.
    endless : str
        Formula of a molecule that is bonded to its own image, "" if none is.
    """
    neighbours = _bonds(atoms)
    shifts, molecule = np.zeros((len(atoms), 3), dtype=int), np.full(len(atoms), -1)
    endless = ""
    for first in range(len(atoms)):
        if molecule[first] >= 0:
            continue
        number = molecule[first] = molecule.max() + 1
        queue, whole = deque([first]), True
        while queue:
            i = queue.popleft()
            for j, shift in neighbours[i]:
                if molecule[j] < 0:
                    molecule[j], shifts[j] = number, shifts[i] + shift
                    queue.append(j)
                elif (shifts[j] != shifts[i] + shift).any():
                    whole = False
        if not whole:
            endless = atoms[molecule == number].get_chemical_formula()
    return atoms.positions + shifts @ np.asarray(atoms.cell), molecule, endless


def _bonds(atoms):
    """Return the bonded neighbours of every atom, each with the cell in which it lies."""
    from ase.neighborlist import neighbor_list

    symbols = sorted(set(atoms.symbols))
    radii = {symbol: covalent_radii[atomic_numbers[symbol]] for symbol in symbols}
    cutoffs = {(a, b): BOND * (radii[a] + radii[b]) for a in symbols for b in symbols}
    neighbours = [[] for _ in atoms]
    for i, j, shift in zip(*neighbor_list("ijS", atoms, cutoffs), strict=True):
        neighbours[i].append((j, shift))
    return neighbours
