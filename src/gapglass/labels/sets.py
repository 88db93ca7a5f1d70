"""Sets of labels: folders with ``settings.json`` and extended XYZ files, each with one frame or many.

A set that a study ships or names (``labels.sets``) is only read. The store (``gapglass.labels.store``) consists of
such folders too, so any of them can be given to others as a set. In the files, the labels of a frame have the names
that the reader of extended XYZ knows: REF_energy (eV), REF_forces (eV/Å) and, if there is one, REF_virial (eV).
"""

import bisect
import os
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms

from gapglass.base.errors import UserError
from gapglass.base.files import TEMPORARY, read_json_lines, write_json_lines
from gapglass.frames.labels import labels
from gapglass.frames.readers import extxyz
from gapglass.frames.readers.opening import READING_ERRORS, bare_name
from gapglass.frames.readers.records import Source
from gapglass.frames.store import write_frames
from gapglass.labels import settings as label_settings
from gapglass.labels.matching import bare, places_of, reach_of, same, species_key

INDEX = ".index.jsonl"


@dataclass(frozen=True)
class Entry:
    """A labelled frame of a set.

    Attributes
    ----------
    atoms : ase.Atoms
        Geometry as it was first stored, without labels.
    energy : float
        eV.
    forces : numpy.ndarray, shape (n_atoms, 3)
        eV/Å.
    virial : numpy.ndarray, shape (3, 3), or None
        eV.
    file : pathlib.Path
    number : int
        Place of the frame in the file, from 0.
    info : dict
        Further keys of the frame: provenance, wall time, steps of the self-consistency, what was done to the label.
    """

    atoms: Atoms
    energy: float
    forces: np.ndarray
    virial: np.ndarray | None
    file: Path
    number: int
    info: dict = field(default_factory=dict)


@dataclass(frozen=True)
class _Row:
    """What the index keeps of an entry."""

    number: int
    species: str
    place: float
    other_place: float
    formula: str
    n_atoms: int
    energy: float


class LabelSet:
    """Labels of one settings in a folder.

    Parameters
    ----------
    folder : path-like

    Raises
    ------
    UserError
        When the folder is absent, has no usable ``settings.json``, or holds a frame without label or with that of
        other settings.
    """

    keeps_index = False

    def __init__(self, folder):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise UserError(f"there is no folder {self.folder}; mend labels.sets or labels.store")
        self.settings = label_settings.read(self.folder)
        self._rows = {}  # name of the file -> (size, time of change, rows)
        self._by_species = {}  # key of the species -> (place, name of the file, row), sorted
        self._frames = {}  # name of a file with many frames -> its entries, which are read once
        self.refresh()

    def __len__(self):
        return sum(len(rows) for _, _, rows in self._rows.values())

    def refresh(self):
        """Read the files that are new or have changed, and forget those that are gone."""
        known, index = self._rows, self.folder / INDEX
        if not known and self.keeps_index and index.is_file():
            known = _read_index(index)
        found, changed = {}, False
        with os.scandir(self.folder) as items:
            names = sorted(item.name for item in items if _is_entry(item))
        for name in names:
            state = (self.folder / name).stat()
            key = (state.st_size, state.st_mtime_ns)
            if name in known and known[name][:2] == key:
                found[name] = known[name]
            else:
                found[name] = (*key, [_row(entry) for entry in self._read(name)])
                changed = True
        changed |= set(found) != set(known)
        if found == self._rows:
            return
        self._rows = found
        self._by_species = {}
        for name, (_, _, rows) in found.items():
            for row in rows:
                self._by_species.setdefault(row.species, []).append((row.place, name, row))
        for places in self._by_species.values():
            places.sort(key=lambda item: item[0])
        if changed and self.keeps_index:
            with suppress(UserError):  # a store that cannot be written is slower to open, no more
                write_json_lines(
                    index, ([name, *state, list(map(astuple, rows))] for name, (*state, rows) in found.items())
                )

    def find(self, frame):
        """Return the entry whose geometry is that of a frame, or None.

        Parameters
        ----------
        frame : ase.Atoms
        """
        places = self._by_species.get(species_key(frame), [])
        if not places:
            return None
        (place, other), reach = places_of(frame), reach_of(frame)
        first = bisect.bisect_left(places, place - reach, key=lambda item: item[0])
        for there, name, row in places[first:]:
            if there > place + reach:
                break
            if abs(row.other_place - other) > reach:
                continue
            entry = self._entry(name, row.number)
            if same(frame, entry.atoms):
                return entry
        return None

    def energies(self, frame):
        """Return the energies (eV/atom) of the entries with the composition of a frame."""
        formula = _formula(frame)
        rows = (row for _, _, of_file in self._rows.values() for row in of_file)
        return np.array([row.energy / row.n_atoms for row in rows if row.formula == formula])

    def entries(self):
        """Yield all entries, file by file."""
        for name in self._rows:
            yield from self._read(name)

    def _entry(self, name, number):
        for entry in self._frames.get(name) or self._read(name):
            if entry.number == number:
                return entry
        raise UserError(f"{self.folder / name} was changed while it was read; run again")

    def _read(self, name):
        """Return the entries of a file."""
        path = self.folder / name
        entries = list(self._entries(path))
        self._frames.pop(name, None)
        if len(entries) > 1:
            self._frames[name] = entries
        return entries

    def _entries(self, path):
        frames = extxyz.frames(Source(f"set of labels {self.folder}", path, "extxyz"))
        for number, raw in enumerate(_reporting(path, frames)):
            label, place = labels(raw), f"{path}, frame {number}"
            if label["energy"] is None or label["forces"] is None:
                raise UserError(f"{place} has no {'energy' if label['energy'] is None else 'forces'}; remove the file")
            stated = raw.atoms.info.get("fingerprint", self.settings.fingerprint)
            if stated != self.settings.fingerprint:
                raise UserError(
                    f"{place} has the fingerprint {stated}, the other labels of {self.folder} have "
                    f"{self.settings.fingerprint}; move it into a folder of its own settings"
                )
            atoms = raw.atoms
            yield Entry(
                atoms=bare(atoms),
                energy=label["energy"],
                forces=label["forces"],
                virial=label["virial"],
                file=path,
                number=number,
                info={k: v for k, v in atoms.info.items() if k not in ("REF_energy", "REF_virial", "fingerprint")},
            )


