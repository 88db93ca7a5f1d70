"""Coulomb, sine and Ewald matrices: symmetries, agreement with DScribe, answers known by hand."""

import numpy as np
import pytest
from ase import Atoms
from dscribe.core import System
from dscribe.descriptors import CoulombMatrix, SineMatrix
from similarity_helpers import permuted, rotated, translated

from gapglass.similarity import coulomb, pairwise


@pytest.mark.parametrize("permutation", ["sorted_l2", "none", "eigenspectrum"])
@pytest.mark.parametrize("distances", ["as_given", "minimum_image"])
def test_coulomb_is_invariant_where_it_should_be(blyp_frames, rng, permutation, distances):
    frame = blyp_frames[0]
    reference = coulomb.coulomb_vector(frame, permutation=permutation, distances=distances)
    for same in (rotated(frame), translated(frame)):
        np.testing.assert_allclose(
            coulomb.coulomb_vector(same, permutation=permutation, distances=distances), reference, rtol=1e-7
        )
    shuffled = coulomb.coulomb_vector(permuted(frame, rng), permutation=permutation, distances=distances)
    assert np.allclose(shuffled, reference, rtol=1e-7) == (permutation != "none")


def test_minimum_image_alone_ignores_wrapping(blyp_frames):
    frame = blyp_frames[0]
    wrapped = frame.copy()
    wrapped.positions[5] += frame.cell[0]
    for distances in ("as_given", "minimum_image"):
        same = np.allclose(coulomb.coulomb_matrix(wrapped, distances), coulomb.coulomb_matrix(frame, distances))
        assert same == (distances == "minimum_image")


def test_coulomb_matrix_by_hand():
    water = Atoms("OH", positions=[[0, 0, 0], [0, 0, 2.0]], cell=[5, 5, 2.5], pbc=True)
    np.testing.assert_allclose(coulomb.coulomb_matrix(water), [[0.5 * 8**2.4, 4.0], [4.0, 0.5]])
    np.testing.assert_allclose(coulomb.coulomb_matrix(water, "minimum_image")[0, 1], 8 / 0.5)


def test_sorted_matrix_equals_dscribe_and_padding_is_appended_zeros(blyp_frames):
    frame = blyp_frames[0]
    ours = pairwise.stack([coulomb.coulomb_vector(frame)], 60 * 61 // 2)[0]
    theirs = CoulombMatrix(n_atoms_max=60, permutation="sorted_l2").create(frame).reshape(60, 60)
    np.testing.assert_allclose(ours, theirs[np.tril_indices(60)], rtol=1e-6)


def test_sine_matrix_equals_dscribe_once_its_call_to_ase_is_repaired(blyp_frames, monkeypatch):
    frame = blyp_frames[0]
    monkeypatch.setattr(
        System, "from_atoms", lambda atoms: System(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=True)
    )
    theirs = SineMatrix(n_atoms_max=48, permutation="none").create(frame).reshape(48, 48)
    np.testing.assert_allclose(coulomb.sine_matrix(frame), theirs, rtol=1e-10)


def test_sine_matrix_by_hand():
    """For atoms half a cell apart sin^2 is 1, so that the separation is a complete cell vector, also for images."""
    pair = Atoms("OH", positions=[[0, 0, 0], [0, 0, 2.0]], cell=[5, 5, 4.0], pbc=True)
    np.testing.assert_allclose(coulomb.sine_matrix(pair), [[0.5 * 8**2.4, 2.0], [2.0, 0.5]])
    pair.positions[1] += [5, -5, 8]
    np.testing.assert_allclose(coulomb.sine_matrix(pair)[0, 1], 2.0)


@pytest.mark.parametrize("matrix", ["coulomb", "sine", "ewald"])
def test_matrices_work_on_frames_with_momenta_and_labels(blyp_frames, matrix):
    frame = blyp_frames[0].copy()
    plain = coulomb.coulomb_vector(frame, matrix, "none")
    frame.set_momenta(np.ones((48, 3)))
    frame.calc = blyp_frames[0].calc
    np.testing.assert_array_equal(coulomb.coulomb_vector(frame, matrix, "none"), plain)


@pytest.mark.parametrize("matrix", ["sine", "ewald"])
def test_periodic_matrices_ignore_wrapping(blyp_frames, matrix):
    frame = blyp_frames[0].copy()
    before = coulomb.coulomb_vector(frame, matrix, "none")
    frame.positions[5] += frame.cell[0]
    np.testing.assert_allclose(coulomb.coulomb_vector(frame, matrix, "none"), before, rtol=1e-6)


def test_ewald_matrix_sums_to_a_madelung_energy():
    """Half the sum over all pairs of a crystal of one element is the energy of ions in a neutralising background."""
    copper = Atoms("H", positions=[[0, 0, 0]], cell=[2.0] * 3, pbc=True) * (2, 2, 2)
    matrix = coulomb.ewald_matrix(copper)
    energy = (np.trace(matrix) + np.triu(matrix, 1).sum()) / len(copper)
    # The energy of the simple cubic one-component plasma is -1.418649 Z^2 / a per ion.
    assert energy == pytest.approx(-1.418649 / 2.0, rel=1e-3)


def test_whole_matrix_undoes_the_triangle(rng):
    matrix = rng.normal(size=(6, 6))
    matrix += matrix.T
    np.testing.assert_array_equal(coulomb.whole_matrix(matrix[np.tril_indices(6)]), matrix)
