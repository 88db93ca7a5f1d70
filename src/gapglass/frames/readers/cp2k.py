"""CP2K: PROJECT-pos-1.xyz with the forces, energies, cells, stresses and velocities that it writes beside it, joined by step.

The files may have different strides; a restart appends to them and repeats steps, of which the last record counts. The MD's .stress
holds the motion of the atoms too: it becomes a virial only where velocities of the same step are there to take that share out.
"""

import re

import numpy as np
from ase.data import atomic_masses, atomic_numbers

from gapglass.base import units
from gapglass.frames.readers.records import (
    Format,
    RawFrame,
    beside,
    built,
    common_steps,
    elements,
    given_cell,
    index_xyz,
    lines,
    open_bytes,
    present,
    record_at,
)

COMMENT = re.compile(r"i\s*=\s*(\d+)(?:.*?time\s*=\s*([-\d.Ee+]+))?(?:.*?\bE\s*=\s*([-\d.Ee+]+))?")
# energies in .xyz and .ener are the same number printed with different digits; further apart they are of different runs
SAME_ENERGY_HARTREE = 1e-5
KIND = "free_energy"  # CP2K's energy holds the electronic entropy where there is smearing: it belongs to the forces


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
    """Return step -> row of numbers; the last row of a step counts."""
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


def frames(source):
    """Yield the steps that all the files have, in their order."""
    positions, offsets = _indexed(source, source.path, "positions")
    steps = {"positions": offsets}
    forces = velocities = None
    if "forces" in source.companions:
        forces, steps["forces"] = _indexed(source, source.companions["forces"], "forces")
    tables = {
        what: _table(
            source, source.companions[what], {"energies": "energies", "cell": "cells", "stress": "stresses"}[what]
        )
        for what in ("energies", "cell", "stress")
        if what in source.companions
    }
    stress = tables.pop("stress", None)
    steps |= tables
    speeds = {}
    if stress and "velocities" in source.companions:
        velocities, speeds = _indexed(source, source.companions["velocities"], "velocities")
    elif stress:
        source.note(
            f"{source.companions['stress']} holds the motion of the atoms too; without the velocities of the same steps it gives no virial"
        )
    cell = given_cell(source)
    for step in common_steps(source, **steps):
        comment, names, places = record_at(positions, offsets[step])
        found = COMMENT.search(comment)
        if "cell" in tables:
            cell = tables["cell"][step][1:10].reshape(3, 3)
        symbols = elements(source, names)
        frame = RawFrame(
            built(symbols, places, cell), step=step, time_fs=float(found.group(2)) if found.group(2) else None
        )
        energy = float(found.group(3)) if found.group(3) else None
        if "energies" in tables:
            time, _, frame.temperature_k, potential = tables["energies"][step][:4]
            if energy is not None and abs(energy - potential) > SAME_ENERGY_HARTREE:
                raise source.fault(
                    f"step {step} has the energy {energy} Hartree in {source.path} and {potential} in {source.companions['energies']}; "
                    "they are of different runs"
                )
            energy, frame.time_fs = potential, time
        if energy is not None:
            frame.energies[KIND] = float(units.energy(energy, "Hartree"))
        if forces is not None:
            _, of, numbers = record_at(forces, steps["forces"][step])
            if of != names:
                raise source.fault(f"step {step}: {source.companions['forces']} has other atoms than {source.path}")
            frame.forces = units.forces(numbers, "Hartree/Bohr")
        if stress and step in stress and step in speeds and cell is not None:
            _, _, speed = record_at(velocities, speeds[step])
            masses = [atomic_masses[atomic_numbers[symbol]] for symbol in symbols]
            moving = units.kinetic_virial(masses, units.velocities(speed, "Bohr", "a.u."))
            whole = units.virial_from_pressure(stress[step][1:10], abs(np.linalg.det(cell)), "bar")
            frame.virial = whole - moving
        yield frame


def recognises(name, head):
    """Tell a position file of CP2K's MD from other XYZ files by its comment line."""
    second = head.split("\n")[1:2]
    return bool(second) and re.match(r"\s*i\s*=\s*\d+\s*,\s*time\s*=", second[0]) is not None


FORMATS = (
    Format(
        "cp2k", "CP2K", "CP2K PROJECT-pos-1.xyz and its companions", frames, recognises, companions,
        accepts=("forces", "energies", "cell", "stress", "velocities"), options=("companions", "species", "cell"),
        labels_from="PROJECT-frc-1.xyz (MOTION/PRINT/FORCES) and PROJECT-1.ener",
    ),
)  # fmt: skip
