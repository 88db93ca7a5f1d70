"""Settings of the electronic structure on which labels depend, and their fingerprint.

Two labels belong into one fit only if they were computed alike: same functional, basis, cutoff, k-points and version
of the code. Paths, threads, MPI ranks, the geometry, and the way in which the self-consistency reaches its threshold
are no part of the settings; the content of basis sets and pseudopotentials is.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from gapglass.base.errors import UserError
from gapglass.base.files import read_json, write_json

FILE = "settings.json"
UNKNOWN_VERSION = "not stated"
SHOWN = 6  # differences in a message
_FRACTION = re.compile(r"[-+]?\d+\.?\d*/\d+")


@dataclass(frozen=True)
class Settings:
    """Settings of a set of labels.

    Attributes
    ----------
    engine : str
        Name of the engine that computed the labels.
    version : str
        Version of the code, ``UNKNOWN_VERSION`` if the program does not tell it.
    values : dict of str
        Name of a setting -> its normalised text.
    """

    engine: str
    version: str = UNKNOWN_VERSION
    values: dict = field(default_factory=dict)

    @property
    def fingerprint(self):
        """The letter x and 15 hexadecimal digits of the SHA-256 digest of engine, version and values.

        Without the letter, readers of YAML and extended XYZ would take some fingerprints for numbers.
        """
        text = json.dumps([self.engine, self.version, self.values], sort_keys=True)
        return "x" + hashlib.sha256(text.encode()).hexdigest()[:15]

    @property
    def title(self):
        """Engine, version and fingerprint for a message."""
        return f"{self.engine} {self.version}, fingerprint {self.fingerprint}"


def normalised(text):
    """Return a value of an input file as text that does not depend on case, spaces, quotes or the form of numbers."""
    words = str(text).replace("'", " ").replace('"', " ").split()
    return " ".join(_normalised_word(word) for word in words)


def _normalised_word(word):
    number = re.sub(r"(?<=[\d.])[dD](?=[-+]?\d)", "e", word)
    if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", number):
        return f"{float(number):.12g}"
    if word.upper() in (".TRUE.", "TRUE", ".T.", "T", "YES", "ON"):
        return "TRUE"
    if word.upper() in (".FALSE.", "FALSE", ".F.", "F", "NO", "OFF"):
        return "FALSE"
    return word.upper()


def digest_of(data):
    """Return the first twelve hexadecimal digits of the SHA-256 digest of a file's content or of a text."""
    data = data.encode() if isinstance(data, str) else data
    return hashlib.sha256(data).hexdigest()[:12]


def differences(one, other):
    """Return the differences of two settings as texts, such as "version: 2023.1 and 2024.1"."""
    found = []
    for name in ("engine", "version"):
        if getattr(one, name) != getattr(other, name):
            found.append(f"{name}: {getattr(one, name)} and {getattr(other, name)}")
    for name in sorted({*one.values, *other.values}):
        first, second = (settings.values.get(name, "absent") for settings in (one, other))
        if first != second:
            found.append(f"{name}: {first} and {second}")
    return found


def listed(found):
    """Return differences for a message: the first of them, and the number of the others."""
    more = f"; {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join(found[:SHOWN]) + more


def write(folder, settings):
    """Write the settings of a set of labels into its folder."""
    write_json(
        Path(folder) / FILE,
        {
            "engine": settings.engine,
            "fingerprint": settings.fingerprint,
            "settings": settings.values,
            "version": settings.version,
        },
    )


def read(folder):
    """Read the settings of a set of labels.

    Raises
    ------
    UserError
        When the file is absent or incomplete, or was edited, so that its fingerprint is that of other settings.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        raise UserError(
            f"{folder} is no set of labels, because it has no {FILE} (engine, version, settings and fingerprint of "
            "its labels); mend labels.sets or labels.store"
        )
    found = read_json(path)
    try:
        settings = Settings(found["engine"], found["version"], {k: str(v) for k, v in found["settings"].items()})
        stated = found["fingerprint"]
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} has not the keys engine, version, settings and fingerprint ({error!r})") from error
    if stated != settings.fingerprint:
        raise UserError(
            f"{path} states the fingerprint {stated}, but its settings have {settings.fingerprint}: the file was "
            "edited; restore it, or move labels of other settings into a folder of their own"
        )
    return settings


def choose(found, wanted=None):
    """Return the settings of several sets of labels, which must be the same.

    Parameters
    ----------
    found : dict
        Place (folder) -> ``Settings``.
    wanted : str, optional
        ``labels.settings``: the beginning of a fingerprint, which parts sets of different settings.

    Returns
    -------
    Settings

    Raises
    ------
    UserError
        When there is none or more than one fingerprint; the message lists all of them with their places.
    """
    by_fingerprint = {}
    for place, settings in found.items():
        by_fingerprint.setdefault(settings.fingerprint, (settings, []))[1].append(str(place))
    chosen = {f: of for f, of in by_fingerprint.items() if wanted is None or f.startswith(wanted)}
    lines = "\n".join(f"  - {of.title}: {', '.join(places)}" for of, places in by_fingerprint.values())
    if not by_fingerprint:
        raise UserError("there are no labels: labels.sets names no folder, and labels.store has none")
    if not chosen:
        raise UserError(f"labels.settings is {wanted!r}, which no set of labels has:\n{lines}")
    if len(chosen) > 1:
        first, second = (of for of, _ in list(chosen.values())[:2])
        raise UserError(
            f"the labels are of {len(chosen)} different settings, which one fit must not mix:\n{lines}\n"
            f"The first two differ in {listed(differences(first, second))}. "
            "Name one fingerprint with labels.settings, or drop sets."
        )
    return next(iter(chosen.values()))[0]
