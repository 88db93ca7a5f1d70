"""What every reader takes (a source) and yields (raw frames), and how files are opened."""

import bz2
import gzip
import io
import lzma
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.cell import Cell
from ase.data import atomic_numbers
from ase.formula import Formula

from gapglass.base import units
from gapglass.base.errors import UserError

COMPRESSED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
# what a spoilt or foreign file makes a reader raise
READING_ERRORS = (
    ValueError,
    KeyError,
    IndexError,
    OSError,
    EOFError,
    RuntimeError,
    TypeError,
    AttributeError,
    lzma.LZMAError,
    sqlite3.Error,
)


@dataclass
class RawFrame:
    """One frame as a file tells it, its numbers in eV, Å, fs, K; nothing is checked yet.

    Attributes
    ----------
    atoms : ase.Atoms
        Species, positions (wrapped or not), cell; ``info`` holds the keys that ``where`` and ``temperature_key`` look at.
    energies : dict
        Kind -> eV. Kinds: REF_energy (named so by the user), free_energy (the one whose derivative the forces are), energy (extrapolated to
        zero smearing, or of a file that does not say).
    forces : numpy.ndarray, shape (n_atoms, 3), or None
        eV/Å.
    virial : numpy.ndarray, shape (3, 3), or None
        eV; minus stress times volume, without the share of the motion.
    step : int or None
        Number of the MD step.
    time_fs : float or None
    temperature_k : float or None
        Of the kinetic energy at this step; never the temperature of a plateau.
    """

    atoms: Atoms
    energies: dict = field(default_factory=dict)
    forces: np.ndarray | None = None
    virial: np.ndarray | None = None
    step: int | None = None
    time_fs: float | None = None
    temperature_k: float | None = None


@dataclass
class Source:
    """A trajectory to read: its files and what the configuration says about them.

    ``dropped`` counts what the reader leaves out, by reason; ``notes`` says what the reader found out. Both fill while frames are read.
    """

    name: str
    path: Path
    format: str
    companions: dict = field(default_factory=dict)
    keys: dict = field(default_factory=dict)
    key_units: dict = field(default_factory=dict)
    species: str | list | dict | None = None
    cell: list | None = None
    lammps_units: str | None = None
    dropped: Counter = field(default_factory=Counter)
    notes: list = field(default_factory=list)

    @property
    def files(self):
        """Every file that is read, the main one first."""
        return [self.path, *self.companions.values()]

    def fault(self, message):
        """Return the error to raise about this trajectory."""
        return UserError(f"trajectory {self.name!r}: {message}")

    def note(self, message):
        """Keep a finding, once."""
        if message not in self.notes:
            self.notes.append(message)


@dataclass(frozen=True)
class Format:
    """A kind of trajectory file.

    Attributes
    ----------
    name : str
        As in the configuration.
    family : str
        The code that made the numbers; energies of two families need not agree.
    title : str
        For people.
    frames : callable
        ``Source`` -> iterator of ``RawFrame``.
    recognises : callable
        (name of the file without the ending of a compression, its first bytes as text) -> bool.
    companions : callable
        Path -> {what: path} of the files that the code writes beside the main one and that are there.
    accepts : tuple of str
        Names that ``companions`` of the configuration may have.
    options : tuple of str
        Keys of the configuration that the reader looks at.
    labels_from : str
        What to read or write instead where energies or forces are missing.
    """

    name: str
    family: str
    title: str
    frames: Callable
    recognises: Callable
    companions: Callable = lambda path: {}
    accepts: tuple = ()
    options: tuple = ()
    labels_from: str = ""


def open_bytes(path):
    """Return a file that can be read and sought, whole in memory where it is compressed: seeking in compressed files is very slow."""
    opener = COMPRESSED.get(Path(path).suffix)
    if opener is None:
        return Path(path).open("rb")
    with opener(path, "rb") as stream:
        return io.BytesIO(stream.read())


def lines(path):
    """Yield the lines of a text file, compressed or not."""
    opener = COMPRESSED.get(Path(path).suffix, open)
    with opener(path, "rt", encoding="utf-8", errors="replace") as stream:
        yield from stream


def bare_name(path):
    """Return the name of a file without the ending of a compression."""
    path = Path(path)
    return path.stem if path.suffix in COMPRESSED else path.name


def beside(path, *names):
    """Return the first of the names that is there beside ``path``, compressed or not, else None."""
    for name in names:
        for ending in ("", *COMPRESSED):
            found = Path(path).parent / (name + ending)
            if found.is_file() and found != Path(path):
                return found
    return None


def present(**found):
    """Return the companions that were found."""
    return {what: path for what, path in found.items() if path is not None}


def elements(source, names):
    """Return chemical symbols for the names that a file gives its atoms.

    Raises
    ------
    UserError
        When a name is no element and ``trajectories.species`` does not say which it is.
    """
    known = {str(key): value for key, value in source.species.items()} if isinstance(source.species, dict) else {}
    symbols = [known.get(str(name), str(name)) for name in names]
    for name, symbol in zip(names, symbols, strict=True):
        if symbol not in atomic_numbers or symbol == "X":
            raise source.fault(
                f"{source.path} calls an atom {name!r}, which is not an element; say which it is, `species: {{{name}: Te}}`"
            )
    return symbols


