"""The water-like potential of the tests: its forces and virial are derivatives of its energy."""

import numpy as np
import water


def test_forces_and_stress_are_derivatives_of_the_energy():
    rng = np.random.default_rng(3)
    atoms = water.molecules_on_a_grid(8, 1.3, rng)
    atoms.rattle(0.1, rng=rng)
    atoms.calc = water.WaterLike()
    forces, stress = atoms.get_forces(), atoms.get_stress(voigt=False)

    def energy(positions, cell):
        moved = atoms.copy()
        moved.set_cell(cell)
        moved.positions = positions
        moved.calc = water.WaterLike()
        return moved.get_potential_energy()

    for i, axis in ((0, 0), (1, 1), (5, 2), (9, 0)):
        shift = np.zeros_like(atoms.positions)
        shift[i, axis] = 1e-4
        ends = [energy(atoms.positions + sign * shift, atoms.cell) for sign in (1, -1)]
        assert abs(-(ends[0] - ends[1]) / 2e-4 - forces[i, axis]) < 1e-5
    for a, b in ((0, 0), (0, 1), (2, 2)):
        strain = np.zeros((3, 3))
        strain[a, b] += 0.5e-5
        strain[b, a] += 0.5e-5
        ends = [
            energy(atoms.positions @ (np.eye(3) + s * strain), atoms.cell.array @ (np.eye(3) + s * strain))
            for s in (1, -1)
        ]
        assert abs((ends[0] - ends[1]) / 2e-5 / atoms.get_volume() - stress[a, b]) < 1e-6
