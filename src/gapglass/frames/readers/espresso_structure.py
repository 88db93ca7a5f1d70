"""Species, positions and cell in the output of Quantum ESPRESSO's pw.x."""

import re

import numpy as np
from ase.data import atomic_numbers

from gapglass.base import units
from gapglass.frames.readers import twice
from gapglass.frames.readers.records import built, elements
from gapglass.frames.readers.text import leading_numbers

NUMBER = r"[-+]?\d*\.?\d+(?:[EeDd][-+]?\d+)?"
BOHR3_ANGSTROM3 = float(units.length(1.0, "Bohr")) ** 3
TAU = re.compile(rf"\s*[\d*]+\s+(\S+)\s+tau\([\s\d*]+\)\s*=\s*\(\s*({NUMBER})\s+({NUMBER})\s+({NUMBER})")


class PwStructure:
    """Species, positions and cell (Å) at the current line of a pw.x output.

    ``labels`` are the names of the atoms and ``masses`` those of the types in their order. ``places`` or ``cell`` are
    None after a list with numbers that cannot be read.
    """

    def __init__(self, stream):
        self.stream, self.source = stream, stream.source
        self.symbols = self.labels = self.places = self.cell = self.alat = self.volume = None
        self.masses, self.stated = {}, {}

    def atoms(self, periodic=True):
        """Return the atoms, None if a position or the cell could not be read."""
        if self.places is None or self.cell is None:
            return None
        atoms = built(self.symbols, self.places, self.cell)
        atoms.pbc = periodic
        return atoms

    def reads(self, line):
        """Return whether a line belongs to the structure; if so, read it and the lines that follow it."""
        if "lattice parameter (alat)" in line:
            self.alat = self._length(line)
        elif "celldm(1)=" in line and self.alat is not None:
            self._check_alat(line)
        elif "number of atoms/cell" in line or "number of atomic types" in line:
            self._reads_count(line)
        elif "unit-cell volume" in line and (found := re.search(rf"=\s*({NUMBER})\s*\(?a\.u\.", line)):
            self.volume = float(found.group(1)) * BOHR3_ANGSTROM3
        elif "crystal axes: (cart. coord. in units of alat)" in line:
            rows = [leading_numbers(next(self.stream, "").rpartition("(")[2], 3) for _ in range(3)]
            self._set_cell(rows, lambda numbers: self.alat * numbers)
        elif "atomic species   valence" in line:
            self._reads_types()
        elif "positions (alat units)" in line:
            self._reads_start()
        elif line.startswith("CELL_PARAMETERS"):
            rows = [leading_numbers(next(self.stream, ""), 3) for _ in range(3)]
            self._set_cell(rows, lambda numbers: _cell(line, numbers, self.alat))
        elif line.startswith("ATOMIC_POSITIONS") and self.symbols is not None:
            self._reads_positions(line)
        else:
            return False
        return True

    def _length(self, line):
        found = re.search(rf"=\s*({NUMBER})", line)
        return None if found is None else float(units.length(float(found.group(1)), "Bohr"))

    def _check_alat(self, line):
        other = self._length(line)
        # celldm(1) is 0 where the cell is given by its vectors in some versions.
        if other and abs(other - self.alat) > 1e-3 * self.alat:
            raise self.stream.error(f"alat is {self.alat:.6f} Å by its own line and {other:.6f} Å by celldm(1)")

    def _reads_count(self, line):
        if (found := re.search(r"=\s*(\d+)", line)) is not None:
            self.stated["atoms" if "atoms/cell" in line else "types"] = int(found.group(1))

    def _set_cell(self, rows, convert):
        self.cell = None if None in rows else convert(np.array(rows))
        if self.cell is not None:
            twice.check_volume(self.cell, self.volume, self.stream.error)
        self.volume = None

    def _reads_types(self):
        """Read name and mass of each type of atom, and compare the masses with those of the elements."""
        self.masses = {}
        for line in self.stream:
            found = re.match(rf"\s+(\S+)\s+{NUMBER}\s+({NUMBER})\s+\S+", line)
            if not found:
                self.stream.back(line)
                break
            self.masses[found.group(1)] = float(found.group(2))
        if len(self.masses) != self.stated.get("types", len(self.masses)):
            raise self.stream.error(
                f"{len(self.masses)} types of atoms are listed, but {self.stated['types']} are stated"
            )
        names = [label_element(self.source, name) for name in self.masses]
        twice.check_masses(self.source, zip(elements(self.source, names), self.masses.values(), strict=True))

    def _reads_start(self):
        """Read labels and positions from the list of atoms at the head of a run."""
        rows = []
        for line in self.stream:
            found = TAU.match(line)
            if not found:
                self.stream.back(line)
                break
            rows.append(found.groups())
        if len(rows) != self.stated.get("atoms", len(rows)):
            raise self.stream.error(
                f"{len(rows)} positions can be read before this line, but {self.stated['atoms']} atoms are stated"
            )
        self.labels = [row[0] for row in rows]
        self.symbols = elements(self.source, [label_element(self.source, label) for label in self.labels])
        self.places = self.alat * np.array([row[1:] for row in rows], float)

    def _reads_positions(self, heading):
        rows = []
        for line in self.stream:
            words = line.split()
            if len(words) < 4 or len(rows) == len(self.symbols):
                self.stream.back(line)
                if len(words) >= 4 and leading_numbers(" ".join(words[1:4]), 3):
                    raise self.stream.error(f"{line.strip()!r} is one position more than the {len(rows)} atoms stated")
                break
            rows.append((words[0], leading_numbers(" ".join(words[1:4]), 3)))
        numbers = [row[1] for row in rows]
        self.places = None
        if len(rows) < len(self.symbols) or None in numbers:
            return
        if [row[0] for row in rows] != self.labels:
            found = ", ".join(row[0] for row in rows[:5])
            raise self.stream.error(f"the positions are of {found}, ..., but the head of the run has other labels")
        if self.cell is not None:
            self.places = _positions(heading, np.array(numbers), self.cell, self.alat)


def label_element(source, label):
    """Return the element at the start of an atom label such as Si1 or Fe_up; a label in `species` stays as it is."""
    if isinstance(source.species, dict) and label in map(str, source.species):
        return label
    letters = re.match(r"[A-Za-z]*", label).group(0)
    return next((letters[:n].capitalize() for n in (2, 1) if letters[:n].capitalize() in atomic_numbers), label)


def _cell(line, numbers, alat):
    if found := re.search(rf"alat\s*=\s*({NUMBER})", line):
        return numbers * units.length(float(found.group(1)), "Bohr")
    if "bohr" in line.lower():
        return units.length(numbers, "Bohr")
    return numbers if "angstrom" in line.lower() else numbers * alat


def _positions(line, numbers, cell, alat):
    kind = line.lower()
    if "crystal" in kind:
        return numbers @ cell
    if "bohr" in kind:
        return units.length(numbers, "Bohr")
    return numbers if "angstrom" in kind else numbers * alat
