"""Structure in real space: pair distributions, running coordination, coordination, bond angles, closest approach.

Conventions: g_ab -> 1 at large r; the atom itself is never its own neighbour; every curve is returned frame by frame, or with a
standard error from block averages, because successive frames are correlated. Source: section 3.3 of doi:10.1111/jace.20128.
"""

import freud
import numba
import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from gapglass.base.errors import UserError
from gapglass.frames.geometry import half_height
from gapglass.structure.pairs import averaging_blocks, pair_names, standard_error

SMOOTHING = 0.1  # Å, standard deviation; half the width of the sharpest first peak of a glass
LEAST_PROMINENCE = 0.1  # of a peak or minimum of g_ab(r)


def _box_and_points(atoms):
    """Return the freud box and the positions in it; freud wants the first cell vector along x."""
    lower, _ = atoms.cell.standard_form()
    box = freud.box.Box.from_matrix(np.asarray(lower).T)
    points = box.wrap(atoms.get_scaled_positions(wrap=True) @ np.asarray(lower))
    return box, points


def _neighbour_list(atoms, centre, neighbour, cutoff):
    """Return freud's list of the ``neighbour`` atoms within ``cutoff`` of each ``centre`` atom in one frame."""
    box, points = _box_and_points(atoms)
    symbols = np.array(atoms.symbols)
    query = freud.locality.AABBQuery(box, points[symbols == neighbour])
    return query.query(
        points[symbols == centre], {"r_max": cutoff, "exclude_ii": centre == neighbour}
    ).toNeighborList()


def directed_cutoffs(frames, cutoffs):
    """Return {centre: {neighbour: cutoff}}, both directions of every pair in ``structure.coordination_cutoffs``.

    Raises
    ------
    UserError
        When a cutoff reaches half the smallest height of the cells.
    """
    reach = min(map(half_height, frames))
    directed = {}
    for pair, cutoff in cutoffs.items():
        if cutoff >= reach:
            raise UserError(
                f"structure.coordination_cutoffs.{pair} is {cutoff} Å; a cell here allows less than {reach:.2f} Å; "
                "lower it or take more atoms"
            )
        first, second = pair.split("-")
        directed.setdefault(first, {})[second] = cutoff
        directed.setdefault(second, {})[first] = cutoff
    return directed


def coordination(frames, cutoffs):
    """Count neighbours within a cutoff.

    Parameters
    ----------
    frames : list of ase.Atoms
    cutoffs : dict
        "Te-O" -> Å. Both directions of an unlike pair are counted.

    Returns
    -------
    pandas.DataFrame
        One row per centre and neighbour species, and one with neighbour "all" where several species are counted around
        a centre: mean coordination number, its standard error (NaN for one frame), and percent_l_fold, the share of
        atoms with l neighbours.
    """
    rows = []
    for centre, neighbours in directed_cutoffs(frames, cutoffs).items():
        counted = {
            neighbour: np.array([_count_neighbours(atoms, centre, neighbour, cutoff) for atoms in frames])
            for neighbour, cutoff in neighbours.items()
        }
        rows += [
            _coordination_row(centre, neighbour, neighbours[neighbour], numbers)
            for neighbour, numbers in counted.items()
        ]
        if len(neighbours) > 1:
            rows.append(_coordination_row(centre, "all", np.nan, sum(counted.values())))
    if not rows:
        return pd.DataFrame(
            columns=["centre", "neighbour", "cutoff_angstrom", "coordination_number", "standard_error"]
        )
    return order_shares(pd.DataFrame(rows))


def order_shares(table):
    """Return a coordination table with its percent_l_fold columns last, by rising l, absent shares as 0."""
    shares = [column for column in table if column.startswith("percent_")]
    table[shares] = table[shares].fillna(0.0)
    return table[
        [column for column in table if column not in shares] + sorted(shares, key=lambda name: int(name.split("_")[1]))
    ]


def _coordination_row(centre, neighbour, cutoff, numbers):
    """Return one row of the coordination table from the neighbours of every centre, shape (n_frames, n_centres)."""
    row = {
        "centre": centre,
        "neighbour": neighbour,
        "cutoff_angstrom": cutoff,
        "coordination_number": numbers.mean(),
        "standard_error": float(standard_error(numbers.mean(axis=1))),
    }
    shares = np.bincount(numbers.ravel()) / numbers.size * 100
    return row | {f"percent_{count}_fold": share for count, share in enumerate(shares)}


