"""CP2K: PROJECT-pos-1.xyz, joined by step with the forces, energies, cells, stresses and velocities beside it.

The files may have different strides. A restart appends to them and repeats steps, of which the last record counts. The
.stress file of MD includes the motion of the atoms; it becomes a virial only if the velocities of the same step are
available, because they give the kinetic contribution to subtract.
"""

import re

import numpy as np
from ase.data import atomic_masses, atomic_numbers

from gapglass.base import units
from gapglass.frames.readers.opening import beside, lines, open_bytes, present
from gapglass.frames.readers.records import Format, RawFrame, built, elements, given_cell
from gapglass.frames.readers.sections import common_steps, index_xyz, record_at

COMMENT = re.compile(r"i\s*=\s*(\d+)(?:.*?time\s*=\s*([-\d.Ee+]+))?(?:.*?\bE\s*=\s*([-\d.Ee+]+))?")
# The .xyz and .ener files print the same energy with different numbers of digits; a larger difference means two runs.
SAME_ENERGY_HARTREE = 1e-5
KIND = "free_energy"  # With smearing, CP2K's energy includes the electronic entropy; the forces are its derivatives.


def companions(path):
    """Return the files that CP2K writes beside PROJECT-pos-1.xyz."""
    found = re.match(r"(.+)-pos-(\d+)\.xyz", path.name)
    if not found:
        return {}
    project, number = found.groups()
    return present(
        forces=beside(path, f"{project}-frc-{number}.xyz"),
        energies=beside(path, f"{project}-{number}.ener"),
        cell=beside(path, f"{project}-{number}.cell"),
        stress=beside(path, f"{project}-{number}.stress"),
        velocities=beside(path, f"{project}-vel-{number}.xyz"),
    )


def _step(comment):
    found = COMMENT.search(comment)
    if not found:
        raise ValueError(f"a comment line without `i = step`: {comment.strip()!r}")
    return int(found.group(1))


def _indexed(source, path, what):
    stream = open_bytes(path)
    offsets, repeated, truncated = index_xyz(stream, _step)
    if repeated and what == "positions":
        source.dropped["records of a step that a restart wrote again"] += repeated
    if truncated:
        source.dropped[f"truncated last record of the {what}"] += 1
    return stream, offsets


def _table(source, path, what):
    """Return step -> row of numbers, of the last row of each step."""
    rows, width = {}, None
    for line in lines(path):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        width = width or len(words)
        if len(words) != width or not line.endswith("\n"):
            source.dropped[f"truncated line of the {what}"] += 1
            continue
        rows[int(words[0])] = np.array(words[1:], float)
    return rows


def _opened(source):
    """Return the open XYZ files, and a table for each file: step -> byte in an XYZ file, or row of any other file."""
    streams, tables = {}, {}
    streams["positions"], tables["positions"] = _indexed(source, source.path, "positions")
    if "forces" in source.companions:
        streams["forces"], tables["forces"] = _indexed(source, source.companions["forces"], "forces")
    for what, plural in (("energies", "energies"), ("cell", "cells"), ("stress", "stresses")):
        if what in source.companions:
            tables[what] = _table(source, source.companions[what], plural)
    if tables.get("stress") and "velocities" in source.companions:
        path = source.companions["velocities"]
        streams["velocities"], tables["velocities"] = _indexed(source, path, "velocities")
    elif tables.get("stress"):
        source.note(
            f"{source.companions['stress']} holds the motion of the atoms too; "
            "without the velocities of the same steps it gives no virial"
        )
    return streams, tables


def frames(source):
    """Yield the steps that all files have, in their order; stresses and velocities may lack some of them."""
    streams, tables = _opened(source)
    stress, velocities = tables.pop("stress", {}), tables.pop("velocities", {})
    cell = given_cell(source)
    for step in common_steps(source, **tables):
        comment, names, places = record_at(streams["positions"], tables["positions"][step])
        if "cell" in tables:
            cell = tables["cell"][step][1:10].reshape(3, 3)
        symbols = elements(source, names)
        frame = RawFrame(built(symbols, places, cell), step=step)
        _add_energy_and_time(source, frame, comment, tables["energies"][step] if "energies" in tables else None)
        if "forces" in tables:
            _, of, numbers = record_at(streams["forces"], tables["forces"][step])
            if of != names:
                raise source.error(f"step {step}: {source.companions['forces']} has other atoms than {source.path}")
            frame.forces = units.forces(numbers, "Hartree/Bohr")
        if step in stress and step in velocities and cell is not None:
            _, _, velocity = record_at(streams["velocities"], velocities[step])
            frame.virial = _virial(stress[step][1:10], velocity, symbols, cell)
        yield frame


def _add_energy_and_time(source, frame, comment, row):
    """Set energy, time and temperature of a frame from its comment line and its row of the .ener file, or None.

    Raises
    ------
    UserError
        When the two energies show that the files are of different runs.
    """
    _, time, energy = COMMENT.search(comment).groups()
    frame.time_fs = float(time) if time else None
    energy = float(energy) if energy else None
    if row is not None:
        frame.time_fs, _, frame.temperature_k, potential = row[:4]
        if energy is not None and abs(energy - potential) > SAME_ENERGY_HARTREE:
            raise source.error(
                f"step {frame.step} has the energy {energy} Hartree in {source.path} "
                f"and {potential} in {source.companions['energies']}; they are of different runs"
            )
        energy = potential
    if energy is not None:
        frame.energies[KIND] = float(units.energy(energy, "Hartree"))


def _virial(stress, velocity, symbols, cell):
    """Return the virial (eV, 3 x 3) from velocities (Bohr / a.u.) and the stress (bar), which includes the motion."""
    masses = [atomic_masses[atomic_numbers[symbol]] for symbol in symbols]
    kinetic = units.kinetic_virial(masses, units.velocities(velocity, "Bohr", "a.u."))
    return units.virial_from_pressure(stress, abs(np.linalg.det(cell)), "bar") - kinetic


def recognises(name, head):
    """Return whether an XYZ file is a position file of CP2K's MD, by its comment line."""
    second = head.split("\n")[1:2]
    return bool(second) and re.match(r"\s*i\s*=\s*\d+\s*,\s*time\s*=", second[0]) is not None


FORMATS = (
    Format(
        "cp2k",
        family="CP2K",
        title="CP2K PROJECT-pos-1.xyz and its companions",
        frames=frames,
        recognises=recognises,
        companions=companions,
        accepts=("forces", "energies", "cell", "stress", "velocities"),
        options=("companions", "species", "cell"),
        labels_from="PROJECT-frc-1.xyz (MOTION/PRINT/FORCES) and PROJECT-1.ener",
    ),
)
