"""Prediction of the memory that a fit needs: for gap_fit from the number of vectors that it stores.

gap_fit stores one vector per atom and per pair of atoms (descriptors). It stores another vector for every force
component of each atom within the cutoff, and for every virial component of each (gradients). All vectors stay in
memory until the covariances are complete. Their numbers follow exactly from the atoms and pairs within the cutoffs,
and agree with the "Memory Estimate" in the log of gap_fit. The constants for the remaining memory were measured:
benchmarks/fits.py compares prediction and peak. The engine's fit holds the rows of one frame, triangles of the size of
the sparse points, and the descriptors among which it chooses these. 1 MB is 2**20 bytes here, as in
``peak_memory_mb``.
"""

import numpy as np

from gapglass.frames.geometry import RADII
from gapglass.potential.hyperparameters import SIZES
from gapglass.potential.sparse_points import MOST_CANDIDATES

MB = 2**20
# The memory beside gap_fit's arrays, measured with quippy-ase 0.10.3.
BESIDE_A_VECTOR = 24  # bytes of a vector's cutoff function, its variance and the indices of its target
PROGRAM_MB = 22.0  # program and frames
PAGES = 1.02  # memory pages of the allocator over the bytes of the vectors
OF_ONE_FRAME = 0.45  # share of the gradients of the largest frame that exists twice while gap_fit stores them
SOLVER_MB = 52.0  # program and arrays that stay allocated while gap_fit solves the linear system
REMAINS = 0.85  # share of the vectors whose memory the allocator does not return, because they are small
REMAINS_MB = 50.0  # upper bound of that memory
ENGINE_MB = 170.0  # a Python process with the engine, measured
CLASSES = 20  # of training frames in a cross-validation, each with triangles for its forces, twice, and its virials
ENGINE_SQUARES = 35  # matrices of sparse points by sparse points: equations of five folds, solution, work space
GUIDE_SQUARES = 75  # the same for a guide: triangles of its forces in every class, and equations; measured
ENGINE_ROWS = 4  # copies of the rows of one frame, from the engine to LAPACK
MARGIN = 1.04  # with this factor, none of some hundred fits needed more than 1 % above the prediction


