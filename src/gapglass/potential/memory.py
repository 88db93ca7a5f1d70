"""Memory that gap_fit will need, foretold from what it is going to store.

gap_fit keeps one vector per atom and per pair of atoms (descriptors), and for every force component of the atoms within the cutoff, and
every virial component of each of them, one more (gradients); all of them until the covariances are done. Their numbers follow exactly
from atoms and pairs within the cutoffs, and agree with the "Memory Estimate" in its log. Only what lies beside them was measured:
benchmarks/fits.py compares prediction and peak. 1 MB is 2**20 bytes here, as in ``peak_memory_mb``.
"""

import numpy as np

from gapglass.frames.geometry import RADII
from gapglass.potential.hyperparameters import SIZES

MB = 2**20
# What gap_fit's arrays do not explain, measured with quippy-ase 0.10.3.
BESIDE_A_VECTOR = 24  # bytes: cutoff function, variance and the places of the value that a vector belongs to
PROGRAM_MB = 22.0  # program and frames
PAGES = 1.02  # of the allocator, over what the vectors hold
OF_ONE_FRAME = 0.45  # of the gradients of the largest frame, which are there twice while they are stored
SOLVER_MB = 52.0  # program and what stays allocated while the linear system is solved
REMAINS_MB = 50.0  # at most, of vectors too small for the allocator to give their memory back to the system
REMAINS = 0.85
MARGIN = 1.04  # with it, none of some hundred fits needed more than 1 % above the prediction


def descriptor_length(hyperparameters, n_species, descriptor):
    """Return the length of the many-body vector of one atom.

    soap holds every pair of radial functions and every degree, and one number for the weight of the central atom; soap_turbo with trivial
    compression only the pairs with the first radial function of a species.
    """
    n_radial, n_degrees = n_species * hyperparameters["n_max"], hyperparameters["l_max"] + 1
    if descriptor == "soap":
        return n_radial * (n_radial + 1) // 2 * n_degrees + 1
    return (n_species * n_radial - n_species * (n_species - 1) // 2) * n_degrees


class FitMemory:
    """Memory of fits on one training set.

    Parameters
    ----------
    counts : pandas.DataFrame
        From ``count_neighbours``, the rows of the training frames.
    descriptor : {"soap", "soap_turbo"}
    virials : bool
        Whether virials are fitted: six more gradients for each neighbour beside the three of the force.
    """

    def __init__(self, counts, *, descriptor, virials):
        self.descriptor = descriptor
        self.gradients = 9 if virials else 3
        atoms = counts[[name for name in counts if name.startswith("n_")]].to_numpy()
        within = counts[[f"within_{r:.1f}" for r in RADII]].to_numpy()
        largest = atoms.sum(axis=1).argmax()
        self.atoms_of_species = atoms.sum(axis=0)
        self.n_frames, self.n_atoms = len(counts), int(atoms.sum())
        self.n_targets = len(counts) * (7 if virials else 1) + 3 * self.n_atoms
        self.within = within.sum(axis=0)
        self.largest = atoms[largest].sum(), within[largest]

    def vectors(self, hyperparameters):
        """Return how many vectors gap_fit keeps.

        Returns
        -------
        length : int
            Of a many-body vector; those of the distance term have one number.
        many_body, two_body : dict of float
            ``descriptors`` and ``gradients``: their numbers.
        """
        h = hyperparameters
        length = descriptor_length(h, len(self.atoms_of_species), self.descriptor)
        many_body = {
            "descriptors": self.n_atoms,
            "gradients": self.gradients * (self.n_atoms + _within(self.within, h["cutoff"])),
        }
        # each pair is kept from both sides, with the gradients of both its atoms
        pairs = _within(self.within, h["two_body_cutoff"])
        return length, many_body, {"descriptors": pairs, "gradients": 2 * self.gradients * pairs}

    def mb(self, hyperparameters):
        """Return the peak memory (MB) that gap_fit is expected to need, margin included."""
        h = hyperparameters
        length, many_body, two_body = self.vectors(h)
        vectors = (
            (8 * length + BESIDE_A_VECTOR) * sum(many_body.values()) + (8 + BESIDE_A_VECTOR) * sum(two_body.values())
        ) / MB
        n_atoms, within = self.largest
        one_frame = 8 * length * 3 * (n_atoms + _within(within, h["cutoff"])) / MB
        n_species = len(self.atoms_of_species)
        n_sparse = (
            np.minimum(h["n_sparse"], self.atoms_of_species).sum()
            + h["two_body_n_sparse"] * n_species * (n_species + 1) // 2
        )
        among_sparse, to_targets = 8 * n_sparse**2 / MB, 8 * n_sparse * self.n_targets / MB
        covariances = PROGRAM_MB + PAGES * vectors + to_targets + among_sparse + OF_ONE_FRAME * one_frame
        # least squares by QR: the matrix of (targets + sparse points) x sparse points and its copy
        solution = SOLVER_MB + 2 * to_targets + 3 * among_sparse + min(REMAINS * vectors, REMAINS_MB)
        return float(MARGIN * max(covariances, solution))


def _within(counted, cutoff):
    """Return the number of neighbours within a cutoff (Å) from those within ``RADII``."""
    if cutoff > RADII[-1]:
        return float(counted[-1]) * (cutoff / RADII[-1]) ** 3
    return float(np.interp(cutoff, RADII, counted))


class MemoryLimit:
    """Whether a fit is expected to stay within ``active_learning.max_fit_memory``.

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
        """Return the message for a search space of which even these, its smallest hyperparameters, are above the limit."""
        sizes = ", ".join(f"{name} {hyperparameters[name]:g}" for name in SIZES)
        return (
            f"active_learning.max_fit_memory is {self.limit:g} MB, but a fit on the {self.memory.n_frames} training frames needs about "
            f"{self.memory.mb(hyperparameters):.0f} MB even with the smallest of potential.hyperparameters ({sizes}); raise it, allow "
            "smaller n_max, l_max or cutoff, lower active_learning.increment, or set potential.virials to false (a third of the memory)"
        )


def of_fit(counts, hyperparameters, settings, imported):
    """Return the memory (MB) that gap_fit is expected to need for a fit as the configuration says.

    Parameters
    ----------
    counts : pandas.DataFrame
        From ``count_neighbours``, the rows of the training frames.
    hyperparameters : dict
    settings : object
        Attributes ``descriptor`` and ``virials`` (section ``potential``).
    imported : dict
        frames/import.json: whether all frames have ``virials``.
    """
    return FitMemory(counts, descriptor=settings.descriptor, virials=settings.virials and imported["virials"]).mb(
        hyperparameters
    )


def too_much(predicted, settings):
    """Return why a fit must not start, an empty string when it may: its expected memory (MB) against ``settings.max_fit_memory``."""
    limit = getattr(settings, "max_fit_memory", None)
    if limit is None or predicted <= limit:
        return ""
    return f"it would need about {predicted:.0f} MB, active_learning.max_fit_memory is {limit:g} MB"
