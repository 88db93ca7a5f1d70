"""The frames of a text dump of LAMMPS as they stand in the file: each with its line and whether it is complete."""

from dataclasses import dataclass, field

import numpy as np

from gapglass.frames.readers.opening import lines
from gapglass.frames.readers.sections import numbers

COMPLETE, TRUNCATED, SPOILT = "complete", "truncated", "spoilt"


@dataclass
class Record:
    """One frame of a dump, as read; a record that is cut off or spoilt has this state."""

    line: int
    state: str = TRUNCATED
    step: int | None = None
    time: float | None = None
    units: str | None = None
    n_atoms: int = 0
    box: list = field(default_factory=list)
    flags: list = field(default_factory=list)
    columns: list = field(default_factory=list)
    rows: list = field(default_factory=list)

    @property
    def periodic(self):
        """Whether each direction is periodic, or None if the dump (of a version before 2011) does not state it."""
        found = [flag[0] == flag[1] == "p" for flag in self.flags if len(flag) == 2 and set(flag) <= set("pfsm")]
        return found if len(found) == 3 else None

    def cell(self):
        """Return (origin, cell) in Å from BOX BOUNDS, which are the bounding box if the box is triclinic."""
        bounds = numbers(self.box)
        xy, xz, yz = bounds[:, 2] if "xy" in self.flags else np.zeros(3)
        low = bounds[:, 0] - [min(0, xy, xz, xy + xz), min(0, yz), 0]
        high = bounds[:, 1] - [max(0, xy, xz, xy + xz), max(0, yz), 0]
        lx, ly, lz = high - low
        return low, np.array([[lx, 0, 0], [xy, ly, 0], [xz, yz, lz]])

    def column(self, name):
        """Return the numbers of a column."""
        place = self.columns.index(name)
        return numbers([row[place] for row in self.rows])

    def vectors(self, *names):
        """Return columns side by side."""
        return np.stack([self.column(name) for name in names], axis=1)


class _Lines:
    """The numbered lines of a dump, of which the last can be put back."""

    def __init__(self, path):
        self.stream, self.number, self.again = lines(path), 0, None

    def next(self):
        """Return the next line, an empty text at the end."""
        line, self.again = (self.again, None) if self.again is not None else (next(self.stream, ""), None)
        self.number += bool(line)
        return line

    def put_back(self, line):
        """Let ``next`` return this line again."""
        self.again = line
        self.number -= bool(line)


def records(source):
    """Yield all records of the dump.

    Raises
    ------
    UserError
        When a line between two records belongs to none; the message names it.
    """
    stream = _Lines(source.path)
    while line := stream.next():
        if not line.endswith("\n"):
            yield Record(stream.number)
        elif line.startswith("ITEM:"):
            stream.put_back(line)
            yield _record(source, stream)
        elif line.strip():
            raise source.error(
                f"{source.path}, line {stream.number} is {line.strip()[:60]!r}, where a frame should begin with "
                "ITEM: TIMESTEP; this line and what follows are not read"
            )


def _record(source, stream):
    """Read one record; the next one begins where it ends, even if it is spoilt."""
    record = Record(stream.number + 1)
    while record.state == TRUNCATED:
        line = stream.next()
        if not line.endswith("\n"):
            return record
        if line.startswith("ITEM: TIMESTEP") and record.step is not None:
            stream.put_back(line)
            record.state = SPOILT
        elif line.startswith("ITEM: ATOMS"):
            _atoms(stream, record, line)
        elif line.startswith("ITEM: "):
            _section(source, stream, record, line)
        elif line.strip():
            _spoil(stream, record, line)
    return record


def _spoil(stream, record, line):
    """Mark a record as spoilt and move to the line with which the next one begins."""
    record.state = SPOILT
    while line and not line.startswith(("ITEM: TIMESTEP", "ITEM: UNITS", "ITEM: TIME")):
        line = stream.next()
    stream.put_back(line)


def _section(source, stream, record, line):
    """Read a section before ITEM: ATOMS."""
    if "abc" in line and "BOX BOUNDS" in line:
        raise source.error(f"{source.path} holds a general triclinic box; write the dump without `triclinic/general`")
    count = 3 if line.startswith("ITEM: BOX BOUNDS") else 1
    rows = [stream.next() for _ in range(count)]
    if not all(row.endswith("\n") for row in rows):
        return
    text = rows[0].strip()
    if line.startswith("ITEM: BOX BOUNDS"):
        record.flags, record.box = line.split()[3:], [row.split() for row in rows]
        if {len(row) for row in record.box} != {3 if "xy" in record.flags else 2}:
            _spoil(stream, record, rows[-1])
    elif line.startswith(("ITEM: TIMESTEP", "ITEM: NUMBER OF ATOMS")):
        if not text.isdigit():
            _spoil(stream, record, rows[-1])
        elif line.startswith("ITEM: TIMESTEP"):
            record.step = int(text)
        else:
            record.n_atoms = int(text)
    elif line.startswith("ITEM: TIME"):
        record.time = float(numbers([text])[0])
    elif line.startswith("ITEM: UNITS"):
        record.units = text


def _atoms(stream, record, line):
    """Read the rows of the atoms, sorted by their id if the dump has it."""
    record.columns, rows = line.split()[2:], []
    for _ in range(record.n_atoms):
        row = stream.next()
        if not row.endswith("\n"):
            return
        words = row.split()
        if len(words) != len(record.columns):
            _spoil(stream, record, row)
            return
        rows.append(words)
    if not rows or record.step is None or not record.box:
        record.state = SPOILT
        return
    record.rows, record.state = rows, COMPLETE
