"""Output of Quantum ESPRESSO's pw.x: scf, md, vc-md, relax; the outputs of further runs may have been appended.

The forces are the derivatives of the total energy, which is the free energy if there is smearing. pw.x prints the
pressure tensor, positive under compression. The positions that it prints after the forces are those of the next step.
"""

import re

import numpy as np

from gapglass.base import units
from gapglass.frames.readers import twice
from gapglass.frames.readers.espresso_structure import NUMBER, PwStructure
from gapglass.frames.readers.records import RawFrame
from gapglass.frames.readers.text import Lines

KIND = "free_energy"
WITHOUT_LABELS = "steps without energy and forces (not finished, or tprnfor not set)"
WITHOUT_PLACES = "steps whose positions or cell are not numbers"
NOT_CONVERGED = "there are steps whose self-consistency did not converge (convergence NOT achieved)"
FORCE = re.compile(rf"atom\s+([\d*]+)\s+type\s+([\d*]+)\s+force\s*=\s*({NUMBER})\s+({NUMBER})\s+({NUMBER})\s*$")
TOTAL = re.compile(rf"^!*\s+total energy\s+=\s*({NUMBER})\s*Ry")


def frames(source):
    """Yield the ionic steps of a pw.x output."""
    steps = _Steps(source)
    for line in steps.stream:
        yield from steps.reads(line)
    yield from steps.ends()


class _Steps:
    """The steps of a pw.x output, read line by line."""

    def __init__(self, source):
        self.source, self.stream = source, Lines(source)
        self.structure, self.run = PwStructure(self.stream), None
        self.pending = self.energy = self.last_energy = self.converged = self.time_step = None
        self.started = self.finished = self.spoilt = 0
        self.after = {}

    def reads(self, line):
        """Read a line and those that belong to it, and yield the step before if a new one begins."""
        if "Program PWSCF" in line:
            yield from self._new_run(line)
        elif self.structure.reads(line) or (self.run is not None and self.run.reads(line, self.stream)):
            return
        elif "Time step" in line and (found := re.search(rf"({NUMBER})\s*femto", line)) is not None:
            self.time_step = float(found.group(1))
        elif "Self-consistent Calculation" in line:
            yield from self._flush()
            self.started += 1
            self.energy = self.last_energy = self.converged = None
        elif "now go back to refine exchange" in line:
            self.started -= 1  # The next self-consistency is of the same step.
        elif "total energy" in line and (found := TOTAL.match(line)) is not None:
            self._reads_energy(line, found)
        elif "convergence NOT achieved" in line:
            self.energy, self.converged = self.last_energy, False
            self.source.note(NOT_CONVERGED)
        elif "Forces acting on atoms" in line and self.energy is not None:
            self._reads_forces()
        elif self.pending is not None:
            _complete(self.source, self.pending, line, self.stream, self.after)

    def _new_run(self, line):
        yield from self._flush()
        self._note_end()
        self.structure, self.run = PwStructure(self.stream), _Run(self.source, line)
        self.energy = self.last_energy = None

    def _reads_energy(self, line, found):
        self.last_energy = float(found.group(1))
        if line.startswith("!"):
            self.energy, self.converged = self.last_energy, True

    def _reads_forces(self):
        structure = self.structure
        forces = _forces(self.stream, structure)
        if forces is None:
            return
        self.finished += 1
        atoms = structure.atoms(periodic=not (self.run and self.run.isolated))
        if atoms is None:
            self.spoilt += 1
            return
        energies = {KIND: float(units.energy(self.energy, "Ry"))}
        self.pending = RawFrame(atoms, energies=energies, forces=forces, converged=self.converged)
        self.after = {"energy_ry": self.energy, "where": f"step {self.finished} of {self.source.path.name}"}
        if self.run is not None:
            self.run.state_settings()

    def _flush(self):
        if self.pending is not None:
            frame = self.pending
            if frame.time_fs is None and frame.step is not None and self.time_step is not None:
                frame.time_fs = frame.step * self.time_step
            yield frame
        self.pending = None

    def _note_end(self):
        if self.run is not None and not self.run.ended:
            self.source.note(
                f"{self.source.path.name} has no JOB DONE at its end: the run was stopped or the file is cut off"
            )

    def ends(self):
        """Yield the last step and count what is not complete."""
        yield from self._flush()
        self._note_end()
        if self.started > self.finished:
            self.source.dropped[WITHOUT_LABELS] += self.started - self.finished
        if self.spoilt:
            self.source.dropped[WITHOUT_PLACES] += self.spoilt


