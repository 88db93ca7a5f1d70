"""The rows of the design matrix of a fit, taken in frame by frame and kept in memory that does not grow with frames.

Frames belong to classes, which a cross-validation takes together or leaves out. A class holds the rows of its energies
as they are, one per frame, and one triangular factor each for its forces and its virials. Rows have an energy scale
(delta) of 1 eV and are not divided by an expected error, so that both can change afterwards. The rows of a frame
depend on that frame and the sparse points alone: those of blocks of frames are computed by separate jobs and joined.
"""

import time

import numpy as np
from ase.data import atomic_numbers

from gapglass.base.errors import UserError
from gapglass.base.files import whole_file
from gapglass.base.progress import Progress
from gapglass.frames import weights
from gapglass.potential import _engine, basis
from gapglass.potential.engine import arrays
from gapglass.potential.factors import Factor
from gapglass.potential.failures import FitFailed

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))  # xx yy zz yz xz xy, the order of the rows


class Design:
    """Rows of frames, class by class.

    Parameters
    ----------
    columns : int
        Sparse points of all terms.
    species : list of str

    Attributes
    ----------
    classes : list of str
        In the order in which they came.
    energies : dict
        Class -> list of rows, shape (columns + n_species + 3,): covariances, numbers of atoms of each species and the
        energy (eV), all divided by the square root of the number of atoms, because the expected error of an energy
        grows with it, and multiplied by the root of the weight; then the number of atoms and the weight.
    forces, virials : dict
        Class -> ``Factor`` of the rows, multiplied by the root of the weight; virials are divided by the square root
        of the number of atoms.
    weights : dict
        Class -> sum of the weights of the rows of forces.
    """

    def __init__(self, columns, species):
        self.columns, self.species = columns, list(species)
        self.classes, self.energies, self.forces, self.virials, self.weights = [], {}, {}, {}, {}

    def _open(self, name):
        if name not in self.energies:
            self.classes.append(name)
            self.energies[name], self.weights[name] = [], 0.0
            self.forces[name], self.virials[name] = Factor(self.columns), Factor(self.columns)

    def add(self, name, frame, energy, forces, virial, virials=True):
        """Add a frame to a class.

        Parameters
        ----------
        name : str
            The class.
        frame : ase.Atoms
            With its labels, and where they differ from 1 the numbers weight, sigma_energy_factor, sigma_force_factor
            and sigma_virial_factor.
        energy, forces, virial : numpy.ndarray
            Rows of the design matrix, shapes (columns,), (3 n_atoms, columns), (6, columns).
        virials : bool
            Whether REF_virial counts where the frame has it.

        Raises
        ------
        FitFailed
            When a label is not a finite number.
        """
        self._open(name)
        root, of = np.sqrt(len(frame)), weights.multipliers(frame.info)
        counts = [float((frame.symbols == symbol).sum()) for symbol in self.species]
        row = np.concatenate([energy, counts, [frame.info["REF_energy"]]]) * (of["energy"] / root)
        force = np.asarray(frame.arrays["REF_forces"], float).ravel()
        label = virial_label(frame) if virials and "REF_virial" in frame.info else None
        if not (np.isfinite(row).all() and np.isfinite(force).all() and (label is None or np.isfinite(label).all())):
            raise FitFailed("a label of a training frame is not a finite number")
        self.energies[name].append(np.concatenate([row, [len(frame), of["energy"] ** 2]]))
        self.forces[name].add(forces * of["force"], force * of["force"])
        self.weights[name] += len(force) * of["force"] ** 2
        if label is not None:
            self.virials[name].add(virial * (of["virial"] / root), label * (of["virial"] / root))

    def keep(self, names):
        """Leave out all classes but these."""
        self.classes = [name for name in self.classes if name in names]

    def n_rows(self, names=None):
        """Return the numbers of energies, force components and virial components that were added."""
        names = self.classes if names is None else names
        return (
            sum(len(self.energies[name]) for name in names),
            sum(self.forces[name].n_rows for name in names),
            sum(self.virials[name].n_rows for name in names),
        )

    def energy_rows(self, names):
        """Return the rows of the energies of classes, shape (n_frames, columns + n_species + 3)."""
        rows = [row for name in names for row in self.energies[name]]
        return np.array(rows).reshape(-1, self.columns + len(self.species) + 3)

    def e0(self, names, known=None, guide=None):
        """Return the energies of isolated atoms that reproduce the energies of classes best.

        Parameters
        ----------
        names : list of str
            Classes.
        known : dict, optional
            Species -> eV that are taken as they are.
        guide : numpy.ndarray, shape (columns,), optional
            Weights of the fit to a guide, which is subtracted from the energies.

        Returns
        -------
        numpy.ndarray, shape (n_species,)
            eV, see ``isolated_energies``.
        """
        rows = self.energy_rows(names)
        energies = rows[:, -3] if guide is None else rows[:, -3] - rows[:, : self.columns] @ guide
        return isolated_energies(rows[:, self.columns : -3], energies, self.species, known)

    def join(self, other):
        """Add the rows of another design to this one, class by class.

        Raises
        ------
        UserError
            When the two belong to different sparse points or species.
        """
        if (other.columns, other.species) != (self.columns, self.species):
            raise UserError("rows of two fits cannot be joined: their sparse points or species differ")
        for name in other.classes:
            self._open(name)
            self.energies[name] += other.energies[name]
            self.weights[name] += other.weights[name]
            for mine, its in ((self.forces[name], other.forces[name]), (self.virials[name], other.virials[name])):
                n_rows = mine.n_rows + its.n_rows
                mine.add(*its.parts())
                mine.n_rows = n_rows

    def write(self, path):
        """Write the rows (.npz); of a triangle only the upper half."""
        stored = {"columns": self.columns, "species": self.species, "classes": self.classes}
        for number, name in enumerate(self.classes):
            stored[f"energy_{number}"] = self.energy_rows([name])
            stored[f"weight_{number}"] = self.weights[name]
            for kind, factor in (("force", self.forces[name]), ("virial", self.virials[name])):
                rows = factor.stacked()
                upper = len(rows) == factor.size and not np.tril(rows, -1).any()
                stored[f"{kind}_{number}"] = rows[np.triu_indices(factor.size)] if upper else rows
                stored[f"{kind}_rows_{number}"] = factor.n_rows
        with whole_file(path) as temporary:
            np.savez(temporary, **stored)


