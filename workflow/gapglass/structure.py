"""Structure of a liquid or glass from its frames: g_ab(r), S_ab(q), X-ray S(q) and G(r), coordination, R_X.

Conventions: Faber-Ziman partials, S_ab -> 1 at large q, g_ab -> 1 at large r; X-ray weights c_a c_b f_a(q) f_b(q) / <f(q)>^2 with
form factors of neutral atoms. Everything is averaged over frames; the standard error comes from block averages, because
successive frames are correlated. Source: section 3.3 and Eq. 15 of doi:10.1111/jace.20128.
"""

from itertools import combinations_with_replacement, pairwise

import freud
import numba
import numpy as np
import pandas as pd
from periodictable.cromermann import fxrayatq

from gapglass.errors import UserError
from gapglass.files import write_table
from gapglass.log import Progress

COST_BUDGET = 4e9  # atom x vector x frame products of the direct sum: tens of seconds on two cores
N_BLOCKS = 8


def pair_names(symbols):
    """Return the pairs of species, "O-O", "O-Te", "Te-Te", species in alphabetical order."""
    return ["-".join(pair) for pair in combinations_with_replacement(sorted(set(symbols)), 2)]


def half_height(atoms):
    """Return half the smallest perpendicular height of the cell (Å): the range of the minimum image."""
    cell = np.asarray(atoms.cell)
    areas = [np.linalg.norm(np.cross(cell[i], cell[j])) for i, j in ((1, 2), (2, 0), (0, 1))]
    return float(atoms.get_volume() / max(areas) / 2)


def _box_and_points(atoms):
    """Return the freud box and the positions in it; freud wants the first cell vector along x."""
    lower, _ = atoms.cell.standard_form()
    box = freud.box.Box.from_matrix(np.asarray(lower).T)
    points = box.wrap(atoms.get_scaled_positions(wrap=True) @ np.asarray(lower))
    return box, points


def standard_error(samples):
    """Return the standard error of the mean over the first axis from up to 8 block averages, NaN for one frame."""
    samples = np.asarray(samples)
    if len(samples) < 2:
        return np.full(samples.shape[1:], np.nan)
    blocks = np.array([part.mean(axis=0) for part in np.array_split(samples, min(N_BLOCKS, len(samples)))])
    return blocks.std(axis=0, ddof=1) / np.sqrt(len(blocks))


def pair_distributions(frames, r_bin):
    """Return partial pair distribution functions g_ab(r).

    Parameters
    ----------
    frames : list of ase.Atoms
        Of one composition.
    r_bin : float
        Å.

    Returns
    -------
    r : numpy.ndarray, shape (n_r,), Å
        Bin centres up to half the smallest height of the cells.
    g : dict of numpy.ndarray, shape (n_frames, n_r)
        One entry per pair of species.
    """
    n_bins = int(min(map(half_height, frames)) * 0.999 / r_bin)
    if n_bins < 10:
        raise UserError(f"structure.r_bin {r_bin} Å leaves {n_bins} bins in a cell this small; lower it or take more atoms")
    pairs = pair_names(frames[0].symbols)
    g = {pair: np.empty((len(frames), n_bins)) for pair in pairs}
    for number, atoms in enumerate(frames):
        box, points = _box_and_points(atoms)
        symbols = np.array(atoms.symbols)
        for pair in pairs:
            a, b = pair.split("-")
            # finite_size takes the atom itself out of the mean density of its own kind, so that an ideal gas gives 1
            rdf = freud.density.RDF(n_bins, n_bins * r_bin, normalization_mode="finite_size" if a == b else "exact")
            with np.errstate(invalid="ignore", divide="ignore"):
                rdf.compute((box, points[symbols == b]), query_points=points[symbols == a] if a != b else None, reset=True)
            g[pair][number] = np.nan_to_num(rdf.rdf)
    return np.arange(n_bins) * r_bin + r_bin / 2, g


@numba.njit(parallel=True, fastmath=True, cache=True)
def _density_waves(tables, vectors, species, n_species, out_real, out_imag):
    offset = (tables.shape[1] - 1) // 2
    for k in numba.prange(len(vectors)):
        a, b, c = vectors[k, 0] + offset, vectors[k, 1] + offset, vectors[k, 2] + offset
        for j in range(tables.shape[2]):
            wave = tables[0, a, j] * tables[1, b, j] * tables[2, c, j]
            out_real[k, species[j]] += wave.real
            out_imag[k, species[j]] += wave.imag


