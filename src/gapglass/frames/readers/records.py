"""Input and output of every reader: a source, the raw frames that it yields, and what is needed to build them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.cell import Cell
from ase.data import atomic_numbers
from ase.formula import Formula

from gapglass.base.errors import UserError


@dataclass
class RawFrame:
    """One frame as the file has it, in eV, Å, fs and K; nothing has been checked yet.

    Attributes
    ----------
    atoms : ase.Atoms
        Species, positions (wrapped or not) and cell; ``info`` holds the keys for ``where`` and ``temperature_key``.
    energies : dict
        Kind -> eV. The kinds are REF_energy (the user's name), free_energy (the forces are its derivatives), and
        energy (extrapolated to zero smearing, or of a file that does not state the kind).
    forces : numpy.ndarray, shape (n_atoms, 3), or None
        eV/Å.
    virial : numpy.ndarray, shape (3, 3), or None
        eV; minus stress times volume, without the kinetic contribution.
    guide_energy : float or None
        eV; of a cheap method, never a label.
    guide_forces : numpy.ndarray, shape (n_atoms, 3), or None
        eV/Å; of the same method.
    step : int or None
        Number of the MD step.
    time_fs : float or None
    temperature_k : float or None
        Kinetic temperature of this step, not that of a thermostat.
    converged : bool or None
        Whether the self-consistency reached its threshold; None if the file does not state it.
    faults : list of str
        Reasons to reject the frame: what it states twice with different values.
    """

    atoms: Atoms
    energies: dict = field(default_factory=dict)
    forces: np.ndarray | None = None
    virial: np.ndarray | None = None
    guide_energy: float | None = None
    guide_forces: np.ndarray | None = None
    step: int | None = None
    time_fs: float | None = None
    temperature_k: float | None = None
    converged: bool | None = None
    faults: list = field(default_factory=list)


@dataclass
class Source:
    """A trajectory to read: its files and their options in the configuration.

    ``dropped`` counts by reason what the reader leaves out; ``notes`` are findings of the reader. ``settings`` are
    those of the electronic structure that the file states, by name: functional, cutoff_ev, k_points,
    pseudopotentials, scf_threshold_ev, smearing, code and version, as text or number; a setting that the file does
    not state is absent. The reader fills all three while it yields frames.
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
    settings: dict[str, str | float] = field(default_factory=dict)

    @property
    def files(self):
        """All files of the trajectory, the main one first."""
        return [self.path, *self.companions.values()]

    def error(self, message):
        """Return a ``UserError`` about this trajectory, for the caller to raise."""
        return UserError(f"trajectory {self.name!r}: {message}")

    def note(self, message):
        """Add a finding to ``notes``, if it is new."""
        if message not in self.notes:
            self.notes.append(message)


@dataclass(frozen=True)
class Format:
    """A kind of trajectory file.

    Attributes
    ----------
    name : str
        Value of ``format`` in the configuration.
    family : str
        The code that computed the labels; energies of two families need not agree.
    title : str
        Name of the format in messages.
    frames : callable
        ``Source`` -> iterator of ``RawFrame``.
    recognises : callable
        (name of the file without the suffix of a compression, its first bytes as text) -> bool.
    companions : callable
        Path -> {what: path} of the existing files that the code has written beside the main one.
    accepts : tuple of str
        Allowed keys of ``companions`` in the configuration.
    options : tuple of str
        Keys of the configuration that the reader uses.
    labels_from : str
        What to read or write instead if energies or forces are missing.
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


def elements(source, names):
    """Return the chemical symbols of atoms from their names in a file.

    Raises
    ------
    UserError
        When a name is not an element and ``trajectories.species`` does not assign one to it.
    """
    known = {str(key): value for key, value in source.species.items()} if isinstance(source.species, dict) else {}
    symbols = [known.get(str(name), str(name)) for name in names]
    for name, symbol in zip(names, symbols, strict=True):
        if symbol not in atomic_numbers or symbol == "X":
            raise source.error(
                f"{source.path} calls an atom {name!r}, which is not an element; "
                f"say which it is, `species: {{{name}: Te}}`"
            )
    return symbols


def listed_species(source, n_atoms, why):
    """Return the symbols of all atoms from ``species`` of the configuration, a formula or a list in their order.

    Parameters
    ----------
    source : Source
    n_atoms : int
    why : str
        Reason why species are needed, for the message.

    Raises
    ------
    UserError
        When the configuration names no species, or not one for each atom.
    """
    given = source.species
    if isinstance(given, str):
        try:
            symbols = list(Formula(given))
        except ValueError as error:
            raise source.error(f"`species` is {given!r}, which is no formula: {error}") from error
    elif isinstance(given, list):
        symbols = [str(symbol) for symbol in given]
    else:
        raise source.error(
            f"{why}; name the species of its {n_atoms} atoms in their order, for example `species: Te16O32`"
        )
    if len(symbols) != n_atoms:
        raise source.error(f"`species` names {len(symbols)} atoms, {source.path} has {n_atoms}")
    return elements(Source(source.name, source.path, source.format), symbols)


def given_cell(source):
    """Return the cell of the configuration (Å, 3 x 3), or None."""
    if source.cell is None:
        return None
    numbers = np.asarray(source.cell, float)
    return numbers.reshape(3, 3) if numbers.size == 9 else np.asarray(Cell.new(numbers))


def built(symbols, positions, cell):
    """Return periodic Atoms; if ``cell`` is None, they have no cell and are not periodic."""
    return Atoms(symbols, positions=positions, cell=cell, pbc=cell is not None)
