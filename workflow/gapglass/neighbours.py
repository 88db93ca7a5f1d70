"""Structure in real space: pair distributions, running coordination, coordination, bond angles, closest approach.

Conventions: g_ab -> 1 at large r; the atom itself is never its own neighbour; every curve is returned frame by frame, or with a
standard error from block averages, because successive frames are correlated. Source: section 3.3 of doi:10.1111/jace.20128.
"""

from itertools import combinations_with_replacement

import freud
import numba
import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from gapglass.errors import UserError
from gapglass.log import Progress

N_BLOCKS = 8
SMOOTHING = 0.1  # Å, standard deviation; half the width of the sharpest first peak of a glass
LEAST_PROMINENCE = 0.1  # of a peak or minimum of g_ab(r)


def pair_names(symbols):
    """Return the pairs of species, "O-O", "O-Te", "Te-Te", species in alphabetical order."""
    return ["-".join(pair) for pair in combinations_with_replacement(sorted(set(symbols)), 2)]


def half_height(atoms):
    """Return half the smallest perpendicular height of the cell (Å): the range of the minimum image."""
    cell = np.asarray(atoms.cell)
    areas = [np.linalg.norm(np.cross(cell[i], cell[j])) for i, j in ((1, 2), (2, 0), (0, 1))]
    return float(atoms.get_volume() / max(areas) / 2)


def blocks(n_frames):
    """Return the frame numbers of up to 8 successive blocks of equal length."""
    return np.array_split(np.arange(n_frames), min(N_BLOCKS, n_frames))


def standard_error(samples):
    """Return the standard error of the mean over the first axis from up to 8 block averages, NaN for one frame."""
    samples = np.asarray(samples)
    if len(samples) < 2:
        return np.full(samples.shape[1:], np.nan)
    means = np.array([samples[block].mean(axis=0) for block in blocks(len(samples))])
    return means.std(axis=0, ddof=1) / np.sqrt(len(means))


def count_bins(frames, r_bin, r_max=None):
    """Return how many bins of ``r_bin`` (Å) lie below half the smallest height of the cells, and below ``r_max`` (Å) where given.

    Raises
    ------
    UserError
        When fewer than 10 do.
    """
    reach = min(map(half_height, frames)) * 0.999
    if r_max is not None:
        reach = min(reach, r_max)
    n_bins = int(reach / r_bin * (1 + 1e-9))
    if n_bins < 10:
        raise UserError(
            f"structure.r_bin {r_bin} Å leaves {n_bins} bins below {reach:.2f} Å (structure.r_max, or half the height of a cell this "
            "small), at least 10 are needed; lower r_bin, raise r_max or take more atoms"
        )
    return n_bins


# freud's RDF took ten times as long for 30,000 atoms up to half the cell, counts in single precision and cannot allocate 2000 bins.
@numba.njit(parallel=True, fastmath=True, cache=True)
def _count_pairs(scaled, cell, species, boxes, n_boxes, starts, pair_of, n_pairs, n_bins, width, n_threads):
    """Count pairs of atoms that are sorted by box; ``boxes`` (n_atoms, 3), ``starts`` the first atom of each box."""
    n_atoms = scaled.shape[1]
    counts = np.zeros((n_threads, n_pairs, n_bins), np.int64)
    for thread in numba.prange(n_threads):
        bins = np.empty(n_atoms)
        for i in range(thread, n_atoms, n_threads):
            # one box holds all atoms, or each axis has at least three, so that no box is met twice
            reach = 0 if len(starts) == 2 else 1
            for u in range(-reach, reach + 1):
                for v in range(-reach, reach + 1):
                    for w in range(-reach, reach + 1):
                        p, q, r = (boxes[i, 0] + u) % n_boxes[0], (boxes[i, 1] + v) % n_boxes[1], (boxes[i, 2] + w) % n_boxes[2]
                        box = (p * n_boxes[1] + q) * n_boxes[2] + r
                        low, high = max(starts[box], i + 1), starts[box + 1]
                        for j in range(low, high):
                            a, b, c = scaled[0, i] - scaled[0, j], scaled[1, i] - scaled[1, j], scaled[2, i] - scaled[2, j]
                            # nearest image along each axis: exact for all distances below half the smallest height, whatever the angles
                            a, b, c = a - np.floor(a + 0.5), b - np.floor(b + 0.5), c - np.floor(c + 0.5)
                            x = a * cell[0, 0] + b * cell[1, 0] + c * cell[2, 0]
                            y = a * cell[0, 1] + b * cell[1, 1] + c * cell[2, 1]
                            z = a * cell[0, 2] + b * cell[1, 2] + c * cell[2, 2]
                            bins[j] = np.sqrt(x * x + y * y + z * z) / width
                        for j in range(low, high):
                            if bins[j] < n_bins:
                                counts[thread, pair_of[species[i], species[j]], int(bins[j])] += 1
    return counts.sum(axis=0)


