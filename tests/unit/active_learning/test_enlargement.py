"""Databases that grow by the study's strategy, with and without a fit that helps to choose."""

from types import SimpleNamespace

import numpy as np
import pytest
import small_fits

from gapglass.active_learning import enlargement
from gapglass.potential import memory
from gapglass.potential.failures import FitFailed
from gapglass.potential.frame_equations import FrameEquations
from gapglass.selection import kinds, strategies
from gapglass.selection.strategies import Given

SETTINGS = SimpleNamespace(
    species=small_fits.SPECIES, descriptor="soap_turbo", virials=True, known={},
    objective_weights={"energy": 1.0, "force": 1.0},
)  # fmt: skip
POOL = np.arange(0, 24)


def given():
    return Given(pool=POOL, seed=1, blocks={frame: frame // 4 for frame in POOL.tolist()})


def test_only_model_strategies_ask_a_fit_and_not_in_the_first_iteration():
    asked = {
        (name, iteration)
        for name in strategies.STRATEGIES
        for iteration in (1, 2)
        if kinds.needs_model(name, iteration)
    }
    assert asked == {(name, 2) for name in kinds.BY_MODEL}


@pytest.mark.parametrize("strategy", ["residual", "variance", "uniform_in_time"])
def test_first_database_is_even_in_time(strategy):
    found = enlargement.enlarge(strategy, given(), {"train": []}, 6)
    assert len(found["train"]) == 6 and np.diff(found["train"]).max() <= 8 and found["test"] == []
    assert sorted(found["train"] + found["rest"]) == POOL.tolist()


@pytest.mark.xdist_group("engine")
@pytest.mark.parametrize("strategy", ["residual", "largest_residual", "variance"])
def test_later_ones_ask_the_fit_and_keep_what_was_there(strategy, monkeypatch):
    frames = dict(enumerate(small_fits.frames(24)))
    before = enlargement.enlarge(strategy, given(), {"train": []}, 6)
    arguments = {
        "sparse_from": list(frames.values()),
        "hyperparameters": small_fits.HYPERPARAMETERS,
        "settings": SETTINGS,
    }
    found = enlargement.enlarge(strategy, given(), before, 12, frames=frames, **arguments)
    assert set(before["train"]) < set(found["train"]) and len(found["train"]) == 12
    assert enlargement.enlarge(strategy, given(), before, 12, frames=frames, **arguments) == found
    assert found["train"] != enlargement.enlarge("uniform_in_time", given(), before, 12)["train"]
    # Of few candidates all are taken, then frames even in time; and the pool is the most that there is.
    few = {i: frames[i] for i in sorted({*before["train"], 1, 2})}
    found = enlargement.enlarge(strategy, given(), before, 12, frames=few, **arguments)
    assert {*before["train"], 1, 2} <= set(found["train"]) and len(found["train"]) == 12
    found = enlargement.enlarge(strategy, given(), before, 99, frames=frames, **arguments)
    assert found["train"] == POOL.tolist() and found["rest"] == []


@pytest.mark.xdist_group("engine")
def test_a_model_that_rounding_prevents_trusts_its_labels_less(monkeypatch):
    frames, tried = dict(enumerate(small_fits.frames(24))), []
    before = enlargement.enlarge("residual", given(), {"train": []}, 6)
    arguments = {"frames": frames, "sparse_from": list(frames.values()), "settings": SETTINGS}
    solve = FrameEquations.solve

    def failing(self, chosen, hyperparameters, *args, **kwargs):
        tried.append(hyperparameters)
        if hyperparameters["sigma_force"] < 5 * small_fits.HYPERPARAMETERS["sigma_force"]:
            raise FitFailed("rounding")
        return solve(self, chosen, hyperparameters, *args, **kwargs)

    h = small_fits.HYPERPARAMETERS
    less = enlargement.trusting_less(h, 10.0)
    assert less["sigma_energy"] == 10 * h["sigma_energy"] and less["delta"] == h["delta"]
    assert less["two_body_delta"] == h["two_body_delta"] / 10
    wanted = enlargement.enlarge("residual", given(), before, 12, hyperparameters=less, **arguments)
    monkeypatch.setattr(FrameEquations, "solve", failing)
    assert enlargement.enlarge("residual", given(), before, 12, hyperparameters=h, **arguments) == wanted
    assert tried[:2] == [h, enlargement.trusting_less(h, 3.0)] and tried[-1] == less
    # Where no model can be solved, time decides.
    even = enlargement.enlarge("uniform_in_time", given(), before, 12)
    low = h | {"sigma_force": 1e-3 * h["sigma_force"]}
    assert enlargement.enlarge("residual", given(), before, 12, hyperparameters=low, **arguments) == even


def test_candidates_are_even_in_time_where_memory_ends(monkeypatch):
    assert enlargement.candidates(range(100), [3, 7], 500) == list(range(100))
    monkeypatch.setattr(memory, "MOST_EQUATIONS_MB", memory.of_frame_equations(500, 22))
    found = enlargement.candidates(range(100), [3, 7], 500)
    assert len(found) == 22 and {3, 7, 0, 99} <= set(found) and np.diff(found).max() <= 6
    monkeypatch.setattr(memory, "MOST_EQUATIONS_MB", 0)
    assert len(enlargement.candidates(range(100), [3, 7], 500)) == 3


def test_sparse_points_of_a_fit():
    h = {"n_sparse": 300, "two_body_n_sparse": 20}
    assert memory.most_sparse_points(h, 2) == 660
