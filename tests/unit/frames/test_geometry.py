"""Closest distances, wrapped positions and numbers of neighbours."""

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from gapglass.frames import geometry


@pytest.mark.parametrize("edge", [2.5, 6.0, 15.0])
def test_closest_pairs_are_those_of_a_neighbour_list(edge, rng):
    for _ in range(20):
        # In the smallest cells an atom is close to its own image; in the largest some pairs are out of reach.
        cell = np.diag(rng.uniform(edge, 1.5 * edge, 3)) + rng.uniform(-0.3, 0.3, (3, 3)) * edge
        frame = Atoms(rng.choice([8, 33, 52], 12), positions=rng.uniform(-20, 20, (12, 3)), cell=cell, pbc=True)
        i, j, distances = neighbor_list("ijd", frame, 4.0)
        symbols = np.array(frame.symbols)
        for pair, distance in geometry.closest_pairs(frame).items():
            first, second = pair.split("-")
            here = distances[(symbols[i] == first) & (symbols[j] == second)]
            assert distance == pytest.approx(here.min(initial=4.0), abs=1e-12)
        assert geometry.closest_distance(frame) == pytest.approx(distances.min(initial=4.0), abs=1e-12)


def test_atoms_inside_keep_their_last_digit(rng):
    cell = np.array([[7.1, 0, 0], [1.3, 6.2, 0], [-0.4, 0.9, 5.5]])
    atoms = Atoms("H20", positions=rng.uniform(0.01, 0.99, (20, 3)) @ cell, cell=cell, pbc=True)
    np.testing.assert_array_equal(geometry.wrapped(atoms), atoms.positions)
    atoms.positions[0] = [-1e-12, 0, 0]  # on the boundary, whatever the last digit
    np.testing.assert_array_equal(geometry.wrapped(atoms)[0], [-1e-12, 0, 0])


def test_neighbours_are_counted_as_ase_counts_them(blyp_frames):
    sheared = blyp_frames[0].copy()
    sheared.set_cell(np.array(sheared.cell) + np.array([[0, 0, 0], [2.0, 0, 0], [-1.0, 3.0, 0]]), scale_atoms=True)
    counts = geometry.count_neighbours([blyp_frames[0], sheared])
    assert counts["n_O"].tolist() == [32, 32] and counts["n_Te"].tolist() == [16, 16]
    for number, frame in enumerate((blyp_frames[0], sheared)):
        distances = neighbor_list("d", frame, 8.0)
        for r in (2.0, 4.5, 8.0):
            assert counts[f"within_{r:.1f}"][number] == (distances <= r).sum()
