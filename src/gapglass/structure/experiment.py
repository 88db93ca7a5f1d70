"""Measured curves: reading, a check of their kind, and conversion to S(Q) and G(r) like those of the models.

Conventions: lengths in Å; S(Q) and g(r) tend to 1, F(Q) = Q [S(Q) - 1], G(r) = 4 pi rho r [g(r) - 1],
T(r) = 4 pi rho r g(r) with the number density rho. Source of the relations: doi:10.1107/S0021889800019993.
An ``entry`` is one item of ``structure.experiments``, completed with its defaults.
"""

import re
from pathlib import Path

import numpy as np
from ase.data import atomic_masses, atomic_numbers

from gapglass.base.errors import UserError
from gapglass.base.units import AMU_PER_A3_IN_G_PER_CM3
from gapglass.structure.kinds import Q_KINDS
from gapglass.structure.transforms import transform_to_r
from gapglass.structure.weights import TOTALS

FEWEST_POINTS = 10
LIMITS = {"S(Q)": 1.0, "g(r)": 1.0, "F(Q)": 0.0, "G(r)": 0.0}  # at large Q or r
FARTHEST_TAIL = 0.5  # distance from this limit at which a curve is refused: half-way between 0 and 1
R_RANGE = 20.0  # Å, range of a transformed curve without structure.r_max


def number_density(composition, density):
    """Return atoms/Å³ from a formula unit {"Te": 1, "O": 2} and a density in g/cm³."""
    mass = sum(n * atomic_masses[atomic_numbers[symbol]] for symbol, n in composition.items())
    return density * sum(composition.values()) / (mass * AMU_PER_A3_IN_G_PER_CM3)


