"""Fingerprints and kernels: symmetries, agreement with DScribe, and the properties that a kernel must have."""

import numba
import numpy as np
import pytest
from ase import Atoms
from dscribe.core import System
from dscribe.descriptors import CoulombMatrix, SineMatrix
from dscribe.kernels import AverageKernel
from scipy.spatial.distance import cdist

from gapglass.base.errors import UserError
from gapglass.similarity import coulomb, coulomb_environments, kernels, pairwise, soap_environments
from gapglass.similarity.rows import combine, compare_with_all
from gapglass.similarity.soap import soap_descriptor, soap_features

SOAP = {"cutoff": 4.0, "n_max": 4, "l_max": 3, "atom_sigma": 0.5, "radial_basis": "polynomial"}


@pytest.fixture(scope="module")
def soap():
    return soap_descriptor(["Te", "O"], SOAP)


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
    reference = soap_features(frame, soap)
    for same in (rotated(frame), translated(frame), permuted(frame, rng)):
        np.testing.assert_allclose(soap_features(same, soap), reference, rtol=1e-6, atol=1e-8)
    assert not np.allclose(soap_features(blyp_frames[30], soap), reference, rtol=1e-3)


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


def test_descriptors_leave_the_frame_alone(soap, blyp_frames):
    frame = blyp_frames[0].copy()
    before = frame.copy()
    soap_features(frame, soap)
    coulomb.coulomb_vector(frame)
    assert frame == before


def both_kernels(
    *, products=None, moments=None, self_product=1.0, distances=None, coulomb_means=None, soap=None, coulomb=None
):
    """Return both kernels and their scales from one row that compares all frames with one another."""
    given = next(array for array in (products, moments, distances, coulomb_means) if array is not None)
    n = given.shape[-1]
    row, averaging = {}, {"soap": "fingerprint", "coulomb": "fingerprint"}
    if moments is not None:
        row |= {"moments": moments, "self_products": np.full(n, self_product), "n_atoms": np.ones(n)}
        averaging["soap"] = "environments"
    else:
        row["products"] = np.eye(n) if products is None else products
    if coulomb_means is not None:
        row["coulomb"] = coulomb_means
        averaging["coulomb"] = "environments"
    else:
        row["distances"] = 1 - np.eye(n) if distances is None else distances
    return combine(
        [row],
        [slice(0, n)],
        {"averaging": averaging["soap"], "degree": 4, "c0": 1.0, "slope": "auto", **(soap or {})},
        {"averaging": averaging["coulomb"], "zeta": "auto", **(coulomb or {})},
    )


def test_soap_kernel_equals_dscribe_on_averaged_fingerprints(soap, blyp_frames):
    prints = np.array([soap_features(frame, soap) for frame in blyp_frames[:12]])
    slope = 0.01
    ours, _, _ = both_kernels(products=prints @ prints.T, soap={"slope": slope})
    theirs = AverageKernel(metric="polynomial", degree=4, gamma=slope, coef0=1.0).create(
        [row[None, :] for row in prints]
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-10)


def test_coulomb_kernel_equals_dscribe_on_whole_matrices(blyp_frames):
    frames = blyp_frames[:8]
    vectors = [coulomb.coulomb_vector(frame) for frame in frames]
    matrices = [CoulombMatrix(n_atoms_max=48, permutation="sorted_l2").create(frame)[None, :] for frame in frames]
    zeta = 1e-5
    _, ours, _ = both_kernels(distances=pairwise.coulomb_distances(vectors, vectors), coulomb={"zeta": zeta})
    theirs = AverageKernel(metric="laplacian", gamma=zeta).create(matrices)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_l1_distances_equal_scipy(rng):
    left, right = rng.normal(size=(7, 1001)).astype(np.float32), rng.normal(size=(5, 1001)).astype(np.float32)
    np.testing.assert_allclose(pairwise.l1_distances(left, right), cdist(left, right, "cityblock"), rtol=1e-6)


@pytest.mark.parametrize(("n_left", "n_right", "length"), [(1, 1, 1), (3, 70, 17), (131, 5, 4500), (67, 67, 2049)])
def test_distances_of_any_shape(rng, n_left, n_right, length):
    """More rows than a tile and more features than a panel, and neither a multiple of what a register holds."""
    left, right = (rng.normal(size=(n, length)).astype(np.float32) for n in (n_left, n_right))
    np.testing.assert_allclose(pairwise.l1_distances(left, right), cdist(left, right, "cityblock"), rtol=1e-6)
    itself = pairwise.l1_distances(left, left)
    np.testing.assert_allclose(itself, cdist(left, left, "cityblock"), rtol=1e-6)
    np.testing.assert_array_equal(itself, pairwise.l1_distances(left, left.copy()))
    np.testing.assert_array_equal(itself, itself.T)


