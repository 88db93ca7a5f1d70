"""i-PI: xyz positions with the cell in the comment line, a forces file of the same form, and the table of properties.

Units follow each name in braces; without braces they are atomic. The energy is that of the program that computed it
for i-PI, so its kind is not known.
"""

import glob
import re

import numpy as np
from ase import units as ase_units
from ase.cell import Cell

from gapglass.base import units
from gapglass.frames.readers.opening import beside, lines, open_bytes, present
from gapglass.frames.readers.records import Format, RawFrame, built, elements
from gapglass.frames.readers.sections import common_steps, index_xyz, record_at

CELL = re.compile(r"CELL\s*[\[({](\w+)[\])}]\s*:\s*((?:[-+\d.Ee]+\s+)+)")
COLUMN = re.compile(r"#\s*column\s+(\d+)(?:-\d+)?\s*-->\s*(\w+)(?:\{([^}]*)\})?")
# i-PI's names of units -> names in gapglass.base.units.
LENGTHS = {"angstrom": "A", "atomic_unit": "Bohr", "bohr": "Bohr", "nanometer": "nm"}
ENERGIES = {
    "electronvolt": "eV",
    "atomic_unit": "Hartree",
    "hartree": "Hartree",
    "kilocal/mol": "kcal/mol",
    "kilojoule/mol": "kJ/mol",
}
FORCES = {"atomic_unit": "Hartree/Bohr", "ev/ang": "eV/A"}
TIMES = {"atomic_unit": "a.u.", "picosecond": "ps", "femtosecond": "fs"}


def companions(path):
    """Return forces and properties beside PREFIX.pos_0.xyz under their usual names; i-PI's input may choose others."""
    found = re.match(r"(.+)\.(?:pos|positions)(?:_(\d+))?\.xyz", path.name)
    if not found:
        return {}
    prefix, bead = found.groups()
    endings = [f"_{bead}.xyz", ".xyz"] if bead is not None else [".xyz"]
    return present(
        forces=beside(
            path,
            *(f"{prefix}.{name}{ending}" for name in ("for", "frc", "force", "forces", "f") for ending in endings),
        ),
        energies=beside(path, *(f"{prefix}.{name}" for name in ("out", "properties", "prop", "md"))),
    )


def _unit(source, comment, what, known):
    found = re.search(rf"\b{what}\{{([^}}]*)\}}", comment)
    name = found.group(1).strip().lower() if found else "atomic_unit"
    if name not in known:
        raise source.error(f"{source.path}: the unit {name!r} of the {what} is not known; allowed: {', '.join(known)}")
    return known[name]


def _step(comment):
    found = re.search(r"Step:\s*(\d+)", comment)
    if not found:
        raise ValueError(f"a comment line without Step: {comment.strip()!r}")
    return int(found.group(1))


def _cell(source, comment):
    """Return the cell of a comment line (Å, 3 x 3), vectors in rows."""
    found = CELL.search(comment)
    if not found:
        raise source.error(f"{source.path} has a comment line without CELL(abcABC): {comment.strip()!r}")
    kind, numbers = found.group(1), np.array(found.group(2).split(), float)
    unit = _unit(source, comment, "cell", LENGTHS)
    if kind == "abcABC":
        return np.asarray(Cell.new([*units.length(numbers[:3], unit), *numbers[3:6]]))
    if kind in ("H", "GENH"):
        # The columns of i-PI's matrix h are the cell vectors.
        return units.length(numbers[:9].reshape(3, 3).T, unit)
    raise source.error(f"{source.path}: CELL({kind}) is not known; allowed: abcABC, H, GENH")


