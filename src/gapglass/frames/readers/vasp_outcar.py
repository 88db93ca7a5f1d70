"""VASP's OUTCAR: the ionic steps, and the species and settings at its head.

VASP prints the pressure tensor in kB (kbar), positive under compression and without the kinetic contribution. Its
sections are recognised by their headings; a section that has begun and cannot be read makes its step one that is left
out and counted, or an error with the line.
"""

import re

import numpy as np

from gapglass.base import units
from gapglass.frames.readers import twice
from gapglass.frames.readers.records import RawFrame, built, elements, listed_species
from gapglass.frames.readers.text import Lines, leading_numbers
from gapglass.frames.readers.vasp_common import (
    CUT_FORCES,
    NOT_CONVERGED,
    TRUNCATED,
    VASP_ORDER,
    WITHOUT_FORCES,
    WITHOUT_SCF,
    functional,
    k_points,
    potcar_element,
    smearing,
)

ITERATION = re.compile(r"-- Iteration\s+[\d*]+\(\s*(\d+)\)")
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


def frames(source):
    """Yield the ionic steps of an OUTCAR, or of several that were joined."""
    steps = _Steps(source)
    for line in steps.stream:
        yield from steps.reads(line)
    yield from steps.ends()


class _Steps:
    """The steps of an OUTCAR, read line by line."""

    def __init__(self, source):
        self.source, self.stream = source, Lines(source)
        self.run, self.labels, self.pending = _Run(source, ""), {}, None
        self.steps_done = self.learned = self.n_frames = 0
        self.also_learned, self.after = False, {}

    def reads(self, line):
        """Read a line and those that belong to it, and yield the step before if a new one is complete."""
        if line.startswith(" vasp.") and re.match(r" vasp\.\d", line):
            yield from self.ends() if self.run.version else ()
            self.run = _Run(self.source, line)
        elif self.run.reads(line, self.stream) or _reads_label(line, self.stream, self.labels, self.run):
            return
        elif "ENERGY OF THE ELECTRON-ION-THERMOSTAT SYSTEM" in line:
            # This line ends every step of MD, also a step of the force field, which has no number.
            self.steps_done += 1
        elif "free  energy ML TOTEN" in line:
            self.learned += 1
            self.also_learned = True
        elif "energy(sigma->0)" in line and "free" in self.labels and "ML energy" not in line:
            yield from self._ends_step(line)
        elif self.pending is not None and self.pending.temperature_k is None:
            # What follows the temperature belongs to the next step, which a force field may predict.
            where = f"step {self.n_frames} of {self.source.path.name}"
            _complete(self.source, self.pending, line, self.after, where)

    def _ends_step(self, line):
        if self.pending is not None:
            yield self.pending
        self.n_frames += 1
        self.after = {}
        self.pending = _step(self.source, self.run, self.labels, line, (self.steps_done, self.n_frames))
        if self.pending is not None:
            # VASP first predicts a step that trains the force field, then computes it.
            self.learned -= self.also_learned
            self.also_learned = False
        self.labels = {}

    def ends(self):
        """Yield the last step, and count what is not complete at the end of the file or of a joined one."""
        if self.pending is not None:
            yield self.pending
        if {"rows", "free", "cut", "iterations"} & set(self.labels):
            self.source.dropped[TRUNCATED] += 1
        if self.learned:
            self.source.dropped[WITHOUT_SCF] += self.learned
        if not self.run.ended:
            planned = f" NSW is {self.run.values['NSW']}." if "NSW" in self.run.values else ""
            self.source.note(
                f"{self.source.path.name} has no timing summary at its end: the run was stopped or the file is cut "
                f"off.{planned}"
            )
        self.pending, self.labels, self.learned, self.also_learned = None, {}, 0, False


class _Run:
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
        """Refuse a POTCAR whose title and VRHFIN name two elements; VRHFIN is misspelt in some (r for Zr, X for Xe)."""
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
    return "".join(f"{twice.element_of((title.split() + ['', ''])[1]) or 'X'}8" for title in titles[:3]) + "..."


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


def _reads_label(line, stream, labels, run):
    """Return whether a line has labels of the current step; if so, add them and those of the lines that follow it."""
    if "FORCE on cell" in line:
        labels["learned_stress"] = "ML FORCE" in line
    elif line.startswith("  in kB"):
        if not labels.pop("learned_stress", False):
            labels["pressure"] = leading_numbers(line.replace("in kB", ""), 6)
    elif "external pressure" in line and labels.get("pressure"):
        if numbers := [leading_numbers(part, 1) for part in line.split("=")[1:3]]:
            labels["external"] = numbers
    elif "TOTAL-FORCE" in line and "(ML)" not in line:
        _reads_forces(stream, labels, run)
    elif "free  energy   TOTEN" in line:
        labels["free"] = leading_numbers(line.partition("=")[2], 1)
    elif (found := ITERATION.search(line)) is not None:
        labels["iterations"] = int(found.group(1))
    elif "aborting loop" in line:
        labels["reached"] = "EDIFF is reached" in line
    else:
        return False
    return True


