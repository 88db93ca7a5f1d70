"""The compiled loops: L1 distances of any shape, NaN, and any number of threads."""

import numba
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from gapglass.similarity import coulomb, coulomb_environments, pairwise, soap_environments


def test_l1_distances_equal_scipy(rng):
    left, right = rng.normal(size=(7, 1001)).astype(np.float32), rng.normal(size=(5, 1001)).astype(np.float32)
    np.testing.assert_allclose(pairwise.l1_distances(left, right), cdist(left, right, "cityblock"), rtol=1e-6)


@pytest.mark.parametrize(("n_left", "n_right", "length"), [(1, 1, 1), (3, 70, 17), (131, 5, 4500), (67, 67, 2049)])
def test_distances_of_any_shape(rng, n_left, n_right, length):
    """There are more rows than in a tile and more features than in a panel, and no multiples of a SIMD register."""
    left, right = (rng.normal(size=(n, length)).astype(np.float32) for n in (n_left, n_right))
    np.testing.assert_allclose(pairwise.l1_distances(left, right), cdist(left, right, "cityblock"), rtol=1e-6)
    itself = pairwise.l1_distances(left, left)
    np.testing.assert_allclose(itself, cdist(left, left, "cityblock"), rtol=1e-6)
    np.testing.assert_array_equal(itself, pairwise.l1_distances(left, left.copy()))
    np.testing.assert_array_equal(itself, itself.T)


def test_distances_of_equal_steps(rng):
    """Equal differences are the worst case for sums in float32, because all rounding errors have one sign."""
    left = np.full((2, 115440), 0.1, dtype=np.float32)
    left[1] = 1.3
    exact = (left[1].astype(float) - left[0]).sum()
    assert pairwise.l1_distances(left, left)[0, 1] == pytest.approx(exact, rel=2e-6)


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
