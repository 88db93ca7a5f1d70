"""Structure in reciprocal space: partial and total S(q), directly and from g_ab(r), and its transform G(r).

Conventions: Faber-Ziman partials, S_ab -> 1 at large q; totals weighted by c_a c_b f_a(q) f_b(q) / <f(q)>^2 for X-rays (form
factors of neutral atoms) and c_a c_b b_a b_b / <b>^2 for neutrons (coherent scattering lengths), so that they tend to 1 as well.
Source: section 3.3 of doi:10.1111/jace.20128; definitions compared in doi:10.1107/S0021889800019993; Lorch's window,
doi:10.1088/0022-3719/2/2/305.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numba
import numpy as np
from ase.geometry import minkowski_reduce
from threadpoolctl import threadpool_limits

from gapglass.base.errors import UserError
from gapglass.base.progress import Progress
from gapglass.structure.transforms import transform_to_q
from gapglass.structure.weights import total_structure_factor

# atom x vector x frame products of the direct sum, tens of seconds on two cores each: all vectors, which are matrix products, or some
ALL_BUDGET = 4e11
COST_BUDGET = 4e9
ATOMS_AT_ONCE = 2048  # of a matrix product: what is multiplied stays in the cache
Q_DIRECT = 5.0  # 1/Å; below it S(q) of a large cell is summed directly in any case: the range of the first peaks
VECTORS_PER_BIN = 30  # at least, where a bin has more and the budget does not allow all


def _mean_cell(frames):
    return np.mean([np.asarray(atoms.cell) for atoms in frames], axis=0)


def _n_wave_vectors(q_max, volume):
    """Return about how many wave vectors, one of each pair q, -q, a cell of this volume has up to ``q_max``."""
    return 4 / 3 * np.pi * q_max**3 * volume / (2 * np.pi) ** 3 / 2


@numba.njit(parallel=True, fastmath=True, cache=True)
def _density_waves(tables, vectors, species, out):
    offset = (tables.shape[1] - 1) // 2
    for k in numba.prange(len(vectors)):
        a, b, c = vectors[k, 0] + offset, vectors[k, 1] + offset, vectors[k, 2] + offset
        for j in range(tables.shape[2]):
            out[k, species[j]] += tables[0, a, j] * tables[1, b, j] * tables[2, c, j]


@numba.njit(nogil=True, fastmath=True, cache=True)
def _rotate(first, second, out):
    """Write exp(2 pi i (a x + b y)) for one a and all b, real parts then imaginary ones, from those of a (n,) and b (n_b, n)."""
    n_b = second.shape[0]
    for b in range(n_b):
        for j in range(second.shape[1]):
            wave = first[j] * second[b, j]
            out[b, j] = wave.real
            out[n_b + b, j] = wave.imag


def _density_waves_of_all(scaled, vectors, species, n_species):
    """Return sum_j exp(2 pi i n.x_j) over the atoms of each species at every vector n of a whole range, shape (n_vectors, n_species).

    Plane by plane of equal first index the sums over all second and third indices are one matrix product, real numbers only: the
    waves of a third index c and of -c come from one product with cos and one with sin.
    """
    waves = np.zeros((len(vectors), n_species), complex)
    planes = np.argsort(vectors[:, 0], kind="stable")
    ends = np.searchsorted(vectors[planes, 0], np.arange(vectors[:, 0].max() + 2))
    rows = np.arange(-np.abs(vectors[:, 1]).max(), np.abs(vectors[:, 1]).max() + 1)
    columns = np.arange(np.abs(vectors[:, 2]).max() + 1)
    for kind in range(n_species):
        of_kind = scaled[species == kind]
        for low in range(0, len(of_kind), ATOMS_AT_ONCE):
            x, y, z = of_kind[low : low + ATOMS_AT_ONCE].T
            along = np.exp(2j * np.pi * np.outer(np.arange(len(ends) - 1), x))
            across = np.exp(2j * np.pi * np.outer(rows, y))
            angle = 2 * np.pi * np.outer(columns, z)
            last = np.stack([np.cos(angle), np.sin(angle)])
            for a, (begin, end) in enumerate(pairwise(ends)):
                if begin == end:
                    continue
                here = planes[begin:end]
                b, c = vectors[here, 1], vectors[here, 2]
                used, n_c = slice(b.min() - rows[0], b.max() - rows[0] + 1), np.abs(c).max() + 1
                n_b = used.stop - used.start
                rotated = np.empty((2 * n_b, len(x)))
                _rotate(along[a], across[used], rotated)
                sums = rotated @ last[:, :n_c].reshape(2 * n_c, -1).T
                with_cosine, with_sine = (part[:n_b] + 1j * part[n_b:] for part in (sums[:, :n_c], sums[:, n_c:]))
                place = b - b.min(), np.abs(c)
                waves[here, kind] += with_cosine[place] + 1j * np.sign(c) * with_sine[place]
    return waves


def wave_vectors(cell, q_max, q_bin, max_per_bin):
    """Return the wave vectors that fit the periodic cell, one of each pair q, -q, up to ``q_max``.

    Parameters
    ----------
    cell : array, shape (3, 3), Å
    q_max, q_bin : float
        1/Å.
    max_per_bin : int or None
        Bins with more vectors keep an evenly spread choice; None keeps all.

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
    # plane by plane: the whole grid of a large cell would fill the memory
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
    chosen = [
        low + np.linspace(0, high - low - 1, min(high - low, max_per_bin)).astype(int) for low, high in pairwise(edges)
    ]
    chosen = np.concatenate(chosen)
    return grid[chosen], q[chosen], np.diff(edges)


