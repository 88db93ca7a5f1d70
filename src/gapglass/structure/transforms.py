"""Transforms between S(q) and g(r) or G(r).

G(r) = 4 pi rho r [g(r) - 1] = 2/pi int q [S(q) - 1] sin(q r) dq. Source: section 3.3 of doi:10.1111/jace.20128;
definitions: doi:10.1107/S0021889800019993; Lorch's window: doi:10.1088/0022-3719/2/2/305.
"""

import numpy as np

from gapglass.base.errors import UserError
from gapglass.structure.weights import TOTALS


def transform_to_q(frames, r, g, q):
    """Return partial structure factors from pair distribution functions.

    S_ab(q) = 1 + 4 pi rho int_0^R r^2 [g_ab(r) - 1] sin(qr)/(qr) M(r) dr with M(r) = sin(pi r/R) / (pi r/R), which
    ends the integral smoothly at R and broadens S(q) by about 2 pi / R. For like pairs rho counts the other atoms,
    rho (1 - 1/N_a), as g_aa does.

    Parameters
    ----------
    frames : list of ase.Atoms
    r : numpy.ndarray, shape (n_r,), Å
        Centres of equal bins from 0 to R. Bins of width w damp S(q) - 1 by sin(qw/2)/(qw/2).
    g : dict of numpy.ndarray, shape (n_frames, n_r)
    q : numpy.ndarray, shape (n_q,), 1/Å

    Returns
    -------
    dict of numpy.ndarray, shape (n_frames, n_q)
    """
    width = r[1] - r[0]
    kernel = (4 * np.pi * width * r**2 * np.sinc(r / (r[-1] + width / 2)))[:, None] * np.sinc(np.outer(r, q) / np.pi)
    density = np.array([len(atoms) / atoms.get_volume() for atoms in frames])[:, None]
    symbols = list(frames[0].symbols)
    s = {}
    for pair, values in g.items():
        a, b = pair.split("-")
        others = 1 - 1 / symbols.count(a) if a == b else 1.0
        s[pair] = 1 + others * density * ((values - 1) @ kernel)
    return s


def transform_to_r(q, s, r, q_max, window="lorch", widths=None):
    """Return G(r) = 2/pi int_0^Qmax q [S(q) - 1] M(q) sin(q r) dq.

    Parameters
    ----------
    q : numpy.ndarray, shape (n_q,), 1/Å
        Ascending; points above ``q_max`` are not used.
    s : numpy.ndarray, shape (..., n_q)
    r : numpy.ndarray, shape (n_r,), Å
    q_max : float
        Q_max of the window, 1/Å.
    window : {"lorch", "none"}
        M(q) = sin(pi q / Q_max) / (pi q / Q_max), or 1.
    widths : numpy.ndarray, shape (n_q,), 1/Å, optional
        dq of each point. For a periodic cell those of ``structure_factors``: bins hold unlike numbers of vectors, and
        only with these weights is the result independent of the bins. By default those of the trapezoid rule.

    Returns
    -------
    numpy.ndarray, shape (..., n_r), 1/Å²
    """
    used = q <= q_max * (1 + 1e-9)
    q, s = q[used], s[..., used]
    if widths is None:
        widths = np.gradient(q)
        widths[[0, -1]] /= 2
    else:
        widths = widths[used]
    modification = np.sinc(q / q_max) if window == "lorch" else np.ones_like(q)
    return 2 / np.pi * (q * (s - 1) * modification * widths) @ np.sin(np.outer(q, r))


def model_g(sq_table, r, radiation, q_max, window):
    """Return the total G(r) of a model from its table of S(q), with any Q_max and window.

    Parameters
    ----------
    sq_table : pandas.DataFrame
        As in sq.csv: q_inverse_angstrom, width_inverse_angstrom and S_X or S_N.
    r : numpy.ndarray, shape (n_r,), Å
    radiation : {"xray", "neutron"}
    q_max : float
        1/Å.
    window : {"lorch", "none"}

    Returns
    -------
    numpy.ndarray, shape (n_r,), 1/Å²

    Raises
    ------
    UserError
        When the table does not reach ``q_max`` or lacks the total asked for.
    """
    column = f"S_{TOTALS[radiation]}"
    if column not in sq_table:
        raise UserError(
            f"the table of S(q) has no {column}: a species lacks a scattering length; "
            f"remove the {radiation} experiments"
        )
    q, widths = sq_table["q_inverse_angstrom"].to_numpy(), sq_table["width_inverse_angstrom"].to_numpy()
    # No gap between successive lengths of wave vectors is larger than the shortest length.
    if q_max > q[-1] + q[0]:
        raise UserError(
            f"S(q) of the model ends at {q[-1]:.2f} 1/Å and G(r) up to Q_max {q_max:g} 1/Å is wanted; "
            "raise structure.q_max"
        )
    return transform_to_r(q, sq_table[column].to_numpy(), r, q_max, window, widths)
