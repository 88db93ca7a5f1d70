"""Labels of a raw frame: which energy is taken, and files that cannot have any are refused at once."""

import numpy as np
from ase import Atoms

from gapglass.frames import readers
from gapglass.frames.readers import families


def labels(frame, source="auto"):
    """Return the labels of a raw frame.

    Parameters
    ----------
    frame : readers.records.RawFrame or ase.Atoms
        ``ase.Atoms`` have labels as REF_* keys or in their calculator.
    source : {"auto", "REF_energy", "free_energy", "energy"}
        Kind of energy to take; auto takes the first of the others that the frame has.

    Returns
    -------
    dict
        energy (eV), energy_source, forces (eV/Å), virial (eV), guide_energy (eV) and guide_forces (eV/Å), None if
        absent. Forces and virial have the shape that was read; ``checks.problems`` checks it.
    """
    raw = families.from_atoms(frame) if isinstance(frame, Atoms) else frame
    wanted = ["REF_energy", "free_energy", "energy"] if source == "auto" else [source]
    kind = next((name for name in wanted if raw.energies.get(name) is not None), None)
    return {
        "energy": None if kind is None else float(raw.energies[kind]),
        "energy_source": kind,
        "forces": raw.forces,
        "virial": raw.virial,
        "guide_energy": raw.guide_energy,
        "guide_forces": raw.guide_forces,
    }


def refuse_unlabelled(source, raw, energy_source="auto", unlabelled=False):
    """Refuse a file of a format without labels or cell, which its first frame shows.

    Frames of extended XYZ are checked one by one (``checks.problems``), because any of them may lack a label.

    Parameters
    ----------
    source : readers.Source
    raw : readers.records.RawFrame
        The first frame.
    energy_source : str
        ``import.energy_source``.
    unlabelled : bool
        Whether frames may lack both energy and forces.

    Raises
    ------
    UserError
        The message names the missing labels and the file that has them.
    """
    form = readers.FORMATS[source.format]
    if form.name == "extxyz":
        return
    label = labels(raw, energy_source)
    missing = [what for what in ("energy", "forces") if label[what] is None]
    if missing and not (unlabelled and len(missing) == 2):
        kinds = ""
        if raw.energies and "energy" in missing:
            kinds = f" of the kind {energy_source} (import.energy_source; it has {', '.join(raw.energies)})"
        raise source.error(
            f"{source.path}, read as {form.title}, has no {' and no '.join(missing)}{kinds}; "
            f"a study needs both in every frame. What has them: {form.labels_from}"
        )
    if abs(np.linalg.det(np.asarray(raw.atoms.cell))) < 1e-3:
        fix = "give `cell: [a, b, c]` (Å)" if "cell" in form.options else "write it with the cell"
        if "cell" in form.accepts:
            fix += " or the file with the cells as `companions: {cell: ...}`"
        raise source.error(f"{source.path}, read as {form.title}, names no cell; {fix}")
