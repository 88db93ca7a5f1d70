"""Bounds on an error from its values in blocks of time: how often they hold, and what they depend on."""

import numpy as np
import pytest

from gapglass.potential import confidence
from gapglass.potential.confidence import Blocks

N_DRAWS = 2000


def drawn(kind, n_blocks, random):
    """Return mean squared errors with a mean of 1."""
    if kind == "log-normal":
        return np.exp(random.normal(-0.5 * 0.7**2, 0.7, n_blocks))
    return random.chisquare(3, n_blocks) / 3  # of three independent frames each


@pytest.mark.parametrize("n_blocks", [15, 40])
@pytest.mark.parametrize("kind", ["log-normal", "chi-squared"])
@pytest.mark.parametrize("spread", [1.0, 16.0])
def test_bounds_lie_below_the_error_about_as_seldom_as_they_say(kind, n_blocks, spread):
    random = np.random.default_rng(1)
    runs = np.arange(n_blocks) % 5
    scale = np.geomspace(1, spread, 5)[runs]
    true = np.sqrt(scale.mean())
    below = {0.95: 0, 0.9875: 0}
    for _ in range(N_DRAWS):
        blocks = Blocks(scale * drawn(kind, n_blocks, random), np.ones(n_blocks), runs)
        for level in below:
            below[level] += blocks.upper(level) < true
    assert below[0.95] / N_DRAWS < 0.11 and below[0.9875] / N_DRAWS < 0.045
    # They are of use: twice as many blocks err no more, and bounds come nearer.
    assert blocks.upper(0.95) < 2.5 * true


def test_the_interval_holds_the_error_and_shrinks_with_the_number_of_blocks():
    random, widths = np.random.default_rng(2), []
    for n_blocks in (6, 24, 96):
        blocks = Blocks(drawn("chi-squared", n_blocks, random), np.ones(n_blocks), np.zeros(n_blocks, int))
        low, high = blocks.interval()
        assert low < blocks.rmse() < high and high == pytest.approx(blocks.upper(0.975))
        widths.append(high / low)
    assert widths[0] > widths[1] > widths[2]


def test_differences_between_runs_make_the_error_no_less_certain():
    random = np.random.default_rng(3)
    squares, runs = np.exp(random.normal(0, 0.3, 20)), np.repeat([0, 1], 10)
    hot = np.where(runs == 1, 100.0, 1.0)
    apart = Blocks(hot * squares, np.ones(20), runs)
    as_one = Blocks(hot * squares, np.ones(20), np.zeros(20, int))
    assert apart.upper(0.95) / apart.rmse() < 1.25 < as_one.upper(0.95) / as_one.rmse()
    # With one block of most runs their spread is unknown, and all blocks count as one run.
    lonely = Blocks(hot * squares, np.ones(20), np.arange(20))
    assert lonely.upper(0.95) == as_one.upper(0.95)


def test_blocks_weigh_as_many_values_as_they_have():
    blocks = [{"run": 0, "frames": [0, 1, 2, 3]}, {"run": 0, "frames": [5, 6, 7, 8, 9]}, {"run": 1, "frames": [4]}]
    squares = [1.0, 3.0, 2.0, 2.0, 6.0, 8.0, 8.0, 8.0, 8.0, 8.0]
    found = confidence.of_blocks(squares, [1] * 10, blocks)
    assert found.squares.tolist() == [2.0, 8.0, 6.0] and found.runs.tolist() == [0, 0, 1]
    assert found.rmse() == pytest.approx(np.sqrt(54 / 10))


def test_unrelated_snapshots_are_joined_until_they_are_several():
    blocks = [{"run": run, "frames": [frame]} for run, frame in [*((0, i) for i in range(9)), (1, 9), (1, 10)]]
    found = confidence.of_blocks(list(range(11)), [1] * 11, blocks)
    assert found.squares.tolist() == [1.5, 6.0, 9.5] and found.weights.tolist() == [4, 5, 2]
    # A bound of single squares would be useless: their logarithms spread too far.
    random = np.random.default_rng(4)
    single = [{"run": i % 4, "frames": [i]} for i in range(96)]
    below = ratios = 0
    for _ in range(500):
        blocks = confidence.of_blocks(random.chisquare(1, 96), np.ones(96), single)
        below += blocks.upper(0.95) < 1
        ratios += blocks.upper(0.95) / 500
    assert below / 500 < 0.08 and ratios < 1.3


def test_one_block_has_no_interval():
    one = confidence.of_blocks({0: 1.0}, {0: 1}, [{"run": 0, "frames": [0]}])
    assert one.rmse() == 1.0 and one.interval() is None and one.upper(0.95) is None


def test_errors_of_zero_are_no_trouble():
    exact = Blocks(np.zeros(12), np.ones(12), np.zeros(12, int))
    assert exact.rmse() == 0.0 and exact.upper(0.95) == 0.0 and exact.interval() == [0.0, 0.0]


def test_levels_of_all_iterations_err_in_one_of_twenty_loops():
    assert confidence.level_of(1, 1) == 0.95 and confidence.level_of(5, 3) == pytest.approx(0.99)
    assert sum(1 - confidence.level_of(None, k) for k in range(1, 5000)) == pytest.approx(0.05, abs=1e-4)
