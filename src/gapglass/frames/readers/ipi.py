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
from gapglass.frames.readers.sections import common_steps, index_xyz, numbers, record_at, stands_still

CELL = re.compile(r"CELL\s*[\[({](\w+)[\])}]\s*:\s*((?:[-+\d.Ee]+\s+)+)")
# The name of a property may have arguments, such as temperature(H), which is that of a part of the atoms.
COLUMN = re.compile(r"#\s*columns?\s+(\d+)(?:-(\d+))?\s*-->\s*(\w+)\s*(\([^)]*\))?\s*(?:\{([^}]*)\})?")
QUANTITY = re.compile(r"\b(\w+)\{[^}]*\}")
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
VOLUMES = {"atomic_unit": "Bohr", "angstrom3": "A", "bohr3": "Bohr"}
SAME_CELL_ANGSTROM = 2e-4  # lengths are printed with five decimals
SAME_VOLUME = 1e-4  # relative


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


def _check_quantity(source, path, comment, what):
    """Refuse a file of another quantity, such as x_centroid, whose unit would not be found."""
    stated = [name for name in QUANTITY.findall(comment) if name.lower() != "cell"]
    if stated and what not in stated:
        raise source.error(f"{path} holds {', '.join(stated)}, not {what}; give the file of the {what}")


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
    """Return step -> {property: value} with energies in eV, times in fs, temperatures in K, volumes in Å³."""
    columns, parts, rows, width = {}, {}, {}, 0
    for line in lines(path):
        if found := COLUMN.search(line):
            first, last, name, arguments, unit = found.groups()
            width = max(width, int(last or first))
            place = (int(first) - 1, (unit or "atomic_unit").strip().lower())
            (parts if arguments else columns).setdefault(name, place)
            continue
        words = line.split()
        if not words or words[0].startswith("#") or "step" not in columns:
            continue
        step = numbers([words[columns["step"][0]]])[0] if len(words) >= width else np.nan
        if not line.endswith("\n") or not np.isfinite(step):
            source.dropped["truncated line of the properties"] += 1
            continue
        rows[round(float(step))] = _property_row(source, path, columns, words)
    if not columns:
        raise source.error(f"{path} has no lines `# column 1 --> step`; it is not a table of properties of i-PI")
    for name in sorted(set(parts) & {"temperature", "potential", "kinetic_md", "volume"} - set(columns)):
        source.note(f"{path} has {name} of a part of the system only (a property with arguments); it is not used")
    return rows


def _property_row(source, path, columns, words):
    row = {}
    for name, known, convert in (
        ("potential", ENERGIES, units.energy),
        ("kinetic_md", ENERGIES, units.energy),
        ("time", TIMES, units.time),
        ("volume", VOLUMES, lambda value, unit: value * units.LENGTH_ANGSTROM[unit] ** 3),
    ):
        if name in columns:
            place, unit = columns[name]
            if unit not in known and name in ("potential", "time"):
                raise source.error(f"{path}: the unit {unit!r} of {name} is not known; allowed: {', '.join(known)}")
            if unit in known:
                row[name] = float(convert(numbers([words[place]])[0], known[unit]))
    if "temperature" in columns:
        place, unit = columns["temperature"]
        if unit not in ("kelvin", "atomic_unit"):
            raise source.error(f"{path}: the unit {unit!r} of temperature is not known; allowed: kelvin, atomic_unit")
        row["temperature"] = float(numbers([words[place]])[0])
        row["temperature"] /= 1.0 if unit == "kelvin" else ase_units.kB / ase_units.Hartree
    return row


def _indexed(source, path, what):
    """Return an open XYZ file and where its records begin; count what is left out."""
    stream = open_bytes(path)
    try:
        index = index_xyz(stream, _step)
    except ValueError as error:
        raise ValueError(f"{path}, {error}") from error
    index.count(source.dropped, what)
    for comment in index.comments.values():
        _check_quantity(source, path, comment, what)
        if bead := _bead(comment):
            raise source.error(
                f"{path} is bead {bead} of a path-integral run; i-PI's potential is the mean over the beads and the "
                "label of none. Compute the energies and forces of the single beads again"
            )
    return stream, index


def _bead(comment):
    found = re.search(r"Bead:\s*(\d+)", comment)
    return int(found.group(1)) if found else 0


def frames(source):
    """Yield the steps that all files have."""
    _refuse_beads(source)
    streams, steps, repeated = {}, {}, 0
    for what, path in (("positions", source.path), ("forces", source.companions.get("forces"))):
        if path is not None:
            streams[what], index = _indexed(source, path, what)
            steps[what], repeated = index.offsets, repeated + index.repeated
    if repeated:
        source.dropped["records of a step that a restart wrote again"] += repeated
    if "energies" in source.companions:
        steps["energies"] = _properties(source, source.companions["energies"])
    shared = common_steps(source, **steps)
    rows = [steps["energies"][step] for step in shared] if "energies" in steps else [{}] * len(shared)
    timed = not stands_still([row.get("time") for row in rows])
    moving = any(row.get("temperature") for row in rows)
    _check_temperatures(source, shared, rows)
    for step, row in zip(shared, rows, strict=True):
        frame = _frame(source, streams, steps, step, row)
        frame.time_fs = row.get("time") if timed else None
        frame.temperature_k = row.get("temperature") if moving else None
        if "potential" in row:
            frame.energies["energy"] = row["potential"]
        yield frame


def _frame(source, streams, steps, step, row):
    """Return positions, cell and forces of a step; whatever two files state of it is compared."""
    comment, names, values = record_at(streams["positions"], steps["positions"][step])
    places, cell = units.length(values, _unit(source, comment, "positions", LENGTHS)), _cell(source, comment)
    frame = RawFrame(built(elements(source, names), places, cell), step=step)
    if "forces" in steps:
        path = source.companions["forces"]
        comment, of, values = record_at(streams["forces"], steps["forces"][step])
        if of != names:
            raise source.error(f"step {step}: {path} has other atoms than {source.path}")
        if CELL.search(comment) and np.abs(other := _cell(source, comment) - cell).max() > SAME_CELL_ANGSTROM:
            raise source.error(
                f"step {step}: the cell is {_edges(cell)} in {source.path} and {_edges(cell + other)} in {path}; "
                "are they of one run?"
            )
        frame.forces = units.forces(values, _unit(source, comment, "forces", FORCES))
    volume = abs(np.linalg.det(cell))
    if abs(row.get("volume", volume) - volume) > SAME_VOLUME * volume:
        raise source.error(
            f"step {step}: the cell spans {volume:.4f} Å³ in {source.path}, the volume is {row['volume']:.4f} Å³ in "
            f"{source.companions['energies']}; are they of one run?"
        )
    return frame


def _edges(cell):
    return " ".join(f"{value:.4f}" for value in Cell(cell).cellpar())


def _check_temperatures(source, steps, rows):
    """Refuse properties whose kinetic energy and temperature contradict each other from step to step."""
    first = None
    for step, row in zip(steps, rows, strict=True):
        if row.get("temperature", 0.0) > 1.0 and "kinetic_md" in row:
            free = 2 * row["kinetic_md"] / (units.BOLTZMANN_EV_PER_K * row["temperature"])
            first = first or (step, free)
            if abs(free - first[1]) > 1e-3 * abs(first[1]):
                raise source.error(
                    f"{source.companions['energies']}: kinetic_md and temperature give {first[1]:.2f} degrees of "
                    f"freedom at step {first[0]} and {free:.2f} at step {step}; one of the two columns is wrong"
                )


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
