"""Thermal cycles that cool at another rate: their cooling stages are stretched or shortened, the others stay.

The cooling goes from the highest temperature of a cycle down to the lowest that the stages after it reach without
heating again. Ramps down and plateaus between both temperatures belong to it; the melt before and the plateau at the
end of it do not. The rate of a cycle is the difference of both temperatures over the time of these stages.
"""


def cooling_stages(cycle):
    """Return the places, from 0, of the stages of a cycle that cool.

    Parameters
    ----------
    cycle : list of dict
        ``glass.cycle``.
    """
    starts, ends = _temperatures(cycle)
    hottest = max(*starts, *ends)
    melts = [place for place, end in enumerate(ends) if end == hottest]
    first = melts[-1] + 1 if melts else starts.index(hottest)
    cooled = []
    for place in range(first, len(cycle)):
        if ends[place] > starts[place] or (cooled and starts[place] > ends[place - 1]):
            break
        cooled.append(place)
    lowest = min((ends[place] for place in cooled), default=hottest)
    return [place for place in cooled if starts[place] > ends[place] or ends[place] > lowest]


def _temperatures(cycle):
    """Return the temperatures (K) of the thermostat at the start and at the end of every stage."""
    ends = [stage["temperature"] for stage in cycle]
    return [stage["temperature_start"] or end for stage, end in zip(cycle, ends, strict=True)], ends


def rate_of(cycle):
    """Return the mean cooling rate of a cycle (K/ps), None where no stage cools."""
    places = cooling_stages(cycle)
    if not places:
        return None
    starts, ends = _temperatures(cycle)
    lowest = min([ends[place] for place in places] + ends[places[-1] + 1 : places[-1] + 2])
    return (max(*starts, *ends) - lowest) / sum(cycle[place]["time"] for place in places)


def at_rate(cycle, rate, sample_interval):
    """Return a cycle that cools at a rate.

    Parameters
    ----------
    cycle : list of dict
        ``glass.cycle``; at least one stage must cool.
    rate : float
        K/ps.
    sample_interval : float
        ``glass.sample_interval`` (fs). Stages that become longer save frames less often, so that they have as many.

    Returns
    -------
    list of dict
        Other times of the stages that cool, in proportion.
    """
    factor, places = rate_of(cycle) / rate, cooling_stages(cycle)
    longer = {"sample_interval": sample_interval * factor} if factor > 1 else {}
    return [
        stage | {"time": stage["time"] * factor} | longer if place in places else stage
        for place, stage in enumerate(cycle)
    ]
