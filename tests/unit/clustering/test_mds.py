"""The two-dimensional map."""

import numpy as np

from gapglass.clustering import mds


def test_map_keeps_planar_distances():
    points = np.random.default_rng(2).normal(size=(40, 2))
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    positions, stress = mds.two_dimensional_map(distances, 5)
    assert stress < 0.01
    np.testing.assert_allclose(np.linalg.norm(positions[:, None] - positions[None], axis=-1), distances, atol=0.05)
