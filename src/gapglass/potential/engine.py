"""Energies, forces and virials of a GAP by gapglass's own engine (``cpp/gap``), and its ASE calculator.

The engine evaluates the potentials that gap_fit writes with the descriptors soap, soap_turbo (basis poly3gauss) and
distance_2b. SOAP, doi:10.1103/PhysRevB.87.184115; soap_turbo, doi:10.1103/PhysRevB.100.024112.
"""

import re
from pathlib import Path

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from gapglass.base.errors import UserError
from gapglass.base.progress import Progress
from gapglass.potential import _engine
from gapglass.potential.build import engine_digest
from gapglass.potential.failures import FitFailed
from gapglass.potential.gap_xml import potential_descriptors

REFUSED_SIGMA = 0.17  # atom_sigma of soap_turbo over its cutoff; differences from QUIP reach 1e-6 eV/atom there


class EngineError(UserError):
    """The engine refuses a potential or a structure; the message names what, and what helps."""


def source_digest():
    """Return the digest of the sources that the engine was compiled from, see ``build.engine_digest``."""
    return engine_digest()


def level():
    """Return the SIMD level that the engine uses here: avx512, avx2 or plain.

    The environment variable ``GAPGLASS_SIMD`` forces one.

    Raises
    ------
    EngineError
        When this machine or this build lacks the level of ``GAPGLASS_SIMD``.
    """
    return call(_engine.simd_level)


def call(function, *arguments, **named):
    """Call the compiled engine; its errors become ``EngineError``."""
    try:
        return function(*arguments, **named)
    except _engine.Error as error:
        raise EngineError(str(error)) from None


def arrays(atoms):
    """Return positions (Å), atomic numbers, cell (Å) and periodicity in the form that the compiled engine takes."""
    return (
        np.ascontiguousarray(atoms.positions, dtype=float),
        np.ascontiguousarray(atoms.numbers, dtype=np.int32),
        np.ascontiguousarray(atoms.cell.array, dtype=float),
        [bool(axis) for axis in atoms.pbc],
    )


def _refuse_wide_atoms(path):
    """Raise ``EngineError`` for soap_turbo with atoms so wide that the engine's energies differ from QUIP's."""
    if not Path(path).is_file():
        return  # the engine itself says what is wrong with the path
    for text in potential_descriptors(path):
        cutoff, sigma = (re.search(rf"{name}=\{{*([0-9.]+)", text) for name in ("rcut_hard", "atom_sigma_r"))
        if cutoff and sigma and float(sigma.group(1)) > REFUSED_SIGMA * float(cutoff.group(1)):
            raise EngineError(
                f"{path}: atom_sigma_r {sigma.group(1)} Å is more than {REFUSED_SIGMA} of rcut_hard {cutoff.group(1)} "
                "Å, where the engine and QUIP differ; take a smaller atom_sigma, or evaluate this potential with QUIP"
            )


class GAP(Calculator):
    """ASE calculator of a Gaussian approximation potential.

    Results: energy and free_energy (eV), forces (eV/Å), energies (eV, of each atom), stress and stresses (eV/Å³, as
    six numbers xx yy zz yz xz xy; those of the atoms add up to that of the cell), and, with ``variance``,
    energy_variances (eV², predictive variance of the energy of each atom). Cells may be triclinic, smaller than the
    cutoff, and periodic along any axes; without three cell vectors there is no stress.

    Parameters
    ----------
    path : path-like
        gap.xml; the files of its sparse points, if separate, lie beside it.
    simd : {"avx512", "avx2", "plain"}, optional
        SIMD level; by default the best one of this machine, or that of ``GAPGLASS_SIMD``.
    variance : path-like, optional
        File of the factors from which predictive variances follow, see ``variance.write_factors``.

    Raises
    ------
    EngineError
        When the file cannot be read, is damaged, or has a term that the engine does not implement.
    """

    implemented_properties = ["energy", "free_energy", "forces", "energies", "stress", "stresses"]  # noqa: RUF012
    default_parameters = {}  # noqa: RUF012
    nolabel = True

    def __init__(self, path, simd=None, variance=None, **keywords):
        super().__init__(**keywords)
        engine_digest()
        _refuse_wide_atoms(path)
        self._potential = call(_engine.Potential.read, str(Path(path)))
        if variance is not None:
            call(self._potential.read_variance, str(Path(variance)))
            self.implemented_properties = [*self.implemented_properties, "energy_variances"]
        self._evaluator = call(_engine.Evaluator, self._potential, simd or level())

    @property
    def cutoff(self):
        """Largest distance (Å) at which an atom counts as a neighbour."""
        return self._potential.cutoff

    @property
    def atomic_numbers(self):
        """Atomic numbers of the elements that the potential knows, ascending."""
        return list(self._potential.elements)

    @property
    def simd(self):
        """SIMD level in use."""
        return self._evaluator.level

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        """Compute all results at once.

        Raises
        ------
        EngineError
            When an atom has an element that the potential lacks, two atoms are closer than 0.05 Å, or a position is
            not a number.
        """
        super().calculate(atoms, properties, system_changes)
        atoms = self.atoms
        energies, forces, virials, variances = call(
            self._evaluator.evaluate,
            self._potential,
            *arrays(atoms),
            variances=self._potential.has_variance,
        )
        energy = float(energies.sum())
        self.results = {"energy": energy, "free_energy": energy, "energies": energies, "forces": forces}
        if variances is not None:
            self.results["energy_variances"] = variances
        if atoms.cell.rank == 3:
            stresses = full_3x3_to_voigt_6_stress(-virials / atoms.get_volume())
            self.results |= {"stress": stresses.sum(axis=0), "stresses": stresses}


def predict(potential, frames):
    """Evaluate a potential on frames.

    Parameters
    ----------
    potential : path-like
        gap.xml.
    frames : list of ase.Atoms

    Returns
    -------
    energies : numpy.ndarray, shape (n_frames,), eV
    forces : list of numpy.ndarray, shape (n_atoms, 3), eV/Å

    Raises
    ------
    EngineError
        When the engine refuses the potential, or a frame; the message has the number of the frame, from 0.
    FitFailed
        When the potential gives a number that is not finite.
    """
    calculator = GAP(potential)
    progress = Progress(len(frames), "frames evaluated")
    energies, forces = [], []
    for number, frame in enumerate(frames):
        try:
            calculator.calculate(frame)
        except EngineError as error:
            raise EngineError(f"frame {number} of the {len(frames)} to evaluate with {potential}: {error}") from None
        energies.append(calculator.results["energy"])
        forces.append(calculator.results["forces"])
        if not (np.isfinite(energies[-1]) and np.isfinite(forces[-1]).all()):
            raise FitFailed(f"{potential} gives an energy or forces of frame {number} that are not finite")
        progress.update(number + 1)
    return np.array(energies), forces
