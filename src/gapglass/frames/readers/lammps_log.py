"""The log of LAMMPS: its thermo tables in each of their forms, and what else it states of the run.

A log may hold several runs. Its tables have one line per step, several (``thermo_modify line multi``), or are YAML
(``thermo_modify line yaml``); the columns have any order.
"""

import re
from dataclasses import dataclass, field

import numpy as np

from gapglass.frames.readers.opening import lines
from gapglass.frames.readers.sections import numbers

TIMESTEP = re.compile(r"(?:\s*Time step\s*:|timestep)\s+([\d.eE+-]+)\s*$")
UNITS = re.compile(r"(?:\s*Unit style\s*:|units)\s+(\w+)\s*$")
PER_ATOM = re.compile(r"\s*thermo_modify\b.*\bnorm\s+yes")
MASS = re.compile(r"mass\s+(\d+)\s+([\d.eE+-]+)\s*(?:#.*)?$")
BOUNDARY = re.compile(r"boundary\s+([psfm]{1,2})\s+([psfm]{1,2})\s+([psfm]{1,2})\b")
ATOMS = re.compile(r"Loop time of .* with (\d+) atoms")
MULTI = re.compile(r"-+ Step\s+(\d+) ")
PAIR = re.compile(r"(\S+)\s+=\s+(\S+)")


@dataclass
class Log:
    """Content of a log.

    Attributes
    ----------
    rows : dict
        Step -> {column: value}, of the last row of that step.
    units, timestep : str, float
        None if the log does not state them.
    masses : dict
        Type -> mass, of the commands ``mass``.
    boundary : list of bool
        Whether each direction is periodic; None if the log does not state it.
    n_atoms : set of int
        Numbers of atoms of the runs.
    changed : list of tuple
        (step, potential energy, the one that replaced it) of steps that a later run has with another energy.
    truncated : int
        Number of rows that are cut off.
    """

    rows: dict = field(default_factory=dict)
    units: str | None = None
    timestep: float | None = None
    masses: dict = field(default_factory=dict)
    boundary: list | None = None
    n_atoms: set = field(default_factory=set)
    changed: list = field(default_factory=list)
    truncated: int = 0
    width: int = 0  # number of columns of a table with several lines per step


def read_log(source, path):
    """Return the ``Log`` of a file.

    Raises
    ------
    UserError
        When its energies are per atom.
    """
    log, names, multi = Log(), None, None
    for line in lines(path):
        words = line.split()
        if multi is not None and (pairs := PAIR.findall(line)) and not MULTI.match(line):
            multi.update({name: numbers([value])[0] for name, value in pairs})
            multi["cut"] = not line.endswith("\n")
            continue
        if multi is not None:
            _close(log, multi)
            multi = None
        if found := MULTI.match(line):
            multi = {"Step": float(found.group(1))}
        elif line.startswith("keywords:"):
            listed = line.partition(":")[2].strip().removeprefix("[").removesuffix("]")
            names = [word for word in re.split(r"[\s,'\"]+", listed) if word]
        elif "Step" in words and "=" not in words and all(re.match(r"[A-Za-z]\S*$", word) for word in words):
            names = words
        elif names and (row := _row(line, names)) is not None:
            _add(log, names, row, line)
        elif line.startswith(("Loop time", "...", "LAMMPS (")):
            names = None
            if found := ATOMS.match(line):
                log.n_atoms.add(int(found.group(1)))
        else:
            _statement(source, path, log, line)
    if multi is not None:
        _close(log, multi)
    return log


def _row(line, names):
    """Return the words of a row of a table, or None if the line is none; a row in YAML is `- [a, b, ]`."""
    text = line.strip()
    if text.startswith("- ["):
        return [word for word in re.split(r"[\s,]+", text[3:].rstrip("]")) if word]
    words = text.split()
    if not words or not re.match(r"[-+]?[\d.]|nan|-nan|inf", words[0]):
        return None
    number = re.compile(r"[-+]?(?:\d|\.\d|nan|inf)", re.IGNORECASE)
    return words if sum(bool(number.match(word)) for word in words) >= len(words) / 2 else None


def _add(log, names, words, line):
    whole = line.endswith("\n") and len(words) == len(names) and ("[" not in line or "]" in line)
    place = names.index("Step") if "Step" in names else None
    if not whole or place is None or not words[place].isdigit():
        log.truncated += 1
        return
    _keep(log, dict(zip(names, numbers(words).tolist(), strict=True)))


def _close(log, row):
    cut = row.pop("cut", True)
    log.width = max(log.width, len(row))
    if cut or len(row) < log.width:
        log.truncated += 1
    else:
        _keep(log, row)


def _keep(log, row):
    step = int(row["Step"])
    before = log.rows.get(step, {}).get("PotEng")
    if before is not None and not np.isclose(before, row.get("PotEng", before), rtol=1e-5, atol=1e-8):
        log.changed.append((step, before, row["PotEng"]))
    log.rows[step] = row


def _statement(source, path, log, line):
    """Keep what a line of a log states of the run."""
    if found := TIMESTEP.match(line):
        log.timestep = float(found.group(1))
    elif found := UNITS.match(line):
        log.units = found.group(1)
    elif found := MASS.match(line):
        log.masses[found.group(1)] = float(found.group(2))
    elif found := BOUNDARY.match(line):
        log.boundary = [word[0] == "p" for word in found.groups()]
    elif line.startswith("change_box"):
        log.boundary = None  # The command may change it.
    elif PER_ATOM.match(line):
        raise source.error(f"{path} holds energies per atom (thermo_modify norm yes); write total energies")
