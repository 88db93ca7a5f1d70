"""Structure of a liquid or glass: every table of one model, its averages over replicas, and R_X.

The curves come from ``neighbours`` (real space), ``scattering`` (reciprocal space) and ``experiment`` (measured); conventions are
told there. Everything is averaged over frames; the standard error comes from block averages. Source: section 3.3 and Eq. 15 of
doi:10.1111/jace.20128.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from gapglass.base.files import read_header, write_table
from gapglass.structure import coordination
from gapglass.structure.absence import absence, read_present, write_absence

LEFT_OUT = "left out: "


def average_replicas(paths, kind, target, q_bin):
    """Write the mean of one kind of table over those replicas that have a structure.

    Parameters
    ----------
    paths : list of path-like
        structure/{potential}_{atoms}_{replica}/{kind}.csv.
    kind : str
        sq, gr, coordination, angles or closest.
    target : path-like
        Its head names the replicas that are left out. Without any replica it is a table that says so, as of ``write_absence``.
    q_bin : float
        ``structure.q_bin``, 1/Å.
    """
    present = read_present(paths)
    left_out = [
        f"replica {Path(path).parent.name.rsplit('_', 1)[1]}, {absence(path)}" for path in paths if path not in present
    ]
    if not present:
        write_absence(target, kind, "; ".join(left_out))
        return
    header = read_header(next(iter(present)))
    if len(present) > 1:
        header[-1] = f"mean over {len(present)} replicas, *_error is the standard error over them"
    header += [LEFT_OUT + line for line in left_out]
    write_table(target, average_tables(list(present.values()), q_bin), header)


def average_tables(tables, q_bin=None):
    """Return the mean of one kind of structure table over independent replicas.

    Parameters
    ----------
    tables : list of pandas.DataFrame
        All sq, all gr, all coordination, all angles or all closest, as from ``analyse``.
    q_bin : float, optional
        ``structure.q_bin`` in 1/Å, needed for sq: cells of different size have their mean q of a bin at different places.

    Returns
    -------
    pandas.DataFrame
        Rows that all replicas have: numbers are means, ``*_error`` and ``standard_error`` the standard error over the replicas,
        closest_distance_angstrom the smallest. One table is returned as it is.
    """
    if len(tables) == 1 or tables[0].empty:
        return tables[0]
    first = tables[0].columns[0]
    keys = {"centre": ["centre", "neighbour"], "pair": ["pair"]}.get(first, ["row"])
    if keys == ["row"]:
        # bins of q by number; r and angles begin alike everywhere, and the shortest table decides
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
        # where the join differs by a bin, the mean is not all direct
        mean["method"] = groups["method"].max()
    return coordination.order_shares(mean.reset_index()[[column for column in everything if column != "row"]])
