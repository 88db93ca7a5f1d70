"""Choices by predicted variances and by errors, with small fits on frames of TeO2."""

from dataclasses import replace

import numpy as np
import pytest
import small_fits
from scipy import linalg

from gapglass.potential.frame_equations import FrameEquations
from gapglass.selection import by_model

pytestmark = pytest.mark.xdist_group("engine")

H = small_fits.HYPERPARAMETERS | {"sigma_force": 0.3, "sigma_energy": 0.01}
WEIGHTS = {"energy": 1.0, "force": 1.0}
POOL = list(range(48))
BLOCKS = [frame // 4 for frame in POOL]


@pytest.fixture(scope="module")
def equations(tmp_path_factory):
    folder = tmp_path_factory.mktemp("by_model")
    frames = small_fits.frames(48)
    return FrameEquations(frames, small_fits.terms_of(frames, folder), small_fits.SPECIES, False, folder)


def objective(equations, chosen):
    return np.prod(equations.rmse(equations.solve(chosen, H), POOL))


def random_ones(size, count=30):
    return [np.random.default_rng(seed).choice(48, size, replace=False).tolist() for seed in range(count)]


def test_frames_that_lower_the_errors_of_the_pool_do_so_better_than_chance(equations):
    start = [0, 12, 24, 36]
    chosen = by_model.error_reduction(equations, H, POOL, start, 12, WEIGHTS, BLOCKS)
    assert chosen[:4] == start and len(set(chosen)) == 12
    others = []
    for seed in range(30):
        left = np.setdiff1d(POOL, start)
        others.append([*start, *np.random.default_rng(seed).choice(left, 8, replace=False).tolist()])
    found = objective(equations, chosen)
    assert np.mean([found < objective(equations, other) for other in others]) > 0.8
    # A larger choice begins with the smaller one, and all frames are no more than all frames.
    assert by_model.error_reduction(equations, H, POOL, start, 8, WEIGHTS, BLOCKS) == chosen[:8]
    assert sorted(by_model.error_reduction(equations, H, POOL, start, 99, WEIGHTS, BLOCKS)) == POOL


def test_a_block_unlike_all_others_teaches_nothing(tmp_path):
    frames = small_fits.frames(24)
    wrong = range(8, 12)
    for frame in wrong:  # labels that contradict those of the other frames
        frames[frame].info["REF_energy"] += 0.5 * len(frames[frame])
    equations = FrameEquations(frames, small_fits.terms_of(frames, tmp_path), small_fits.SPECIES, False, tmp_path)
    pool, start = list(range(24)), [0, 4, 12, 20]
    energy = {"energy": 1.0, "force": 0.0}
    by_block = by_model.error_reduction(equations, H, pool, start, 8, energy, [frame // 4 for frame in pool])
    assert not set(by_block) & set(wrong)
    # In one block with frames like them, or judged by their own errors, they would be first.
    errors = np.abs(equations.energy_errors(equations.solve(start, H), pool))
    assert set(np.argsort(-errors)[:4]) == set(wrong)


def test_a_lower_error_counts_alike_in_every_group(tmp_path):
    """The forces of one half of the frames are three times as large: without groups, their errors decide alone."""
    frames = small_fits.frames(48)
    loud = [frame for frame in POOL if frame // 4 % 2]
    for frame in loud:
        frames[frame].arrays["REF_forces"] *= 3.0
    equations = FrameEquations(frames, small_fits.terms_of(frames, tmp_path), small_fits.SPECIES, False, tmp_path)
    groups, start = np.isin(POOL, loud).astype(int), [0, 4, 24, 28]

    def errors(groups_that_count, size):
        chosen = by_model.error_reduction(equations, H, POOL, start, size, WEIGHTS, BLOCKS, groups=groups_that_count)
        solution = equations.solve(chosen, H)
        return np.array([equations.rmse(solution, np.flatnonzero(groups == group)) for group in (0, 1)])

    for size in (8, 12, 20):
        together, apart = errors(None, size), errors(groups, size)
        assert np.prod(apart) < np.prod(together) and apart[0, 1] < together[0, 1]
    # The slopes are the derivatives of the mean over the groups of the logarithms of their errors.
    solution = equations.solve(start, H)
    slopes = equations.slopes(solution, POOL, H, WEIGHTS, groups)[0].sum(axis=0)
    step = 1e-6 * np.random.default_rng(1).normal(size=len(slopes))

    def objective(weights):
        moved, found = replace(solution, weights=weights), 0.0
        for group in (0, 1):
            here = np.array(POOL)[groups == group]
            together = equations.forces_together(here)
            found += equations.log_objective(moved, here, together, WEIGHTS) * len(here) / len(POOL)
        return found

    moved = step * equations.scale(H)
    change = objective(solution.weights + moved) - objective(solution.weights - moved)
    assert change == pytest.approx(-2 * slopes @ step, rel=1e-4)


def test_weights_of_the_objective_decide_what_is_lowered(equations):
    start = [0, 12, 24, 36]
    of = {
        name: by_model.error_reduction(equations, H, POOL, start, 10, weights, BLOCKS)
        for name, weights in {
            "energy": {"energy": 1.0, "force": 0.0},
            "force": {"energy": 0.0, "force": 1.0},
        }.items()
    }
    errors = {name: equations.rmse(equations.solve(chosen, H), POOL) for name, chosen in of.items()}
    assert errors["energy"][0] < errors["force"][0] and errors["force"][1] < errors["energy"][1]


def test_largest_errors_are_added_with_some_at_random(equations):
    chosen = by_model.largest_errors(equations, H, POOL, [0, 12, 24, 36], 12, {"energy": 1.0, "force": 0.0}, seed=1)
    solution = equations.solve([0, 12, 24, 36], H)
    energy = np.abs(equations.energy_errors(solution, POOL))
    energy[[0, 12, 24, 36]] = 0
    worst = np.argsort(-energy)[:6].tolist()
    assert chosen[:10] == [0, 12, 24, 36, *worst] and len(set(chosen)) == 12
    other = by_model.largest_errors(equations, H, POOL, [0, 12, 24, 36], 12, {"energy": 1.0, "force": 0.0}, seed=2)
    assert other[:10] == chosen[:10] and other != chosen


def variance(equations, chosen):
    matrix = equations.prior(H) + sum(equations.part(i, H) for i in chosen)
    energies, forces = equations.scatter(POOL, H)
    inverse = linalg.inv(matrix)
    return np.vdot(inverse, energies) * np.vdot(inverse, forces)


def test_variances_fall_faster_than_by_chance_and_no_label_is_read(equations, monkeypatch):
    chosen = by_model.variance_reduction(equations, H, POOL, 8, WEIGHTS)
    assert len(set(chosen)) == 8
    found = variance(equations, chosen)
    assert np.mean([found < variance(equations, other) for other in random_ones(8)]) > 0.9
    assert by_model.variance_reduction(equations, H, POOL, 5, WEIGHTS) == chosen[:5]
    assert by_model.variance_reduction(equations, H, POOL, 8, WEIGHTS, chosen[:5]) == chosen
    for name in ("_energies", "_vectors", "_squares", "_virials"):
        monkeypatch.setattr(equations, name, np.full_like(getattr(equations, name), np.nan))
    assert by_model.variance_reduction(equations, H, POOL, 8, WEIGHTS) == chosen
