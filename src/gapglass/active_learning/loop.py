"""The active-learning loop as a chain of small decisions.

A decision closes one round of fits and says what comes next: ``fit`` the proposals it holds, ``enlarge`` the database,
try a ``larger_model`` on the same database, or ``stop``. Round 0 opens an iteration, which has more frames or a larger
model than the one before. Decisions are plain dictionaries, written as JSON without times, so that equal
input gives equal bytes. Source: section 2.4 of doi:10.1111/jace.20128.
"""

from pathlib import Path

from gapglass.active_learning.proposals import (
    MODEL,
    kept,
    larger,
    of_iteration,
    origins,
    propose,
    rounds_of,
    successes,
)
from gapglass.base.errors import UserError
from gapglass.base.log import notice

FACTORS = ("points.npz", "rows_*.npz", "guide_*.npz")  # in the folder of a fit, what its solution is made of
MET = "energy tolerance met"
OPENING = ("enlarge", "larger_model")  # actions that another iteration follows


def walk(read_decision):
    """Yield the decisions of the loop in order, up to the one that stops it.

    Parameters
    ----------
    read_decision : callable
        (iteration, round) -> decision dictionary.
    """
    place = (1, 0)
    while place is not None:
        decision = read_decision(*place)
        yield decision
        place = following(decision)


def following(decision):
    """Return (iteration, round) of the decision after this one, None after the last."""
    if decision["action"] == "stop":
        return None
    if decision["action"] == "fit":
        return decision["iteration"], decision["round"] + 1
    return decision["iteration"] + 1, 0


def before(read_decision, iteration, number):
    """Return the decisions before the one of (iteration, round), in order."""
    taken = []
    if (iteration, number) == (1, 0):
        return taken
    for decision in walk(read_decision):
        taken.append(decision)
        if following(decision) == (iteration, number):
            break
    return taken


def trials(decisions):
    """Return (iteration, round, trial) of every fit that these decisions propose; trials count from 1."""
    return [
        (decision["iteration"], decision["round"] + 1, trial)
        for decision in decisions
        if decision["action"] == "fit"
        for trial in range(1, len(decision["proposals"]) + 1)
    ]


def decide(iteration, number, ledger, database, settings, space, seed, validate=None):
    """Close a round and choose what comes next.

    Parameters
    ----------
    iteration, number : int
        Iteration from 1, round from 0 (opening).
    ledger : list of dict
        Every fit so far: iteration, round, trial, hyperparameters, status, rmse_energy_mev_per_atom, reason.
    database : dict
        train, test, holdout, n_frames, n_left, blocks and since (the iteration that first had these frames) of this
        iteration, see ``selection.database``. With labels on demand also ``failed`` (frames whose label failed) and,
        with a budget, ``n_affordable`` (labels that it still allows).
    settings : dict
        Section ``active_learning``, and ``shared_points``: whether all iterations have the same sparse points.
    space : SearchSpace
    seed : int
    validate : callable, optional
        Entry of the ledger -> its errors on the frames that decide the stop, see ``stop.validate``; called once, when
        an iteration closes, with ``stop: validation``.

    Returns
    -------
    dict
        iteration, round, action, reason, proposals, best (entry or None, of this iteration), delivered (entry or
        None), the sizes and, unless the action is fit, energy_tolerance.

    Raises
    ------
    UserError
        When every fit of the loop so far failed at the end of an iteration, or even the smallest fit of the first
        iteration is above the memory limit.
    """
    best = best_of(ledger, iteration)
    decision = {
        "iteration": iteration,
        "round": number,
        "n_train": len(database["train"]),
        "n_test": len(database["test"]),
        "n_labels_read": database["labels_read"],
        "n_holdout": len(database["holdout"]),
        "n_failed_labels": len(database.get("failed", ())),
        "n_frames_reference": database["n_frames"],
        "n_fits": len(ledger),
        "best": best,
        "proposals": [],
    }
    if number == 0:
        decision["n_blocks"] = len(database["blocks"])
    possible = space.allows(space.smallest())
    if not possible and not successes(ledger):
        raise UserError(space.limit.refusal(space.smallest()))
    by_point = settings["stop"] == "point_estimate"
    if by_point and best and best["rmse_energy_mev_per_atom"] <= settings["energy_tolerance"]:
        decision |= {"action": "stop", "reason": MET}
    else:
        if possible and number < rounds_of(iteration, settings):
            decision["proposals"] = propose(iteration, number + 1, ledger, settings, space, seed, database["since"])
        if decision["proposals"]:
            decision |= {"action": "fit", "reason": "proposals to try"}
            decision["origins"] = origins(
                decision["proposals"], iteration, number + 1, ledger, space, settings["shared_points"]
            )
        else:
            if best and not by_point:
                decision["validation"] = validate(best)
            decision |= _close_iteration(
                iteration, ledger, database, settings, space, possible, decision.get("validation")
            )
    if decision["action"] != "fit":
        # A decision that fits depend on does not hold the tolerance, so another tolerance does not repeat those fits.
        decision["energy_tolerance"] = settings["energy_tolerance"]
    decision["delivered"] = _delivered(ledger) if decision["action"] == "stop" else None
    if decision["action"] in OPENING:
        decision["kept"] = kept(ledger, iteration, settings["proposals_per_round"])
    return decision


