"""Quantum ESPRESSO: the output of pw.x and the files PREFIX.pos, .for, .cel, .evp of cp.x.

The forces are the derivatives of the total energy of pw.x, which is the free energy if there is smearing. pw.x prints
the pressure tensor, positive under compression. The pressure tensor of cp.x is not read: it includes the motion of the
atoms, and the velocities in .vel remove that contribution only to within 5 %, because they belong to another time
within the step.
"""

import re

import numpy as np
from ase.data import atomic_numbers

from gapglass.base import units
from gapglass.frames.readers.opening import bare_name, beside, lines, open_bytes, present
from gapglass.frames.readers.records import Format, RawFrame, built, elements, given_cell, listed_species
from gapglass.frames.readers.sections import common_steps, index_sections, section_at

KIND = "free_energy"
NUMBER = r"[-+]?\d*\.?\d+(?:[EeDd][-+]?\d+)?"


def pw_frames(source):
    """Yield the ionic steps of a pw.x output (scf, md, vc-md, relax); further runs may have been appended to it.

    The positions that pw.x prints after the forces are those of the next step.
    """
    structure = _PwStructure(source)
    pending = energy = time_step = None
    started = finished = 0
    stream = lines(source.path)
    for line in stream:
        if structure.reads(line, stream):
            continue
        if "Time step" in line and "femto" in line:
            time_step = float(re.search(rf"({NUMBER})\s*femto", line).group(1))
        elif "Self-consistent Calculation" in line:
            if pending is not None:
                yield _pw_timed(pending, time_step)
            started += 1
            pending = energy = None
        elif line.startswith("!") and "total energy" in line:
            energy = float(re.search(rf"=\s*({NUMBER})\s*Ry", line).group(1))
        elif "Forces acting on atoms" in line and energy is not None:
            forces = _pw_forces(stream, len(structure.symbols))
            if forces is not None:
                energies = {KIND: float(units.energy(energy, "Ry"))}
                pending = RawFrame(structure.atoms(), energies=energies, forces=forces)
                finished += 1
        elif pending is not None:
            _pw_complete(pending, line, stream)
    if pending is not None:
        yield _pw_timed(pending, time_step)
    if started > finished:
        source.dropped["steps without energy and forces (not finished, or tprnfor not set)"] += started - finished


class _PwStructure:
    """Species, positions and cell (Å) at the current line of a pw.x output."""

    def __init__(self, source):
        self.source = source
        self.symbols = self.places = self.cell = self.alat = None

    def atoms(self):
        return built(self.symbols, self.places, self.cell)

    def reads(self, line, stream):
        """Return whether a line belongs to the structure; if so, read it and the lines that follow it."""
        if "lattice parameter (alat)" in line:
            self.alat = units.length(float(re.search(rf"=\s*({NUMBER})", line).group(1)), "Bohr")
        elif "crystal axes: (cart. coord. in units of alat)" in line:
            rows = [re.findall(NUMBER, next(stream, "").rpartition("(")[2]) for _ in range(3)]
            if all(len(row) == 3 for row in rows):
                self.cell = self.alat * np.array(rows, float)
        elif "positions (alat units)" in line:
            self.symbols, self.places = _pw_start(self.source, stream, self.alat)
        elif line.startswith("CELL_PARAMETERS"):
            rows = [next(stream, "").split() for _ in range(3)]
            if all(len(row) == 3 for row in rows):
                self.cell = _pw_cell(line, rows, self.alat)
        elif line.startswith("ATOMIC_POSITIONS") and self.symbols is not None:
            rows = [next(stream, "").split() for _ in self.symbols]
            if all(len(row) >= 4 for row in rows):
                numbers = np.array([row[1:4] for row in rows], float)
                self.places = _pw_positions(line, numbers, self.cell, self.alat)
        else:
            return False
        return True


def _pw_complete(frame, line, stream):
    """Add to a frame what pw.x prints after its forces: virial, step, time and temperature."""
    if "total   stress" in line:
        rows = [next(stream, "").split()[:3] for _ in range(3)]
        if all(len(row) == 3 for row in rows):
            volume = abs(np.linalg.det(frame.atoms.cell))
            frame.virial = units.virial_from_pressure(np.array(rows, float), volume, "Ry/Bohr^3")
    elif "Entering Dynamics" in line:
        frame.step = int(re.search(r"(?:it|iteration)\s*=\s*(\d+)", line).group(1)) - 1
        if found := re.search(rf"time\s*=\s*({NUMBER})\s*pico", line):  # vc-md
            frame.time_fs = float(units.time(float(found.group(1)), "ps"))
    elif found := re.match(rf"\s*temperature\s*=\s*({NUMBER})\s*K", line):
        frame.temperature_k = float(found.group(1))


def _pw_timed(frame, time_step):
    if frame.time_fs is None and frame.step is not None and time_step is not None:
        frame.time_fs = frame.step * time_step
    return frame


def _pw_start(source, stream, alat):
    """Return symbols and positions (Å) from the list of atoms at the head of a run."""
    rows = []
    for line in stream:
        found = re.match(rf"\s*\d+\s+(\S+)\s+tau\(\s*\d+\)\s*=\s*\(\s*({NUMBER})\s+({NUMBER})\s+({NUMBER})", line)
        if not found:
            break
        rows.append(found.groups())
    symbols = elements(source, [_label(source, row[0]) for row in rows])
    return symbols, alat * np.array([row[1:] for row in rows], float)


