"""The inner level of tuning on errors with a known answer."""

import math

import numpy as np
import pytest

from gapglass.active_learning import tuning
from gapglass.potential.failures import FitFailed

BOTH = {"energy": 1.0, "force": 1.0}
RANGES = {
    "sigma_energy": {"low": 0.0002, "high": 0.05, "scale": "log"},
    "sigma_force": {"low": 0.01, "high": 1.0, "scale": "log"},
    "sigma_virial": 0.05,
    "delta": {"low": 0.05, "high": 10.0, "scale": "log"},
    "two_body_delta": 2.0,
    "n_sparse": {"low": 25, "high": 400, "scale": "log"},
    "cutoff": {"low": 3.5, "high": 6.0, "scale": "linear"},  # of the outer level
}
BEST = {"sigma_energy": 0.0015, "sigma_force": 0.2, "delta": 1.3}


class Bowl:
    """A stand-in for ``CrossValidation``: errors (meV/atom, eV/Å) with one minimum, which fall with more points.

    Energies alone would have their minimum at twice the sigma_energy, forces alone at half the sigma_force.
    """

    def __init__(self, best=BEST, floor=(2.0, 0.1), fail=None):
        self.best, self.floor, self.fail, self.asked = best, floor, fail, []

    refuse_above = None

    def spread(self):
        return 40.0, 2.0

    def rounding(self, h):
        return 0.0

    def errors(self, h, exact=True):
        self.asked.append(dict(h))
        if self.fail is not None and self.fail(h):
            return np.inf, np.inf
        away = {name: math.log10(h[name] / value) for name, value in self.best.items()}
        shape = sum(distance**2 for distance in away.values())
        points = 1 + 10 / h["n_sparse"]
        energy = math.exp(shape - 0.3 * away["sigma_energy"] + 0.2 * away["sigma_force"])
        force = math.exp(shape + 0.3 * away["sigma_energy"] - 0.2 * away["sigma_force"])
        return self.floor[0] * points * energy, self.floor[1] * points * force


def tune(validation=None, changes=None, weights=BOTH, available=1000, **more):
    return tuning.tune(validation or Bowl(), RANGES | (changes or {}), weights, available, **more)


def test_search_finds_the_minimum():
    bowl = Bowl()
    tuned = tune(bowl)
    assert set(tuned.hyperparameters) == set(tuning.INNER)
    # A pull to the middle of the ranges moves a minimum by a small part of them.
    for name, value in BEST.items():
        assert tuned.hyperparameters[name] == pytest.approx(value, rel=0.1), name
    assert tuned.hyperparameters["n_sparse"] == 400
    assert (tuned.hyperparameters["sigma_virial"], tuned.hyperparameters["two_body_delta"]) == (0.05, 2.0)
    assert tuned.rmse_energy == pytest.approx(2.0 * 1.025, rel=0.02)
    assert tuned.rmse_force == pytest.approx(0.1 * 1.025, rel=0.02)
    assert tuned.objective == pytest.approx(math.sqrt(tuned.rmse_energy / 40 * tuned.rmse_force / 2), rel=1e-12)
    assert (tuned.rmse_energy, tuned.rmse_force) == bowl.errors(tuned.hyperparameters)
    # Every set lies inside the ranges.
    for h in bowl.asked:
        assert set(h) == set(tuning.INNER)
        for name in BEST:
            assert RANGES[name]["low"] <= h[name] <= RANGES[name]["high"]
        assert all(type(value) in (int, float) for value in h.values())


def test_a_minimum_outside_the_ranges_gives_their_bound():
    tuned = tune(Bowl(BEST | {"delta": 1000.0, "sigma_force": 0.0001}))
    assert tuned.hyperparameters["delta"] == pytest.approx(10.0, rel=0.06)
    assert tuned.hyperparameters["sigma_force"] == pytest.approx(0.01, rel=0.06)
    assert tuned.hyperparameters["sigma_energy"] == pytest.approx(BEST["sigma_energy"], rel=0.15)


def test_tens_of_sets_are_tried_and_counted():
    bowl = Bowl()
    tuned = tune(bowl)
    different = {tuple(sorted(h.items())) for h in bowl.asked}
    assert tuned.n_tried == len(different)
    assert 50 < tuned.n_tried <= tuning.FIRST + 2 * tuning.NEXT + 3
    assert [size["n_sparse"] for size in tuned.sizes] == [25, 100, 400]


def test_two_runs_agree():
    one, two = Bowl(), Bowl()
    assert tune(one) == tune(two) and one.asked == two.asked


def test_of_sets_that_are_equally_good_the_middle_is_taken():
    """Only the ratio of delta to sigma_force matters here."""

    class Valley(Bowl):
        def errors(self, h, exact=True):
            shape = math.log10(h["delta"] / h["sigma_force"] / 10) ** 2
            return math.exp(shape), 0.1 * math.exp(shape)

    tuned = tune(Valley(), {"sigma_energy": 0.001})
    h = tuned.hyperparameters
    assert h["delta"] / h["sigma_force"] == pytest.approx(10, rel=0.15)
    # The point of the valley that is closest to both middles, sqrt(0.5) and 0.1, is nearly that of one of them.
    assert 0.5 < h["delta"] < 1.5 and 0.05 < h["sigma_force"] < 0.15


