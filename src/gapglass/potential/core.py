"""A repulsive core: a fixed pair potential that keeps atoms apart where the frames teach a fit nothing.

A GAP knows no repulsion at distances that its training frames do not hold. The core is the universal repulsion of
nuclei screened by their electrons (Ziegler, Biersack, Littmark, The Stopping and Range of Ions in Solids, 1985), which
ends smoothly near the closest distance of each pair of species in the frames. It is subtracted from the labels before
a fit, stands in the file of the potential as QUIP's ``IP Glue``, and every evaluation adds it again.
"""

import logging
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from ase.data import atomic_numbers, chemical_symbols, covalent_radii

from gapglass.base.errors import UserError
from gapglass.frames.geometry import REACH
from gapglass.potential import _engine
from gapglass.potential.engine import EngineError, arrays, call, level
from gapglass.potential.gap_xml import Term, write_gap

log = logging.getLogger("gapglass")

INNER, OUTER = 0.7, 1.0  # shares of the closest distance; docs/explanation/core.md has the measurements
UNSEEN = 0.8  # of the sum of the covalent radii, where the frames tell no closest distance
FIRST = 0.05  # Å, below which the engine refuses a structure
STEP = 0.01  # Å

COULOMB = 14.399645  # eV Å, e² / (4 pi epsilon_0)
SCREENING_LENGTH = 0.46850  # Å
SCREENING = ((0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162))


@dataclass(frozen=True)
class Table:
    """The core of one pair of species, the points of a cubic spline.

    Attributes
    ----------
    r : numpy.ndarray, shape (n,)
        Å, ascending and evenly spaced; the core is zero beyond the last one, and a straight line below the first.
    energies : numpy.ndarray, shape (n,)
        eV of a pair, which is counted once.
    slope : float
        eV/Å at the first point; at the last one, energy and slope are zero.
    closest : float
        Å, of which the two ends of the switch are shares.
    origin : str
        Where ``closest`` comes from.
    """

    r: np.ndarray
    energies: np.ndarray
    slope: float
    closest: float
    origin: str


def repulsion(r, first, second):
    """Return the energy (eV) of two nuclei and its slope (eV/Å), the universal potential of Ziegler and others.

    Parameters
    ----------
    r : numpy.ndarray
        Å.
    first, second : int
        Atomic numbers.
    """
    strength, length = COULOMB * first * second, SCREENING_LENGTH / (first**0.23 + second**0.23)
    parts = [(weight * np.exp(-rate * r / length), rate / length) for weight, rate in SCREENING]
    screened = sum(part for part, _ in parts)
    slope = -sum(part * rate for part, rate in parts)
    return strength * screened / r, strength * (slope - screened / r) / r


def switch(r, inner, outer):
    """Return a factor that falls from 1 at ``inner`` to 0 at ``outer`` (Å), two times differentiable."""
    t = np.clip((r - inner) / (outer - inner), 0.0, 1.0)
    return 1 - t**3 * (10 - 15 * t + 6 * t**2)


def tables(closest, species, inner=INNER, outer=OUTER):
    """Return the core of every pair of species, and log where each one ends and why.

    Parameters
    ----------
    closest : dict
        "O-Te" -> closest distance (Å) of the pair in the frames, ``closest_distance_angstrom`` of frames/import.json.
        Where it is absent or ``geometry.REACH`` and more, the frames hold no distance of the pair that means a
        contact, and a share of the sum of the covalent radii (doi:10.1039/b801115j) takes its place.
    species : iterable of str
    inner, outer : float
        Shares of that distance, at which the switch begins and ends.

    Returns
    -------
    dict of (int, int) to Table
        By atomic numbers, the smaller one first.

    Raises
    ------
    UserError
        When the switch has no width, or ends below the shortest distance that the engine evaluates.
    """
    if not 0 < inner < outer:
        raise UserError(f"the core's switch goes from {inner} to {outer} of the closest distance; both have to ascend")
    found = {}
    for pair in combinations_with_replacement(sorted(atomic_numbers[symbol] for symbol in set(species)), 2):
        name = "-".join(sorted(chemical_symbols[number] for number in pair))
        distance, origin = _closest(name, pair, closest.get(name))
        ends = inner * distance, outer * distance
        if ends[0] <= FIRST + STEP:
            raise UserError(
                f"the core of {name} would begin to end at {ends[0]:.3f} Å, because the frames hold this pair "
                f"{distance:.3f} Å apart; take such frames out of the data"
            )
        r = np.linspace(FIRST, ends[1], int(np.ceil((ends[1] - FIRST) / STEP)) + 1)
        energies, slopes = repulsion(r, *pair)
        energies = energies * switch(r, *ends)
        energies[-1] = 0.0
        found[pair] = Table(r, energies, float(slopes[0]), distance, origin)
        log.info("core of %s: whole up to %.3f Å, zero from %.3f Å; %s", name, *ends, origin)
    return found