def test_distances_of_equal_steps(rng):
    """Differences all alike are the worst case for sums in float32: every rounding goes the same way."""
    left = np.full((2, 115440), 0.1, dtype=np.float32)
    left[1] = 1.3
    exact = (left[1].astype(float) - left[0]).sum()
    assert pairwise.l1_distances(left, left)[0, 1] == pytest.approx(exact, rel=2e-6)


def test_a_number_of_threads_changes_nothing(rng):
    vectors = list(rng.normal(size=(70, 3003)))
    frames = list(rng.normal(size=(6, 30, 40)).astype(np.float32))
    matrices = list(rng.normal(size=(6, 30, 30)))
    threads = numba.get_num_threads()
    found = []
    try:
        for number in {1, threads}:
            numba.set_num_threads(number)
            found.append(
                [
                    pairwise.coulomb_distances(vectors, vectors),
                    soap_environments.soap_moments(frames, frames, 3),
                    coulomb_environments.coulomb_environments(matrices, matrices, 0.01),
                ]
            )
    finally:
        numba.set_num_threads(threads)
    for one, many in zip(found[0], found[-1], strict=True):
        np.testing.assert_array_equal(one, many)


def test_not_a_number_stays_so(rng):
    vectors = list(rng.normal(size=(9, 55)))
    frames = list(rng.normal(size=(9, 10, 20)).astype(np.float32))
    matrices = list(rng.normal(size=(9, 10, 10)))
    for broken in (vectors[4], frames[4][3], matrices[4][3]):
        broken[7] = np.nan
    for found in (
        pairwise.coulomb_distances(vectors, vectors),
        soap_environments.soap_moments(frames, frames, 4)[3],
        coulomb_environments.coulomb_environments(matrices, matrices, 0.01),
    ):
        expected = np.zeros((9, 9), dtype=bool)
        expected[4] = expected[:, 4] = True
        np.testing.assert_array_equal(np.isnan(found), expected)


@pytest.mark.parametrize("same", [True, False])
def test_moments_from_monomials_keep_their_bound(rng, same):
    """Environments around a few centres, frames of different size: as from all pairs of atoms, also for a block of another kind."""
    spectrum = 10.0 ** -np.linspace(0, 10, 160)
    frames = [(rng.normal(size=(37 + i % 3, 160)) * spectrum + spectrum).astype(np.float32) for i in range(40)]
    turned = np.concatenate([rng.permutation(12), np.arange(12, 160)])
    others = (
        frames if same else [(rng.normal(size=(41, 160)) * spectrum[turned]).astype(np.float32) for _ in range(36)]
    )
    found = soap_environments._features(frames if same else [*frames, *others], 4)
    assert found is None or len(found[0]) > 100
    assert (found is not None) == same
    moments = soap_environments.soap_moments(frames, others, 4)
    itself = [np.array([_powers(frame, frame) for frame in block]) for block in (frames, others)]
    for a in range(0, len(frames), 3):
        for b in range(0, len(others), 3):
            scale = np.sqrt(itself[0][a] * itself[1][b])
            assert (
                np.abs(moments[:, a, b] - _powers(frames[a], others[b])) <= 1.05 * soap_environments.TOLERANCE * scale
            ).all()


def test_environments_without_small_directions_are_compared_atom_by_atom(rng):
    frames = [rng.normal(size=(40, 160)).astype(np.float32) for _ in range(36)]
    assert soap_environments._features(frames, 4) is None
    moments = soap_environments.soap_moments(frames, frames, 4)
    np.testing.assert_allclose(moments[:, 3, 7], _powers(frames[3], frames[7]), rtol=1e-4, atol=1e-3)


def test_moments_of_large_blocks_pass_on_not_a_number(rng):
    spectrum = 10.0 ** -np.linspace(0, 10, 160)
    frames = [(rng.normal(size=(40, 160)) * spectrum).astype(np.float32) for i in range(36)]
    frames[5][3, 2] = np.nan
    moments = soap_environments.soap_moments(frames, frames, 2)[1]
    assert np.isnan(moments[5]).all() and np.isnan(moments).sum() == 71
    assert moments[2, 3] == pytest.approx(
        _powers(frames[2], frames[3])[1], abs=1e-6 * _powers(frames[2], frames[2])[1]
    )


