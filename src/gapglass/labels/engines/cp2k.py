"""Labels by CP2K: one single point per frame from a template of the user.

Of the template, only CELL and COORD of FORCE_EVAL/SUBSYS, the name of the project, the first guess, and the printing
of forces, stress and coordinates are ours. Basis sets and potentials are looked for beside the template, in
``labels.data`` and in the data folder of CP2K.
"""

import os
import re
import shutil
from functools import cached_property
from pathlib import Path

import numpy as np

from gapglass.base.errors import UserError
from gapglass.labels.engines.cp2k_input import Keyword, Section, parse
from gapglass.labels.engines.engine import SCREEN, TemplateEngine, find_file, link, text_of
from gapglass.labels.label import Label, LabelFailed
from gapglass.labels.settings import digest_of, normalised

PROJECT = "label"
WAVE_FUNCTIONS = f"{PROJECT}-RESTART.wfn"
INPUT = f"{PROJECT}.inp"
UKS = ("UKS", "LSD", "SPIN_POLARIZED", "UNRESTRICTED_KOHN_SHAM")
BASIS = ("BASIS_SET", "ORBITAL_BASIS_SET", "ORB_BASIS")
POTENTIAL = ("POTENTIAL", "POT")
# What labels do not depend on: sections by the end of their path, and keywords.
_OTHER_SECTIONS = re.compile(
    r"(^|/)(PRINT|GLOBAL|MOTION|EXT_RESTART|VELOCITY|COORD|TOPOLOGY|SCF/OT|SCF/MIXING|SCF/DIAGONALIZATION|OUTER_SCF)(/|$)"
)
_OTHER_KEYWORDS = {
    "DFT": ("BASIS_SET_FILE_NAME", "POTENTIAL_FILE_NAME", "WFN_RESTART_FILE_NAME", "RESTART_FILE_NAME"),
    "DFT/SCF": (
        "MAX_SCF", "SCF_GUESS", "MAX_SCF_HISTORY", "EPS_SCF_HISTORY", "MAX_DIIS", "EPS_DIIS", "LEVEL_SHIFT",
        "CHOLESKY", "EPS_SCF", "MAX_ITER_LUMO", "IGNORE_CONVERGENCE_FAILURE",
    ),
    "DFT/QS": ("EXTRAPOLATION", "EXTRAPOLATION_ORDER"),
    "": ("STRESS_TENSOR",),
    "SUBSYS/CELL": (
        "A", "B", "C", "ABC", "ALPHA_BETA_GAMMA", "ANGLES", "PERIODIC", "SYMMETRY", "CELL_FILE_NAME",
        "CELL_FILE_FORMAT", "MULTIPLE_UNIT_CELL", "CANONICALIZE",
    ),
}  # fmt: skip


