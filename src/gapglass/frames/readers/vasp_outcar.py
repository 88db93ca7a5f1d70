"""VASP's OUTCAR: the ionic steps, and the species and settings at its head.

VASP prints the pressure tensor in kB (kbar), positive under compression and without the kinetic contribution. Its
sections are recognised by their headings; a section that has begun and cannot be read makes its step one that is left
out and counted, or an error with the line.
"""

import re

import numpy as np

from gapglass.base import units
from gapglass.frames.readers import twice
from gapglass.frames.readers.records import RawFrame, built
from gapglass.frames.readers.text import Lines, leading_numbers
from gapglass.frames.readers.vasp_common import (
    CUT_FORCES,
    NOT_CONVERGED,
    TRUNCATED,
    VASP_ORDER,
    WITHOUT_FORCES,
    WITHOUT_SCF,
)
from gapglass.frames.readers.vasp_outcar_head import NUMBER, Run

ITERATION = re.compile(r"-- Iteration\s+[\d*]+\(\s*(\d+)\)")


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
        self.run, self.labels, self.pending = Run(source, ""), {}, None
        self.steps_done = self.learned = self.n_frames = 0
        self.also_learned, self.after = False, {}

    def reads(self, line):
        """Read a line and those that belong to it, and yield the step before if a new one is complete."""
        if line.startswith(" vasp.") and re.match(r" vasp\.\d", line):
            yield from self.ends() if self.run.version else ()
            self.run = Run(self.source, line)
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
