"""Files of Quantum ESPRESSO's cp.x: PREFIX.pos with .for, .cel and .evp beside it.

The pressure tensor of cp.x is not read: it includes the motion of the atoms, and the velocities in .vel remove that
contribution only to within 5 %, because they belong to another time within the step.
"""

import re

import numpy as np

from gapglass.base import units
from gapglass.frames.readers import twice
from gapglass.frames.readers.blocks import given_count, index_blocks, words_at
from gapglass.frames.readers.espresso_structure import BOHR3_ANGSTROM3, NUMBER
from gapglass.frames.readers.opening import bare_name, beside, lines, open_bytes, present
from gapglass.frames.readers.records import RawFrame, built, given_cell, listed_species
from gapglass.frames.readers.sections import common_steps, leave_out_empty

KIND = "free_energy"
ADVICE = {"forces": "set tprnfor = .true. in the input of cp.x", "energies": "cp.x writes it with every iprint steps"}
SPOILT = "steps whose numbers cannot be read"


def companions(path):
    """Return the files that cp.x writes beside PREFIX.pos."""
    name = bare_name(path)
    if not name.endswith(".pos"):
        return {}
    prefix = name.removesuffix(".pos")
    return present(
        forces=beside(path, f"{prefix}.for"),
        energies=beside(path, f"{prefix}.evp"),
        cell=beside(path, f"{prefix}.cel"),
    )


def _opens(line, current):
    """Return the step of a line of step and time, None for any other line."""
    words = line.split()
    return int(words[0]) if len(words) == 2 and words[0].isdigit() else None


def _indexed(source, path, what, n_rows):
    stream = open_bytes(path)
    usual = None if n_rows is None else n_rows + 1
    blocks, repeated, truncated = index_blocks(stream, _opens, path, source, usual)
    if truncated:
        source.dropped[f"truncated blocks of the {what}"] += truncated
    if repeated and what == "positions":
        source.dropped[f"{what} of a step that a restart wrote again"] += repeated
    return stream, blocks


def _numbers(stream, block):
    """Return (time in ps, rows of numbers) of a block, None if one of them is no number."""
    (_, time), *rows = words_at(stream, block)
    try:
        numbers = np.array(rows, float)
        return (float(time), numbers) if numbers.ndim == 2 and numbers.shape[1] == 3 else None
    except ValueError:
        return None


def _evp(source, path):
    """Return step -> {column: value}; the file names its columns. A value that is no number is NaN."""
    names, rows, number = None, {}, 0
    for number, line in enumerate(lines(path), 1):
        words = line.split()
        if line.lstrip().startswith("#"):
            names = [name.split("(")[0] for name in line.strip().lstrip("# ").split()]
        elif not line.endswith("\n"):
            source.dropped[f"truncated line of {path.name}"] += 1
        elif words and (names is None or not words[0].isdigit() or len(words) < 6):
            why = "stands before the line that names the columns" if names is None else "is no row of its columns"
            raise source.error(f"{path}, line {number}: {line.strip()!r} {why}")
        elif words:
            # The header may end with EXX and EVDW, which the rows lack.
            rows[int(words[0])] = dict(zip(names, map(_number, words), strict=False))
    return rows


def _number(word):
    try:
        return float(word)
    except ValueError:
        return np.nan  # asterisks in a column that may not be needed


def _opened(source):
    """Return the open files and a table of steps for each, without those that are empty."""
    streams, tables = {}, {}
    n_atoms = given_count(source)
    paths = {"positions": source.path} | source.companions
    for what, plural, n_rows in (
        ("positions", "positions", n_atoms),
        ("forces", "forces", n_atoms),
        ("cell", "cells", 3),
    ):
        if what in paths:
            streams[what], tables[what] = _indexed(source, paths[what], plural, n_rows)
    if "energies" in source.companions:
        tables["energies"] = _evp(source, source.companions["energies"])
    return streams, leave_out_empty(source, tables, ADVICE)


