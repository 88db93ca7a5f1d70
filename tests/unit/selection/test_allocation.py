"""Picks per cluster: sums, limits, and shares known by hand."""

import numpy as np
import pytest

from gapglass.selection.allocation import allocate, allocation_weights


@pytest.mark.parametrize(
    ("sizes", "total"), [([5, 1, 1], 3), ([5, 1, 1], 2), ([10, 10, 80], 50), ([1, 1, 98], 99), ([3], 2)]
)
def test_allocation_adds_up_and_stays_inside(sizes, total):
    picks = allocate(sizes, total)
    assert picks.sum() == total and (picks <= sizes).all() and (picks >= 0).all()
    assert (picks >= 1).all() or total < len(sizes)


def test_allocations_share_by_size_alike_or_by_energy_spread():
    labels = np.repeat([0, 1, 2], [80, 10, 10])
    energies = np.concatenate([np.zeros(80), np.linspace(-1, 1, 10), np.full(10, 5.0)])
    shares = {
        kind: allocate([80, 10, 10], 20, allocation_weights(labels, energies, kind, seed=1)).tolist()
        for kind in ("proportional", "equal", "energy_spread")
    }
    assert shares["proportional"] == [16, 2, 2]
    assert sorted(shares["equal"]) == [6, 7, 7]
    # All spread is in the second cluster, which gives all its frames. Each other cluster gives at least one frame, and
    # the remaining picks go to clusters that still have frames.
    assert (
        shares["energy_spread"][1] == 10 and min(shares["energy_spread"]) >= 1 and sum(shares["energy_spread"]) == 20
    )


def test_frames_without_energy_count_in_no_spread():
    labels, energies = np.array([0, 0, 0, 1, 1]), np.array([1.0, np.nan, 3.0, np.nan, np.nan])
    assert allocation_weights(labels, energies, "energy_spread", 1).tolist() == [3.0, 0.0]
    nothing = allocation_weights(labels, np.full(5, np.nan), "energy_spread", 1)
    assert allocate([3, 2], 4, nothing).tolist() == allocate([3, 2], 4).tolist()


def test_frames_left_over_by_equal_shares_go_to_clusters_at_random():
    labels = np.repeat(np.arange(20), 10)
    weights = [allocation_weights(labels, None, "equal", seed) for seed in range(30)]
    picks = sum(allocate([10] * 20, 5, weight) for weight in weights)
    assert picks.sum() == 150 and (picks > 0).sum() > 15