def direct_limit(frames, settings):
    """Return the q (1/Å) up to which S(q) is summed directly, a whole number of bins or ``q_max``.

    ``structure.q_direct``, or with auto q_max where a fixed budget of atoms x vectors x frames pays for all wave vectors or
    for 30 of each bin, else 5 1/Å: the transform of g(r) damps its shells, so it is for cells that the direct sum cannot do.

    Parameters
    ----------
    frames : list of ase.Atoms
    settings : dict
        q_max, q_bin and q_direct of section ``structure``.

    Raises
    ------
    UserError
        When the cell has no wave vector below it.
    """
    q_max, q_bin, wanted = settings["q_max"], settings["q_bin"], settings["q_direct"]
    cell = _mean_cell(frames)
    key = "q_direct"
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

    The vectors are those of the mean cell; each frame is taken at its own scaled positions, so that a cell that breathes
    (NPT) does not move vectors from bin to bin.

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
        The width dq of reciprocal space that each bin stands for in integrals over q: all its vectors, times
        the volume of one, over 4 pi q^2.
    """
    names = sorted(set(frames[0].symbols))
    species = np.array([names.index(symbol) for symbol in frames[0].symbols])
    fractions = np.bincount(species) / len(species)
    cell = _mean_cell(frames)
    volume = abs(np.linalg.det(cell))
    n_bins = int(np.ceil(q_max / q_bin - 1e-9))
    n_total = _n_wave_vectors(q_max, volume)
    n_products = len(species) * len(frames)
    choice = max(VECTORS_PER_BIN, int(COST_BUDGET / (n_products * n_bins)))
    every = n_total * n_products <= ALL_BUDGET
    vectors, q, n_all = wave_vectors(cell, q_max, q_bin, None if every else choice)
    index = np.minimum((q / q_bin).astype(int), n_bins - 1)
    counts = np.bincount(index, minlength=n_bins)
    filled = counts > 0
    multiples = np.arange(-np.abs(vectors).max(), np.abs(vectors).max() + 1)

    def waves_of(atoms):
        scaled = atoms.get_scaled_positions()
        if every:
            return _density_waves_of_all(scaled, vectors, species, len(names))
        tables = np.exp(2j * np.pi * multiples[None, :, None] * scaled.T[:, None, :])
        waves = np.zeros((len(vectors), len(names)), complex)
        _density_waves(tables, vectors, species, waves)
        return waves

    products = np.empty((len(frames), filled.sum(), len(names), len(names)))
    progress = Progress(len(frames), "frames summed over wave vectors")
    # small matrix products: a thread each is worth more than threads in each
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(numba.get_num_threads() if every else 1) as pool:
        for number, waves in enumerate(pool.map(waves_of, frames)):
            for i in range(len(names)):
                for j in range(i, len(names)):
                    product = (waves[:, i] * waves[:, j].conj()).real / len(species)
                    products[number, :, i, j] = (
                        np.bincount(index, weights=product, minlength=n_bins)[filled] / counts[filled]
                    )
            progress.update(number + 1)

    q_mean = np.bincount(index, weights=q, minlength=n_bins)[filled] / counts[filled]
    s = {}
    for i, a in enumerate(names):
        for j in range(i, len(names)):
            ca, cb = fractions[i], fractions[j]
            s[f"{a}-{names[j]}"] = 1 + (products[:, :, i, j] - (ca if i == j else 0)) / (ca * cb)
    widths = 2 * n_all[filled] * (2 * np.pi) ** 3 / volume / (4 * np.pi * q_mean**2)
    return q_mean, s, counts[filled], widths


def joined_structure_factors(frames, settings, r, g):
    """Return partial structure factors up to ``q_max``: the direct sum up to ``direct_limit``, above it from g_ab(r).

    Parameters
    ----------
    frames : list of ase.Atoms
        With one order of species.
    settings : dict
        q_max, q_bin and q_direct of section ``structure``.
    r, g
        As for ``transform_to_q``; not used where the direct sum goes up to ``q_max``.

    Returns
    -------
    q, s, n_vectors, widths
        As from ``structure_factors``; where S(q) is transformed, q are bin centres, n_vectors is 0 and the widths are the bins'.
    note : str
        Where the join is, and the root mean square difference of the two S_X(q) over the last 1 1/Å below it.
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
        f"direct sum over the wave vectors of the cell up to {join:g} 1/A, above it the transform of g_ab(r); over the last 1 1/A below "
        f"the join the two S_X differ by {difference:.4f} (root mean square)"
    )
    return (
        np.append(q, above),
        {pair: np.hstack([s[pair], transformed[pair]]) for pair in s},
        np.append(n_vectors, np.zeros(len(above), int)),
        np.append(widths, np.diff(edges)),
        note,
    )
