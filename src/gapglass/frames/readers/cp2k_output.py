"""The output of CP2K (what it prints on the screen): energies, cells, stress, forces, convergence and settings.

The stress has no kinetic contribution, unlike that of the .stress file. MD prints no positions, a single point does.
Three generations of the text are known: up to 7.1, 8.1 to 2024, and from 2025 on.
"""

import re
from dataclasses import dataclass, field

import numpy as np
from ase.cell import Cell

from gapglass.base import units
from gapglass.frames.readers.sections import numbers

FLOAT = re.compile(rb"[-+]?\d+\.?\d*(?:[EeDd][-+]?\d+)?")
FORCE_UNITS = {"a.u.": "Hartree/Bohr", "hartree/bohr": "Hartree/Bohr", "ev/angstrom": "eV/A"}
PRESSURE_UNITS = {"GPa": "GPa", "bar": "bar", "kbar": "kbar", "atm": "atm"}
SAME_ENERGY_HARTREE = 1e-5
SAME_SUM_HARTREE_PER_BOHR = 1e-6  # per atom; forces are printed with eight decimals
SAME_ANGLE = 1e-3  # degrees
# Label at the beginning of a line of an MD step, in both generations -> name in the step.
STEP_LABELS = (
    (rb"MD\| Step number|STEP NUMBER", "step"),
    (rb"MD\| Time \[fs\]|TIME \[fs\]", "time"),
    (rb"MD(?:_INI)?\| Potential energy|(?:INITIAL )?POTENTIAL ENERGY", "potential"),
    (rb"MD(?:_INI)?\| Temperature|(?:INITIAL )?TEMPERATURE ?\[K\]", "temperature"),
    (rb"MD(?:_INI)?\| Cell lengths \[ang\]", "lengths"),
    (rb"(?:INITIAL )?CELL LNTHS\[bohr\]", "lengths_bohr"),
    (rb"MD(?:_INI)?\| Cell angles|(?:INITIAL )?CELL ANGLS", "angles"),
)
STEP_LINES = [(re.compile(rb"\s*(?:" + label + rb")"), name) for label, name in STEP_LABELS]
SETTINGS = (
    (re.compile(rb" CP2K\| version string:\s+(?:CP2K version )?(.+?)\s*$"), "version"),
    (re.compile(rb" QS\| Density cutoff \[a\.u\.\]:\s+([\d.]+)"), "cutoff_ev"),
    (re.compile(rb" QS\| Relative density cutoff \[a\.u\.\]:\s+([\d.]+)"), "relative_cutoff_ev"),
    (re.compile(rb"\s+eps_scf:\s+(\S+)"), "scf_threshold"),
    (re.compile(rb" BRILLOUIN\| K-[Pp]oint grid\s+(\d+\s+\d+\s+\d+)"), "k_points"),
)
FUNCTIONAL = re.compile(rb" FUNCTIONAL\| ([\w-]+):\s*$| (?:vdW POTENTIAL|DFT-D\d?)\|.*?(DFT-D\d(?:\(BJ\))?)")


@dataclass
class Evaluation:
    """Energy and what follows it for one set of positions; pressure in eV/Å³, lengths in Å, energies in Hartree."""

    energy: float
    converged: bool | None = None
    pressure: np.ndarray | None = None
    forces_at: tuple | None = None  # (byte, line number) of the table
    cell: np.ndarray | None = None  # None if the output does not state its orientation
    lengths: np.ndarray | None = None
    time: float | None = None
    temperature: float | None = None
    complete: bool = True


@dataclass
class Output:
    """Content of an output: ``steps`` (step -> ``Evaluation``) of MD, ``singles`` of single points with positions."""

    steps: dict = field(default_factory=dict)
    singles: list = field(default_factory=list)
    cell: np.ndarray | None = None
    periodic: list = field(default_factory=lambda: [True] * 3)
    settings: dict = field(default_factory=lambda: {"code": "CP2K"})
    positions_file: str | None = None
    repeated: int = 0
    left: int = 0  # evaluations to which no step belongs
    ended: bool = False
    n_atoms: int | None = None


