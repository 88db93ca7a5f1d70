"""Summary and history of a potential: sizes and errors of its iterations, from their decisions and evaluations.

Source: section 2.4 of doi:10.1111/jace.20128.
"""

import pandas as pd

PARTS = ("train", "test", "validation", "holdout")
BOUND = "upper_energy_mev_per_atom"
JUDGED = "cross_validation"  # where no frames are kept for the test, the errors of the folds
ERRORS = ("rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom")


COSTS = ("predicted_memory_mb", "peak_memory_mb", "fit_seconds", "fit_cpu_seconds")


def summarise_all_frames(fitted, errors, sizes):
    """Return summary and history of the potential trained on every frame, in the form of ``summarise``.

    Parameters
    ----------
    fitted : dict
        Result of the fit: hyperparameters, its costs and, where it tuned them, errors of the cross-validation, prior
        and priors, see ``trial.run``.
    errors : dict
        From ``evaluation.evaluate``.
    sizes : dict
        Set -> number of frames.

    Returns
    -------
    summary : dict
    history : pandas.DataFrame
        One row.
    """
    n_train, n_frames = sizes["train"], sum(sizes.values())
    if "objective" in fitted:
        errors = errors | {JUDGED: {name: fitted[name] for name in ERRORS}}
    summary = {
        "converged": True,
        "reason": "every frame that may train is in the training set, there is nothing to enlarge",
        "iterations": 1,
        "n_frames_reference": n_frames,
        "n_train": n_train,
        "n_test": 0,
        "n_labels_read": n_train,
        "n_failed_labels": 0,
        "n_validation": sizes["validation"],
        "n_holdout": sizes["holdout"],
        "fraction": n_train / n_frames,
        "fraction_database": n_train / n_frames,
        **_by_quantity(errors),
        "validation": None,
        "data_or_model": None,
        "energy_tolerance": None,
        "hyperparameters": fitted["hyperparameters"],
        "n_fits": 1,
        **prior_of_result(fitted),
        **{name: fitted[name] for name in COSTS if name in fitted},
    }
    row = {"iteration": 1, "n_train": n_train, "n_test": 0, "n_labels_read": n_train, "n_failed_labels": 0}
    row |= {"fraction": n_train / n_frames, "n_fits_so_far": 1, "cost_us_per_atom_step": None}
    row |= {"limited_by": None, "fall_with_twice_the_frames_percent": None}
    row |= {f"{name}_{part}": errors[part][name] for part in PARTS for name in ERRORS} | {BOUND: None}
    return summary, pd.DataFrame([row])


def summarise(decisions, evaluations):
    """Return the summary of the loop and its history.

    Parameters
    ----------
    decisions : list of dict
        The one that closed each iteration, in order.
    evaluations : list of dict
        Errors by set of the best potential of each iteration that has one.

    Returns
    -------
    summary : dict
        See docs/reference/files.md; sizes and errors are those of the delivered potential.
    history : pandas.DataFrame
        One row per iteration with a potential.
    """
    last = decisions[-1]
    delivered = last["delivered"]
    evaluated = {evaluation["iteration"]: evaluation for evaluation in evaluations}
    source = next(decision for decision in decisions if decision["iteration"] == delivered["iteration"])
    summary = {
        "converged": last["reason"] == "energy tolerance met",
        "reason": last["reason"],
        "iterations": last["iteration"],
        "delivered": {key: delivered[key] for key in ("iteration", "round", "trial")},
        "n_frames_reference": source["n_frames_reference"],
        "n_train": source["n_train"],
        "n_test": source["n_test"],
        "n_labels_read": source["n_labels_read"],
        "n_failed_labels": last["n_failed_labels"],
        "n_validation": source.get("validation", {}).get("n_frames", 0),
        "n_holdout": source["n_holdout"],
        "fraction": source["n_train"] / source["n_frames_reference"],
        "fraction_database": (source["n_train"] + source["n_test"]) / source["n_frames_reference"],
        **_by_quantity(evaluated[delivered["iteration"]] | _judged(source)),
        "validation": source.get("validation"),
        "objective": delivered["objective"],
        "cost_us_per_atom_step": delivered["cost_us_per_atom_step"],
        "data_or_model": delivered["data_or_model"],
        "energy_tolerance": last["energy_tolerance"],
        "hyperparameters": delivered["hyperparameters"],
        "n_fits": last["n_fits"],
    }
    rows = [
        _history_row(decision, evaluated[decision["iteration"]])
        for decision in decisions
        if decision["iteration"] in evaluated
    ]
    return summary, pd.DataFrame(rows)


def prior_of(ledger, delivered):
    """Return what the delivered fit started from, with the errors with and without a guide.

    Parameters
    ----------
    ledger : list of dict
        Results of all fits.
    delivered : dict
        iteration, round and trial.

    Returns
    -------
    dict
        ``prior`` (guide or none) and ``priors``: errors by prior where frames have a guide, else empty.
    """
    places = ("iteration", "round", "trial")
    result = next(entry for entry in ledger if all(entry[place] == delivered[place] for place in places))
    return prior_of_result(result)


def prior_of_result(result):
    """Return from what a fit starts, guide or none, and the errors of both where there is a guide."""
    return {"prior": result.get("prior", "none"), "priors": result.get("priors", {})}


def reevaluated(summary, errors):
    """Return a summary with the errors of another potential with the same frames; those of the folds stay.

    Parameters
    ----------
    summary : dict
        From ``summarise``.
    errors : dict
        From ``evaluation.evaluate``.
    """
    new = _by_quantity(errors)
    for name in ERRORS:
        new[name] |= {JUDGED: summary[name][JUDGED]} if JUDGED in summary[name] else {}
    return {**summary, **new}


def _by_quantity(errors):
    """Return errors that are grouped by set grouped by quantity instead, with their intervals."""
    found = {name: {part: errors[part][name] for part in (*PARTS, JUDGED) if part in errors} for name in ERRORS}
    known = {part: errors[part]["intervals"] for part in PARTS if "intervals" in errors.get(part, {})}
    return found | {"intervals": {name: {part: of_part[name] for part, of_part in known.items()} for name in ERRORS}}


def _judged(decision):
    """Return the errors of the folds of the best fit of a decision, nothing where test frames judge."""
    if decision["n_test"]:
        return {}
    return {JUDGED: {name: decision["best"][name] for name in ERRORS}}


def _history_row(decision, errors):
    """Return the row of the history for the decision that closed an iteration and the errors of its best potential."""
    row = {
        "iteration": decision["iteration"],
        "n_train": decision["n_train"],
        "n_test": decision["n_test"],
        "n_labels_read": decision["n_labels_read"],
        "n_failed_labels": decision["n_failed_labels"],
        "fraction": (decision["n_train"] + decision["n_test"]) / decision["n_frames_reference"],
        "n_fits_so_far": decision["n_fits"],
        "cost_us_per_atom_step": decision["best"]["cost_us_per_atom_step"],
    }
    judged = decision["best"]["data_or_model"] or {"limit": None, "fall_percent": None}
    row |= {"limited_by": judged["limit"], "fall_with_twice_the_frames_percent": judged["fall_percent"]}
    parts = {part: errors[part] for part in PARTS} | _judged(decision)
    row |= {f"{name}_{part}": found[name] for part, found in parts.items() for name in ERRORS}
    return row | {BOUND: decision.get("validation", {}).get(BOUND)}
