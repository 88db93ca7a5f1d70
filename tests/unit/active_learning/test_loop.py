"""The loop's decisions and the Bayesian optimisation behind them, on error landscapes with a known answer."""

import copy
import functools
import math
import subprocess
import sys

import pandas as pd
import pytest
from conftest import HYPERPARAMETERS

from gapglass.active_learning import history, loop, proposals
from gapglass.active_learning.history import PARTS, summarise, summarise_all_frames
from gapglass.active_learning.proposals import successes, surrogate_results
from gapglass.active_learning.search import SearchSpace
from gapglass.base.errors import UserError
from gapglass.frames import geometry
from gapglass.potential import memory

SPACE = SearchSpace(
    {
        "cutoff": {"low": 3.5, "high": 6.0, "scale": "linear"},
        "delta": {"low": 0.01, "high": 10.0, "scale": "log"},
        "n_max": {"choices": [4, 6, 8]},
        "zeta": 4,
    }
)
SETTINGS = {
    "energy_tolerance": 2.0,
    "max_iterations": None,
    "exploration_rounds": 2,
    "exploitation_rounds": 3,
    "proposals_per_round": 2,
    "shared_points": True,
    "stop": "point_estimate",
    "where_model_limits": "larger_model",
}


INTERVALS = {"rmse_energy_mev_per_atom": [1.0, 2.0], "rmse_force_ev_per_angstrom": [0.05, 0.2]}


def landscape(h, iteration):
    """Error with its minimum at cutoff 4.8, delta 0.5, n_max 8; it falls with the database."""
    shape = (h["cutoff"] - 4.8) ** 2 + math.log10(h["delta"] / 0.5) ** 2 + (8 - h["n_max"]) / 8
    return (3.0 + 2 * shape) * (1.0 if iteration == 1 else 0.5)


def database_of(train, test=(), holdout=(), unused=(), n_left=0, blocks=((),), since=1):
    """Return a database as ``selection.database.describe`` makes it."""
    parts = {"train": train, "test": test, "holdout": holdout, "unused": unused}
    found = {name: list(part) for name, part in parts.items()}
    n_frames = sum(map(len, found.values()))
    counts = {"labels_read": 100, "n_frames": n_frames, "n_left": n_left, "since": since}
    return found | counts | {"blocks": [*map(list, blocks)]}


def entry_of(iteration, number, trial, h, energy, force=0.1, objective=None, origin=None, limit=None):
    """Return the entry of a fit in the ledger; of one that failed where ``energy`` is None."""
    place = {"iteration": iteration, "round": number, "trial": trial}
    result = {**place, "origin": origin or place, "hyperparameters": h, "status": "failed", "reason": "boom"}
    if energy is not None:
        result |= {
            "status": "ok",
            "reason": "",
            "objective": energy if objective is None else objective,
            "rmse_energy_mev_per_atom": energy,
            "rmse_force_ev_per_angstrom": force,
            "cost_us_per_atom_step": 5.0,
            "fit_seconds": 3.2,
            "data_or_model": limit and {"limit": limit, "fall_percent": 1.0 if limit == "model" else 9.0},
        }
    return loop.ledger_entry(result)


def run_loop(settings=SETTINGS, space=SPACE, seed=5, error=landscape, n_frames=200):
    """Run the loop with ``error`` instead of fits, 20 frames set aside; return decisions and ledger.

    The objective is the error too.
    """
    ledger, decisions, stored = [], [], {}

    def read(iteration, number):
        if number:
            for trial, h in enumerate(decisions[-1]["proposals"], 1):
                origin = decisions[-1]["origins"][trial - 1]
                ledger.append(entry_of(iteration, number, trial, h, error(h, iteration), origin=origin))
        size = min(n_frames, 50 * iteration)
        database = database_of(
            range(size), holdout=range(1000, 1020), unused=range(size, n_frames), n_left=n_frames - size,
            since=iteration,
        )  # fmt: skip
        stored[iteration, number] = loop.decide(iteration, number, ledger, database, settings, space, seed)
        decisions.append(stored[iteration, number])
        return decisions[-1]

    list(loop.walk(read))
    return decisions, ledger


@functools.cache
def _stored_run(changes):
    return run_loop(SETTINGS | dict(changes))


def known_run(**changes):
    """Return the run of the landscape with these settings changed, computed once for all tests that read it."""
    return copy.deepcopy(_stored_run(tuple(sorted(changes.items()))))