def of_setting(setting, closest, species):
    """Return the core that ``potential.core`` asks for: ``tables``, or None for ``none``.

    Parameters
    ----------
    setting : {"repulsion", "none"}
    closest, species
        As for ``tables``.
    """
    return tables(closest, species) if setting == "repulsion" else None


def _closest(name, pair, known):
    """Return the distance (Å) of which the ends of a pair's switch are shares, and where it comes from."""
    if known is not None and known < REACH:
        return float(known), f"the frames hold {name} {known:.3f} Å apart and no closer"
    radii = float(sum(covalent_radii[number] for number in pair))
    why = f"no frame holds {name} closer than {REACH:g} Å" if known is not None else f"no frame tells of {name}"
    return UNSEEN * radii, f"{why}, so {UNSEEN:g} of the sum of the covalent radii, {radii:.2f} Å, is taken"


def energy_forces_virial(atoms, tables):
    """Return what the core adds to a frame, by the spline that stands in the file of a potential.

    Parameters
    ----------
    atoms : ase.Atoms
    tables : dict
        From ``tables``.

    Returns
    -------
    energy : float, eV
    forces : numpy.ndarray, shape (n_atoms, 3), eV/Å
    virial : numpy.ndarray, shape (3, 3), eV
        Minus stress times volume.

    Raises
    ------
    EngineError
        When the core lacks a species of the frame, or two atoms are closer than 0.05 Å.
    """
    return call(_evaluate, *_compiled(tables), atoms)


def subtract(frames, tables):
    """Return copies of frames whose labels are those of a fit: without the energy, forces and virial of the core.

    Parameters
    ----------
    frames : list of ase.Atoms
        With REF_energy, REF_forces and REF_virial, and energy and forces of a guide, where present.
    tables : dict or None
        From ``of_setting``; None, where there is no core, leaves the frames as they are.

    Raises
    ------
    EngineError
        As for ``energy_forces_virial``, with the number of the frame.
    """
    if tables is None:
        return frames
    compiled, out = _compiled(tables), []
    for number, frame in enumerate(frames, 1):
        try:
            energy, forces, virial = _evaluate(*compiled, frame)
        except _engine.Error as error:
            raise EngineError(f"frame {number} of the {len(frames)} to subtract the core from: {error}") from None
        copy = frame.copy()
        for name in ("REF_energy", "guide_energy"):
            if name in copy.info:
                copy.info[name] = float(copy.info[name]) - energy
        for name in ("REF_forces", "guide_forces"):
            if name in copy.arrays:
                copy.arrays[name] = copy.arrays[name] - forces
        if "REF_virial" in copy.info:
            stated = np.asarray(copy.info["REF_virial"], float)
            copy.info["REF_virial"] = stated - virial.reshape(stated.shape)
        out.append(copy)
    return out


def _compiled(tables):
    """Return the compiled potential and evaluator of the core alone: the engine's spline is the one that counts."""
    number = min(min(pair) for pair in tables)
    nothing = Term(
        f"distance_2b cutoff=1.0 cutoff_transition_width=0.5 covariance_type=ard_se theta_uniform=1.0 delta=1.0 "
        f"Z1={number} Z2={number}",
        "ard_se", 1.0, 1.0, np.ones((1, 1)), np.ones(1), np.zeros(1),
    )  # fmt: skip
    with TemporaryDirectory(prefix="core-") as folder:
        path = Path(folder) / "core.xml"
        write_gap(path, "core", {}, [nothing], core=tables)
        potential = call(_engine.Potential.read, str(path))
    return potential, call(_engine.Evaluator, potential, level())


def _evaluate(potential, evaluator, atoms):
    """Return energy, forces and virial of a frame by the compiled engine, with the errors of that module."""
    energies, forces, virials, _ = evaluator.evaluate(potential, *arrays(atoms), variances=False)
    return float(energies.sum()), forces, virials.sum(axis=0)
