"""How the configuration describes hyperparameters: a number, a range {low, high, scale}, or {choices}."""

# The memory of a fit rises with each of these hyperparameters.
SIZES = ("n_max", "l_max", "cutoff", "n_sparse", "two_body_cutoff", "two_body_n_sparse")

# QUIP warns of an unstable radial basis of soap_turbo beyond this n_max.
MOST_RADIAL_SOAP_TURBO = 8


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
