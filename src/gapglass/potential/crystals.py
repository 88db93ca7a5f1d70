"""Crystals with a potential: relaxed structure, equation of state, elastic constants, energies.

Equation of state: F. Birch, Phys. Rev. 71, 809 (1947), doi:10.1103/PhysRev.71.809, in the form of ``ase.eos``.
"""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from ase.units import GPa

from gapglass.base.errors import UserError
from gapglass.potential import elasticity
from gapglass.potential.engine import EngineError

log = logging.getLogger("gapglass")

FORMATS = {".cif": "cif", ".vasp": "vasp", ".poscar": "vasp", ".xyz": "extxyz", ".extxyz": "extxyz"}
NAMES = {"POSCAR": "vasp", "CONTCAR": "vasp"}
RELAXED = 1e-3  # eV/Å of the largest force, and the same of the cell, for energies
RELAXED_FOR_STRESS = 2e-5  # eV/Å; what is left of the forces is divided by the strain in an elastic constant
MOST_STEPS = 1000  # of one relaxation
MOST_CHANGE = 0.5  # of the volume; a crystal that changes more is not the one of the file
COLUMNS = ["volume_angstrom3_per_atom", "energy_ev_per_atom", "fitted_energy_ev_per_atom"]


class NotRelaxed(Exception):
    """A crystal has no relaxed structure with the potential; the message says why."""


def read(file):
    """Return the crystal in a file.

    Parameters
    ----------
    file : path-like
        CIF (.cif), VASP's POSCAR (.vasp, .poscar, or so named) or extended XYZ (.xyz, .extxyz; the last frame).

    Returns
    -------
    ase.Atoms
        Without anything but elements, positions and cell.

    Raises
    ------
    UserError
        When the format is another one, the file cannot be read, or the structure is no crystal.
    """
    path = Path(file)
    form = NAMES.get(path.name) or FORMATS.get(path.suffix.lower())
    if form is None:
        raise UserError(f"{file} must be called {', '.join((*FORMATS, *NAMES))}, which tells its format; rename it")
    from ase.io import read as read_frame

    try:
        atoms = read_frame(path, index=-1, format=form)
    except Exception as error:  # ASE's readers raise whatever the text of a file leads to
        raise UserError(f"{file} cannot be read as {form}: {error}; mend it") from error
    if len(atoms) == 0 or atoms.cell.rank < 3 or not np.isfinite(atoms.positions).all():
        raise UserError(f"{file} has no crystal with three cell vectors; mend it")
    return Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True)


def characterise(atoms, calculator, *, volume_range, n_volumes, strain, isolated):
    """Return what a potential makes of a crystal.

    Cell and atoms are relaxed without pressure. At every volume of the equation of state, the shape of the cell and
    the atoms are relaxed, and under every strain of the elastic constants the atoms.

    Parameters
    ----------
    atoms : ase.Atoms
    calculator : ase.calculators.calculator.Calculator
        With stress.
    volume_range : float
        Share by which the volume becomes smaller and larger.
    n_volumes : int
        Volumes of the equation of state.
    strain : float or None
        Strain of the elastic constants; None computes none.
    isolated : bool
        Whether the calculator's energies of single atoms are those of isolated atoms, so that the crystal has a
        cohesive energy.

    Returns
    -------
    found : dict
        ``formula``, ``n_atoms``, ``space_group`` (of the file), ``relaxed`` (bool) and ``reason`` (why not). Of a
        crystal that is relaxed: ``space_group_relaxed``, ``lattice`` (a, b, c in Å and three angles in degrees),
        ``volume_angstrom3_per_atom``, ``energy_ev_per_atom``, ``cohesive_energy_ev_per_atom``,
        ``equation_of_state`` (see ``equation_of_state``) and ``elasticity``: ``constants_gpa`` (6 x 6),
        ``asymmetry_gpa`` (the largest change of a constant by the symmetry) and those of ``elasticity.averages``.
        What does not apply or cannot be had is None.
    table : pandas.DataFrame
        ``COLUMNS``, a row for each volume.
    """
    space_group, _ = elasticity.symmetry(atoms)
    found = {"formula": atoms.get_chemical_formula(empirical=True), "n_atoms": len(atoms), "space_group": space_group}
    try:
        relaxed = _relaxed(atoms, calculator, RELAXED_FOR_STRESS, cell="free")
    except NotRelaxed as error:
        log.info("not relaxed: %s", error)
        return found | {"relaxed": False, "reason": str(error)}, pd.DataFrame(columns=COLUMNS, dtype=float)
    energy = relaxed.get_potential_energy() / len(atoms)
    state, table = equation_of_state(relaxed, calculator, volume_range, n_volumes)
    group, rotations = elasticity.symmetry(relaxed)
    found |= {
        "relaxed": True,
        "reason": None,
        "space_group_relaxed": group,
        "lattice": [float(value) for value in relaxed.cell.cellpar()],
        "volume_angstrom3_per_atom": float(relaxed.get_volume() / len(atoms)),
        "energy_ev_per_atom": energy,
        "cohesive_energy_ev_per_atom": _isolated(atoms, calculator) - energy if isolated else None,
        "equation_of_state": state,
        "elasticity": None if strain is None else _elasticity(relaxed, calculator, strain, rotations),
    }
    return found, table


