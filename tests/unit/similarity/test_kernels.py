"""Kernels: agreement with DScribe, and the properties that a kernel must have."""

import subprocess
import sys

import numpy as np
import pytest
from dscribe.descriptors import CoulombMatrix
from dscribe.kernels import AverageKernel
from similarity_helpers import both_kernels

from gapglass.similarity import coulomb, coulomb_environments, kernels, pairwise, soap_environments
from gapglass.similarity.soap import soap_features


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


def test_environment_kernels_equal_dscribe(soap, blyp_frames):
    """The left-hand sides of Eq. 9 and 10 are DScribe's AverageKernel of all atoms."""
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


def test_the_equations_by_hand():
    products, moments = np.array([[2.0]]), np.array([1.0, 2.0, 5.0]).reshape(3, 1, 1)
    assert kernels.polynomial(products, 3, 1.0, 0.5)[0, 0] == 8.0
    # The mean of (0.5 x + 1)^2 over x is 0.25 <x^2> + <x> + 1.
    assert kernels.binomial(moments, 1.0, 0.5)[0, 0] == 0.25 * 5 + 2 + 1
    assert kernels.laplacian(np.log(4.0), 0.5) == pytest.approx(0.5)
    found = kernels.normalised(np.array([[6.0, 3.0]]), np.array([4.0]), np.array([9.0, 1.0]))
    np.testing.assert_allclose(found, [[1.0, 1.5]])
    assert kernels.hybrid(0.5, 0.9, 0.25) == pytest.approx(0.6)
    assert kernels.distance(0.5) == 1.0 and kernels.distance(1 + 1e-15) == 0.0


def test_reading_kernels_and_planning_jobs_load_neither_compiler_nor_scikit_learn():
    modules = ["similarity." + name for name in ("blocks", "kernels", "matrices", "rows")]
    modules += ["clustering.spectral", "clustering.scan", "clustering.delta", "selection.database"]
    code = f"""
import importlib, sys
for name in {modules}:
    importlib.import_module("gapglass." + name)
print(*{{"numba", "dscribe", "sklearn", "scipy"}} & set(sys.modules))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