def project_of(head):
    """Return the project name in the first bytes of an output of CP2K, or None if it is none."""
    found = re.search(r"GLOBAL\| Project name\s+(\S+)", head)
    return found.group(1) if found and "CP2K|" in head else None


def forces_at(source, stream, place):
    """Return (names of the elements or None, forces in eV/Å) of the table at a (byte, line) of an output.

    Raises
    ------
    UserError
        When the sum that is printed below the forces is another one.
    """
    stream.seek(place[0])
    header = stream.readline()
    unit = _unit(source, header, FORCE_UNITS, place[1])
    names, rows, total = [], [], None
    for line in iter(stream.readline, b""):
        words = line.replace(b"FORCES|", b"").split()
        if b"SUM" in line.upper():
            total = numbers(FLOAT.findall(line)[:3])
            break
        if words and words[0].isdigit():
            old = len(words) == 6
            names.append(words[2].decode() if old else None)
            rows.append(words[3:6] if old else words[1:4])
    found = numbers(rows)
    if total is not None and np.abs(found.sum(axis=0) - total).max() > SAME_SUM_HARTREE_PER_BOHR * len(rows):
        raise source.error(
            f"the forces at line {place[1]} of the output add up to {found.sum(axis=0).tolist()}, "
            f"and the output prints {total.tolist()} as their sum; the table is not complete or not of one run"
        )
    return (None if None in names else names), units.forces(found, unit)


def _unit(source, line, known, number):
    found = re.search(r"\[(.+?)\]", line.decode("utf-8", "replace"))
    name = found.group(1) if found else "nothing"
    known = {key.lower(): value for key, value in known.items()}
    if name.lower() not in known:
        raise source.error(
            f"line {number} of the output is in {name!r}, which is not known; known: {', '.join(known)}"
        )
    return known[name.lower()]