def test_expected_errors_have_the_size_of_the_errors_where_a_common_factor_changes_nothing():
    """Only ratios matter here, and the cross-validation errs by 0.25 eV/Å."""

    class OfRatios(Bowl):
        def errors(self, h, exact=True):
            place = [h["delta"] / h["sigma_force"] / 6, h["sigma_energy"] / h["sigma_force"] / 0.02]
            shape = sum(math.log10(of) ** 2 for of in place)
            return 5 * math.exp(shape), 0.25 * math.exp(shape)

    h = tune(OfRatios({})).hyperparameters
    assert h["sigma_force"] == pytest.approx(0.25, rel=0.02)
    assert h["delta"] / h["sigma_force"] == pytest.approx(6, rel=0.3)
    # The range of delta ends before: as far as it allows, and not on its bound.
    narrow = tune(OfRatios({}), {"delta": {"low": 0.05, "high": 0.8, "scale": "log"}}).hyperparameters
    assert narrow["delta"] == pytest.approx(0.8 / 1.1, rel=0.01) and narrow["sigma_force"] < 0.2


def test_weights_choose_between_energy_and_forces():
    energy, both, force = (
        tune(weights=weights) for weights in ({"energy": 1.0, "force": 0.0}, BOTH, {"energy": 0.0, "force": 2.0})
    )
    assert energy.rmse_energy < both.rmse_energy < force.rmse_energy
    assert force.rmse_force < both.rmse_force < energy.rmse_force
    assert energy.hyperparameters["sigma_energy"] > both.hyperparameters["sigma_energy"]


def test_objective_is_the_weighted_geometric_mean_of_relative_errors():
    spread = (40.0, 2.0)
    assert tuning.objective((4.0, 0.2), spread, BOTH) == pytest.approx(0.1)
    assert tuning.objective((4.0, 2.0), spread, BOTH) == pytest.approx(math.sqrt(0.1))
    assert tuning.objective((4.0, 2.0), spread, {"energy": 3.0, "force": 1.0}) == pytest.approx(0.1**0.75)
    assert tuning.objective((4.0, 2.0), spread, {"energy": 1.0, "force": 0.0}) == pytest.approx(0.1)
    assert tuning.objective((4.0, 2.0), spread, {"energy": 0.0, "force": 5.0}) == pytest.approx(1.0)
    # Scaling both weights changes nothing.
    assert tuning.objective((4.0, 2.0), spread, {"energy": 30.0, "force": 10.0}) == pytest.approx(0.1**0.75)
    assert tuning.objective((np.inf, np.inf), spread, BOTH) == math.inf
    assert tuning.objective((np.inf, np.inf), spread, {"energy": 1.0, "force": 0.0}) == math.inf
    assert tuning.objective((np.nan, 1.0), spread, BOTH) == math.inf
    # Frames of one energy, or a perfect fit, are no error of this function.
    assert 0 < tuning.objective((0.0, 0.2), spread, BOTH) < 1e-3
    assert math.isfinite(tuning.objective((4.0, 0.2), (0.0, 2.0), BOTH))


@pytest.mark.parametrize(
    ("setting", "available", "numbers"),
    [
        (300, 1000, [300]),
        (300, 40, [40]),
        ({"choices": [400, 100, 50]}, 1000, [50, 100, 400]),
        ({"choices": [400, 100, 50]}, 60, [50, 60]),
        ({"low": 50, "high": 450, "scale": "log"}, 1000, [50, 150, 450]),
        ({"low": 50, "high": 450, "scale": "linear"}, 200, [50, 150, 200]),
        ({"low": 50, "high": 52, "scale": "log"}, 1000, [50, 51, 52]),
        ({"low": 50, "high": 450, "scale": "log"}, 7, [7]),
    ],
)
def test_numbers_of_points_to_try(setting, available, numbers):
    found = tuning.numbers_of_points(setting, available)
    assert found == numbers and all(type(number) is int for number in found)


def test_costly_numbers_of_points_are_not_tried():
    bowl = Bowl()
    tuned = tune(bowl, cost=lambda number: 0.02 * number, limit=2.5)
    assert [(size["n_sparse"], size["cost_us_per_atom_step"]) for size in tuned.sizes] == [(25, 0.5), (100, 2.0)]
    assert tuned.hyperparameters["n_sparse"] == 100 and {h["n_sparse"] for h in bowl.asked} == {25, 100}
    # Where all are above the limit, the smallest is left.
    least = tune(cost=lambda number: 0.02 * number, limit=0.1)
    assert [size["n_sparse"] for size in least.sizes] == [25] and least.hyperparameters["n_sparse"] == 25
    # Without a limit the costs are told and nothing is left out.
    assert [size["cost_us_per_atom_step"] for size in tune(cost=lambda number: 0.02 * number).sizes] == [0.5, 2.0, 8.0]
    assert [size["cost_us_per_atom_step"] for size in tune().sizes] == [None] * 3


