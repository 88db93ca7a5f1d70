"""Reading the XML file in which gap_fit writes a potential."""

import math
import re
from pathlib import Path

from gapglass.base.errors import UserError

CUTOFF = re.compile(r"\b(?:cutoff|rcut_hard)=([0-9.]+)")


def potential_label(path):
    """Return the label inside a GAP file, by which LAMMPS names the potential.

    Raises
    ------
    UserError
        When the file is not one of gap_fit.
    """
    with Path(path).open() as stream:
        head = stream.read(2000)
    match = re.search(r'<Potential label="([^"]+)"', head)
    if match is None:
        raise UserError(f"{path} is not a GAP file of gap_fit (no Potential label at its head)")
    return match.group(1)


def potential_cutoff(path):
    """Return the largest cutoff (Å) of the descriptors in a GAP file, infinity if none states a cutoff."""
    with Path(path).open() as stream:
        found = [CUTOFF.findall(line) for line in stream if "<descriptor>" in line]
    return max((float(value) for line in found for value in line), default=math.inf)
