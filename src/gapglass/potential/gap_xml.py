"""Glass models by melt-quench: random packing, push-off, and the stages of the thermal cycle.

Source: section 2.5 of doi:10.1111/jace.20128.
"""

import re
from pathlib import Path

from gapglass.base.errors import UserError


def potential_label(path):
    """Return the label inside a GAP file, which LAMMPS needs to name the potential."""
    with Path(path).open() as stream:
        head = stream.read(2000)
    match = re.search(r'<Potential label="([^"]+)"', head)
    if match is None:
        raise UserError(f"{path} is not a GAP file of gap_fit (no Potential label at its head)")
    return match.group(1)
