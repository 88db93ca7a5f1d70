"""Time series of a trajectory: gaps in its clock, plateaus and ramps of its temperature, drift of its energy."""

from itertools import pairwise

import numpy as np

MIN_PLATEAU_FRAMES = 10
GAP_FACTOR = 1.5


def gaps(clock):
    """Return the usual interval between two frames and the gaps.

    Parameters
    ----------
    clock : numpy.ndarray, shape (n_frames,)
        Times (fs) or steps of the frames.

    Returns
    -------
    usual : float or None
        Median interval; None if a time is unknown or there are fewer than two frames.
    gaps : list of (int, float)
        Each frame that follows the previous one at another interval (backwards, or ``GAP_FACTOR`` times longer), and
        that interval.
    """
    if len(clock) < 2 or not np.isfinite(clock).all():
        return None, []
    distances = np.diff(clock)
    usual = float(np.median(distances))
    odd = np.flatnonzero((distances <= 0) | (distances > GAP_FACTOR * usual))
    return usual, [(int(i) + 1, float(distances[i])) for i in odd]


def plateaus(series, keyed, known_time):
    """Return the plateaus of the temperature, each with the drift of its energy.

    Parameters
    ----------
    series : dict of numpy.ndarray
        energy (eV/atom), kinetic (K) and time (fs) of every frame, NaN where unknown.
    keyed : list of float, optional
        Temperatures (K) that the frames state; without them, the kinetic temperature is cut by ``segments``.
    known_time : bool
        Whether the times of all frames are known.

    Returns
    -------
    list of dict
        start, stop (index behind the last frame), ramp, temperature_k, spread_k (standard deviation),
        drift_mev_per_atom, and drift_per ("ps" or "frame").
    """
    if keyed is not None:
        cuts = [0, *(np.flatnonzero(np.diff(keyed) != 0) + 1).tolist(), len(keyed)]
        parts = [(first, last, False) for first, last in pairwise(cuts)]
        values = np.array(keyed)
    elif np.isfinite(series["kinetic"]).any():
        values = series["kinetic"]
        parts = segments(values)
    else:
        values, parts = np.full(len(series["energy"]), np.nan), [(0, len(series["energy"]), False)]
    found = []
    for first, last, ramp in parts:
        here = values[first:last]
        known = here[np.isfinite(here)]
        time = series["time"][first:last] / 1000 if known_time else np.arange(last - first)
        found.append(
            {
                "start": int(first),
                "stop": int(last),
                "ramp": bool(ramp),
                "temperature_k": float(known.mean()) if len(known) else None,
                "spread_k": float(known.std()) if len(known) else None,
                "drift_mev_per_atom": drift(time, series["energy"][first:last]),
                "drift_per": "ps" if known_time else "frame",
            }
        )
    return found


def drift(time, energy):
    """Return the slope of energies (eV/atom) over time in meV/atom per unit of time, None for fewer than 3 points."""
    good = np.isfinite(energy) & np.isfinite(time)
    if good.sum() < 3 or np.ptp(np.asarray(time)[good]) == 0:
        return None
    return float(1000 * np.polyfit(np.asarray(time)[good], energy[good], 1)[0])


def segments(values, first=0):
    """Cut a noisy series of temperatures (K) into plateaus and ramps.

    A segment is cut in two where two constants fit it best and differ by more than the fluctuation around them. If a
    straight line fits better than two constants and changes by more than twice the fluctuation, the segment is a ramp
    and is not cut.

    Parameters
    ----------
    values : numpy.ndarray, shape (n_frames,)
        NaN where unknown.
    first : int
        Index of the first value in the whole series.

    Returns
    -------
    list of (int, int, bool)
        First frame, index behind the last frame, and whether the segment is a ramp.
    """
    n = len(values)
    one_plateau = [(first, first + n, False)]
    if n < 2 * MIN_PLATEAU_FRAMES:
        return one_plateau
    filled = np.where(np.isfinite(values), values, np.nanmean(values))
    total, squares = np.cumsum(filled), np.cumsum(filled**2)
    cut = np.arange(MIN_PLATEAU_FRAMES, n - MIN_PLATEAU_FRAMES + 1)
    left = squares[cut - 1] - total[cut - 1] ** 2 / cut
    right = squares[-1] - squares[cut - 1] - (total[-1] - total[cut - 1]) ** 2 / (n - cut)
    best = int(np.argmin(left + right))
    at, noise = int(cut[best]), np.sqrt(max(left[best] + right[best], 0.0) / n)
    step = abs(total[at - 1] / at - (total[-1] - total[at - 1]) / (n - at))
    line = np.polyfit(np.arange(n), filled, 1)
    around = np.std(filled - np.polyval(line, np.arange(n)))
    if around < noise and abs(line[0]) * n > 2 * around:
        return [(first, first + n, True)]
    if step <= 1.2 * noise or step < 0.03 * abs(filled.mean()):
        return one_plateau
    return segments(values[:at], first) + segments(values[at:], first + at)
