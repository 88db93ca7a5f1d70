"""VASP's XDATCAR and ML_AB: lists of configurations, in which every line has a meaning."""

import re

import numpy as np

from gapglass.base import units
from gapglass.frames.readers import twice
from gapglass.frames.readers.records import RawFrame, built, elements, listed_species
from gapglass.frames.readers.text import Lines, leading_numbers
from gapglass.frames.readers.vasp_common import TRUNCATED, VASP_ORDER, named_element

HEADING = re.compile(r"\s*(Direct|Cartesian) configuration=\s*(\S*)\s*$")
LONGEST_HEADER = 7  # title, scale, three vectors, names, numbers
SPOILT = "steps whose positions or labels are not numbers"


def xdatcar_frames(source):
    """Yield the configurations of an XDATCAR, with a fixed or changing cell; they have no labels."""
    header, stream = [], Lines(source)
    cell = symbols = None
    for line in stream:
        found = HEADING.match(line)
        if not found:
            header += [line] if line.strip() else []
            if len(header) > LONGEST_HEADER:
                raise stream.error(f"{line.strip()!r} belongs to no configuration; more atoms than the header states?")
            continue
        if header:
            cell, symbols = _xdatcar_header(stream, header)
        header = []
        if symbols is None:
            raise stream.error("a configuration without the cell and the numbers of atoms before it")
        rows, complete = _xdatcar_rows(stream, len(symbols))
        if not complete:
            source.dropped[TRUNCATED] += 1
        elif None in rows:
            source.dropped[SPOILT] += 1
        else:
            positions = np.array(rows) @ cell if found.group(1) == "Direct" else np.array(rows)
            number = found.group(2)
            yield RawFrame(built(symbols, positions, cell), step=int(number) if number.isdigit() else None)
    if header:
        source.dropped[TRUNCATED] += 1


def _xdatcar_rows(stream, n_atoms):
    """Return the positions of a configuration, None for a row with asterisks or NaN, and whether there are enough.

    A killed run leaves too few; the line that stands in their place is read as the next header or heading.
    """
    rows = []
    while len(rows) < n_atoms:
        line = next(stream, None)
        numbers = None if line is None else leading_numbers(line, 3)
        if line is None:
            return rows, False
        if numbers is None and not re.search(r"\*|nan|inf", line, re.IGNORECASE):
            stream.back(line)
            return rows, False
        rows.append(numbers)
    return rows, True


def _xdatcar_header(stream, header):
    """Return cell (Å) and symbols. After a title, the header has six lines, or five without names (VASP 4)."""
    source = stream.source
    named = len(header) > 1 and not header[-2].split()[0][0].isdigit() and leading_numbers(header[-2], 3) is None
    body = header[-6:] if named else header[-5:]
    vectors = [leading_numbers(row, 3) for row in body[1:4]]
    scale = leading_numbers(body[0], 1) if len(body[0].split()) == 1 else None
    counts = [int(word) if word.isdigit() else 0 for word in body[-1].split()]
    if len(body) < 5 + named or scale is None or None in vectors or not all(counts):
        raise stream.error("the header before this line is not scale, three cell vectors, names and numbers of atoms")
    cell, scale = np.array(vectors), scale[0]
    cell *= scale if scale > 0 else (-scale / abs(np.linalg.det(cell))) ** (1 / 3)
    if not named:
        return cell, listed_species(source, sum(counts), f"{source.path} names no species")
    names = [named_element(source, name) for name in body[4].split()]
    if len(names) != len(counts):
        raise stream.error(f"the header before this line has {len(names)} names of species and {len(counts)} numbers")
    return cell, elements(source, [name for name, count in zip(names, counts, strict=True) for _ in range(count)])


class _Configuration:
    """The sections of one configuration of an ML_AB: title -> [(number of the line, its words)]."""

    def __init__(self, number, line):
        self.number, self.line, self.sections = number, line, {}

    def words(self, title):
        """Return the words of the lines of a section."""
        return [words for _, words in self.sections[title]]

    def where(self, title):
        """Return the first line of a section."""
        return self.sections[title][0][0]


