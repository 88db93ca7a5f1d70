"""Finding the external programs, and the memory that they take."""

import re
import shutil
import sys
from pathlib import Path

from gapglass.errors import REINSTALL, UserError


def program(name):
    """Return the path of a program of this Python environment, or of PATH.

    Raises
    ------
    UserError
        When it is absent.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise UserError(f"the program {name} is not installed beside {sys.executable} nor on PATH; {REINSTALL}")
    return found


def peak_so_far_mb(pid):
    """Return the peak resident memory of a running process (MB; pid "self" for this one), 0 where the system does not tell."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found.group(1)) / 1024 if found else 0.0
