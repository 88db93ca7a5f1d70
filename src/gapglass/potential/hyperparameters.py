"""Memory that gap_fit will need, foretold from what it is going to store.

gap_fit keeps one vector per atom and per pair of atoms (descriptors), and for every force component of the atoms within the cutoff, and
every virial component of each of them, one more (gradients); all of them until the covariances are done. Their numbers follow exactly
from atoms and pairs within the cutoffs, and agree with the "Memory Estimate" in its log. Only what lies beside them was measured:
benchmarks/fits.py compares prediction and peak. 1 MB is 2**20 bytes here, as in ``peak_memory_mb``.
"""

SIZES = (
    "n_max",
    "l_max",
    "cutoff",
    "n_sparse",
    "two_body_cutoff",
    "two_body_n_sparse",
)  # memory rises with each of them

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
    """Return how a hyperparameter was searched, in words."""
    if not isinstance(setting, dict):
        return "fixed"
    if "choices" in setting:
        return " or ".join(map(str, setting["choices"]))
    return f"{setting['low']} to {setting['high']}" + (", log" if setting["scale"] == "log" else "")