def _sorted_into_boxes(scaled, atoms, reach):
    """Return the order of the atoms by box, the box of each in that order, boxes along each axis, and the first atom of each box.

    Boxes are at least ``reach`` (Å) high; there is a single one where an axis would have fewer than three.
    """
    heights = 1 / np.linalg.norm(np.linalg.inv(np.asarray(atoms.cell)), axis=0)
    n_boxes = (heights / reach).astype(int)
    if n_boxes.min() < 3:
        n_boxes = np.ones(3, int)
    boxes = np.minimum((scaled * n_boxes).astype(int), n_boxes - 1)
    number = np.ravel_multi_index(tuple(boxes.T), n_boxes)
    order = np.argsort(number, kind="stable")
    return order, boxes[order], n_boxes, np.searchsorted(number[order], np.arange(n_boxes.prod() + 1))


def count_pairs(frames, r_bin, n_bins):
    """Count the pairs of atoms by distance.

    Parameters
    ----------
    frames : list of ase.Atoms
        Of one composition.
    r_bin : float
        Å.
    n_bins : int
        ``r_bin * n_bins`` must stay below half the smallest height of the cells.

    Returns
    -------
    dict of numpy.ndarray of int, shape (n_frames, n_bins)
        One entry per pair of species; each pair of atoms counted once.
    """
    names, pairs = sorted(set(frames[0].symbols)), pair_names(frames[0].symbols)
    pair_of = np.array([[pairs.index("-".join(sorted((a, b)))) for b in names] for a in names])
    counts = np.empty((len(pairs), len(frames), n_bins), np.int64)
    n_threads = numba.get_num_threads()
    progress = Progress(len(frames), "frames counted into pair distributions")
    for number, atoms in enumerate(frames):
        species = np.searchsorted(names, np.array(atoms.symbols))
        scaled = atoms.get_scaled_positions()
        order, *boxes = _sorted_into_boxes(scaled, atoms, r_bin * n_bins)
        counts[:, number] = _count_pairs(
            np.ascontiguousarray(scaled[order].T), np.asarray(atoms.cell), species[order], *boxes,
            pair_of, len(pairs), n_bins, r_bin, n_threads,
        )  # fmt: skip
        progress.update(number + 1)
    return dict(zip(pairs, counts, strict=True))


def _n_of(atoms, pair):
    symbols = np.array(atoms.symbols)
    return [int((symbols == name).sum()) for name in pair.split("-")]


