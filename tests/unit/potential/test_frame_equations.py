"""Fits from the equations of single frames against fits by QR, and their errors and slopes."""

import numpy as np
import pytest
import small_fits

from gapglass.active_learning import guide
from gapglass.potential import engine, evaluation, memory
from gapglass.potential.failures import FitFailed
from gapglass.potential.frame_equations import FrameEquations, Solution

pytestmark = pytest.mark.xdist_group("engine")

H = small_fits.HYPERPARAMETERS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("frame_equations")


@pytest.fixture(scope="module")
def frames():
    """Twelve frames: one has no virial, one lacks two atoms, two have weights."""
    found = small_fits.frames(12)
    del found[1].info["REF_virial"]
    del found[4][[0, 17]]
    found[2].info["weight"] = 3.0
    found[6].info["sigma_force_factor"] = 2.0
    return found


@pytest.fixture(scope="module")
def terms(frames, folder):
    return small_fits.terms_of(frames, folder)


@pytest.fixture(scope="module")
def equations(frames, terms, folder):
    return FrameEquations(frames, terms, small_fits.SPECIES, True, folder)


@pytest.mark.parametrize("changes", [{}, {"delta": 2.0, "two_body_delta": 0.5, "sigma_energy": 0.02}])
@pytest.mark.parametrize("known", [{}, {"Te": -222.7}])
def test_errors_are_those_of_the_potential_that_the_fit_writes(frames, terms, equations, tmp_path, changes, known):
    train, test = [0, 1, 2, 4, 6, 7, 9], [3, 5, 8, 10]
    rows = small_fits.rows_of([frames[i] for i in train], terms, tmp_path)
    path = small_fits.write(tmp_path / "gap.xml", rows, terms, rows.e0(rows.classes, known), **changes)
    energies, forces = engine.predict(path, [frames[i] for i in test])
    solution = equations.solve(train, H | changes, known)
    found = equations.energy_errors(solution, test)
    labels = np.array([frames[i].info["REF_energy"] for i in test])
    np.testing.assert_allclose(found, (labels - energies) / [len(frames[i]) for i in test], atol=2e-7)
    squares = [((frames[i].arrays["REF_forces"] - force) ** 2).sum() for i, force in zip(test, forces, strict=True)]
    np.testing.assert_allclose(equations.force_squares(solution, test), squares, rtol=1e-5)
    expected = evaluation.errors([frames[i] for i in test], energies, forces)
    assert equations.rmse(solution, test) == pytest.approx(tuple(expected.values()), rel=1e-4)


@pytest.mark.parametrize(("factor", "tolerance"), [(1.0, 1e-6), (1.25, 0.05)])
def test_one_frame_finds_all_weights_where_the_guide_is_right(
    frames, terms, folder, equations, rng, factor, tolerance
):
    """Labels are those of the guide's weights times a factor; one is the factor expected and found exactly."""
    weights, copies = rng.normal(size=equations.columns), [frame.copy() for frame in frames]
    known = {"O": -3.0, "Te": -4.0}
    true = Solution(factor * weights, np.array([-3.0, -4.0]), None)
    energies = equations._energies - equations.energy_errors(true, range(len(frames)))
    for frame, energy in zip(copies, energies, strict=True):
        frame.info.pop("REF_virial", None)
        frame.info["REF_energy"] = energy * len(frame)
    of = FrameEquations(copies, terms, small_fits.SPECIES, True, folder)
    for i in range(len(copies)):  # forces of the weights, as K^T K w
        of._vectors[i] = of._matrices[i] @ true.weights
        of._squares[i] = true.weights @ of._vectors[i]
    found = of.solve([3], H, known, guide=weights)
    assert np.abs(found.weights - true.weights).max() < tolerance * np.abs(true.weights).max()
    plain = of.solve([3], H, known)
    assert np.abs(plain.weights - true.weights).max() > 0.3 * np.abs(true.weights).max()


def test_equations_of_a_guide_are_those_of_frames_with_its_labels(frames, terms, folder):
    copies = [frame.copy() for frame in frames]
    for number, frame in enumerate(copies[:-1]):
        frame.info["guide_energy"] = 0.9 * frame.info["REF_energy"] + number
        frame.arrays["guide_forces"] = 0.8 * frame.arrays["REF_forces"]
    both = FrameEquations(copies, terms, small_fits.SPECIES, True, folder)
    of_guide = both.of_guide()
    alone = FrameEquations(guide.as_labels(copies[:-1]), terms, small_fits.SPECIES, True, folder)
    found, expected = (equations.solve([0, 2, 6, 9], H) for equations in (of_guide, alone))
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-9, atol=1e-12)
    assert of_guide.rmse(found, [3, 4]) == pytest.approx(alone.rmse(expected, [3, 4]))
    assert of_guide.labelled.tolist() == [True] * 11 + [False] and both.labelled.all()
    assert not np.allclose(both.solve([0, 2], H).weights, of_guide.solve([0, 2], H).weights)


