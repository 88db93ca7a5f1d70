"""Geometry of periodic frames: heights of the cell, wrapped positions, closest distances and numbers of neighbours."""

from itertools import combinations_with_replacement, product

import numpy as np

# Å; radii at which pairs are counted. Beyond the last one, their number grows with the volume.
RADII = np.arange(10, 81) / 10
# Å; the closest distances are searched within it.
REACH = 4.0


def half_height(atoms):
    """Return half the smallest perpendicular height of the cell (Å), the range of the minimum image convention."""
    cell = np.asarray(atoms.cell)
    areas = [np.linalg.norm(np.cross(cell[i], cell[j])) for i, j in ((1, 2), (2, 0), (0, 1))]
    return float(atoms.get_volume() / max(areas) / 2)


def closest_pairs(frame, reach=REACH):
    """Return the smallest distance (Å) of each pair of species in a periodic frame, {"O-Te": 1.75, ...}.

    Periodic images are included. A pair without atoms closer than ``reach`` (Å) gets ``reach``.
    """
    return smallest(first_neighbours(frame, combinations_with_replacement(sorted(set(frame.symbols)), 2), reach))


def smallest(first):
    """Return the smallest distance (Å) of each pair of species, {"O-Te": 1.75, ...}, from ``first_neighbours``."""
    return {f"{of}-{to}": float(distances.min()) for (of, to), distances in first.items() if of <= to}


def largest(first):
    """Return the largest distance (Å) of any atom of a species from its first neighbour of each species.

    An atom that lacks its neighbours has its first one far away, so the largest of these distances tells of the
    barest atom.

    Parameters
    ----------
    first : dict
        From ``first_neighbours``.

    Returns
    -------
    dict
        "Te to O" -> Å.
    """
    return {first_text(*species): float(distances.max()) for species, distances in first.items()}


def farthest_first(frame, reach=REACH):
    """Return ``largest`` of a frame, {"Te to O": 2.1, ...} (Å), at most ``reach``."""
    return largest(first_neighbours(frame, reach=reach))


def first_text(of, to):
    """Return the name of the first neighbours of one species among the atoms of another, "Te to O"."""
    return f"{of} to {to}"


def first_neighbours(frame, species=None, reach=REACH):
    """Return the distance of the atoms of one species from their first neighbour of another, in a periodic frame.

    Periodic images are included. Search trees over the atoms and their images are many times faster than a neighbour
    list, because only the smallest distances are needed.

    Parameters
    ----------
    frame : ase.Atoms
    species : iterable of (str, str), optional
        Species of the atoms, and of their neighbours; all pairs by default.
    reach : float
        Å; an atom without a neighbour closer than this gets it as distance.

    Returns
    -------
    dict
        (of, to) -> numpy.ndarray, shape (n_atoms of the first species,), Å.
    """
    from scipy.spatial import KDTree  # a third of a second, which jobs that only need constants do not pay

    points, origin = with_images(frame, reach)
    symbols = np.array(frame.symbols)
    trees = {symbol: KDTree(points[symbols[origin] == symbol]) for symbol in sorted(set(frame.symbols))}
    found = {}
    for of, to in product(trees, repeat=2) if species is None else species:
        # Within its own species, the closest to an atom is the atom itself.
        k = [2 if of == to else 1]
        distances, _ = trees[to].query(points[: len(frame)][symbols == of], k=k, distance_upper_bound=reach)
        found[of, to] = np.minimum(distances[:, 0], reach)
    return found


def closest_of(frames, reach=REACH):
    """Return the smallest distance (Å) of each pair of species in any of the frames, see ``closest_pairs``."""
    closest = {}
    for frame in frames:
        keep(min, closest, closest_pairs(frame, reach))
    return closest


def farthest_first_of(frames, reach=REACH):
    """Return the largest distance (Å) of a first neighbour in any of the frames, see ``farthest_first``."""
    farthest = {}
    for frame in frames:
        keep(max, farthest, farthest_first(frame, reach))
    return farthest


def keep(which, known, more):
    """Put into ``known`` the smaller (``min``) or larger (``max``) of its numbers and those of ``more``, by key."""
    for key, value in more.items():
        known[key] = which(value, known.get(key, value))


def closest_distance(atoms):
    """Return the smallest distance (Å) between two atoms, images included, at most the reach of ``closest_pairs``."""
    return min(closest_pairs(atoms).values())


def with_images(frame, reach):
    """Return the atoms wrapped into the cell, followed by their images within ``reach`` (Å) of the cell.

    Returns
    -------
    positions : numpy.ndarray, shape (n_points, 3)
        Å; the first n_atoms are those of the atoms.
    origin : numpy.ndarray of int, shape (n_points,)
        Index of the atom to which each position belongs.
    """
    cell = np.asarray(frame.cell)
    margin = reach * np.linalg.norm(np.linalg.inv(cell), axis=0)  # as a fraction of the heights of the cell
    wrapped = frame.get_scaled_positions() % 1.0
    reach_of_cells = [range(-n, n + 1) for n in np.ceil(margin).astype(int)]
    # Whether an atom is near the cell after a shift along one axis; of all images, only the near ones are made.
    near = [
        {n: (wrapped[:, axis] + n >= -margin[axis]) & (wrapped[:, axis] + n <= 1 + margin[axis]) for n in cells}
        for axis, cells in enumerate(reach_of_cells)
    ]
    points, origin = [wrapped], [np.arange(len(frame))]
    for shift in product(*reach_of_cells):
        if any(shift):
            found = np.flatnonzero(near[0][shift[0]] & near[1][shift[1]] & near[2][shift[2]])
            points.append(wrapped[found] + shift)
            origin.append(found)
    return np.concatenate(points) @ cell, np.concatenate(origin)


def wrapped(atoms):
    """Return positions (Å) inside the cell, shape (n_atoms, 3).

    Positions that are inside already do not change in any digit.
    """
    cell = np.asarray(atoms.cell)
    # The margin keeps an atom on the boundary at 0, whatever its last digit is.
    turns = np.floor(np.linalg.solve(cell.T, atoms.positions.T).T + 1e-9)
    outside = turns.any(axis=1)
    positions = atoms.positions.copy()
    positions[outside] -= turns[outside] @ cell
    return positions


def count_neighbours(frames):
    """Count the atoms of each species and the pairs within ``RADII``, on which the memory of a fit depends.

    Parameters
    ----------
    frames : list of ase.Atoms
        Periodic.

    Returns
    -------
    pandas.DataFrame
        One row per frame with the columns n_{symbol}, the number of atoms of each species, and within_{r}, the number
        of neighbours within r Å of all atoms together; images are included and each pair counts twice. The column
        virial is 1 for frames with a virial, else 0.
    """
    import pandas as pd
    from scipy.spatial import KDTree

    species = sorted({symbol for frame in frames for symbol in frame.symbols})
    rows = []
    for frame in frames:
        points, _ = with_images(frame, RADII[-1])
        within = KDTree(points[: len(frame)]).count_neighbors(KDTree(points), RADII) - len(frame)
        numbers = [(frame.symbols == symbol).sum() for symbol in species]
        rows.append([*numbers, int("REF_virial" in frame.info), *within])
    names = [f"n_{symbol}" for symbol in species] + ["virial"] + [f"within_{r:.1f}" for r in RADII]
    return pd.DataFrame(rows, columns=names)
