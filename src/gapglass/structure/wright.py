"""The Wright parameter R_X of a model against the reference and against experiments.

Source: Eq. 15 of doi:10.1111/jace.20128.
"""

import numpy as np

from gapglass.base.errors import UserError
from gapglass.structure import transforms, weights
from gapglass.structure.experiment import common_window
from gapglass.structure.replicas import average_tables

FEWEST_POINTS = 10  # of r, for one R_X


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
        When the grids differ, or fewer than 10 points lie above ``r_min``.
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
            f"R_X has {used.sum()} points between structure.r_x_min {r_min:g} Å and {r_max:.2f} Å, where model and "
            "reference both end; lower structure.r_x_min or take more atoms"
        )
    return used


def compare_experiment(model_sq, model_gr, experiment, entry, settings):
    """Return R_X between a model and a measured curve, both with the measured curve's Q_max and window.

    Parameters
    ----------
    model_sq, model_gr : pandas.DataFrame
        Tables of the model. Its G(r) is computed from the first, over the r range of the second.
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
        When the model's S(q) ends below Q_max, or fewer than 10 values of r are common.
    """
    sq, gr = experiment
    q_max, window = common_window(entry, settings, sq["q_inverse_angstrom"].to_numpy())
    r = gr["r_angstrom"].to_numpy()
    used = _range(r, settings["r_x_min"], min(r[-1], model_gr["r_angstrom"].iloc[-1]))
    model = transforms.model_g(model_sq, r[used], entry["radiation"], q_max, window)
    measured = gr[f"G_{weights.TOTALS[entry['radiation']]}"].to_numpy()[used]
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
        "reference" and "experiment_{name}" -> R_X as from ``compare``. With several replicas it is the R_X of the mean
        G(r), with r_x_percent_error, its jackknife error, and r_x_percent_replicas, the R_X of each replica, which is
        larger because noise adds to it. Empty if no replica has a structure.
    """
    if not gr:
        return {}

    def mean_of(chosen):
        return {
            "sq": average_tables([sq[i] for i in chosen], settings["q_bin"]),
            "gr": average_tables([gr[i] for i in chosen]),
        }

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
            without = [
                comparison(**mean_of([i for i in everyone if i != left_out]))["r_x_percent"] for left_out in everyone
            ]
            error = float(np.sqrt((len(gr) - 1) * np.var(without)))
            each = [comparison(**mean_of([i]))["r_x_percent"] for i in everyone]
            result[against] |= {"r_x_percent_error": error, "r_x_percent_replicas": each}
    return result
