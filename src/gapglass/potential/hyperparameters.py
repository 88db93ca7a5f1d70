"""How the configuration describes hyperparameters: a number, a range {low, high, scale}, or {choices}."""

import math

# The memory of a fit rises with each of these hyperparameters.
SIZES = ("n_max", "l_max", "cutoff", "n_sparse", "two_body_cutoff", "two_body_n_sparse")

# What the sparse points and the rows of frames depend on; the other hyperparameters scale rows or take a part of them.
GEOMETRY = (
    "cutoff", "cutoff_width", "n_max", "l_max", "atom_sigma", "zeta", "two_body_cutoff", "two_body_theta",
    "two_body_n_sparse",
)  # fmt: skip

# The radial basis of soap_turbo, poly3gauss, is linearly dependent to rounding beyond this n_max: the smallest
# eigenvalue of its overlap is 2e-11 at 8, 2e-15 at 10 and negative at 12, so no two programs agree on the energy.
MOST_RADIAL_SOAP_TURBO = 8
# Largest atom_sigma of soap_turbo as a share of its cutoff. Beyond, the engine differs from QUIP: measured differences
# of the energy are 1e-8 eV/atom at 0.15, 3e-7 at 0.163, 3e-6 at 0.174, 4e-5 at 0.19 and 5e-4 at 0.21.
MOST_SIGMA = 0.16


def bounds(setting):
    """Return the smallest and the largest value that a hyperparameter setting allows."""
    if not isinstance(setting, dict):
        return setting, setting
    if "choices" in setting:
        return min(setting["choices"]), max(setting["choices"])
    return setting["low"], setting["high"]


def setting_text(setting):
    """Return the setting of a hyperparameter in words, for tables."""
    if not isinstance(setting, dict):
        return "fixed"
    if "choices" in setting:
        return " or ".join(map(str, setting["choices"]))
    return f"{setting['low']} to {setting['high']}" + (", log" if setting["scale"] == "log" else "")


def on_bounds(hyperparameters, settings, descriptor="soap_turbo"):
    """Return the tuned hyperparameters that lie on a bound of their range: a better set may lie beyond it.

    Parameters
    ----------
    hyperparameters : dict
        Name -> value of a complete set.
    settings : dict
        Section ``potential.hyperparameters``; only ranges {low, high, scale} have bounds.
    descriptor : {"soap", "soap_turbo"}
        soap_turbo has no n_max above 8.

    Returns
    -------
    list of dict
        ``name``, ``value``, ``bound`` (low or high), ``low``, ``high`` and ``wider``, the range to try as text, or the
        reason why there is none. A value within 1 % of the range, on its scale, counts as on the bound.
    """
    found = []
    for name, setting in settings.items():
        if not isinstance(setting, dict) or "choices" in setting:
            continue
        low, high, scale = setting["low"], setting["high"], setting.get("scale", "linear")
        value, ends = hyperparameters[name], (low, high)
        if scale == "log":
            value, ends = math.log(value), tuple(map(math.log, ends))
        place = (value - ends[0]) / (ends[1] - ends[0])
        if 0.01 < place < 0.99:
            continue
        bound = "low" if place <= 0.01 else "high"
        if name == "n_sparse" and bound == "low":
            continue  # fewer points are no aim, or the frames hold no more environments that differ
        text = _wider(name, low, high, scale, bound, descriptor)
        found.append(
            {"name": name, "value": hyperparameters[name], "bound": bound, "low": low, "high": high, "wider": text}
        )
    return found


def _wider(name, low, high, scale, bound, descriptor):
    """Return a range that reaches beyond a bound, as text: by a factor of 3 on a logarithmic scale, else by a half."""
    if name == "n_max" and bound == "high" and descriptor == "soap_turbo" and high >= MOST_RADIAL_SOAP_TURBO:
        return f"{high} is the largest n_max of soap_turbo"
    if name == "n_sparse" and bound == "high":
        return f"more points may lower the errors and cost more in each step: try {{low: {low}, high: {2 * high}}}"
    whole = isinstance(low, int) and isinstance(high, int)
    if scale == "log":
        low, high = (low / 3, high) if bound == "low" else (low, high * 3)
    else:
        reach = (high - low) / 2
        low, high = (low - reach, high) if bound == "low" else (low, high + reach)
    if low <= 0:
        low = (1 if whole else high / 100) if bound == "low" else low
    if whole:
        low, high = round(low), round(high)
    return f"try {{low: {low:.4g}, high: {high:.4g}{', scale: log' if scale == 'log' else ''}}}"


def bound_warnings(found):
    """Return one sentence for each entry of ``on_bounds``."""
    return [
        f"{entry['name']} {entry['value']:.4g} lies on the {'lower' if entry['bound'] == 'low' else 'upper'} bound of "
        f"potential.hyperparameters.{entry['name']} ({entry['low']:g} to {entry['high']:g}); {entry['wider']}"
        for entry in found
    ]
