"""The store of labels on disk: a folder of sets to which labelling jobs add entries.

No label is ever thrown away: the store is no output of a rule, and nothing here removes an entry. Layout::

    labels/
      cp2k-1a2b3c4d/            labels of one settings: engine and the beginning of the fingerprint
        settings.json
        O32Te16-5e6f7a8b.extxyz one entry: geometry as first stored, labels, wall time, provenance
        claims/                 geometries that a process labels at this moment
        failed/                 geometries that the code gave no usable label, with the reason
        .index.jsonl             cache of the entries; made anew when files come or go
        .lock

Several processes may use one store. Looking for a frame and claiming it are one step, done under a lock of the
operating system, which ends with the process. A claim is a file that names the process; it counts as left behind when
its process is gone from this machine or, where this machine cannot see it, when it has not been renewed for
``claims.LOST`` seconds.
"""

import fcntl
import os
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from gapglass.base.errors import UserError
from gapglass.base.files import read_json, whole_file, write_json
from gapglass.base.log import notice
from gapglass.frames.store import write_frames
from gapglass.frames.trajectory import digest
from gapglass.labels import claims
from gapglass.labels import settings as label_settings
from gapglass.labels.matching import bare, same
from gapglass.labels.sets import LabelSet

POLL = 2.0  # s, between two looks at a frame that another process labels
_NEVER = 1_000_000  # names tried for one entry


class Store:
    """All labels of a study's store.

    Parameters
    ----------
    root : path-like
        ``labels.store``; made when the first label is stored.
    """

    def __init__(self, root):
        self.root = Path(root)

    def sets(self):
        """Return {folder: StoredSet} of the folders of the store that have settings."""
        if not self.root.is_dir():
            return {}
        folders = sorted(path.parent for path in self.root.glob(f"*/{label_settings.FILE}"))
        return {str(folder): StoredSet(folder) for folder in folders}

    def of(self, settings):
        """Return the set of some settings, which is made if it is absent.

        Raises
        ------
        UserError
            When the folder cannot be made, or one of its name has other settings.
        """
        for folder in sorted(self.root.glob(f"{settings.engine}-{settings.fingerprint[:8]}*/{label_settings.FILE}")):
            found = StoredSet(folder.parent)
            if found.settings.fingerprint == settings.fingerprint:
                return found
        folder = self.root / f"{settings.engine}-{settings.fingerprint[:8]}"
        if (folder / label_settings.FILE).exists():  # the first eight digits are also those of other settings
            folder = self.root / f"{settings.engine}-{settings.fingerprint}"
        label_settings.write(folder, settings)
        return StoredSet(folder)

    def others(self, settings):
        """Return a line for each set of the same engine with other settings, whose labels are not used."""
        lines = []
        for folder, other in self.sets().items():
            if other.settings.engine == settings.engine and other.settings.fingerprint != settings.fingerprint:
                found = label_settings.listed(label_settings.differences(other.settings, settings))
                lines.append(f"{len(other)} labels in {folder} are of other settings ({found}) and are not used")
        return lines


