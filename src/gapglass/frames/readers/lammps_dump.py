"""LAMMPS: a text dump (custom) with forces, and the log whose thermo table has the energies.

These files rarely state their units, so ``lammps_units`` does. The pressure of the thermo table includes the motion of
the atoms; it becomes a virial if the dump has velocities, which give the kinetic contribution to subtract.
"""

import re
from collections import Counter

import numpy as np
from ase.data import atomic_masses

from gapglass.base import units
from gapglass.frames.readers.opening import beside, lines, present
from gapglass.frames.readers.records import Format, RawFrame, built, elements
from gapglass.frames.readers.sections import common_steps

# Units of energy, forces, pressure and time, as gapglass.base.units names them; lengths are in Å in both styles.
UNITS = {"metal": ("eV", "eV/A", "bar", "ps"), "real": ("kcal/mol", "kcal/mol/A", "atm", "fs")}
PRESSURES = ("Pxx", "Pyy", "Pzz", "Pxy", "Pxz", "Pyz")


def companions(path):
    """Return log.lammps of the same folder."""
    return present(thermo=beside(path, "log.lammps"))


def _dump(source):
    """Yield (step, time or None, bounds as read, names of the columns, rows sorted by atom id)."""
    item, step, time, box, triclinic, n_atoms = None, None, None, None, False, 0
    stream = lines(source.path)
    for line in stream:
        if line.startswith("ITEM: TIMESTEP"):
            step = int(next(stream, "0"))
        elif line.startswith("ITEM: TIME"):
            time = float(next(stream, "nan"))
        elif line.startswith("ITEM: NUMBER OF ATOMS"):
            n_atoms = int(next(stream, "0"))
        elif line.startswith("ITEM: BOX BOUNDS"):
            triclinic = "xy" in line
            if "abc" in line:
                raise source.error(
                    f"{source.path} holds a general triclinic box; write the dump without `triclinic/general`"
                )
            box = [next(stream, "").split() for _ in range(3)]
        elif line.startswith("ITEM: ATOMS"):
            item = line.split()[2:]
            rows = [next(stream, "").split() for _ in range(n_atoms)]
            if any(len(row) != len(item) for row in rows) or not n_atoms:
                source.dropped["truncated last frame"] += 1
                return
            if "id" not in item:
                raise source.error(
                    f"{source.path} has no column id; "
                    "LAMMPS changes the order of the atoms from frame to frame, dump the id"
                )
            place = item.index("id")
            yield step, time, np.array(box, float), triclinic, item, sorted(rows, key=lambda row: int(row[place]))
            time = None  # ITEM: TIME of a frame precedes its ITEM: TIMESTEP


def _cell(bounds, triclinic):
    """Return (origin, cell) in Å from BOX BOUNDS, which are the bounding box if the box is triclinic."""
    tilt = bounds[:, 2] if triclinic else np.zeros(3)
    xy, xz, yz = tilt
    low = bounds[:, 0] - [min(0, xy, xz, xy + xz), min(0, yz), 0]
    high = bounds[:, 1] - [max(0, xy, xz, xy + xz), max(0, yz), 0]
    lx, ly, lz = high - low
    return low, np.array([[lx, 0, 0], [xy, ly, 0], [xz, yz, lz]])


def _positions(source, item, vectors, origin, cell):
    for names in (("x", "y", "z"), ("xu", "yu", "zu")):
        if set(names) <= set(item):
            return vectors(*names) - origin
    for names in (("xs", "ys", "zs"), ("xsu", "ysu", "zsu")):
        if set(names) <= set(item):
            return vectors(*names) @ cell
    raise source.error(f"{source.path} has no columns x y z (or xu, xs, xsu); found: {' '.join(item)}")


def _names(source, item, rows):
    if "element" in item:
        return elements(source, [row[item.index("element")] for row in rows])
    types = [row[item.index("type")] for row in rows] if "type" in item else []
    if isinstance(source.species, list) and types:
        wrong = [kind for kind in types if int(kind) > len(source.species)]
        if wrong:
            raise source.error(f"`species` names {len(source.species)} types, {source.path} has type {wrong[0]}")
        return elements(source, [source.species[int(kind) - 1] for kind in types])
    if isinstance(source.species, dict) and types:
        return elements(source, types)
    raise source.error(
        f"{source.path} has no column element; give the element of each type in their order, `species: [Te, O]`"
    )


