"""Neighbours within a cutoff, found by freud: coordination numbers, and how near each pair of species comes.

Source: section 3.3 of doi:10.1111/jace.20128. This is the only module that imports freud. An atom is never its own
neighbour. Bond angles are in ``angles``.
"""

import numpy as np

from gapglass.base.errors import UserError
from gapglass.frames.geometry import half_height
from gapglass.structure.pairs import standard_error

SMOOTHING = 0.1  # Å, standard deviation; half the width of the sharpest first peak of a glass
LEAST_PROMINENCE = 0.1  # of a peak or minimum of g_ab(r)


def neighbour_list(atoms, centre, neighbour, cutoff):
    """Return freud's list of the ``neighbour`` atoms within ``cutoff`` (Å) of each ``centre`` atom in one frame.

    Its ``query_point_indices`` number the atoms of species ``centre`` from 0; ``vectors`` and ``distances`` are in Å.
    """
    import freud  # slow to import, and averages over replicas only need the functions for tables

    # freud requires the first cell vector along x.
    lower, _ = atoms.cell.standard_form()
    box = freud.box.Box.from_matrix(np.asarray(lower).T)
    points = box.wrap(atoms.get_scaled_positions(wrap=True) @ np.asarray(lower))
    symbols = np.array(atoms.symbols)
    query = freud.locality.AABBQuery(box, points[symbols == neighbour])
    return query.query(
        points[symbols == centre], {"r_max": cutoff, "exclude_ii": centre == neighbour}
    ).toNeighborList()


def directed_cutoffs(frames, cutoffs):
    """Return {centre: {neighbour: cutoff}} with both directions of every pair in ``structure.coordination_cutoffs``.

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
        One row per centre and neighbour species, and one with neighbour "all" if several species are counted around a
        centre: mean coordination number, its standard error (NaN for one frame), and percent_l_fold, the share of
        atoms with l neighbours.
    """
    import pandas as pd

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
    """Return a coordination table with its percent_l_fold columns last, by rising l, and absent shares as 0."""
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
    found = neighbour_list(atoms, centre, neighbour, cutoff)
    return np.bincount(found.query_point_indices, minlength=int((np.array(atoms.symbols) == centre).sum()))


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
        One row per pair: pair, closest_distance_angstrom over all frames, and first_peak_angstrom and the following
        first_minimum_angstrom of the mean g_ab(r), smoothed by a Gaussian of 0.1 Å. A value is NaN if no such pair is
        within reach, or if no peak exceeds g = 1 and the noise.
    """
    import pandas as pd

    rows = []
    for pair, values in g.items():
        peak, minimum = _first_peak_and_minimum(r, values)
        present = np.flatnonzero(values.any(axis=0))
        closest = np.nan
        if len(present):
            a, b = pair.split("-")
            within = r[present[0]] + (r[1] - r[0])
            distances = (neighbour_list(atoms, a, b, within).distances for atoms in frames)
            closest = min(float(np.min(found, initial=np.inf)) for found in distances)
        rows.append((pair, closest, peak, minimum))
    return pd.DataFrame(
        rows, columns=["pair", "closest_distance_angstrom", "first_peak_angstrom", "first_minimum_angstrom"]
    )


def _first_peak_and_minimum(r, values):
    """Return the first peak and the following first minimum of the mean of ``values``, shape (n_frames, n_r)."""
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks

    # The number of pairs is smoothed, not g itself, in which single pairs at small r make high spikes.
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