def read(path):
    """Return the design of a file of ``Design.write``."""
    with np.load(path) as stored:
        design = Design(int(stored["columns"]), [str(symbol) for symbol in stored["species"]])
        for number, name in enumerate(map(str, stored["classes"])):
            design._open(name)
            design.energies[name] = list(stored[f"energy_{number}"])
            design.weights[name] = float(stored[f"weight_{number}"])
            for kind, factor in (("force", design.forces[name]), ("virial", design.virials[name])):
                rows = stored[f"{kind}_{number}"]
                if rows.ndim == 1:
                    whole = np.zeros((factor.size, factor.size))
                    whole[np.triu_indices(factor.size)] = rows
                    rows = whole
                factor.add(rows[:, :-1], rows[:, -1])
                factor.n_rows = int(stored[f"{kind}_rows_{number}"])
    return design


def compute(frames, classes, terms, species, virials, folder, deadline=None):
    """Return the rows of frames.

    Parameters
    ----------
    frames : list of ase.Atoms
        With their labels, from which a repulsive core has been subtracted.
    classes : list of str
        Class of each frame.
    terms : list of Term
        From ``basis.choose``.
    species : list of str
    virials : bool
        Whether virials are rows, of the frames that have them.
    folder : path-like
        For files that the engine reads.
    deadline : float, optional
        Time (``time.monotonic``) after which the work stops.

    Returns
    -------
    Design

    Raises
    ------
    FitFailed
        When a label is not a finite number, or the deadline has passed.
    EngineError
        When the engine refuses a frame.
    """
    potential, evaluator = basis.compiled(terms, {atomic_numbers[symbol]: 0.0 for symbol in species}, folder)
    design = Design(potential.columns, species)
    progress = Progress(len(frames), "frames taken in")
    for count, (frame, name) in enumerate(zip(frames, classes, strict=True), 1):
        if deadline is not None and time.monotonic() > deadline:
            raise FitFailed(
                f"the fit was stopped after {count - 1} of {len(frames)} frames (active_learning.max_fit_time)"
            )
        rows = basis.for_frame(count, len(frames), _engine.rows, evaluator, potential, *arrays(frame))
        try:
            design.add(name, frame, *rows, virials)
        except FitFailed:
            raise FitFailed(f"a label of training frame {count} of {len(frames)} is not a finite number") from None
        progress.update(count)
    return design


def virial_label(frame):
    """Return the virial of a frame (eV), symmetrised, in the order of ``VOIGT``, shape (6,)."""
    stated = np.reshape(frame.info["REF_virial"], (3, 3))
    return np.array([0.5 * (stated[i, j] + stated[j, i]) for i, j in VOIGT])


def isolated_energies(counts, energies, species, known=None):
    """Return the energy (eV) of an isolated atom of every species by least squares.

    Those closest to the mean energy per atom are taken where the frames leave a choice; with one composition only, all
    are that mean.

    Parameters
    ----------
    counts : numpy.ndarray, shape (n_frames, n_species)
        Numbers of atoms of each species, and
    energies : numpy.ndarray, shape (n_frames,)
        energies of the frames (eV), both divided by the square root of the number of atoms.
    species : list of str
    known : dict, optional
        Species -> eV that are taken as they are.

    Returns
    -------
    numpy.ndarray, shape (n_species,)
    """
    known = known or {}
    found = np.array([float(known.get(symbol, 0.0)) for symbol in species])
    free = np.array([symbol not in known for symbol in species])
    here = counts[:, free].any(axis=1)
    if not free.any() or not here.any():
        return found
    rest, counts = (energies - counts @ found)[here], counts[here][:, free]
    total = counts.sum(axis=1)
    mean = (total @ rest) / (total @ total)
    deviation = np.linalg.lstsq(counts, rest - mean * total, rcond=1e-6)[0]
    found[free] = mean + deviation
    return found
