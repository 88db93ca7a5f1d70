"""Structure of a liquid or glass: every table of one model, its averages over replicas, and R_X.

The curves come from ``neighbours`` (real space), ``scattering`` (reciprocal space) and ``experiment`` (measured); conventions are
told there. Everything is averaged over frames; the standard error comes from block averages. Source: section 3.3 and Eq. 15 of
doi:10.1111/jace.20128.
"""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from gapglass import neighbours, scattering
from gapglass.errors import UserError
from gapglass.experiment import common_window
from gapglass.files import read_header, read_table, write_table
from gapglass.neighbours import standard_error

FINEST_BIN = 0.02  # Å; g(r) is counted at most this coarsely before it is transformed: S(15 1/Å) - 1 then loses 0.4 %
FEWEST_POINTS = 10  # of an R_X


def _columns(name, samples):
    """Return a curve and its standard error as two columns, from samples of shape (n_frames, n)."""
    return {name: samples.mean(axis=0), f"{name}_error": standard_error(samples)}


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
    dict of pandas.DataFrame
        Every curve with a column ``*_error``, the standard error. ``attrs["notes"]`` holds lines for the head of the file.

        - sq: q_inverse_angstrom, n_vectors, width_inverse_angstrom (the dq of each row), method, S_X, S_N and S_a-b
        - gr: r_angstrom, G_X, G_N, g_a-b and n_a-b (b around a)
        - coordination, angles, closest: see ``neighbours``

        S_N and G_N are left out, with a note, where a species has no neutron scattering length.

    Raises
    ------
    UserError
        When the frames do not hold the same atoms, or the cell is too small for the settings.
    """
    symbols = list(frames[0].symbols)
    if any(sorted(frame.symbols) != sorted(symbols) for frame in frames):
        raise UserError(
            "the frames of one structure analysis must hold the same atoms, here they differ in size or composition; "
            "give all but one kind of trajectory the role extra"
        )
    frames = [frame[np.argsort(frame.numbers, kind="stable")] for frame in frames]
    symbols = list(frames[0].symbols)

    r_bin, n_r = settings["r_bin"], neighbours.count_bins(frames, settings["r_bin"], settings["r_max"])
    joined = scattering.direct_limit(frames, settings) < settings["q_max"]
    n_counted = neighbours.count_bins(frames, r_bin) if joined else n_r
    # an even number of fine bins in each, so that the centre of a bin is the edge of a fine one
    split = 2 * math.ceil(r_bin / (2 * FINEST_BIN))
    fine = neighbours.count_pairs(frames, r_bin / split, n_counted * split)
    fine_r, fine_g = neighbours.pair_distributions(frames, fine, r_bin / split)

    q, s, n_vectors, widths, note = scattering.joined_structure_factors(frames, settings, fine_r, fine_g)
    method = np.where(n_vectors > 0, "direct", "transform")
    sq = {"q_inverse_angstrom": q, "n_vectors": n_vectors, "width_inverse_angstrom": widths, "method": method}
    counts = {pair: counted[:, : n_r * split].reshape(len(frames), n_r, split).sum(axis=2) for pair, counted in fine.items()}
    r, g = neighbours.pair_distributions(frames, counts, r_bin)
    gr = {"r_angstrom": r}
    absent = []
    for radiation, letter in scattering.TOTALS.items():
        try:
            total = scattering.total_structure_factor(q, s, symbols, radiation)
        except UserError as error:
            if radiation == "xray":
                raise
            absent.append(f"no S_{letter} and G_{letter}: {error}")
            continue
        sq |= _columns(f"S_{letter}", total)
        gr |= _columns(f"G_{letter}", scattering.transform_to_r(q, total, r, settings["q_max"], settings["window"], widths))
    for pair, values in s.items():
        sq |= _columns(f"S_{pair}", values)
    for pair, values in g.items():
        gr |= _columns(f"g_{pair}", values)
    for pair, values in neighbours.running_coordination(frames, fine).items():
        gr |= _columns(f"n_{pair}", values[:, split // 2 - 1 : n_r * split : split])

    tables = {
        "sq": pd.DataFrame(sq),
        "gr": pd.DataFrame(gr),
        "coordination": neighbours.coordination(frames, settings["coordination_cutoffs"]),
        "angles": neighbours.bond_angles(frames, settings["coordination_cutoffs"], settings["angle_bin"]),
        "closest": neighbours.closest_approach(frames, r, g),
    }
    for kind, table in tables.items():
        table.attrs["notes"] = {"sq": [note, *absent], "gr": [f"S(q): {note}", *absent]}.get(kind, [])
    return tables


def header(kind, n_frames, n_atoms, settings, notes=()):
    """Return the lines that say what a structure file holds: formula, normalisation, window, join, frames."""
    q_max, cutoffs = settings["q_max"], settings["coordination_cutoffs"]
    within = ", ".join(f"{pair} {cutoff} A" for pair, cutoff in cutoffs.items()) or "none given"
    lines = {
        "sq": [
            "Faber-Ziman partials S_ab(q) = 1 + (<rho_a(q) rho_b*(q)>/N - c_a delta_ab)/(c_a c_b), direct rows",
            "or S_ab(q) = 1 + 4 pi rho int_0^R r^2 [g_ab(r) - 1] sin(qr)/(qr) M(r) dr, M(r) = sin(pi r/R)/(pi r/R), "
            "R half the smallest height of the cell, transform rows",
            "S_X(q) = sum_ab c_a c_b f_a(q) f_b(q) S_ab(q) / <f(q)>^2, form factors of neutral atoms (Cromer-Mann)",
            "S_N(q) = sum_ab c_a c_b b_a b_b S_ab(q) / <b>^2, coherent scattering lengths; all tend to 1",
            f"bins of {settings['q_bin']} 1/A up to {q_max} 1/A; width: dq that a row stands for in integrals over q; "
            "direct bins without a wave vector are left out; nothing below 2 pi / L",
        ],
        "gr": [
            "partial pair distribution functions g_ab(r), tending to 1; n_a-b(r): mean number of b within r of an a",
            "G(r) = 2/pi int_0^Qmax q [S(q) - 1] M(q) sin(q r) dq in 1/A^2, G_X from S_X and G_N from S_N",
            "each bin of q weighs as much as the wave vectors in it; nothing below the first one",
            f"Qmax {q_max} 1/A, window M(q): {settings['window']}; bins of {settings['r_bin']} A "
            "up to half the smallest height of the cell" + ("" if settings["r_max"] is None else f" and {settings['r_max']} A"),
        ],
        "coordination": ["neighbours within the cutoff, mean over atoms and frames; percent_l_fold: share of centres with l neighbours"],
        "angles": [f"probability density per degree of the angle a-centre-b, integral 1, not divided by sin; neighbours within: {within}"],
        "closest": ["closest distance in any frame; first peak and first minimum of the mean g_ab(r), smoothed by a Gaussian of 0.1 A"],
    }
    return [*lines[kind], *notes, f"{n_frames} frames of {n_atoms} atoms; *_error is the standard error of the mean from block averages"]


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
    """Analyse frames and write ``paths.sq``, ``paths.gr``, ``paths.coordination``, ``paths.angles`` and ``paths.closest``."""
    for kind, table in analyse(frames, settings).items():
        write_table(getattr(paths, kind), table, header(kind, len(frames), len(frames[0]), settings, table.attrs["notes"]))


ABSENT = "no structure: "
LEFT_OUT = "left out: "
# what a table without a structure still has, so that readers of CSV find their columns
EMPTY = {
    "sq": ["q_inverse_angstrom", "S_X"],
    "gr": ["r_angstrom", "G_X"],
    "coordination": ["centre", "neighbour", "cutoff_angstrom", "coordination_number", "standard_error"],
    "angles": ["angle_degree"],
    "closest": ["pair", "closest_distance_angstrom"],
}


def write_absence(path, kind, reason):
    """Write a table without rows that says in its head why there is no structure.

    Parameters
    ----------
    path : path-like
    kind : str
        sq, gr, coordination, angles or closest.
    reason : str
        One line.
    """
    write_table(path, pd.DataFrame(columns=EMPTY[kind]), [ABSENT + reason])


def absence(path):
    """Return why a table has no structure, None where it has one."""
    head = read_header(path)[:1]
    return head[0].removeprefix(ABSENT) if head and head[0].startswith(ABSENT) else None


def read_present(paths):
    """Return path -> table of one kind for those models or replicas that have a structure, in the order of the paths."""
    return {path: read_table(path) for path in paths if absence(path) is None}


def average_replicas(paths, kind, target, q_bin):
    """Write the mean of one kind of table over those replicas that have a structure.

    Parameters
    ----------
    paths : list of path-like
        structure/{potential}_{atoms}_{replica}/{kind}.csv.
    kind : str
        sq, gr, coordination, angles or closest.
    target : path-like
        Its head names the replicas that are left out. Without any replica it is a table that says so, as of ``write_absence``.
    q_bin : float
        ``structure.q_bin``, 1/Å.
    """
    present = read_present(paths)
    left_out = [f"replica {Path(path).parent.name.rsplit('_', 1)[1]}, {absence(path)}" for path in paths if path not in present]
    if not present:
        write_absence(target, kind, "; ".join(left_out))
        return
    header = read_header(next(iter(present)))
    if len(present) > 1:
        header[-1] = f"mean over {len(present)} replicas, *_error is the standard error over them"
    header += [LEFT_OUT + line for line in left_out]
    write_table(target, average_tables(list(present.values()), q_bin), header)


def average_tables(tables, q_bin=None):
    """Return the mean of one kind of structure table over independent replicas.

    Parameters
    ----------
    tables : list of pandas.DataFrame
        All sq, all gr, all coordination, all angles or all closest, as from ``analyse``.
    q_bin : float, optional
        ``structure.q_bin`` in 1/Å, needed for sq: cells of different size have their mean q of a bin at different places.

    Returns
    -------
    pandas.DataFrame
        Rows that all replicas have: numbers are means, ``*_error`` and ``standard_error`` the standard error over the replicas,
        closest_distance_angstrom the smallest. One table is returned as it is.
    """
    if len(tables) == 1 or tables[0].empty:
        return tables[0]
    first = tables[0].columns[0]
    keys = {"centre": ["centre", "neighbour"], "pair": ["pair"]}.get(first, ["row"])
    if keys == ["row"]:
        # bins of q by number; r and angles begin alike everywhere, and the shortest table decides
        rows = [np.floor(table[first] / q_bin + 1e-9) if first == "q_inverse_angstrom" else np.arange(len(table)) for table in tables]
        tables = [table.assign(row=row) for table, row in zip(tables, rows, strict=True)]
    everything = pd.concat(tables, ignore_index=True)
    shares = [column for column in everything if column.startswith("percent_")]
    everything[shares] = everything[shares].fillna(0.0)
    groups = everything.groupby(keys, sort=keys == ["row"])
    common = groups[first].transform("size") == len(tables)
    groups = everything[common].groupby(keys, sort=keys == ["row"])
    mean = groups.mean(numeric_only=True)
    error = groups.sem(ddof=1, numeric_only=True)
    for column in mean:
        if column == "standard_error":
            mean[column] = error["coordination_number"]
        elif column.endswith("_error"):
            mean[column] = error[column.removesuffix("_error")]
    if first == "pair":
        mean["closest_distance_angstrom"] = groups["closest_distance_angstrom"].min()
    if "method" in everything:
        # where the join differs by a bin, the mean is not all direct
        mean["method"] = groups["method"].max()
    return neighbours.order_shares(mean.reset_index()[[column for column in everything if column != "row"]])


def wright_parameter(reference, model):
    """Return R_X = sqrt(sum (G_ref - G_model)^2 / sum G_ref^2) (Eq. 15) of two curves on one grid."""
    reference, model = np.asarray(reference), np.asarray(model)
    return float(np.sqrt(np.sum((reference - model) ** 2) / np.sum(reference**2)))


def _r_x(r, reference, model):
    value = 100 * wright_parameter(reference, model)
    return {"r_x_percent": value, "r_min_angstrom": float(r[0]), "r_max_angstrom": float(r[-1]), "n_points": len(r)}


def compare(reference, model, r_min):
    """Return R_X between the G_X of two gr tables over the r range that both have.

    Parameters
    ----------
    reference, model : pandas.DataFrame
        gr tables made with one r_bin, q_max and window.
    r_min : float
        ``structure.r_x_min``, Å.

    Returns
    -------
    dict
        r_x_percent, r_min_angstrom, r_max_angstrom, n_points.

    Raises
    ------
    UserError
        When the grids differ, or nearly nothing lies above ``r_min``.
    """
    n_points = min(len(reference), len(model))
    r = reference["r_angstrom"].to_numpy()[:n_points]
    if not np.allclose(r, model["r_angstrom"].to_numpy()[:n_points]):
        raise UserError("the two gr.csv have different r grids; make both with one structure.r_bin")
    used = _range(r, r_min, r[-1])
    return _r_x(r[used], reference["G_X"].to_numpy()[:n_points][used], model["G_X"].to_numpy()[:n_points][used])


def _range(r, r_min, r_max):
    used = (r >= r_min) & (r <= r_max)
    if used.sum() < FEWEST_POINTS:
        raise UserError(
            f"R_X has {used.sum()} points between structure.r_x_min {r_min:g} Å and {r_max:.2f} Å, where model and reference both end; "
            "lower structure.r_x_min or take more atoms"
        )
    return used


def compare_experiment(model_sq, model_gr, experiment, entry, settings):
    """Return R_X between a model and a measured curve, both with the measured curve's Q_max and window.

    Parameters
    ----------
    model_sq, model_gr : pandas.DataFrame
        Tables of the model; its G(r) is made anew from the first, over the r range of the second.
    experiment : pair of pandas.DataFrame
        sq and gr from ``experiment.experiment_tables``.
    entry : dict
        The item of ``structure.experiments``.
    settings : dict
        Section ``structure``.

    Returns
    -------
    dict
        r_x_percent, r_min_angstrom, r_max_angstrom, n_points, q_max_inverse_angstrom, window.

    Raises
    ------
    UserError
        When the model's S(q) ends below Q_max, or nearly no r is common.
    """
    sq, gr = experiment
    q_max, window = common_window(entry, settings, sq["q_inverse_angstrom"].to_numpy())
    r = gr["r_angstrom"].to_numpy()
    used = _range(r, settings["r_x_min"], min(r[-1], model_gr["r_angstrom"].iloc[-1]))
    model = scattering.model_g(model_sq, r[used], entry["radiation"], q_max, window)
    measured = gr[f"G_{scattering.TOTALS[entry['radiation']]}"].to_numpy()[used]
    return _r_x(r[used], measured, model) | {"q_max_inverse_angstrom": q_max, "window": window}


def compare_all(sq, gr, reference, measured, settings):
    """Return R_X of one model against the reference and every experiment.

    Parameters
    ----------
    sq, gr : list of pandas.DataFrame
        Tables of each replica that has a structure.
    reference : list of pandas.DataFrame
        The gr table of the reference; empty for the reference itself.
    measured : list of (dict, pandas.DataFrame, pandas.DataFrame)
        Item of ``structure.experiments`` with its sq and gr.
    settings : dict
        r_x_min, q_bin, q_max and window of section ``structure``.

    Returns
    -------
    dict
        "reference" and "experiment_{name}" -> R_X as of ``compare``; of several replicas that of the mean G(r), with
        r_x_percent_error, its jackknife error, and r_x_percent_replicas, that of each one: larger, because noise adds to it.
        Empty where no replica has a structure.
    """
    if not gr:
        return {}

    def mean_of(chosen):
        return {"sq": average_tables([sq[i] for i in chosen], settings["q_bin"]), "gr": average_tables([gr[i] for i in chosen])}

    everyone = range(len(gr))
    comparisons = {}
    if reference:
        comparisons["reference"] = lambda sq, gr: compare(reference[0], gr, settings["r_x_min"])
    for entry, *curve in measured:
        comparisons[f"experiment_{entry['name']}"] = lambda sq, gr, entry=entry, curve=curve: compare_experiment(
            sq, gr, curve, entry, settings
        )
    result = {}
    for against, comparison in comparisons.items():
        found = comparison(**mean_of(everyone))
        result[against] = {"q_max_inverse_angstrom": settings["q_max"], "window": settings["window"], **found}
        if len(gr) > 1:
            without = [comparison(**mean_of([i for i in everyone if i != left_out]))["r_x_percent"] for left_out in everyone]
            error = float(np.sqrt((len(gr) - 1) * np.var(without)))
            each = [comparison(**mean_of([i]))["r_x_percent"] for i in everyone]
            result[against] |= {"r_x_percent_error": error, "r_x_percent_replicas": each}
    return result
