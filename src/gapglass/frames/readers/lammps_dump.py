"""LAMMPS: a text dump (custom) with forces, and the log whose thermo table has the energies.

These files rarely state their units, so ``lammps_units`` does. The pressure of the thermo table includes the motion of
the atoms; it becomes a virial if the dump has velocities, which give the kinetic contribution to subtract.
"""

import numpy as np
from ase.data import atomic_masses

from gapglass.base import units
from gapglass.frames.readers.lammps_log import Log, read_log
from gapglass.frames.readers.lammps_records import COMPLETE, SPOILT, TRUNCATED, records
from gapglass.frames.readers.opening import beside, present
from gapglass.frames.readers.records import Format, RawFrame, built, elements
from gapglass.frames.readers.sections import common_steps

# Units of energy, forces, pressure and time, as gapglass.base.units names them; lengths are in Å in both styles.
UNITS = {"metal": ("eV", "eV/A", "bar", "ps"), "real": ("kcal/mol", "kcal/mol/A", "atm", "fs")}
PRESSURES = ("Pxx", "Pyy", "Pzz", "Pxy", "Pxz", "Pyz")
# Columns of the thermo table -> how the box of the dump gives them.
BOX_COLUMNS = {
    "Volume": lambda cell: abs(np.linalg.det(cell)),
    **{name: lambda cell, i=i: cell[i, i] for i, name in enumerate(("Lx", "Ly", "Lz"))},
    **{name: lambda cell, at=at: cell[at] for name, at in (("Xy", (1, 0)), ("Xz", (2, 0)), ("Yz", (2, 1)))},
}
SAME_BOX = 1e-4  # relative; thermo prints about eight digits
SAME_SUM = 1e-4  # relative to the largest term
SAME_KINETIC = 5e-3  # relative; a dump prints six digits
# A mass this close to that of an element is meant to be this element.
SAME_MASS = 2e-3


def companions(path):
    """Return log.lammps of the same folder."""
    return present(thermo=beside(path, "log.lammps"))


def _sorted(source, record):
    """Sort the rows of a record by the id of the atoms."""
    if "id" not in record.columns:
        raise source.error(
            f"{source.path} has no column id; LAMMPS changes the order of the atoms from frame to frame, dump the id"
        )
    place = record.columns.index("id")
    record.rows.sort(key=lambda row: int(row[place]))
    if len({row[place] for row in record.rows}) != len(record.rows):
        raise source.error(f"{source.path}, line {record.line}: two atoms of one frame have the same id")


def _positions(source, record, origin, cell):
    for names in (("x", "y", "z"), ("xu", "yu", "zu")):
        if set(names) <= set(record.columns):
            return record.vectors(*names) - origin
    for names in (("xs", "ys", "zs"), ("xsu", "ysu", "zsu")):
        if set(names) <= set(record.columns):
            return record.vectors(*names) @ cell
    raise source.error(f"{source.path} has no columns x y z (or xu, xs, xsu); found: {' '.join(record.columns)}")


def _names(source, record):
    item, rows = record.columns, record.rows
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


def frames(source):
    """Yield the frames of the dump whose step is in the thermo table, or all frames if there is no log."""
    last, stated = _scan(source)
    log = Log()
    if "thermo" in source.companions:
        path = source.companions["thermo"]
        log = read_log(source, path)
        stated = stated or log.units
        _report(source, path, log)
    style = _style(source, stated)
    if last and not log.rows and "thermo" in source.companions:
        source.note(f"{source.companions['thermo']} has no thermo table with a column Step")
    shared = set(common_steps(source, dump=last, thermo=log.rows)) if log.rows else set(last)
    still = bool(log.rows) and not any(log.rows[step].get("Temp") for step in shared)
    for number, record in enumerate(records(source)):
        if record.state == COMPLETE and last[record.step] == number and record.step in shared:
            _sorted(source, record)
            frame = _frame(source, UNITS[style], record, log)
            frame.temperature_k = None if still else frame.temperature_k
            yield frame


def _scan(source):
    """Return the number of the last complete record of each step, and the units that the dump states or None.

    Records that are left out are counted in ``source.dropped``.
    """
    last, stated = {}, None
    for number, record in enumerate(records(source)):
        stated = record.units or stated
        if record.state == TRUNCATED:
            source.dropped["truncated last frame"] += 1
        elif record.state == SPOILT:
            source.dropped[f"incomplete frame (line {record.line})"] += 1
        else:
            if record.step in last:
                source.dropped["frames of a step that a continued run wrote again"] += 1
            last[record.step] = number
    return last, stated