def _close_iteration(iteration, ledger, database, settings, space, possible, validation):
    """Return action and reason where an iteration has spent its proposals.

    ``possible`` tells whether the memory limit allows any fit on this database. Raise ``UserError`` when no fit of the
    loop succeeded.
    """
    best = best_of(ledger, iteration)
    if not successes(ledger):
        here = of_iteration(ledger, iteration)
        reasons = "\n".join(f"  - {entry['reason']}" for entry in here[:5])
        raise UserError(
            f"all {len(here)} fits of iteration {iteration} failed:\n{reasons}\nMend potential.hyperparameters."
        )
    if validation and met(validation, settings["energy_tolerance"]):
        reason = MET
    elif not possible:
        reason = "a fit on more frames needs more than max_fit_memory, energy tolerance not met"
    elif settings["max_iterations"] is not None and iteration >= settings["max_iterations"]:
        reason = "max_iterations reached and the energy tolerance is not met"
    elif settings["where_model_limits"] == "larger_model" and limited_by_model(best):
        if larger(best, ledger, space, database["since"]):
            return {"action": "larger_model", "reason": "more frames would hardly lower the error, a larger model may"}
        reason = (
            "more frames would hardly lower the error, no larger model is left in the ranges of "
            "potential.hyperparameters, and the energy tolerance is not met"
        )
    elif not database["n_left"]:
        reason = "every frame that may train is in the database and the energy tolerance is not met"
    elif database.get("n_affordable") == 0:
        reason = "labels.budget is spent and the energy tolerance is not met"
    else:
        return {"action": "enlarge", "reason": "budget of the iteration spent, energy tolerance not met"}
    return {"action": "stop", "reason": reason}


def best_of(ledger, iteration):
    """Return the best fit of an iteration, None where all failed."""
    return next(iter(successes(of_iteration(ledger, iteration))), None)


def limited_by_model(entry):
    """Return whether the model, not the data, limits the error of a fit of the ledger."""
    return bool(entry and entry["data_or_model"] and entry["data_or_model"]["limit"] == MODEL)


def met(validation, tolerance):
    """Return whether the bound of ``stop.validate``, or the error itself where there is none, meets the tolerance."""
    bound = validation["upper_energy_mev_per_atom"]
    return (validation["rmse_energy_mev_per_atom"] if bound is None else bound) <= tolerance


def _delivered(ledger):
    """Return the best fit of the last iteration that has one: the largest database, tested on the most frames."""
    last = max(entry["iteration"] for entry in successes(ledger))
    return successes(of_iteration(ledger, last))[0]


def remove_factors(folder, decision):
    """Remove the sparse points and rows of fits that no later iteration fits again.

    They are large. Where a changed configuration needs them after all, they are computed anew.

    Parameters
    ----------
    folder : path-like
        Of the potential, with the folders of its iterations.
    decision : dict
        The one that closes an iteration.
    """
    keep = {(place["iteration"], place["round"], place["trial"]) for place in decision.get("kept", [])}
    for path in sorted(path for name in FACTORS for path in Path(folder).glob(f"iteration_*/round_*/trial_*/{name}")):
        trial, number, iteration = (int(parent.name.rsplit("_", 1)[1]) for parent in list(path.parents)[:3])
        if (iteration, number, trial) not in keep:
            path.unlink(missing_ok=True)


def announce(decision, energy_tolerance):
    """Report the decision and how far the error is from the tolerance (meV/atom) in one line on the terminal."""
    best = decision["best"]
    error = f"best {best['rmse_energy_mev_per_atom']:.2f} meV/atom" if best else "no fit yet"
    if best:
        error += f", {best['rmse_force_ev_per_angstrom']:.3f} eV/Å"
        if judged := best["data_or_model"]:
            error += f" (about {judged['fall_percent']:.1f} % lower with twice the frames"
            error += f"), {best['cost_us_per_atom_step']:.1f} µs for an atom and a step"
    if "validation" in decision:
        found = decision["validation"]
        error += f"; on {found['n_blocks']} blocks that decide {found['rmse_energy_mev_per_atom']:.2f} meV/atom"
        if found["upper_energy_mev_per_atom"] is not None:
            error += f", at most {found['upper_energy_mev_per_atom']:.2f}"
    next_step = {
        "fit": f"fit {len(decision['proposals'])} proposals",
        "enlarge": "enlarge the database",
        "larger_model": f"try larger models, because {decision['reason']}",
        "stop": f"stop: {decision['reason']}",
    }
    notice(
        "iteration %d, round %d: %d training + %d test of %d frames, %s (E_tol %g), %d fits -> %s",
        decision["iteration"],
        decision["round"],
        decision["n_train"],
        decision["n_test"],
        decision["n_frames_reference"],
        error,
        energy_tolerance,
        decision["n_fits"],
        next_step[decision["action"]],
    )


def ledger_entry(result):
    """Return the part of a trial's result that decisions use.

    Times and memory are left out, so that equal fits give equal bytes.
    """
    keys = ("iteration", "round", "trial", "origin", "hyperparameters", "status", "reason")
    found = (
        "objective",
        "rmse_energy_mev_per_atom",
        "rmse_force_ev_per_angstrom",
        "cost_us_per_atom_step",
        "data_or_model",
    )
    return {key: result[key] for key in keys} | {key: result.get(key) for key in found}