def write_set(folder, entries, settings, name="labels.extxyz"):
    """Write entries of a store as a set of one file, to give to others.

    Parameters
    ----------
    folder : path-like
    entries : iterable of Entry
        Of one settings.
    settings : Settings
    name : str

    Raises
    ------
    UserError
        When the folder has that file or other settings.
    """
    path = Path(folder) / name
    if path.exists():
        raise UserError(f"{path} exists; move it away, or choose another folder")
    if (Path(folder) / label_settings.FILE).exists():
        label_settings.choose({"the labels": settings, folder: label_settings.read(folder)})
    frames = []
    for entry in entries:
        frame = bare(entry.atoms)
        frame.info = {**entry.info, "REF_energy": entry.energy, "fingerprint": settings.fingerprint}
        if entry.virial is not None:
            frame.info["REF_virial"] = entry.virial
        frame.arrays["REF_forces"] = entry.forces
        frames.append(frame)
    label_settings.write(folder, settings)
    write_frames(path, frames)


def _is_entry(item):
    name = item.name
    return item.is_file() and not name.startswith((".", TEMPORARY)) and bare_name(name).endswith(".extxyz")


def _formula(atoms):
    return atoms.symbols.formula.format("hill")


def _row(entry):
    atoms = entry.atoms
    return _Row(entry.number, species_key(atoms), *places_of(atoms), _formula(atoms), len(atoms), float(entry.energy))


def _read_index(path):
    """Return the rows of an index, nothing for one that cannot be read: it is only a cache."""
    try:
        return {name: (size, time, [_Row(*row) for row in rows]) for name, size, time, rows in read_json_lines(path)}
    except (UserError, ValueError, TypeError, OSError):
        return {}


def _reporting(path, frames):
    """Yield frames; a file that cannot be read is an error of the user that names it."""
    try:
        yield from frames
    except READING_ERRORS as error:
        raise UserError(
            f"{path} is no complete file of labels ({' '.join(str(error).split())[:200]}); remove it, "
            "and its frames are labelled anew"
        ) from error