def _report(source, path, log):
    """Report rows of the log that are cut off or replaced by other energies."""
    if log.truncated:
        source.dropped["truncated row of the thermo table"] += log.truncated
    if log.changed:
        step, before, after = log.changed[0]
        source.note(
            f"{path} has {len(log.changed)} steps twice with other energies (step {step}: {before:g} and {after:g}), "
            "as of two runs; the last one is taken, the dump must be of this run"
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


def _frame(source, style, record, log):
    """Return the frame of a record; whatever dump and log both state is compared."""
    energy_unit, force_unit, pressure_unit, time_unit = style
    row, item = log.rows.get(record.step, {}), set(record.columns)
    origin, cell = record.cell()
    frame = RawFrame(built(_names(source, record), _positions(source, record, origin, cell), cell), step=record.step)
    if record.periodic is not None:
        frame.atoms.pbc = record.periodic
    masses = _masses(source, record, frame.atoms, log)
    _compare(source, record, log, cell)
    if {"fx", "fy", "fz"} <= item:
        frame.forces = units.forces(record.vectors("fx", "fy", "fz"), force_unit)
    time = record.time
    if time is None:
        time = row.get("Time", None if log.timestep is None else record.step * log.timestep)
    frame.time_fs = None if time is None else float(units.time(time, time_unit))
    frame.temperature_k = row.get("Temp")
    if "PotEng" in row:
        frame.energies["energy"] = float(units.energy(row["PotEng"], energy_unit))
    motion = None
    if {"vx", "vy", "vz"} <= item:
        speed = units.velocities(record.vectors("vx", "vy", "vz"), "A", time_unit)
        motion = units.kinetic_virial(masses, speed)
    if set(PRESSURES) <= set(row) and motion is not None:
        if _same_motion(source, record, row, motion.trace() / 2, energy_unit):
            pressure = units.tensor([row[name] for name in PRESSURES], "xx yy zz xy xz yz")
            frame.virial = units.virial_from_pressure(pressure, abs(np.linalg.det(cell)), pressure_unit) - motion
    elif set(PRESSURES) <= set(row):
        source.note(
            "the thermo table has the pressure, but the dump no velocities to take the motion out of it: no virials"
        )
    return frame


def _masses(source, record, atoms, log):
    """Return the masses of the atoms: those of the dump, of the commands of the log, or of the elements.

    Raises
    ------
    UserError
        When a mass is that of another element of the frame, or far from that of its own.
    """
    own = atomic_masses[atoms.numbers]
    if "mass" in record.columns:
        masses, where = record.column("mass"), "the column mass"
    elif "type" in record.columns and log.masses:
        place = record.columns.index("type")
        masses = np.array([log.masses.get(row[place], mass) for row, mass in zip(record.rows, own, strict=True)])
        where = "the log"
    else:
        return own
    others = {number: atomic_masses[number] for number in set(atoms.numbers.tolist())}
    for mass, number, symbol in sorted(set(zip(masses.tolist(), atoms.numbers.tolist(), atoms.symbols, strict=True))):
        away = abs(mass - others[number])
        exchanged = away > SAME_MASS * others[number] and any(
            abs(mass - other) < SAME_MASS * other for other in others.values()
        )
        if exchanged or away > 0.5 * max(others[number], 4.0):
            raise source.error(
                f"an atom that is {symbol} ({others[number]:.3f} u) has the mass {mass:g} in {where}; "
                "is the order of `species` that of the types?"
            )
    return masses


def _compare(source, record, log, cell):
    """Refuse a dump and a log that contradict each other in a number of atoms, the box, the time or an energy."""
    row, pairs = log.rows.get(record.step, {}), []
    counts = {int(row["Atoms"])} if "Atoms" in row else log.n_atoms
    if counts and record.n_atoms not in counts:
        pairs.append(("number of atoms (is the dump of a group?)", record.n_atoms, min(counts), 0.1))
    length = abs(np.linalg.det(cell)) ** (1 / 3)
    for name, of in BOX_COLUMNS.items():
        if name in row:
            scale = length**3 if name == "Volume" else length
            pairs.append((name, of(cell), row[name], SAME_BOX * scale))
    if record.time is not None and "Time" in row:
        pairs.append(("time", record.time, row["Time"], SAME_BOX * max(1e-3, abs(record.time))))
    if log.boundary is not None and record.periodic not in (None, log.boundary):
        pairs.append(("number of periodic directions", sum(record.periodic), sum(log.boundary), -1))
    for what, in_dump, in_log, tolerance in pairs:
        if abs(in_dump - in_log) > tolerance:
            raise source.error(
                f"step {record.step}: {what} is {in_dump:g} in {source.path} and {in_log:g} in "
                f"{source.companions['thermo']}; are they of one run?"
            )
    if {"PotEng", "KinEng", "TotEng"} <= set(row):
        largest = max(abs(row[name]) for name in ("PotEng", "KinEng", "TotEng"))
        if abs(row["PotEng"] + row["KinEng"] - row["TotEng"]) > SAME_SUM * max(largest, 1e-3):
            raise source.error(
                f"step {record.step} of {source.companions['thermo']}: PotEng {row['PotEng']:g} and KinEng "
                f"{row['KinEng']:g} do not add up to TotEng {row['TotEng']:g}"
            )
    if {"Press", *PRESSURES[:3]} <= set(row):
        mean = np.mean([row[name] for name in PRESSURES[:3]])
        largest = max(abs(row[name]) for name in PRESSURES[:3])
        if abs(mean - row["Press"]) > SAME_SUM * max(largest, 1.0):
            raise source.error(
                f"step {record.step} of {source.companions['thermo']}: Press is {row['Press']:g}, "
                f"the mean of Pxx, Pyy and Pzz {mean:g}"
            )


def _same_motion(source, record, row, found, energy_unit):
    """Return whether the velocities have the kinetic energy of the thermo table; note it once if not."""
    if "KinEng" not in row:
        return True
    stated = float(units.energy(row["KinEng"], energy_unit))
    if abs(found - stated) <= SAME_KINETIC * max(found, stated):
        return True
    if not any("kinetic energy" in note for note in source.notes):
        source.note(
            f"step {record.step}: velocities and masses give a kinetic energy of {found:.5g} eV, the thermo table "
            f"says {stated:.5g} eV; such steps have no virial (masses of their own need the column mass)"
        )
    return False


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