def descriptor_length(hyperparameters, n_species, descriptor):
    """Return the length of the many-body vector of one atom.

    A vector of soap holds every pair of radial functions at every degree, and one number for the weight of the central
    atom. A vector of soap_turbo with trivial compression holds only the pairs with the first radial function of a
    species.
    """
    n_radial, n_degrees = n_species * hyperparameters["n_max"], hyperparameters["l_max"] + 1
    if descriptor == "soap":
        return n_radial * (n_radial + 1) // 2 * n_degrees + 1
    return (n_species * n_radial - n_species * (n_species - 1) // 2) * n_degrees


class FitMemory:
    """Predicted memory of fits on one training set.

    Parameters
    ----------
    counts : pandas.DataFrame
        From ``geometry.count_neighbours``, the rows of the training frames. Isolated atoms are not among them,
        because they have no neighbours.
    descriptor : {"soap", "soap_turbo"}
    virials : bool
        Whether the fit uses virials: in the frames that have one, each neighbour has six gradients more than the three
        of the force.
    fitter : {"gap_fit", "engine"}
    guided : bool
        Whether the engine's fit may start from a guide, to whose labels another fit is made. The number of its frames
        is taken to be large.
    """

    def __init__(self, counts, *, descriptor, virials, fitter="gap_fit", guided=False):
        self.descriptor, self.fitter, self.guided = descriptor, fitter, guided
        atoms = counts[[name for name in counts if name.startswith("n_")]].to_numpy()
        within = counts[[f"within_{r:.1f}" for r in RADII]].to_numpy()
        largest = atoms.sum(axis=1).argmax()
        self.atoms_of_species = atoms.sum(axis=0)
        self.n_frames, self.n_atoms = len(counts), int(atoms.sum())
        with_virial = counts["virial"].to_numpy(int) if virials else np.zeros(len(counts), int)
        self.n_targets = len(counts) + 6 * int(with_virial.sum()) + 3 * self.n_atoms
        self.within = within.sum(axis=0)
        # Gradients of the atoms themselves and of their neighbours.
        gradients = 3 + 6 * with_virial
        self.own_gradients = int(gradients @ atoms.sum(axis=1))
        self.gradients_within = gradients @ within
        self.largest = atoms[largest].sum(), within[largest]

    def vectors(self, hyperparameters):
        """Return the length and the numbers of the vectors that gap_fit stores.

        Returns
        -------
        length : int
            Length of a many-body vector; a vector of the distance term has one number.
        many_body, two_body : dict of float
            Numbers of vectors: ``descriptors`` and ``gradients``.
        """
        h = hyperparameters
        length = descriptor_length(h, len(self.atoms_of_species), self.descriptor)
        many_body = {
            "descriptors": self.n_atoms,
            "gradients": self.own_gradients + _within(self.gradients_within, h["cutoff"]),
        }
        # gap_fit stores each pair from both sides, with the gradients of both its atoms.
        pairs = _within(self.within, h["two_body_cutoff"])
        gradients = 2 * _within(self.gradients_within, h["two_body_cutoff"])
        return length, many_body, {"descriptors": pairs, "gradients": gradients}

    def mb(self, hyperparameters):
        """Return the predicted peak memory (MB) of the fit, margin included."""
        return self._engine_mb(hyperparameters) if self.fitter == "engine" else self._gap_fit_mb(hyperparameters)

    def _engine_mb(self, h):
        length = descriptor_length(h, len(self.atoms_of_species), self.descriptor)
        columns = self._sparse_points(h) + 1
        candidates = min(int(self.atoms_of_species.max()), MOST_CANDIDATES)
        numbers = (
            min(3 * CLASSES * columns, self.n_targets) * columns
            + (ENGINE_SQUARES + GUIDE_SQUARES * self.guided) * columns**2
            + ENGINE_ROWS * 3 * self.largest[0] * columns
            + 2 * self.n_atoms * length
            + candidates * (h["n_sparse"] + length)
        )
        return float(MARGIN * (ENGINE_MB + 8 * numbers / MB))

    def columns(self, hyperparameters):
        """Return the number of sparse points of all terms."""
        return self._sparse_points(hyperparameters)

    def _sparse_points(self, h):
        n_species = len(self.atoms_of_species)
        many_body = np.minimum(h["n_sparse"], self.atoms_of_species).sum()
        return many_body + h["two_body_n_sparse"] * n_species * (n_species + 1) // 2

    def _gap_fit_mb(self, h):
        length, many_body, two_body = self.vectors(h)
        vectors = (
            (8 * length + BESIDE_A_VECTOR) * sum(many_body.values()) + (8 + BESIDE_A_VECTOR) * sum(two_body.values())
        ) / MB
        n_atoms, within = self.largest
        one_frame = 8 * length * 3 * (n_atoms + _within(within, h["cutoff"])) / MB
        n_sparse = self._sparse_points(h)
        among_sparse, to_targets = 8 * n_sparse**2 / MB, 8 * n_sparse * self.n_targets / MB
        covariances = PROGRAM_MB + PAGES * vectors + to_targets + among_sparse + OF_ONE_FRAME * one_frame
        # Least squares by QR takes the matrix of (targets + sparse points) x sparse points and its copy.
        solution = SOLVER_MB + 2 * to_targets + 3 * among_sparse + min(REMAINS * vectors, REMAINS_MB)
        return float(MARGIN * max(covariances, solution))


def _within(counted, cutoff):
    """Return the number of neighbours within a cutoff (Å) from those within ``RADII``; beyond, it grows as volume."""
    if cutoff > RADII[-1]:
        return float(counted[-1]) * (cutoff / RADII[-1]) ** 3
    return float(np.interp(cutoff, RADII, counted))


class MemoryLimit:
    """The limit ``active_learning.max_fit_memory`` on the predicted memory of fits on one training set.

    Parameters
    ----------
    memory : FitMemory
    limit : float
        MB.
    """

    def __init__(self, memory, limit):
        self.memory, self.limit = memory, limit

    def __call__(self, hyperparameters):
        """Return True for hyperparameters whose fit stays within the limit."""
        return self.memory.mb(hyperparameters) <= self.limit

    def refusal(self, hyperparameters):
        """Return the message for a search space whose smallest hyperparameters, these, are above the limit."""
        sizes = ", ".join(f"{name} {hyperparameters[name]:g}" for name in SIZES)
        return (
            f"active_learning.max_fit_memory is {self.limit:g} MB, but a fit on the {self.memory.n_frames} training "
            f"frames needs about {self.memory.mb(hyperparameters):.0f} MB even with the smallest of "
            f"potential.hyperparameters ({sizes}); raise it, allow smaller n_max, l_max or cutoff, lower "
            "active_learning.increment, or set potential.virials to false (a third of the memory)"
        )


def of_fit(counts, hyperparameters, settings, imported):
    """Return the predicted memory (MB) of a fit with the settings of the configuration.

    Parameters
    ----------
    counts : pandas.DataFrame
        From ``geometry.count_neighbours``, the rows of the training frames.
    hyperparameters : dict
    settings : object
        Attributes ``descriptor``, ``virials`` and ``fitter`` (section ``potential``).
    imported : dict
        frames/import.json: whether frames have ``virials``.
    """
    virials = settings.virials and imported["virials"]
    memory = FitMemory(counts, descriptor=settings.descriptor, virials=virials, fitter=settings.fitter)
    return memory.mb(hyperparameters)


def too_much(predicted, settings):
    """Return the reason for which a fit must not start, an empty string when it may.

    Parameters
    ----------
    predicted : float
        Memory of the fit (MB).
    settings : object
        May have the attribute ``max_fit_memory`` (MB); None, or no attribute, sets no limit.
    """
    limit = getattr(settings, "max_fit_memory", None)
    if limit is None or predicted <= limit:
        return ""
    return f"it would need about {predicted:.0f} MB, active_learning.max_fit_memory is {limit:g} MB"


MOST_EQUATIONS_MB = 3000  # of the frames among which a strategy chooses


def most_sparse_points(hyperparameters, n_species):
    """Return the most sparse points that a fit has, of all its terms."""
    h, n = hyperparameters, n_species
    return n * int(h["n_sparse"]) + n * (n + 1) // 2 * int(h["two_body_n_sparse"])


def of_frame_equations(columns, n_frames):
    """Return the memory (MB of 10**6 bytes) of ``FrameEquations``, most of which are a matrix for every frame."""
    return 8 * n_frames * columns * (columns + 16) / 1e6