def pair_distributions(frames, counts, r_bin):
    """Return partial pair distribution functions g_ab(r) from counted pairs.

    g_ab is the density of b around a over its mean; for like pairs the mean is (N_a - 1) / V, the density of the other atoms,
    so that an ideal gas gives 1 at any size.

    Parameters
    ----------
    frames : list of ase.Atoms
    counts : dict of numpy.ndarray, shape (n_frames, n_r)
        From ``count_pairs`` with this ``r_bin``.
    r_bin : float
        Å.

    Returns
    -------
    r : numpy.ndarray, shape (n_r,), Å
        Bin centres.
    g : dict of numpy.ndarray, shape (n_frames, n_r)
    """
    volumes = np.array([atoms.get_volume() for atoms in frames])[:, None]
    edges = np.arange(next(iter(counts.values())).shape[1] + 1) * r_bin
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    g = {}
    for pair, counted in counts.items():
        n_a, n_b = _n_of(frames[0], pair)
        n_pairs = n_a * (n_a - 1) / 2 if len(set(pair.split("-"))) == 1 else n_a * n_b
        g[pair] = counted * volumes / shells / max(n_pairs, 1)
    return edges[:-1] + r_bin / 2, g


def running_coordination(frames, counts):
    """Return n_a-b(r), the mean number of b within r of an a, at the upper edge of each counted bin.

    Parameters
    ----------
    frames : list of ase.Atoms
    counts : dict of numpy.ndarray, shape (n_frames, n_r)
        From ``count_pairs``.

    Returns
    -------
    dict of numpy.ndarray, shape (n_frames, n_r)
        "O-Te": Te around O, and "Te-O": O around Te; like pairs once.
    """
    running = {}
    for pair, counted in counts.items():
        a, b = pair.split("-")
        n_a, n_b = _n_of(frames[0], pair)
        total = np.cumsum(counted, axis=1) * (2 if a == b else 1)
        running |= {f"{a}-{b}": total / n_a, f"{b}-{a}": total / n_b}
    return running


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
    return query.query(points[symbols == centre], {"r_max": cutoff, "exclude_ii": centre == neighbour}).toNeighborList()


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
        rows += [_coordination_row(centre, neighbour, neighbours[neighbour], numbers) for neighbour, numbers in counted.items()]
        if len(neighbours) > 1:
            rows.append(_coordination_row(centre, "all", np.nan, sum(counted.values())))
    if not rows:
        return pd.DataFrame(columns=["centre", "neighbour", "cutoff_angstrom", "coordination_number", "standard_error"])
    return order_shares(pd.DataFrame(rows))


def order_shares(table):
    """Return a coordination table with its percent_l_fold columns last, by rising l, absent shares as 0."""
    shares = [column for column in table if column.startswith("percent_")]
    table[shares] = table[shares].fillna(0.0)
    return table[[column for column in table if column not in shares] + sorted(shares, key=lambda name: int(name.split("_")[1]))]


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
            pooled = np.array([counts[block, number].sum(axis=0) for block in blocks(len(frames))])
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
            closest = min(float(np.min(_neighbour_list(atoms, a, b, within).distances, initial=np.inf)) for atoms in frames)
        rows.append({"pair": pair, "closest_distance_angstrom": closest, "first_peak_angstrom": peak, "first_minimum_angstrom": minimum})
    return pd.DataFrame(rows)


def _first_peak_and_minimum(r, values):
    """Return the positions of the first peak and the first minimum after it of the mean of ``values``, shape (n_frames, n_r)."""
    # smoothed as a count of pairs: at small r single pairs make high spikes of g
    sigma = SMOOTHING / (r[1] - r[0])
    smooth = gaussian_filter1d(values * r**2, sigma, axis=1, mode="nearest") / gaussian_filter1d(r**2, sigma, mode="nearest")
    noise = np.median(standard_error(smooth)) if len(values) > 1 else 0.0
    prominence = max(LEAST_PROMINENCE, 5 * noise)
    mean = smooth.mean(axis=0)
    peaks, _ = find_peaks(mean, prominence=prominence, height=1 + prominence)
    if not len(peaks):
        return np.nan, np.nan
    minima, _ = find_peaks(-mean, prominence=prominence)
    minima = minima[minima > peaks[0]]
    return r[peaks[0]], r[minima[0]] if len(minima) else np.nan