def wave_vectors(cell, q_max, q_bin, max_per_bin):
    """Return the wave vectors that fit the periodic cell, one of each pair q, -q, up to ``q_max``.

    Parameters
    ----------
    cell : array, shape (3, 3), Å
    q_max, q_bin : float
        1/Å.
    max_per_bin : int
        Bins with more vectors keep an evenly spread choice.

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
    grid = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in limits), indexing="ij"), axis=-1).reshape(-1, 3)
    grid = grid[len(grid) // 2 + 1 :]
    q = np.linalg.norm(grid @ reciprocal, axis=1)
    keep = q <= q_max
    grid, q = grid[keep], q[keep]
    order = np.argsort(q, kind="stable")
    grid, q = grid[order], q[order]
    edges = np.searchsorted(q, np.arange(int(np.ceil(q_max / q_bin)) + 1) * q_bin)
    edges[-1] = len(q)
    chosen = [low + np.linspace(0, high - low - 1, min(high - low, max_per_bin)).astype(int) for low, high in pairwise(edges)]
    chosen = np.concatenate(chosen)
    return grid[chosen], q[chosen], np.diff(edges)


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
    cell = np.mean([np.asarray(atoms.cell) for atoms in frames], axis=0)
    volume = abs(np.linalg.det(cell))
    n_bins = int(np.ceil(q_max / q_bin))
    n_total = 4 / 3 * np.pi * q_max**3 * volume / (2 * np.pi) ** 3 / 2
    per_bin = max(10, int(COST_BUDGET / (len(species) * len(frames) * n_bins)))
    per_bin = per_bin if n_total > per_bin * n_bins / 3 else int(2 * n_total) + 1
    vectors, q, n_all = wave_vectors(cell, q_max, q_bin, per_bin)
    index = np.minimum((q / q_bin).astype(int), n_bins - 1)
    counts = np.bincount(index, minlength=n_bins)
    filled = counts > 0
    multiples = np.arange(-np.abs(vectors).max(), np.abs(vectors).max() + 1)

    products = np.empty((len(frames), filled.sum(), len(names), len(names)))
    progress = Progress(len(frames), "frames summed over wave vectors")
    for number, atoms in enumerate(frames):
        tables = np.exp(2j * np.pi * multiples[None, :, None] * atoms.get_scaled_positions().T[:, None, :])
        real, imaginary = np.zeros((len(vectors), len(names))), np.zeros((len(vectors), len(names)))
        _density_waves(tables, vectors, species, len(names), real, imaginary)
        for i in range(len(names)):
            for j in range(i, len(names)):
                product = (real[:, i] * real[:, j] + imaginary[:, i] * imaginary[:, j]) / len(species)
                products[number, :, i, j] = np.bincount(index, weights=product, minlength=n_bins)[filled] / counts[filled]
        progress.update(number + 1)

    q_mean = np.bincount(index, weights=q, minlength=n_bins)[filled] / counts[filled]
    s = {}
    for i, a in enumerate(names):
        for j in range(i, len(names)):
            ca, cb = fractions[i], fractions[j]
            s[f"{a}-{names[j]}"] = 1 + (products[:, :, i, j] - (ca if i == j else 0)) / (ca * cb)
    widths = 2 * n_all[filled] * (2 * np.pi) ** 3 / volume / (4 * np.pi * q_mean**2)
    return q_mean, s, counts[filled], widths


def xray_weights(symbols, q):
    """Return the X-ray weight of each partial structure factor; they sum to 1 at every q.

    Parameters
    ----------
    symbols : sequence of str
        Every atom's species.
    q : numpy.ndarray, 1/Å
        4 pi sin(theta) / lambda.

    Returns
    -------
    dict of numpy.ndarray
        c_a c_b f_a f_b / <f>^2, twice that for unlike pairs.
    """
    names, counts = np.unique(list(symbols), return_counts=True)
    fractions = dict(zip(names, counts / counts.sum(), strict=True))
    factor = {name: fxrayatq(str(name), np.asarray(q, float)) for name in names}
    mean = sum(fractions[name] * factor[name] for name in names)
    weights = {}
    for pair in pair_names(symbols):
        a, b = pair.split("-")
        weights[pair] = (1 if a == b else 2) * fractions[a] * fractions[b] * factor[a] * factor[b] / mean**2
    return weights


def xray_structure_factor(q, s, symbols):
    """Return the total X-ray structure factor from Faber-Ziman partials (dict of arrays whose last axis is q)."""
    weights = xray_weights(symbols, q)
    return sum(weights[pair] * s[pair] for pair in weights)


def transform_to_r(q, s, r, q_max, window="lorch", widths=None):
    """Return G(r) = 2/pi int_0^Qmax q [S(q) - 1] M(q) sin(q r) dq.

    Parameters
    ----------
    q : numpy.ndarray, shape (n_q,), 1/Å
        Ascending.
    s : numpy.ndarray, shape (..., n_q)
    r : numpy.ndarray, shape (n_r,), Å
    q_max : float
        Q_max of the window, 1/Å.
    window : {"lorch", "none"}
        M(q) = sin(pi q / Q_max) / (pi q / Q_max), or 1.
    widths : numpy.ndarray, shape (n_q,), 1/Å, optional
        dq of each point. For a periodic cell those of ``structure_factors``: bins hold unlike numbers of vectors, and only with
        these weights is the result independent of the bins. Without them the trapezoid rule on the grid.

    Returns
    -------
    numpy.ndarray, shape (..., n_r), 1/Å²
    """
    if widths is None:
        widths = np.gradient(q)
        widths[[0, -1]] /= 2
    modification = np.sinc(q / q_max) if window == "lorch" else np.ones_like(q)
    return 2 / np.pi * (q * (s - 1) * modification * widths) @ np.sin(np.outer(q, r))


def wright_parameter(reference, model):
    """Return R_X = sqrt(sum (G_ref - G_model)^2 / sum G_ref^2) (Eq. 15) of two curves on one grid."""
    reference, model = np.asarray(reference), np.asarray(model)
    return float(np.sqrt(np.sum((reference - model) ** 2) / np.sum(reference**2)))


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
    reach = min(map(half_height, frames))
    counted = {}
    for pair, cutoff in cutoffs.items():
        if cutoff >= reach:
            raise UserError(
                f"structure.coordination_cutoffs.{pair} is {cutoff} Å; a cell here allows less than {reach:.2f} Å; "
                "lower it or take more atoms"
            )
        first, second = pair.split("-")
        for centre, neighbour in dict.fromkeys([(first, second), (second, first)]):
            numbers = np.array([_count(atoms, centre, neighbour, cutoff) for atoms in frames])
            counted.setdefault(centre, {})[neighbour] = (cutoff, numbers)
    rows = []
    for centre, neighbours in counted.items():
        rows += [_coordination_row(centre, neighbour, *found) for neighbour, found in neighbours.items()]
        if len(neighbours) > 1:
            rows.append(_coordination_row(centre, "all", np.nan, sum(numbers for _, numbers in neighbours.values())))
    if not rows:
        return pd.DataFrame(columns=["centre", "neighbour", "cutoff_angstrom", "coordination_number", "standard_error"])
    table = pd.DataFrame(rows)
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


def _count(atoms, centre, neighbour, cutoff):
    """Return the number of neighbours of each centre in one frame."""
    box, points = _box_and_points(atoms)
    symbols = np.array(atoms.symbols)
    query = freud.locality.AABBQuery(box, points[symbols == neighbour])
    found = query.query(points[symbols == centre], {"r_max": cutoff, "exclude_ii": centre == neighbour}).toNeighborList()
    return np.bincount(found.query_point_indices, minlength=int((symbols == centre).sum()))


def analyse(frames, settings):
    """Return every structure table of one model.

    Parameters
    ----------
    frames : list of ase.Atoms
        Of one composition.
    settings : dict
        Section ``structure``.

    Returns
    -------
    sq, gr, coordination : pandas.DataFrame
        Each curve with a column ``*_error``, the standard error.
    """
    symbols = list(frames[0].symbols)
    if any(sorted(frame.symbols) != sorted(symbols) for frame in frames):
        raise UserError(
            "the frames of one structure analysis must hold the same atoms, here they differ in size or composition; "
            "give all but one kind of trajectory the role extra"
        )
    frames = [frame[np.argsort(frame.numbers, kind="stable")] for frame in frames]
    symbols = list(frames[0].symbols)
    q, s, n_vectors, widths = structure_factors(frames, settings["q_max"], settings["q_bin"])
    total = xray_structure_factor(q, s, symbols)
    sq = {"q_inverse_angstrom": q, "n_vectors": n_vectors, "S_X": total.mean(axis=0), "S_X_error": standard_error(total)}
    for pair, values in s.items():
        sq |= {f"S_{pair}": values.mean(axis=0), f"S_{pair}_error": standard_error(values)}
    r, g = pair_distributions(frames, settings["r_bin"])
    reduced = transform_to_r(q, total, r, settings["q_max"], settings["window"], widths)
    gr = {"r_angstrom": r, "G_X": reduced.mean(axis=0), "G_X_error": standard_error(reduced)}
    for pair, values in g.items():
        gr |= {f"g_{pair}": values.mean(axis=0), f"g_{pair}_error": standard_error(values)}
    return pd.DataFrame(sq), pd.DataFrame(gr), coordination(frames, settings["coordination_cutoffs"])


def header(kind, n_frames, n_atoms, settings):
    """Return the lines that say what a structure file holds: formula, normalisation, window."""
    common = [f"{n_frames} frames of {n_atoms} atoms; *_error is the standard error of the mean from block averages"]
    if kind == "sq":
        return [
            "Faber-Ziman partials S_ab(q) = 1 + (<rho_a(q) rho_b*(q)>/N - c_a delta_ab)/(c_a c_b)",
            "direct sum over the wave vectors of the cell",
            "S_X(q) = sum_ab c_a c_b f_a(q) f_b(q) S_ab(q) / <f(q)>^2, form factors of neutral atoms (Cromer-Mann); all tend to 1",
            f"bins of {settings['q_bin']} 1/A up to {settings['q_max']} 1/A; "
            "bins without a wave vector are left out; nothing below 2 pi / L",
            *common,
        ]
    if kind == "gr":
        return [
            "partial pair distribution functions g_ab(r), tending to 1, up to half the smallest height of the cell",
            "G_X(r) = 2/pi int_0^Qmax q [S_X(q) - 1] M(q) sin(q r) dq in 1/A^2",
            "each bin of q weighs as much as the wave vectors in it; nothing below the first one",
            f"Qmax {settings['q_max']} 1/A, window M(q): {settings['window']}; bins of {settings['r_bin']} A",
            *common,
        ]
    return ["neighbours within the cutoff, mean over atoms and frames; percent_l_fold: share of centres with l neighbours", *common]


def reference_frames(frames, temperature):
    """Return the frames of role reference at a temperature (K).

    Raises
    ------
    UserError
        When there is none, naming the temperatures that there are.
    """
    reference = [frame for frame in frames if frame.info["role"] == "reference"]
    chosen = [frame for frame in reference if abs(frame.info["temperature"] - temperature) < 0.5]
    if not chosen:
        known = ", ".join(f"{value:g}" for value in sorted({frame.info["temperature"] for frame in reference}))
        raise UserError(
            f"no frame of role reference has temperature {temperature:g} K (there are {known} K); set structure.reference_temperature"
        )
    return chosen


def write_analysis(frames, settings, paths):
    """Analyse frames and write ``paths.sq``, ``paths.gr`` and ``paths.coordination``."""
    tables = dict(zip(("sq", "gr", "coordination"), analyse(frames, settings), strict=True))
    for kind, table in tables.items():
        write_table(getattr(paths, kind), table, header(kind, len(frames), len(frames[0]), settings))


def compare(reference, model):
    """Return R_X between two gr tables over the r range that both have.

    Returns
    -------
    dict
        r_x_percent, r_min_angstrom, r_max_angstrom, n_points.
    """
    n_points = min(len(reference), len(model))
    r = reference["r_angstrom"].to_numpy()[:n_points]
    if not np.allclose(r, model["r_angstrom"].to_numpy()[:n_points]):
        raise UserError("the two gr.csv have different r grids; make both with one structure.r_bin")
    value = wright_parameter(reference["G_X"].to_numpy()[:n_points], model["G_X"].to_numpy()[:n_points])
    return {"r_x_percent": 100 * value, "r_min_angstrom": float(r[0]), "r_max_angstrom": float(r[-1]), "n_points": n_points}
