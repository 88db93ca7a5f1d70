"""Random access to trajectories in several files: where the record of each step begins, and which steps all have.

A restarted run appends to its files and repeats steps, so the last record of a step counts.
"""

from dataclasses import dataclass, field

import numpy as np

from gapglass.frames.readers.text import number


@dataclass
class XyzIndex:
    """Where the records of an XYZ file begin.

    Attributes
    ----------
    offsets : dict
        Step -> byte, of the last complete record of that step.
    comments : dict
        Step -> comment line of that record.
    repeated : int
        Number of records that a later one replaced.
    spoilt : list of int
        Lines (from 1) at which records begin that are incomplete although others follow, as a killed run leaves them.
    truncated : int
        1 if the last record is cut off, else 0.
    """

    offsets: dict = field(default_factory=dict)
    comments: dict = field(default_factory=dict)
    repeated: int = 0
    spoilt: list = field(default_factory=list)
    truncated: int = 0

    def count(self, dropped, what):
        """Add the records that are incomplete to the counts of what a reader leaves out."""
        if self.truncated:
            dropped[f"truncated last record of the {what}"] += 1
        for line in self.spoilt:
            dropped[f"incomplete record of the {what} (line {line})"] += 1


def index_xyz(stream, step_of):
    """Return where the records of an XYZ file begin; empty lines between two records have no meaning.

    Parameters
    ----------
    stream : binary file
    step_of : callable
        Comment line -> step; ValueError if the line states none.

    Returns
    -------
    XyzIndex

    Raises
    ------
    ValueError
        When a line between two records is no number of atoms; the message names the line.
    """
    index, number = XyzIndex(), 0
    while True:
        offset, first = stream.tell(), stream.readline()
        number += 1
        if not first.endswith(b"\n"):
            index.truncated = int(bool(first))
            return index
        if not first.strip():
            continue
        if not first.strip().isdigit() or int(first) == 0:
            raise ValueError(
                f"line {number} is {first.decode('utf-8', 'replace').strip()!r}, where a record should begin "
                "with its number of atoms; this line and what follows are not read"
            )
        comment, n_lines, state = _pass_record(stream, int(first))
        if state == "complete":
            step = step_of(comment)
            index.repeated += step in index.offsets
            index.offsets[step], index.comments[step] = offset, comment
            number += n_lines
            continue
        if state == "end":
            index.truncated = 1
            return index
        index.spoilt.append(number)
        stream.seek(offset + len(first))
        number = _next_record(stream, number, step_of)


def _pass_record(stream, n_atoms):
    """Pass the comment line and the atoms of a record; return (comment, number of lines, state).

    The state is complete, end (the file ends within the record) or spoilt (a line does not belong to it).
    """
    comment = stream.readline()
    if not comment.endswith(b"\n"):
        return "", 0, "end"
    width = None
    for _ in range(n_atoms):
        line = stream.readline()
        if not line.endswith(b"\n"):  # A record may end inside its last number.
            return "", 0, "end"
        words = line.split()
        width = width or len(words)
        if len(words) < 4 or len(words) != width:
            return "", 0, "spoilt"
    return comment.decode("utf-8", "replace"), n_atoms + 1, "complete"


def _next_record(stream, number, step_of):
    """Move to the next line that begins a record; return the number of the line before it."""
    offset, line = stream.tell(), stream.readline()
    while line:
        number += 1
        after, following = stream.tell(), stream.readline()
        if line.strip().isdigit():
            try:
                step_of(following.decode("utf-8", "replace"))
            except ValueError:
                pass
            else:
                stream.seek(offset)
                return number - 1
        offset, line = after, following
    return number


def record_at(stream, offset):
    """Return (comment, names, numbers of shape (n, 3)) of the XYZ record that begins at a byte.

    Text in place of a number, such as the stars of Fortran, is NaN; the checks of the import then reject this frame.
    """
    stream.seek(offset)
    n_atoms = int(stream.readline())
    comment = stream.readline().decode("utf-8", "replace")
    rows = [stream.readline().split() for _ in range(n_atoms)]
    return comment, [row[0].decode() for row in rows], numbers([row[1:4] for row in rows])


def numbers(words):
    """Return words (or rows of words) as an array of float, NaN for text; exponents may be written with D."""
    try:
        return np.array(words, float)
    except ValueError:
        return np.vectorize(_number, otypes=[float])(np.array(words))


def _number(word):
    try:
        return number(word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word))
    except ValueError:
        return np.nan


def stands_still(values):
    """Return whether several times are all the same, as those of frames that are computed again (REFTRAJ, rerun)."""
    known = [value for value in values if value is not None]
    return len(known) > 1 and len(set(known)) == 1


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
