"""Matrices of many frames: the median of values in pieces, and kernels on disk."""

import numpy as np
import pytest

from gapglass.base.errors import UserError
from gapglass.similarity import kernels, matrices, pairwise
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
    np.testing.assert_array_equal(kernels.read_distance(*paths, 0.3, kernels.UNBALANCED), expected)
    monkeypatch.setattr("gapglass.similarity.matrices.FLOAT64_UP_TO", 20)
    single = kernels.read_distance(*paths, 0.3, kernels.UNBALANCED)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=1e-7)


def test_spread_and_balance(rng, tmp_path):
    points = {"soap": 0.01 * rng.normal(size=(700, 3)), "coulomb": 0.3 * rng.normal(size=(700, 4))}
    apart = {name: np.square(of[:, None] - of).sum(axis=2) for name, of in points.items()}
    spreads, upper = {}, np.triu_indices(700, 1)
    for name, squared in apart.items():
        np.save(tmp_path / f"{name}.npy", 1 - squared / 2)
        spreads[name] = kernels.spread(matrices.MatrixOnDisk(tmp_path / f"{name}.npy"))
        values = squared[upper]
        wanted = {
            "median": np.median(values),
            "lowest": values.min(),
            "highest": values.max(),
            "deviation": values.std(),
        }
        assert spreads[name] == pytest.approx(wanted, rel=1e-6)
    medians = {name: found["median"] for name, found in spreads.items()}
    paths = [tmp_path / f"{name}.npy" for name in ("soap", "coulomb")]
    found = kernels.read_distance(*paths, 0.25, medians)
    wanted = np.sqrt(0.75 * apart["soap"] / medians["soap"] + 0.25 * apart["coulomb"] / medians["coulomb"])
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7)
    # As they are, the kernel with the larger spread decides alone.
    shares = [kernels.coulomb_share(0.5, spreads, scale) for scale in (kernels.UNBALANCED, medians)]
    assert shares[0] > 0.99 and 0.4 < shares[1] < 0.6
    assert [kernels.coulomb_share(delta, spreads, medians) for delta in (0.0, 1.0)] == [0.0, 1.0]


def test_a_kernel_without_spread_is_refused():
    with pytest.raises(UserError, match="more than half of the squared distances are zero"):
        kernels.spread(np.ones((5, 5)))