def test_loop_explores_exploits_enlarges_and_stops():
    decisions, ledger = known_run()
    assert decisions[-1]["action"] == "stop" and decisions[-1]["reason"] == "energy tolerance met"
    first = [d for d in decisions if d["iteration"] == 1]
    assert [d["action"] for d in first] == ["fit"] * 5 + ["enlarge"]
    # The second iteration begins with the best sets of the first, and ends early because they are good enough.
    best = successes([e for e in ledger if e["iteration"] == 1])
    second = next(d for d in decisions if d["iteration"] == 2)
    assert second["proposals"] == [entry["hyperparameters"] for entry in best[:2]]
    assert decisions[-1]["round"] == 1
    assert decisions[-1]["delivered"]["rmse_energy_mev_per_atom"] <= 2.0


def test_optimisation_beats_its_exploration():
    _, ledger = known_run(max_iterations=1, exploitation_rounds=5)
    explored = [e["rmse_energy_mev_per_atom"] for e in ledger if e["round"] <= 2]
    exploited = [e["rmse_energy_mev_per_atom"] for e in ledger if e["round"] > 2]
    assert min(exploited) < min(explored)
    assert min(exploited) < 3.4  # the minimum is 3.0, a random point about 5.5


def test_proposals_are_inside_the_space_and_never_repeat():
    _, ledger = known_run(max_iterations=1, exploitation_rounds=5)
    keys = [SPACE.key(entry["hyperparameters"]) for entry in ledger]
    assert len(set(keys)) == len(keys) == 14
    for entry in ledger:
        h = entry["hyperparameters"]
        assert 3.5 <= h["cutoff"] <= 6.0 and 0.01 <= h["delta"] <= 10 and h["n_max"] in (4, 6, 8) and h["zeta"] == 4
        assert all(type(value) in (int, float) for value in h.values())


def test_two_runs_agree_and_the_seed_matters():
    again = run_loop(space=SearchSpace(SPACE.settings))
    assert again == known_run()
    other, _ = run_loop(SETTINGS | {"max_iterations": 1, "exploitation_rounds": 1}, seed=6)
    # Rounds 1 and 2 explore, round 3 exploits.
    for ours, theirs in zip(again[0][:3], other[:3], strict=True):
        assert ours["action"] == theirs["action"] == "fit" and ours["proposals"] != theirs["proposals"]


def test_failed_fits_are_penalised_and_never_the_end():
    def error(h, iteration):
        return None if h["cutoff"] > 4.5 else landscape(h, iteration)

    settings = SETTINGS | {"max_iterations": 2, "energy_tolerance": 0.1, "exploitation_rounds": 2}
    decisions, ledger = run_loop(settings, error=error)
    assert {entry["status"] for entry in ledger} == {"ok", "failed"}
    assert decisions[-1]["reason"].startswith("max_iterations reached")
    assert decisions[-1]["delivered"]["status"] == "ok"
    failed = {SPACE.key(e["hyperparameters"]) for e in ledger if e["status"] == "failed" and e["iteration"] == 1}
    values = dict((SPACE.key(h), y) for h, y in surrogate_results(ledger, 1, SPACE))
    assert all(values[key] == max(values.values()) and math.isfinite(values[key]) for key in failed)


def test_when_every_fit_fails_the_message_gives_the_reasons():
    with pytest.raises(UserError, match=r"all 6 fits of iteration 1 failed:\n(  - boom\n){5}Mend"):
        run_loop(SETTINGS | {"exploitation_rounds": 1}, error=lambda h, iteration: None)


def test_unmet_tolerance_ends_with_the_whole_set():
    decisions, _ = known_run(energy_tolerance=0.01, exploitation_rounds=1)
    last = decisions[-1]
    assert (last["iteration"], last["action"]) == (4, "stop")
    assert last["reason"].startswith("every frame that may train is in the database")
    assert last["delivered"]["iteration"] == 4


def test_finite_space_is_exhausted_without_repeats():
    space = SearchSpace({"n_max": {"choices": [4, 6, 8]}, "zeta": 4})
    decisions, ledger = run_loop(
        SETTINGS | {"max_iterations": 1, "energy_tolerance": 0.1},
        space=space,
        error=lambda h, _: 5.0 - 0.1 * h["n_max"],
    )
    assert sorted(e["hyperparameters"]["n_max"] for e in ledger) == [4, 6, 8]
    assert decisions[-1]["best"]["hyperparameters"]["n_max"] == 8


