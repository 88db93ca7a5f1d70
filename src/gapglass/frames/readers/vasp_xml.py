"""VASP's vasprun.xml, read step by step; the memory does not grow with the number of steps.

The kind free_energy is e_fr_energy (TOTEN); energy is the one extrapolated to zero smearing (e_0_energy).
"""

import xml.etree.ElementTree as ElementTree
from xml.parsers.expat import errors

import numpy as np

from gapglass.base import units
from gapglass.frames.readers import twice
from gapglass.frames.readers.opening import COMPRESSED
from gapglass.frames.readers.records import RawFrame, built, elements
from gapglass.frames.readers.vasp_common import (
    CUT_FORCES,
    NOT_CONVERGED,
    TRUNCATED,
    WITHOUT_SCF,
    functional,
    k_points,
    named_element,
    potcar_element,
    smearing,
)

TAGS = (
    *("PSTRESS", "POTIM", "IBRION", "NBLOCK", "NELM", "ENMAX", "EDIFF", "ISMEAR", "SIGMA", "GGA", "METAGGA"),
    *("LHFCALC", "HFSCREEN", "IVDW", "LUSE_VDW", "LDAU"),
)
HEAD = {"generator", "incar", "parameters", "kpoints", "atominfo"}
# Errors of a file that ends too early; all others show that something else stands in the middle of it.
CUT_OFF = {
    errors.codes[text]
    for text in (
        *(errors.XML_ERROR_NO_ELEMENTS, errors.XML_ERROR_UNCLOSED_TOKEN, errors.XML_ERROR_PARTIAL_CHAR),
        errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
}


def frames(source):
    """Yield the ionic steps of a vasprun.xml."""
    opener = COMPRESSED.get(source.path.suffix, open)
    run, number, inside = _Run(source), -1, False
    with opener(source.path, "rb") as stream:
        try:
            for event, element in ElementTree.iterparse(stream, ("start", "end")):
                if element.tag == "calculation":
                    inside = event == "start"
                if event == "start":
                    continue
                if element.tag in HEAD:
                    run.reads(element)
                elif element.tag == "calculation":
                    number += 1
                    frame = _step(run, element, number)
                    element.clear()
                    if frame is not None:
                        yield frame
        except ElementTree.ParseError as error:
            _refuse_or_count(source, error, number, inside)


def _refuse_or_count(source, error, number, inside):
    """Count a cut end of the file, or refuse a file that has something else than XML before its end."""
    if number < 0:
        raise source.error(f"{source.path} is not a vasprun.xml with at least one finished step: {error}") from error
    if error.code not in CUT_OFF:
        raise source.error(
            f"{source.path}, line {error.position[0]}: {error}; what follows cannot be read. Files that were joined, "
            "or to which a second run was appended, must be separate trajectories"
        ) from error
    if inside:
        source.dropped[TRUNCATED] += 1
    else:
        source.note(f"{source.path.name} has no end: the run was stopped or the file is cut off")


class _Run:
    """Tags, species and settings of a vasprun.xml, read before its first step."""

    def __init__(self, source):
        self.source, self.symbols, self.tags, self.titles = source, None, {}, []
        self.version = self.points = None

    def reads(self, element):
        """Read an element that has ended, if it belongs to the head."""
        if element.tag == "generator":
            self.version = (element.findtext("i[@name='version']") or "").strip()
        elif element.tag in ("incar", "parameters"):
            self.tags |= {
                item.get("name"): (item.text or "").strip() for item in element.iter("i") if item.get("name") in TAGS
            }
        elif element.tag == "kpoints":
            divisions = element.findtext("generation/v[@name='divisions']")
            listed = element.find("varray[@name='kpointlist']")
            self.points = k_points(divisions, None if listed is None else len(listed))
        elif element.tag == "atominfo":
            self._reads_atoms(element)
        if element.tag in ("parameters", "atominfo") and self.symbols:
            self._state_settings()

    def _reads_atoms(self, element):
        """Read the species; the list of atoms, the list of types and two numbers state them twice."""
        source = self.source
        rows = _table(element, "atoms")
        types = _table(element, "atomtypes")
        self.titles = [" ".join(row["pseudopotential"].split()) for row in types if row.get("pseudopotential")]
        names = [_name(source, row, types) for row in rows]
        self.symbols = elements(source, names)
        stated = {"atoms": element.findtext("atoms"), "types": element.findtext("types")}
        found = {"atoms": len(rows), "types": len(types) or None}
        for what, text in stated.items():
            if text and found[what] is not None and int(text) != found[what]:
                raise source.error(f"{source.path} states {int(text)} {what}, but lists {found[what]}")
        for number, row in enumerate(types, 1):
            title = row.get("pseudopotential", "")
            of_title = twice.element_of(potcar_element(source, title)) if title.strip() else None
            of_list = twice.element_of(row["element"])
            if of_title and of_list and of_title != of_list:
                raise source.error(f"{source.path} has type {number} as {of_list} with the POTCAR {title.strip()!r}")
            n_listed = sum(int(of.get("atomtype", -1)) == number for of in rows)
            if "atomspertype" in row and all("atomtype" in of for of in rows) and int(row["atomspertype"]) != n_listed:
                raise source.error(
                    f"{source.path} states {row['atomspertype'].strip()} atoms of type {number}, but lists {n_listed}"
                )
        twice.check_masses(
            source,
            (
                (symbol, float(row["mass"]))
                for row in types
                if (symbol := twice.element_of(row["element"])) is not None
            ),
        )

    def _state_settings(self):
        tags = self.tags
        twice.state(
            self.source,
            code="VASP",
            version=self.version,
            functional=functional(tags, self.titles),
            cutoff_ev=_stated(tags, "ENMAX"),
            k_points=self.points,
            pseudopotentials=", ".join(self.titles),
            scf_threshold_ev=_stated(tags, "EDIFF"),
            smearing=smearing(tags),
        )


def _stated(tags, name):
    """Return a tag as float, None if it is absent or no number."""
    try:
        return float(tags[name])
    except (KeyError, ValueError):
        return None


def _table(element, name):
    """Return the rows of an array of atominfo as dicts; the array names its columns."""
    array = element.find(f"array[@name='{name}']")
    if array is None:
        return []
    columns = [field.text.strip() for field in array.findall("field")]
    return [dict(zip(columns, [cell.text or "" for cell in row], strict=True)) for row in array.find("set")]


def _name(source, row, types):
    """Return the name of an atom; VASP misspells some elements (r for Zr), whose POTCAR then tells it."""
    name = row["element"].strip()
    number = int(row.get("atomtype", 0))
    if twice.element_of(name) is None and 0 < number <= len(types) and types[number - 1].get("pseudopotential"):
        return potcar_element(source, types[number - 1]["pseudopotential"])
    return named_element(source, name)


def _rows(element):
    return np.array([row.text.split() for row in element], float)


def _step(run, step, number):
    """Return the frame of a calculation, or None if it is left out and counted."""
    source, tags = run.source, run.tags
    if step.find("scstep") is None:
        source.dropped[WITHOUT_SCF] += 1
        return None
    try:
        cell = _rows(step.find("structure/crystal/varray[@name='basis']"))
        places = _rows(step.find("structure/varray[@name='positions']"))
        energies = _energies(step, float(tags.get("PSTRESS", 0.0)), abs(np.linalg.det(cell)))
        forces, pressure = (
            None if found is None else _rows(found)
            for found in (step.find("varray[@name='forces']"), step.find("varray[@name='stress']"))
        )
    except (ValueError, TypeError, AttributeError):
        # One spoilt step, with asterisks or without its structure, does not stop the reading of the others.
        source.dropped[CUT_FORCES] += 1
        return None
    _check_counts(run, number, cell, places, forces, step.findtext("structure/crystal/i[@name='volume']"))
    # VASP may write only every NBLOCK-th step; with NBLOCK = 1 it writes all of them, and the times are certain.
    timed = tags.get("IBRION", "") == "0" and int(tags.get("NBLOCK", 1)) == 1
    return RawFrame(
        atoms=built(run.symbols, places @ cell, cell),
        energies=energies,
        forces=forces,
        virial=None if pressure is None else units.virial_from_pressure(pressure, abs(np.linalg.det(cell)), "kbar"),
        step=number + 1,
        time_fs=number * float(tags["POTIM"]) if timed and "POTIM" in tags else None,
        converged=_converged(source, step, tags),
    )


def _energies(step, pstress, volume):
    """Return the energies of a step by their kinds.

    The e_fr_energy of an ionic step includes p V of an applied pressure. The e_0_energy of an ionic step is wrong in
    some versions, and that of its last electronic step lacks van der Waals corrections, so only its difference to the
    e_fr_energy of the same electronic step is used, as in ASE.
    """
    pv = float(units.virial_from_pressure(np.eye(3) * pstress, volume, "kbar")[0, 0])
    free = float(step.find("energy/i[@name='e_fr_energy']").text) - pv
    electronic = step.findall("scstep/energy")[-1]
    last = {name: float(electronic.find(f"i[@name='{name}']").text) for name in ("e_0_energy", "e_fr_energy")}
    return {"free_energy": free, "energy": free + last["e_0_energy"] - last["e_fr_energy"]}


def _converged(source, step, tags):
    """Return whether the electronic iterations ended before NELM, None if the file does not state NELM."""
    if "NELM" not in tags:
        return None
    reached = len(step.findall("scstep")) < int(tags["NELM"])
    if not reached:
        source.note(NOT_CONVERGED)
    return reached


def _check_counts(run, number, cell, places, forces, volume):
    source, expected = run.source, (len(run.symbols), 3)
    for what, rows in (("positions", places), ("forces", forces)):
        if rows is not None and rows.shape != expected:
            raise source.error(
                f"{source.path}, step {number + 1}: {len(rows)} {what}, but its list of atoms has {expected[0]}"
            )
    twice.check_volume(
        cell, float(volume) if volume else None, lambda text: source.error(f"{source.path}, step {number + 1}: {text}")
    )