def test_sizes_tell_the_best_set_of_every_number_of_points():
    bowl = Bowl()
    tuned = tune(bowl)
    for size in tuned.sizes:
        best = min(
            tuning.objective(bowl.errors(h), bowl.spread(), BOTH)
            for h in list(bowl.asked)
            if h["n_sparse"] == size["n_sparse"]
        )
        assert size["objective"] == pytest.approx(best, rel=0.01)
        errors = size["rmse_energy_mev_per_atom"], size["rmse_force_ev_per_angstrom"]
        assert size["objective"] == tuning.objective(errors, bowl.spread(), BOTH)
    assert tuned.objective == min(size["objective"] for size in tuned.sizes)


def test_a_smaller_number_of_points_wins_where_more_do_not_help():
    class Saturated(Bowl):
        def errors(self, h, exact=True):
            energy, force = super().errors(h | {"n_sparse": min(h["n_sparse"], 100)})
            return energy * (1 + 1e-3 * (h["n_sparse"] > 100)), force

    assert tune(Saturated()).hyperparameters["n_sparse"] == 100


def test_choices_are_taken_as_they_are():
    choices = [0.3, 1.23456, 7.0]
    tuned = tune(changes={"delta": {"choices": choices}})
    assert tuned.hyperparameters["delta"] == 1.23456
    assert tuned.hyperparameters["sigma_force"] == pytest.approx(BEST["sigma_force"], rel=0.3)


def test_a_linear_range():
    class Parabola(Bowl):
        def errors(self, h, exact=True):
            shape = (h["delta"] - 2.0) ** 2 / 4
            return math.exp(shape), math.exp(shape)

    changes = {"delta": {"low": 1.0, "high": 5.0, "scale": "linear"}, "sigma_energy": 0.001, "sigma_force": 0.1}
    assert tune(Parabola(), changes).hyperparameters["delta"] == pytest.approx(2.0, abs=0.05)


def test_nothing_to_tune_is_one_set():
    fixed = {"sigma_energy": 0.001, "sigma_force": 0.1, "delta": 0.5, "n_sparse": 60}
    bowl = Bowl()
    tuned = tune(bowl, fixed)
    assert tuned.n_tried == 1 and {tuple(sorted(h.items())) for h in bowl.asked} == {
        tuple(sorted((fixed | {"sigma_virial": 0.05, "two_body_delta": 2.0}).items()))
    }
    assert tuned.hyperparameters == fixed | {"sigma_virial": 0.05, "two_body_delta": 2.0}


def test_sets_that_cannot_be_solved_are_passed_over():
    tuned = tune(Bowl(fail=lambda h: h["delta"] > 3.0))
    for name, value in BEST.items():
        assert tuned.hyperparameters[name] == pytest.approx(value, rel=0.15), name


def test_a_search_that_finds_no_fit_says_so():
    with pytest.raises(FitFailed, match=r"no expected errors .* in the ranges of potential\.hyperparameters"):
        tune(Bowl(fail=lambda h: True))


class Plateau(Bowl):
    """Errors that hardly depend on the expected errors up to four times the best ones, and rise beyond."""

    def errors(self, hyperparameters, exact=True):
        self.asked.append(hyperparameters)
        above = max(hyperparameters["sigma_force"] / 0.2, 1.0)
        return 5.0 * above, 0.2 * above


class Walled(Bowl):
    """Normal equations cannot be solved for small expected errors of forces, and are inaccurate beside them."""

    def rounding(self, h):
        return 1e-3 / h["sigma_force"] ** 2

    def errors(self, h, exact=True):
        if not exact and self.rounding(h) > 0.1:
            return np.inf, np.inf
        return super().errors(h)


def test_the_search_goes_beyond_normal_equations_where_it_ends_beside_them():
    best = BEST | {"sigma_force": 0.02}
    wall = 0.1
    assert tune(Walled(best)).hyperparameters["sigma_force"] == pytest.approx(best["sigma_force"], rel=0.3)
    # Equations of other fits must be solved too: the search stays where they can be.
    refusing = Walled(best)
    refusing.refuse_above = 0.1
    assert tune(refusing).hyperparameters["sigma_force"] >= wall
    # Far from the wall, the accurate solution, which is slow, is never asked for.
    asked = []

    class Asked(Walled):
        def errors(self, h, exact=True):
            asked.append(exact)
            return super().errors(h, exact)

    tune(Asked(BEST | {"sigma_force": 0.5}))
    assert asked and not any(asked)


def test_of_alike_sets_the_stiffest_is_taken():
    found = tune(Plateau()).hyperparameters
    # The middle of the range of sigma_force is 0.1; 0.2 is the last one that costs nothing, and 3 % are allowed.
    assert 0.19 <= found["sigma_force"] <= 0.2061
