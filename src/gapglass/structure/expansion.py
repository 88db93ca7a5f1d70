"""Thermal expansion along the cooling at constant pressure: ``alpha = d ln V / dT`` of the volume.

Above and below the glass transition it differs, so liquid and glass are fitted separately where the transition from
the volume is named. Both come from the logarithm of the volume, which is a straight line where the expansion is
constant. A third of the expansion is the linear one that dilatometers measure.
"""

import numpy as np

from gapglass.structure.transition import cooling_points, glass_transition

FEWEST_POINTS = 3
LEAST_RANGE = 50.0  # K between the lowest and the highest temperature of a fit


def fit(temperature, density):
    """Return the volumetric expansion from densities.

    Parameters
    ----------
    temperature : numpy.ndarray, shape (n_points,), K
    density : numpy.ndarray, shape (n_points,), g/cm³

    Returns
    -------
    dict or None
        ``per_k`` (1/K), ``error_per_k`` (standard error from the residuals of the line), ``from_k`` and ``to_k``; None
        for fewer than three points or less than 50 K.
    """
    temperature, density = np.asarray(temperature, float), np.asarray(density, float)
    if len(temperature) < FEWEST_POINTS or np.ptp(temperature) < LEAST_RANGE:
        return None
    from_mean = temperature - temperature.mean()
    logarithm = -np.log(density)
    slope = from_mean @ logarithm / (from_mean @ from_mean)
    residuals = logarithm - logarithm.mean() - slope * from_mean
    error = np.sqrt(residuals @ residuals / (len(temperature) - 2) / (from_mean @ from_mean))
    return {
        "per_k": float(slope),
        "error_per_k": float(error),
        "from_k": float(temperature.min()),
        "to_k": float(temperature.max()),
    }


def of_windows(windows, npt):
    """Return the glass transition from the volume, and the expansion of glass and liquid.

    Parameters
    ----------
    windows : pandas.DataFrame
        From ``quench.of_cycle``.
    npt : list of int
        Numbers of the stages at constant pressure, from 1.

    Returns
    -------
    transition : dict
        As from ``glass_transition``.
    expansion : dict
        "glass" and "liquid" -> as from ``fit`` where a transition is named, else "cooling" -> that of the whole
        cooling; without those that have too few points.
    """
    cooling = cooling_points(windows) if len(windows) else windows
    cooling = cooling[cooling["stage"].isin(npt)]
    if cooling.empty:
        found = glass_transition(np.empty(0), np.empty(0))
        return found | {"reason": "no stage of the cooling is at constant pressure (npt)"}, {}
    temperature, density = (cooling[name].to_numpy() for name in ("temperature_k", "density_g_per_cm3"))
    found = glass_transition(temperature, -np.log(density))
    if found["temperature_k"] is None:
        ranges = {"cooling": np.full(len(temperature), True)}
    else:
        below = temperature < found["temperature_k"]
        ranges = {"glass": below, "liquid": ~below}
    fits = {name: fit(temperature[chosen], density[chosen]) for name, chosen in ranges.items()}
    return found, {name: item for name, item in fits.items() if item}