class Cp2k(TemplateEngine):
    """CP2K; see ``Engine``."""

    name = "cp2k"
    programs = ("cp2k.psmp", "cp2k.ssmp", "cp2k.popt", "cp2k.sopt", "cp2k")
    kept = (SCREEN, INPUT)
    restarts = True

    def read_template(self, text, path):
        """Return (path, template as a tree)."""
        root = parse(text, path)
        _refuse(root, path)
        return path, root

    def check(self, species):
        for fallback in self.tries:
            path, root = self.parsed(fallback)
            for symbol in species:
                self._kind_values(path, root, symbol)
            for name in _named_files(root):
                if self._file(path, name) is None:
                    raise UserError(f"{path} names the file {name}, {self._where(path)}")
        super().check(species)

    def attempts(self):
        return [self.parsed(fallback)[1].text() for fallback in self.tries]

    def values(self, fallback=False):
        path, root = self.parsed(fallback)
        force_eval = root.section("FORCE_EVAL")
        found = {}
        for place, section in force_eval.walk():
            if _OTHER_SECTIONS.search(place) or place.startswith("SUBSYS/KIND"):
                continue
            left_out = _OTHER_KEYWORDS.get(place, ())
            if section.parameter:
                _add(found, f"{place} (parameter)", normalised(section.parameter))
            for item in section.items:
                if isinstance(item, Keyword) and item.name not in left_out:
                    value = item.value
                    if item.name.endswith("FILE_NAME"):
                        value = self._content(path, value)
                    name = "UKS" if item.name in UKS else item.name
                    # A logical keyword without a value is true.
                    _add(found, f"{place}/{name}".lstrip("/"), normalised(value) or "TRUE")
        lengths = root.section("GLOBAL") and root.section("GLOBAL").value("EXTENDED_FFT_LENGTHS")
        if lengths is not None:  # the only keyword of GLOBAL that changes the grid
            found["GLOBAL/EXTENDED_FFT_LENGTHS"] = normalised(lengths) or "TRUE"
        scf = force_eval.section("DFT/SCF")
        if scf is not None:
            outer = scf.section("OUTER_SCF")
            threshold = (outer and outer.value("EPS_SCF")) or scf.value("EPS_SCF") or "1.0E-5"
            found["DFT/SCF threshold"] = normalised(threshold)
        for kind in force_eval.section("SUBSYS").sections("KIND"):
            found |= self._kind_values(path, root, kind.parameter, kind)
        return found

    def _content(self, path, name):
        file = self._file(path, name)
        return f"{Path(name).name} {digest_of(file.read_bytes()) if file else 'absent'}"

    def _kind_values(self, path, root, symbol, kind=None):
        """Return the settings of a kind, among them digests of its basis set and potential.

        Raises
        ------
        UserError
            When the template has no such kind, or a file lacks its basis set or potential.
        """
        force_eval = root.section("FORCE_EVAL")
        kind = kind or _kind(force_eval, symbol)
        if kind is None:
            raise UserError(f"{path} has no &KIND {symbol}, but the frames hold {symbol}; add it to &SUBSYS")
        element = (kind.value("ELEMENT", "ELEMENT_SYMBOL") or symbol).split()[0]
        found, dft = {}, force_eval.section("DFT")
        for item in kind.items:
            if isinstance(item, Section):
                _add(found, f"KIND {symbol.upper()}/{item.name}", normalised(item.text()))
                continue
            value = normalised(item.value)
            names, key = (BASIS, "BASIS_SET_FILE_NAME") if item.name in BASIS else (POTENTIAL, "POTENTIAL_FILE_NAME")
            by_file = item.name in names and not value.startswith(("NONE", "ALL"))
            if by_file and element.upper() != "DEFAULT":
                files = dft.values(key) if dft else []
                default = "BASIS_SET" if key.startswith("BASIS") else "POTENTIAL"
                value = f"{value} {self._block(path, files or [default], element, item.value.split()[-1], key)}"
            _add(found, f"KIND {symbol.upper()}/{names[0] if by_file else item.name}", value)
        return found

    def _block(self, path, files, element, name, key):
        """Return the digest of the entry of a basis set or potential."""
        places = []
        for file in files:
            place = self._file(path, file)
            if place is None:
                raise UserError(f"{path}: {key} is {file}, {self._where(path)}")
            places.append(place)
            numbers = _entry(place, element, name)
            if numbers:
                return digest_of(numbers)
        raise UserError(
            f"{path}: {', '.join(map(str, places))} has no {name} for {element} ({key}); mend &KIND {element}"
        )

    def _own_folders(self, path):
        extra = self.section.get("data") or []
        return [path.parent, *([extra] if isinstance(extra, str | Path) else extra)]

    def _file(self, path, name):
        """Return the place of a file that a template names, or None; CP2K is asked for its own folder last."""
        name = name.strip("'\" ")
        return find_file(name, self._own_folders(path)) or find_file(name, self._data_folders)

    def _where(self, path):
        looked = ", ".join(map(str, [*self._own_folders(path), *self._data_folders]))
        return f"which is in none of these folders: {looked}; mend the name, or name its folder with labels.data"

    @cached_property
    def _data_folders(self):
        """Data folders of CP2K, by its environment variable and by what the program prints of its compilation."""
        if own := os.environ.get("CP2K_DATA_DIR"):
            return [own]
        try:
            found = re.search(r'__DATA_DIR="?([^"\s]+)', self._about)
        except UserError:
            if not self.section.get("version"):
                raise
            return []  # labels of a stated version can be looked up without the program
        return [found.group(1)] if found else []

    @cached_property
    def _about(self):
        """Output of ``cp2k --version``, with its broken lines joined."""
        return re.sub(r"\n {3}", "", self.asked("--version"))

    def version(self):
        return self.stated_version(r"CP2K version (\S+)", self._about)

    def command(self):
        return [*self.launcher(), "-i", INPUT]

    def prepare(self, frame, folder, fallback=False, guess=None, spin=None):
        folder = Path(folder)
        path, root = self.parsed(fallback)
        root = root.copy()
        force_eval = root.section("FORCE_EVAL")
        for symbol in sorted(set(frame.symbols)):
            if _kind(force_eval, symbol) is None:
                raise UserError(f"{path} has no &KIND {symbol}, but the frames hold {symbol}; add it to &SUBSYS")
        self._link_files(path, root, folder)
        _set_ours(root, frame, self.virials)
        scf = force_eval.section("DFT/SCF")
        if scf is not None:
            known = guess is not None and _copied(guess, folder / WAVE_FUNCTIONS)
            scf.set("SCF_GUESS", "RESTART" if known else "ATOMIC")
            force_eval.section("DFT").drop("WFN_RESTART_FILE_NAME", "RESTART_FILE_NAME")
            if known:
                force_eval.section("DFT").set("WFN_RESTART_FILE_NAME", WAVE_FUNCTIONS)
        if spin is not None:
            dft = force_eval.section("DFT")
            dft.drop(*UKS, "MULTIPLICITY", "MULTIP")
            dft.items.insert(0, Keyword("MULTIPLICITY", str(spin + 1)))
            dft.items.insert(0, Keyword("UKS", "TRUE"))
        (folder / INPUT).write_text(root.text())

    def _link_files(self, path, root, folder):
        """Make every file that the input names known in the folder, and name it without its path."""
        for _, section in root.walk():
            for item in section.items:
                if isinstance(item, Keyword) and item.name.endswith("FILE_NAME") and item.value:
                    place = self._file(path, item.value)
                    if place is not None:
                        item.value = link(place, folder)

    def read(self, frame, folder):
        folder = Path(folder)
        text = text_of(folder / SCREEN)
        frames, source = self.read_frames(folder / SCREEN, "cp2k_output")
        if not frames:
            raise LabelFailed(self.complaint(folder) or "the output has no energy with forces and coordinates")
        raw = frames[-1]
        if raw.forces is None:
            raise LabelFailed("the output has no forces")
        version = str(source.settings.get("version") or "") or None
        return Label(
            atoms=raw.atoms,
            energy=next(iter(raw.energies.values())),
            forces=raw.forces,
            virial=raw.virial,
            converged=raw.converged,
            scf_steps=_scf_steps(text),
            version=version,
            ranks=self.stated_ranks(folder),
            threads=_number(r"GLOBAL\| Number of threads for this process\s+(\d+)", text),
            notes=[note for note in source.notes if "PROGRAM ENDED AT" not in note],
            faults=list(raw.faults),
        )

    def stated_ranks(self, folder):
        return _number(r"GLOBAL\| Total number of message passing processes\s+(\d+)", text_of(Path(folder) / SCREEN))

    def complaint(self, folder):
        """Return the message of CP2K's abort."""
        box = re.search(r"\[ABORT\].*?\n(.*?)\n \*{40,}", text_of(Path(folder) / SCREEN), re.DOTALL)
        if box is None:
            return None
        rows = [line.strip(" *\n") for line in box.group(1).split("\n")]
        # A figure of a man stands at the left of the message, and the place in the source ends it.
        words = [re.sub(r"^(\\___/|\||O/\||/\| \||/ \\)", "", row).strip() for row in rows]
        message = " ".join(word for word in words if word and not re.fullmatch(r"\S+\.F:\d+", word))
        return f"CP2K aborted: {message}" if message else None

    def wave_functions(self, folder):
        path = Path(folder) / WAVE_FUNCTIONS
        return path if path.is_file() else None