def _tail(y):
    """Return the mean of a curve over its last fifth."""
    return float(np.mean(y[-(len(y) // 5) :]))


def read_curve(entry):
    """Read the two columns of a measured curve.

    Parameters
    ----------
    entry : dict

    Returns
    -------
    x : numpy.ndarray, shape (n,), 1/Å or Å
    y : numpy.ndarray, shape (n,)

    Raises
    ------
    UserError
        Naming the file and the fix: no such file, a line that is not two numbers, fewer than 10 points, x that does
        not ascend or is negative, or values that cannot be of the stated ``kind``.
    """
    where = f"structure.experiments {entry['name']!r}: {entry['file']}"
    try:
        lines = Path(entry["file"]).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{where} cannot be read ({error}); mend the path, or save the curve as plain text") from error
    points = _points(lines, where)
    if len(points) < FEWEST_POINTS:
        raise UserError(f"{where} holds {len(points)} points; a curve needs at least {FEWEST_POINTS}")
    x, y = np.array(points).T
    if not np.isfinite([x, y]).all():
        raise UserError(f"{where} holds numbers that are not finite; remove those lines")
    if x[0] < 0 or (np.diff(x) <= 0).any():
        raise UserError(f"{where}: the first column must ascend from 0 or more; sort the lines and keep one of each x")
    _check_kind(entry, y)
    return x, y


def _points(lines, where):
    """Return the first two numbers of every line that is not empty; ``where`` begins the message about a bad line."""
    points = []
    for number, line in enumerate(lines, 1):
        text = line.split("#")[0].strip()
        if not text:
            continue
        try:
            x, y = (float(word) for word in [word for word in re.split(r"[\s,]+", text) if word][:2])
        except ValueError:
            raise UserError(
                f"{where}, line {number}: {line.strip()!r} is not two numbers; put # before comments"
            ) from None
        points.append((x, y))
    return points


def _check_kind(entry, y):
    limit = LIMITS.get(entry["kind"])
    if limit is not None and abs(_tail(y) - limit) > FARTHEST_TAIL:
        raise UserError(
            f"structure.experiments {entry['name']!r}: {entry['file']} has the mean {_tail(y):.2f} over its last "
            f"fifth, {entry['kind']} tends to {limit:g}; mend kind, or normalise the curve"
        )


def to_common(entry, x, y, number_density):
    """Convert a measured curve to S(Q) or G(r).

    Parameters
    ----------
    entry : dict
    x, y : numpy.ndarray, shape (n,)
        From ``read_curve``.
    number_density : float
        atoms/Å³; used for T(r) and g(r).

    Returns
    -------
    x, y : numpy.ndarray
        Q in 1/Å and S(Q) for the kinds S(Q) and F(Q), for the latter without Q = 0; r in Å and G(r) in 1/Å² for the
        others.

    Raises
    ------
    UserError
        When T(r) does not tend to 4 pi rho r with this density.
    """
    kind = entry["kind"]
    if kind == "S(Q)":
        return x, y
    if kind == "F(Q)":
        x, y = x[x > 0], y[x > 0]
        return x, 1 + y / x
    if kind == "G(r)":
        return x, y
    slope = 4 * np.pi * number_density * x
    if kind == "g(r)":
        return x, slope * (y - 1)
    ratio = _tail(y) / _tail(slope)
    if abs(ratio - 1) > FARTHEST_TAIL:
        raise UserError(
            f"structure.experiments {entry['name']!r}: {entry['file']} has {ratio:.2f} times the mean of 4 pi rho r "
            "over its last fifth, T(r) tends to it; mend kind or density"
        )
    return x, y - slope


def common_window(entry, settings, q):
    """Return Q_max (1/Å) and window of the measured G(r), which the G(r) of the model must share.

    Parameters
    ----------
    entry, settings : dict
    q : numpy.ndarray, 1/Å
        The measured Q up to the entry's q_max. Kinds measured over r do not use it.
    """
    if entry["kind"] in Q_KINDS:
        return float(min(q[-1], settings["q_max"])), settings["window"]
    return entry["q_max"], entry["window"] or "none"


def experiment_tables(entry, settings, composition, density):
    """Return a measured curve as tables like those of the models.

    Parameters
    ----------
    entry : dict
    settings : dict
        Section ``structure``.
    composition : dict
        ``glass.composition``.
    density : float
        ``glass.density`` in g/cm³, used if the entry gives none.

    Returns
    -------
    sq : pandas.DataFrame
        q_inverse_angstrom and S_X or S_N up to the entry's q_max, without rows for the kinds measured over r.
    gr : pandas.DataFrame
        r_angstrom and G_X or G_N. Kinds measured over Q are transformed with the trapezoid rule, the window of the
        study and the smallest of the entry's q_max, the last Q and ``structure.q_max``; nothing is added below the
        first Q. Both tables have a column ``*_error`` of NaN, and ``attrs["notes"]`` holds the lines for the head of
        their files.

    Raises
    ------
    UserError
        As from ``read_curve`` and ``to_common``, or when fewer than 10 points lie below q_max.
    """
    x, y = to_common(entry, *read_curve(entry), number_density(composition, entry["density"] or density))
    q, s = np.empty(0), np.empty(0)
    if entry["kind"] in Q_KINDS:
        q, s = x[x <= entry["q_max"]], y[x <= entry["q_max"]]
        r, g, made = _transformed(entry, settings, q, s)
    else:
        r, g = x, y
        q_max, window = common_window(entry, settings, q)
        made = f"from {entry['kind']}, measured with Qmax {q_max:g} 1/A and window {window}"
    total = TOTALS[entry["radiation"]]
    notes = [f"experiment {entry['name']}, {entry['radiation']}: {entry['source']}", f"G_{total}(r) in 1/A^2 {made}"]
    return _table("q_inverse_angstrom", q, f"S_{total}", s, notes), _table("r_angstrom", r, f"G_{total}", g, notes)


def _transformed(entry, settings, q, s):
    """Return r (Å), G(r) (1/Å²) and a note for S(Q) up to the entry's q_max."""
    if len(q) < FEWEST_POINTS:
        raise UserError(
            f"structure.experiments {entry['name']!r}: {entry['file']} has {len(q)} points up to q_max "
            f"{entry['q_max']:g} 1/Å; raise q_max, at least {FEWEST_POINTS} are needed"
        )
    r = (np.arange(int((settings["r_max"] or R_RANGE) / settings["r_bin"])) + 0.5) * settings["r_bin"]
    q_max, window = common_window(entry, settings, q)
    note = (
        f"transformed from {entry['kind']} with Qmax {q_max:g} 1/A and window {window}; "
        f"nothing below the first Q, {q[0]:g} 1/A"
    )
    return r, transform_to_r(q, s, r, q_max, window), note


def _table(column, x, name, y, notes):
    import pandas as pd

    table = pd.DataFrame({column: x, name: y, f"{name}_error": np.nan}, dtype=float)
    table.attrs["notes"] = notes
    return table
