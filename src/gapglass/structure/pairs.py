"""Structure in real space: pair distributions, running coordination, coordination, bond angles, closest approach.

Conventions: g_ab -> 1 at large r; the atom itself is never its own neighbour; every curve is returned frame by frame, or with a
standard error from block averages, because successive frames are correlated. Source: section 3.3 of doi:10.1111/jace.20128.
"""

from itertools import combinations_with_replacement

import numba
import numpy as np

from gapglass.base.errors import UserError
from gapglass.base.progress import Progress
from gapglass.frames.geometry import half_height

N_BLOCKS = 8


def pair_names(symbols):
    """Return the pairs of species, "O-O", "O-Te", "Te-Te", species in alphabetical order."""
    return ["-".join(pair) for pair in combinations_with_replacement(sorted(set(symbols)), 2)]


def averaging_blocks(n_frames):
    """Return the frame numbers of up to 8 successive blocks of equal length."""
    return np.array_split(np.arange(n_frames), min(N_BLOCKS, n_frames))


def standard_error(samples):
    """Return the standard error of the mean over the first axis from up to 8 block averages, NaN for one frame."""
    samples = np.asarray(samples)
    if len(samples) < 2:
        return np.full(samples.shape[1:], np.nan)
    means = np.array([samples[block].mean(axis=0) for block in averaging_blocks(len(samples))])
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
                        p, q, r = (
                            (boxes[i, 0] + u) % n_boxes[0],
                            (boxes[i, 1] + v) % n_boxes[1],
                            (boxes[i, 2] + w) % n_boxes[2],
                        )
                        box = (p * n_boxes[1] + q) * n_boxes[2] + r
                        low, high = max(starts[box], i + 1), starts[box + 1]
                        for j in range(low, high):
                            a, b, c = (
                                scaled[0, i] - scaled[0, j],
                                scaled[1, i] - scaled[1, j],
                                scaled[2, i] - scaled[2, j],
                            )
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