def test_nothing_to_tune_means_one_fit_per_iteration():
    space = SearchSpace({"n_max": 8, "zeta": 4})
    _, ledger = run_loop(SETTINGS | {"max_iterations": 2}, space=space, error=lambda h, _: 9.0)
    assert [entry["iteration"] for entry in ledger] == [1, 2]


def test_results_of_the_last_iteration_are_moved_to_the_present_level():
    def entry(iteration, cutoff, value):
        h = {"cutoff": cutoff, "delta": 1.0, "n_max": 8, "zeta": 4}
        return entry_of(iteration, 1, 1, h, 7.0, objective=value)

    ledger = [entry(1, 4.0, 8.0), entry(1, 5.0, 4.0), entry(2, 5.0, 2.0)]
    results = {h["cutoff"]: math.exp(y) for h, y in surrogate_results(ledger, 2, SPACE)}
    assert results == pytest.approx({5.0: 2.0, 4.0: 4.0})


def test_summary_counts():
    decisions, _ = known_run()
    closing = [d for d in decisions if d["action"] != "fit"]
    numbers = {"rmse_energy_mev_per_atom": 1.5, "rmse_force_ev_per_angstrom": 0.1}
    evaluations = [
        {
            "iteration": d["iteration"],
            "train": numbers,
            "test": numbers,
            "validation": numbers,
            "holdout": numbers | {"intervals": INTERVALS},
        }
        for d in closing
    ]
    summary, history = summarise(closing, evaluations)
    assert summary["converged"] and summary["iterations"] == 2 and summary["n_train"] == 100
    assert summary["n_frames_reference"] == 220 and (summary["n_test"], summary["n_holdout"]) == (0, 20)
    assert summary["fraction"] == summary["fraction_database"] == 100 / 220 and len(history) == 2
    # Nothing was kept for a test: the errors of the folds stand beside the others.
    best = closing[-1]["delivered"]
    assert summary["rmse_energy_mev_per_atom"] == {
        "train": 1.5, "test": 1.5, "validation": 1.5, "holdout": 1.5,
        "cross_validation": best["rmse_energy_mev_per_atom"],
    }  # fmt: skip
    assert summary["intervals"]["rmse_energy_mev_per_atom"] == {"holdout": [1.0, 2.0]}
    assert summary["validation"] is None and summary["n_validation"] == 0
    assert summary["objective"] == best["objective"] and summary["cost_us_per_atom_step"] == 5.0
    of_folds = history["rmse_energy_mev_per_atom_cross_validation"].tolist()
    assert of_folds == [decision["best"]["rmse_energy_mev_per_atom"] for decision in closing]


def test_summary_of_a_database_with_test_frames():
    numbers = {"rmse_energy_mev_per_atom": 1.5, "rmse_force_ev_per_angstrom": 0.1}
    ledger = [entry_of(1, 1, 1, SPACE.smallest(), 1.2)]
    database = database_of(range(70), test=range(70, 100), holdout=range(100, 150), unused=range(150, 160), n_left=0)
    last = loop.decide(1, 1, ledger, database, SETTINGS, SPACE, 5)
    summary, history = summarise([last], [{"iteration": 1} | dict.fromkeys(PARTS, numbers)])
    assert summary["fraction"] == 70 / 160 and summary["fraction_database"] == history["fraction"][0] == 100 / 160
    assert set(summary["rmse_force_ev_per_angstrom"]) == set(PARTS)
    assert not any("cross_validation" in name for name in history)


def validated(energy, bound, n_blocks=20):
    """Return errors on frames that decide the stop, see ``stop.validate``."""
    errors = {"rmse_energy_mev_per_atom": energy, "rmse_force_ev_per_angstrom": 0.1}
    return errors | {"intervals": INTERVALS, "n_blocks": n_blocks, "n_frames": 100, "upper_energy_mev_per_atom": bound}