def listed_species(source, n_atoms, why):
    """Return the symbols of all atoms from ``species`` of the configuration: a formula in the order of the atoms, or a list.

    Raises
    ------
    UserError
        When there are none, or not as many as atoms.
    """
    given = source.species
    if isinstance(given, str):
        try:
            symbols = list(Formula(given))
        except ValueError as error:
            raise source.fault(f"`species` is {given!r}, which is no formula: {error}") from error
    elif isinstance(given, list):
        symbols = [str(symbol) for symbol in given]
    else:
        raise source.fault(
            f"{why}; name the species of its {n_atoms} atoms in their order, for example `species: Te16O32`"
        )
    if len(symbols) != n_atoms:
        raise source.fault(f"`species` names {len(symbols)} atoms, {source.path} has {n_atoms}")
    return elements(Source(source.name, source.path, source.format), symbols)


def given_cell(source):
    """Return the cell (Å, 3 x 3) that the configuration gives, or None."""
    if source.cell is None:
        return None
    numbers = np.asarray(source.cell, float)
    return numbers.reshape(3, 3) if numbers.size == 9 else np.asarray(Cell.new(numbers))


def built(symbols, positions, cell):
    """Return periodic Atoms; without a cell where it is None."""
    return Atoms(symbols, positions=positions, cell=cell, pbc=cell is not None)


def from_atoms(atoms):
    """Return the raw frame of an ``ase.Atoms`` that carries labels, as REF_* keys or in its calculator."""
    results = getattr(atoms.calc, "results", None) or {}
    kinds = {
        "REF_energy": atoms.info.get("REF_energy"),
        **{name: results.get(name) for name in ("free_energy", "energy")},
    }
    virial = atoms.info.get("REF_virial")
    if virial is None and results.get("stress") is not None:
        stress = _numbers(results["stress"])
        if stress.shape == (6,):
            stress = units.tensor(stress, "xx yy zz yz xz xy")
        virial = units.virial_from_stress(stress, abs(np.linalg.det(np.asarray(atoms.cell))))
    forces = atoms.arrays.get("REF_forces", results.get("forces"))
    return RawFrame(
        atoms=atoms,
        energies={kind: _number(value) for kind, value in kinds.items() if value is not None},
        forces=None if forces is None else _numbers(forces),
        virial=None if virial is None else _numbers(virial),
    )


def _number(value):
    """Return a label as float, NaN where a file holds text: the checks of the import reject it by name."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _numbers(values):
    """Return a label as an array, NaN where a file holds text or rows of different length."""
    try:
        return np.asarray(values, float)
    except (TypeError, ValueError):
        return np.array([np.nan])


def index_xyz(stream, step_of):
    """Return where the frames of an XYZ file begin.

    Parameters
    ----------
    stream : binary file
    step_of : callable
        Comment line -> step.

    Returns
    -------
    offsets : dict
        Step -> byte; of records with the same step the last one, which a restart has written.
    repeated : int
        Records that a later one replaced.
    truncated : int
        1 where the last record is cut off.
    """
    offsets, repeated = {}, 0
    while True:
        offset = stream.tell()
        first = stream.readline()
        if not first.strip():
            return offsets, repeated, 0
        comment = stream.readline().decode("utf-8", "replace")
        last = b""
        for _ in range(int(first)):
            last = stream.readline()
        # a record may end inside its last number
        if len(last.split()) < 4 or not last.endswith(b"\n"):
            return offsets, repeated, 1
        step = step_of(comment)
        repeated += step in offsets
        offsets[step] = offset


def record_at(stream, offset):
    """Return (comment, names, numbers of shape (n, 3)) of the XYZ record at a byte."""
    stream.seek(offset)
    n_atoms = int(stream.readline())
    comment = stream.readline().decode("utf-8", "replace")
    rows = [stream.readline().split() for _ in range(n_atoms)]
    return comment, [row[0].decode() for row in rows], np.array([row[1:4] for row in rows], float)


def index_sections(stream, opens):
    """Return where the blocks of a file of numbers begin.

    Parameters
    ----------
    stream : binary file
    opens : callable
        (line, step of the block before) -> step where the line opens a block, None where it goes on, -1 where it belongs to none.

    Returns
    -------
    blocks : dict
        Step -> (byte, number of lines); of blocks with the same step the last one, which a restart has written.
    repeated : int
        Blocks that a later one replaced.
    truncated : int
        Blocks of fewer lines than the longest, or whose last line is cut off; they are left out.
    """
    blocks, repeated, offset, current, line = {}, 0, 0, None, b"\n"
    for line in stream:
        step = opens(line, current)
        if step == -1:
            current = None
        elif step is not None:
            repeated += step in blocks
            blocks[step] = [offset, 0]
            current = step
        if current is not None and line.strip():
            blocks[current][1] += 1
        offset += len(line)
    if current is not None and not line.endswith(b"\n"):
        blocks[current][1] -= 1
    longest = max((n_lines for _, n_lines in blocks.values()), default=0)
    whole = {step: tuple(block) for step, block in blocks.items() if block[1] == longest}
    return whole, repeated, len(blocks) - len(whole)


def section_at(stream, block):
    """Return the words of the lines of a block."""
    offset, n_lines = block
    stream.seek(offset)
    rows = []
    while len(rows) < n_lines:
        words = stream.readline().split()
        if words:
            rows.append(words)
    return rows


def common_steps(source, **steps):
    """Return the sorted steps that all the files have, and tell how many each has where they differ.

    Raises
    ------
    UserError
        When the files have no step in common.
    """
    shared = sorted(set.intersection(*(set(found) for found in steps.values())))
    counts = ", ".join(f"{what} {len(found)}" for what, found in steps.items())
    if not shared:
        raise source.fault(f"the files beside {source.path} have no step in common ({counts}); are they of one run?")
    if any(len(found) != len(shared) for found in steps.values()):
        source.note(f"steps in the files: {counts}; {len(shared)} are in all of them and are read")
    return shared
