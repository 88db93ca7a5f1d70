"""Checks of single frames (labels, cell, repetitions) and of the whole set (number, composition, order of atoms)."""

import bisect

import numpy as np

from gapglass.base.errors import UserError

# Å; the cell of every crystal is higher, and the periodic images of a lower cell would fill the memory.
LOWEST_CELL = 1.0
SAME_TEMPERATURE = 0.5  # K, between a frame and the temperature of the reference


def problems(atoms, label, settings):
    """Return the reasons to reject a frame, an empty list for a valid frame.

    The distances between the atoms are not among them: ``trajectory.import_frames`` checks these.

    Parameters
    ----------
    atoms : ase.Atoms
    label : dict
        From ``labels.labels``.
    settings : dict
        Section ``import`` of the configuration, and ``unlabelled``: whether frames may lack both energy and forces.

    Returns
    -------
    list of str
    """
    nothing = label["energy"] is None and label["forces"] is None
    of_labels = (
        [] if nothing and settings.get("unlabelled") else _label_problems(label, len(atoms), settings["max_force"])
    )
    return _structure_problems(atoms) + of_labels + _guide_problems(label, len(atoms), settings["max_force"])


def _structure_problems(atoms):
    found = []
    if not np.isfinite(atoms.positions).all():
        found.append("positions that are not finite numbers")
    cell = np.asarray(atoms.cell)
    if not np.isfinite(cell).all() or abs(np.linalg.det(cell)) < 1e-3:
        found.append("no cell (Lattice is absent or zero)")
    elif (height := 1 / np.linalg.norm(np.linalg.inv(cell), axis=0).max()) < LOWEST_CELL:
        found.append(f"a cell only {height:.3g} Å high (is Lattice in Å?)")
    elif not atoms.pbc.all():
        found.append(f"not periodic in all directions (pbc {atoms.pbc.tolist()})")
    if (atoms.numbers == 0).any():
        found.append("an unknown species")
    return found


def _label_problems(label, n_atoms, max_force):
    found = []
    if label["energy"] is None:
        found.append("no energy (REF_energy, or energy in ASE's calculator)")
    elif not np.isfinite(label["energy"]):
        found.append("an energy that is not a finite number")
    if label["forces"] is None:
        found.append("no forces (REF_forces, or forces in ASE's calculator)")
    elif label["forces"].shape != (n_atoms, 3) or not np.isfinite(label["forces"]).all():
        found.append("forces that are not finite numbers")
    elif np.abs(label["forces"]).max() > max_force:
        found.append(f"a force of {np.abs(label['forces']).max():.1f} eV/Å, above import.max_force")
    if label["virial"] is not None and (label["virial"].size != 9 or not np.isfinite(label["virial"]).all()):
        found.append("a virial that is not nine finite numbers")
    return found


def _guide_problems(label, n_atoms, max_force):
    energy, forces = label["guide_energy"], label["guide_forces"]
    found = []
    if energy is not None and forces is None:
        found.append("a guide energy without guide forces (a guide has both)")
    if forces is not None and energy is None:
        found.append("guide forces without a guide energy (a guide has both)")
    if energy is not None and not np.isfinite(energy):
        found.append("a guide energy that is not a finite number")
    if forces is None:
        return found
    if forces.shape != (n_atoms, 3):
        found.append(f"guide forces of the shape {forces.shape}, which are not three numbers per atom")
    elif not np.isfinite(forces).all():
        found.append("guide forces that are not finite numbers")
    elif np.abs(forces).max() > max_force:
        found.append(f"a guide force of {np.abs(forces).max():.1f} eV/Å, above import.max_force")
    return found


class Seen:
    """The frames imported so far, in which a repetition is found: the same species, cell and positions within 1e-4 Å.

    Positions may be wrapped or not. A digest of rounded positions would miss one repetition in ten, where two programs
    write a last digit on either side of a rounding edge. So each frame gets a number that changes smoothly with the
    positions and does not depend on the periodic image of an atom; frames with close numbers are then compared.
    """

    TOLERANCE = 1e-4

    def __init__(self):
        self._places = {}

    def find(self, atoms, name):
        """Return the name of an earlier frame equal to ``atoms``, or else None and add ``atoms`` under ``name``."""
        cell = np.asarray(atoms.cell)
        scaled = np.linalg.solve(cell.T, atoms.positions.T).T % 1.0
        weights = np.sin(1.0 + np.arange(scaled.size)).reshape(scaled.shape)
        place = float((weights * np.cos(2 * np.pi * scaled)).sum())
        reach = 2 * np.pi * scaled.size * self.TOLERANCE * np.linalg.norm(np.linalg.inv(cell), axis=0).max()
        known = self._places.setdefault(atoms.numbers.tobytes(), [])
        first = bisect.bisect_left(known, place - reach, key=lambda item: item[0])
        last = bisect.bisect_right(known, place + reach, key=lambda item: item[0])
        for _, earlier, other_cell, other in known[first:last]:
            apart = scaled - other
            same = np.abs((apart - np.rint(apart)) @ cell).max(initial=0) < self.TOLERANCE
            if same and np.abs(cell - other_cell).max() < self.TOLERANCE:
                return earlier
        known.insert(
            bisect.bisect_right(known, place, key=lambda item: item[0]),
            (place, name, cell.copy(), scaled.astype(np.float32)),
        )
        return None