def test_frames_that_no_trial_has_seen_decide_the_stop_alone():
    settings = SETTINGS | {"stop": "validation", "exploration_rounds": 1, "exploitation_rounds": 1}
    ledger = [entry_of(1, 1, n, h, 0.1) for n, h in enumerate(sets_of(4.0, 4.5), 1)]
    database, asked = database_of(range(50), holdout=[90], n_left=40), []

    def decide(number, found, more=(), **changes):
        def validate(entry):
            asked.append(entry)
            return found

        return loop.decide(1, number, [*ledger, *more], database, settings | changes, SPACE, 5, validate)

    # Within an iteration nobody looks, however small the error that tuning has minimised.
    assert decide(1, validated(0.1, 0.2))["action"] == "fit" and not asked
    last = [entry_of(1, 2, 1, sets_of(5.0)[0], 0.05)]
    stopped = decide(2, validated(1.5, 1.9), last)
    assert (stopped["action"], stopped["reason"]) == ("stop", loop.MET) and asked == last
    assert stopped["delivered"] == last[0] and stopped["validation"] == validated(1.5, 1.9)
    # The bound decides where there is one, and the error itself where there are too few blocks for one.
    assert decide(2, validated(1.5, 2.1), last)["action"] == "enlarge"
    assert decide(2, validated(1.5, None, n_blocks=8), last)["action"] == "stop"
    assert decide(2, validated(2.1, None, n_blocks=8), last)["action"] == "enlarge"
    # Another tolerance is answered by the same fits.
    assert decide(1, None) == decide(1, None, energy_tolerance=99.0)
    assert decide(2, validated(1.5, 2.1), last, energy_tolerance=2.2)["action"] == "stop"
    numbers = {"rmse_energy_mev_per_atom": 1.5, "rmse_force_ev_per_angstrom": 0.1}
    evaluation = {"iteration": 1} | dict.fromkeys(("train", "test", "validation", "holdout"), numbers)
    summary, table = summarise([stopped], [evaluation])
    assert summary["validation"]["upper_energy_mev_per_atom"] == 1.9 and summary["n_validation"] == 100
    assert table["upper_energy_mev_per_atom"].tolist() == [1.9] and summary["converged"]


def test_summary_of_all_frames():
    one, none = ({"rmse_energy_mev_per_atom": value, "rmse_force_ev_per_angstrom": value} for value in (0.5, None))
    sizes = {"train": 80, "test": 0, "validation": 0, "holdout": 15, "unused": 5}
    errors = {"train": one, "test": none, "validation": none, "holdout": one}
    fitted = {"hyperparameters": HYPERPARAMETERS, "predicted_memory_mb": 300, "fit_seconds": 1.0}
    summary, history = summarise_all_frames(fitted, errors, sizes)
    assert (summary["n_train"], summary["fraction"], summary["n_frames_reference"]) == (80, 0.8, 100)
    assert (summary["n_test"], summary["n_holdout"]) == (0, 15)
    assert summary["rmse_energy_mev_per_atom"] == {"train": 0.5, "test": None, "validation": None, "holdout": 0.5}
    assert history["fraction"].tolist() == [0.8] and history["rmse_force_ev_per_angstrom_holdout"].tolist() == [0.5]
    assert (summary["prior"], summary["priors"]) == ("none", {}) and summary["hyperparameters"] == HYPERPARAMETERS
    assert (summary["predicted_memory_mb"], summary["fit_seconds"]) == (300, 1.0)
    # A fit that tunes has errors of its cross-validation, and tells from what it starts.
    tuned = fitted | {"objective": 0.1, "prior": "guide", "priors": {"none": {}, "guide": {}}}
    tuned |= {"rmse_energy_mev_per_atom": 0.6, "rmse_force_ev_per_angstrom": 0.7}
    summary, _ = summarise_all_frames(tuned, errors, sizes)
    assert summary["rmse_energy_mev_per_atom"]["cross_validation"] == 0.6 and summary["prior"] == "guide"
    assert summary["rmse_force_ev_per_angstrom"]["cross_validation"] == 0.7 and set(summary["priors"]) == {
        "none",
        "guide",
    }


def test_looser_tolerance_leaves_the_decisions_that_fits_depend_on():
    tight, loose = known_run()[0], known_run(energy_tolerance=3.2)[0]
    fits = [decision for decision in loose if decision["action"] == "fit"]
    assert len(fits) > 4 and all(decision in tight for decision in fits)


def test_choices_are_taken_as_they_are():
    space = SearchSpace(
        {"delta": {"choices": [0.123456, 0.2345678]}, "cutoff": {"low": 4.0, "high": 5.0, "scale": "linear"}}
    )
    results = [(point, 1.0 + number) for number, point in enumerate(space.explore(3, 1))]
    assert {h["delta"] for h, _ in results} <= {0.123456, 0.2345678}
    assert space.exploit(results, 2, 1)


def decided(ledger, iteration=1, number=1, database=None, settings=SETTINGS, space=SPACE):
    database = database or database_of(range(50), holdout=[90], n_left=40, since=iteration)
    return loop.decide(iteration, number, ledger, database, settings, space, 5)


