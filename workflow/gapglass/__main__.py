"""Commands for the terminal: ``python -m gapglass inspect FILE...``."""

import argparse
import sys

from gapglass import inspection, readers
from gapglass.errors import UserError


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


def parser():
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="gapglass", description="What belongs to gapglass and is not a workflow.")
    commands = top.add_subparsers(dest="command", required=True)
    look = commands.add_parser("inspect", help="print what trajectory files contain, with an entry for the configuration")
    look.add_argument("files", nargs="+", metavar="FILE")
    look.add_argument("--format", default="auto", choices=["auto", *readers.FORMATS], help="what the files are; told by their content else")
    look.add_argument(
        "--companion", action="append", default=[], metavar="WHAT=FILE", help="forces=..., energies=..., cell=..., thermo=..."
    )
    look.add_argument("--key", action="append", default=[], metavar="LABEL=NAME", help="key of a label in extended XYZ, energy=dft_energy")
    look.add_argument("--key-unit", action="append", default=[], metavar="LABEL=UNIT", help="its unit, energy=Hartree")
    look.add_argument("--species", help="Te16O32 (all atoms), Te,O (types), or Te1=Te,Te2=Te (names)")
    look.add_argument("--cell", nargs="+", type=float, metavar="Å", help="3, 6 or 9 numbers")
    look.add_argument("--lammps-units", choices=["metal", "real"])
    return top


def main(words=None):
    """Run a command; return its exit status."""
    given = parser().parse_args(words)
    try:
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
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
