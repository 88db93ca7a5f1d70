"""VASP: vasprun.xml, OUTCAR, XDATCAR and ML_AB.

The kind free_energy is TOTEN (e_fr_energy); energy is the one extrapolated to zero smearing (e_0_energy, sigma->0).
VASP prints the pressure tensor in kB (kbar), positive under compression and without the kinetic contribution.
"""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np

from gapglass.base import units
from gapglass.frames.readers.opening import COMPRESSED, lines
from gapglass.frames.readers.records import Format, RawFrame, built, elements, listed_species

WITHOUT_SCF = "steps without a self-consistent energy (machine-learned force field)"
WITHOUT_FORCES = "steps without forces (a small NWRITE leaves them out)"
CUT_FORCES = "steps whose forces are not numbers"
TRUNCATED = "truncated last frame"
VASP_ORDER = "xx yy zz xy yz zx"


def _rows(element):
    return np.array([row.text.split() for row in element], float)


def xml_frames(source):
    """Yield the ionic steps of a vasprun.xml; the memory does not grow with their number."""
    opener = COMPRESSED.get(source.path.suffix, open)
    symbols, settings, number = None, {}, -1
    with opener(source.path, "rb") as stream:
        try:
            for _, element in ElementTree.iterparse(stream):
                if element.tag in ("incar", "parameters"):
                    settings |= {
                        item.get("name"): item.text
                        for item in element.iter("i")
                        if item.get("name") in ("PSTRESS", "POTIM", "IBRION", "NBLOCK", "NELM")
                    }
                elif element.tag == "atominfo":
                    symbols = elements(
                        source, [row[0].text.strip() for row in element.find("array[@name='atoms']/set")]
                    )
                elif element.tag == "calculation":
                    number += 1
                    frame = _xml_step(source, element, symbols, settings, number)
                    element.clear()
                    if frame is not None:
                        yield frame
        except ElementTree.ParseError as error:
            if number < 0:
                raise source.error(
                    f"{source.path} is not a vasprun.xml with at least one finished step: {error}"
                ) from error
            source.dropped[TRUNCATED] += 1


def _xml_step(source, step, symbols, settings, number):
    if step.find("scstep") is None:
        source.dropped[WITHOUT_SCF] += 1
        return None
    cell = _rows(step.find("structure/crystal/varray[@name='basis']"))
    volume = abs(np.linalg.det(cell))
    # The e_fr_energy of an ionic step includes p V of an applied pressure. The e_0_energy of an ionic step is wrong in
    # some versions, and that of its last electronic step lacks van der Waals corrections, so only its difference to
    # the e_fr_energy of the same electronic step is used, as in ASE.
    pv = float(units.virial_from_pressure(np.eye(3) * float(settings.get("PSTRESS", 0.0)), volume, "kbar")[0, 0])
    free = float(step.find("energy/i[@name='e_fr_energy']").text) - pv
    if len(step.findall("scstep")) >= int(settings.get("NELM", 10**9)):
        source.note("there are steps that used all NELM electronic iterations; their labels may not be converged")
    electronic = step.findall("scstep/energy")[-1]
    last = {name: float(electronic.find(f"i[@name='{name}']").text) for name in ("e_0_energy", "e_fr_energy")}
    found = step.find("varray[@name='forces']")
    pressure = step.find("varray[@name='stress']")
    # VASP may write only every NBLOCK-th step; with NBLOCK = 1 it writes all of them, and the times are certain.
    timed = settings.get("IBRION", "").strip() == "0" and int(settings.get("NBLOCK", 1)) == 1
    return RawFrame(
        atoms=built(symbols, _rows(step.find("structure/varray[@name='positions']")) @ cell, cell),
        energies={"free_energy": free, "energy": free + last["e_0_energy"] - last["e_fr_energy"]},
        forces=None if found is None else _rows(found),
        virial=None if pressure is None else units.virial_from_pressure(_rows(pressure), volume, "kbar"),
        step=number + 1,
        time_fs=number * float(settings["POTIM"]) if timed and "POTIM" in settings else None,
    )