def sets_of(*cutoffs):
    return [{"cutoff": cutoff, "delta": 1.0, "n_max": 8, "zeta": 4} for cutoff in cutoffs]


def test_objective_ranks_and_the_energy_decides_the_stop():
    one, two = sets_of(4.0, 5.0)
    ledger = [entry_of(1, 1, 1, one, 1.9, 0.9, objective=0.5), entry_of(1, 1, 2, two, 2.4, 0.1, objective=0.1)]
    # The first has the lower energy, within the tolerance; but the second is the best.
    decision = decided(ledger)
    assert decision["action"] == "fit" and decision["best"] == ledger[1]
    assert decided(ledger, settings=SETTINGS | {"energy_tolerance": 2.4})["action"] == "stop"
    assert decided(ledger, settings=SETTINGS | {"energy_tolerance": 2.4})["delivered"] == ledger[1]
    # The next iteration begins with the sets in the order of the objective.
    again = decided(ledger, 2, 0)
    assert again["proposals"] == [two, one]
    # The surrogate learns from the objective.
    assert [y for _, y in surrogate_results(ledger, 1, SPACE)] == pytest.approx([math.log(0.5), math.log(0.1)])


def test_what_a_decision_counts():
    database = database_of(range(50), test=range(50, 70), holdout=range(80, 90), unused=range(90, 96), n_left=3)
    decision = decided([], 1, 0, database | {"blocks": [[1, 2], [3]]})
    assert (decision["n_train"], decision["n_test"], decision["n_frames_reference"]) == (50, 20, 86)
    assert decision["n_holdout"] == 10
    assert decision["n_blocks"] == 2 and "n_blocks" not in decided([entry_of(1, 1, 1, sets_of(4.0)[0], 9.0)])


def test_loop_ends_where_no_more_label_is_affordable():
    settings = SETTINGS | {"exploration_rounds": 1, "exploitation_rounds": 0}
    ledger = [entry_of(1, 1, 1, sets_of(4.0)[0], 9.0)]
    database = database_of(range(50), holdout=range(80, 90), n_left=9) | {"failed": [97, 98]}
    for left in (None, 1):
        assert decided(ledger, database=database | {"n_affordable": left}, settings=settings)["action"] == "enlarge"
    last = decided(ledger, database=database | {"n_affordable": 0}, settings=settings)
    assert (last["action"], last["n_failed_labels"]) == ("stop", 2)
    assert last["reason"] == "labels.budget is spent and the energy tolerance is not met"
    # A budget that is spent is no reason against a larger model, or against a potential that is good enough.
    met = decided([entry_of(1, 1, 1, sets_of(4.0)[0], 0.1)], database=database | {"n_affordable": 0})
    assert met["reason"] == "energy tolerance met"


def test_frames_that_are_set_aside_are_not_left_to_enlarge_with():
    settings = SETTINGS | {"exploration_rounds": 1, "exploitation_rounds": 0}
    ledger = [entry_of(1, 1, 1, sets_of(4.0)[0], 9.0)]
    database = database_of(range(50), holdout=range(80, 90), unused=range(90, 96))
    assert decided(ledger, database=database | {"n_left": 1}, settings=settings)["action"] == "enlarge"
    last = decided(ledger, database=database, settings=settings)
    assert last["action"] == "stop" and last["reason"].startswith("every frame that may train is in the database")


CLOSING = SETTINGS | {"exploration_rounds": 1, "exploitation_rounds": 0}


def test_a_larger_model_follows_where_the_model_limits_the_error():
    small = {"cutoff": 4.0, "delta": 1.0, "n_max": 4, "zeta": 4}

    def closed(entry, **changes):
        return decided([entry], settings=CLOSING | changes)

    assert closed(entry_of(1, 1, 1, small, 9.0, limit="data"))["action"] == "enlarge"
    assert closed(entry_of(1, 1, 1, small, 9.0))["action"] == "enlarge"
    first = entry_of(1, 1, 1, small, 9.0, limit="model")
    assert closed(first, where_model_limits="enlarge")["action"] == "enlarge"
    assert closed(first, energy_tolerance=9.0)["reason"] == "energy tolerance met"
    assert closed(first, max_iterations=1)["reason"].startswith("max_iterations")
    decision = closed(first)
    assert decision["action"] == "larger_model" and loop.following(decision) == (2, 0)
    assert decision["kept"] == [first["origin"]]

    # The next iteration has the same frames: it fits the best set again, and a larger one beside it.
    same = database_of(range(50), holdout=[90], n_left=40, since=1)
    opened = decided([first], 2, 0, database=same, settings=CLOSING)
    assert opened["action"] == "fit" and opened["proposals"] == [small, small | {"n_max": 6, "cutoff": 4.5}]
    again = [first, entry_of(2, 1, 1, small, 9.0, limit="model")]
    larger = entry_of(2, 1, 2, small | {"n_max": 6, "cutoff": 4.5}, 8.0, limit="data")
    assert decided([*again, larger], 2, 1, database=same, settings=CLOSING)["action"] == "enlarge"


