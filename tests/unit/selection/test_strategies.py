"""Farthest points and even steps in time, on data with an answer known by hand."""

import numpy as np

from gapglass.selection import strategies


def test_farthest_points_spread_over_a_line():
    x = np.array([0.0, 0.1, 0.2, 5.0, 9.9, 10.0])
    distances = np.abs(x[:, None] - x)
    assert strategies.farthest_points(distances, 0, 3) == [0, 5, 3]


def test_uniform_in_time_has_even_steps():
    pool = np.arange(100, 200)
    chosen = np.array(strategies.uniform_in_time(pool, 10, seed=4))
    assert (np.diff(chosen) == 10).all() and chosen[0] < 110
    assert len({tuple(strategies.uniform_in_time(pool, 10, seed)) for seed in range(20)}) > 3