def _copied(path, target):
    """Copy a file; return whether it was still there, because other jobs remove old wave functions."""
    try:
        shutil.copyfile(path, target)
    except OSError:
        return False
    return True


def _number(pattern, text):
    found = re.search(pattern, text)
    return int(found.group(1)) if found else None


def _scf_steps(text):
    """Return the number of steps of all inner loops, None if the output has none."""
    steps = re.findall(r"SCF run converged in\s+(\d+) steps|Leaving inner SCF loop after reaching\s+(\d+) steps", text)
    return sum(int(first or second) for first, second in steps) or None


def _add(found, name, value):
    """Add a setting; a keyword that stands twice gets both values."""
    found[name] = f"{found[name]}; {value}" if name in found else value


def _kind(force_eval, symbol):
    kinds = {kind.parameter.split()[0].upper(): kind for kind in force_eval.section("SUBSYS").sections("KIND")}
    return kinds.get(symbol.upper()) or kinds.get("DEFAULT")


def _named_files(root):
    """Return the names of files that the settings need, beside basis sets and potentials."""
    names = []
    for place, section in root.walk():
        if _OTHER_SECTIONS.search(place):
            continue
        for item in section.items:
            ours = ("BASIS_SET_FILE_NAME", "POTENTIAL_FILE_NAME", "WFN_RESTART_FILE_NAME", "RESTART_FILE_NAME")
            if isinstance(item, Keyword) and item.name.endswith("FILE_NAME") and item.name not in ours:
                names.append(item.value)
    return names