def test_loop_ends_where_no_larger_model_is_left():
    largest = {"cutoff": 6.0, "delta": 1.0, "n_max": 8, "zeta": 4}
    last = decided([entry_of(1, 1, 1, largest, 9.0, limit="model")], settings=CLOSING)
    assert last["action"] == "stop" and "no larger model is left" in last["reason"]
    assert last["delivered"]["hyperparameters"] == largest

    # Only sets that were fitted to the same frames are spent, and each of the hyperparameters is tried alone.
    best = entry_of(2, 1, 1, largest | {"n_max": 6, "cutoff": 5.8}, 9.0, limit="model")
    both = entry_of(1, 1, 1, largest, 9.0)
    assert proposals.larger(best, [both, best], SPACE, since=2)[0] == largest
    left = proposals.larger(best, [both, best], SPACE, since=1)
    assert left == [largest | {"cutoff": 5.8}, largest | {"n_max": 6}]


def test_a_geometry_that_was_fitted_before_has_its_points_already():
    one, two, three = sets_of(4.0, 5.0, 6.0)
    ledger = [entry_of(1, 2, 1, one, 5.0), entry_of(1, 3, 2, two, 4.0), entry_of(1, 4, 1, three, 9.0)]
    places = [{"iteration": 1, "round": 3, "trial": 2}, {"iteration": 1, "round": 2, "trial": 1}]
    opening = decided(ledger, 2, 0)
    assert opening["proposals"] == [two, one] and opening["origins"] == places
    # Sparse points from the training frames change with them.
    own = decided(ledger, 2, 0, settings=SETTINGS | {"shared_points": False})
    assert own["proposals"] == [two, one]
    assert own["origins"] == [{"iteration": 2, "round": 1, "trial": trial} for trial in (1, 2)]
    # In the third iteration the origin is still the first fit of the geometry.
    ledger += [
        entry_of(2, 1, trial, h, 3.0 + trial, origin=place)
        for trial, (h, place) in enumerate(zip([two, one], places, strict=True), 1)
    ]
    assert decided(ledger, 3, 0)["origins"] == places
    # A new geometry is its own origin.
    new = decided(ledger, 2, 1)
    assert new["origins"] == [{"iteration": 2, "round": 2, "trial": trial} for trial in (1, 2)]


def test_geometry_decides_and_not_what_the_inner_level_tunes():
    """With the engine the space holds the geometry alone; the results hold complete sets."""
    space = SearchSpace({name: SPACE.settings[name] for name in ("cutoff", "n_max", "zeta")})
    complete = [{"cutoff": 4.0, "n_max": 8, "zeta": 4, "delta": delta, "n_sparse": 100} for delta in (0.1, 2.0)]
    ledger = [entry_of(1, 2, 1, complete[0], 5.0)]
    opening = decided(ledger, 2, 0, space=space)
    assert opening["proposals"] == [{"cutoff": 4.0, "n_max": 8, "zeta": 4}]
    assert opening["origins"] == [{"iteration": 1, "round": 2, "trial": 1}]
    assert proposals.origins([complete[1]], 2, 1, ledger, space, True) == opening["origins"]


def test_a_closing_decision_keeps_what_the_next_iteration_may_fit_again():
    one, two, three = sets_of(4.0, 5.0, 6.0)
    early = {"iteration": 1, "round": 1, "trial": 1}
    ledger = [
        entry_of(1, 1, 1, two, 6.0), entry_of(2, 1, 1, two, 4.0, origin=early), entry_of(2, 1, 2, one, 3.0),
        entry_of(2, 2, 1, three, 5.0), entry_of(2, 2, 2, sets_of(4.5)[0], None),
    ]  # fmt: skip
    settings = SETTINGS | {"exploitation_rounds": 1}
    closing = decided(ledger, 2, 2, settings=settings)
    assert closing["action"] == "enlarge"
    assert closing["kept"] == [{"iteration": 2, "round": 1, "trial": 2}, early]
    following = decided(ledger, 3, 0, settings=settings)
    assert following["origins"] == closing["kept"] and following["proposals"] == [one, two]
    assert "kept" not in decided(ledger, 2, 2, settings=settings | {"max_iterations": 2})


