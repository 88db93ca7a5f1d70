"""The files of a run of CP2K: their names, and a table of each by step."""

import re
from dataclasses import dataclass, field

from gapglass.frames.readers import cp2k_output
from gapglass.frames.readers.opening import beside, first_bytes, lines, open_bytes, present
from gapglass.frames.readers.sections import index_xyz, numbers

NUMBER = r"([-+\d.Ee]+)"
# The comment line of XMOL and that of EXTXYZ, which names the cell too.
COMMENT = re.compile(rf"i\s*=\s*(\d+)(?:.*?time\s*=\s*{NUMBER})?(?:.*?\bE\s*=\s*{NUMBER})?")
EXTENDED = re.compile(rf"Step\s*=\s*(\d+)(?:.*?Time\s*=\s*{NUMBER})?(?:.*?Energy\s*=\s*{NUMBER})?")
LATTICE = re.compile(r'Lattice\s*=\s*"([^"]*)"')
OUTPUT_NAMES = ("{0}.out", "{0}.log", "cp2k.out", "cp2k.log", "output", "out")


def _of_project(path, project, number="1"):
    return {
        "forces": beside(path, f"{project}-frc-{number}.xyz", f"{project}-frc-{number}.extxyz"),
        "energies": beside(path, f"{project}-{number}.ener"),
        "cell": beside(path, f"{project}-{number}.cell"),
        "stress": beside(path, f"{project}-{number}.stress"),
        "velocities": beside(path, f"{project}-vel-{number}.xyz", f"{project}-vel-{number}.extxyz"),
    }


def companions(path):
    """Return the files that CP2K writes beside PROJECT-pos-1.xyz, and the output if its project has this name."""
    found = re.match(r"(.+)-pos-(\d+)\.(?:ext)?xyz", path.name)
    if not found:
        return {}
    project, number = found.groups()
    candidates = [beside(path, name.format(project)) for name in OUTPUT_NAMES]
    output = next((file for file in candidates if file and cp2k_output.project_of(first_bytes(file)) == project), None)
    return present(**_of_project(path, project, number), output=output)


def companions_of_output(path):
    """Return the files of the project that the output names."""
    project = cp2k_output.project_of(first_bytes(path))
    if project is None:
        return {}
    positions = beside(path, f"{project}-pos-1.xyz", f"{project}-pos-1.extxyz")
    return present(positions=positions, **_of_project(path, project)) if positions else {}


@dataclass
class Files:
    """The open files of a run, and for each of them a table: step -> byte in an XYZ file, row, or evaluation."""

    paths: dict
    streams: dict = field(default_factory=dict)
    tables: dict = field(default_factory=dict)
    comments: dict = field(default_factory=dict)
    output: cp2k_output.Output | None = None
    noted: bool = False  # whether a wrong kinetic energy was reported


def parts(comment):
    """Return (step, time or None, energy or None) of a comment line as text."""
    found = COMMENT.search(comment) or EXTENDED.search(comment)
    if not found:
        raise ValueError(f"a comment line without `i = step`: {comment.strip()!r}")
    return found.groups()


def step_of(comment):
    """Return the step of a comment line."""
    return int(parts(comment)[0])


def _index(source, files, what):
    stream = files.streams[what] = open_bytes(files.paths[what])
    try:
        index = index_xyz(stream, step_of)
    except ValueError as error:
        raise ValueError(f"{files.paths[what]}, {error}") from error
    if index.repeated and what == "positions":
        source.dropped["records of a step that a restart wrote again"] += index.repeated
    index.count(source.dropped, what)
    files.tables[what], files.comments[what] = index.offsets, index.comments


def _table(source, path, what, unit):
    """Return step -> row of numbers, the last of each step; ``unit`` is the one that the first line must name."""
    rows, width = {}, None
    for line in lines(path):
        words = line.split()
        if words and words[0].startswith("#"):
            stated = re.findall(r"\[([^\]]+)\]", line)
            if stated and unit not in stated:
                raise source.error(f"{path} is in {', '.join(stated)}, known is {unit}; print it in {unit}")
        if not words or words[0].startswith("#"):
            continue
        width = width or len(words)
        if len(words) != width or not words[0].isdigit() or not line.endswith("\n"):
            source.dropped[f"truncated line of the {what}"] += 1
            continue
        rows[int(words[0])] = numbers(words[1:])
    return rows


def opened(source, paths):
    """Return the open files of a run with their tables."""
    files = Files(paths)
    _index(source, files, "positions")
    if "output" in paths:
        files.streams["output"] = open_bytes(paths["output"])
        files.output = read_output(source, paths["output"], files.streams["output"])
    if "forces" in paths:
        _index(source, files, "forces")
    for what, plural, unit in (
        ("energies", "energies", "fs"),
        ("cell", "cells", "Angstrom"),
        ("stress", "stresses", "bar"),
    ):
        if what in paths:
            files.tables[what] = _table(source, paths[what], plural, unit)
    if files.tables.get("stress") and "velocities" in paths:
        _index(source, files, "velocities")
    elif files.tables.get("stress") and not _has_stress(files.output):
        source.note(
            f"{paths['stress']} holds the motion of the atoms too; "
            "without the velocities of the same steps it gives no virial"
        )
    return files


def _has_stress(output):
    return output is not None and any(evaluation.pressure is not None for evaluation in output.steps.values())


def read_output(source, path, stream):
    """Return the content of an output; count and note what it does not have."""
    output = cp2k_output.Parser(source, stream).read()
    source.settings.update(output.settings)
    if output.repeated and path == source.path:
        source.dropped["evaluations of a step that a restart wrote again"] += output.repeated
    if output.left:
        source.dropped["evaluations of the output that belong to no MD step or no positions"] += output.left
    if not output.ended:
        source.note(f"{path} has no line PROGRAM ENDED AT; the run was killed, or it is still running")
    return output
