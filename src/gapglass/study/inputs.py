"""Checks of the files that a configuration names, before the first job."""

import os
import re
from pathlib import Path

from gapglass.base.errors import UserError
from gapglass.frames import readers
from gapglass.glass.kinds import start_file
from gapglass.glass.start import problems_of_file


def check_files(config):
    """Refuse files of trajectories and experiments that cannot be read, and trajectories of different codes.

    Parameters
    ----------
    config : dict
        The completed configuration.

    Raises
    ------
    UserError
        Listing every such file, or from ``readers.check_families``.
    """
    problems = [f"`{key}` is {file}; {problem}" for key, file in _named(config) if (problem := _file_problem(file))]
    _refuse(problems, f"files are looked for relative to {Path.cwd()}")
    readers.check_families(config["trajectories"], config["import"]["energies_agree"])


def check_start(config):
    """Refuse a file of ``glass.start`` that cannot be the start of the models.

    Parameters
    ----------
    config : dict
        The completed configuration.

    Raises
    ------
    UserError
        Listing every contradiction.
    """
    _refuse(problems_of_file(config["glass"]))


def check_structures(config):
    """Refuse crystals that cannot be read, of other species than the glass, or of two formulas that are compared.

    Parameters
    ----------
    config : dict
        The completed configuration.

    Raises
    ------
    UserError
        Listing every problem.
    """
    entries, problems, formulas = config["validation"]["structures"], [], {}
    if not entries:
        return
    from gapglass.potential import crystals  # it imports the engine, which the check of a configuration does not need

    composition = config["glass"]["composition"]
    for index, entry in enumerate(entries):
        where = f"`validation.structures[{index}].file`"
        try:
            atoms = crystals.read(entry["file"])
        except UserError as error:
            problems.append(f"{where}: {error}")
            continue
        formulas[entry["name"]] = atoms.get_chemical_formula(empirical=True)
        unknown = sorted(set(atoms.symbols) - set(composition))
        if unknown:
            problems.append(
                f"{where} is {entry['file']} with {unknown[0]}, which glass.composition ({', '.join(composition)}) "
                "lacks; mend one of them"
            )
    for index, entry in enumerate(entries):
        mine, other = (formulas.get(name) for name in (entry["name"], entry["relative_to"]))
        if mine and other and mine != other:
            problems.append(
                f"`validation.structures[{index}].relative_to` is {entry['relative_to']}, of formula {other} and not "
                f"{mine}; energies for an atom can be compared in one formula only"
            )
    _refuse(problems)


def _refuse(problems, *head):
    """Raise ``UserError`` with a line for every problem below the lines of the head, if there is any."""
    if problems:
        raise UserError("\n".join([*head, *(f"  - {text}" for text in problems)]))


def _named(config):
    """Yield the key and the name of every file that a configuration names."""
    sections = {
        "trajectories": config["trajectories"],
        "structure.experiments": config["structure"]["experiments"],
        "validation.structures": config["validation"]["structures"],
    }
    for section, entries in sections.items():
        for index, entry in enumerate(entries):
            yield f"{section}[{index}].file", entry["file"]
    for index, entry in enumerate(config["trajectories"]):
        for what, file in entry["companions"].items():
            yield f"trajectories[{index}].companions.{what}", file
    start = start_file(config["glass"])
    if start is not None:
        yield "glass.start", start


def _file_problem(name):
    """Return in words why a user's file cannot be read, None where it can."""
    # Snakemake reads {} as wildcards and <> as variables; a line break would split the lines of logs and tables.
    if re.search(r"[{}<>\x00-\x1f\x7f]", name):
        return "{, }, <, > and line breaks cannot be in the name; rename the file"
    path = Path(name)
    try:
        if path.is_dir():
            return "that is a folder; name the file in it"
        if not path.is_file():
            return "there is no such file; mend the path" + (" (~ is not replaced)" if name.startswith("~") else "")
        if not os.access(path, os.R_OK):
            return "you may not read it; change its permissions (chmod u+r)"
        if path.stat().st_size == 0:
            return "it is empty; copy it again"
    except OSError as error:
        return f"{error.strerror}; mend the path"
    return None