def _properties(source, path):
    """Return step -> {property: value} with energies in eV, times in fs, temperatures in K."""
    columns, rows = {}, {}
    for line in lines(path):
        if found := COLUMN.search(line):
            columns[found.group(2)] = (int(found.group(1)) - 1, (found.group(3) or "atomic_unit").strip().lower())
            continue
        words = line.split()
        if not words or words[0].startswith("#") or "step" not in columns:
            continue
        if len(words) <= max(place for place, _ in columns.values()):
            source.dropped["truncated line of the properties"] += 1
            continue
        rows[round(float(words[columns["step"][0]]))] = _property_row(source, path, columns, words)
    if not columns:
        raise source.error(f"{path} has no lines `# column 1 --> step`; it is not a table of properties of i-PI")
    return rows


def _property_row(source, path, columns, words):
    row = {}
    for name, known, convert in (("potential", ENERGIES, units.energy), ("time", TIMES, units.time)):
        if name in columns:
            place, unit = columns[name]
            if unit not in known:
                raise source.error(f"{path}: the unit {unit!r} of {name} is not known; allowed: {', '.join(known)}")
            row[name] = float(convert(float(words[place]), known[unit]))
    if "temperature" in columns:
        place, unit = columns["temperature"]
        row["temperature"] = float(words[place]) / (1.0 if unit == "kelvin" else ase_units.kB / ase_units.Hartree)
    return row


def frames(source):
    """Yield the steps that all files have."""
    _refuse_beads(source)
    stream = open_bytes(source.path)
    offsets, repeated, truncated = index_xyz(stream, _step)
    steps = {"positions": offsets}
    if truncated:
        source.dropped["truncated last record of the positions"] += 1
    if "forces" in source.companions:
        force_stream = open_bytes(source.companions["forces"])
        steps["forces"], more, _ = index_xyz(force_stream, _step)
        repeated += more
    if "energies" in source.companions:
        steps["energies"] = _properties(source, source.companions["energies"])
    if repeated:
        source.dropped["records of a step that a restart wrote again"] += repeated
    for step in common_steps(source, **steps):
        comment, names, numbers = record_at(stream, offsets[step])
        places = units.length(numbers, _unit(source, comment, "positions", LENGTHS))
        frame = RawFrame(built(elements(source, names), places, _cell(source, comment)), step=step)
        if "forces" in steps:
            comment, of, numbers = record_at(force_stream, steps["forces"][step])
            if of != names:
                raise source.error(f"step {step}: {source.companions['forces']} has other atoms than {source.path}")
            frame.forces = units.forces(numbers, _unit(source, comment, "forces", FORCES))
        if "energies" in steps:
            row = steps["energies"][step]
            frame.time_fs, frame.temperature_k = row.get("time"), row.get("temperature")
            if "potential" in row:
                frame.energies["energy"] = row["potential"]
        yield frame


def _refuse_beads(source):
    """Refuse a bead of a path-integral run, because the potential in the properties is the mean over all beads."""
    found = re.match(r"(.+)_(\d+)(\.xyz.*)", source.path.name)
    if not found or "energies" not in source.companions:
        return
    stem, bead, ending = found.groups()
    others = [
        path.name
        for path in source.path.parent.glob(f"{glob.escape(stem)}_*{ending}")
        if path.name != source.path.name
    ]
    if any(re.fullmatch(rf"{re.escape(stem)}_\d{{{len(bead)}}}{re.escape(ending)}", name) for name in others):
        raise source.error(
            f"{source.path} is one of several beads; i-PI's potential is the mean over them and the label of none. "
            "Compute the energies and forces of the single beads again"
        )


def recognises(name, head):
    """Return whether an XYZ file is one of i-PI, by the cell in its comment line, which extended XYZ does not have."""
    second = head.split("\n")[1:2]
    return bool(second) and second[0].lstrip().startswith("#") and CELL.search(second[0]) is not None


FORMATS = (
    Format(
        "ipi",
        family="i-PI",
        title="i-PI positions with forces and properties",
        frames=frames,
        recognises=recognises,
        companions=companions,
        accepts=("forces", "energies"),
        options=("companions", "species"),
        labels_from="a trajectory of forces and a properties file with step and potential",
    ),
)
