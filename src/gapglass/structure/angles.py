"""Distributions of the bond angles between neighbours within the cutoffs, compiled by numba.

Source: section 3.3 of doi:10.1111/jace.20128.
"""

import numba
import numpy as np

from gapglass.structure.coordination import directed_cutoffs, neighbour_list
from gapglass.structure.pairs import averaging_blocks, pair_indices, pair_names


@numba.njit(cache=True)
def _count_angles(starts, vectors, species, pair_of, n_pairs, n_bins):
    counts = np.zeros((n_pairs, n_bins), np.int64)
    for centre in range(len(starts) - 1):
        for j in range(starts[centre], starts[centre + 1]):
            for k in range(starts[centre], j):
                cosine = vectors[j, 0] * vectors[k, 0] + vectors[j, 1] * vectors[k, 1] + vectors[j, 2] * vectors[k, 2]
                angle = np.arccos(min(1.0, max(-1.0, cosine))) / np.pi
                counts[pair_of[species[j], species[k]], min(int(angle * n_bins), n_bins - 1)] += 1
    return counts


def _angles_around(atoms, centre, neighbours, n_bins):
    """Return the counts of the angles at the ``centre`` atoms of one frame.

    Returns
    -------
    numpy.ndarray of int, shape (n_pairs, n_bins)
        For every pair of neighbour species.
    """
    names = sorted(neighbours)
    found = [neighbour_list(atoms, centre, name, neighbours[name]) for name in names]
    centres = np.concatenate([part.query_point_indices for part in found])
    vectors = np.concatenate([part.vectors for part in found]).astype(float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    species = np.repeat(np.arange(len(names)), [len(part.vectors) for part in found])
    order = np.argsort(centres, kind="stable")
    starts = np.searchsorted(centres[order], np.arange((np.array(atoms.symbols) == centre).sum() + 1))
    n_pairs = len(pair_names(names))
    return _count_angles(starts, vectors[order], species[order], pair_indices(names), n_pairs, n_bins)


def bond_angles(frames, cutoffs, angle_bin):
    """Return the distributions of the angles between neighbours within the cutoffs.

    Parameters
    ----------
    frames : list of ase.Atoms
    cutoffs : dict
        "Te-O" -> Å, as for ``coordination.coordination``.
    angle_bin : float
        Degree; rounded so that 180 degrees are a whole number of bins.

    Returns
    -------
    pandas.DataFrame
        angle_degree (bin centres) and, for every triple such as "O-Te-O" (the centre in the middle, the outer species
        in alphabetical order), the probability density per degree and its standard error "O-Te-O_error" from block
        averages. The density integrates to 1 and is not divided by sin(angle). It is NaN if no frame has such a
        triple.
    """
    import pandas as pd

    n_bins = round(180 / angle_bin)
    width = 180 / n_bins
    table = {"angle_degree": (np.arange(n_bins) + 0.5) * width}
    for centre, neighbours in sorted(directed_cutoffs(frames, cutoffs).items()):
        counts = np.array([_angles_around(atoms, centre, neighbours, n_bins) for atoms in frames])
        for number, pair in enumerate(pair_names(neighbours)):
            outer = pair.split("-")
            name = f"{outer[0]}-{centre}-{outer[1]}"
            table[name], table[f"{name}_error"] = _density_and_error(counts[:, number], width)
    return pd.DataFrame(table)


def _density_and_error(counts, width):
    """Return density and standard error of one triple from its counts, shape (n_frames, n_bins).

    The counts are summed within blocks of frames, because a rare triple is absent from most frames.
    """
    summed = np.array([counts[block].sum(axis=0) for block in averaging_blocks(len(counts))])
    summed = summed[summed.sum(axis=1) > 0]
    density, error = np.full(counts.shape[1], np.nan), np.full(counts.shape[1], np.nan)
    if len(summed):
        density = summed.sum(axis=0) / summed.sum() / width
    if len(summed) > 1:
        error = (summed / summed.sum(axis=1, keepdims=True) / width).std(axis=0, ddof=1) / np.sqrt(len(summed))
    return density, error
