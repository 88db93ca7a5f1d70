"""The hyperparameters that each round of the loop proposes, and the results from which the surrogate learns.

Source: section 2.4 of doi:10.1111/jace.20128.
"""

from gapglass.active_learning.search import logarithm
from gapglass.base.seeds import derive

DATA, MODEL = "data", "model"  # what limits an error, see ``data_or_model``
LARGER = ("n_max", "l_max", "cutoff")  # what makes a model larger, apart from the number of sparse points


def score(entry):
    """Return what ranks a fit that succeeded: its objective, see ``tuning.objective``."""
    return entry["objective"]


def rounds_of(iteration, settings):
    """Return the number of rounds of an iteration: the first explores, later ones start from the best sets known."""
    opening = settings["exploration_rounds"] if iteration == 1 else 1
    return opening + settings["exploitation_rounds"]


def successes(ledger):
    """Return the fits that gave a potential, best first; equal errors keep the order of the ledger."""
    return sorted((entry for entry in ledger if entry["status"] == "ok"), key=score)


def of_iteration(ledger, iteration):
    """Return the entries of one iteration."""
    return [entry for entry in ledger if entry["iteration"] == iteration]


def surrogate_results(ledger, iteration, space):
    """Return the results from which the surrogate learns: this iteration's fits and, shifted, those of the last one.

    A failed fit counts as twice the worst error seen. The results of the last iteration belong to a smaller database;
    the function shifts them by the mean change of the sets that were fitted again.

    Returns
    -------
    list of (dict, float)
        Hyperparameters and objective.
    """
    now = of_iteration(ledger, iteration)
    good = [score(entry) for entry in now if entry["status"] == "ok"]
    penalty = logarithm(2 * max(good)) if good else logarithm(1000.0)
    results = [
        (entry["hyperparameters"], logarithm(score(entry)) if entry["status"] == "ok" else penalty) for entry in now
    ]
    seen = {space.key(parameters): value for parameters, value in results}
    before = successes(of_iteration(ledger, iteration - 1))
    again = [entry for entry in before if space.key(entry["hyperparameters"]) in seen]
    if again:
        shift = sum(seen[space.key(e["hyperparameters"])] - logarithm(score(e)) for e in again) / len(again)
        results += [
            (e["hyperparameters"], logarithm(score(e)) + shift)
            for e in before
            if space.key(e["hyperparameters"]) not in seen
        ]
    return results


def larger(entry, ledger, space, since):
    """Return the larger models that a space allows and that have not been fitted to the same database, largest first.

    Parameters
    ----------
    entry : dict
        A fit.
    ledger : list of dict
    space : SearchSpace
    since : int
        Iteration that first had the present database.

    Returns
    -------
    list of dict
        First the set with ``LARGER`` of its hyperparameters all a step larger, then those with one of them larger.
    """
    now, found = space.of(entry["hyperparameters"]), []
    above = {name: space.above(name, now[name]) for name in LARGER if name in space.tuned}
    above = {name: value for name, value in above.items() if value is not None}
    fitted = {space.key(entry["hyperparameters"]) for entry in ledger if entry["iteration"] >= since}
    for step in [above, *({name: value} for name, value in above.items())]:
        proposal = {**now, **step}
        if step and space.allows(proposal) and space.key(proposal) not in fitted and proposal not in found:
            found.append(proposal)
    return found


def propose(iteration, number, ledger, settings, space, seed, since):
    """Return the hyperparameter sets to fit in round ``number`` (from 1) of an iteration; empty when none is left."""
    n_points = settings["proposals_per_round"]
    if since < iteration and number == 1:  # the same database as before, for larger models
        best = successes(of_iteration(ledger, iteration - 1))[0]
        return [space.of(best["hyperparameters"]), *larger(best, ledger, space, since)[: max(1, n_points - 1)]]
    if iteration > 1 and number == 1:
        best = successes(of_iteration(ledger, iteration - 1))
        # The database has grown since, so a set that was within the memory limit may be above it now.
        again = [space.of(entry["hyperparameters"]) for entry in best if space.allows(entry["hyperparameters"])]
        return again[:n_points] or space.explore(n_points, derive(seed, "explore", iteration))
    if iteration == 1 and number <= settings["exploration_rounds"]:
        points = space.explore(n_points * settings["exploration_rounds"], derive(seed, "explore", iteration))
        return points[(number - 1) * n_points : number * n_points]
    results = surrogate_results(ledger, iteration, space)
    return space.exploit(results, n_points, derive(seed, "exploit", iteration, number))


def origins(proposals, iteration, number, ledger, space, shared):
    """Return for every proposal the place of the fit whose sparse points and rows it uses.

    Parameters
    ----------
    proposals : list of dict
    iteration, number : int
        Of the round that fits them.
    ledger : list of dict
    space : SearchSpace
    shared : bool
        Whether fits of other iterations have the same sparse points for the same geometry.

    Returns
    -------
    list of dict
        iteration, round, trial; those of the proposal itself where no earlier fit has its geometry.
    """
    known = {space.key(entry["hyperparameters"]): entry["origin"] for entry in reversed(ledger)} if shared else {}
    return [
        known.get(space.key(proposal), {"iteration": iteration, "round": number, "trial": trial})
        for trial, proposal in enumerate(proposals, 1)
    ]


def kept(ledger, iteration, n_points):
    """Return the origins of the fits of an iteration that the next one may fit again."""
    return [entry["origin"] for entry in successes(of_iteration(ledger, iteration))[:n_points]]