def outcar_frames(source):
    """Yield the ionic steps of an OUTCAR."""
    run, labels = _OutcarRun(), {}
    pending = None
    steps_done = learned = 0
    also_learned = False
    stream = lines(source.path)
    for line in stream:
        if run.reads(line, stream) or _reads_label(line, stream, labels, run):
            continue
        if "ENERGY OF THE ELECTRON-ION-THERMOSTAT SYSTEM" in line:
            # This line ends every step of MD, also a step of the force field, which has no number.
            steps_done += 1
        elif "free  energy ML TOTEN" in line:
            learned += 1
            also_learned = True
        elif "energy(sigma->0)" in line and "free" in labels and "ML energy" not in line:
            if pending is not None:
                yield pending
            pending = _outcar_step(source, run, labels, line, steps_done)
            if pending is not None:
                # VASP first predicts a step that trains the force field, then computes it.
                learned -= also_learned
                also_learned = False
            labels = {}
        elif pending is not None and (found := re.search(r"EKIN_LAT=.*temperature\s+([\d.]+)\s*K", line)):
            pending.temperature_k = float(found.group(1))
    if pending is not None:
        yield pending
    if {"rows", "free", "cut"} & set(labels):
        source.dropped[TRUNCATED] += 1
    if learned:
        source.dropped[WITHOUT_SCF] += learned


class _OutcarRun:
    """Species and settings at the head of an OUTCAR, and the cell (Å) at the current line."""

    def __init__(self):
        self.kinds, self.listed, self.counts = [], [], []
        self.potim = self.ibrion = self.cell = None

    def reads(self, line, stream):
        """Return whether a line belongs to the head or the cell; if so, read it and the lines that follow it."""
        if "TITEL" in line:
            self.kinds.append(line.split("=")[1].split()[1].split("_")[0])
        elif line.startswith(" POTCAR:") and len(line.split()) > 2:
            self.listed.append(line.split()[2].split("_")[0])
        elif "ions per type" in line:
            self.counts = [int(word) for word in line.split("=")[1].split()]
        elif "POTIM" in line and self.potim is None:
            self.potim = float(re.search(r"POTIM\s*=\s*([\d.Ee+-]+)", line).group(1))
        elif "IBRION" in line and self.ibrion is None:
            self.ibrion = int(re.search(r"IBRION\s*=\s*(-?\d+)", line).group(1))
        elif "direct lattice vectors" in line:
            self.cell = np.array([_numbers(next(stream, ""))[:3] for _ in range(3)])
        else:
            return False
        return True

    def symbols(self, source):
        """Return the chemical symbols of all atoms."""
        kinds = self.kinds or self.listed
        if len(kinds) < len(self.counts):
            raise source.error(
                f"{source.path} names {len(kinds)} POTCARs for {len(self.counts)} species; its head is not complete"
            )
        return elements(source, [kind for kind, n in zip(kinds, self.counts, strict=False) for _ in range(n)])


def _reads_label(line, stream, labels, run):
    """Return whether a line has labels of the current step; if so, add them and those of the lines that follow it."""
    if "FORCE on cell" in line:
        labels["learned_stress"] = "ML FORCE" in line
    elif line.startswith("  in kB"):
        if not labels.pop("learned_stress", False):
            labels["pressure"] = units.tensor(_numbers(line.replace("in kB", ""))[:6], VASP_ORDER)
    elif "TOTAL-FORCE" in line and "(ML)" not in line:
        next(stream, "")
        rows = [_numbers(next(stream, "")) for _ in range(sum(run.counts))]
        if all(len(row) == 6 for row in rows):
            labels["rows"], labels["cell"] = np.array(rows), run.cell
        else:
            labels["cut"] = True
    elif "free  energy   TOTEN" in line:
        labels["free"] = _numbers(line.split("=")[1])[0]
    else:
        return False
    return True


def _outcar_step(source, run, labels, line, steps_done):
    """Return the frame of a step that ends with the line of the extrapolated energy, None if a label is missing."""
    extrapolated = re.search(r"energy\(sigma->0\)\s*=\s*(\S+)", line)
    if "rows" not in labels or not extrapolated:
        source.dropped[CUT_FORCES if "cut" in labels else WITHOUT_FORCES] += 1
        return None
    rows, cell = labels["rows"], labels["cell"]
    volume = abs(np.linalg.det(cell))
    frame = RawFrame(
        atoms=built(run.symbols(source), rows[:, :3], cell),
        energies={"free_energy": labels["free"], "energy": float(extrapolated.group(1))},
        forces=rows[:, 3:],
        virial=units.virial_from_pressure(labels["pressure"], volume, "kbar") if "pressure" in labels else None,
    )
    if run.ibrion == 0:
        frame.step = steps_done + 1
        frame.time_fs = None if run.potim is None else steps_done * run.potim
    return frame


def _numbers(line):
    # Fortran does not always separate columns, as in -10.123-11.456.
    return [float(word) for word in re.findall(r"[-+]?\d*\.?\d+(?:[Ee][-+]?\d+)?", line)]


