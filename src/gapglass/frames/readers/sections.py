"""Random access to trajectories in several files: where the record of each step begins, and which steps all have.

A restarted run appends to its files and repeats steps, so the last record of a step counts.
"""

import numpy as np


def index_xyz(stream, step_of):
    """Return where the frames of an XYZ file begin.

    Parameters
    ----------
    stream : binary file
    step_of : callable
        Comment line -> step.

    Returns
    -------
    offsets : dict
        Step -> byte, of the last record of that step.
    repeated : int
        Number of records that a later one replaced.
    truncated : int
        1 if the last record is cut off, else 0.
    """
    offsets, repeated = {}, 0
    while True:
        offset = stream.tell()
        first = stream.readline()
        if not first.strip():
            return offsets, repeated, 0
        comment = stream.readline().decode("utf-8", "replace")
        last = b""
        for _ in range(int(first)):
            last = stream.readline()
        # A record may end inside its last number.
        if len(last.split()) < 4 or not last.endswith(b"\n"):
            return offsets, repeated, 1
        step = step_of(comment)
        repeated += step in offsets
        offsets[step] = offset


def record_at(stream, offset):
    """Return (comment, names, numbers of shape (n, 3)) of the XYZ record that begins at a byte."""
    stream.seek(offset)
    n_atoms = int(stream.readline())
    comment = stream.readline().decode("utf-8", "replace")
    rows = [stream.readline().split() for _ in range(n_atoms)]
    return comment, [row[0].decode() for row in rows], np.array([row[1:4] for row in rows], float)


def common_steps(source, **steps):
    """Return the sorted steps that all files have, and note the number of steps of each file if they differ.

    Parameters
    ----------
    source : Source
    **steps : iterable of int
        The steps of each file, by its kind.

    Raises
    ------
    UserError
        When the files have no step in common.
    """
    shared = sorted(set.intersection(*(set(found) for found in steps.values())))
    counts = ", ".join(f"{what} {len(found)}" for what, found in steps.items())
    if not shared:
        raise source.error(f"the files beside {source.path} have no step in common ({counts}); are they of one run?")
    if any(len(found) != len(shared) for found in steps.values()):
        source.note(f"steps in the files: {counts}; {len(shared)} are in all of them and are read")
    return shared


def leave_out_empty(source, tables, advice):
    """Return the tables of steps without those of files that have none, and note what the frames therefore lack.

    Parameters
    ----------
    source : Source
    tables : dict
        What -> steps of that file; an empty table of the positions stays.
    advice : dict of str
        What -> how the code writes that file.
    """
    left = {}
    for what, table in tables.items():
        if table or what == "positions":
            left[what] = table
            continue
        path = source.companions[what]
        reason = "has no complete step" if path.stat().st_size else "is empty"
        then = f"; {advice[what]}" if what in advice else ""
        source.note(f"NO {what.upper()}: {path} {reason}{then}")
    return left
