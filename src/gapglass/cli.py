"""The command ``gapglass``: from trajectory files (``inspect``) to a study (``check``, ``run``, ``report``, ...).

Every command imports what it uses when it runs, so that ``gapglass --help`` answers at once.
"""

import argparse
import os
import shlex
import signal
import sys
from pathlib import Path

from gapglass import __version__
from gapglass.base.errors import UserError, system_problem

EXAMPLE_STUDY = "config/config.yaml"


def _pairs(words, option):
    """Return a dictionary from `name=value` words."""
    pairs = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name or not value:
            raise UserError(f"{option} {word!r}: write it as name=value")
        pairs[name] = value
    return pairs


def _species(text):
    """Return species as the configuration has them: Te16O32, a list `Te,O`, or names `Te1=Te,Te2=Te`."""
    if "=" in text:
        return _pairs(text.split(","), "--species")
    return text.split(",") if "," in text else text


def _files_parser(command, formats):
    """Return the parser of a command that reads trajectory files; ``formats`` holds the names of the known formats."""
    parser = argparse.ArgumentParser(prog=f"gapglass {command.__name__}", description=command.__doc__)
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE")
    add(
        "--format",
        default="auto",
        choices=["auto", *formats],
        help="what the files are; by default their content decides",
    )
    add(
        "--companion",
        action="append",
        default=[],
        metavar="WHAT=FILE",
        help="forces=..., energies=..., cell=..., thermo=...",
    )
    add(
        "--key",
        action="append",
        default=[],
        metavar="LABEL=NAME",
        help="key of a label in extended XYZ, energy=dft_energy",
    )
    add("--key-unit", action="append", default=[], metavar="LABEL=UNIT", help="its unit, energy=Hartree")
    add("--species", help="Te16O32 (all atoms), Te,O (types), or Te1=Te,Te2=Te (names)")
    add("--cell", nargs="+", type=float, metavar="Å", help="3, 6 or 9 numbers")
    add("--lammps-units", choices=["metal", "real"])
    return parser


def _reading_options(given):
    """Return the keys of an entry of ``trajectories`` that the options of the command line stand for."""
    options = {
        "format": None if given.format == "auto" else given.format,
        "companions": _pairs(given.companion, "--companion"),
        "keys": _pairs(given.key, "--key"),
        "key_units": _pairs(given.key_unit, "--key-unit"),
        "species": _species(given.species) if given.species else None,
        "cell": given.cell,
        "lammps_units": given.lammps_units,
    }
    if given.cell and len(given.cell) not in (3, 6, 9):
        raise UserError(f"--cell has {len(given.cell)} numbers; give 3, 6 or 9")
    return {key: value for key, value in options.items() if value}


def inspect(words):
    """Print what trajectory files contain, with an entry for the configuration."""
    from gapglass.frames import inspection, readers

    given = _files_parser(inspect, readers.FORMATS).parse_args(words)
    options = _reading_options(given)
    for file in given.files:
        source = readers.source_of({"name": readers.bare_name(file), "file": file, **options})
        print(inspection.text(inspection.inspect(source), options), flush=True)


def init(words):
    """Write the commented configuration of a study from trajectory files, which it looks at."""
    from gapglass.frames import readers
    from gapglass.study import init as first

    parser = _files_parser(init, readers.FORMATS)
    add = parser.add_argument
    add("--output", metavar="STUDY.yaml", help="the configuration; default NAME.yaml; an existing file is kept")
    add("--name", help="name of the study; default the first file's")
    add("--temperature", type=_positive, metavar="K", help="of the thermostat, for files that do not state it")
    add("--interval", type=_positive, metavar="FS", help="time between two frames, for files that do not state it")
    given = parser.parse_args(words)
    name = given.name or first.name_of(given.files[0])
    target = given.output or f"{name}.yaml"
    values = {"study": name, "temperature": given.temperature, "interval": given.interval}
    notes = first.write(target, given.files, _reading_options(given), values)
    print(
        f"wrote {target}: look at the lines marked CHECK, then run\n  gapglass check {target}\n  gapglass run {target}"
    )
    for note in notes:
        print(f"note: {note}")