def _reads_forces(stream, labels, run):
    """Read positions and forces; columns behind them, such as forces without van der Waals, are not read."""
    next(stream, "")
    rows, complete = [], False
    for line in stream:
        if line.lstrip().startswith("---") and "Iteration" not in line:
            complete = True
            break
        if line.startswith(" vasp.") or "Iteration" in line:
            stream.back(line)
            break
        rows.append(leading_numbers(line, 6))
    if complete and len(rows) != run.n_atoms:
        raise stream.error(f"{len(rows)} positions end here, but the head states {run.n_atoms} ions")
    if not complete or None in rows or run.cell is None:
        labels["cut"] = True
    else:
        labels["rows"], labels["cell"] = np.array(rows), run.cell


def _step(source, run, labels, line, numbers):
    """Return the frame of a step that ends with the line of the extrapolated energy, None if a label is missing."""
    steps_done, number = numbers
    extrapolated = leading_numbers(line.partition("energy(sigma->0)")[2].partition("=")[2], 1)
    if "rows" not in labels or not extrapolated or not labels["free"]:
        source.dropped[CUT_FORCES if "cut" in labels or "rows" in labels else WITHOUT_FORCES] += 1
        return None
    rows, cell, pressure = labels["rows"], labels["cell"], labels.get("pressure")
    frame = RawFrame(
        atoms=built(run.symbols(), rows[:, :3], cell),
        energies={"free_energy": labels["free"][0], "energy": extrapolated[0]},
        forces=rows[:, 3:],
        converged=_converged(source, labels, run),
    )
    if pressure:
        tensor = units.tensor(pressure, VASP_ORDER)
        frame.virial = units.virial_from_pressure(tensor, abs(np.linalg.det(cell)), "kbar")
        _check_pressure(source, tensor, labels.get("external"), number)
    if run.values.get("IBRION") == "0":
        frame.step = steps_done + 1
        frame.time_fs = None if "POTIM" not in run.values else steps_done * float(run.values["POTIM"])
    return frame


def _converged(source, labels, run):
    """Return whether the electronic iterations reached EDIFF, None if the file does not show it."""
    if "reached" in labels:
        reached = labels["reached"]
    elif "iterations" not in labels or "NELM" not in run.values:
        return None
    else:
        reached = labels["iterations"] < int(run.values["NELM"])
    if not reached:
        source.note(NOT_CONVERGED)
    return reached


def _check_pressure(source, tensor, external, number):
    if external and len(external) == 2 and all(external):
        mean = np.trace(tensor) / 3 - external[1][0]
        where = f"step {number} of {source.path.name}"
        twice.check_same(source, "the pressure", mean, external[0][0], 0.02 + 1e-3 * abs(mean), "kB", where)


def _complete(source, frame, line, after, where):
    """Add to a frame what VASP prints after its energies, and compare it: kinetic energy, temperature, enthalpy.

    ``after`` keeps the numbers of earlier lines of the same step.
    """
    free = frame.energies["free_energy"]
    if (found := re.search(rf"enthalpy is\s+TOTEN\s*=\s*{NUMBER}\s*eV\s+P V=\s*{NUMBER}", line)) is not None:
        after["enthalpy"], pv = map(float, found.groups())
        twice.check_same(source, "the energy", free, after["enthalpy"] - pv, 1e-4, "eV", where)
    elif (found := re.match(rf"\s*%\s*ion-electron\s+TOTEN\s*=\s*{NUMBER}", line)) is not None:
        # With an applied pressure, some versions print the enthalpy here.
        stated = float(found.group(1))
        if abs(stated - after.get("enthalpy", np.inf)) > 1e-4:
            twice.check_same(source, "the energy", free, stated, 1e-4, "eV", where)
    elif (found := re.match(rf"\s*kinetic energy EKIN\s*=\s*{NUMBER}", line)) is not None:
        after["kinetic"] = float(found.group(1))
    elif (found := re.search(r"EKIN_LAT=.*temperature\s+([\d.]+)\s*K", line)) is not None:
        frame.temperature_k = float(found.group(1))
        twice.check_temperature(source, len(frame.atoms), after.get("kinetic"), frame.temperature_k, where)
