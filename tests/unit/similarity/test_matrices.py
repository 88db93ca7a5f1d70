"""Matrices of many frames: the median of values in pieces, and kernels on disk."""

import numpy as np
import pytest

from gapglass.similarity import kernels, pairwise
from gapglass.similarity.matrices import streamed_median
from gapglass.similarity.rows import combine, compare_with_all


@pytest.mark.parametrize("n", [1001, 1000])
def test_streamed_median_is_the_median(rng, monkeypatch, n):
    values = rng.gamma(2.0, size=n)
    pieces = np.array_split(values, 7)
    assert streamed_median(lambda: pieces) == np.median(values)
    monkeypatch.setattr("gapglass.similarity.matrices.IN_MEMORY", 10)
    assert streamed_median(lambda: pieces) == pytest.approx(np.median(values), abs=0.01)
    assert streamed_median(lambda: [np.zeros(11)]) == 0


def test_kernels_on_disk_give_the_distances_of_those_in_memory(rng, tmp_path, monkeypatch):
    prints, matrices = rng.uniform(size=(30, 12)), rng.uniform(size=(30, 20)).astype(np.float32)
    places = [slice(20, 30), slice(0, 20)]
    parts = [{"soap": prints[place], "coulomb": list(matrices[place])} for place in places]
    settings = {"soap_averaging": "fingerprint", "coulomb_averaging": "fingerprint", "packed": False}
    rows = [compare_with_all(part, parts[: i + 1], settings) for i, part in enumerate(parts)]
    sections = (
        {"averaging": "fingerprint", "degree": 4, "c0": 1.0, "slope": "auto"},
        {"averaging": "fingerprint", "zeta": "auto"},
    )
    *exact, _ = combine(rows, places, *sections)
    products, apart = prints @ prints.T, pairwise.l1_distances(matrices, matrices)
    polynomial = (products / np.diag(products).mean() + 1) ** 4
    scale = np.sqrt(np.diag(polynomial))
    np.testing.assert_allclose(exact[0], polynomial / np.outer(scale, scale), rtol=1e-12)
    np.testing.assert_allclose(exact[1], np.exp(-apart / np.median(apart[np.triu_indices(30, 1)])), rtol=1e-6)
    paths = [tmp_path / f"{name}.npy" for name in ("soap", "coulomb")]
    for path, matrix in zip(paths, exact, strict=True):
        np.save(path, matrix)
    expected = kernels.distance(kernels.hybrid(*exact, 0.3))
    np.testing.assert_array_equal(kernels.read_distance(*paths, 0.3), expected)
    monkeypatch.setattr("gapglass.similarity.matrices.FLOAT64_UP_TO", 20)
    single = kernels.read_distance(*paths, 0.3)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=1e-7)
