"""Fingerprints and kernels: symmetries, agreement with DScribe, and the properties that a kernel must have."""

import numpy as np
import pytest
from ase import Atoms
from dscribe.descriptors import CoulombMatrix
from dscribe.kernels import AverageKernel
from gapglass import descriptors, kernels
from gapglass.errors import UserError
from scipy.spatial.distance import cdist

SOAP = {"cutoff": 4.0, "n_max": 4, "l_max": 3, "atom_sigma": 0.5, "radial_basis": "polynomial"}


@pytest.fixture(scope="module")
def soap():
    return descriptors.soap_descriptor(["Te", "O"], SOAP)


def rotated(atoms):
    """Turn positions and cell together by a general rotation."""
    turned = atoms.copy()
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    return turned


def translated(atoms):
    moved = atoms.copy()
    moved.positions += [1.3, -0.4, 2.2]
    return moved


def permuted(atoms, rng):
    return atoms[rng.permutation(len(atoms))]


def test_soap_is_invariant(soap, blyp_frames, rng):
    frame = blyp_frames[0]
    reference = descriptors.average_fingerprint(frame, soap)
    for same in (rotated(frame), translated(frame), permuted(frame, rng)):
        np.testing.assert_allclose(descriptors.average_fingerprint(same, soap), reference, rtol=1e-6, atol=1e-8)
    assert not np.allclose(descriptors.average_fingerprint(blyp_frames[30], soap), reference, rtol=1e-3)


@pytest.mark.parametrize("permutation", ["sorted_l2", "none", "eigenspectrum"])
@pytest.mark.parametrize("distances", ["as_given", "minimum_image"])
def test_coulomb_is_invariant_where_it_should_be(blyp_frames, rng, permutation, distances):
    frame = blyp_frames[0]
    reference = descriptors.coulomb_vector(frame, permutation, distances)
    for same in (rotated(frame), translated(frame)):
        np.testing.assert_allclose(descriptors.coulomb_vector(same, permutation, distances), reference, rtol=1e-7)
    shuffled = descriptors.coulomb_vector(permuted(frame, rng), permutation, distances)
    assert np.allclose(shuffled, reference, rtol=1e-7) == (permutation != "none")


def test_minimum_image_alone_ignores_wrapping(blyp_frames):
    frame = blyp_frames[0]
    wrapped = frame.copy()
    wrapped.positions[5] += frame.cell[0]
    for distances in ("as_given", "minimum_image"):
        same = np.allclose(descriptors.coulomb_matrix(wrapped, distances), descriptors.coulomb_matrix(frame, distances))
        assert same == (distances == "minimum_image")


def test_coulomb_matrix_by_hand():
    water = Atoms("OH", positions=[[0, 0, 0], [0, 0, 2.0]], cell=[5, 5, 2.5], pbc=True)
    np.testing.assert_allclose(descriptors.coulomb_matrix(water), [[0.5 * 8**2.4, 4.0], [4.0, 0.5]])
    np.testing.assert_allclose(descriptors.coulomb_matrix(water, "minimum_image")[0, 1], 8 / 0.5)


