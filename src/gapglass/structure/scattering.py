"""Partial structure factors S_ab(q): the direct sum over wave vectors, joined to the transform of g_ab(r).

Conventions: Faber-Ziman partials, S_ab tends to 1 at large q. Source: section 3.3 of doi:10.1111/jace.20128;
definitions: doi:10.1107/S0021889800019993.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations_with_replacement, pairwise

import numba
import numpy as np
from ase.geometry import minkowski_reduce
from threadpoolctl import threadpool_limits

from gapglass.base.errors import UserError
from gapglass.base.progress import Progress
from gapglass.structure import density_waves
from gapglass.structure.transforms import transform_to_q
from gapglass.structure.weights import total_structure_factor

# Largest numbers of atoms x vectors x frames for a direct sum, each tens of seconds on two cores: over all vectors of
# the range, which are matrix products, and over a choice of vectors, which are summed one by one.
ALL_BUDGET = 4e11
COST_BUDGET = 4e9
Q_DIRECT = 5.0  # 1/Å; up to here, the range of the first peaks, S(q) of a large cell is always summed directly
VECTORS_PER_BIN = 30  # at least, if a bin has more and the budget does not allow all


def _mean_cell(frames):
    return np.mean([np.asarray(atoms.cell) for atoms in frames], axis=0)


def _n_wave_vectors(q_max, volume):
    """Return about how many wave vectors, one of each pair q, -q, a cell of this volume has up to ``q_max``."""
    return 4 / 3 * np.pi * q_max**3 * volume / (2 * np.pi) ** 3 / 2


def wave_vectors(cell, q_max, q_bin, max_per_bin):
    """Return the wave vectors that fit the periodic cell, one of each pair q, -q, up to ``q_max``.

    Parameters
    ----------
    cell : array, shape (3, 3), Å
    q_max, q_bin : float
        1/Å.
    max_per_bin : int or None
        Bins with more vectors keep this number of them, evenly spread in |q|; None keeps all.

    Returns
    -------
    indices : numpy.ndarray of int, shape (n, 3)
        Multiples of the reciprocal vectors.
    q : numpy.ndarray, shape (n,), 1/Å
    n_all : numpy.ndarray of int, shape (n_bins,)
        Vectors in each bin before the choice.
    """
    reciprocal = 2 * np.pi * np.linalg.inv(np.asarray(cell)).T
    limits = [int(q_max * np.linalg.norm(vector) / (2 * np.pi)) for vector in np.asarray(cell)]
    plane = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in limits[1:]), indexing="ij"), axis=-1).reshape(-1, 2)
    grid, q = [], []
    # The loop treats one plane of the reciprocal lattice at a time, because all points of a large cell would fill the
    # memory.
    for first in range(limits[0] + 1):
        part = plane if first else plane[len(plane) // 2 + 1 :]
        lengths = np.linalg.norm(first * reciprocal[0] + part @ reciprocal[1:], axis=1)
        keep = lengths <= q_max
        grid.append(np.insert(part[keep], 0, first, axis=1).astype(np.int32))
        q.append(lengths[keep])
    grid, q = np.concatenate(grid), np.concatenate(q)
    order = np.argsort(q, kind="stable")
    grid, q = grid[order], q[order]
    edges = np.searchsorted(q, np.arange(int(np.ceil(q_max / q_bin - 1e-9)) + 1) * q_bin)
    edges[-1] = len(q)
    if max_per_bin is None:
        return grid, q, np.diff(edges)
    chosen = np.concatenate(
        [
            low + np.linspace(0, high - low - 1, min(high - low, max_per_bin)).astype(int)
            for low, high in pairwise(edges)
        ]
    )
    return grid[chosen], q[chosen], np.diff(edges)


def direct_limit(frames, settings):
    """Return the q (1/Å) up to which S(q) is summed directly, a whole number of bins or ``q_max``.

    This is ``structure.q_direct``. With auto it is q_max if a fixed budget of atoms x vectors x frames suffices for
    all wave vectors or for 30 of each bin, otherwise 5 1/Å. The transform of g(r) damps the shells of neighbours, so
    it serves only cells that are too large for the direct sum.

    Parameters
    ----------
    frames : list of ase.Atoms
    settings : dict
        q_max, q_bin and q_direct of section ``structure``.

    Raises
    ------
    UserError
        When the cell has no wave vector below this limit.
    """
    q_max, q_bin, wanted, key = settings["q_max"], settings["q_bin"], settings["q_direct"], "q_direct"
    cell = _mean_cell(frames)
    if wanted == "auto":
        n_all, n_some = _n_wave_vectors(q_max, abs(np.linalg.det(cell))), VECTORS_PER_BIN * q_max / q_bin
        n_products = len(frames) * len(frames[0])
        wanted = q_max if n_some * n_products <= COST_BUDGET or n_all * n_products <= ALL_BUDGET else Q_DIRECT
    if wanted >= q_max:
        wanted, key = q_max, "q_max"
    shortest = 2 * np.pi * np.linalg.norm(minkowski_reduce(np.linalg.inv(cell).T)[0], axis=1).min()
    if wanted < shortest:
        raise UserError(
            f"structure.{key} is {wanted:g} 1/Å; the first wave vector of a cell this small has {shortest:.3f} 1/Å; "
            f"raise structure.{key} above it or take more atoms"
        )
    return min(q_max, float(np.ceil(wanted / q_bin - 1e-9) * q_bin))


def structure_factors(frames, q_max, q_bin):
    """Return Faber-Ziman partial structure factors by direct summation over the wave vectors of the cell.

    S_ab(q) = 1 + (<rho_a(q) rho_b*(q)> / N - c_a delta_ab) / (c_a c_b)

    The vectors are those of the mean cell. Each frame contributes with its own scaled positions, so that vectors of a
    fluctuating cell (NPT) do not move from bin to bin.

    Parameters
    ----------
    frames : list of ase.Atoms
        With one order of species.
    q_max, q_bin : float
        1/Å.

    Returns
    -------
    q : numpy.ndarray, shape (n_q,), 1/Å
        Mean |q| of each bin that holds a wave vector; the first is 2 pi / L of the cell.
    s : dict of numpy.ndarray, shape (n_frames, n_q)
    n_vectors : numpy.ndarray of int, shape (n_q,)
        Wave vectors summed in each bin.
    widths : numpy.ndarray, shape (n_q,), 1/Å
        The width dq of reciprocal space that each bin represents in integrals over q: all its vectors times the
        reciprocal volume of one, divided by 4 pi q^2.
    """
    names = sorted(set(frames[0].symbols))
    species = np.array([names.index(symbol) for symbol in frames[0].symbols])
    cell = _mean_cell(frames)
    volume = abs(np.linalg.det(cell))
    n_bins = int(np.ceil(q_max / q_bin - 1e-9))
    n_products = len(species) * len(frames)
    every = _n_wave_vectors(q_max, volume) * n_products <= ALL_BUDGET
    choice = None if every else max(VECTORS_PER_BIN, int(COST_BUDGET / (n_products * n_bins)))
    vectors, q, n_all = wave_vectors(cell, q_max, q_bin, choice)

    index = np.minimum((q / q_bin).astype(int), n_bins - 1)
    counts = np.bincount(index, minlength=n_bins)
    filled = counts > 0

    def bin_means(values):
        return np.bincount(index, weights=values, minlength=n_bins)[filled] / counts[filled]

    products = _density_products(frames, vectors, species, every, bin_means)
    fractions = np.bincount(species) / len(species)
    s = {}
    for (i, j), product in products.items():
        ca, cb = fractions[i], fractions[j]
        s[f"{names[i]}-{names[j]}"] = 1 + (product - (ca if i == j else 0)) / (ca * cb)
    q_mean = bin_means(q)
    widths = 2 * n_all[filled] * (2 * np.pi) ** 3 / volume / (4 * np.pi * q_mean**2)
    return q_mean, s, counts[filled], widths


def _density_products(frames, vectors, species, every, bin_means):
    """Return rho_a(q) rho_b*(q) / N averaged over the vectors of each bin, (a, b) -> shape (n_frames, n_q).

    ``every`` says whether ``vectors`` are all wave vectors of a range; ``bin_means`` averages over the bins.
    """
    n_species = species.max() + 1
    of_vectors = density_waves.of_all_vectors if every else density_waves.of_some_vectors

    def waves_of(atoms):
        return of_vectors(atoms.get_scaled_positions(), vectors, species, n_species)

    products = {pair: [] for pair in combinations_with_replacement(range(n_species), 2)}
    progress = Progress(len(frames), "frames summed over wave vectors")
    # The matrix products are small, so that one thread per frame is faster than several threads in each product.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(numba.get_num_threads() if every else 1) as pool:
        for number, waves in enumerate(pool.map(waves_of, frames)):
            for i, j in products:
                products[i, j].append(bin_means((waves[:, i] * waves[:, j].conj()).real / len(species)))
            progress.update(number + 1)
    return {pair: np.array(rows) for pair, rows in products.items()}


def joined_structure_factors(frames, settings, r, g):
    """Return partial structure factors up to ``q_max``: direct sums, and above ``direct_limit`` transforms of g_ab.

    Parameters
    ----------
    frames : list of ase.Atoms
        With one order of species.
    settings : dict
        q_max, q_bin and q_direct of section ``structure``.
    r, g
        As for ``transform_to_q``; not used if the direct sum reaches ``q_max``.

    Returns
    -------
    q, s, n_vectors, widths
        As from ``structure_factors``. Above the limit, q are the centres of the bins, n_vectors is 0, and the widths
        are those of the bins.
    note : str
        Position of the join, and the root mean square difference of the two S_X(q) over the last 1 1/Å below it.
    """
    q_max, q_bin, join = settings["q_max"], settings["q_bin"], direct_limit(frames, settings)
    q, s, n_vectors, widths = structure_factors(frames, join, q_bin)
    if join >= q_max:
        return q, s, n_vectors, widths, "direct sum over the wave vectors of the cell at every q"
    symbols = list(frames[0].symbols)
    near = q > join - 1
    total = total_structure_factor(q[near], {pair: values[:, near] for pair, values in s.items()}, symbols, "xray")
    twin = total_structure_factor(q[near], transform_to_q(frames, r, g, q[near]), symbols, "xray")
    difference = np.sqrt(np.mean((total.mean(axis=0) - twin.mean(axis=0)) ** 2))
    edges = np.append(np.arange(round(join / q_bin), np.ceil(q_max / q_bin - 1e-9)) * q_bin, q_max)
    above = (edges[:-1] + edges[1:]) / 2
    transformed = transform_to_q(frames, r, g, above)
    note = (
        f"direct sum over the wave vectors of the cell up to {join:g} 1/A, above it the transform of g_ab(r); "
        f"over the last 1 1/A below the join the two S_X differ by {difference:.4f} (root mean square)"
    )
    return (
        np.append(q, above),
        {pair: np.hstack([s[pair], transformed[pair]]) for pair in s},
        np.append(n_vectors, np.zeros(len(above), int)),
        np.append(widths, np.diff(edges)),
        note,
    )