def refuse_unusable_set(summary, total, mixed, settings):
    """Refuse the imported frames as a whole.

    Parameters
    ----------
    summary : dict
        From ``trajectory.import_frames``.
    total : int
        Number of frames that were read.
    mixed : list of set of str
        Sets of kinds of energy that occur together although they do not agree.
    settings : dict
        Section ``import`` of the configuration.

    Raises
    ------
    UserError
        When too many frames are rejected, the kinds of energy are mixed, or fewer than ten frames are left.
    """
    if summary["n_rejected"] > settings["max_rejected_fraction"] * total:
        first = "\n".join(
            f"  - {item['trajectory']}, frame {item['source_index']}: {'; '.join(item['reasons'])}"
            for item in summary["rejected"][:5]
        )
        raise UserError(
            f"{summary['n_rejected']} of {total} frames fail the checks, more than import.max_rejected_fraction "
            f"({settings['max_rejected_fraction']:g}) allows. The first:\n{first}\n"
            "Mend the trajectories or raise the limit."
        )
    if mixed:
        raise UserError(
            f"the frames' energies are of different kinds ({', '.join(sorted(mixed[0]))}); free and extrapolated "
            "energies differ by the smearing. Name one with import.energy_source."
        )
    if summary["n_frames"] < 10:
        raise UserError(
            f"only {summary['n_frames']} of the frames that `trajectories` selects are usable; "
            "clustering and a train/test split need at least 10. "
            "Add trajectories, or select more frames (start, stop, stride, where)."
        )


def check_reference(composition, frames, temperature=None):
    """Refuse reference frames of another formula than the glass, or of different sizes among themselves.

    The structures of the glass models are compared with that of these frames, which is one average.

    Parameters
    ----------
    composition : dict
        ``glass.composition``.
    frames : list of ase.Atoms
        Canonical frames.
    temperature : float, optional
        Only frames at this temperature (K) are the reference; all frames of role reference if it is not given.

    Raises
    ------
    UserError
    """
    total = sum(composition.values())
    first = None
    for frame in frames:
        if frame.info["role"] != "reference":
            continue
        if temperature is not None and abs(frame.info["temperature"] - temperature) >= SAME_TEMPERATURE:
            continue
        counts = {symbol: int((frame.symbols == symbol).sum()) for symbol in set(frame.symbols)}
        same = set(counts) == set(composition)
        if not same or any(counts[symbol] * total != n * len(frame) for symbol, n in composition.items()):
            raise UserError(
                f"trajectory {frame.info['trajectory']!r} has role reference and holds "
                f"{frame.get_chemical_formula()}, glass.composition is {composition}: "
                "their structures cannot be compared. Give the trajectory role extra, or mend glass.composition."
            )
        first = first or frame
        if len(frame) != len(first):
            at = "" if temperature is None else f" at {temperature:g} K"
            raise UserError(
                f"frames of role reference{at} have different sizes: {first.get_chemical_formula()} in trajectory "
                f"{first.info['trajectory']!r}, {frame.get_chemical_formula()} in trajectory "
                f"{frame.info['trajectory']!r}. Give all but one kind of trajectory the role extra "
                "(`where` selects frames of one file)."
            )


def check_atom_order(frames):
    """Refuse frames of one formula whose atoms are in different orders.

    Coulomb matrices that are not permuted are compared element by element, so they need the same order of atoms.

    Parameters
    ----------
    frames : list of ase.Atoms
        Canonical frames.

    Raises
    ------
    UserError
    """
    first = {}
    for frame in frames:
        known = first.setdefault(frame.get_chemical_formula(), frame)
        if (frame.numbers != known.numbers).any():
            place = int(np.argmax(frame.numbers != known.numbers))
            raise UserError(
                f"descriptors.coulomb.permutation is none and atom {place} is {known.symbols[place]} in frame "
                f"{known.info['frame']} (trajectory {known.info['trajectory']!r}) but {frame.symbols[place]} in frame "
                f"{frame.info['frame']} (trajectory {frame.info['trajectory']!r}): "
                "matrices of atoms in different orders cannot be compared. "
                "Use descriptors.coulomb: {permutation: eigenspectrum, distances: minimum_image}, "
                "or sort the atoms alike in all files."
            )


def check_species(composition, e0, species):
    """Compare the species of the configuration with those found in the frames.

    Parameters
    ----------
    composition : dict
        ``glass.composition``.
    e0 : "fitted", "compute" or dict
        ``potential.e0``.
    species : iterable of str
        Chemical symbols found in the frames.

    Raises
    ------
    UserError
        When a species is named on one side only.
    """
    species = set(species)
    composition = set(composition)
    if not composition <= species:
        absent = ", ".join(sorted(composition - species))
        raise UserError(
            f"glass.composition names {absent}, absent from the trajectories "
            f"(which hold {', '.join(sorted(species))}); the potential cannot know it. "
            "Mend glass.composition or add trajectories with it."
        )
    if isinstance(e0, dict) and set(e0) != species:
        raise UserError(
            f"potential.e0 has {', '.join(sorted(e0))}; the trajectories hold {', '.join(sorted(species))}. "
            "Give every species its energy (gap_fit would take a missing one as 0), or e0: fitted."
        )
    if e0 == "compute" and (others := species - composition):
        raise UserError(
            f"the trajectories hold {', '.join(sorted(others))}, which glass.composition lacks, and potential.e0: "
            "compute labels the atoms of glass.composition alone. Give e0 as numbers, or drop these trajectories."
        )