def _powers(first, second):
    products = first.astype(float) @ second.astype(float).T
    return np.array([(products**k).mean() for k in range(5)])


@pytest.mark.parametrize(("n_first", "n_second", "zeta"), [(48, 30, 1e-2), (20, 67, 1.0), (5, 5, 1e6)])
def test_coulomb_environments_equal_scipy(rng, n_first, n_second, zeta):
    first, second = (np.abs(rng.normal(size=(n, n))) for n in (n_first, n_second))
    length = max(n_first, n_second)
    wide = [np.pad(matrix, ((0, 0), (0, length - len(matrix)))) for matrix in (first, second)]
    expected = np.exp(-zeta * cdist(*wide, "cityblock")).mean()
    found = coulomb_environments.coulomb_environments([first], [second, first], zeta)
    assert found[0, 0] == pytest.approx(expected, rel=1e-4 if zeta == 1.0 else 1e-6, abs=1e-300)
    assert found[0, 1] == pytest.approx(np.exp(-zeta * cdist(first, first, "cityblock")).mean(), rel=1e-6)


def test_frames_of_different_size(blyp_frames, gamma_teo2):
    small = gamma_teo2[:24]
    vectors = [coulomb.coulomb_vector(frame) for frame in (blyp_frames[0], small)]
    big, padded = np.zeros((48, 48)), np.zeros((48, 48))
    big[np.tril_indices(48)] = vectors[0]
    padded[np.tril_indices(24)] = vectors[1]
    whole = [m + np.tril(m, -1).T for m in (big, padded)]
    expected = np.abs(whole[0] - whole[1]).sum()
    found = pairwise.coulomb_distances(vectors, vectors)
    assert found[0, 1] == pytest.approx(expected, rel=1e-6)
    assert found[0, 0] == 0


@pytest.mark.parametrize("delta", [0.0, 0.35, 1.0])
def test_kernel_is_symmetric_positive_with_unit_diagonal(soap, blyp_frames, delta):
    frames = blyp_frames[:20]
    prints = np.array([soap_features(frame, soap) for frame in frames])
    vectors = [coulomb.coulomb_vector(frame) for frame in frames]
    distances = pairwise.coulomb_distances(vectors, vectors)
    soap_kernel, coulomb_kernel, scales = both_kernels(products=prints @ prints.T, distances=distances)
    assert scales["slope"] == pytest.approx(1 / (prints**2).sum(axis=1).mean()) and scales["zeta"] > 0
    kernel = kernels.hybrid(soap_kernel, coulomb_kernel, delta)
    np.testing.assert_allclose(kernel, kernel.T, atol=1e-12)
    np.testing.assert_array_equal(np.diag(kernel), 1.0)
    assert np.linalg.eigvalsh(kernel).min() > -1e-9
    distances = kernels.distance(kernel)
    np.testing.assert_allclose(distances**2, 2 - 2 * kernel, atol=1e-12)


def test_auto_zeta_is_the_median_scale():
    distances = np.array([[0, 2.0, 4.0], [2.0, 0, 6.0], [4.0, 6.0, 0]])
    _, kernel, scales = both_kernels(distances=distances)
    assert scales["zeta"] == 0.25
    assert kernel[0, 2] == pytest.approx(np.exp(-1))
    with pytest.raises(UserError, match="frames are alike"):
        both_kernels(distances=np.zeros((3, 3)))


# Options: each against DScribe or an answer known by hand.


def test_sine_matrix_equals_dscribe_once_its_call_to_ase_is_repaired(blyp_frames, monkeypatch):
    frame = blyp_frames[0]
    monkeypatch.setattr(
        System, "from_atoms", lambda atoms: System(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=True)
    )
    theirs = SineMatrix(n_atoms_max=48, permutation="none").create(frame).reshape(48, 48)
    np.testing.assert_allclose(coulomb.sine_matrix(frame), theirs, rtol=1e-10)


def test_sine_matrix_by_hand():
    """Half a cell apart sin^2 is 1, so the separation is a whole cell vector; images do not matter."""
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
    """A crystal of one element: all pairs together, halved, are the energy of point charges in a neutralising background."""
    copper = Atoms("H", positions=[[0, 0, 0]], cell=[2.0] * 3, pbc=True) * (2, 2, 2)
    matrix = coulomb.ewald_matrix(copper)
    energy = (np.trace(matrix) + np.triu(matrix, 1).sum()) / len(copper)
    # Wigner: -1.418649 Z^2 / a per ion of the simple cubic one-component plasma (1/2 sum over pairs)
    assert energy == pytest.approx(-1.418649 / 2.0, rel=1e-3)


