"""Reading trajectories, checking every frame, and the canonical frames that all later steps use.

Canonical frame: an ``ase.Atoms`` whose ``info`` holds frame, trajectory, role, temperature (K), time_ps, REF_energy (eV)
and, where given, REF_virial (eV, 3 x 3 or its nine numbers, virial = -stress x volume), and whose ``arrays`` hold REF_forces (eV/Å).
"""

import numpy as np
from ase import Atoms

from gapglass.frames import readers
from gapglass.frames.readers import records


def labels(frame, source="auto"):
    """Return the labels of a raw frame.

    Parameters
    ----------
    frame : readers.RawFrame or ase.Atoms
        Atoms carry them as REF_* keys or in the calculator.
    source : {"auto", "REF_energy", "free_energy", "energy"}
        Which energy to take.

    Returns
    -------
    dict
        energy (eV), energy_source, forces (eV/Å), virial (eV), both in the shape found: ``faults`` judges it. An absent label is None.
    """
    raw = records.from_atoms(frame) if isinstance(frame, Atoms) else frame
    wanted = ["REF_energy", "free_energy", "energy"] if source == "auto" else [source]
    kind = next((name for name in wanted if raw.energies.get(name) is not None), None)
    return {
        "energy": None if kind is None else float(raw.energies[kind]),
        "energy_source": kind,
        "forces": raw.forces,
        "virial": raw.virial,
    }


def refuse_unlabelled(source, raw, energy_source="auto"):
    """Refuse a file that by its kind cannot train a potential, by its first frame.

    Frames of extended XYZ are judged one by one (``faults``): there any frame may lack a label.

    Parameters
    ----------
    source : readers.Source
    raw : readers.RawFrame
    energy_source : str
        ``import.energy_source``.

    Raises
    ------
    UserError
        Naming what is missing and which file would have it.
    """
    form = readers.FORMATS[source.format]
    if form.name == "extxyz":
        return
    label = labels(raw, energy_source)
    missing = [what for what in ("energy", "forces") if label[what] is None]
    if missing:
        kinds = (
            f" of the kind {energy_source} (import.energy_source; it has {', '.join(raw.energies)})"
            if raw.energies
            else ""
        )
        raise source.fault(
            f"{source.path}, read as {form.title}, has no {' and no '.join(missing)}{kinds if 'energy' in missing else ''}; a study needs "
            f"both in every frame. What has them: {form.labels_from}"
        )
    if abs(np.linalg.det(np.asarray(raw.atoms.cell))) < 1e-3:
        fix = "give `cell: [a, b, c]` (Å)" if "cell" in form.options else "write it with the cell"
        if "cell" in form.accepts:
            fix += " or the file with the cells as `companions: {cell: ...}`"
        raise source.fault(f"{source.path}, read as {form.title}, names no cell; {fix}")
