"""CPMD: TRAJECTORY or FTRAJECTORY with ENERGIES, all in Hartree atomic units.

Both contain positions and velocities, and FTRAJECTORY the forces. The files name neither species nor cell, so the
configuration does. The positions are not wrapped into the cell. A restart writes `<<<<<< NEW DATA >>>>>>` and may
repeat steps, of which the last record counts.
"""

import re

import numpy as np

from gapglass.base import units
from gapglass.frames.readers.opening import beside, lines, open_bytes, present
from gapglass.frames.readers.records import Format, RawFrame, built, given_cell, listed_species
from gapglass.frames.readers.sections import common_steps, index_sections, section_at

KIND = "free_energy"


def companions(path):
    """Return FTRAJECTORY (for a TRAJECTORY) and ENERGIES of the same folder."""
    return present(
        forces=None if path.name.startswith("FTRAJECTORY") else beside(path, "FTRAJECTORY"),
        energies=beside(path, "ENERGIES"),
    )


def _opens(line, current):
    first = line.split(None, 1)[:1]
    if not first or first[0].startswith(b"<"):
        return -1
    step = int(first[0])
    return step if step != current else None


def _indexed(source, path):
    stream = open_bytes(path)
    sections, repeated, truncated = index_sections(stream, _opens)
    if repeated and path == source.path:
        source.dropped[f"records in {path.name} of a step that a restart wrote again"] += repeated
    if truncated:
        source.dropped[f"truncated records in {path.name}"] += truncated
    return stream, sections


def _energies(path):
    """Return step -> (temperature in K, Kohn-Sham energy in Hartree)."""
    rows = {}
    for line in lines(path):
        words = line.split()
        # The columns are NFI EKINC TEMPP EKS ECLASSIC EHAM DIS TCPU.
        if len(words) >= 7 and words[0].isdigit():
            rows[int(words[0])] = (float(words[2]), float(words[3]))
    return rows


def frames(source):
    """Yield the steps that all files have."""
    stream, sections = _indexed(source, source.path)
    tables = {"positions": sections}
    if "forces" in source.companions:
        force_stream, tables["forces"] = _indexed(source, source.companions["forces"])
    if "energies" in source.companions:
        tables["energies"] = _energies(source.companions["energies"])
    cell, symbols = given_cell(source), None
    for step in common_steps(source, **tables):
        rows = np.array(section_at(stream, sections[step]), float)[:, 1:]
        if symbols is None:
            symbols = listed_species(source, len(rows), f"{source.path} names no species")
        # These files do not contain the time step, which is in CPMD's input and output.
        frame = RawFrame(built(symbols, units.length(rows[:, :3], "Bohr"), cell), step=step)
        with_forces = rows
        if "forces" in tables:
            with_forces = np.array(section_at(force_stream, tables["forces"][step]), float)[:, 1:]
        if with_forces.shape[1] >= 9:
            if not np.allclose(with_forces[:, :3], rows[:, :3], atol=1e-5):
                raise source.error(
                    f"step {step}: {source.companions['forces']} has other positions than {source.path}; "
                    "they are of two runs"
                )
            frame.forces = units.forces(with_forces[:, 6:9], "Hartree/Bohr")
        if "energies" in tables:
            frame.temperature_k, energy = tables["energies"][step]
            frame.energies[KIND] = float(units.energy(energy, "Hartree"))
        yield frame


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
