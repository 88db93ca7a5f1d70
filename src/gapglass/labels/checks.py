"""Checks of a label before it is stored: that it is of the frame that was sent, converged, finite and plausible."""

import numpy as np

from gapglass.labels.matching import farthest

MEAN_FORCE = 0.15  # eV/Å; largest mean force on an atom that is subtracted
TOLD_MEAN_FORCE = 1e-3  # eV/Å; a smaller one is rounding
SAME_POSITION = 1e-4  # Å, between the positions sent and those of the output
SAME_CELL = 2e-3  # Å, because some codes print cells with three decimals
# A label is refused when its energy is further from the median of its composition than both of these. The first is in
# units of the scaled median absolute deviation, which is the standard deviation of a normal distribution. The second
# spares hot frames where all labels so far are of cold ones: a self-consistency that ends in a wrong state, or
# positions in wrong units, is off by far more.
BAND = 10.0
FLOOR = 0.5  # eV/atom
HARVESTED_FLOOR = 10.0  # eV/atom; the last frames before an explosion lay 3.8 eV/atom above the frames that train
FEWEST = 10  # stored energies of a composition, below which there is no band


def problems(frame, label, virials, energies=(), floor=FLOOR):
    """Return the reasons to refuse a label, an empty list for a good one.

    Parameters
    ----------
    frame : ase.Atoms
        As it was sent.
    label : Label
    virials : bool
        Whether the label must have a virial.
    energies : array-like
        Energies (eV/atom) of stored labels of the same composition.
    floor : float
        eV/atom; ``HARVESTED_FLOOR`` for a frame that a potential which knows nothing of it has made.

    Returns
    -------
    list of str
    """
    found = _of_geometry(frame, label.atoms) + list(label.faults)
    if label.converged is False:
        found.append("the self-consistency did not converge")
    if label.energy is None or not np.isfinite(label.energy):
        found.append("the energy is not a finite number")
    forces = np.asarray(label.forces, float)
    if forces.shape != (len(frame), 3) or not np.isfinite(forces).all():
        found.append("the forces are not three finite numbers for each atom")
    elif (mean := np.linalg.norm(forces.mean(axis=0))) > MEAN_FORCE:
        found.append(f"the mean force is {mean:.3f} eV/Å, more than {MEAN_FORCE:g}; the grid is too coarse")
    if label.virial is not None and not (np.size(label.virial) == 9 and np.isfinite(label.virial).all()):
        found.append("the virial is not nine finite numbers")
    if virials and label.virial is None:
        found.append("there is no stress, which labels.virials asks for")
    if not found:
        found += _of_energy(label.energy / len(frame), np.asarray(energies, float), floor)
    return found


def _of_geometry(frame, stated):
    """Return in what the geometry of the output differs from the one that was sent."""
    if len(stated) != len(frame):
        return [f"the output is of {len(stated)} atoms, {len(frame)} were sent"]
    if (stated.numbers != frame.numbers).any():
        place = int(np.argmax(stated.numbers != frame.numbers))
        return [f"atom {place} is {stated.symbols[place]} in the output, {frame.symbols[place]} was sent"]
    found = []
    if (apart := np.abs(np.asarray(stated.cell) - np.asarray(frame.cell)).max()) > SAME_CELL:
        found.append(f"the cell of the output differs by {apart:.4f} Å from the one that was sent")
    if not np.isfinite(stated.positions).all() or farthest(frame, stated) > SAME_POSITION:
        found.append("the positions of the output are not those that were sent")
    if not stated.pbc.all():
        found.append(f"the calculation was not periodic in all directions ({stated.pbc.tolist()})")
    return found


def _of_energy(energy, others, floor):
    """Return why an energy (eV/atom) is out of the band of the stored ones of its composition."""
    if len(others) < FEWEST:
        return []
    median = float(np.median(others))
    spread = 1.4826 * float(np.median(np.abs(others - median)))
    allowed = max(BAND * spread, floor)
    if abs(energy - median) <= allowed:
        return []
    return [
        f"the energy is {energy:.3f} eV/atom, {abs(energy - median):.3f} from the median of the {len(others)} labels "
        f"of this composition; {allowed:.3f} is allowed"
    ]


def without_mean_force(label):
    """Subtract the mean force from the forces of a label, and note it.

    A finite grid breaks the invariance under translation; the forces of an exact calculation add up to zero.

    Parameters
    ----------
    label : Label
        Changed in place.

    Returns
    -------
    float
        Size of the mean force, eV/Å.
    """
    mean = np.asarray(label.forces, float).mean(axis=0)
    size = float(np.linalg.norm(mean))
    if len(label.forces) > 1:
        label.forces = label.forces - mean
        if size > TOLD_MEAN_FORCE:
            label.notes.append(f"a mean force of {size:.4f} eV/Å was subtracted")
    return size