def _entry(path, element, name):
    """Return the numbers of a basis set or potential in a file of CP2K as text, or nothing."""
    numbers, inside = [], False
    for line in path.read_text(errors="replace").splitlines():
        words = line.split("#")[0].split("!")[0].split()
        if not words:
            continue
        if re.match(r"[A-Za-z]", words[0]) and words[0].upper() not in ("NLCC", "LSD", "SOC"):
            if inside:
                break
            upper = [word.upper() for word in words]
            inside = upper[0] == element.upper() and name.upper() in upper[1:]
        elif inside:
            numbers += [normalised(word) for word in words]
    return " ".join(numbers)


def _refuse(root, path):
    """Refuse a template that cannot give labels of single frames.

    Raises
    ------
    UserError
    """
    force_evals = root.sections("FORCE_EVAL")
    if len(force_evals) != 1:
        raise UserError(f"{path} has {len(force_evals)} sections &FORCE_EVAL; a template has one")
    run_type = root.section("GLOBAL") and root.section("GLOBAL").value("RUN_TYPE", "PROGRAM_NAME")
    if run_type and normalised(run_type) not in ("ENERGY_FORCE", "WAVEFUNCTION_OPTIMIZATION", "WFN_OPT"):
        raise UserError(f"{path}: RUN_TYPE is {run_type}; labels are single points, RUN_TYPE ENERGY_FORCE")
    subsys = force_evals[0].section("SUBSYS")
    if subsys is None or not subsys.sections("KIND"):
        raise UserError(f"{path} has no &SUBSYS with &KIND (basis set and potential of each species)")
    for name in ("COORD", "TOPOLOGY"):
        if subsys.sections(name):
            raise UserError(
                f"{path} has positions of its own (&SUBSYS/&{name}); drop them, gapglass writes those of each frame"
            )
    cell = subsys.section("CELL")
    if cell is not None:
        periodic = normalised(cell.value("PERIODIC") or "XYZ")
        if periodic != "XYZ":
            raise UserError(f"{path}: the cell is PERIODIC {periodic}; frames are periodic in x, y and z")
        if cell.value("MULTIPLE_UNIT_CELL"):
            raise UserError(f"{path} has MULTIPLE_UNIT_CELL, which would change the cell of the frames; drop it")
    scf = force_evals[0].section("DFT/SCF")
    for place, section in root.walk():
        for item in section.items:
            replaced = (section is scf and item.name == "SCF_GUESS") or place.endswith("SUBSYS/CELL")
            if isinstance(item, Keyword) and re.search(r"@\w+@", item.value) and not replaced:
                raise UserError(f"{path}: {item.name} is {item.value}, a placeholder that gapglass does not know")


def _set_ours(root, frame, virials):
    """Write into a template what is ours: geometry, name of the project, and what is printed."""
    general = root.section("GLOBAL", make=True)
    general.set("PROJECT", PROJECT)
    general.drop("PROJECT_NAME", "PROGRAM_NAME")
    general.set("RUN_TYPE", "ENERGY_FORCE")
    if normalised(general.value("PRINT_LEVEL", "IOLEVEL") or "MEDIUM") == "SILENT":
        general.drop("IOLEVEL")
        general.set("PRINT_LEVEL", "LOW")
    root.drop("MOTION", "EXT_RESTART")
    force_eval = root.section("FORCE_EVAL")
    stress = normalised(force_eval.value("STRESS_TENSOR") or "NONE")
    if virials and stress in ("NONE", "FALSE"):
        force_eval.set("STRESS_TENSOR", "ANALYTICAL")
    printing = force_eval.section("PRINT", make=True)
    printing.drop("FORCES", "STRESS_TENSOR")
    printing.items += [Section("FORCES", "ON"), *([Section("STRESS_TENSOR", "ON")] if virials else [])]
    subsys = force_eval.section("SUBSYS")
    cell = subsys.section("CELL", make=True)
    cell.drop(*_OTHER_KEYWORDS["SUBSYS/CELL"])
    vectors = [Keyword(name, _numbers(row)) for name, row in zip("ABC", np.asarray(frame.cell), strict=True)]
    cell.items = [*vectors, Keyword("PERIODIC", "XYZ"), *cell.items]
    subsys.drop("VELOCITY", "PRINT")
    rows = zip(frame.symbols, frame.positions, strict=True)
    # A keyword whose name is that of an element is a line of the table of coordinates.
    subsys.items.append(Section("COORD", "", [Keyword(symbol, _numbers(row)) for symbol, row in rows]))
    subsys.items.append(Section("PRINT", "", [Section("ATOMIC_COORDINATES", "ON"), Section("CELL", "ON")]))


def _numbers(row):
    return " ".join(f"{value:.10f}" for value in row)
