"""Labels by pw.x of Quantum ESPRESSO: one self-consistent calculation per frame from a template of the user.

Of the template, the cell, the positions, the numbers of atoms and types, the names of files and folders, and the
printing of forces and stress are ours. Pseudopotentials are looked for beside the template, in its pseudo_dir, in
``labels.data`` and in the folders of the installation.
"""

import os
import re
from pathlib import Path

import numpy as np

from gapglass.base.errors import UserError
from gapglass.frames.readers.espresso_structure import label_element
from gapglass.frames.readers.records import Source
from gapglass.labels.engines.engine import SCREEN, TemplateEngine, find_file, link, text_of
from gapglass.labels.label import Label, LabelFailed
from gapglass.labels.settings import digest_of, normalised

INPUT = "label.in"
PREFIX = "label"
CARDS = (
    "ATOMIC_SPECIES", "ATOMIC_POSITIONS", "K_POINTS", "ADDITIONAL_K_POINTS", "CELL_PARAMETERS", "CONSTRAINTS",
    "OCCUPATIONS", "ATOMIC_VELOCITIES", "ATOMIC_FORCES", "SOLVENTS", "HUBBARD",
)  # fmt: skip
INSTALLED = ("/usr/share/espresso/pseudo", "/usr/local/share/espresso/pseudo")
# Keys on which labels do not depend; of &ELECTRONS, only those below count.
_OTHER = {
    "CONTROL": {
        "calculation", "title", "verbosity", "restart_mode", "wf_collect", "nstep", "iprint", "tstress", "tprnfor",
        "dt", "outdir", "wfcdir", "prefix", "max_seconds", "etot_conv_thr", "forc_conv_thr", "disk_io", "pseudo_dir",
    },
    "SYSTEM": {"nat", "ntyp", "ibrav", "a", "b", "c", "cosab", "cosac", "cosbc"},
}  # fmt: skip
_OF_ELECTRONS = {"conv_thr", "tqr", "real_space", "adaptive_thr", "efield", "efield_cart(1)"}
_PAIR = re.compile(r"([A-Za-z_]\w*(?:\(\s*\d+(?:\s*,\s*\d+)*\s*\))?)\s*=\s*('[^']*'|\"[^\"]*\"|[^,\s!]+)")


class _Template:
    """A template: ``namelists`` (name -> key -> value), and ``cards`` (name -> (rest of its line, lines))."""

    def __init__(self, text, path):
        self.path, self.text, self.namelists, self.cards = path, text, {}, {}
        namelist = card = None
        for number, line in enumerate(text.splitlines(), 1):
            line = _without_comment(line)
            word = line.split()[0] if line.split() else ""
            if not word:
                continue
            if word.startswith("&"):
                namelist = self.namelists.setdefault(word[1:].upper(), {})
                line = line.partition(word)[2]
                card = None
            if namelist is not None:
                for key, value in _PAIR.findall(line):
                    namelist[re.sub(r"\s", "", key).lower()] = value
                if re.search(r"(^|[\s,])/\s*$", line):
                    namelist = None
            elif word.upper().strip("{}()") in CARDS:
                card = self.cards[word.upper()] = (line.strip()[len(word) :].strip(" {}()").lower(), [])
            elif card is not None:
                card[1].append(line.strip())
            else:
                raise UserError(f"{path}, line {number}: {line.strip()[:60]!r} belongs to no namelist or card")

    def value(self, namelist, key):
        """Return a value without quotation marks, or None."""
        found = self.namelists.get(namelist, {}).get(key)
        return None if found is None else found.strip("'\" ")

    @property
    def species(self):
        """Rows (label, mass, file) of ATOMIC_SPECIES."""
        return [row.split()[:3] for row in self.cards["ATOMIC_SPECIES"][1]]


