"""Voids against crystals whose voids are known."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from gapglass.structure import replicas
from gapglass.structure.voids import voids


def share_at(table, distance):
    """Return share and error (%) at a distance of the table."""
    row = table[np.isclose(table["distance_angstrom"], distance)].iloc[0]
    return row["volume_share_percent"], row["volume_share_percent_error"]


def test_spheres_around_the_atoms_of_a_cubic_lattice_are_cut_out():
    a = 4.0
    table = voids([Atoms("Si", cell=[a, a, a], pbc=True)])
    for distance in (0.5, 1.0, 1.5, 2.0):  # until the spheres overlap
        expected = 100 * (1 - 4 / 3 * np.pi * distance**3 / a**3)
        assert share_at(table, distance)[0] == pytest.approx(expected, abs=0.4)
    assert share_at(table, 0.0)[0] == 100
    # The widest void lies in the middle of the cube, 3.46 Å from its corners.
    assert share_at(table, 3.2)[0] > 0 and share_at(table, 3.5)[0] == 0


def test_widest_void_of_an_oblique_cell_is_the_octahedral_hole():
    primitive = voids([bulk("Cu", "fcc", a=6.0)])
    assert share_at(primitive, 2.9)[0] > 0 and share_at(primitive, 3.0)[0] == 0
    cubic = voids([bulk("Cu", "fcc", a=6.0, cubic=True)])
    np.testing.assert_allclose(cubic["volume_share_percent"], primitive["volume_share_percent"], atol=0.6)


def test_cell_repeated_and_atoms_outside_the_cell_change_nothing():
    atoms = Atoms("O20", cell=[8, 9, 10], pbc=True)
    atoms.positions = np.random.default_rng(7).uniform(0, 8, (20, 3))
    once = voids([atoms])["volume_share_percent"]
    moved = atoms.copy()
    moved.positions += [80, -90, 25]
    np.testing.assert_allclose(voids([moved])["volume_share_percent"], once, atol=1.0)
    np.testing.assert_allclose(voids([atoms.repeat(2)])["volume_share_percent"], once, atol=1.0)


def test_a_void_that_no_other_glass_has_is_seen():
    full = bulk("Cu", "fcc", a=5.0, cubic=True).repeat(3)
    hollow = full.copy()
    del hollow[np.linalg.norm(hollow.positions - hollow.positions.mean(axis=0), axis=1) < 4.0]
    assert share_at(voids([full]), 3.0)[0] == 0
    assert share_at(voids([hollow]), 3.0)[0] > 0.1
    # Nothing is as empty as a cell with one atom far away: what lies beyond the last distance is counted.
    alone = Atoms("Si", cell=[30, 30, 30], pbc=True)
    assert share_at(voids([alone]), 6.0)[0] == pytest.approx(100 * (1 - 4 / 3 * np.pi * 6**3 / 30**3), abs=0.4)


def test_errors_come_from_frames_and_then_from_replicas():
    generator = np.random.default_rng(3)
    models = []
    for _ in range(3):
        frames = [Atoms("O30", generator.uniform(0, 9, (30, 3)), cell=[9, 9, 9], pbc=True) for _ in range(20)]
        models.append(voids(frames))
        share, error = share_at(models[-1], 2.0)
        assert 0 < error < share
    mean = replicas.average_tables(models)
    expected = np.std([share_at(table, 2.0)[0] for table in models], ddof=1) / np.sqrt(3)
    assert share_at(mean, 2.0)[1] == pytest.approx(expected)