def _thermo(source, path):
    """Return (step -> {column: value} of all thermo tables of a log, time step or None, units or None)."""
    names, rows, timestep, stated = None, {}, None, None
    for line in lines(path):
        words = line.split()
        if words[:1] == ["Step"]:
            names = words
        elif names and len(words) == len(names) and words[0].isdigit():
            try:
                rows[int(words[0])] = dict(zip(names, map(float, words), strict=True))
            except ValueError:
                continue
        elif line.startswith("Loop time"):
            names = None
        elif found := re.match(r"(?:\s*Time step\s*:|timestep)\s+([\d.eE+-]+)\s*$", line):
            timestep = float(found.group(1))
        elif found := re.match(r"(?:\s*Unit style\s*:|units)\s+(\w+)\s*$", line):
            stated = found.group(1)
        elif re.match(r"\s*thermo_modify\b.*\bnorm\s+yes", line):
            raise source.error(f"{path} holds energies per atom (thermo_modify norm yes); write total energies")
    return rows, timestep, stated


def frames(source):
    """Yield the frames of the dump whose step is in the thermo table, or all frames if there is no log."""
    steps, stated = _scan(source.path)
    thermo, timestep = {}, None
    if "thermo" in source.companions:
        thermo, timestep, logged = _thermo(source, source.companions["thermo"])
        stated = stated or logged
    style = _style(source, stated)
    shared = set(common_steps(source, dump=steps, thermo=thermo)) if thermo else set(steps)
    for step, time, bounds, triclinic, item, rows in _dump(source):
        steps[step] -= 1
        if steps[step]:
            source.dropped["frames of a step that a continued run wrote again"] += 1
        elif step in shared:
            yield _frame(
                source, UNITS[style], (step, time, bounds, triclinic, item, rows), thermo.get(step, {}), timestep
            )


def _style(source, stated):
    """Return the unit style of the configuration, or the one that the files state."""
    if source.lammps_units and stated and stated != source.lammps_units:
        raise source.error(f"`lammps_units` is {source.lammps_units}, {source.path} or its log says {stated}")
    style = source.lammps_units or stated
    if style not in UNITS:
        problem = f"is in {stated} units, which are not known here" if stated else "does not say its units"
        raise source.error(
            f"{source.path} {problem}; allowed is `lammps_units: metal` (eV, Å, bar) or real (kcal/mol, Å, atm)"
        )
    return style


def _scan(path):
    """Return how often the dump has each step, and its units or None (dump_modify units yes)."""
    steps, stated = Counter(), None
    stream = lines(path)
    for line in stream:
        if line.startswith("ITEM: TIMESTEP"):
            steps[int(next(stream, "0"))] += 1
        elif line.startswith("ITEM: UNITS"):
            stated = next(stream, "").strip()
    return steps, stated


def _frame(source, style, read, row, timestep):
    step, time, bounds, triclinic, item, rows = read
    energy_unit, force_unit, pressure_unit, time_unit = style
    origin, cell = _cell(bounds, triclinic)

    def column(name):
        return np.array([words[item.index(name)] for words in rows], float)

    def vectors(*names):
        return np.stack([column(name) for name in names], axis=1)

    frame = RawFrame(
        built(_names(source, item, rows), _positions(source, item, vectors, origin, cell), cell), step=step
    )
    if {"fx", "fy", "fz"} <= set(item):
        frame.forces = units.forces(vectors("fx", "fy", "fz"), force_unit)
    if time is None:
        time = row.get("Time", None if timestep is None else step * timestep)
    frame.time_fs = None if time is None else float(units.time(time, time_unit))
    frame.temperature_k = row.get("Temp")
    if "PotEng" in row:
        frame.energies["energy"] = float(units.energy(row["PotEng"], energy_unit))
    if set(PRESSURES) <= set(row) and {"vx", "vy", "vz"} <= set(item):
        speed = units.velocities(vectors("vx", "vy", "vz"), "A", time_unit)
        masses = column("mass") if "mass" in item else atomic_masses[frame.atoms.numbers]
        pressure = units.tensor([row[name] for name in PRESSURES], "xx yy zz xy xz yz")
        total = units.virial_from_pressure(pressure, abs(np.linalg.det(cell)), pressure_unit)
        frame.virial = total - units.kinetic_virial(masses, speed)
    elif set(PRESSURES) <= set(row):
        source.note(
            "the thermo table has the pressure, but the dump no velocities to take the motion out of it: no virials"
        )
    return frame


FORMATS = (
    Format(
        "lammps_dump",
        family="LAMMPS",
        title="LAMMPS dump with thermo",
        frames=frames,
        recognises=lambda name, head: head.startswith("ITEM: "),
        companions=companions,
        accepts=("thermo",),
        options=("companions", "species", "lammps_units"),
        labels_from="a dump with fx fy fz, and log.lammps with PotEng in its thermo table at the same steps",
    ),
)