def frames(source):
    """Yield the steps that all files of a cp.x run have."""
    streams, tables = _opened(source)
    cell, symbols = given_cell(source), None
    for step in common_steps(source, **tables):
        blocks = {what: _numbers(streams[what], table[step]) for what, table in tables.items() if what in streams}
        if any(block is None for block in blocks.values()):
            source.dropped[SPOILT] += 1
            continue
        time, places = blocks["positions"]
        if symbols is None:
            symbols = listed_species(
                source, len(places), f"{source.path} names no species, and cp.x may order the atoms by species"
            )
        _check_times(source, step, {what: block[0] for what, block in blocks.items()})
        if "cell" in blocks:
            _check_size(source, step, "cell", blocks["cell"][1].shape, (3, 3))
            # cp.x writes the lattice vectors as columns.
            cell = units.length(blocks["cell"][1].T, "Bohr")
        frame = RawFrame(
            built(symbols, units.length(places, "Bohr"), cell), step=step, time_fs=float(units.time(time, "ps"))
        )
        if "forces" in blocks:
            _check_size(source, step, "forces", blocks["forces"][1].shape, places.shape)
            frame.forces = units.forces(blocks["forces"][1], "Hartree/Bohr")
        if "energies" in tables:
            _add_energy(source, frame, tables["energies"][step])
        yield frame


def _check_size(source, step, what, shape, expected):
    """Refuse a block with another number of rows than the positions of its step, or than a cell has."""
    if shape != expected:
        raise source.error(
            f"step {step} has {shape[0]} rows in {source.companions[what]}, where {expected[0]} are needed by "
            f"{source.path}; are they of one run?"
        )


def _check_times(source, step, times):
    """Refuse files that state different times (ps) for one step."""
    first = times["positions"]
    for what, time in times.items():
        if abs(time - first) > 1e-4 * abs(first) + 2e-8:
            raise source.error(
                f"step {step} is at {first} ps in {source.path} and at {time} ps in "
                f"{source.companions[what]}; they are of two runs"
            )


def _add_energy(source, frame, row):
    """Set energy and temperature of a frame from its row of .evp; compare time, volume and kinetic energy."""
    where = f"step {frame.step} of {source.companions['energies'].name}"
    time = row.get("time", np.nan) * 1000
    if abs(time - frame.time_fs) > 1e-4 * frame.time_fs + 2e-5:
        raise source.error(
            f"step {frame.step} is at {frame.time_fs / 1000:.8g} ps in {source.path} and at {time / 1000:.8g} ps in "
            f"{source.companions['energies']}; they are of two runs"
        )
    volume = row.get("Volume", np.nan) * BOHR3_ANGSTROM3
    if "cell" in source.companions and np.isfinite(volume):
        twice.check_volume(
            np.asarray(frame.atoms.cell),
            volume,
            lambda text: source.error(f"step {frame.step} of {source.path}: {text}"),
        )
    if np.isfinite(row.get("etot", np.nan)):
        frame.energies[KIND] = float(units.energy(row["etot"], "Hartree"))
    temperature = row.get("Tion", np.nan)
    frame.temperature_k = float(temperature) if np.isfinite(temperature) else None
    kinetic = float(units.energy(row.get("econs", np.nan) - row.get("enthal", row.get("enthalpy", np.nan)), "Hartree"))
    # With few digits, the difference of two energies is a kinetic energy only if it is large enough.
    if frame.temperature_k is not None and abs(kinetic) > 0.01:
        twice.check_temperature(source, len(frame.atoms), kinetic, frame.temperature_k, where)


def recognises(name, head):
    """Return whether a file is PREFIX.pos of cp.x, by its name and a first line of step and time."""
    return name.endswith(".pos") and re.match(rf"\s*\d+\s+{NUMBER}\s*\n", head) is not None
