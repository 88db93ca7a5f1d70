"""Density waves rho_a(q) = sum_j exp(i q.r_j) over the atoms of each species, compiled by numba.

Wave vectors are integer multiples n of the reciprocal vectors of the cell, so that q.r = 2 pi n.x with scaled
positions x.
"""

from itertools import pairwise

import numba
import numpy as np

ATOMS_AT_ONCE = 2048  # size of a cache block: the factors of one matrix product then stay in the cache


@numba.njit(parallel=True, fastmath=True, cache=True)
def _density_waves(tables, vectors, species, out):
    offset = (tables.shape[1] - 1) // 2
    for k in numba.prange(len(vectors)):
        a, b, c = vectors[k, 0] + offset, vectors[k, 1] + offset, vectors[k, 2] + offset
        for j in range(tables.shape[2]):
            out[k, species[j]] += tables[0, a, j] * tables[1, b, j] * tables[2, c, j]


@numba.njit(nogil=True, fastmath=True, cache=True)
def _rotate(first, second, out):
    """Write exp(2 pi i (a x + b y)) for one a and all b to ``out``, real parts before imaginary ones.

    ``first`` (n,) holds the factors of a, and ``second`` (n_b, n) those of all b.
    """
    n_b = second.shape[0]
    for b in range(n_b):
        for j in range(second.shape[1]):
            wave = first[j] * second[b, j]
            out[b, j] = wave.real
            out[n_b + b, j] = wave.imag


def of_some_vectors(scaled, vectors, species, n_species):
    """Return the density waves of any wave vectors, each computed on its own.

    Parameters
    ----------
    scaled : numpy.ndarray, shape (n_atoms, 3)
        Scaled positions.
    vectors : numpy.ndarray of int, shape (n_vectors, 3)
        Multiples of the reciprocal vectors.
    species : numpy.ndarray of int, shape (n_atoms,)
        Index of each atom's species.
    n_species : int

    Returns
    -------
    numpy.ndarray of complex, shape (n_vectors, n_species)
    """
    multiples = np.arange(-np.abs(vectors).max(), np.abs(vectors).max() + 1)
    tables = np.exp(2j * np.pi * multiples[None, :, None] * scaled.T[:, None, :])
    waves = np.zeros((len(vectors), n_species), complex)
    _density_waves(tables, vectors, species, waves)
    return waves


def of_all_vectors(scaled, vectors, species, n_species):
    """Return the density waves of all wave vectors of a range; parameters and result as for ``of_some_vectors``.

    For each first index, the sums over all second and third indices are one matrix product. Its factors are real: a
    product with the cosine and one with the sine give the waves of a third index c and of -c.
    """
    waves = np.zeros((len(vectors), n_species), complex)
    order = np.argsort(vectors[:, 0], kind="stable")
    ends = np.searchsorted(vectors[order, 0], np.arange(vectors[:, 0].max() + 2))
    largest = np.abs(vectors).max(axis=0)
    for kind in range(n_species):
        of_kind = scaled[species == kind]
        for low in range(0, len(of_kind), ATOMS_AT_ONCE):
            x, y, z = of_kind[low : low + ATOMS_AT_ONCE].T
            along = np.exp(2j * np.pi * np.outer(np.arange(len(ends) - 1), x))
            across = np.exp(2j * np.pi * np.outer(np.arange(-largest[1], largest[1] + 1), y))
            angle = 2 * np.pi * np.outer(np.arange(largest[2] + 1), z)
            last = np.stack([np.cos(angle), np.sin(angle)])
            for a, (begin, end) in enumerate(pairwise(ends)):
                if begin < end:
                    here = order[begin:end]
                    waves[here, kind] += _of_one_first_index(along[a], across, last, vectors[here, 1:], largest[1])
    return waves


def _of_one_first_index(along, across, last, vectors, largest):
    """Return the density waves of wave vectors with equal first index, shape (n_vectors,).

    Parameters
    ----------
    along : numpy.ndarray of complex, shape (n_atoms,)
        Factors of the first index.
    across : numpy.ndarray of complex, shape (2 largest + 1, n_atoms)
        Factors of the second index, from ``-largest``.
    last : numpy.ndarray, shape (2, n_c, n_atoms)
        Cosines and sines of the third index, from 0.
    vectors : numpy.ndarray of int, shape (n_vectors, 2)
        Second and third indices.
    largest : int
    """
    b, c = vectors.T
    used, n_c = slice(b.min() + largest, b.max() + largest + 1), np.abs(c).max() + 1
    n_b = used.stop - used.start
    rotated = np.empty((2 * n_b, len(along)))
    _rotate(along, across[used], rotated)
    sums = rotated @ last[:, :n_c].reshape(2 * n_c, -1).T
    with_cosine, with_sine = (part[:n_b] + 1j * part[n_b:] for part in (sums[:, :n_c], sums[:, n_c:]))
    place = b - b.min(), np.abs(c)
    return with_cosine[place] + 1j * np.sign(c) * with_sine[place]