def _positive(text):
    """Return a positive number from a word of the command line."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def check(words):
    """Check a study before its run: the configuration, its files, the folders to write to. Nothing is written."""
    from gapglass.study import preflight

    parser = argparse.ArgumentParser(prog="gapglass check", description=check.__doc__)
    parser.add_argument("studies", nargs="+", metavar="STUDY.yaml")
    for path in parser.parse_args(words).studies:
        preflight.check_study(path)
        print(f"{path}: no mistake found; gapglass run {shlex.quote(path)} starts it")


RUN_HELP = f"""usage: gapglass run [STUDY.yaml] [TARGET or FILE ...] [options of Snakemake]

Check a study and run it with Snakemake on all cores. The results go to results/STUDY in this folder.

  STUDY.yaml       the configuration; {EXAMPLE_STUDY} if the first word is none
  TARGET           clusters, potential, glass, structure, figures, learning_curves or package; all is the default
  FILE             a result that is wanted, results/...
  --dry-run        list the jobs, and run none
  --cores N        use N cores
  --profile slurm  submit every job to Slurm, or use a profile of yours

`snakemake --help` lists all options. One run at a time can be at work in a folder.
"""


def run(words):
    """Check a study and run it with Snakemake, which takes all further words."""
    from gapglass.study import preflight
    from gapglass.study import run as running

    if words[:1] in (["-h"], ["--help"]):
        print(RUN_HELP, end="")
        return
    named = bool(words) and not words[0].startswith("-")
    study = words[0] if named else EXAMPLE_STUDY
    preflight.check_study(study)
    running.start(study, words[named:])


def verify(words):
    """Compare the results of a study with Snakemake's records of them; name what is missing, changed or corrupt."""
    from gapglass.study import config, records

    parser = argparse.ArgumentParser(prog="gapglass verify", description=verify.__doc__)
    parser.add_argument(
        "study", nargs="?", default=EXAMPLE_STUDY, metavar="STUDY.yaml", help=f"default {EXAMPLE_STUDY}"
    )
    path = parser.parse_args(words).study
    root = f"results/{config.read(path)['study']}"
    program = Path(sys.executable).with_name("gapglass")
    program = program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program
    n_records = records.verify(".snakemake/metadata", root, f"{program} run {path}", "")
    print(f"{n_records} results are there, complete, and as they were made")


def report(words):
    """Write the report of a study as far as it is, at any time; nothing is computed that a job would compute."""
    from gapglass.report import preview
    from gapglass.study import config

    parser = argparse.ArgumentParser(prog="gapglass report", description=report.__doc__)
    parser.add_argument(
        "study", nargs="?", default=EXAMPLE_STUDY, metavar="STUDY.yaml", help=f"default {EXAMPLE_STUDY}"
    )
    path = parser.parse_args(words).study
    print(f"Report: {preview.write(config.read(path), path).resolve()}")


def package(words):
    """Pack a finished potential to publish it: model card, snippets, training frames, checksums, metadata, .zip."""
    from gapglass.report import package as packing
    from gapglass.study import config

    parser = argparse.ArgumentParser(prog="gapglass package", description=package.__doc__)
    parser.add_argument("study", metavar="STUDY.yaml")
    parser.add_argument("--potential", default="optimal", choices=["optimal", "soap_only", "all_frames"])
    given = parser.parse_args(words)
    print(f"wrote {packing.write(config.read(given.study), given.potential)}; add authors and licence to it")


COMMANDS = {
    "inspect": inspect,
    "init": init,
    "check": check,
    "run": run,
    "report": report,
    "verify": verify,
    "package": package,
}


def main(words=None):
    """Run a command; return its exit status."""
    words = sys.argv[1:] if words is None else list(words)
    listed = "\n".join(f"  {name:9} {command.__doc__}" for name, command in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="gapglass",
        description="What belongs to gapglass and needs no workflow.",
        epilog=f"commands:\n{listed}\n\n`gapglass COMMAND --help` lists the options of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gapglass {__version__}")
    parser.add_argument("command", choices=COMMANDS)
    command = COMMANDS[parser.parse_args(words[:1]).command]
    try:
        command(words[1:])
    except UserError as error:
        print(f"gapglass: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of the output (`| head`) has enough; Python would complain when it closes the stream at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        print(f"gapglass: {system_problem(error) or error}", file=sys.stderr)
        return 1
    return 0
