"""What a potential costs in molecular dynamics: microseconds for an atom and a step, from its hyperparameters.

The model counts operations: matrix products of descriptors with sparse points, the expansion of every neighbour, and
the power spectrum. Its factors were measured with the engine (SIMD level avx512, one core of 2023 at 3.5 GHz); see
docs/reference/performance-engine.md. It depends on nothing that changes between two runs, so that a limit on the cost
chooses the same potential every time.
"""

import numpy as np

from gapglass.frames.geometry import RADII
from gapglass.potential.memory import descriptor_length

PRODUCTS = 43e3  # floating-point operations in a microsecond of the products of descriptors with sparse points
NEIGHBOUR = 0.2  # µs for a neighbour within the longest cutoff: list, distance and two-body term
EXPANSION = 4.3e-4  # µs for a neighbour within the descriptor's cutoff and a coefficient of its expansion


def neighbours(counts, cutoff):
    """Return the mean number of neighbours of an atom within a cutoff.

    Parameters
    ----------
    counts : pandas.DataFrame
        From ``geometry.count_neighbours``.
    cutoff : float
        Å.
    """
    atoms = counts[[name for name in counts if name.startswith("n_")]].to_numpy().sum()
    within = [counts[f"within_{r:.1f}"].sum() / atoms for r in RADII]
    if cutoff > RADII[-1]:
        return float(within[-1] * (cutoff / RADII[-1]) ** 3)
    return float(np.interp(cutoff, [0.0, *RADII], [0.0, *within]))


def neighbours_of(counts, hyperparameters):
    """Return the mean numbers of neighbours of an atom within the descriptor's and within the longest cutoff.

    Parameters
    ----------
    counts : pandas.DataFrame
        From ``geometry.count_neighbours``.
    hyperparameters : dict
        cutoff, two_body_cutoff.
    """
    cutoff = hyperparameters["cutoff"]
    return neighbours(counts, cutoff), neighbours(counts, max(cutoff, hyperparameters["two_body_cutoff"]))


def microseconds(hyperparameters, n_species, descriptor, n_neighbours, n_longest):
    """Return the estimated time (µs) of an atom and a step of molecular dynamics on one core.

    Parameters
    ----------
    hyperparameters : dict
        n_max, l_max, n_sparse.
    n_species : int
    descriptor : {"soap", "soap_turbo"}
    n_neighbours, n_longest : float
        From ``neighbours_of``.
    """
    h = hyperparameters
    products = 4 * descriptor_length(h, n_species, descriptor) * h["n_sparse"] / PRODUCTS
    coefficients = h["n_max"] * (h["l_max"] + 1) ** 2
    return products + n_longest * NEIGHBOUR + n_neighbours * EXPANSION * coefficients


def of_potential(hyperparameters, counts, n_species, descriptor):
    """Return ``microseconds`` of a potential among the neighbours of frames.

    Parameters
    ----------
    hyperparameters : dict
        cutoff, two_body_cutoff, n_max, l_max, n_sparse.
    counts : pandas.DataFrame
        From ``geometry.count_neighbours``.
    n_species : int
    descriptor : {"soap", "soap_turbo"}
    """
    return microseconds(hyperparameters, n_species, descriptor, *neighbours_of(counts, hyperparameters))