def test_sorted_matrix_equals_dscribe_and_padding_is_appended_zeros(blyp_frames):
    frame = blyp_frames[0]
    ours = kernels.stack([descriptors.coulomb_vector(frame)], 60 * 61 // 2)[0]
    theirs = CoulombMatrix(n_atoms_max=60, permutation="sorted_l2").create(frame).reshape(60, 60)
    np.testing.assert_allclose(ours, theirs[np.tril_indices(60)], rtol=1e-6)


def test_descriptors_leave_the_frame_alone(soap, blyp_frames):
    frame = blyp_frames[0].copy()
    before = frame.copy()
    descriptors.average_fingerprint(frame, soap)
    descriptors.coulomb_vector(frame)
    assert frame == before


def test_soap_kernel_equals_dscribe_on_averaged_fingerprints(soap, blyp_frames):
    prints = np.array([descriptors.average_fingerprint(frame, soap) for frame in blyp_frames[:12]])
    slope = 0.01
    ours, _ = kernels.soap_kernel(prints @ prints.T, degree=4, c0=1.0, slope=slope)
    theirs = AverageKernel(metric="polynomial", degree=4, gamma=slope, coef0=1.0).create([row[None, :] for row in prints])
    np.testing.assert_allclose(ours, theirs, atol=1e-10)


def test_coulomb_kernel_equals_dscribe_on_whole_matrices(blyp_frames):
    frames = blyp_frames[:8]
    vectors = [descriptors.coulomb_vector(frame) for frame in frames]
    matrices = [CoulombMatrix(n_atoms_max=48, permutation="sorted_l2").create(frame)[None, :] for frame in frames]
    zeta = 1e-5
    ours, _ = kernels.coulomb_kernel(kernels.coulomb_distances(vectors, vectors), zeta)
    theirs = AverageKernel(metric="laplacian", gamma=zeta).create(matrices)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_l1_distances_equal_scipy(rng):
    left, right = rng.normal(size=(7, 1001)).astype(np.float32), rng.normal(size=(5, 1001)).astype(np.float32)
    np.testing.assert_allclose(kernels.l1_distances(left, right), cdist(left, right, "cityblock"), rtol=1e-6)


def test_frames_of_different_size(blyp_frames, gamma_teo2):
    small = gamma_teo2[:24]
    vectors = [descriptors.coulomb_vector(frame) for frame in (blyp_frames[0], small)]
    big, padded = np.zeros((48, 48)), np.zeros((48, 48))
    big[np.tril_indices(48)] = vectors[0]
    padded[np.tril_indices(24)] = vectors[1]
    whole = [m + np.tril(m, -1).T for m in (big, padded)]
    expected = np.abs(whole[0] - whole[1]).sum()
    found = kernels.coulomb_distances(vectors, vectors)
    assert found[0, 1] == pytest.approx(expected, rel=1e-6)
    assert found[0, 0] == 0


@pytest.mark.parametrize("delta", [0.0, 0.35, 1.0])
def test_kernel_is_symmetric_positive_with_unit_diagonal(soap, blyp_frames, delta):
    frames = blyp_frames[:20]
    prints = np.array([descriptors.average_fingerprint(frame, soap) for frame in frames])
    vectors = [descriptors.coulomb_vector(frame) for frame in frames]
    soap_kernel, slope = kernels.soap_kernel(prints @ prints.T)
    coulomb_kernel, zeta = kernels.coulomb_kernel(kernels.coulomb_distances(vectors, vectors))
    assert slope == pytest.approx(1 / (prints**2).sum(axis=1).mean()) and zeta > 0
    kernel = kernels.hybrid(soap_kernel, coulomb_kernel, delta)
    np.testing.assert_allclose(kernel, kernel.T, atol=1e-12)
    np.testing.assert_array_equal(np.diag(kernel), 1.0)
    assert np.linalg.eigvalsh(kernel).min() > -1e-9
    distances = kernels.distance(kernel)
    np.testing.assert_allclose(distances**2, 2 - 2 * kernel, atol=1e-12)


def test_auto_zeta_is_the_median_scale():
    distances = np.array([[0, 2.0, 4.0], [2.0, 0, 6.0], [4.0, 6.0, 0]])
    kernel, zeta = kernels.coulomb_kernel(distances)
    assert zeta == 0.25
    assert kernel[0, 2] == pytest.approx(np.exp(-1))
    with pytest.raises(UserError, match="frames are alike"):
        kernels.coulomb_kernel(np.zeros((3, 3)))


def test_tiles_give_the_whole_matrix(rng):
    matrix = rng.normal(size=(9, 9))
    matrix = matrix + matrix.T
    edges = [0, 4, 8, 9]
    tiles = {(i, j): matrix[edges[i] : edges[i + 1], edges[j] : edges[j + 1]] for i in range(3) for j in range(i + 1)}
    np.testing.assert_allclose(kernels.assemble(tiles, [4, 4, 1]), matrix)