def test_only_rows_of_fits_that_come_again_are_left(tmp_path):
    names = ("points.npz", "rows_1_1.npz", "rows_2_1.npz", "gap.xml", "result.json")
    for iteration, number, trial in ((1, 1, 1), (1, 1, 2), (1, 12, 1), (2, 1, 1), (2, 1, 2), (2, 2, 11)):
        folder = tmp_path / f"iteration_{iteration:02d}/round_{number}/trial_{trial}"
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).write_text("x")
    (tmp_path / "iteration_02/database.npz").write_text("of no fit")

    def left(ending):
        return {"/".join(path.parts[-4:-1]) for path in tmp_path.rglob(f"trial_*/*{ending}")}

    kept = [{"iteration": 1, "round": 1, "trial": 2}, {"iteration": 2, "round": 2, "trial": 11}]
    loop.remove_factors(tmp_path, {"action": "enlarge", "kept": kept})
    assert left(".npz") == {"iteration_01/round_1/trial_2", "iteration_02/round_2/trial_11"}
    assert len(left("gap.xml")) == len(left("result.json")) == 6 and (tmp_path / "iteration_02/database.npz").exists()
    assert len(list((tmp_path / "iteration_01/round_1/trial_2").iterdir())) == 5
    loop.remove_factors(tmp_path, {"action": "enlarge", "kept": kept})  # a repeated decision
    # The last decision keeps nothing.
    loop.remove_factors(tmp_path, {"action": "stop"})
    assert not left(".npz") and len(left("gap.xml")) == 6


def test_ledger_holds_nothing_that_differs_between_equal_fits():
    entry = entry_of(1, 1, 1, sets_of(4.0)[0], 5.0)
    assert set(entry) == {
        "iteration", "round", "trial", "origin", "hyperparameters", "status", "reason", "objective",
        "rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom", "cost_us_per_atom_step", "data_or_model",
    }  # fmt: skip
    failed = entry_of(1, 1, 1, sets_of(4.0)[0], None)
    assert failed["objective"] is None and failed["rmse_energy_mev_per_atom"] is None and failed["reason"] == "boom"


def test_terminal_line_tells_both_errors(caplog):
    with caplog.at_level("INFO", logger="gapglass"):
        loop.announce(decided([]), 2.0)
        loop.announce(decided([entry_of(1, 1, 1, sets_of(4.0)[0], 4.86, 0.223, objective=0.1)]), 2.0)
    before, after = (record.getMessage() for record in caplog.records[-2:])
    assert "no fit yet (E_tol 2)" in before
    assert "best 4.86 meV/atom, 0.223 eV/Å (E_tol 2), 1 fits -> fit 2 proposals" in after


TUNED = HYPERPARAMETERS | {
    "cutoff": {"low": 3.5, "high": 6.0, "scale": "linear"},
    "n_max": {"low": 4, "high": 8, "scale": "linear"},
    "l_max": {"choices": [3, 4, 6]},
    "n_sparse": {"low": 50, "high": 400, "scale": "log"},
    "delta": {"low": 0.01, "high": 10.0, "scale": "log"},
}


@pytest.fixture(scope="module")
def counts(blyp_frames):
    return geometry.count_neighbours(blyp_frames[:20])


@pytest.fixture(scope="module")
def unlimited_run():
    """Decisions and ledger of the brief loop without a memory limit; tests must not change them."""
    return run_loop(BRIEF, SearchSpace(TUNED), error=surface)


def limited(counts, limit, settings=TUNED):
    return SearchSpace(
        settings, memory.MemoryLimit(memory.FitMemory(counts, descriptor="soap_turbo", virials=True), limit)
    )


def surface(h, iteration):
    """Error that falls towards larger fits: the limit excludes the optimum."""
    return 3.0 + (8 - h["n_max"]) + (6 - h["l_max"]) + (6 - h["cutoff"]) + abs(math.log10(h["delta"]))


BRIEF = SETTINGS | {"max_iterations": 1, "energy_tolerance": 0.1, "exploration_rounds": 1, "exploitation_rounds": 2}


