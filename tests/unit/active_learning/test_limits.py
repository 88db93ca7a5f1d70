"""What the loop may propose: the outer level of the engine, limits on memory and on cost, and the estimated cost."""

import math

import numpy as np
import pytest
from conftest import HYPERPARAMETERS
from test_loop import database_of, entry_of

from gapglass.active_learning import limits, loop
from gapglass.base.errors import UserError
from gapglass.frames import geometry
from gapglass.potential import cost, memory
from gapglass.potential.hyperparameters import GEOMETRY

SETTINGS = HYPERPARAMETERS | {
    "cutoff": {"low": 3.5, "high": 6.0, "scale": "linear"},
    "n_max": {"low": 3, "high": 8, "scale": "linear"},
    "l_max": {"choices": [2, 4, 6]},
    "n_sparse": {"low": 50, "high": 400, "scale": "log"},
    "delta": {"low": 0.01, "high": 10.0, "scale": "log"},
    "sigma_force": {"low": 0.01, "high": 1.0, "scale": "log"},
}
IMPORTED = {"species": ["O", "Te"], "virials": True}
LOOP = {
    "energy_tolerance": 2.0, "max_iterations": 1, "exploration_rounds": 2, "exploitation_rounds": 1,
    "proposals_per_round": 3, "shared_points": True, "stop": "point_estimate",
    "where_model_limits": "larger_model",
}  # fmt: skip


@pytest.fixture(scope="module")
def counts(blyp_frames):
    return geometry.count_neighbours(blyp_frames[:20])


def space_of(counts, fitter="engine", max_fit_memory=None, **changes):
    potential = {"descriptor": "soap_turbo", "fitter": fitter, "virials": True, "cost_limit": None}
    return limits.search_space(potential | {"hyperparameters": SETTINGS} | changes, counts, IMPORTED, max_fit_memory)


def microseconds(counts, h):
    return cost.of_potential(HYPERPARAMETERS | h, counts, 2, "soap_turbo")


def test_outer_level_of_the_engine_is_the_geometry(counts):
    space = space_of(counts)
    assert set(space.settings) == set(GEOMETRY) and space.tuned == ["cutoff", "n_max", "l_max"]
    assert all(set(h) == set(GEOMETRY) for h in [*space.explore(4, 1), space.smallest()])
    # Every hyperparameter belongs to one level.
    assert set(space.settings) | set(limits.INNER) == set(HYPERPARAMETERS)
    assert not set(space.settings) & set(limits.INNER)


def test_gap_fit_takes_everything_from_the_proposal(counts):
    space = space_of(counts, "gap_fit")
    assert set(space.settings) == set(HYPERPARAMETERS)
    assert space.tuned == ["cutoff", "n_max", "l_max", "delta", "n_sparse", "sigma_force"]
    assert space.limit is None


def test_cost_limit_keeps_proposals_below_it(counts):
    """The smallest number of sparse points counts, because the inner level leaves out larger ones by itself."""
    free, limited = space_of(counts), space_of(counts, cost_limit=4.0)
    costs = [
        [microseconds(counts, h | {"n_sparse": 50}) for h in space.explore(12, seed=3)] for space in (free, limited)
    ]
    assert max(costs[0]) > 4.5 and max(costs[1]) <= 4.0
    assert max(costs[1]) > 3.4  # lowered to the limit and no further
    # What is within the limit is proposed as it was.
    unchanged = [h for h, value in zip(free.explore(12, seed=3), costs[0], strict=True) if value <= 4.0]
    assert unchanged and all(h in limited.explore(12, seed=3) for h in unchanged)


def test_cost_limit_of_gap_fit_counts_the_points_of_the_proposal(counts):
    space = space_of(counts, "gap_fit", cost_limit=5.0)
    proposals = space.explore(10, seed=3)
    assert max(microseconds(counts, h) for h in proposals) <= 5.0
    assert all(set(h) == set(HYPERPARAMETERS) for h in proposals)


def test_cost_limit_below_the_smallest_potential_is_refused(counts):
    space = space_of(counts, cost_limit=0.5)
    smallest = microseconds(counts, {"n_max": 3, "l_max": 2, "cutoff": 3.5, "n_sparse": 50})
    with pytest.raises(UserError) as raised:
        loop.decide(1, 0, [], database_of(range(20), n_left=5), LOOP, space, 5)
    message = str(raised.value)
    assert message.startswith("potential.cost_limit is 0.5 µs for an atom and a step, but even the smallest potential")
    assert f"about {smallest:.1f} µs" in message and "raise it, or allow smaller n_max, l_max, cutoff" in message


