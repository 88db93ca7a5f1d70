"""VASP: vasprun.xml, OUTCAR, XDATCAR and ML_AB.

Energies: free_energy is TOTEN (e_fr_energy), energy the one extrapolated to zero smearing (e_0_energy, sigma->0). VASP prints the
pressure tensor in kB (kbar), positive where the atoms push, without the share of the motion.
"""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np

from gapglass.base import units
from gapglass.frames.readers.records import COMPRESSED, Format, RawFrame, built, elements, lines, listed_species

WITHOUT_SCF = "steps without a self-consistent energy (machine-learned force field)"
TRUNCATED = "truncated last frame"
VASP_ORDER = "xx yy zz xy yz zx"


def _rows(element):
    return np.array([row.text.split() for row in element], float)


def xml_frames(source):
    """Yield the ionic steps of a vasprun.xml; memory does not grow with their number."""
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
                raise source.fault(
                    f"{source.path} is not a vasprun.xml with at least one finished step: {error}"
                ) from error
            source.dropped[TRUNCATED] += 1


def _xml_step(source, step, symbols, settings, number):
    if step.find("scstep") is None:
        source.dropped[WITHOUT_SCF] += 1
        return None
    cell = _rows(step.find("structure/crystal/varray[@name='basis']"))
    volume = abs(np.linalg.det(cell))
    # e_fr_energy of a step holds p V of an applied pressure; e_0_energy of a step is wrong in some versions, that of the last
    # electronic step lacks van der Waals corrections: only its difference to e_fr_energy is taken (as ASE does)
    pv = float(units.virial_from_pressure(np.eye(3) * float(settings.get("PSTRESS", 0.0)), volume, "kbar")[0, 0])
    free = float(step.find("energy/i[@name='e_fr_energy']").text) - pv
    if len(step.findall("scstep")) >= int(settings.get("NELM", 10**9)):
        source.note("there are steps that used all NELM electronic iterations; their labels may not be converged")
    electronic = step.findall("scstep/energy")[-1]
    last = {name: float(electronic.find(f"i[@name='{name}']").text) for name in ("e_0_energy", "e_fr_energy")}
    found = step.find("varray[@name='forces']")
    pressure = step.find("varray[@name='stress']")
    # every NBLOCK-th step may be written; what 1 means is certain
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
    state, kinds, listed, counts = {}, [], [], []
    potim = ibrion = cell = pending = None
    steps_done = learned = 0
    also_learned = False
    stream = lines(source.path)
    for line in stream:
        if "TITEL" in line:
            kinds.append(line.split("=")[1].split()[1].split("_")[0])
        elif line.startswith(" POTCAR:") and len(line.split()) > 2:
            listed.append(line.split()[2].split("_")[0])
        elif "ions per type" in line:
            counts = [int(word) for word in line.split("=")[1].split()]
        elif "POTIM" in line and potim is None:
            potim = float(re.search(r"POTIM\s*=\s*([\d.Ee+-]+)", line).group(1))
        elif "IBRION" in line and ibrion is None:
            ibrion = int(re.search(r"IBRION\s*=\s*(-?\d+)", line).group(1))
        elif "ENERGY OF THE ELECTRON-ION-THERMOSTAT SYSTEM" in line:
            # ends every step of MD, also one of the force field, which has no number
            steps_done += 1
        elif "direct lattice vectors" in line:
            cell = np.array([_numbers(next(stream, ""))[:3] for _ in range(3)])
        elif "FORCE on cell" in line:
            state["learned_stress"] = "ML FORCE" in line
        elif line.startswith("  in kB"):
            if not state.pop("learned_stress", False):
                state["pressure"] = units.tensor(_numbers(line.replace("in kB", ""))[:6], VASP_ORDER)
        elif "TOTAL-FORCE" in line and "(ML)" not in line:
            next(stream, "")
            rows = [_numbers(next(stream, "")) for _ in range(sum(counts))]
            if all(len(row) == 6 for row in rows):
                state["rows"], state["cell"] = np.array(rows), cell
            else:
                state["cut"] = True
        elif "free  energy ML TOTEN" in line:
            learned += 1
            also_learned = True
        elif "free  energy   TOTEN" in line:
            state["free"] = _numbers(line.split("=")[1])[0]
        elif "energy(sigma->0)" in line and "free" in state and "ML energy" not in line:
            if pending is not None:
                yield pending
            pending = None
            extrapolated = re.search(r"energy\(sigma->0\)\s*=\s*(\S+)", line)
            if "rows" in state and extrapolated:
                # a step that trains the force field is predicted first, then computed
                learned -= also_learned
                also_learned = False
                pending = _outcar_step(source, state, kinds or listed, counts, float(extrapolated.group(1)))
                if ibrion == 0:
                    pending.step = steps_done + 1
                    pending.time_fs = None if potim is None else steps_done * potim
            elif "cut" in state:
                source.dropped["steps whose forces are not numbers"] += 1
            else:
                source.dropped["steps without forces (a small NWRITE leaves them out)"] += 1
            state = {}
        elif pending is not None and (found := re.search(r"EKIN_LAT=.*temperature\s+([\d.]+)\s*K", line)):
            pending.temperature_k = float(found.group(1))
    if pending is not None:
        yield pending
    if {"rows", "free", "cut"} & set(state):
        source.dropped[TRUNCATED] += 1
    if learned:
        source.dropped[WITHOUT_SCF] += learned