class _Run:
    """Settings of one run, from the head of its output."""

    def __init__(self, source, line):
        found = re.search(r"PWSCF\s+v\.?\s*(\S+)", line)
        self.source, self.ended, self.isolated = source, False, False
        self.settings = {"code": "Quantum ESPRESSO pw.x", "version": found.group(1) if found else None}
        self.pseudopotentials, self.dispersion = [], ""

    def reads(self, line, stream):
        """Return whether a line states a setting or the end of the run."""
        if "kinetic-energy cutoff" in line and (found := re.search(rf"=\s*({NUMBER})\s*Ry", line)) is not None:
            self.settings["cutoff_ev"] = round(float(units.energy(float(found.group(1)), "Ry")), 4)
        elif "scf convergence threshold" in line and (found := re.search(rf"=\s*({NUMBER})", line)) is not None:
            threshold = units.energy(float(found.group(1).replace("D", "E")), "Ry")
            self.settings["scf_threshold_ev"] = float(f"{threshold:.4g}")
        elif line.lstrip().startswith("Exchange-correlation"):
            self.settings["functional"] = " ".join(line.partition("=")[2].partition("(")[0].split())
        elif "number of k points=" in line:
            self._reads_k_points(line)
        elif "PseudoPot. #" in line:
            name = line.partition("file")[2].strip(" :\n") or next(stream, "").strip()
            self.pseudopotentials.append(name.rsplit("/", 1)[-1])
        elif "DFT-D" in line and not self.dispersion:
            self.dispersion = " DFT-D"
        elif "Assuming isolated system" in line or "Effective Screening Medium" in line:
            self.isolated = True
            self.source.note(f"{self.source.path.name} is of a system that is not periodic ({line.strip()})")
        elif "JOB DONE" in line:
            self.ended = True
        else:
            return False
        return True

    def _reads_k_points(self, line):
        count = int(re.search(r"=\s*(\d+)", line).group(1))
        self.settings["k_points"] = "1 point" if count == 1 else f"{count} points"
        if (found := re.search(rf"=\s*\d+\s+(.*?),?\s*width \(Ry\)\s*=\s*({NUMBER})", line)) is not None:
            width = units.energy(float(found.group(2)), "Ry")
            self.settings["smearing"] = f"{found.group(1).strip()} {width:.4g} eV"

    def state_settings(self):
        """Add the settings to the source when the first step is complete."""
        settings = self.settings | {"pseudopotentials": ", ".join(self.pseudopotentials)}
        if self.dispersion and settings.get("functional"):
            settings["functional"] += self.dispersion
        twice.state(self.source, **settings)


def _forces(stream, structure):
    """Return the forces (eV/Å) of all atoms, None if the list is cut off or spoilt."""
    rows, n_atoms = [], len(structure.labels or ())
    for line in stream:
        found = FORCE.search(line)
        if found and found.group(1) in (str(len(rows) + 1), "*" * len(found.group(1))):
            _check_type(stream, structure, len(rows), found.group(2))
            rows.append(found.groups()[2:])
        elif line.strip() or rows:
            stream.back(line)  # The list is cut off, and this line may belong to another run.
            return None
        if len(rows) == n_atoms:
            following = next(stream, "")
            if FORCE.search(following):
                raise stream.error(f"there are forces of more atoms than the {n_atoms} that the head states")
            if following:
                stream.back(following)
            return units.forces(np.array(rows, float), "Ry/Bohr")
    return None


def _check_type(stream, structure, number, kind):
    """Refuse a force of another type of atom than the list of positions has."""
    types = list(structure.masses)
    if not kind.isdigit() or not 0 < int(kind) <= len(types):
        return
    if types[int(kind) - 1] != structure.labels[number]:
        raise stream.error(
            f"atom {number + 1} is of type {kind}, {types[int(kind) - 1]}, but its position is that of a "
            f"{structure.labels[number]}"
        )


def _complete(source, frame, line, stream, after):
    """Add to a frame what pw.x prints after its forces: virial, step, time and temperature; compare what is repeated.

    ``after`` keeps the energy (Ry) and the kinetic energy (Ry) of the step.
    """
    where = after["where"]
    if "total   stress" in line:
        rows = [next(stream, "").split() for _ in range(3)]
        if all(len(row) >= 3 for row in rows):
            _add_virial(source, frame, line, rows, where)
    elif "Entering Dynamics" in line and (found := re.search(r"(?:it|iteration)\s*=\s*(\d+)", line)) is not None:
        frame.step = int(found.group(1)) - 1
        if found := re.search(rf"time\s*=\s*({NUMBER})\s*pico", line):  # vc-md
            frame.time_fs = float(units.time(float(found.group(1)), "ps"))
    elif (found := re.match(rf"\s*kinetic energy \(Ekin\)\s*=\s*({NUMBER})\s*Ry", line)) is not None:
        after["kinetic_ry"] = float(found.group(1))
    elif found := re.match(rf"\s*temperature\s*=\s*({NUMBER})\s*K", line):
        frame.temperature_k = float(found.group(1))
        if "kinetic_ry" in after:
            kinetic = float(units.energy(after["kinetic_ry"], "Ry"))
            twice.check_temperature(source, len(frame.atoms), kinetic, frame.temperature_k, where)
    elif (found := re.match(rf"\s*Ekin \+ Etot \(const\)\s*=\s*({NUMBER})\s*Ry", line)) is not None:
        total = float(found.group(1)) - after.get("kinetic_ry", np.nan)
        twice.check_same(source, "the energy", after["energy_ry"], total, 2e-7 * abs(total) + 1e-6, "Ry", where)
    elif (found := re.match(rf"\s*Total force\s*=\s*({NUMBER})", line)) is not None:
        unit = float(units.forces(1.0, "Ry/Bohr"))
        total = float(np.linalg.norm(frame.forces)) / unit
        tolerance = 1e-4 + 1e-3 * total
        twice.check_same(source, "the total force", total, float(found.group(1)), tolerance, "Ry/Bohr", where)


def _add_virial(source, frame, line, rows, where):
    try:
        pressure = np.array([row[:3] for row in rows], float)
    except ValueError:
        source.note(f"{where}: its stress is not nine numbers; the step has no virial")
        return
    frame.virial = units.virial_from_pressure(pressure, abs(np.linalg.det(frame.atoms.cell)), "Ry/Bohr^3")
    if found := re.search(rf"P=\s*({NUMBER})", line):
        scale = units.PRESSURE_EV_PER_ANGSTROM3["Ry/Bohr^3"] / units.PRESSURE_EV_PER_ANGSTROM3["kbar"]
        mean = float(np.trace(pressure)) / 3 * scale
        # Eight decimals of Ry/Bohr^3 are 0.0015 kbar.
        twice.check_same(source, "the pressure", mean, float(found.group(1)), 0.02 + 1e-3 * abs(mean), "kbar", where)