def _label(source, label):
    """Return the element at the start of an atom label such as Si1 or Fe_up; a label in `species` stays as it is."""
    if isinstance(source.species, dict) and label in map(str, source.species):
        return label
    letters = re.match(r"[A-Za-z]*", label).group(0)
    return next((letters[:n].capitalize() for n in (2, 1) if letters[:n].capitalize() in atomic_numbers), label)


def _pw_forces(stream, n_atoms):
    rows = []
    for line in stream:
        found = re.search(rf"atom\s+\d+\s+type\s+\d+\s+force\s*=\s*({NUMBER})\s+({NUMBER})\s+({NUMBER})", line)
        if found:
            rows.append(found.groups())
        elif line.strip() or rows:
            return None  # The list is cut off, and this line belongs to another run.
        if len(rows) == n_atoms:
            return units.forces(np.array(rows, float), "Ry/Bohr")
    return None


def _pw_cell(line, rows, alat):
    numbers = np.array(rows, float)
    if found := re.search(rf"alat\s*=\s*({NUMBER})", line):
        return numbers * units.length(float(found.group(1)), "Bohr")
    if "bohr" in line.lower():
        return units.length(numbers, "Bohr")
    return numbers if "angstrom" in line.lower() else numbers * alat


def _pw_positions(line, numbers, cell, alat):
    kind = line.lower()
    if "crystal" in kind:
        return numbers @ cell
    if "bohr" in kind:
        return units.length(numbers, "Bohr")
    return numbers if "angstrom" in kind else numbers * alat


def cp_companions(path):
    """Return the files that cp.x writes beside PREFIX.pos."""
    name = bare_name(path)
    if not name.endswith(".pos"):
        return {}
    prefix = name.removesuffix(".pos")
    return present(
        forces=beside(path, f"{prefix}.for"),
        energies=beside(path, f"{prefix}.evp"),
        cell=beside(path, f"{prefix}.cel"),
    )


def _opens(line, current):
    words = line.split()
    return int(words[0]) if len(words) == 2 else None


def _indexed(source, path, what):
    stream = open_bytes(path)
    sections, repeated, truncated = index_sections(stream, _opens)
    if truncated:
        source.dropped[f"truncated blocks of the {what}"] += truncated
    if repeated and what == "positions":
        source.dropped[f"{what} of a step that a restart wrote again"] += repeated
    return stream, sections


def _time_and_numbers(stream, section):
    """Return (time in ps, rows of numbers) of a section of cp.x."""
    (_, time), *rows = section_at(stream, section)
    return float(time), np.array(rows, float)


def _evp(path):
    """Return step -> {column: value}; the file names its columns."""
    names, rows = None, {}
    for line in lines(path):
        if line.startswith("#"):
            names = [name.split("(")[0] for name in line.lstrip("# ").split()]
            continue
        words = line.split()
        if names and len(words) > 5:
            # The header may end with EXX and EVDW, which the rows lack.
            rows[int(words[0])] = dict(zip(names, map(float, words), strict=False))
    return rows


def cp_frames(source):
    """Yield the steps that all files of a cp.x run have."""
    streams, tables = {}, {}
    paths = {"positions": source.path} | source.companions
    for what, plural in (("positions", "positions"), ("forces", "forces"), ("cell", "cells")):
        if what in paths:
            streams[what], tables[what] = _indexed(source, paths[what], plural)
    if "energies" in source.companions:
        tables["energies"] = _evp(source.companions["energies"])
    cell, symbols = given_cell(source), None
    for step in common_steps(source, **tables):
        time, places = _time_and_numbers(streams["positions"], tables["positions"][step])
        if symbols is None:
            symbols = listed_species(
                source, len(places), f"{source.path} names no species, and cp.x may order the atoms by species"
            )
        if "cell" in tables:
            # cp.x writes the lattice vectors as columns.
            cell = units.length(_time_and_numbers(streams["cell"], tables["cell"][step])[1].T, "Bohr")
        frame = RawFrame(
            built(symbols, units.length(places, "Bohr"), cell), step=step, time_fs=float(units.time(time, "ps"))
        )
        if "energies" in tables:
            row = tables["energies"][step]
            frame.energies[KIND] = float(units.energy(row["etot"], "Hartree"))
            frame.temperature_k = row.get("Tion")
        if "forces" in tables:
            _, numbers = _time_and_numbers(streams["forces"], tables["forces"][step])
            frame.forces = units.forces(numbers, "Hartree/Bohr")
        yield frame


def recognises_cp(name, head):
    """Return whether a file is PREFIX.pos of cp.x, by its name and a first line of step and time."""
    return name.endswith(".pos") and re.match(rf"\s*\d+\s+{NUMBER}\s*\n", head) is not None


FORMATS = (
    Format(
        "espresso_pw",
        family="Quantum ESPRESSO",
        title="Quantum ESPRESSO pw.x output",
        frames=pw_frames,
        recognises=lambda name, head: "Program PWSCF" in head,
        options=("species",),
        labels_from="a pw.x output with forces (tprnfor)",
    ),
    Format(
        "espresso_cp",
        family="Quantum ESPRESSO",
        title="Quantum ESPRESSO cp.x PREFIX.pos and its companions",
        frames=cp_frames,
        recognises=recognises_cp,
        companions=cp_companions,
        accepts=("forces", "energies", "cell"),
        options=("companions", "species", "cell"),
        labels_from="PREFIX.for (tprnfor) and PREFIX.evp",
    ),
)
