"""The glass transition from a quench: where two straight lines through enthalpy or volume against temperature cross.

The lines of liquid and glass are fitted to the points above and below a division, which is chosen by least squares
(Debenedetti and Stillinger, doi:10.1038/35065704, figure 1). The temperature depends on the cooling rate; that of a
computer's quench lies far above that of a laboratory.
"""

import itertools

import numpy as np

FEWEST_TEMPERATURES = 8
FEWEST_ON_A_LINE = 3
LEAST_SIGNIFICANCE = 2.0  # difference of the slopes in its standard errors


def glass_transition(temperature, quantity):
    """Return the crossing of the lines of glass and liquid.

    Parameters
    ----------
    temperature : numpy.ndarray, shape (n_points,), K
    quantity : numpy.ndarray, shape (n_points,)
        Enthalpy (eV/atom) or volume (Å³/atom) at this temperature.

    Returns
    -------
    dict
        ``temperature_k`` and ``error_k``, the standard error from the residuals of both lines, None where no crossing
        is named; ``reason``, why not, else None; ``n_points``.
    """
    order = np.argsort(temperature)
    x, y = np.asarray(temperature, float)[order], np.asarray(quantity, float)[order]
    found = {"temperature_k": None, "error_k": None, "reason": None, "n_points": len(x)}
    # Windows of one plateau have nearly one temperature: points within a twentieth of the range count once.
    place = np.floor((x - x[0]) / max(np.ptp(x), 1e-9) * 20) if len(x) else x
    n_distinct = len(set(place))
    if n_distinct < FEWEST_TEMPERATURES:
        return found | {"reason": f"{n_distinct} temperatures, at least {FEWEST_TEMPERATURES} are needed"}
    divisions = [n for n in range(1, len(x)) if min(len(set(place[:n])), len(set(place[n:]))) >= FEWEST_ON_A_LINE]
    both = [(_line(x[:n], y[:n]), _line(x[n:], y[n:])) for n in divisions]
    glass, liquid = min(both, key=lambda lines: lines[0][2] + lines[1][2])
    # Both lines have four parameters, and the division is a fifth.
    variance = (glass[2] + liquid[2]) / max(len(x) - 5, 1)
    (a, b), (c, d) = glass[0], liquid[0]
    difference = d - b
    error = np.sqrt(variance * (glass[1][1, 1] + liquid[1][1, 1]))
    if difference <= LEAST_SIGNIFICANCE * error:
        return found | {"reason": "the slope above does not exceed the slope below by two standard errors"}
    crossing = (a - c) / difference
    if not x[0] < crossing < x[-1]:
        return found | {"reason": f"the lines cross at {crossing:.0f} K, outside the temperatures of the cooling"}
    gradient = np.array([1.0, crossing]) / difference
    spread = variance * (gradient @ glass[1] @ gradient + gradient @ liquid[1] @ gradient)
    return found | {"temperature_k": float(crossing), "error_k": float(np.sqrt(spread))}


def _line(x, y):
    """Return (intercept, slope), their covariance for points of unit variance, and the sum of squared residuals."""
    design = np.stack([np.ones_like(x), x], axis=1)
    inverse = np.linalg.pinv(design.T @ design)
    parameters = inverse @ design.T @ y
    return parameters, inverse, float(((y - design @ parameters) ** 2).sum())


def cooling_points(table):
    """Return the rows of a table of windows that belong to the cooling: from the hottest stage on, as far as it cools.

    Parameters
    ----------
    table : pandas.DataFrame
        stage, window, temperature_k.

    Returns
    -------
    pandas.DataFrame
    """
    means = table.groupby("stage")["temperature_k"].mean()
    hottest = means.idxmax()
    stages = [hottest]
    for before, after in itertools.pairwise(means.index[means.index >= hottest]):
        if means[after] > means[before] + 1.0:
            break
        stages.append(after)
    return table[table["stage"].isin(stages)]


def of_windows(windows):
    """Return the glass transition from the enthalpy of the windows of a cycle, see ``glass_transition``."""
    if windows.empty:
        return glass_transition(np.empty(0), np.empty(0))
    cooling = cooling_points(windows)
    return glass_transition(cooling["temperature_k"].to_numpy(), cooling["enthalpy_ev_per_atom"].to_numpy())


def text(found):
    """Return a transition in words: "910 ± 40 K", or why none is named."""
    if found["temperature_k"] is None:
        return f"none named ({found['reason']})"
    return f"{found['temperature_k']:.0f} ± {found['error_k']:.0f} K"