def test_whole_matrix_undoes_the_triangle(rng):
    matrix = rng.normal(size=(6, 6))
    matrix += matrix.T
    np.testing.assert_array_equal(coulomb.whole_matrix(matrix[np.tril_indices(6)]), matrix)


def test_environment_kernels_equal_dscribe(soap, blyp_frames):
    """Left-hand sides of Eq. 9 and 10 are DScribe's AverageKernel of whole frames."""
    frames = [blyp_frames[0], blyp_frames[30][:30], blyp_frames[50]]
    prints = [soap_features(frame, soap, "environments") for frame in frames]
    moments = soap_environments.soap_moments(prints, prints, 4)
    ours, _, scales = both_kernels(moments=moments, soap={"c0": 0.7, "slope": 0.01})
    theirs = AverageKernel(metric="polynomial", degree=4, gamma=0.01, coef0=0.7).create(
        [p.astype(float) for p in prints]
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert scales["slope"] == 0.01
    matrices = [coulomb.coulomb_matrix(frame) for frame in frames]
    padded = [np.pad(matrix, ((0, 0), (0, 48 - len(matrix)))) for matrix in matrices]
    theirs = AverageKernel(metric="laplacian", gamma=1e-3).create(padded)
    means = coulomb_environments.coulomb_environments(matrices, matrices, 1e-3)
    _, ours, _ = both_kernels(coulomb_means=means, coulomb={"zeta": 1e-3})
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_the_two_averages_agree_for_a_linear_kernel_and_differ_beyond(soap, blyp_frames):
    prints = [soap_features(frame, soap, "environments") for frame in blyp_frames[:60:20]]
    means = np.array([p.mean(axis=0, dtype=float) for p in prints])
    for degree, same in ((1, True), (4, False)):
        moments = soap_environments.soap_moments(prints, prints, degree)
        environments, _, scales = both_kernels(
            moments=moments, self_product=np.square(prints[0]).sum() / 48, soap={"degree": degree}
        )
        averaged, _, _ = both_kernels(products=means @ means.T, soap={"degree": degree, "slope": scales["slope"]})
        assert np.allclose(environments, averaged, atol=1e-6) == same


def test_scales_are_found_from_the_data(soap, blyp_frames):
    prints = [soap_features(frame, soap, "environments") for frame in blyp_frames[:2]]
    moments = soap_environments.soap_moments(prints, prints, 2)
    _, _, scales = both_kernels(moments=moments, self_product=50.0, soap={"degree": 2})
    assert scales["slope"] == 0.02
    matrices = [np.diag([0.0, 1.0, 2.0]) + shift for shift in (0.0, 1.0)]
    # rows of one frame against the other: |difference| summed over three columns
    expected = np.median([np.abs(a - b).sum() for a in matrices[0] for b in matrices[1]])
    assert coulomb_environments.row_scale(matrices, seed=3) == expected
    with pytest.raises(UserError, match="frames are alike"):
        coulomb_environments.row_scale([np.zeros((3, 3))] * 2, seed=3)


@pytest.mark.parametrize("averaging", ["fingerprint", "environments"])
def test_blocks_give_the_kernels_of_the_whole(soap, blyp_frames, averaging):
    frames = blyp_frames[:10:2]
    block = {
        "soap": [soap_features(frame, soap, averaging) for frame in frames],
        "coulomb": [coulomb.coulomb_vector(frame, permutation="none") for frame in frames],
    }
    settings = {"soap_averaging": averaging, "coulomb_averaging": averaging, "degree": 4, "packed": True, "zeta": 1e-3}
    sections = (
        {"degree": 4, "c0": 1.0, "slope": "auto", "averaging": averaging},
        {"zeta": 1e-3, "averaging": averaging},
    )
    whole = combine([compare_with_all(block, [block], settings)], [slice(0, 5)], *sections)
    places = [slice(2, 5), slice(0, 2)]
    parts = [{name: values[place] for name, values in block.items()} for place in places]
    rows = [compare_with_all(part, parts[: i + 1], settings) for i, part in enumerate(parts)]
    found = combine(rows, places, *sections)
    np.testing.assert_allclose(found[0], whole[0], rtol=1e-7)
    np.testing.assert_allclose(found[1], whole[1], rtol=1e-6)
    assert found[2]["slope"] == pytest.approx(whole[2]["slope"])
    np.testing.assert_array_equal(np.diag(found[0]), 1.0)
    assert found[1].min() < 0.999
