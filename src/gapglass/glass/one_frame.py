"""LAMMPS compared with Python on one frame of the study, before any model depends on it.

A wrong order of the elements, a term that LAMMPS leaves out, or a number of ranks that changes the energy would
otherwise show only in the glass.
"""

import logging
from pathlib import Path

from ase import Atoms

from gapglass.base.errors import REINSTALL, UserError
from gapglass.base.files import write_json
from gapglass.glass import lammps
from gapglass.glass.pair_style import single_point
from gapglass.glass.scratch import Scratch
from gapglass.potential import agreement, quip

log = logging.getLogger("gapglass")

PROGRAMS = {"gapglass": "the engine in Python", "quip": "QUIP in Python"}


def choose(table, composition):
    """Return the number of the frame to try: with as many species of the models as possible, then the smallest.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv.
    composition : dict
        ``glass.composition``.
    """
    from ase.formula import Formula

    shared = [len(set(Formula(text).count()) & set(composition)) for text in table["formula"]]
    return int(table.assign(shared=shared).sort_values(["shared", "n_atoms"], ascending=[False, True]).index[0])


def check(target, frame, potential, settings, plugin=None):
    """Compare the pair style of LAMMPS with the same engine in Python, on one frame and all ranks of a run.

    Parameters
    ----------
    target : path-like
        JSON file to write: ``engine``, ``ranks``, ``differences`` as from ``agreement.differences``.
    frame : ase.Atoms
        Canonical frame; atoms of species that the models lack are left out.
    potential, settings, plugin
        As for ``single_point``.

    Raises
    ------
    UserError
        When LAMMPS lacks the pair style or fails, or when a difference is beyond the limits.
    """
    engine = settings["engine"]
    kept = [atom.index for atom in frame if atom.symbol in settings["composition"]]
    atoms = Atoms(frame.numbers[kept], positions=frame.positions[kept], cell=frame.cell, pbc=True)
    try:
        with Scratch(target) as folder:
            *values, atoms = single_point(folder, atoms, potential, settings, plugin)
            version = lammps.engine_of(folder / "screen.txt")
    except lammps.LammpsFailed as error:
        if error.kind == "no_pair_style":
            raise UserError(
                f"LAMMPS has no pair_style {engine} ({error}); {REINSTALL}, which compiles it for the LAMMPS of "
                "requirements.lock, or set `glass.engine: quip`"
            ) from error
        raise UserError(
            f"LAMMPS failed with pair_style {engine} on one frame of the study: {error}. Input and log are in "
            f"{Path(target).parent / 'failed'}; mend what it names and run again"
        ) from error
    python = agreement.by_engine if engine == "gapglass" else quip.evaluate
    found = agreement.differences(values, python(potential, [atoms])[0])
    for quantity, item in found.items():
        log.info("%s: LAMMPS %.10g, Python %.10g, difference %.2g", quantity, *item["values"], item["difference"])
    beyond = [
        f"{quantity} {item['values'][0]:.10g} against {item['values'][1]:.10g} {agreement.UNITS[quantity]}"
        for quantity, item in found.items()
        if not item["difference"] <= item["limit"]
    ]
    if beyond:
        raise UserError(
            f"{potential}: LAMMPS with pair_style {engine} and {PROGRAMS[engine]} do not give the same numbers on "
            f"frame {frame.info['frame']} of {frame.info['trajectory']}: {'; '.join(beyond)}. With a LAMMPS of your "
            "own (glass.lammps_command), compile its pair style from this version of gapglass; otherwise this is a "
            "mistake of gapglass, please report it, and try another `glass.engine`"
        )
    write_json(target, {"engine": engine, **version, "ranks": settings["ranks"], "differences": found})