class Parser:
    """Reads an output line by line; ``pending`` holds the evaluations that wait for the number of their step."""

    def __init__(self, source, stream):
        self.source, self.number, self.offset = source, 0, 0
        self.rows = self._rows(stream)
        self.output = Output()
        self.vectors, self.lengths, self.angles, self.kind, self.kinds = [], [], [], None, {}
        self.functional = []
        self._new_run()

    def _rows(self, stream):
        """Yield the lines; ``number`` counts them, and ``offset`` is the byte where the last one begins."""
        after = 0
        for line in stream:
            self.number += 1
            self.offset, after = after, after + len(line)
            yield line

    def _new_run(self):
        self.pending, self.last, self.coordinates, self.initial = [], None, [], {}
        self.converged, self.step, self.output.ended, self.flexible = None, None, False, False
        self.stated = {}

    def read(self):
        """Read the whole file."""
        for line in self.rows:
            if line.endswith(b"\n"):
                self._line(line)
        self._end_of_run()
        self._settings()
        return self.output

    def _line(self, line):
        start = line.lstrip()
        if line.startswith((b" ENERGY| Total FORCE_EVAL",)):
            self.pending.append(Evaluation(float(FLOAT.findall(line)[-1]), self.converged))
            self.converged = None
        elif b"SCF run" in line or b"outer SCF loop" in line:
            self._convergence(line)
        elif start.startswith((b"MD|", b"MD_INI|", b"INITIAL ", b"STEP NUMBER")) or self.step is not None:
            self._md(line, start)
        elif start.startswith(
            (b"ATOMIC FORCES in", b"FORCES| Atomic forces", b"STRESS| A", b"STRESS| N", b"STRESS T")
        ):
            self._table(line)
        elif b"PROGRAM STARTED AT" in line:
            self._end_of_run()
            self._new_run()
        elif b"PROGRAM ENDED AT" in line:
            self.output.ended = True
        elif b"ATOMIC COORDINATES IN" in line.upper():
            self._coordinates(line)
        elif self.last is None:
            self._header(line)

    def _convergence(self, line):
        if b"NOT converged" in line or b"FAILED" in line:
            self.converged = False
        elif b"converged in" in line:
            self.converged = True

    def _header(self, line):
        if line.startswith(b" CELL| Vector"):
            found = FLOAT.findall(line.split(b"]:")[-1])
            self.vectors = [*self.vectors, numbers(found[:3])][-3:]
            self.lengths = [*self.lengths, float(found[3])][-3:]
        elif line.startswith(b" CELL| Angle"):
            self.angles = [*self.angles, float(FLOAT.findall(line)[-1])][-3:]
            if b"(a,b)" in line:
                self.output.cell = _cell(self.vectors, self.lengths, self.angles)
        elif found := re.match(rb" MD_PAR\| Ensemble type\s+(\S+)|.*ENSEMBLE TYPE +(\S+)", line):
            self.flexible = (found.group(1) or found.group(2)).startswith((b"NP", b"REFTRAJ"))
        elif found := re.match(rb"\s+- Atoms:\s+(\d+)", line):
            self.output.n_atoms = int(found.group(1))
        elif line.startswith(b" CELL| Periodicity"):
            words = line.split()[-1].decode().upper()
            self.output.periodic = [axis in words for axis in "XYZ"] if words != "NONE" else [False] * 3
        elif found := re.match(rb" MD_PAR\| +Coordinates +\d+ +(\S+)|.*\bCOORDINATES +(?:\d+ +)?(\S+\.xyz)", line):
            self.output.positions_file = (found.group(1) or found.group(2)).decode()
        elif found := re.match(rb"\s+\d+\. Atomic kind: (\S+)", line):
            self.kind = found.group(1).decode()
        elif self.kind and (found := re.match(rb"\s+Orbital Basis Set\s+(\S+)", line)):
            self.kinds.setdefault("basis", {})[self.kind] = found.group(1).decode()
        elif self.kind and (found := re.match(rb".*Potential information for\s+(\S+)", line)):
            self.kinds.setdefault("pseudopotentials", {})[self.kind] = found.group(1).decode()
        elif found := FUNCTIONAL.match(line):
            name = (found.group(1) or found.group(2)).decode()
            self.functional += [name] if name not in self.functional else []
        else:
            for pattern, name in SETTINGS:
                if name not in self.stated and (found := pattern.match(line)):
                    self._state(name, " ".join(found.group(1).decode("utf-8", "replace").split()))

    def _state(self, name, value):
        """Keep a setting of a run; note runs of one output with different settings."""
        self.stated[name] = value
        first = self.output.settings.setdefault(name, value)
        if first != value:
            self.source.note(f"the output holds runs with different settings: {name} {first} and {value}")

    def _settings(self):
        settings = self.output.settings
        for name in ("cutoff_ev", "relative_cutoff_ev", "scf_threshold"):
            if name in settings:
                factor = 1.0 if name == "scf_threshold" else units.ENERGY_EV["Hartree"]
                settings[name] = round(float(settings[name]) * factor, 9)
        for name, of in self.kinds.items():
            settings[name] = ", ".join(f"{kind} {value}" for kind, value in sorted(of.items()))
        if self.functional:
            settings["functional"] = "+".join(self.functional)

    def _coordinates(self, line):
        """Read the table of coordinates that precedes the first energy."""
        unit = "Bohr" if b"BOHR" in line.upper() else "A"
        self.coordinates = []
        for row in self.rows:
            words = row.split()
            if len(words) >= 7 and words[0].isdigit():
                self.coordinates.append((words[2].decode(), units.length(numbers(words[4:7]), unit)))
            elif self.coordinates:
                break

    def _table(self, line):
        """Note where forces begin, or read a stress, and give it to the last energy."""
        number, offset, start = self.number, self.offset, line.lstrip()
        evaluation = self.pending[-1] if self.pending else None
        rows = []
        for row in self.rows:
            text = row.replace(b"STRESS|", b"").split()
            if start.startswith((b"ATOMIC", b"FORCES")):
                if b"SUM" in row.upper() and row.endswith(b"\n"):
                    break
            elif len(text) == 4 and text[0].lower() in (b"x", b"y", b"z") and row.endswith(b"\n"):
                rows.append(text[1:])
                if len(rows) == 3:
                    break
        else:
            if evaluation:
                evaluation.complete = False
            return
        if evaluation is None:
            return
        if not rows:
            evaluation.forces_at = (offset, number)
        else:
            unit = _unit(self.source, line, PRESSURE_UNITS, number)
            evaluation.pressure = numbers(rows) * units.PRESSURE_EV_PER_ANGSTROM3[unit]

    def _md(self, line, start):
        """Take a line of an MD step, or of what MD prints of its start."""
        begins = start.startswith((b"MD| Step number", b"STEP NUMBER"))
        if self.step is None and begins:
            self.step = {}
        values = self.initial if self.step is None else self.step
        for pattern, name in STEP_LINES:
            if pattern.match(line):
                found = numbers(FLOAT.findall(re.split(rb"\]\s*=?|number|NUMBER\s*=", line, maxsplit=1)[-1]))
                if name.startswith(("lengths", "angles")):
                    found = found[:3] * (units.LENGTH_ANGSTROM["Bohr"] if name == "lengths_bohr" else 1.0)
                    values.setdefault("angles" if name == "angles" else "lengths", found)
                else:
                    values.setdefault(name, float(found[0]) if len(found) else np.nan)
                return
        if self.step is not None and start.startswith((b"MD| ****", b"****")):
            self._finish_step()

    def _finish_step(self):
        """Give the evaluations since the last step their numbers; the last belongs to the step that was printed."""
        step, found = int(self.step["step"]), self.pending
        count = step - self.last if self.last is not None else len(found)
        numbered = found if len(found) == count else found[-1:]
        self.output.left += len(found) - len(numbered)
        if numbered:
            self._check_energy(numbered[-1], step)
        for place, evaluation in enumerate(numbered):
            at = step - len(numbered) + 1 + place
            printed = self.step if at == step else self.initial if self.last is None and place == 0 else {}
            self._complete(evaluation, printed)
            self.output.repeated += at in self.output.steps
            self.output.steps[at] = evaluation
        self.last, self.pending, self.step, self.coordinates = step, [], None, []

    def _check_energy(self, evaluation, step):
        potential = self.step.get("potential", evaluation.energy)
        if abs(potential - evaluation.energy) > SAME_ENERGY_HARTREE:
            raise self.source.error(
                f"the output states two energies of step {step}: {evaluation.energy} Hartree (ENERGY|) and "
                f"{potential} (MD, line {self.number}); which of them has the forces is not known"
            )

    def _complete(self, evaluation, values):
        """Add time, temperature and cell of the step that MD printed; ``values`` is empty if it printed none."""
        evaluation.time, evaluation.temperature = values.get("time"), values.get("temperature")
        evaluation.lengths, evaluation.cell = values.get("lengths"), self.output.cell
        if self.output.cell is None:
            return
        first = Cell(self.output.cell).cellpar()
        if np.abs(values.get("angles", first[3:]) - first[3:]).max() > SAME_ANGLE:
            evaluation.cell = None
        elif evaluation.lengths is not None:
            evaluation.cell = self.output.cell * (evaluation.lengths / first[:3])[:, None]
        elif self.flexible:
            evaluation.cell = None

    def _end_of_run(self):
        """Keep the evaluation of a single point; count what belongs to no step."""
        whole = self.pending[:1] if self.last is None and self.coordinates and self.output.ended else []
        if whole and whole[0].complete:
            symbols, places = zip(*self.coordinates, strict=True)
            self.output.singles.append((list(symbols), np.array(places), self.output.cell, whole[0]))
        else:
            whole = []
        self.output.left += len(self.pending) - len(whole)
        self.pending = []


def _cell(vectors, lengths, angles):
    """Return the cell from vectors that are printed with three decimals, and lengths and angles that have six.

    The shape is that of lengths and angles; only the orientation is that of the vectors.
    """
    rough, shape = np.array(vectors), np.asarray(Cell.new([*lengths, *angles]))
    if np.linalg.det(rough) * np.linalg.det(shape) < 0:
        return rough
    left, _, right = np.linalg.svd(shape.T @ rough)
    turned = shape @ (left @ right)
    # The usual orientation, with a along x and b in the plane x y, has no error of rounding.
    return shape if np.abs(shape - rough).max() < 2e-3 else turned
