"""Structure in real space: pair distributions, running coordination, coordination, bond angles, closest approach.

Conventions: g_ab -> 1 at large r; the atom itself is never its own neighbour; every curve is returned frame by frame, or with a
standard error from block averages, because successive frames are correlated. Source: section 3.3 of doi:10.1111/jace.20128.
"""

from itertools import combinations_with_replacement, product

import numpy as np
import pandas as pd
from scipy.spatial import KDTree


def half_height(atoms):
    """Return half the smallest perpendicular height of the cell (Å): the range of the minimum image."""
    cell = np.asarray(atoms.cell)
    areas = [np.linalg.norm(np.cross(cell[i], cell[j])) for i, j in ((1, 2), (2, 0), (0, 1))]
    return float(atoms.get_volume() / max(areas) / 2)


def closest_pairs(frame, reach=4.0):
    """Return the smallest distance (Å) of each pair of species in a periodic frame, {"O-Te": 1.75, ...}, up to ``reach``.

    Images are included; ``reach`` stands where no two atoms of a pair are closer. Search trees over the atoms and
    the images within reach: many times faster than a neighbour list, of which only the smallest distances would be used.
    """
    points, origin = with_images(frame, reach)
    symbols = np.array(frame.symbols)
    trees = {symbol: KDTree(points[symbols[origin] == symbol]) for symbol in sorted(set(frame.symbols))}
    closest = {}
    for first, second in combinations_with_replacement(trees, 2):
        atoms = points[: len(frame)][symbols == first]
        # among its own species, the closest to an atom is the atom itself
        distances, _ = trees[second].query(atoms, k=[2 if first == second else 1], distance_upper_bound=reach)
        closest[f"{first}-{second}"] = float(min(distances.min(), reach))
    return closest


def closest_distance(atoms):
    """Return the smallest distance (Å) between two atoms, images included, up to the reach of ``closest_pairs``."""
    return min(closest_pairs(atoms).values())


def with_images(frame, reach):
    """Return the positions (Å) of all atoms, wrapped into the cell, then of their images within ``reach`` of it; and whose each is."""
    cell = np.asarray(frame.cell)
    margin = reach * np.linalg.norm(np.linalg.inv(cell), axis=0)  # reach over the heights of the cell
    wrapped = frame.get_scaled_positions() % 1.0
    shifts = np.array(list(product(*(range(-n, n + 1) for n in np.ceil(margin).astype(int)))))
    shifts = shifts[shifts.any(axis=1)]
    images = (wrapped[None] + shifts[:, None]).reshape(-1, 3)
    near = ((images >= -margin) & (images <= 1 + margin)).all(axis=1)
    origin = np.tile(np.arange(len(frame)), len(shifts))[near]
    return np.concatenate([wrapped, images[near]]) @ cell, np.concatenate([np.arange(len(frame)), origin])


def wrapped(atoms):
    """Return positions (Å) inside the cell; atoms that are inside keep theirs to the last digit.

    Codes write wrapped or unwrapped positions of the same frame.
    """
    cell = np.asarray(atoms.cell)
    # the margin keeps an atom on the boundary at 0 whatever its last digit
    turns = np.floor(np.linalg.solve(cell.T, atoms.positions.T).T + 1e-9)
    outside = turns.any(axis=1)
    positions = atoms.positions.copy()
    positions[outside] -= turns[outside] @ cell
    return positions


RADII = np.arange(10, 81) / 10  # Å, at which pairs are counted; beyond the last, their number grows with the volume


def count_neighbours(frames):
    """Count atoms and pairs of atoms, all that the memory of a fit depends on.

    Parameters
    ----------
    frames : list of ase.Atoms
        Periodic.

    Returns
    -------
    pandas.DataFrame
        A row per frame: n_{symbol}, atoms of each species, and within_{r}, neighbours of all atoms together within r Å (each pair counted
        from both sides, images included).
    """
    species = sorted({symbol for frame in frames for symbol in frame.symbols})
    rows = []
    for frame in frames:
        points, _ = with_images(frame, RADII[-1])
        within = KDTree(points[: len(frame)]).count_neighbors(KDTree(points), RADII) - len(frame)
        rows.append([*((frame.symbols == symbol).sum() for symbol in species), *within])
    return pd.DataFrame(rows, columns=[f"n_{symbol}" for symbol in species] + [f"within_{r:.1f}" for r in RADII])
