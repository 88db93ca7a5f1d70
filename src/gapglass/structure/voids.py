"""Voids: how much of the volume lies farther than a distance from every atom.

A void of radius d holds a sphere of this radius without the centre of an atom, so distances are to centres, and no
radius of an atom has to be assumed. The share of the volume at least d away from every atom is the void exclusion
probability E_V(d) of Torquato, Lu and Rubinstein, doi:10.1103/PhysRevA.41.2059.
"""

import itertools

import numpy as np

from gapglass.structure.pairs import at_equal_steps, standard_error

DISTANCES = np.arange(61) / 10  # Å
MOST_FRAMES = 40  # analysed frames; voids of successive frames hardly differ
N_POINTS = 10000  # in each frame


def voids(frames):
    """Return the share of the volume at least a distance away from every atom.

    Parameters
    ----------
    frames : list of ase.Atoms
        With periodic cells. At most 40 are analysed, at equal steps, each with 10,000 points of a Halton sequence,
        which spread more evenly than random ones. Every frame has other points.

    Returns
    -------
    pandas.DataFrame
        distance_angstrom (0 to 6 Å), volume_share_percent and volume_share_percent_error.
    """
    import pandas as pd
    from scipy.stats.qmc import Halton

    sequence = Halton(3, scramble=False)
    shares = 100 * np.array(
        [_shares(atoms, sequence.random(N_POINTS)) for atoms in at_equal_steps(frames, MOST_FRAMES)]
    )
    return pd.DataFrame(
        {
            "distance_angstrom": DISTANCES,
            "volume_share_percent": shares.mean(axis=0),
            "volume_share_percent_error": standard_error(shares),
        }
    )


def _shares(atoms, points):
    """Return the share of points, given in cell vectors, at least each of ``DISTANCES`` away from every atom."""
    from scipy.spatial import cKDTree

    cell = np.asarray(atoms.cell)
    tree = cKDTree(_with_images(atoms, DISTANCES[-1]) @ cell)
    distances, _ = tree.query(points @ cell, distance_upper_bound=DISTANCES[-1])  # infinite beyond it
    return 1 - np.searchsorted(np.sort(distances), DISTANCES) / len(points)


def _with_images(atoms, margin):
    """Return the atoms and their images within ``margin`` (Å) of the cell, in cell vectors, shape (n, 3)."""
    inside = atoms.get_scaled_positions(wrap=True)
    # The reciprocal vectors are as long as the inverse heights of the cell.
    margins = margin * np.linalg.norm(atoms.cell.reciprocal(), axis=1)
    shifts = itertools.product(*(range(-int(np.ceil(m)), int(np.ceil(m)) + 1) for m in margins))
    images = np.concatenate([inside + shift for shift in np.array(list(shifts))])
    return images[((images > -margins) & (images < 1 + margins)).all(axis=1)]