def test_proposals_stay_within_the_limit_of_memory(counts, unlimited_run):
    space = limited(counts, 250)
    runs = (unlimited_run, *(run_loop(BRIEF, space, error=surface) for _ in range(2)))
    free, kept, again = ([entry["hyperparameters"] for entry in ledger] for _, ledger in runs)
    assert kept == again and len({space.key(h) for h in kept}) == len(free) == 6
    needs = [space.limit.memory.mb(h) for h in kept]
    assert max(space.limit.memory.mb(h) for h in free) > 400
    # The search lowers a proposal to the limit and no further.
    assert 220 < max(needs) <= 250
    for h in kept:
        assert (
            3.5 <= h["cutoff"] <= 6 and 4 <= h["n_max"] <= 8 and h["l_max"] in (3, 4, 6) and 50 <= h["n_sparse"] <= 400
        )
        assert all(type(value) in (int, float) for value in h.values())


def test_tight_limit_leaves_proposals_that_differ(counts):
    smallest = SearchSpace(TUNED).smallest()
    space = limited(counts, 1.01 * limited(counts, 1).limit.memory.mb(smallest))
    points = space.explore(8, seed=3)
    assert len({space.key(h) for h in points}) == 8 and all(space.allows(h) for h in points)


def test_limit_out_of_reach_changes_nothing(counts, unlimited_run):
    assert run_loop(BRIEF, limited(counts, 1e6), error=surface) == unlimited_run


def test_space_above_the_limit_is_refused_before_any_fit(counts):
    fitted = []
    with pytest.raises(
        UserError, match=r"active_learning\.max_fit_memory is 60 MB, but a fit on the 20 .*about \d+ MB .*raise it"
    ):
        run_loop(space=limited(counts, 60), error=lambda h, _: fitted.append(h))
    assert not fitted


def test_database_too_large_for_the_limit_ends_the_loop_with_its_best(counts):
    # In the second iteration the best sets of the first are above the limit, and later even the smallest set is.
    def decide(ledger, iteration, rows, limit):
        database = database_of(range(len(rows)), holdout=[99], n_left=1, since=iteration)
        return loop.decide(iteration, 0, ledger, database, SETTINGS, limited(rows, limit), 5)

    proposals = decide([], 1, counts.iloc[:10], 150)["proposals"]
    ledger = [entry_of(1, 1, n, h, 5.0 + n) for n, h in enumerate(proposals, 1)]
    again = decide(ledger, 2, counts, 160)
    space = limited(counts, 160)
    assert again["action"] == "fit" and all(space.allows(h) for h in again["proposals"])
    last = decide(ledger, 2, pd.concat([counts] * 5), 160)
    assert (last["action"], last["delivered"]) == ("stop", ledger[0]) and "max_fit_memory" in last["reason"]


def test_decision_without_a_new_proposal_does_not_load_the_optimiser():
    code = f"""
import sys
from gapglass.active_learning import loop, proposals
from gapglass.active_learning.search import SearchSpace
space, settings = SearchSpace({SPACE.settings}), {SETTINGS | {"exploitation_rounds": 0, "exploration_rounds": 1}}
database = {database_of([0], holdout=[1], n_left=1)}
ledger = [{entry_of(1, 1, 1, SPACE.smallest(), 9.0)}]
def action(iteration, number, **changes):
    return loop.decide(iteration, number, ledger, database, settings | changes, space, 1)["action"]
assert action(1, 1) == "enlarge" and action(1, 1, energy_tolerance=9.5) == "stop" and action(2, 0) == "fit"
assert not {{"skopt", "sklearn"}} & set(sys.modules)
assert action(1, 0) == "fit" and "skopt" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_prior_of_the_delivered_fit_is_told():
    errors = {"none": {"objective": 0.2}, "guide": {"objective": 0.1}}
    ledger = [
        {"iteration": 1, "round": 1, "trial": 1, "prior": "none", "priors": {}},
        {"iteration": 1, "round": 1, "trial": 2, "prior": "guide", "priors": errors},
        {"iteration": 2, "round": 1, "trial": 2},  # of gap_fit, which knows no guide
    ]
    assert history.prior_of(ledger, {"iteration": 1, "round": 1, "trial": 2}) == {"prior": "guide", "priors": errors}
    assert history.prior_of(ledger, {"iteration": 2, "round": 1, "trial": 2}) == {"prior": "none", "priors": {}}
