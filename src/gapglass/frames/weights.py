"""Relative weights of frames in a fit, and factors on the expected errors of their labels.

A frame of weight w counts as w equal frames: each of its rows is multiplied by the square root of w. A factor f on the
expected error of a kind of label divides the rows of this kind by f.
"""

import math

# Kind of label in `sigma_factors` -> key of a canonical frame.
SIGMA_FACTORS = {
    "energy": "sigma_energy_factor",
    "force": "sigma_force_factor",
    "virial": "sigma_virial_factor",
}


def of_frame(entry, info):
    """Return the keys of a canonical frame that state its weight, and the reasons to reject the frame.

    Parameters
    ----------
    entry : dict
        Item of ``trajectories``: weight (default 1), sigma_factors (default 1 each) and weight_key.
    info : dict
        Keys of the frame in its file.

    Returns
    -------
    stated : dict
        ``weight``, ``sigma_energy_factor``, ``sigma_force_factor`` and ``sigma_virial_factor``, without those that
        are 1, so that frames without weights have no further keys.
    reasons : list of str
    """
    weight, key = float(entry.get("weight", 1.0)), entry.get("weight_key")
    reasons = []
    if key is not None:
        own = _number(info.get(key))
        weight *= own
        if not (own > 0 and math.isfinite(own)):
            reasons.append(
                f"no positive number under weight_key {key!r} (its keys: {', '.join(sorted(map(str, info)))})"
            )
        elif not (weight > 0 and math.isfinite(weight)):
            reasons.append(f"a weight of {own:g} under {key!r} that gives {weight:g} with the trajectory's weight")
    given = entry.get("sigma_factors") or {}
    stated = {"weight": weight} | {name: float(given.get(kind, 1.0)) for kind, name in SIGMA_FACTORS.items()}
    return {name: value for name, value in stated.items() if value != 1.0}, reasons


def multipliers(info):
    """Return what the rows of a frame are multiplied by in a fit: energy, force and virial -> number.

    Parameters
    ----------
    info : dict
        Keys of a canonical frame; those that ``of_frame`` leaves out are 1.
    """
    root = math.sqrt(float(info.get("weight", 1.0)))
    return {kind: root / float(info.get(name, 1.0)) for kind, name in SIGMA_FACTORS.items()}


def _number(value):
    """Return a value as float, NaN for what is no number."""
    try:
        return math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError):
        return math.nan