def equation_of_state(atoms, calculator, volume_range, n_volumes):
    """Return the equation of state of Birch and Murnaghan of a relaxed crystal.

    Parameters
    ----------
    atoms : ase.Atoms
        Relaxed; the volumes lie around its own.
    calculator, volume_range, n_volumes
        As for ``characterise``.

    Returns
    -------
    state : dict or None
        ``volume_angstrom3_per_atom``, ``energy_ev_per_atom``, ``bulk_modulus_gpa``, ``bulk_modulus_derivative``, all
        of the minimum, and ``misfit_mev_per_atom`` (root mean square). None where the energies have no minimum between
        the volumes, or fewer than five volumes can be relaxed.
    table : pandas.DataFrame
        ``COLUMNS``; the first volume that cannot be relaxed, and those beyond it, are left out.
    """
    from ase.eos import EquationOfState, birchmurnaghan

    rows, n_atoms = [], len(atoms)
    shares = np.linspace(1 - volume_range, 1 + volume_range, n_volumes)
    # From its own volume outwards, each from the structure before: then all points belong to one structure.
    for side in (shares[shares <= 1][::-1], shares[shares > 1]):
        before = atoms
        for share in side:
            copy = before.copy()
            scale = (share * atoms.get_volume() / before.get_volume()) ** (1 / 3)
            copy.set_cell(before.cell.array * scale, scale_atoms=True)
            try:
                before = _relaxed(copy, calculator, RELAXED, cell="shape")
            except NotRelaxed as error:
                log.info("volume %.4f of its own: %s", share, error)
                break
            rows.append((before.get_volume() / n_atoms, before.get_potential_energy() / n_atoms, np.nan))
    rows.sort()
    table = pd.DataFrame(rows, columns=COLUMNS)
    if len(table) < 5:
        return None, table
    volumes, energies = table[COLUMNS[0]].to_numpy(), table[COLUMNS[1]].to_numpy()
    fit = EquationOfState(volumes, energies, eos="birchmurnaghan")
    try:
        volume, energy, modulus = fit.fit(warn=False)
    except (RuntimeError, TypeError):  # the search for the parameters does not end
        return None, table
    if not (volumes.min() < volume < volumes.max() and modulus > 0):
        return None, table
    table[COLUMNS[2]] = birchmurnaghan(volumes, *fit.eos_parameters)
    misfit = float(np.sqrt(np.mean((table[COLUMNS[2]] - energies) ** 2)))
    state = {
        "volume_angstrom3_per_atom": float(volume),
        "energy_ev_per_atom": float(energy),
        "bulk_modulus_gpa": float(modulus / GPa),
        "bulk_modulus_derivative": float(fit.eos_parameters[2]),
        "misfit_mev_per_atom": 1000 * misfit,
    }
    return state, table


def text(found):
    """Return what a potential makes of a crystal in a few words."""
    if not found["relaxed"]:
        return f"not relaxed, {found['reason']}"
    words = [f"{found['volume_angstrom3_per_atom']:.3f} Å³/atom, {found['energy_ev_per_atom']:.4f} eV/atom"]
    state, elastic = found["equation_of_state"], found["elasticity"]
    words.append(f"bulk modulus {state['bulk_modulus_gpa']:.1f} GPa" if state else "no minimum of the energy")
    if elastic:
        words.append("elastically stable" if elastic["stable"] else "elastically UNSTABLE")
    if found["space_group_relaxed"] != found["space_group"]:
        words.append(f"{found['space_group']} becomes {found['space_group_relaxed']}")
    return ", ".join(words)


def _elasticity(atoms, calculator, strain, rotations):
    """Return the elastic constants with their averages, None where a strained copy cannot be relaxed."""

    def stress_of(copy):
        try:
            return _relaxed(copy, calculator, RELAXED_FOR_STRESS, cell="fixed").get_stress()
        except NotRelaxed as error:
            log.info("strained crystal: %s", error)
            return None

    raw = elasticity.elastic_constants(atoms, stress_of, strain)
    if raw is None:
        return None
    constants = elasticity.symmetrised(raw, rotations)
    return {
        "constants_gpa": constants.tolist(),
        "asymmetry_gpa": float(np.abs(constants - raw).max()),
        **elasticity.averages(constants),
    }


def _relaxed(atoms, calculator, largest, cell):
    """Return a relaxed copy of a crystal with its calculator.

    Parameters
    ----------
    largest : float
        eV/Å.
    cell : {"free", "shape", "fixed"}
        What of the cell is relaxed besides the atoms; with ``shape`` its volume stays.

    Raises
    ------
    NotRelaxed
    """
    from ase.filters import UnitCellFilter
    from ase.optimize import BFGS

    relaxed = atoms.copy()
    relaxed.calc = calculator
    moved = relaxed if cell == "fixed" else UnitCellFilter(relaxed, constant_volume=cell == "shape")
    search = BFGS(moved, logfile=None)
    before = atoms.get_volume()
    try:
        for _ in search.irun(fmax=largest, steps=MOST_STEPS):
            if abs(relaxed.get_volume() / before - 1) > MOST_CHANGE:
                raise NotRelaxed(f"the volume changes by more than {100 * MOST_CHANGE:.0f} % without pressure")
    except EngineError as error:
        raise NotRelaxed(f"atoms collapse: {error}") from None
    if search.nsteps >= MOST_STEPS:
        raise NotRelaxed(f"forces do not fall below {largest:g} eV/Å in {MOST_STEPS} steps")
    # The calculator goes on to other copies, so what it found is kept here.
    return _frozen(relaxed)


def _frozen(atoms):
    """Return a copy that keeps energy, forces and stress."""
    from ase.calculators.singlepoint import SinglePointCalculator

    copy = atoms.copy()
    values = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces(), "stress": atoms.get_stress()}
    copy.calc = SinglePointCalculator(copy, **values)
    return copy


def _isolated(atoms, calculator):
    """Return the mean energy (eV) of the isolated atoms of a crystal."""
    energies = {}
    for symbol in set(atoms.symbols):
        alone = Atoms(symbol, positions=[[0, 0, 0]])
        alone.calc = calculator
        energies[symbol] = alone.get_potential_energy()
    return float(np.mean([energies[symbol] for symbol in atoms.symbols]))