class Espresso(TemplateEngine):
    """pw.x; see ``Engine``."""

    name = "espresso"
    programs = ("pw.x",)
    kept = (SCREEN, INPUT)

    def read_template(self, text, path):
        parsed = _Template(text, path)
        _refuse(parsed)
        return parsed

    def check(self, species):
        for fallback in self.tries:
            parsed = self.parsed(fallback)
            for symbol in species:
                _label(parsed, symbol)
            for _, _, name in parsed.species:
                self._pseudopotential(parsed, name)
        super().check(species)

    def attempts(self):
        return [self.parsed(fallback).text for fallback in self.tries]

    def values(self, fallback=False):
        parsed, found = self.parsed(fallback), {}
        for namelist, pairs in parsed.namelists.items():
            for key, value in pairs.items():
                if namelist == "ELECTRONS":
                    counts = key in _OF_ELECTRONS
                else:
                    counts = key not in _OTHER.get(namelist, ()) and not key.startswith("celldm")
                if counts and namelist not in ("IONS", "CELL"):
                    found[f"{namelist}/{key}"] = normalised(value)
        for name, (rest, lines) in parsed.cards.items():
            if name in ("K_POINTS", "ADDITIONAL_K_POINTS", "OCCUPATIONS", "HUBBARD"):
                found[name] = normalised(" ".join([rest, *lines]))
        for label, _, name in parsed.species:
            content = digest_of(self._pseudopotential(parsed, name).read_bytes())
            found[f"ATOMIC_SPECIES/{label}"] = f"{name} {content}"
        return found

    def _pseudopotential(self, parsed, name):
        folders = self._folders(parsed)
        found = find_file(name, folders)
        if found is None:
            raise UserError(
                f"{parsed.path}: the pseudopotential {name} is in none of these folders: "
                f"{', '.join(map(str, folders))}; mend ATOMIC_SPECIES or pseudo_dir, or name the folder in labels.data"
            )
        return found

    def _folders(self, parsed):
        own = parsed.value("CONTROL", "pseudo_dir")
        extra = self.section.get("data") or []
        extra = [extra] if isinstance(extra, str | Path) else extra
        environment = [os.environ["ESPRESSO_PSEUDO"]] if os.environ.get("ESPRESSO_PSEUDO") else []
        stated = [parsed.path.parent / Path(own).expanduser()] if own else []
        return [*stated, parsed.path.parent, *extra, *environment, *INSTALLED]

    def version(self):
        # pw.x prints its version before it finds no input.
        return self.stated_version(r"Program PWSCF\s+v\.?\s*(\S+)", self.asked("-in", os.devnull))

    def command(self):
        return [*self.launcher(), "-in", INPUT]

    def prepare(self, frame, folder, fallback=False, guess=None, spin=None):
        folder, parsed = Path(folder), self.parsed(fallback)
        (folder / "pseudo").mkdir()
        for _, _, name in parsed.species:
            link(self._pseudopotential(parsed, name), folder / "pseudo", name)
        namelists = {name: dict(pairs) for name, pairs in parsed.namelists.items()}
        for name in ("CONTROL", "SYSTEM", "ELECTRONS"):
            namelists.setdefault(name, {})
        namelists["CONTROL"] |= {
            "calculation": "'scf'",
            "prefix": f"'{PREFIX}'",
            "outdir": "'./out'",
            "pseudo_dir": "'./pseudo'",
            "tprnfor": ".true.",
            "tstress": ".true." if self.virials else ".false.",
            "disk_io": "'none'",
            "restart_mode": "'from_scratch'",
        }
        namelists["CONTROL"].pop("wfcdir", None)
        namelists["SYSTEM"] |= {"ibrav": "0", "nat": str(len(frame)), "ntyp": str(len(parsed.species))}
        if spin is not None:
            namelists["SYSTEM"] |= {"nspin": "2", "tot_magnetization": str(spin)}
        labels = {symbol: _label(parsed, symbol) for symbol in set(frame.symbols)}
        rows = zip(frame.symbols, frame.positions, strict=True)
        cards = [
            *_lines("ATOMIC_SPECIES", "", (" ".join(row) for row in parsed.species)),
            *_lines("CELL_PARAMETERS", "angstrom", map(_numbers, np.asarray(frame.cell))),
            *_lines("ATOMIC_POSITIONS", "angstrom", (f"{labels[symbol]} {_numbers(row)}" for symbol, row in rows)),
        ]
        for name, (rest, lines) in parsed.cards.items():
            if name not in ("ATOMIC_SPECIES", "CONSTRAINTS", "ATOMIC_VELOCITIES", "ATOMIC_FORCES"):
                cards += _lines(name, rest, lines)
        order = ["CONTROL", "SYSTEM", "ELECTRONS"]
        order += [name for name in namelists if name not in (*order, "IONS", "CELL")]
        heads = [
            f"&{name}\n" + "".join(f"  {k} = {v}\n" for k, v in namelists[name].items()) + "/\n" for name in order
        ]
        (folder / INPUT).write_text("".join(heads) + "".join(cards))

    def read(self, frame, folder):
        folder = Path(folder)
        text = text_of(folder / SCREEN)
        frames, source = self.read_frames(folder / SCREEN, "espresso_pw")
        if not frames:
            if "convergence NOT achieved" in text:
                raise LabelFailed("the self-consistency did not converge (convergence NOT achieved)")
            raise LabelFailed("the output has no step with energy and forces")
        raw = frames[-1]
        version = str(source.settings.get("version") or "") or None
        steps = re.findall(r"convergence (?:has been|NOT) achieved (?:in|after)\s+(\d+) iterations", text)
        return Label(
            atoms=raw.atoms,
            energy=next(iter(raw.energies.values())),
            forces=raw.forces,
            virial=raw.virial,
            converged=raw.converged,
            scf_steps=sum(map(int, steps)) or None,
            version=version,
            ranks=self.stated_ranks(folder),
            threads=_found(r"Threads/MPI process:\s+(\d+)", text),
            notes=[note for note in source.notes if "JOB DONE" not in note],
            faults=list(raw.faults),
        )

    def stated_ranks(self, folder):
        text = text_of(Path(folder) / SCREEN)
        # Versions with OpenMP print the number of cores in the words of those without.
        ranks = _found(r"Number of MPI processes:\s+(\d+)", text)
        return ranks or _found(r"Parallel version \(MPI[^)]*\), running on\s+(\d+)\s+processor", text)

    def complaint(self, folder):
        """Return the message of pw.x' error routine."""
        text = text_of(Path(folder) / SCREEN)
        if "convergence NOT achieved" in text:
            return "the self-consistency did not converge (convergence NOT achieved)"
        found = re.search(r"%{20,}\s*\n\s*(Error in routine .*?)\n\s*%{20,}", text, re.DOTALL)
        if found:
            return f"pw.x: {' '.join(found.group(1).split())}"
        return None


