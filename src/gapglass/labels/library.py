"""All labels that a study can use without a calculation: its read-only sets and its store, of one settings."""

from dataclasses import dataclass
from pathlib import Path

from gapglass.base.errors import UserError
from gapglass.labels import places
from gapglass.labels import settings as label_settings
from gapglass.labels.engines import create
from gapglass.labels.job import ABSENT, Record, find, is_own, of_entry
from gapglass.labels.sets import LabelSet
from gapglass.labels.store import Store, StoredSet

NO_ENGINE = "none"
DEFAULT_STORE = "labels"


@dataclass
class Library:
    """Labels of one settings.

    Attributes
    ----------
    settings : Settings
    sets : list of LabelSet
        Of ``labels.sets``, in their order.
    stored : StoredSet or None
        The part of the store with the same settings; None with ``engine: none`` if there is none.
    engine : Engine or None
        None with ``engine: none``.
    """

    settings: label_settings.Settings
    sets: list
    stored: object = None
    engine: object = None

    def find(self, frame):
        """Return the entry of a frame, or None."""
        return find(frame, self.sets, self.stored)

    def record(self, frame):
        """Return the record of a frame that is not computed: stored, or absent."""
        entry = self.find(frame)
        if entry is None:
            return Record(ABSENT, self.settings.fingerprint, reason="no set and no store has its label", notes=[])
        return of_entry(entry, self.settings.fingerprint)

    def entries(self):
        """Yield all entries, those of the sets first; a frame that several have comes more than once."""
        for labels in (*self.sets, *([self.stored] if self.stored is not None else [])):
            yield from labels.entries()

    def __len__(self):
        return sum(map(len, self.sets)) + (len(self.stored) if self.stored is not None else 0)


def known(section, fingerprint):
    """Return the sets, and the part of the store, with some settings; no program of an engine is asked for them.

    Parameters
    ----------
    section : dict
        sets and store.
    fingerprint : str
    """
    stored = sorted(path.parent for path in Path(section["store"]).glob(f"*/{label_settings.FILE}"))
    folders = [*map(Path, section["sets"]), *stored]
    return [LabelSet(folder) for folder in folders if label_settings.read(folder).fingerprint == fingerprint]


def n_own(frames, sets, study):
    """Return how many frames are labels of a study: those in no set, and those that it has computed itself."""
    entries = [find(frame, sets) for frame in frames]
    return sum(entry is None or is_own(entry, study) for entry in entries)


def open_library(section):
    """Return the labels of the section ``labels`` of a configuration.

    With an engine, sets must have its settings, and its part of the store is made if it is absent. With
    ``engine: none``, the sets and the store tell the settings, which must be the same or be parted by
    ``labels.settings``; nothing is written.

    Parameters
    ----------
    section : dict
        engine, store, sets, settings, and the keys of the engine.

    Raises
    ------
    UserError
        When the labels are of more than one settings; the message lists them.
    """
    named = {"sets": section.get("sets") or (), "store": section.get("store") or DEFAULT_STORE}
    wanted = section.get("settings")
    if section.get("engine", NO_ENGINE) == NO_ENGINE:
        folders = places.folders(named | {"settings": wanted})
        own = [StoredSet(folder) for folder in folders if folder.parent == Path(named["store"])]
        sets = [LabelSet(folder) for folder in folders if folder.parent != Path(named["store"])]
        return Library((own or sets)[0].settings, sets, own[0] if own else None)
    sets = {str(folder): LabelSet(folder) for folder in named["sets"]}
    found = {place: labels.settings for place, labels in sets.items()}
    engine = create(section)
    own = engine.settings()
    if wanted is not None and not own.fingerprint.startswith(wanted):
        raise UserError(
            f"labels.settings is {wanted!r}, but the settings of labels.engine have the fingerprint {own.fingerprint} "
            f"({own.title}); drop labels.settings, or use engine: none"
        )
    parted = {place: of for place, of in found.items() if wanted is None or of.fingerprint.startswith(wanted)}
    settings = label_settings.choose({"labels.engine": own, **parted})
    return Library(
        settings, [of for of in sets.values() if of.settings == settings], Store(named["store"]).of(settings), engine
    )
