"""Checks of section ``potential.hyperparameters``: ranges, and values that the descriptor allows."""

from gapglass.potential.hyperparameters import MOST_RADIAL_SOAP_TURBO, bounds


def problems(config):
    """Yield the problems of ``potential.hyperparameters``."""
    return hyperparameter_problems(config["potential"])


def hyperparameter_problems(potential, section="potential"):
    """Yield the problems of a set of hyperparameters.

    Parameters
    ----------
    potential : dict
        ``descriptor`` and ``hyperparameters``.
    section : str
        Section of the configuration that the messages name.
    """
    settings, where = potential["hyperparameters"], f"{section}.hyperparameters"
    n_max = bounds(settings["n_max"])[1]
    if potential["descriptor"] == "soap_turbo" and n_max > MOST_RADIAL_SOAP_TURBO:
        yield (
            f"`{where}.n_max` reaches {n_max}; allowed with soap_turbo: at most {MOST_RADIAL_SOAP_TURBO}, beyond it "
            "its radial functions (poly3gauss) are linearly dependent to rounding and the energy is not defined: the "
            "smallest eigenvalue of their overlap is 2e-11 at 8, 2e-15 at 10, negative at 12; lower it or use "
            "descriptor soap"
        )
    for name, setting in settings.items():
        low, high = bounds(setting)
        if isinstance(setting, dict) and low >= high:
            yield f"`{where}.{name}` has low {low} and high {high}; low must be smaller; swap or widen them"
    width, cutoff = bounds(settings["cutoff_width"])[1], bounds(settings["cutoff"])[0]
    if width >= cutoff:
        yield (
            f"`{where}.cutoff_width` reaches {width} Å and cutoff goes down to {cutoff} Å; the width must be smaller "
            "than the cutoff; lower the width"
        )
