"""Guide labels: energy and forces of a cheap method, which a frame has beside its labels.

They are kept apart from the labels: no key of the guide is ever taken for a label, or proposed as one.
"""

from gapglass.frames.readers.label_names import GUIDE, everything, family_of

# Kinds of the guide's labels, which are also the names under which they are read without `keys`.
KINDS = ("guide_energy", "guide_forces")


def names(keys):
    """Return {kind: key} of the guide's labels, from ``keys`` of the configuration or by their own names."""
    return {kind: keys.get(kind, kind) for kind in KINDS}


def of_labels(keys):
    """Return ``keys`` or ``key_units`` of the configuration without those of the guide."""
    return {kind: value for kind, value in keys.items() if kind not in KINDS}


def of_guide(keys):
    """Return what ``of_labels`` leaves out."""
    return {kind: value for kind, value in keys.items() if kind in KINDS}


def refuse_shared(source, keys):
    """Refuse a key that is a label and the guide's label at once.

    Parameters
    ----------
    source : Source or None
    keys : dict
        Kind -> key, of the labels and of the guide.

    Raises
    ------
    UserError
    """
    guide = of_guide(keys)
    for kind, key in of_labels(keys).items():
        shared = next((what for what, name in guide.items() if name == key), None)
        if source is not None and shared is not None:
            raise source.error(
                f"{source.path}: the key {key!r} is the label {kind} and {shared} at once. The guide is another, "
                "cheaper method than that of the labels, and never a label; name both with `keys`"
            )


def note_unread(source, atoms, read):
    """Note the keys of a frame that look like the guide's and are not among the keys ``read``."""
    if source is None:
        return
    unread = [key for key in everything(atoms) if key not in read and family_of(key)[1] == GUIDE]
    if unread:
        source.note(
            f"not read: {', '.join(map(str, unread))}. Of a guide, guide_energy and guide_forces are read, or the "
            "keys that `keys` names for them"
        )


def refuse_absent(source, found, atoms):
    """Refuse a trajectory for which ``keys`` names labels of the guide that no frame has.

    Parameters
    ----------
    source : Source
    found : set of str
        Kinds that at least one frame has.
    atoms : ase.Atoms
        The last frame, whose keys the message lists.

    Raises
    ------
    UserError
    """
    absent = [kind for kind in KINDS if kind in source.keys and kind not in found]
    if absent:
        there = sorted(str(key) for key in everything(atoms) if key not in ("numbers", "positions"))
        raise source.error(
            f"no frame of {source.path} has {' or '.join(repr(source.keys[kind]) for kind in absent)}, which "
            f"{' and '.join(f'keys.{kind}' for kind in absent)} names; mend `keys` (the last frame has: "
            f"{', '.join(there)})"
        )