def _count_neighbours(atoms, centre, neighbour, cutoff):
    found = _neighbour_list(atoms, centre, neighbour, cutoff)
    return np.bincount(found.query_point_indices, minlength=int((np.array(atoms.symbols) == centre).sum()))


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
    """Return the counts of the angles at the ``centre`` atoms of one frame, shape (n_pairs of neighbour species, n_bins)."""
    names, pairs = sorted(neighbours), pair_names(neighbours)
    pair_of = np.array([[pairs.index("-".join(sorted((a, b)))) for b in names] for a in names])
    found = [_neighbour_list(atoms, centre, name, neighbours[name]) for name in names]
    centres = np.concatenate([part.query_point_indices for part in found])
    vectors = np.concatenate([part.vectors for part in found]).astype(float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    species = np.repeat(np.arange(len(names)), [len(part.vectors) for part in found])
    order = np.argsort(centres, kind="stable")
    starts = np.searchsorted(centres[order], np.arange((np.array(atoms.symbols) == centre).sum() + 1))
    return _count_angles(starts, vectors[order], species[order], pair_of, len(pairs), n_bins)


def bond_angles(frames, cutoffs, angle_bin):
    """Return the distributions of the angles between neighbours within the cutoffs.

    Parameters
    ----------
    frames : list of ase.Atoms
    cutoffs : dict
        "Te-O" -> Å, as for ``coordination``.
    angle_bin : float
        Degree; rounded so that whole bins fill 180 degrees.

    Returns
    -------
    pandas.DataFrame
        angle_degree (bin centres) and, for every triple such as "O-Te-O" (the centre in the middle, the outer species in
        alphabetical order), the probability density per degree and its standard error "O-Te-O_error" from block averages. The
        density integrates to 1 and is not divided by sin(angle); it is NaN where no frame has such a triple.
    """
    n_bins = round(180 / angle_bin)
    width = 180 / n_bins
    table = {"angle_degree": (np.arange(n_bins) + 0.5) * width}
    for centre, neighbours in sorted(directed_cutoffs(frames, cutoffs).items()):
        counts = np.array([_angles_around(atoms, centre, neighbours, n_bins) for atoms in frames])
        for number, pair in enumerate(pair_names(neighbours)):
            outer = pair.split("-")
            # pooled within blocks: a rare triple is absent from most frames
            pooled = np.array([counts[block, number].sum(axis=0) for block in averaging_blocks(len(frames))])
            pooled = pooled[pooled.sum(axis=1) > 0]
            density, error = np.full(n_bins, np.nan), np.full(n_bins, np.nan)
            if len(pooled):
                density = pooled.sum(axis=0) / pooled.sum() / width
            if len(pooled) > 1:
                error = (pooled / pooled.sum(axis=1, keepdims=True) / width).std(axis=0, ddof=1) / np.sqrt(len(pooled))
            name = f"{outer[0]}-{centre}-{outer[1]}"
            table |= {name: density, f"{name}_error": error}
    return pd.DataFrame(table)


def closest_approach(frames, r, g):
    """Return how near each pair of species comes, and the first peak and minimum of its pair distribution.

    Parameters
    ----------
    frames : list of ase.Atoms
    r : numpy.ndarray, shape (n_r,), Å
    g : dict of numpy.ndarray, shape (n_frames, n_r)
        From ``pair_distributions`` of the same frames.

    Returns
    -------
    pandas.DataFrame
        A row per pair: pair, closest_distance_angstrom over all frames, and of the mean g_ab(r), smoothed by a Gaussian of
        0.1 Å, first_peak_angstrom and first_minimum_angstrom after it. NaN where there is none: no such pair within reach, no peak
        that stands out of g = 1 and of the noise.
    """
    rows = []
    for pair, values in g.items():
        peak, minimum = _first_peak_and_minimum(r, values)
        present = np.flatnonzero(values.any(axis=0))
        closest = np.nan
        if len(present):
            a, b = pair.split("-")
            within = r[present[0]] + (r[1] - r[0])
            closest = min(
                float(np.min(_neighbour_list(atoms, a, b, within).distances, initial=np.inf)) for atoms in frames
            )
        rows.append(
            {
                "pair": pair,
                "closest_distance_angstrom": closest,
                "first_peak_angstrom": peak,
                "first_minimum_angstrom": minimum,
            }
        )
    return pd.DataFrame(rows)


def _first_peak_and_minimum(r, values):
    """Return the positions of the first peak and the first minimum after it of the mean of ``values``, shape (n_frames, n_r)."""
    # smoothed as a count of pairs: at small r single pairs make high spikes of g
    sigma = SMOOTHING / (r[1] - r[0])
    smooth = gaussian_filter1d(values * r**2, sigma, axis=1, mode="nearest") / gaussian_filter1d(
        r**2, sigma, mode="nearest"
    )
    noise = np.median(standard_error(smooth)) if len(values) > 1 else 0.0
    prominence = max(LEAST_PROMINENCE, 5 * noise)
    mean = smooth.mean(axis=0)
    peaks, _ = find_peaks(mean, prominence=prominence, height=1 + prominence)
    if not len(peaks):
        return np.nan, np.nan
    minima, _ = find_peaks(-mean, prominence=prominence)
    minima = minima[minima > peaks[0]]
    return r[peaks[0]], r[minima[0]] if len(minima) else np.nan
