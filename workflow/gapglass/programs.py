"""Finding the external programs."""

import shutil
import sys
from pathlib import Path

from gapglass.errors import UserError


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
        raise UserError(f"the program {name} is not installed beside {sys.executable} nor on PATH; run `make setup`")
    return found
