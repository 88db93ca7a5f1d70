"""Every structure table of one model: S(q), g(r) and G(r), coordination, angles, closest distances, network, voids.

Everything is averaged over frames, and the standard error comes from block averages. Conventions are in ``pairs``,
``scattering``, ``weights`` and ``transforms``. Source: section 3.3 of doi:10.1111/jace.20128.
"""

import math

import numpy as np
import pandas as pd

from gapglass.base.errors import UserError
from gapglass.base.files import write_table
from gapglass.structure import angles, coordination, network, pairs, scattering, transforms, voids, weights
from gapglass.structure.pairs import standard_error

FINEST_BIN = 0.02  # Å; bins of g(r) are at most as wide before its transform: S(15 1/Å) - 1 then loses 0.4 %


def _columns(name, samples):
    """Return a curve and its standard error as two columns, from samples of shape (n_frames, n)."""
    return {name: samples.mean(axis=0), f"{name}_error": standard_error(samples)}


def _curves(letter, partials):
    """Return the columns of all partial curves, "S_O-Te" for the pair "O-Te", with their standard errors."""
    return {
        name: column
        for pair, samples in partials.items()
        for name, column in _columns(f"{letter}_{pair}", samples).items()
    }


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
        Every curve with a column ``*_error``, the standard error. ``attrs["notes"]`` holds lines for the head of the
        file.

        - sq: q_inverse_angstrom, n_vectors, width_inverse_angstrom (the dq of each row), method, S_X, S_N and S_a-b
        - gr: r_angstrom, G_X, G_N, g_a-b and n_a-b (b around a)
        - coordination, closest: see ``coordination``; angles: see ``angles``; rings, network: see ``network``;
          voids: see ``voids``

        S_N and G_N are left out, with a note, if a species has no neutron scattering length.

    Raises
    ------
    UserError
        When the frames do not hold the same atoms, or the cell is too small for the settings.
    """
    frames = _in_one_order(frames)
    r_bin, cutoffs = settings["r_bin"], settings["coordination_cutoffs"]
    fine, split, n_r = _count_finely(frames, settings)
    coarse = {
        pair: counts[:, : n_r * split].reshape(len(frames), n_r, split).sum(axis=2) for pair, counts in fine.items()
    }
    r, g = pairs.pair_distributions(frames, coarse, r_bin)
    running = {
        pair: values[:, split // 2 - 1 : n_r * split : split]
        for pair, values in pairs.running_coordination(frames, fine).items()
    }
    q, s, n_vectors, widths, note = scattering.joined_structure_factors(
        frames, settings, *pairs.pair_distributions(frames, fine, r_bin / split)
    )
    method = np.where(n_vectors > 0, "direct", "transform")
    rows_of_q = {"q_inverse_angstrom": q, "n_vectors": n_vectors, "width_inverse_angstrom": widths, "method": method}
    totals_q, totals_r, absent = _totals(q, s, widths, r, list(frames[0].symbols), settings)
    rings, species = network.network(frames, cutoffs, settings["network"])
    tables = {
        "sq": pd.DataFrame(rows_of_q | totals_q | _curves("S", s)),
        "gr": pd.DataFrame({"r_angstrom": r} | totals_r | _curves("g", g) | _curves("n", running)),
        "coordination": coordination.coordination(frames, cutoffs),
        "angles": angles.bond_angles(frames, cutoffs, settings["angle_bin"]),
        "closest": coordination.closest_approach(frames, r, g),
        "rings": rings,
        "network": species,
        "voids": voids.voids(frames),
    }
    for kind, table in tables.items():
        table.attrs["notes"] = {"sq": [note, *absent], "gr": [f"S(q): {note}", *absent]}.get(kind, [])
    return tables


def _in_one_order(frames):
    """Return the frames with their atoms sorted by species.

    Raises
    ------
    UserError
        When the frames do not hold the same atoms.
    """
    symbols = sorted(frames[0].symbols)
    if any(sorted(frame.symbols) != symbols for frame in frames):
        raise UserError(
            "the frames of one structure analysis must hold the same atoms, here they differ in size or composition; "
            "give all but one kind of trajectory the role extra"
        )
    return [frame[np.argsort(frame.numbers, kind="stable")] for frame in frames]


def _count_finely(frames, settings):
    """Count pairs in bins that are fine enough for a transform to S(q).

    Returns
    -------
    counts : dict of numpy.ndarray of int, shape (n_frames, n_bins)
        Up to ``r_max``, or as far as the cell allows if S(q) needs the transform.
    split : int
        Fine bins in each bin of the table, an even number, so that the centre of a bin is an edge of fine bins.
    n_r : int
        Bins of the table.
    """
    r_bin, n_r = settings["r_bin"], pairs.count_bins(frames, settings["r_bin"], settings["r_max"])
    joined = scattering.direct_limit(frames, settings) < settings["q_max"]
    n_counted = pairs.count_bins(frames, r_bin) if joined else n_r
    split = 2 * math.ceil(r_bin / (2 * FINEST_BIN))
    return pairs.count_pairs(frames, r_bin / split, n_counted * split), split, n_r


def _totals(q, s, widths, r, symbols, settings):
    """Return the columns of the totals S_X, S_N and G_X, G_N, and a note if a radiation lacks scattering data."""
    of_q, of_r, absent = {}, {}, []
    for radiation, letter in weights.TOTALS.items():
        try:
            total = weights.total_structure_factor(q, s, symbols, radiation)
        except UserError as error:
            if radiation == "xray":
                raise
            absent.append(f"no S_{letter} and G_{letter}: {error}")
            continue
        of_q |= _columns(f"S_{letter}", total)
        g = transforms.transform_to_r(q, total, r, settings["q_max"], settings["window"], widths)
        of_r |= _columns(f"G_{letter}", g)
    return of_q, of_r, absent


def header(kind, n_frames, n_atoms, settings, notes=()):
    """Return the lines for the head of a structure file: formula, normalisation, window, join, frames.

    Parameters
    ----------
    kind : str
        One of ``kinds.TABLES``.
    n_frames, n_atoms : int
    settings : dict
        Section ``structure``.
    notes : sequence of str
        Of this table, see ``analyse``.
    """
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
            "neighbours within the cutoff, mean over atoms and frames; "
            "percent_l_fold: share of centres with l neighbours"
        ],
        "angles": [
            "probability density per degree of the angle a-centre-b, integral 1, not divided by sin; "
            f"neighbours within: {within}"
        ],
        "closest": [
            "closest distance in any frame; first peak and first minimum of the mean g_ab(r), "
            "smoothed by a Gaussian of 0.1 A"
        ],
        "rings": [f"primitive rings (no shortcut between members), counted in formers; {_network(settings)}"],
        "network": [
            "Q: share of formers with n bridging atoms; bridge: share of bridges bonded to n formers; "
            f"shared: of the pairs of formers that share bridges, share with n of them; {_network(settings)}"
        ],
        "voids": [
            "share of the volume at least this distance away from the centre of every atom; "
            f"{voids.N_POINTS} points in each of at most {voids.MOST_FRAMES} frames"
        ],
    }
    return [
        *lines[kind],
        *notes,
        f"{n_frames} frames of {n_atoms} atoms; *_error is the standard error of the mean from block averages",
    ]


def _network(settings):
    """Return the network of the settings in words."""
    network_of = settings["network"]
    if not network_of["formers"]:
        return "structure.network names no formers"
    bridged = f"bridged by {', '.join(network_of['bridges'])}" if network_of["bridges"] else "bonded to each other"
    return f"formers {', '.join(network_of['formers'])} {bridged}, at most {network.MOST_FRAMES} frames"


def reference_frames(frames, temperature):
    """Return the frames of role reference at a temperature (K).

    Raises
    ------
    UserError
        When there is none; the message lists the temperatures of the reference frames.
    """
    reference = [frame for frame in frames if frame.info["role"] == "reference"]
    chosen = [frame for frame in reference if abs(frame.info["temperature"] - temperature) < 0.5]
    if not chosen:
        known = ", ".join(f"{value:g}" for value in sorted({frame.info["temperature"] for frame in reference}))
        raise UserError(
            f"no frame of role reference has temperature {temperature:g} K (there are {known} K); "
            "set structure.reference_temperature"
        )
    return chosen


def write_analysis(frames, settings, paths):
    """Analyse frames and write every table.

    Parameters
    ----------
    frames, settings
        As for ``analyse``.
    paths : object
        An attribute for each of ``kinds.TABLES``.
    """
    for kind, table in analyse(frames, settings).items():
        write_table(
            getattr(paths, kind), table, header(kind, len(frames), len(frames[0]), settings, table.attrs["notes"])
        )
