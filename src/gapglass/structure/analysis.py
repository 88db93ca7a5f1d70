"""Structure of a liquid or glass: every table of one model, its averages over replicas, and R_X.

The curves come from ``neighbours`` (real space), ``scattering`` (reciprocal space) and ``experiment`` (measured); conventions are
told there. Everything is averaged over frames; the standard error comes from block averages. Source: section 3.3 and Eq. 15 of
doi:10.1111/jace.20128.
"""

import math

import numpy as np
import pandas as pd

from gapglass.base.errors import UserError
from gapglass.base.files import write_table
from gapglass.structure import coordination, pairs, scattering, transforms, weights
from gapglass.structure.pairs import standard_error

FINEST_BIN = 0.02  # Å; g(r) is counted at most this coarsely before it is transformed: S(15 1/Å) - 1 then loses 0.4 %


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

    r_bin, n_r = settings["r_bin"], pairs.count_bins(frames, settings["r_bin"], settings["r_max"])
    joined = scattering.direct_limit(frames, settings) < settings["q_max"]
    n_counted = pairs.count_bins(frames, r_bin) if joined else n_r
    # an even number of fine bins in each, so that the centre of a bin is the edge of a fine one
    split = 2 * math.ceil(r_bin / (2 * FINEST_BIN))
    fine = pairs.count_pairs(frames, r_bin / split, n_counted * split)
    fine_r, fine_g = pairs.pair_distributions(frames, fine, r_bin / split)

    q, s, n_vectors, widths, note = scattering.joined_structure_factors(frames, settings, fine_r, fine_g)
    method = np.where(n_vectors > 0, "direct", "transform")
    sq = {"q_inverse_angstrom": q, "n_vectors": n_vectors, "width_inverse_angstrom": widths, "method": method}
    counts = {
        pair: counted[:, : n_r * split].reshape(len(frames), n_r, split).sum(axis=2) for pair, counted in fine.items()
    }
    r, g = pairs.pair_distributions(frames, counts, r_bin)
    gr = {"r_angstrom": r}
    absent = []
    for radiation, letter in weights.TOTALS.items():
        try:
            total = weights.total_structure_factor(q, s, symbols, radiation)
        except UserError as error:
            if radiation == "xray":
                raise
            absent.append(f"no S_{letter} and G_{letter}: {error}")
            continue
        sq |= _columns(f"S_{letter}", total)
        gr |= _columns(
            f"G_{letter}", transforms.transform_to_r(q, total, r, settings["q_max"], settings["window"], widths)
        )
    for pair, values in s.items():
        sq |= _columns(f"S_{pair}", values)
    for pair, values in g.items():
        gr |= _columns(f"g_{pair}", values)
    for pair, values in pairs.running_coordination(frames, fine).items():
        gr |= _columns(f"n_{pair}", values[:, split // 2 - 1 : n_r * split : split])

    tables = {
        "sq": pd.DataFrame(sq),
        "gr": pd.DataFrame(gr),
        "coordination": coordination.coordination(frames, settings["coordination_cutoffs"]),
        "angles": coordination.bond_angles(frames, settings["coordination_cutoffs"], settings["angle_bin"]),
        "closest": coordination.closest_approach(frames, r, g),
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
            "up to half the smallest height of the cell"
            + ("" if settings["r_max"] is None else f" and {settings['r_max']} A"),
        ],
        "coordination": [
            "neighbours within the cutoff, mean over atoms and frames; percent_l_fold: share of centres with l neighbours"
        ],
        "angles": [
            f"probability density per degree of the angle a-centre-b, integral 1, not divided by sin; neighbours within: {within}"
        ],
        "closest": [
            "closest distance in any frame; first peak and first minimum of the mean g_ab(r), smoothed by a Gaussian of 0.1 A"
        ],
    }
    return [
        *lines[kind],
        *notes,
        f"{n_frames} frames of {n_atoms} atoms; *_error is the standard error of the mean from block averages",
    ]


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
        write_table(
            getattr(paths, kind), table, header(kind, len(frames), len(frames[0]), settings, table.attrs["notes"])
        )
