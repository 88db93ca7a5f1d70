"""Names of labels: the kind and the family of a key, and the entry `keys:` that reads a family.

A family is the set of label keys with the same prefix or suffix: REF_energy and REF_forces, dft_energy and dft_forces,
energy and forces of ASE's calculator.
"""

import re

import numpy as np

_KEY = re.compile(
    r"^(?:(?P<prefix>.+)[_-])?(?P<word>energy|forces?|virials?|stress)(?:[_-](?P<suffix>.+))?$", re.IGNORECASE
)
_KINDS = {"energy": "energy", "force": "forces", "virial": "virial", "stres": "stress"}
# Words of keys that stand for something else than the label of a frame.
_OTHERS = re.compile(r"(^|[_-])(units?|sigma|weight|mask|per|error|std|var|variance|kinetic|local)($|[_-])", re.I)

# Family of the labels of a cheap method, ``gapglass.frames.readers.guide``.
GUIDE = "guide"


def everything(atoms):
    """Return name -> value of all keys of a frame: those of the comment line, the columns, and the calculator's."""
    return {**(getattr(atoms.calc, "results", None) or {}), **atoms.arrays, **atoms.info}


def family_of(key):
    """Return (kind, family) of a key that looks like a label, else (None, None).

    The kinds are energy, free_energy, forces, virial and stress; the family is the rest of the name in small letters.
    """
    match = _KEY.match(str(key))
    if match is None or _OTHERS.search(str(key)):
        return None, None
    prefix, suffix = (match[part] or "" for part in ("prefix", "suffix"))
    kind = _KINDS[match["word"].lower().removesuffix("s")]
    if kind == "energy" and (free := re.fullmatch(r"(.*?)[_-]?free", prefix, re.IGNORECASE)):
        kind, prefix = "free_energy", free[1]
    return kind, "_".join(part for part in (prefix, suffix) if part).lower()


def label_keys(atoms, apart=()):
    """Return {family: {key: kind}} of all keys that look like labels and have a value of the right shape.

    Keys of the family ``GUIDE``, and those in ``apart``, are labels of a guide and left out.
    """
    found = {}
    for key, value in everything(atoms).items():
        kind, family = family_of(key)
        if kind is None or value is None or isinstance(value, (str, bool)) or family == GUIDE or key in apart:
            continue
        size = np.size(value)
        right = {"forces": size == 3 * len(atoms), "virial": size in (6, 9), "stress": size in (6, 9)}
        if right.get(kind, size == 1):
            found.setdefault(family, {})[str(key)] = kind
    return found


def pasted(keys):
    """Return the entry `keys:` for {key: kind} of one family."""
    first = {}
    for key, kind in keys.items():
        first.setdefault(kind, key)
    if "virial" in first:
        first.pop("stress", None)
    order = [kind for kind in ("energy", "free_energy", "forces", "virial", "stress") if kind in first]
    return "`keys: {" + ", ".join(f"{kind}: {first[kind]}" for kind in order) + "}`"


def suggestion(found):
    """Return the entries `keys:` of the complete families of {family: {key: kind}}, or that of all keys together."""
    complete = [
        keys for keys in found.values() if "forces" in keys.values() and {"energy", "free_energy"} & set(keys.values())
    ]
    if complete:
        return " or ".join(map(pasted, complete))
    together = {key: kind for keys in found.values() for key, kind in keys.items() if kind not in ("virial", "stress")}
    return f"{pasted(together)}, if these are of one calculation"
