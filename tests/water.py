"""A small set of water-like frames with labels of an analytic potential: harmonic bonds and angles, soft repulsion.

The numbers resemble water: O-H bonds of 0.96 Å, an angle of 104.5 degrees, molecules that do not break.
"""

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.io import write
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution

from gapglass.base.units import AMU_PER_A3_IN_G_PER_CM3

BOND, BOND_CONSTANT = 0.96, 20.0  # Å, eV/Å²
ANGLE, ANGLE_CONSTANT = np.radians(104.5), 2.0  # rad, eV/rad²
REPULSION = {("O", "O"): (3.0, 0.01), ("H", "H"): (1.7, 0.01), ("H", "O"): (1.8, 0.01)}  # Å, eV


class WaterLike(Calculator):
    """Energy, forces and stress of molecules O, H, H in this order.

    Bonds and angles are harmonic. Atoms of different molecules repel each other as in the repulsive part of
    Lennard-Jones' potential, which ends smoothly at its minimum.
    """

    implemented_properties = ("energy", "forces", "stress")

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        energy, pairs = 0.0, []
        cell, n = np.asarray(self.atoms.cell), len(self.atoms)
        apart = self.atoms.positions[None] - self.atoms.positions[:, None]
        apart -= np.rint(apart @ np.linalg.inv(cell)) @ cell
        oxygen = np.arange(0, n, 3)
        bonds = []
        for k in (1, 2):
            vector = apart[oxygen, oxygen + k]
            length = np.linalg.norm(vector, axis=1)
            energy += 0.5 * BOND_CONSTANT * ((length - BOND) ** 2).sum()
            pairs.append((oxygen, oxygen + k, vector, (BOND_CONSTANT * (length - BOND) / length)[:, None] * vector))
            bonds.append((vector, length))
        energy += self._angles(oxygen, bonds, pairs)
        energy += self._repulsion(apart, n, pairs)
        forces, virial = np.zeros((n, 3)), np.zeros((3, 3))
        for first, second, vector, pull in pairs:
            np.add.at(forces, first, pull)
            np.add.at(forces, second, -pull)
            virial -= np.einsum("ia,ib->ab", vector, pull)
        stress = -(virial + virial.T) / 2 / self.atoms.get_volume()
        self.results = {"energy": energy, "forces": forces, "stress": stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]}

    @staticmethod
    def _angles(oxygen, bonds, pairs):
        (a, la), (b, lb) = bonds
        ua, ub = a / la[:, None], b / lb[:, None]
        cosine = np.clip((ua * ub).sum(axis=1), -1, 1)
        angle, sine = np.arccos(cosine), np.sqrt(1 - cosine**2)
        slope = (-ANGLE_CONSTANT * (angle - ANGLE) / sine)[:, None]  # of the energy by the cosine
        pairs.append((oxygen, oxygen + 1, a, slope * (ub - cosine[:, None] * ua) / la[:, None]))
        pairs.append((oxygen, oxygen + 2, b, slope * (ua - cosine[:, None] * ub) / lb[:, None]))
        return 0.5 * ANGLE_CONSTANT * ((angle - ANGLE) ** 2).sum()

    def _repulsion(self, apart, n, pairs):
        first, second = np.triu_indices(n, 1)
        other = first // 3 != second // 3
        first, second = first[other], second[other]
        vector = apart[first, second]
        length = np.linalg.norm(vector, axis=1)
        names = np.sort(np.array([self.atoms.symbols[first], self.atoms.symbols[second]]).T.astype(str), axis=1)
        energy = 0.0
        for pair, (sigma, depth) in REPULSION.items():
            near = (names == pair).all(axis=1) & (length < 2 ** (1 / 6) * sigma)
            sixth = (sigma / length[near]) ** 6
            energy += (4 * depth * (sixth**2 - sixth) + depth).sum()
            pull = -24 * depth * (2 * sixth**2 - sixth) / length[near] ** 2
            pairs.append((first[near], second[near], vector[near], pull[:, None] * vector[near]))
        return energy


def molecules_on_a_grid(n, density, rng):
    """Return ``n`` molecules (a cube number or fewer) of random orientation on a cubic grid at a density in g/cm³."""
    mass = n * 18.015
    length = (mass * AMU_PER_A3_IN_G_PER_CM3 / density) ** (1 / 3)
    side = int(np.ceil(n ** (1 / 3) - 1e-9))
    grid = np.array([(i, j, k) for i in range(side) for j in range(side) for k in range(side)])[:n]
    half = ANGLE / 2
    shape = BOND * np.array([[0, 0, 0], [np.sin(half), np.cos(half), 0], [-np.sin(half), np.cos(half), 0]])
    positions = []
    for place in grid * length / side:
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        positions.append(place + shape @ turn)
    return Atoms("OHH" * n, positions=np.concatenate(positions), cell=[length] * 3, pbc=True)


def labelled(atoms, temperature):
    """Return a frame with its labels as the import reads them."""
    frame = Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=True)
    frame.arrays["REF_forces"] = atoms.get_forces()
    virial = -atoms.get_stress(voigt=False) * atoms.get_volume()
    frame.info = {"REF_energy": atoms.get_potential_energy(), "REF_virial": virial.ravel(), "temperature": temperature}
    return frame


def trajectory(n_molecules=12, temperatures=(600.0, 300.0), n_frames=15, seed=1):
    """Return frames of molecular dynamics at constant volume (1 g/cm³), ``n_frames`` of each temperature."""
    rng = np.random.default_rng(seed)
    atoms = molecules_on_a_grid(n_molecules, 1.0, rng)
    atoms.calc = WaterLike()
    MaxwellBoltzmannDistribution(atoms, temperature_K=temperatures[0], rng=rng)
    frames = []
    for temperature in temperatures:
        dynamics = Langevin(
            atoms, 0.5 * units.fs, temperature_K=temperature, friction=0.02 / units.fs, rng=rng, fixcm=False
        )
        dynamics.run(400)
        for _ in range(n_frames):
            dynamics.run(40)
            frames.append(labelled(atoms, temperature))
    return frames


def write_trajectory(path, **options):
    """Write a trajectory as extended XYZ."""
    write(path, trajectory(**options), format="extxyz")