class StoredSet(LabelSet):
    """A set of the store, to which entries can be added."""

    keeps_index = True

    @contextmanager
    def _locked(self):
        """Hold the lock of the set; the system releases it when the process ends, however it ends."""
        with (self.folder / ".lock").open("a") as stream:
            # Some network file systems have no locks. Exclusive creation of the claim then still keeps two processes
            # with the same digits of a geometry apart.
            with suppress(OSError):
                fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    @contextmanager
    def claimed(self, frame, poll=POLL):
        """Keep other processes from labelling a frame while the block runs.

        Yields
        ------
        Entry or None
            None if the caller is to label the frame. The entry if there is one already, perhaps because the process
            that had claimed the frame has stored it in the meantime.
        """
        told = False
        while True:
            with self._locked():
                self.refresh()
                entry = self.find(frame)
                other = None if entry else claims.of_frame(self.folder / "claims", frame)
                claim = None if entry or other else claims.create(self.folder / "claims", digest(frame), frame)
            if entry is not None or claim is not None:
                break
            if not told:
                notice("this frame is being labelled by %s; waiting for it", other or "another process")
                told = True
            time.sleep(poll)
        if entry is not None:
            yield entry
            return
        with claim.kept_alive():
            yield None

    def put(self, frame, label, provenance=None):
        """Store a label, under a name that is still free.

        Parameters
        ----------
        frame : ase.Atoms
            The geometry that was asked for.
        label : Label
        provenance : dict, optional
            Numbers and words that the entry keeps besides.

        Returns
        -------
        Entry
            The stored entry, or the one that another process has stored before.

        Raises
        ------
        UserError
            When the label is of another version than the labels of the set, or the file cannot be written.
        """
        with self._locked():
            self.refresh()
            if (entry := self.find(frame)) is not None:
                return entry
            self._check_version(label)
            stored = _stored(frame, label, self.settings, provenance or {})
            _write_new(self.folder, f"{frame.symbols.formula.format('hill')}-{digest(frame)[:8]}", stored)
            self.refresh()
            return self.find(frame)

    def _check_version(self, label):
        """Refuse a label of another version, also where the program tells its version only in the output."""
        engine, known = self.settings.engine, self.settings.version
        code = None if known == label_settings.UNKNOWN_VERSION else f"{engine} {known}"
        if code is None:
            first = next(self.entries(), None)
            code = first.info.get("code") if first else None
        if label.version and code and f"{engine} {label.version}" != code:
            raise UserError(
                f"the output is of {engine} {label.version}, the labels in {self.folder} are of {code}; labels of two "
                "versions do not mix: use the version of the others, or another labels.store"
            )

    def failure(self, frame, attempts):
        """Return (what is known, its file) where a frame got no label from the same inputs before, or None.

        Parameters
        ----------
        frame : ase.Atoms
        attempts : str
            Digest of all that was tried; another fallback is another attempt.
        """
        for path in sorted((self.folder / "failed").glob("*.json")):
            found = read_json(path)
            if found["attempts"] == attempts and same(frame, claims.geometry(found)):
                return found, path
        return None

    def failures(self, attempts):
        """Return the reasons of all frames that got no label from these inputs."""
        known = (read_json(path) for path in sorted((self.folder / "failed").glob("*.json")))
        return [found["reason"] for found in known if found["attempts"] == attempts]

    def put_failure(self, frame, attempts, reason, **known):
        """Keep the reason why a frame got no label, and what else is known; delete the file for another try."""
        folder = self.folder / "failed"
        for number in range(1, _NEVER):
            path = folder / f"{digest(frame)[:8]}-{attempts[:8]}{'' if number == 1 else f'-{number}'}.json"
            if not path.exists():
                write_json(path, {"attempts": attempts, "reason": reason, **known, **claims.as_json(frame)})
                return


def _stored(frame, label, settings, provenance):
    """Return the frame that is written for a label."""
    stored = bare(frame)
    # Words and numbers only: other types of the provenance could not be read back.
    stored.info = {key: value for key, value in provenance.items() if isinstance(value, str | int | float | np.number)}
    stored.info |= {
        "REF_energy": float(label.energy),
        "fingerprint": settings.fingerprint,
        "code": f"{settings.engine} {label.version or settings.version}",
        "seconds": round(float(label.seconds), 2),
    }
    for key in ("scf_steps", "ranks", "threads"):
        if (value := getattr(label, key)) is not None:
            stored.info[key] = value
    if label.notes:
        stored.info["notes"] = "; ".join(label.notes).replace('"', "'")
    if label.virial is not None:
        stored.info["REF_virial"] = np.asarray(label.virial, float)
    stored.arrays["REF_forces"] = np.asarray(label.forces, float)
    return stored


def _write_new(folder, stem, frame):
    """Write an entry under the first free name, never over a file that is there; return its path."""
    with whole_file(folder / f".new-{stem}") as temporary:  # its errors name the folder and the fix
        write_frames(temporary, [frame])
    written = folder / f".new-{stem}"
    try:
        for number in range(1, _NEVER):
            path = folder / f"{stem}{'' if number == 1 else f'-{number}'}.extxyz"
            try:
                os.link(written, path)  # fails where the name is taken
            except FileExistsError:
                continue
            except OSError:  # a file system without hard links; the lock of the set is held
                if path.exists():
                    continue
                written.rename(path)
            return path
    finally:
        written.unlink(missing_ok=True)
    raise UserError(f"{folder} has too many files that begin with {stem}")