def _without_comment(line):
    """Return a line without its comment; an exclamation mark within quotation marks is none."""
    kept, quote = [], None
    for letter in line:
        if quote is None and letter in "!#":
            break
        if letter in "'\"":
            quote = letter if quote is None else None if quote == letter else quote
        kept.append(letter)
    return "".join(kept)


def _refuse(parsed):
    """Refuse a template that cannot give labels of single frames.

    Raises
    ------
    UserError
    """
    path = parsed.path
    calculation = parsed.value("CONTROL", "calculation") or "scf"
    if calculation.lower() != "scf":
        raise UserError(f"{path}: calculation is {calculation!r}; labels are single points, calculation = 'scf'")
    for card in ("ATOMIC_POSITIONS", "CELL_PARAMETERS"):
        if card in parsed.cards:
            raise UserError(f"{path} has a card {card} of its own; drop it, gapglass writes that of each frame")
    if (ibrav := parsed.value("SYSTEM", "ibrav")) not in (None, "0"):
        raise UserError(f"{path}: ibrav is {ibrav}; drop it, gapglass writes the cell of each frame (ibrav = 0)")
    for key in parsed.namelists.get("SYSTEM", {}):
        if key.startswith("celldm") or key in ("a", "b", "c", "cosab", "cosac", "cosbc"):
            raise UserError(f"{path}: drop {key}, gapglass writes the cell of each frame")
    for card in ("ATOMIC_SPECIES", "K_POINTS"):
        if not parsed.cards.get(card):
            raise UserError(f"{path} has no card {card}")
    if "ecutwfc" not in parsed.namelists.get("SYSTEM", {}):
        raise UserError(f"{path} has no ecutwfc in &SYSTEM")
    if any(len(row) < 3 for row in parsed.species):
        raise UserError(f"{path}: a line of ATOMIC_SPECIES has not the label, mass and pseudopotential")


def _label(parsed, symbol):
    """Return the label in ATOMIC_SPECIES of an element: the element itself, or the only one that stands for it."""
    names = [row[0] for row in parsed.species]
    if symbol in names:
        return symbol
    source = Source("espresso", parsed.path, "espresso_pw")
    found = [name for name in names if label_element(source, name) == symbol]
    if len(found) != 1:
        raise UserError(
            f"{parsed.path}: ATOMIC_SPECIES has {len(found) or 'no'} types of {symbol}, which the frames hold; "
            "give exactly one"
        )
    return found[0]


def _lines(name, rest, lines):
    return [f"{name} {rest}".rstrip() + "\n", *(f"{line}\n" for line in lines)]


def _numbers(row):
    return " ".join(f"{value:.10f}" for value in row)


def _found(pattern, text):
    found = re.search(pattern, text)
    return int(found.group(1)) if found else None
