"""Tables of models without a structure: a quench that exploded leaves empty tables whose head says why."""

from gapglass.base.files import read_header, read_table, write_table

ABSENT = "no structure: "  # first words in the head of such a table
# Columns of an empty table, so that a reader of CSV files finds those that it needs.
EMPTY = {
    "sq": ["q_inverse_angstrom", "S_X"],
    "gr": ["r_angstrom", "G_X"],
    "coordination": ["centre", "neighbour", "cutoff_angstrom", "coordination_number", "standard_error"],
    "angles": ["angle_degree"],
    "closest": ["pair", "closest_distance_angstrom"],
    "rings": [
        "formers_in_ring",
        "rings_per_former",
        "rings_per_former_error",
        "formers_share_percent",
        "formers_share_percent_error",
    ],
    "network": ["quantity", "species", "n", "share_percent", "share_percent_error"],
    "voids": ["distance_angstrom", "volume_share_percent", "volume_share_percent_error"],
    "vibrations": ["frequency_thz", "vdos_per_thz"],
}


def write_empty_table(path, kind, reason):
    """Write a table without rows whose head says why there is no structure.

    Parameters
    ----------
    path : path-like
    kind : str
        One of ``kinds.TABLES``.
    reason : str
        One line.
    """
    import pandas as pd

    write_table(path, pd.DataFrame(columns=EMPTY[kind]), [ABSENT + reason])


def absence(path):
    """Return why a table has no structure, None if it has one."""
    head = read_header(path)[:1]
    return head[0].removeprefix(ABSENT) if head and head[0].startswith(ABSENT) else None


def read_present(paths):
    """Return path -> table of one kind for the models or replicas that have a structure, in the order of the paths."""
    return {path: read_table(path) for path in paths if absence(path) is None}
