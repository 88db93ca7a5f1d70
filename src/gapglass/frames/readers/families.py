"""Labels of an ``ase.Atoms``: which of its keys are of one calculator, and the raw frame that these give.

Energy, forces and virial of a frame come from one family of keys (``label_names``) only. The labels of a guide
(``guide``) are read beside them.
"""

import numpy as np

from gapglass.base import units
from gapglass.base.errors import UserError
from gapglass.frames.readers import guide
from gapglass.frames.readers.contradictions import contradictions
from gapglass.frames.readers.label_names import everything, label_keys, suggestion
from gapglass.frames.readers.records import RawFrame
from gapglass.frames.readers.stated_units import Stated

# The names that are read without `keys`, by family; the first that a frame has is taken.
NAMES = {
    "ref": {
        "REF_energy": ("REF_energy",),
        "forces": ("REF_forces",),
        "virial": ("REF_virial", "REF_virials"),
        "stress": ("REF_stress",),
    },
    "": {"free_energy": ("free_energy",), "energy": ("energy",), "forces": ("forces",), "stress": ("stress",)},
}
_CONVERGED = {"converged", "scf_converged", "is_converged", "electronic_converged", "dft_converged", "ref_converged"}


def chosen(atoms):
    """Return {kind: key} of the labels that are read without `keys`."""
    places = everything(atoms)
    family = "ref" if "REF_energy" in places or "REF_forces" in places else ""
    keys = {}
    for kind, names in NAMES[family].items():
        key = next((name for name in names if places.get(name) is not None), None)
        if key is not None:
            keys[kind] = key
    return keys


def declared_or_chosen(source, atoms):
    """Return the raw frame of an ``ase.Atoms`` with the labels that ``keys`` names, else those of ``from_atoms``.

    ``keys`` that name labels of the guide alone leave the choice of the labels as it is.
    """
    if guide.of_labels(source.keys):
        return read_labels(atoms, source.keys, source.key_units, source)
    return from_atoms(atoms, source)


def from_atoms(atoms, source=None):
    """Return the raw frame of an ``ase.Atoms`` with labels under the names of one family, REF_* or ASE's calculator.

    Parameters
    ----------
    atoms : ase.Atoms
    source : Source, optional
        It gets the notes on labels that are not used, and names the labels of the guide.

    Raises
    ------
    UserError
        When energy and forces are of different families, or a stated unit is not known.
    """
    keys, of_guide = chosen(atoms), guide.of_guide(source.keys if source else {})
    found = label_keys(atoms, apart=of_guide.values())
    if len(atoms) > 1:  # an isolated atom needs its energy only
        _refuse_mixture(keys, found, source)
    units_of_guide = guide.of_guide(source.key_units if source else {})
    frame = read_labels(atoms, keys | of_guide, units_of_guide, source, six=False)
    stresses = [key for of in found.values() for key, kind in of.items() if kind in ("virial", "stress")]
    if source is not None and len(atoms) > 1 and frame.energies and frame.virial is None and stresses:
        source.note(
            f"no virial is read: {', '.join(stresses)} is not of the same calculator as the energy, or of unknown "
            "sign; if it is of the same calculation, name all labels with `keys`"
        )
    if not frame.energies and frame.forces is None and found:
        frame.faults.append(f"labels under other names, which {suggestion(found)} reads")
    return frame


def _refuse_mixture(keys, found, source):
    """Refuse a frame whose energy is of one family, and whose forces are only in another one."""
    energy, forces = (
        any(kind in keys for kind in kinds) for kinds in (("REF_energy", "energy", "free_energy"), ("forces",))
    )
    missing = "forces" if energy and not forces else "energy" if forces and not energy else None
    if missing is None:
        return
    others = [key for of in found.values() for key, kind in of.items() if kind.removeprefix("free_") == missing]
    if not others:
        return
    there = next(key for kind, key in keys.items() if kind not in ("virial", "stress"))
    message = (
        f"{'a frame' if source is None else source.path} has {there}, but the {missing} that go with it are missing; "
        f"{', '.join(others)} may be of another calculator. It holds "
        f"{', '.join(key for of in found.values() for key in of)}. "
        f"Name the labels of one calculation: {suggestion(found)}"
    )
    raise UserError(message) if source is None else source.error(message)


def read_labels(atoms, keys, key_units, source, *, six=True):
    """Return a raw frame with the labels under the given names.

    Parameters
    ----------
    atoms : ase.Atoms
        Positions and cell are converted to Å in place if the frame states another unit of length.
    keys : dict
        Kind (REF_energy, energy, free_energy, forces, virial, stress, pressure, time, guide_energy, guide_forces) ->
        key. The labels of the guide have their own names if it does not name them.
    key_units : dict
        Kind -> unit of the configuration.
    source : Source or None
    six : bool
        Whether a virial may have six numbers, in the order of ASE.

    Raises
    ------
    UserError
        When a key is a label and the guide's at once, or a unit is not known.
    """
    places = everything(atoms)
    keys = keys | guide.names(keys)
    guide.refuse_shared(source, {kind: key for kind, key in keys.items() if places.get(key) is not None})
    guide.note_unread(source, atoms, set(keys.values()))
    unit = Stated(atoms.info, source, key_units)
    unit.apply_length(atoms)
    frame = RawFrame(atoms, converged=_converged(atoms.info))
    for kind in ("REF_energy", "free_energy", "energy"):
        if kind in keys and keys[kind] in places:
            frame.energies[kind] = number(places[keys[kind]]) * unit.factor(kind, keys[kind])
    values = {
        kind: numbers(places[keys[kind]]) * unit.factor(kind, keys[kind])
        for kind in ("forces", "virial", "stress", "pressure", "time")
        if kind in keys and keys[kind] in places
    }
    if places.get(keys["guide_energy"]) is not None:
        factor = unit.factor("guide_energy", keys["guide_energy"])
        frame.guide_energy = number(places[keys["guide_energy"]]) * factor
    if places.get(keys["guide_forces"]) is not None:
        factor = unit.factor("guide_forces", keys["guide_forces"])
        frame.guide_forces = numbers(places[keys["guide_forces"]]) * factor
    unit.note_partial()
    frame.forces = values.get("forces")
    if "time" in values:
        frame.time_fs = number(values["time"])
    volume = abs(np.linalg.det(np.asarray(atoms.cell)))
    if "virial" in values:
        frame.virial = tensor(values["virial"]) if six or values["virial"].size == 9 else values["virial"]
    elif "stress" in values:
        frame.virial = -tensor(values["stress"]) * volume
    elif "pressure" in values:
        frame.virial = tensor(values["pressure"]) * volume
    frame.faults += contradictions(frame, values.get("stress") if "virial" in values else None, volume, keys)
    return frame


def tensor(values):
    """Return a 3 x 3 tensor of nine numbers, or of six in the order of ASE (xx yy zz yz xz xy); else the numbers."""
    if values.size == 6 and values.ndim == 1:
        return units.tensor(values, "xx yy zz yz xz xy")
    return values.reshape(3, 3) if values.size == 9 else values


def number(value):
    """Return a label as float, NaN for text; the checks of the import then reject the frame and name the label."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def numbers(values):
    """Return a label as an array, or one NaN for text and for rows of different lengths."""
    try:
        return np.asarray(values, float)
    except (TypeError, ValueError):
        return np.array([np.nan])


def _converged(info):
    """Return whether a frame states that its self-consistency converged, None if it does not say."""
    said = [bool(value) for key, value in info.items() if str(key).lower() in _CONVERGED and np.size(value) == 1]
    return all(said) if said else None
