"""Structure of a liquid or glass: every table of one model, its averages over replicas, and R_X.

The curves come from ``neighbours`` (real space), ``scattering`` (reciprocal space) and ``experiment`` (measured); conventions are
told there. Everything is averaged over frames; the standard error comes from block averages. Source: section 3.3 and Eq. 15 of
doi:10.1111/jace.20128.
"""

import pandas as pd

from gapglass.base.files import read_header, read_table, write_table

ABSENT = "no structure: "
# what a table without a structure still has, so that readers of CSV find their columns
EMPTY = {
    "sq": ["q_inverse_angstrom", "S_X"],
    "gr": ["r_angstrom", "G_X"],
    "coordination": ["centre", "neighbour", "cutoff_angstrom", "coordination_number", "standard_error"],
    "angles": ["angle_degree"],
    "closest": ["pair", "closest_distance_angstrom"],
}


def write_absence(path, kind, reason):
    """Write a table without rows that says in its head why there is no structure.

    Parameters
    ----------
    path : path-like
    kind : str
        sq, gr, coordination, angles or closest.
    reason : str
        One line.
    """
    write_table(path, pd.DataFrame(columns=EMPTY[kind]), [ABSENT + reason])


def absence(path):
    """Return why a table has no structure, None where it has one."""
    head = read_header(path)[:1]
    return head[0].removeprefix(ABSENT) if head and head[0].startswith(ABSENT) else None


def read_present(paths):
    """Return path -> table of one kind for those models or replicas that have a structure, in the order of the paths."""
    return {path: read_table(path) for path in paths if absence(path) is None}