def test_memory_of_the_largest_number_of_points_counts(counts):
    """The inner level tries every number of sparse points, so the fit of the largest must be within the limit."""
    fit = memory.FitMemory(counts, descriptor="soap_turbo", virials=True, fitter="engine")
    needed = fit.mb(space_of(counts).smallest() | {"n_sparse": 400})
    assert fit.mb(space_of(counts).smallest() | {"n_sparse": 50}) < 0.9 * needed
    assert not space_of(counts, max_fit_memory=0.95 * needed).allows(space_of(counts).smallest())
    assert space_of(counts, max_fit_memory=1.05 * needed).allows(space_of(counts).smallest())
    with pytest.raises(
        UserError, match=rf"active_learning\.max_fit_memory is 50 MB.* about {needed:.0f} MB .*n_sparse 400"
    ):
        loop.decide(1, 0, [], database_of(range(20), n_left=5), LOOP, space_of(counts, max_fit_memory=50), 5)


def test_both_limits_hold_and_the_one_that_refuses_speaks(counts):
    smallest = space_of(counts).smallest()
    cheap, small = (
        space_of(counts, cost_limit=0.5, max_fit_memory=1e5),
        space_of(counts, cost_limit=9.0, max_fit_memory=50),
    )
    assert not cheap.allows(smallest) and "potential.cost_limit" in cheap.limit.refusal(smallest)
    assert not small.allows(smallest) and "max_fit_memory" in small.limit.refusal(smallest)
    both = space_of(counts, cost_limit=9.0, max_fit_memory=1e5)
    assert both.allows(smallest) and both.limit.refusal(smallest) == ""


def test_loop_runs_within_the_limit(counts):
    space, ledger = space_of(counts, cost_limit=4.0), []
    for number in range(4):
        decision = loop.decide(1, number, ledger, database_of(range(20), n_left=5), LOOP, space, 5)
        for trial, h in enumerate(decision["proposals"], 1):
            complete = h | {"n_sparse": 100, "delta": 1.0, "sigma_force": 0.1}
            error = 3.0 + (8 - h["n_max"]) + (6 - h["cutoff"])
            ledger.append(entry_of(1, number + 1, trial, complete, error, origin=decision["origins"][trial - 1]))
    assert decision["action"] == "stop" and len(ledger) == 9
    assert len({space.key(entry["hyperparameters"]) for entry in ledger}) == 9
    assert all(microseconds(counts, e["hyperparameters"] | {"n_sparse": 50}) <= 4.0 for e in ledger)


def test_neighbours_are_those_within_the_cutoff(counts, blyp_frames):
    from ase.neighborlist import neighbor_list

    for cutoff in (3.0, 4.5):
        pairs = sum(len(neighbor_list("i", frame, cutoff)) for frame in blyp_frames[:20])
        assert cost.neighbours(counts, cutoff) == pytest.approx(pairs / (20 * 48), rel=0.02)
    # Beyond the counted distances their number grows as the volume.
    pairs = len(neighbor_list("i", blyp_frames[0], 9.0)) / 48
    assert cost.neighbours(geometry.count_neighbours(blyp_frames[:1]), 9.0) == pytest.approx(pairs, rel=0.1)


def test_pairs_beyond_the_cutoff_of_the_descriptor_cost(counts):
    h = {"n_max": 6, "l_max": 4, "n_sparse": 200, "cutoff": 4.0, "two_body_cutoff": 5.5}
    within = [cost.neighbours(counts, r) for r in (4.0, 5.5)]
    assert cost.neighbours_of(counts, h) == tuple(within)
    assert cost.neighbours_of(counts, h | {"two_body_cutoff": 3.0}) == (within[0], within[0])
    found = [cost.of_potential(h | {"two_body_cutoff": r}, counts, 2, "soap_turbo") for r in (3.0, 4.0, 5.5)]
    assert found[0] == found[1]
    assert found[2] - found[1] == pytest.approx(cost.NEIGHBOUR * (within[1] - within[0]))


def test_cost_grows_with_what_is_computed():
    h = {"n_max": 6, "l_max": 4, "n_sparse": 200}
    base = cost.microseconds(h, 2, "soap_turbo", 40.0, 50.0)
    for changes in ({"n_max": 8}, {"l_max": 6}, {"n_sparse": 400}):
        assert cost.microseconds(h | changes, 2, "soap_turbo", 40.0, 50.0) > base
    assert cost.microseconds(h, 2, "soap_turbo", 45.0, 50.0) > base
    assert cost.microseconds(h, 2, "soap_turbo", 40.0, 60.0) > base
    assert cost.microseconds(h, 3, "soap_turbo", 40.0, 50.0) > base
    assert cost.microseconds(h, 2, "soap", 40.0, 50.0) > base  # its vectors are longer
    assert math.isfinite(base) and 1 < base < 100
    points = [cost.microseconds(h | {"n_sparse": n}, 2, "soap_turbo", 40.0, 50.0) for n in (100, 200, 300)]
    assert np.diff(points)[0] == pytest.approx(np.diff(points)[1])