def test_matrix_of_a_fit_is_the_sum_of_the_parts(equations):
    solution = equations.solve([0, 2, 5], H)
    lower = np.tril(solution.factor[0]) if solution.factor[1] else np.triu(solution.factor[0]).T
    whole = equations.prior(H) + sum(equations.part(i, H) for i in (0, 2, 5))
    np.testing.assert_allclose(lower @ lower.T, whole, rtol=1e-9, atol=1e-9 * np.abs(whole).max())


def test_slopes_are_the_derivatives_of_the_objective(equations, rng):
    frames, weights = [3, 5, 8], {"energy": 2.0, "force": 1.0}
    solution, scale = equations.solve([0, 1, 2], H), equations.scale(H)
    parts, of_frame = equations.slopes(solution, frames, H, weights)
    objective = parts.sum(axis=0)
    step = 1e-6 * rng.normal(size=equations.columns)

    def logarithm(sign):
        moved = Solution(solution.weights + sign * scale * step, solution.e0, solution.factor)
        energy = (equations.energy_errors(moved, frames) ** 2).sum()
        return -0.5 * (2.0 * np.log(energy) + np.log(equations.force_squares(moved, frames).sum()))

    assert objective @ step == pytest.approx((logarithm(1) - logarithm(-1)) / 2, rel=1e-4)

    def function(frame, sign):
        moved = Solution(solution.weights + sign * scale * step, solution.e0, solution.factor)
        energy = equations.energy_errors(moved, [frame])[0] ** 2 * equations.n_atoms[frame] / H["sigma_energy"] ** 2
        return -0.5 * (energy + equations.force_squares(moved, [frame])[0] / H["sigma_force"] ** 2)

    for frame, slope in zip(frames, of_frame, strict=True):
        assert slope @ step == pytest.approx((function(frame, 1) - function(frame, -1)) / 2, rel=1e-4)


def test_objective_of_frames_together_is_that_of_their_errors(equations):
    frames, weights = [3, 5, 8], {"energy": 2.0, "force": 1.0}
    together = equations.forces_together(frames)

    def expected(solution):
        energy = (equations.energy_errors(solution, frames) ** 2).sum()
        return 0.5 * (2.0 * np.log(energy) + np.log(equations.force_squares(solution, frames).sum()))

    for chosen in ([0, 1, 2], [0, 1, 2, 7]):
        solution = equations.solve(chosen, H)
        assert equations.log_objective(solution, frames, together, weights) == pytest.approx(expected(solution))


def test_sums_of_frames_add_up_to_a_fit_on_them(equations):
    sums = [a + b for a, b in zip(equations.sums([0, 2], H), equations.sums([5], H), strict=True)]
    grown, whole = equations.solve([0, 2, 5], H, sums=sums), equations.solve([0, 2, 5], H)
    np.testing.assert_allclose(grown.weights, whole.weights, rtol=1e-4, atol=1e-6 * np.abs(whole.weights).max())
    np.testing.assert_array_equal(grown.e0, whole.e0)


def test_scatter_is_the_sum_of_squares_without_sigmas(equations):
    energies, forces = equations.scatter([3], H)
    row = equations.energy_rows[3] * equations.scale(H)
    np.testing.assert_allclose(energies, np.outer(row, row))
    without = H | {"sigma_virial": 1e9}
    wanted = equations.part(3, without) - energies * equations.n_atoms[3] / H["sigma_energy"] ** 2
    np.testing.assert_allclose(forces / H["sigma_force"] ** 2, wanted, rtol=1e-6, atol=1e-6 * np.abs(wanted).max())


def test_memory_is_that_of_the_matrices(equations):
    matrices = equations._matrices.nbytes / 1e6
    assert matrices < memory.of_frame_equations(equations.columns, 12) < 2 * matrices


def test_errors_that_rounding_would_swallow_are_a_failure(equations, monkeypatch):
    solution = equations.solve([0, 1, 2], H)
    x, squares = solution.weights, equations._squares.copy()
    squares[3] = 2 * x @ equations._vectors[3] - x @ equations._matrices[3] @ x
    monkeypatch.setattr(equations, "_squares", squares)
    with pytest.raises(FitFailed, match="two_body_delta"):
        equations.force_squares(solution, [3])
    monkeypatch.setattr(equations, "prior", lambda h: -1e12 * np.eye(equations.columns))
    with pytest.raises(FitFailed, match="conditioned too badly"):
        equations.solve([0, 1, 2], H)
