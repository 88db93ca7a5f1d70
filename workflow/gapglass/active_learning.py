"""The active-learning loop as a chain of small decisions.

A decision closes one round of fits and says what comes next: ``fit`` the proposals it holds, ``enlarge`` the database,
or ``stop``. Round 0 opens an iteration. Decisions are plain dictionaries, written as JSON without times, so that
equal input gives equal bytes. Source: section 2.4 of doi:10.1111/jace.20128.
"""

import pandas as pd

from gapglass.errors import UserError
from gapglass.hyperparameters import objective
from gapglass.log import notice
from gapglass.seeds import derive


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
    """Return the decisions that lead to the one of (iteration, round), itself left out."""
    taken = []
    if (iteration, number) == (1, 0):
        return taken
    for decision in walk(read_decision):
        taken.append(decision)
        if following(decision) == (iteration, number):
            break
    return taken


def trials(decisions):
    """Return (iteration, round, trial) of every fit that these decisions asked for, trials counted from 1."""
    return [
        (decision["iteration"], decision["round"] + 1, trial)
        for decision in decisions
        if decision["action"] == "fit"
        for trial in range(1, len(decision["proposals"]) + 1)
    ]


def rounds_of(iteration, settings):
    """Return the number of rounds of an iteration: the first explores, later ones start from the best sets known."""
    opening = settings["exploration_rounds"] if iteration == 1 else 1
    return opening + settings["exploitation_rounds"]


def successes(ledger):
    """Return the fits that gave a potential, best first; equal errors keep the order of the ledger."""
    return sorted((entry for entry in ledger if entry["status"] == "ok"), key=lambda entry: entry["rmse_energy_mev_per_atom"])


def of_iteration(ledger, iteration):
    """Return the entries of one iteration."""
    return [entry for entry in ledger if entry["iteration"] == iteration]


def surrogate_results(ledger, iteration, space):
    """Return what the surrogate learns from: this iteration's fits, and the last one's moved to the present level.

    A failed fit counts as twice the worst error seen. Results of the last iteration belong to a smaller database; they are
    shifted by the mean change of the sets that were fitted again.

    Returns
    -------
    list of (dict, float)
        Hyperparameters and objective.
    """
    now = of_iteration(ledger, iteration)
    good = [entry["rmse_energy_mev_per_atom"] for entry in now if entry["status"] == "ok"]
    penalty = objective(2 * max(good)) if good else objective(1000.0)
    results = [
        (entry["hyperparameters"], objective(entry["rmse_energy_mev_per_atom"]) if entry["status"] == "ok" else penalty) for entry in now
    ]
    seen = {space.key(parameters): value for parameters, value in results}
    before = successes(of_iteration(ledger, iteration - 1))
    again = [entry for entry in before if space.key(entry["hyperparameters"]) in seen]
    if again:
        shift = sum(seen[space.key(e["hyperparameters"])] - objective(e["rmse_energy_mev_per_atom"]) for e in again) / len(again)
        results += [
            (e["hyperparameters"], objective(e["rmse_energy_mev_per_atom"]) + shift)
            for e in before
            if space.key(e["hyperparameters"]) not in seen
        ]
    return results


def propose(iteration, number, ledger, settings, space, seed):
    """Return the hyperparameter sets to fit in round ``number`` (from 1) of an iteration; empty when none is left."""
    n_points = settings["proposals_per_round"]
    if iteration > 1 and number == 1:
        best = successes(of_iteration(ledger, iteration - 1))
        # the database has grown since: what was within the limit of memory may not be any more
        again = [entry["hyperparameters"] for entry in best if space.allows(entry["hyperparameters"])]
        return again[:n_points] or space.explore(n_points, derive(seed, "explore", iteration))
    if iteration == 1 and number <= settings["exploration_rounds"]:
        points = space.explore(n_points * settings["exploration_rounds"], derive(seed, "explore", iteration))
        return points[(number - 1) * n_points : number * n_points]
    results = surrogate_results(ledger, iteration, space)
    return space.exploit(results, n_points, derive(seed, "exploit", iteration, number))


