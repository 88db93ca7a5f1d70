"""The command ``gapglass``: ``inspect`` trajectory files, ``check`` a study before its run, ``verify`` its results.

Every command imports what it uses when it runs, so that ``gapglass --help`` answers at once.
"""

import argparse
import os
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


def _inspect_parser(formats):
    """Return the parser of the options of ``gapglass inspect``; ``formats`` holds the names of the known formats."""
    parser = argparse.ArgumentParser(prog="gapglass inspect", description=inspect.__doc__)
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


def inspect(words):
    """Print what trajectory files contain, with an entry for the configuration."""
    from gapglass.frames import inspection, readers

    given = _inspect_parser(readers.FORMATS).parse_args(words)
    options = {
        "format": None if given.format == "auto" else given.format,
        "companions": _pairs(given.companion, "--companion"),
        "keys": _pairs(given.key, "--key"),
        "key_units": _pairs(given.key_unit, "--key-unit"),
        "species": _species(given.species) if given.species else None,
        "cell": given.cell,
        "lammps_units": given.lammps_units,
    }
    options = {key: value for key, value in options.items() if value}
    if given.cell and len(given.cell) not in (3, 6, 9):
        raise UserError(f"--cell has {len(given.cell)} numbers; give 3, 6 or 9")
    for file in given.files:
        source = readers.source_of({"name": readers.bare_name(file), "file": file, **options})
        print(inspection.text(inspection.inspect(source), options), flush=True)


def check(words):
    """Check a study before its run: the configuration, its files, the folders to write to. Nothing is written."""
    from gapglass.study import preflight

    parser = argparse.ArgumentParser(prog="gapglass check", description=check.__doc__)
    parser.add_argument("studies", nargs="+", metavar="STUDY.yaml")
    for path in parser.parse_args(words).studies:
        preflight.check_study(path)


def verify(words):
    """Compare the results of a study with Snakemake's records of them; name what is missing, changed or corrupt."""
    from gapglass.study import config, records

    parser = argparse.ArgumentParser(prog="gapglass verify", description=verify.__doc__)
    parser.add_argument(
        "study", nargs="?", default=EXAMPLE_STUDY, metavar="STUDY.yaml", help=f"default {EXAMPLE_STUDY}"
    )
    path = parser.parse_args(words).study
    root = f"results/{config.read(path)['study']}"
    program = Path(sys.executable).with_name("snakemake")
    program = program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program
    n_records = records.verify(".snakemake/metadata", root, str(program), f"--configfile {path}")
    print(f"{n_records} results are there, complete, and as they were made")


COMMANDS = {"inspect": inspect, "check": check, "verify": verify}


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