def _outcar_step(source, state, kinds, counts, extrapolated):
    if len(kinds) < len(counts):
        raise source.fault(
            f"{source.path} names {len(kinds)} POTCARs for {len(counts)} species; its head is not complete"
        )
    symbols = elements(source, [kind for kind, count in zip(kinds, counts, strict=False) for _ in range(count)])
    volume = abs(np.linalg.det(state["cell"]))
    return RawFrame(
        atoms=built(symbols, state["rows"][:, :3], state["cell"]),
        energies={"free_energy": state["free"], "energy": extrapolated},
        forces=state["rows"][:, 3:],
        virial=units.virial_from_pressure(state["pressure"], volume, "kbar") if "pressure" in state else None,
    )


def _numbers(line):
    # Fortran lets columns touch, as in -10.123-11.456
    return [float(word) for word in re.findall(r"[-+]?\d*\.?\d+(?:[Ee][-+]?\d+)?", line)]


def xdatcar_frames(source):
    """Yield the configurations of an XDATCAR, of fixed or changing cell; they have no labels."""
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
    # the title may be an empty line; what follows it is seven lines, or six without the names of VASP 4
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
    """Yield the configurations of an ML_AB or ML_ABN: the frames on which an on-the-fly force field was trained."""
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
    # the file does not say which energy it is
    return RawFrame(
        atoms=built(names, positions, cell),
        energies={"energy": float(sections["Total energy (eV)"][0][0])},
        forces=found,
        virial=units.virial_from_pressure(pressure, abs(np.linalg.det(cell)), "kbar"),
    )


FORMATS = (
    Format(
        "vasp_xml", "VASP", "VASP vasprun.xml", xml_frames,
        lambda name, head: "<modeling>" in head, options=("species",), labels_from="a vasprun.xml with forces",
    ),
    Format(
        "vasp_outcar", "VASP", "VASP OUTCAR", outcar_frames,
        lambda name, head: re.match(r"\s*vasp\.\d", head) is not None, options=("species",), labels_from="a complete OUTCAR or vasprun.xml",
    ),
    Format(
        "vasp_ml_ab", "VASP", "VASP ML_AB", ml_ab_frames,
        lambda name, head: "The number of configurations" in head, options=("species",), labels_from="vasprun.xml or OUTCAR",
    ),
    Format(
        "vasp_xdatcar", "VASP", "VASP XDATCAR", xdatcar_frames,
        lambda name, head: re.search(r"^(Direct|Cartesian) configuration=", head, re.MULTILINE) is not None,
        options=("species",), labels_from="vasprun.xml or OUTCAR of the same run, which an XDATCAR does not replace",
    ),
)  # fmt: skip
