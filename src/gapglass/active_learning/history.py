"""The active-learning loop as a chain of small decisions.

A decision closes one round of fits and says what comes next: ``fit`` the proposals it holds, ``enlarge`` the database,
or ``stop``. Round 0 opens an iteration. Decisions are plain dictionaries, written as JSON without times, so that
equal input gives equal bytes. Source: section 2.4 of doi:10.1111/jace.20128.
"""

import pandas as pd


def summarise_all_frames(hyperparameters, errors, n_frames):
    """Return summary and history of the potential trained on every frame, in the form of ``summarise``.

    Parameters
    ----------
    hyperparameters : dict
        Those of the optimal potential.
    errors : dict
        train, test, holdout -> RMSE; only train has any.
    n_frames : int
    """
    names = ("rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom")
    summary = {
        "converged": True,
        "reason": "every frame is in the training set, there is nothing to enlarge",
        "iterations": 1,
        "n_frames_reference": n_frames,
        "n_train": n_frames,
        "n_test": 0,
        "fraction": 1.0,
        "fraction_database": 1.0,
        **{name: {part: errors[part][name] for part in errors} for name in names},
        "energy_tolerance": None,
        "hyperparameters": hyperparameters,
        "n_fits": 1,
    }
    row = {"iteration": 1, "n_train": n_frames, "n_test": 0, "fraction": 1.0, "n_fits_so_far": 1}
    row |= {f"{name}_{part}": errors[part][name] for part in errors for name in names}
    return summary, pd.DataFrame([row])


def summarise(decisions, evaluations):
    """Return the summary of the loop and its history.

    Parameters
    ----------
    decisions : list of dict
        The one that closed each iteration, in order.
    evaluations : list of dict
        Errors on train, test and holdout of the best potential of each iteration that has one.

    Returns
    -------
    summary : dict
        See docs/files.md; sizes and errors are those of the delivered potential.
    history : pandas.DataFrame
        One row per iteration with a potential.
    """
    last = decisions[-1]
    delivered = last["delivered"]
    evaluated = {evaluation["iteration"]: evaluation for evaluation in evaluations}
    rows = []
    for decision in decisions:
        if decision["iteration"] not in evaluated:
            continue
        row = {
            "iteration": decision["iteration"],
            "n_train": decision["n_train"],
            "n_test": decision["n_test"],
            "fraction": (decision["n_train"] + decision["n_test"]) / decision["n_frames_reference"],
            "n_fits_so_far": decision["n_fits"],
        }
        for part in ("train", "test", "holdout"):
            for name, value in evaluated[decision["iteration"]][part].items():
                row[f"{name}_{part}"] = value
        rows.append(row)
    source = next(decision for decision in decisions if decision["iteration"] == delivered["iteration"])
    errors = evaluated[delivered["iteration"]]
    parts = ("train", "test", "holdout")
    summary = {
        "converged": last["reason"] == "energy tolerance met",
        "reason": last["reason"],
        "iterations": last["iteration"],
        "delivered": {key: delivered[key] for key in ("iteration", "round", "trial")},
        "n_frames_reference": source["n_frames_reference"],
        "n_train": source["n_train"],
        "n_test": source["n_test"],
        "fraction": source["n_train"] / source["n_frames_reference"],
        "fraction_database": (source["n_train"] + source["n_test"]) / source["n_frames_reference"],
        "rmse_energy_mev_per_atom": {part: errors[part]["rmse_energy_mev_per_atom"] for part in parts},
        "rmse_force_ev_per_angstrom": {part: errors[part]["rmse_force_ev_per_angstrom"] for part in parts},
        "energy_tolerance": last["energy_tolerance"],
        "hyperparameters": delivered["hyperparameters"],
        "n_fits": last["n_fits"],
    }
    return summary, pd.DataFrame(rows)
