"""Thermal expansion and the glass transition from the volume, of materials with known expansion."""

import numpy as np
import pandas as pd
import pytest

from gapglass.structure import expansion

GLASS, LIQUID, AT = 30e-6, 150e-6, 900.0  # 1/K, K


def density(temperature):
    """Return the density of a glass below 900 K and a liquid above."""
    above = np.maximum(temperature - AT, 0)
    return 5.5 * np.exp(-(GLASS * (temperature - 300) + (LIQUID - GLASS) * above))


def windows(stages):
    """Return windows of stages, number -> temperatures."""
    rows = [
        {"stage": stage, "window": place, "temperature_k": kelvin, "density_g_per_cm3": density(kelvin)}
        for stage, kelvins in stages.items()
        for place, kelvin in enumerate(kelvins, start=1)
    ]
    return pd.DataFrame(rows, columns=["stage", "window", "temperature_k", "density_g_per_cm3"])


COOLED = {1: [2000.0] * 8, 2: np.linspace(1900, 1100, 8), 3: np.linspace(1000, 400, 8), 4: [300.0] * 8}


def test_expansion_is_the_slope_of_the_logarithm():
    kelvin = np.linspace(300, 800, 6)
    found = expansion.fit(kelvin, density(kelvin))
    assert found["per_k"] == pytest.approx(GLASS) and found["error_per_k"] < 1e-12
    assert (found["from_k"], found["to_k"]) == (300.0, 800.0)


def test_error_covers_the_truth():
    rng, kelvin, inside = np.random.default_rng(2), np.linspace(300, 800, 10), 0
    for _ in range(60):
        found = expansion.fit(kelvin, density(kelvin) * (1 + rng.normal(0, 1e-3, 10)))
        inside += abs(found["per_k"] - GLASS) < 2 * found["error_per_k"]
    assert 48 <= inside < 60


@pytest.mark.parametrize("kelvin", [[300.0, 600.0], [300.0, 310, 320, 330]], ids=["two points", "one temperature"])
def test_no_expansion_of_too_few_temperatures(kelvin):
    assert expansion.fit(kelvin, density(np.array(kelvin))) is None


def test_glass_and_liquid_part_at_the_transition():
    found, fits = expansion.of_windows(windows(COOLED), [1, 2, 3, 4])
    assert found["temperature_k"] == pytest.approx(AT)
    assert fits["glass"]["per_k"] == pytest.approx(GLASS)
    assert fits["liquid"]["per_k"] == pytest.approx(LIQUID)


def test_stages_of_constant_volume_and_a_reheating_do_not_count():
    """With the ramp at constant volume, two temperatures and a reheating are left: nothing to fit."""
    found, fits = expansion.of_windows(windows(COOLED | {5: np.linspace(400, 800, 8)}), [4, 5])
    assert found["temperature_k"] is None and fits == {}
    found, fits = expansion.of_windows(windows({1: [2000.0] * 8, 2: np.linspace(1900, 1300, 8)}), [2])
    assert found["temperature_k"] is None and list(fits) == ["cooling"]
    assert fits["cooling"]["per_k"] == pytest.approx(LIQUID)


def test_without_constant_pressure_the_reason_is_given():
    for table in (windows(COOLED), windows({})):
        found, fits = expansion.of_windows(table, [])
        assert found["reason"] == "no stage of the cooling is at constant pressure (npt)" and fits == {}
