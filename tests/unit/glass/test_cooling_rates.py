"""Cycles that cool at another rate."""

import pytest

from gapglass.glass import rates


def stage(temperature, time, start=None):
    return {"temperature": temperature, "temperature_start": start, "time": time}


RAMP = [stage(300, 1), stage(2000, 2, 300), stage(2000, 5), stage(300, 17, 2000), stage(300, 4)]
STAIRS = [stage(300, 5), stage(1000, 100), stage(750, 100), stage(500, 100), stage(300, 100), stage(300, 100)]


@pytest.mark.parametrize(
    ("cycle", "places", "rate"),
    [
        (RAMP, [3], 100.0),
        (STAIRS, [2, 3], 3.5),
        ([stage(300, 17, 2000)], [0], 100.0),
        ([stage(2000, 1), stage(1000, 5, 2000), stage(1000, 5), stage(300, 7, 1000)], [1, 2, 3], 100.0),
        # An annealing above the glass afterwards is no cooling.
        ([stage(2000, 1), stage(300, 17, 2000), stage(600, 3, 300), stage(300, 3, 600)], [1], 100.0),
        ([stage(2000, 1), stage(300, 17, 2000), stage(600, 3), stage(300, 3)], [1], 100.0),
        ([stage(2000, 1), stage(300, 17)], [], None),
        ([stage(300, 1)], [], None),
    ],
    ids=["ramp", "stairs", "one stage", "ramps", "annealed", "annealed at once", "at once", "no melt"],
)
def test_stages_that_cool(cycle, places, rate):
    assert rates.cooling_stages(cycle) == places
    assert rates.rate_of(cycle) == (None if rate is None else pytest.approx(rate))


@pytest.mark.parametrize("cycle", [RAMP, STAIRS])
@pytest.mark.parametrize("rate", [0.5, 10.0, 400.0])
def test_cycle_at_another_rate(cycle, rate):
    changed, places = rates.at_rate(cycle, rate, 20.0), rates.cooling_stages(cycle)
    assert rates.rate_of(changed) == pytest.approx(rate)
    for place, (before, after) in enumerate(zip(cycle, changed, strict=True)):
        if place not in places:
            assert after == before
        else:
            longer = after["time"] / before["time"]
            assert longer == pytest.approx(rates.rate_of(cycle) / rate)
            assert after.get("sample_interval", 20.0) == pytest.approx(20 * max(1, longer))
