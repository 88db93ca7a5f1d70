"""Averages of structure tables over the independent replicas of a model, with the standard error over the replicas."""

from pathlib import Path

import numpy as np

from gapglass.base.files import read_header, write_table
from gapglass.structure import coordination
from gapglass.structure.absence import absence, read_present, write_empty_table

LEFT_OUT = "left out: "
WARNING = "warning: "  # first word of such a line in the head of a table
# Columns that name a row, by the first column of a table. Rows of other tables correspond by their number.
KEYS = {"centre": ["centre", "neighbour"], "pair": ["pair"], "quantity": ["quantity", "species", "n"]}


def average_replicas(paths, kind, target, q_bin=None):
    """Write the mean of one kind of table over those replicas that have a structure.

    Parameters
    ----------
    paths : list of path-like
        structure/{potential}_{atoms}_{replica}/{kind}.csv.
    kind : str
        One of ``kinds.TABLES``, or "vibrations".
    target : path-like
        Its head names the replicas that are left out, and repeats the warnings of all others. If none is left, the
        table is that of ``write_empty_table``.
    q_bin : float, optional
        ``structure.q_bin``, 1/Å, needed for sq.
    """
    present = read_present(paths)
    left_out = [f"replica {_replica(path)}, {absence(path)}" for path in paths if path not in present]
    if not present:
        write_empty_table(target, kind, "; ".join(left_out))
        return
    heads = {path: read_header(path) for path in present}
    header = next(iter(heads.values()))
    if len(present) > 1:
        warnings = [
            f"{WARNING}replica {_replica(path)}, {text}"
            for path, head in heads.items()
            for text in marked(head, WARNING)
        ]
        header = [line for line in header if not line.startswith(WARNING)]
        header[-1] = f"mean over {len(present)} replicas, *_error is the standard error over them"
        header += warnings
    header += [LEFT_OUT + line for line in left_out]
    write_table(target, average_tables(list(present.values()), q_bin), header)


def marked(head, word):
    """Return the lines of a head that begin with ``LEFT_OUT`` or ``WARNING``, without that word."""
    return [line.removeprefix(word) for line in head if line.startswith(word)]


def _replica(path):
    """Return the number of a replica from the path of its table."""
    return Path(path).parent.name.rsplit("_", 1)[1]


def _with_common_rows(tables):
    """Return tables of the network with the rows of all of them; a share that one replica lacks is zero in it."""
    import pandas as pd

    keys = KEYS["quantity"]
    rows = pd.concat([table[keys] for table in tables]).drop_duplicates().sort_values(keys)
    return [rows.merge(table, on=keys, how="left").fillna({"share_percent": 0.0}) for table in tables]


def average_tables(tables, q_bin=None):
    """Return the mean of one kind of structure table over independent replicas.

    Parameters
    ----------
    tables : list of pandas.DataFrame
        All of one kind, as from ``analyse``.
    q_bin : float, optional
        ``structure.q_bin`` in 1/Å, needed for sq: the mean q of a bin differs between cells of different size.

    Returns
    -------
    pandas.DataFrame
        Rows that all replicas have, of the network those that any has. Numbers are means, ``*_error`` and
        ``standard_error`` the standard error over the replicas, and closest_distance_angstrom the smallest distance.
        A single table is returned unchanged.
    """
    import pandas as pd

    if len(tables) == 1 or tables[0].empty:
        return tables[0]
    first = tables[0].columns[0]
    keys = KEYS.get(first, ["row"])
    if first == "quantity":
        tables = _with_common_rows(tables)
    if keys == ["row"]:
        # Rows of S(q) correspond by the number of their bin. Tables of r and angles begin with the same row.
        rows = [
            np.floor(table[first] / q_bin + 1e-9) if first == "q_inverse_angstrom" else np.arange(len(table))
            for table in tables
        ]
        tables = [table.assign(row=row) for table, row in zip(tables, rows, strict=True)]
    everything = pd.concat(tables, ignore_index=True)
    shares = [column for column in everything if column.startswith("percent_")]
    everything[shares] = everything[shares].fillna(0.0)
    groups = everything.groupby(keys, sort=keys == ["row"])
    common = groups[first].transform("size") == len(tables)
    groups = everything[common].groupby(keys, sort=keys == ["row"])
    mean = groups.mean(numeric_only=True)
    error = groups.sem(ddof=1, numeric_only=True)
    for column in mean:
        if column == "standard_error":
            mean[column] = error["coordination_number"]
        elif column.endswith("_error"):
            mean[column] = error[column.removesuffix("_error")]
    if first == "pair":
        mean["closest_distance_angstrom"] = groups["closest_distance_angstrom"].min()
    if "method" in everything:
        # Joins may differ by a bin. A mean of both methods is called "transform", the later of the two words.
        mean["method"] = groups["method"].max()
    return coordination.order_shares(mean.reset_index()[[column for column in everything if column != "row"]])