def decide(iteration, number, ledger, database, settings, space, seed):
    """Close a round and say what comes next.

    Parameters
    ----------
    iteration, number : int
        Iteration from 1, round from 0 (opening).
    ledger : list of dict
        Every fit so far: iteration, round, trial, hyperparameters, status, rmse_energy_mev_per_atom, reason.
    database : dict
        train, test, holdout of this iteration.
    settings : dict
        Section ``active_learning``.
    space : SearchSpace
    seed : int

    Returns
    -------
    dict
        iteration, round, action, reason, proposals, best (entry or None, of this iteration), delivered (entry or None),
        energy_tolerance and the sizes.

    Raises
    ------
    UserError
        When every fit of the loop so far failed at the end of an iteration, or even the smallest fit of the first iteration is above
        the limit of memory.
    """
    here = of_iteration(ledger, iteration)
    best = next(iter(successes(here)), None)
    whole = not database["holdout"]
    possible = space.allows(space.smallest())
    if not possible and not successes(ledger):
        raise UserError(space.limit.refusal(space.smallest()))
    decision = {
        "iteration": iteration,
        "round": number,
        "n_train": len(database["train"]),
        "n_test": len(database["test"]),
        "n_frames_reference": sum(len(database[part]) for part in ("train", "test", "holdout")),
        "n_fits": len(ledger),
        "best": best,
        "proposals": [],
    }
    if best and best["rmse_energy_mev_per_atom"] <= settings["energy_tolerance"]:
        decision |= {"action": "stop", "reason": "energy tolerance met"}
    else:
        proposals = []
        if possible and number < rounds_of(iteration, settings):
            proposals = propose(iteration, number + 1, ledger, settings, space, seed)
        if proposals:
            decision |= {"action": "fit", "reason": "proposals to try", "proposals": proposals}
        elif not successes(ledger):
            reasons = "\n".join(f"  - {entry['reason']}" for entry in here[:5])
            raise UserError(f"all {len(here)} fits of iteration {iteration} failed:\n{reasons}\nMend potential.hyperparameters.")
        elif not possible:
            decision |= {"action": "stop", "reason": "a fit on more frames needs more than max_fit_memory, energy tolerance not met"}
        elif whole:
            decision |= {"action": "stop", "reason": "the database is the whole reference set and the energy tolerance is not met"}
        elif settings["max_iterations"] is not None and iteration >= settings["max_iterations"]:
            decision |= {"action": "stop", "reason": "max_iterations reached and the energy tolerance is not met"}
        else:
            decision |= {"action": "enlarge", "reason": "budget of the iteration spent, energy tolerance not met"}
    if decision["action"] != "fit":
        # kept out of the decisions that fits depend on: another tolerance must not redo them
        decision["energy_tolerance"] = settings["energy_tolerance"]
    decision["delivered"] = _delivered(ledger) if decision["action"] == "stop" else None
    return decision


def _delivered(ledger):
    """Return the best fit of the last iteration that has one: the largest database, tested on the most frames."""
    last = max(entry["iteration"] for entry in successes(ledger))
    return successes(of_iteration(ledger, last))[0]


def announce(decision, energy_tolerance):
    """Tell the decision and how far the error is from the tolerance (meV/atom) in one line on the terminal."""
    best = decision["best"]
    error = f"best test RMSE {best['rmse_energy_mev_per_atom']:.2f} meV/atom" if best else "no fit yet"
    following = {
        "fit": f"fit {len(decision['proposals'])} proposals",
        "enlarge": "enlarge the database",
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
        following[decision["action"]],
    )


def ledger_entry(result):
    """Return what a decision needs of a trial's result; times and memory stay out, so that equal fits give equal bytes."""
    keys = ("iteration", "round", "trial", "hyperparameters", "status", "reason")
    errors = ("rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom")
    return {key: result[key] for key in keys} | {key: result.get(key) for key in errors}


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
