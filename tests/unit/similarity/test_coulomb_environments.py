"""The Laplacian kernel over pairs of matrix rows, against SciPy."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from gapglass.similarity import coulomb_environments


@pytest.mark.parametrize(("n_first", "n_second", "zeta"), [(48, 30, 1e-2), (20, 67, 1.0), (5, 5, 1e6)])
def test_coulomb_environments_equal_scipy(rng, n_first, n_second, zeta):
    first, second = (np.abs(rng.normal(size=(n, n))) for n in (n_first, n_second))
    length = max(n_first, n_second)
    wide = [np.pad(matrix, ((0, 0), (0, length - len(matrix)))) for matrix in (first, second)]
    expected = np.exp(-zeta * cdist(*wide, "cityblock")).mean()
    found = coulomb_environments.coulomb_environments([first], [second, first], zeta)
    assert found[0, 0] == pytest.approx(expected, rel=1e-4 if zeta == 1.0 else 1e-6, abs=1e-300)
    assert found[0, 1] == pytest.approx(np.exp(-zeta * cdist(first, first, "cityblock")).mean(), rel=1e-6)
