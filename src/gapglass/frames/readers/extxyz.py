"""Extended XYZ, with the keys of ASE, with REF_* keys, or with any keys that the configuration declares."""

import io
import re

from gapglass.frames.readers.families import declared_or_chosen
from gapglass.frames.readers.opening import COMPRESSED
from gapglass.frames.readers.records import Format

_PAIR = re.compile(r"(?:^|\s)([\w.\-]+)\s*=\s*(\"(?:\\.|[^\"\\])*\"|'[^']*'|\{[^}]*\}|\[[^\]]*\]|\S*)")


def frames(source):
    """Yield the frames of an extended XYZ file."""
    from ase.io import read

    for line, text, faults in records(source.path):
        try:
            frame = declared_or_chosen(source, read(io.StringIO(text), format="extxyz"))
        except (ValueError, OSError, IndexError) as error:  # what ASE raises on a record that it cannot read
            raise ValueError(f"the record in line {line}: {error}") from error
        frame.faults += faults
        yield frame


def records(path):
    """Yield (number of its first line, text, faults) of every record of a file.

    Lines without content between two records are skipped. ``faults`` are reasons to reject the frame: a key of the
    comment line that stands twice with different values, and columns that contradict each other.

    Raises
    ------
    ValueError
        For a line that belongs to no record, and for a record that is cut or has other columns than it states.
    """
    opener = COMPRESSED.get(path.suffix, open)
    with opener(path, "rt", encoding="utf-8") as stream:
        numbered = enumerate(stream, 1)
        item = next(numbered, None)
        while item is not None:
            start, line = item
            if not line.strip():
                _refuse_cut(start, line)
                item = next(numbered, None)
                continue
            lines = _record(start, line, numbered)
            # The lines VEC1 to VEC3 with a cell may follow a record.
            cell_lines = []
            while (item := next(numbered, None)) is not None and item[1].lstrip().startswith("VEC"):
                _refuse_cut(*item)
                cell_lines.append(item[1])
            yield start, "".join(lines + cell_lines), _faults(start, lines)


def _record(start, line, numbered):
    """Return the lines of the record that begins with ``line``."""
    if not line.strip().isdigit():
        raise ValueError(
            f"line {start} is {line.strip()[:60]!r}, where the number of atoms of the next frame should stand"
        )
    lines = [line]
    for number, following in numbered:
        lines.append(following)
        if len(lines) == int(line) + 2:
            _refuse_cut(number, following)
            return lines
    raise ValueError(
        f"line {start} announces {int(line)} atoms, and the file ends after {start + len(lines) - 1} lines"
    )


def _refuse_cut(number, line):
    if not line.endswith("\n"):
        raise ValueError(
            f"line {number}, the last, has no line feed, so it may be cut; if the file is complete, append a line feed"
        )


def _faults(start, lines):
    """Return the contradictions within a record; raise ``ValueError`` where a line has not the stated columns."""
    pairs, faults = {}, []
    for key, value in _PAIR.findall(lines[1]):
        if pairs.setdefault(key, value) != value:
            faults.append(f"the key {key} stands twice, as {pairs[key]} and as {value}")
    words = pairs.get("Properties", "").strip("\"'").split(":")
    if len(words) < 3 or len(words) % 3 or not all(word.isdigit() for word in words[2::3]):
        return faults
    widths = list(map(int, words[2::3]))
    n_columns = sum(widths)
    for number, line in enumerate(lines[2:], start + 2):
        if len(line.split()) != n_columns:
            raise ValueError(f"line {number} has {len(line.split())} columns, Properties states {n_columns}")
    places = {name: sum(widths[:index]) for index, name in enumerate(words[::3])}
    if {"species", "Z"} <= set(places):
        faults += _species_fault(lines[2:], places["species"], places["Z"])
    return faults


def _species_fault(lines, symbol, number):
    """Return a fault if the columns with the symbol and the number of the elements name different elements."""
    from ase.data import atomic_numbers

    for atom, words in enumerate(map(str.split, lines)):
        if str(atomic_numbers.get(words[symbol].capitalize())) != words[number]:
            return [f"atom {atom} is {words[symbol]} by its species, and has the atomic number Z = {words[number]}"]
    return []


def recognises(name, head):
    """Return whether a file may be extended XYZ, by its suffix or by a first line with a number of atoms."""
    return name.endswith((".extxyz", ".xyz")) or head.split("\n")[0].strip().isdigit()


FORMATS = (
    Format(
        "extxyz",
        family="converted",
        title="extended XYZ",
        frames=frames,
        recognises=recognises,
        options=("keys", "key_units"),
        labels_from=(
            "REF_energy and REF_forces, or energy and forces in ASE's calculator, or the names given in `keys`"
        ),
    ),
)
