"""CPMD: TRAJECTORY or FTRAJECTORY with ENERGIES, all in Hartree atomic units.

Both contain positions and velocities, and FTRAJECTORY the forces. The files name neither species nor cell, so the
configuration does. The positions are not wrapped into the cell. A restart writes `<<<<<< NEW DATA >>>>>>` and may
repeat steps, of which the last record counts.
"""

import re

import numpy as np

from gapglass.base import units
from gapglass.frames.readers import twice
from gapglass.frames.readers.blocks import given_count, index_blocks, words_at
from gapglass.frames.readers.opening import beside, lines, open_bytes, present
from gapglass.frames.readers.records import Format, RawFrame, built, given_cell, listed_species
from gapglass.frames.readers.sections import common_steps, leave_out_empty

KIND = "free_energy"
ADVICE = {"forces": "TRAJECTORY FORCES in CPMD's input writes them"}


def companions(path):
    """Return FTRAJECTORY (for a TRAJECTORY) and ENERGIES of the same folder."""
    return present(
        forces=None if path.name.startswith("FTRAJECTORY") else beside(path, "FTRAJECTORY"),
        energies=beside(path, "ENERGIES"),
    )


def _opens(line, current):
    """Return the step of a row if it is another one, -1 for the mark of a restart."""
    first = line.split(None, 1)[0]
    if first.startswith(b"<"):
        return -1
    return int(first) if first.isdigit() and int(first) != current else None


def _indexed(source, path):
    stream = open_bytes(path)
    blocks, repeated, truncated = index_blocks(stream, _opens, path, source, given_count(source))
    if repeated and path == source.path:
        source.dropped[f"records in {path.name} of a step that a restart wrote again"] += repeated
    if truncated:
        source.dropped[f"truncated records in {path.name}"] += truncated
    return stream, blocks


def _numbers(stream, block):
    """Return the rows of a block without the step, None if one of them is no number or shorter than the others."""
    try:
        rows = np.array(words_at(stream, block), float)[:, 1:]
    except ValueError:
        return None
    return rows if rows.shape[1] >= 6 else None


def _energies(source, path):
    """Return step -> (temperature in K, Kohn-Sham energy and classical energy in Hartree).

    The classical energy is the Kohn-Sham energy and the kinetic energy of the atoms.
    """
    rows = {}
    for number, line in enumerate(lines(path), 1):
        words = line.split()
        if not words or words[0].startswith("<"):
            continue
        if not line.endswith("\n"):
            source.dropped[f"truncated line of {path.name}"] += 1
            continue
        # The columns are NFI EKINC TEMPP EKS ECLASSIC EHAM DIS TCPU.
        if len(words) < 7 or not words[0].isdigit():
            raise source.error(
                f"{path}, line {number}: {line.strip()!r} is no row of NFI EKINC TEMPP EKS ECLASSIC ..."
            )
        try:
            rows[int(words[0])] = tuple(map(float, words[2:5]))
        except ValueError:
            source.dropped[f"rows of {path.name} that are not numbers"] += 1
            rows.pop(int(words[0]), None)
    return rows


def frames(source):
    """Yield the steps that all files have."""
    stream, blocks = _indexed(source, source.path)
    streams, tables = {"positions": stream}, {"positions": blocks}
    if "forces" in source.companions:
        streams["forces"], tables["forces"] = _indexed(source, source.companions["forces"])
    if "energies" in source.companions:
        tables["energies"] = _energies(source, source.companions["energies"])
    tables = leave_out_empty(source, tables, ADVICE)
    cell, symbols = given_cell(source), None
    for step in common_steps(source, **tables):
        found = {what: _numbers(streams[what], table[step]) for what, table in tables.items() if what in streams}
        if any(rows is None for rows in found.values()):
            source.dropped["steps whose numbers cannot be read"] += 1
            continue
        rows = found["positions"]
        if symbols is None:
            symbols = listed_species(source, len(rows), f"{source.path} names no species")
        # These files do not contain the time step, which is in CPMD's input and output.
        frame = RawFrame(built(symbols, units.length(rows[:, :3], "Bohr"), cell), step=step)
        with_forces = found.get("forces", rows)
        if with_forces.shape[1] >= 9:
            _check_same_rows(source, step, rows, with_forces)
            frame.forces = units.forces(with_forces[:, 6:9], "Hartree/Bohr")
        if "energies" in tables:
            _add_energy(source, frame, tables["energies"][step], rows[:, 3:6])
        yield frame


def _check_same_rows(source, step, rows, with_forces):
    """Refuse two files with different positions or velocities of one step."""
    if with_forces.shape[0] != rows.shape[0] or not np.allclose(with_forces[:, :3], rows[:, :3], atol=1e-5):
        raise source.error(
            f"step {step}: {source.companions['forces']} has other positions than {source.path}; they are of two runs"
        )
    if not np.allclose(with_forces[:, 3:6], rows[:, 3:6], atol=1e-8, rtol=1e-4):
        raise source.error(
            f"step {step}: {source.companions['forces']} has other velocities than {source.path}; they are of two runs"
        )


def _add_energy(source, frame, row, velocities):
    """Set energy and temperature of a frame, and compare the temperature with two statements of the kinetic energy."""
    frame.temperature_k, energy, classical = row
    frame.energies[KIND] = float(units.energy(energy, "Hartree"))
    where = f"step {frame.step} of {source.companions['energies'].name}"
    kinetic = float(units.energy(classical - energy, "Hartree"))
    if kinetic > 0.01:
        twice.check_temperature(source, len(frame.atoms), kinetic, frame.temperature_k, where)
    speeds = units.velocities(velocities, "Bohr", "a.u.")
    of_speeds = float(np.trace(units.kinetic_virial(frame.atoms.get_masses(), speeds))) / 2
    of = f"the velocities of {source.path.name} and the masses of `species`"
    twice.check_temperature(source, len(frame.atoms), of_speeds, frame.temperature_k, where, of)


def recognises(name, head):
    """Return whether a file is a trajectory of CPMD: by its name, and by rows of a step and six or nine numbers."""
    rows = [line.split() for line in head.splitlines()[:1] if not line.lstrip().startswith("<")]
    return re.match(r"F?TRAJECTORY", name) is not None and all(
        len(row) in (7, 10) and row[0].isdigit() for row in rows
    )


FORMATS = (
    Format(
        "cpmd",
        family="CPMD",
        title="CPMD TRAJECTORY or FTRAJECTORY with ENERGIES",
        frames=frames,
        recognises=recognises,
        companions=companions,
        accepts=("forces", "energies"),
        options=("companions", "species", "cell"),
        labels_from="FTRAJECTORY (TRAJECTORY FORCES in CPMD's input) and ENERGIES",
    ),
)
