"""Hyperparameters on a bound of their range are found, with the range to try next."""

import pytest

from gapglass.potential.hyperparameters import bound_warnings, on_bounds

RANGES = {
    "zeta": 4,
    "n_max": {"low": 4, "high": 8, "scale": "linear"},
    "l_max": {"choices": [3, 6]},
    "cutoff": {"low": 4.0, "high": 6.0, "scale": "linear"},
    "sigma_force": {"low": 0.01, "high": 1.0, "scale": "log"},
}
INSIDE = {"zeta": 4, "n_max": 6, "l_max": 6, "cutoff": 5.0, "sigma_force": 0.1}


def test_inside_and_fixed_and_choices_are_no_bounds():
    assert on_bounds(INSIDE, RANGES) == []


@pytest.mark.parametrize(
    ("name", "value", "bound", "wider"),
    [
        ("cutoff", 5.99, "high", "try {low: 4, high: 7}"),
        ("cutoff", 4.0, "low", "try {low: 3, high: 6}"),
        ("sigma_force", 1.0, "high", "try {low: 0.01, high: 3, scale: log}"),
        ("sigma_force", 0.0101, "low", "try {low: 0.003333, high: 1, scale: log}"),
        ("n_max", 4, "low", "try {low: 2, high: 8}"),
        ("n_max", 8, "high", "8 is the largest n_max of soap_turbo"),
    ],
)
def test_bound_is_named_with_the_range_to_try(name, value, bound, wider):
    (found,) = on_bounds(INSIDE | {name: value}, RANGES)
    assert (found["name"], found["bound"], found["wider"]) == (name, bound, wider)
    (line,) = bound_warnings([found])
    assert line.startswith(f"{name} {value:.4g} lies on the ") and wider in line and f"hyperparameters.{name}" in line


def test_soap_may_have_more_radial_functions():
    (found,) = on_bounds(INSIDE | {"n_max": 8}, RANGES, "soap")
    assert found["wider"] == "try {low: 4, high: 10}"