def ml_ab_frames(source):
    """Yield the configurations of an ML_AB or ML_ABN, the training frames of an on-the-fly force field."""
    stream, head, current, done = Lines(source), _Configuration(0, 1), None, 0
    title, content, in_data = "", [], False
    current = head
    for line in stream:
        text = line.strip()
        if text.startswith(("====", "****")):
            if title:
                current.sections[title] = content
            title, content, in_data = "", [], False
        elif text.startswith("----"):
            in_data = True
        elif text.startswith("Configuration num."):
            yield from _ml_ab_frame(stream, head, current)
            done += 1
            current = _Configuration(done, stream.number)
        elif not in_data:
            title = text or title
        elif text:
            content.append((stream.number, text.split()))
    if title:
        current.sections[title] = content
    yield from _ml_ab_end(stream, head, current)
    stated = head.sections.get("The number of configurations") or [(0, ["?"])]
    stated = stated[0][1][0]
    if stated.isdigit() and done != int(stated):
        source.note(f"{source.path.name} states {stated} configurations and has {done}; it is cut off or was edited")


def _ml_ab_end(stream, head, current):
    """Yield the last configuration, or count it as truncated."""
    complete = {"Atom types and atom numbers", "Primitive lattice vectors (ang.)", "Atomic positions (ang.)"}
    complete |= {"Total energy (eV)", "Forces (eV ang.^-1)", "Stress (kbar)"}
    if current is head:
        return
    stress = current.sections.get("Stress (kbar)", [])
    try:
        whole = complete <= set(current.sections) and [len(words) for _, words in stress] == [3, 3, 3, 3]
        n_atoms = sum(int(words[1]) for words in current.words("Atom types and atom numbers")) if whole else 0
        whole = whole and len(current.words("Forces (eV ang.^-1)")) == n_atoms
    except (ValueError, IndexError):
        whole = False
    if whole:
        yield from _ml_ab_frame(stream, head, current)
    else:
        stream.source.dropped[TRUNCATED] += 1


def _ml_ab_frame(stream, head, current):
    """Yield the frame of a configuration; one with numbers that cannot be read is left out and counted."""
    source = stream.source
    if current is head:
        _ml_ab_head(source, head)
        return
    try:
        rows = current.words("Atom types and atom numbers")
        names = [named_element(source, words[0]) for words in rows for _ in range(int(words[1]))]
        cell = np.array(current.words("Primitive lattice vectors (ang.)"), float)
        forces = np.array(current.words("Forces (eV ang.^-1)"), float)
        positions = np.array(current.words("Atomic positions (ang.)"), float)
        energy = float(current.words("Total energy (eV)")[0][0])
        virial = _ml_ab_virial(current, cell)
    except KeyError as error:
        raise stream.error(f"configuration {current.number} has no section {error}", current.line) from error
    except (ValueError, IndexError):
        source.dropped[SPOILT] += 1
        return
    _check_ml_ab_counts(stream, current, names, (positions, forces))
    # The file does not state the kind of this energy.
    frame = RawFrame(built(elements(source, names), positions, cell), {"energy": energy}, forces, virial)
    yield frame


def _ml_ab_virial(current, cell):
    """Return the virial (eV), None if a file has no stress."""
    if "Stress (kbar)" not in current.sections:
        return None
    diagonal, off_diagonal = (words for words in current.words("Stress (kbar)") if words[0] not in ("XX", "XY"))
    pressure = units.tensor([float(word) for word in diagonal + off_diagonal], VASP_ORDER)
    return units.virial_from_pressure(pressure, abs(np.linalg.det(cell)), "kbar")


def _ml_ab_head(source, head):
    """Compare the masses at the head with those of the elements, if it states both."""
    types = [name for _, words in head.sections.get("The atom types in the data file", []) for name in words]
    words = [word for _, words in head.sections.get("Atomic mass", []) for word in words]
    masses = leading_numbers(" ".join(words), len(types)) if types else None
    if masses and len(words) == len(types):
        names = elements(source, [named_element(source, name) for name in types])
        twice.check_masses(source, zip(names, masses, strict=True))


def _check_ml_ab_counts(stream, current, names, tables):
    """Refuse a configuration whose number of atoms, types, positions and forces do not agree."""
    stated = current.sections.get("The number of atoms")
    counts = {"atoms by type": len(names), "positions": len(tables[0]), "forces": len(tables[1])}
    if stated:
        counts["atoms"] = int(stated[0][1][0])
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{n} {what}" for what, n in counts.items())
        raise stream.error(f"configuration {current.number} states {found}", current.line)
    types, rows = current.sections.get("The number of atom types"), current.words("Atom types and atom numbers")
    if types and int(types[0][1][0]) != len(rows):
        raise stream.error(
            f"configuration {current.number} states {types[0][1][0]} types of atoms and lists {len(rows)}",
            current.line,
        )
