"""The head of VASP's OUTCAR: species, numbers of atoms and settings, which it states more than once."""

import re

import numpy as np

from gapglass.frames.readers import twice
from gapglass.frames.readers.records import elements, listed_species
from gapglass.frames.readers.text import leading_numbers
from gapglass.frames.readers.vasp_common import functional, k_points, potcar_element, smearing

NUMBER = r"([-+]?[\d.]+(?:[EeDd][-+]?\d+)?)"
# Lines of the head: name -> pattern with the value. A later line replaces an earlier one, such as the user's INCAR.
HEAD = {
    "NIONS": re.compile(r"number of ions\s+NIONS\s*=\s*(\d+)"),
    "POTIM": re.compile(rf"\bPOTIM\s*=\s*{NUMBER}"),
    "IBRION": re.compile(r"\bIBRION\s*=\s*(-?\d+)"),
    "NSW": re.compile(r"\bNSW\s*=\s*(\d+)"),
    "NELM": re.compile(r"\bNELM\s*=\s*(\d+)"),
    "ENCUT": re.compile(rf"^\s*ENCUT\s*=\s*{NUMBER}\s*eV"),
    "EDIFF": re.compile(rf"^\s*EDIFF\s*=\s*{NUMBER}"),
    "ISMEAR": re.compile(r"\bISMEAR\s*=\s*(-?\d+)"),
    "SIGMA": re.compile(rf"\bSIGMA\s*=\s*{NUMBER}"),
    "GGA": re.compile(r"^\s*GGA\s*=\s*(\S+)\s+GGA type"),
    "METAGGA": re.compile(r"^\s*METAGGA\s*=\s*(\S+)"),
    "LHFCALC": re.compile(r"^\s*LHFCALC\s*=\s*\.?([TF])"),
    "HFSCREEN": re.compile(rf"^\s*HFSCREEN\s*=\s*{NUMBER}"),
    "IVDW": re.compile(r"^\s*IVDW\s*=\s*(\d+)"),
    "LDAU": re.compile(r"^\s*LDAU\s*=\s*\.?([TF])"),
    "grid": re.compile(r"generate k-points for:\s*(\d+\s+\d+\s+\d+)"),
    "NKPTS": re.compile(r"\bNKPTS\s*=\s*(\d+)"),
}


