"""Pair distributions and running coordination, and block averages for the standard error of every curve.

Conventions: g_ab tends to 1 at large r; an atom is never its own neighbour; curves are returned frame by frame.
Source: section 3.3 of doi:10.1111/jace.20128. Successive frames are correlated, so that a standard error comes from
averages over blocks of frames.
"""

from itertools import combinations_with_replacement

import numpy as np

from gapglass.base.errors import UserError
from gapglass.base.progress import Progress
from gapglass.frames.geometry import half_height

N_BLOCKS = 8
FEWEST_BINS = 10


def pair_names(symbols):
    """Return the pairs of species, "O-O", "O-Te", "Te-Te", with species in alphabetical order."""
    return ["-".join(pair) for pair in combinations_with_replacement(sorted(set(symbols)), 2)]


def pair_indices(names):
    """Return the index in ``pair_names`` of every pair of the species ``names``, shape (n_species, n_species)."""
    pairs = pair_names(names)
    return np.array([[pairs.index("-".join(sorted((a, b)))) for b in names] for a in names])


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
    """Return the number of bins of ``r_bin`` (Å) below half the smallest height of the cells and below ``r_max`` (Å).

    Raises
    ------
    UserError
        When there are fewer than 10.
    """
    reach = min(map(half_height, frames)) * 0.999
    if r_max is not None:
        reach = min(reach, r_max)
    n_bins = int(reach / r_bin * (1 + 1e-9))
    if n_bins < FEWEST_BINS:
        raise UserError(
            f"structure.r_bin {r_bin} Å leaves {n_bins} bins below {reach:.2f} Å (structure.r_max, or half the height "
            f"of a cell this small), at least {FEWEST_BINS} are needed; lower r_bin, raise r_max or take more atoms"
        )
    return n_bins


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
        One entry per pair of species; each pair of atoms is counted once.
    """
    from gapglass.structure import cell_list  # numba is slow to import, and most users of this module do not count

    names, pairs = sorted(set(frames[0].symbols)), pair_names(frames[0].symbols)
    pair_of = pair_indices(names)
    counts = np.empty((len(pairs), len(frames), n_bins), np.int64)
    progress = Progress(len(frames), "frames counted into pair distributions")
    for number, atoms in enumerate(frames):
        species = np.searchsorted(names, np.array(atoms.symbols))
        counts[:, number] = cell_list.count_pairs_of_frame(atoms, species, pair_of, r_bin, n_bins)
        progress.update(number + 1)
    return dict(zip(pairs, counts, strict=True))


def _n_of(atoms, pair):
    symbols = np.array(atoms.symbols)
    return [int((symbols == name).sum()) for name in pair.split("-")]


def at_equal_steps(frames, most):
    """Return at most so many frames at equal steps, the first and the last among them."""
    return [frames[i] for i in np.unique(np.linspace(0, len(frames) - 1, most).round().astype(int))]


def pair_distributions(frames, counts, r_bin):
    """Return partial pair distribution functions g_ab(r) from counted pairs.

    g_ab is the density of b around a over its mean; for like pairs the mean is (N_a - 1) / V, the density of the other
    atoms, so that an ideal gas gives 1 at any size.

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