def xdatcar_frames(source):
    """Yield the configurations of an XDATCAR, with a fixed or changing cell; they have no labels."""
    header, stream = [], lines(source.path)
    cell = symbols = None
    for line in stream:
        if "configuration=" not in line:
            header.append(line)
            continue
        if header:
            cell, symbols = _xdatcar_header(source, [row for row in header if row.strip()])
            header = []
        rows = [next(stream, "").split() for _ in symbols]
        if any(len(row) < 3 for row in rows):
            source.dropped[TRUNCATED] += 1
            return
        scaled = np.array([row[:3] for row in rows], float)
        positions = scaled @ cell if line.lstrip().startswith("D") else scaled
        yield RawFrame(built(symbols, positions, cell), step=int(line.split("=")[1]))


def _xdatcar_header(source, header):
    # After a title, which may be an empty line, the header has six lines, or five without names of species (VASP 4).
    body = header[-6:] if header[-2].split()[0].isalpha() else header[-5:]
    scale = float(body[0])
    cell = np.array([row.split() for row in body[1:4]], float)
    cell *= scale if scale > 0 else (-scale / abs(np.linalg.det(cell))) ** (1 / 3)
    counts = [int(word) for word in body[-1].split()]
    if len(body) == 5:
        return cell, listed_species(source, sum(counts), f"{source.path} names no species")
    names = [name.split("_")[0].split("/")[0] for name in body[4].split()]
    return cell, elements(source, [name for name, count in zip(names, counts, strict=True) for _ in range(count)])


def ml_ab_frames(source):
    """Yield the configurations of an ML_AB or ML_ABN, the training frames of an on-the-fly force field."""
    title, content, sections = "", [], None
    in_data = False
    for line in lines(source.path):
        text = line.strip()
        if text.startswith(("====", "****")):
            if sections is not None and title:
                sections[title] = content
            title, content, in_data = "", [], False
        elif text.startswith("----"):
            in_data = True
        elif text.startswith("Configuration num."):
            if sections is not None:
                yield _ml_ab_frame(source, sections)
            sections = {}
        elif not in_data:
            title = text
        else:
            content.append(text.split())
    if sections is not None:
        if title:
            sections[title] = content
        try:
            yield _ml_ab_frame(source, sections)
        except (KeyError, ValueError, IndexError):
            source.dropped[TRUNCATED] += 1


def _ml_ab_frame(source, sections):
    names = elements(source, [row[0] for row in sections["Atom types and atom numbers"] for _ in range(int(row[1]))])
    cell = np.array(sections["Primitive lattice vectors (ang.)"], float)
    found = np.array(sections["Forces (eV ang.^-1)"], float)
    positions = np.array(sections["Atomic positions (ang.)"], float)
    if found.shape != (len(names), 3) or positions.shape != found.shape:
        raise ValueError("as many positions and forces as atoms are needed")
    diagonal, off_diagonal = (row for row in sections["Stress (kbar)"] if row[0] not in ("XX", "XY"))
    pressure = units.tensor([float(word) for word in diagonal + off_diagonal], VASP_ORDER)
    # The file does not state the kind of this energy.
    return RawFrame(
        atoms=built(names, positions, cell),
        energies={"energy": float(sections["Total energy (eV)"][0][0])},
        forces=found,
        virial=units.virial_from_pressure(pressure, abs(np.linalg.det(cell)), "kbar"),
    )


FORMATS = (
    Format(
        "vasp_xml",
        family="VASP",
        title="VASP vasprun.xml",
        frames=xml_frames,
        recognises=lambda name, head: "<modeling>" in head,
        options=("species",),
        labels_from="a vasprun.xml with forces",
    ),
    Format(
        "vasp_outcar",
        family="VASP",
        title="VASP OUTCAR",
        frames=outcar_frames,
        recognises=lambda name, head: re.match(r"\s*vasp\.\d", head) is not None,
        options=("species",),
        labels_from="a complete OUTCAR or vasprun.xml",
    ),
    Format(
        "vasp_ml_ab",
        family="VASP",
        title="VASP ML_AB",
        frames=ml_ab_frames,
        recognises=lambda name, head: "The number of configurations" in head,
        options=("species",),
        labels_from="vasprun.xml or OUTCAR",
    ),
    Format(
        "vasp_xdatcar",
        family="VASP",
        title="VASP XDATCAR",
        frames=xdatcar_frames,
        recognises=lambda name, head: re.search(r"^(Direct|Cartesian) configuration=", head, re.MULTILINE) is not None,
        options=("species",),
        labels_from="vasprun.xml or OUTCAR of the same run, which an XDATCAR does not replace",
    ),
)