class Run:
    """Species and settings at the head of an OUTCAR, and the cell (Å) at the current line."""

    def __init__(self, source, line):
        found = re.match(r"\s*vasp\.(\S+)", line)
        self.source, self.version = source, found.group(1) if found else ""
        self.titles, self.hrfins, self.masses, self.listed, self.counts = [], [], [], [], []
        self.values, self.volume, self.cell, self.known_symbols = {}, None, None, None
        self.in_head, self.ended = True, False

    def reads(self, line, stream):
        """Return whether a line belongs to the head or the cell; if so, read it and the lines that follow it."""
        if "direct lattice vectors" in line:
            rows = [leading_numbers(next(stream, ""), 3) for _ in range(3)]
            self.cell = None if None in rows else np.array(rows)
            if self.cell is not None:
                twice.check_volume(self.cell, self.volume, stream.error)
            self.volume = None
        elif "volume of cell" in line:
            found = leading_numbers(line.partition(":")[2], 1)
            self.volume = found[0] if found else None
        elif "General timing and accounting" in line:
            self.ended = True
        elif self.in_head and "-- Iteration" not in line:
            return self._reads_head(line, stream)
        else:
            self.in_head = False
            return False
        return True

    def _reads_head(self, line, stream):
        if "TITEL" in line and len(words := line.partition("=")[2].split()) > 0:
            self.titles.append(" ".join(words))
        elif "VRHFIN" in line:
            self.hrfins.append(line.partition("=")[2].partition(":")[0].strip())
        elif (found := re.search(r"POMASS\s*=\s*([\d.]+)\s*;\s*ZVAL", line)) is not None:
            self.masses.append(float(found.group(1)))
        elif line.startswith(" POTCAR:") and len(words := line.split()[1:]) > 1:
            self.listed.append(" ".join(words))
        elif "ions per type" in line:
            self.counts = _counts(line.partition("=")[2], stream)
        elif "=" in line or "generate" in line:
            found = {name: match.group(1) for name, of in HEAD.items() if (match := of.search(line))}
            self.values |= found
            return bool(found)
        else:
            return False
        return True

    @property
    def n_atoms(self):
        """Number of atoms by NIONS, or by the ions per type if NIONS is absent."""
        return int(self.values.get("NIONS", sum(self.counts)))

    def symbols(self):
        """Return the chemical symbols of all atoms; the first call compares what the head states twice."""
        if self.known_symbols is None:
            titles = self.titles or self.listed[: len(self.listed) // _repeats(self.listed)]
            self.known_symbols = self._symbols(titles)
            _state_settings(self.source, self, titles)
        return self.known_symbols

    def _symbols(self, titles):
        source, counts, given = self.source, self.counts, isinstance(self.source.species, str | list)
        self._check_vrhfin()
        if sum(counts) != self.n_atoms or len(counts) != len(titles):
            head = f"{source.path} has {self.n_atoms} ions (NIONS), {sum(counts)} ions in its ions per type, and"
            if given:
                return listed_species(source, self.n_atoms, "")
            if len(titles) != len(counts) + 1 or sum(counts) >= self.n_atoms:
                raise source.error(
                    f"{head} names {len(titles)} POTCARs for {len(counts)} types; VASP cuts the line of the ions per "
                    "type after ten, or the head is not complete. Read the vasprun.xml of the run instead, or give "
                    f"the atoms in the order of the file, for example `species: {_example(titles)}`"
                )
            source.note(
                f"{head} names {len(titles)} POTCARs: the missing {self.n_atoms - sum(counts)} ions are of the last, "
                f"{titles[-1]}"
            )
            counts = [*counts, self.n_atoms - sum(counts)]
        names = [potcar_element(source, title) for title in titles]
        symbols = elements(source, [name for name, n in zip(names, counts, strict=True) for _ in range(n)])
        if given and listed_species(source, len(symbols), "") != symbols:
            raise source.error(f"`species` names other atoms than {source.path}, which has {counts} of {names}")
        if len(self.masses) == len(names):
            twice.check_masses(source, zip(elements(source, names), self.masses, strict=True))
        return symbols

    def _check_vrhfin(self):
        """Refuse a POTCAR whose title and VRHFIN name two elements; VRHFIN is misspelt in some (r for Zr)."""
        for title, name in zip(self.titles, self.hrfins, strict=False):
            stated, other = potcar_element(self.source, title), twice.element_of(name)
            if twice.element_of(stated) and other == name and other != twice.element_of(stated):
                raise self.source.error(
                    f"{self.source.path} has a POTCAR with the title {title!r} and VRHFIN = {name}: two elements"
                )


def _repeats(listed):
    """Return 2 if the list of POTCARs is printed twice, as VASP does, else 1."""
    half = len(listed) // 2
    return 2 if half and listed[:half] == listed[half:] else 1


def _example(titles):
    return "".join(f"{twice.element_of([*title.split(), '', ''][1]) or 'X'}8" for title in titles[:3]) + "..."


def _counts(text, stream):
    """Return the ions per type; the list may go on in the next lines."""
    counts = [int(word) for word in text.split() if word.isdigit()]
    for line in stream:
        words = line.split()
        if not words or not all(word.isdigit() for word in words):
            stream.back(line)
            break
        counts += map(int, words)
    return counts


def _state_settings(source, run, titles):
    values = run.values
    twice.state(
        source,
        code="VASP",
        version=run.version,
        functional=functional(values, titles),
        cutoff_ev=float(values["ENCUT"]) if "ENCUT" in values else None,
        k_points=k_points(values.get("grid"), int(values["NKPTS"]) if "NKPTS" in values else None),
        pseudopotentials=", ".join(titles),
        scf_threshold_ev=float(values["EDIFF"].replace("D", "E")) if "EDIFF" in values else None,
        smearing=smearing(values),
    )
