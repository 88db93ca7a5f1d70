"""Choices of frames that are labelled on demand: which take the place of failed ones, and what a budget allows."""

import numpy as np
import pytest

from gapglass.active_learning import choices, enlargement
from gapglass.base.errors import UserError
from gapglass.selection import strategies

SETS = {"pool": list(range(20)), "validation": [20, 21], "holdout": [22, 23]}
ORDER = np.random.default_rng(3).permutation(20).tolist()
NOTHING = {"train": [], "test": []}


def draw(start, size):
    """Draw frames in a fixed order, as ``random`` does."""
    given = strategies.Given(pool=np.array(SETS["pool"]), seed=3)
    assert strategies.random(given, [], 20) == ORDER
    return enlargement.enlarge("random", given, start, size)


def records(computed=(), failed=(), stored=(), seconds=60.0):
    """Return records of frames; those found in the store cost this study nothing."""
    states = {"computed": computed, "failed": failed, "stored": stored}
    return {
        frame: {
            "state": state, "reason": "boom", "seconds": seconds, "core_seconds": seconds, "own": state != "stored",
        }
        for state, frames in states.items()
        for frame in frames
    }  # fmt: skip


def choose(known, before=NOTHING, size=6, number=1, **more):
    return choices.choose(draw, before, size, SETS, choices.Labelled(known, **more), number)


def test_first_choice_asks_for_training_frames_and_those_that_test():
    database, asked = choose({})
    assert database["train"] == sorted(ORDER[:6]) and asked == [20, 21, 22, 23, *sorted(ORDER[:6])]
    # All labelled: the next choice asks for nothing, and the iteration is complete.
    again, asked = choose(records(asked), database, number=2)
    assert asked == [] and again == database


def test_frame_without_label_is_replaced_by_the_next_of_the_order_and_never_enters_again():
    first, asked = choose({})
    bad, good = ORDER[2], [frame for frame in asked if frame != ORDER[2]]
    second, asked = choose(records(good, [bad]), first, number=2)
    assert asked == [ORDER[6]]
    assert second["train"] == sorted({*ORDER[:7]} - {bad}) and bad not in second["rest"]
    # The replacement fails too, and then the next one enters.
    third, asked = choose(records(good, [bad, ORDER[6]]), second, number=3)
    assert asked == [ORDER[7]]
    known = records([*good, ORDER[7]], [bad, ORDER[6]])
    complete, asked = choose(known, third, number=4)
    assert asked == [] and len(complete["train"]) == 6
    # The next iteration goes on with the order.
    _, asked = choose(known, complete, size=9)
    assert asked == sorted(ORDER[8:11])
    everything, _ = choose(known, complete, size=20)
    assert everything["train"] == sorted({*ORDER} - {bad, ORDER[6]}) and everything["rest"] == []


SPARE = SETS | {
    "guard": [24, 25, 26],
    "spare": {"validation": [([20], [24, 25]), ([21], [])], "holdout": [([22], [26]), ([23], [])]},
}


def with_tests(known, iteration=1, number=2, **more):
    found = choices.with_tests(SPARE, choices.Labelled(known, **more), iteration, number)
    return {name: found[name] for name in ("validation", "holdout", "guard")}


def test_frame_that_tests_is_replaced_by_another_of_its_block_in_the_first_iteration():
    sets = {name: SPARE[name] for name in ("validation", "holdout", "guard")}
    tests, train = [20, 21, 22, 23], ORDER[:6]
    assert with_tests({}, number=1) == sets and with_tests(records(tests)) == sets
    one = with_tests(records([*train, 21, 22, 23], [20]))
    assert one == {"validation": [21, 24], "holdout": [22, 23], "guard": [20, 25, 26]}
    assert with_tests(records([*train, 21, 22, 23], [20, 24])) == one | {"validation": [21, 25], "guard": [20, 24, 26]}
    # A block without another frame, the last choice, a budget that is spent, and a later iteration replace nothing.
    fewer = {"validation": [21], "holdout": [22, 23], "guard": [20, 24, 25, 26]}
    known = records([*train, 21, 22, 23], [20])
    assert with_tests(records([*train, 20, 22, 23], [21])) == {
        "validation": [20], "holdout": [22, 23], "guard": [21, 24, 25, 26],
    }  # fmt: skip
    assert with_tests(known, number=choices.MOST) == with_tests(known, budget={"frames": 10}) == fewer
    assert with_tests(known, iteration=2, number=1) == fewer
    # A later iteration tests on the frame that took the place.
    assert with_tests(records([*train, 21, 22, 23, 24], [20]), iteration=2, number=1) == one


def test_replaced_frame_that_tests_is_asked_for():
    first, asked = choose({})
    known = records([*asked[1:]], [20])
    sets = choices.with_tests(SPARE, choices.Labelled(known), 1, 2)
    second, asked = choices.choose(draw, first, 6, sets, choices.Labelled(known), 2)
    assert asked == [24] and second == first


def test_the_last_choice_replaces_no_training_frame():
    first, _ = choose({})
    known = records([20, 21, 22, 23, *ORDER[1:6]], [ORDER[0]])
    last, asked = choose(known, first, number=choices.MOST)
    assert asked == [] and last["train"] == sorted({*first["train"]} - {ORDER[0]})


def test_more_than_a_fifth_of_failures_stops_with_their_table():
    first, asked = choose({})
    with pytest.raises(UserError, match="3 of 10 frames got no label, more than a fifth") as refused:
        choose(records(asked[3:], asked[:3]), first, number=2)
    assert f"frame {asked[0]}: boom" in str(refused.value)


def test_budget_labels_the_tests_first_and_then_what_it_allows():
    budget = {"frames": 9}
    first, asked = choose({}, size=8, budget=budget)
    assert asked == [20, 21, 22, 23] and first["train"] == []
    tested = records(asked)
    second, asked = choose(tested, first, size=8, number=2, budget=budget)
    assert second["train"] == asked == sorted(ORDER[:5])  # 4 + 5
    spent = choices.Labelled(tested | records(asked), budget)
    assert spent.affordable() == 0
    third, asked = choices.choose(draw, second, 8, SETS, spent, 3)
    assert asked == [] and third == second


def test_labels_that_are_found_cost_nothing():
    tested, free = records(stored=[20, 21, 22, 23]), set(ORDER[1:4])

    def cost(frames):
        return len(set(frames) - free)

    database, asked = choose(tested, size=8, number=2, budget={"frames": 3}, cost=cost)
    assert database["train"] == asked == sorted(ORDER[:6])  # three that are free, and three


def test_core_hours_allow_as_many_labels_as_their_median_time_tells():
    tested = records([20, 21, 22, 23], seconds=900.0)
    # Four times 15 min on 2 cores would be 2 h; the records hold one core each, so an hour is spent.
    database, asked = choose(tested, size=8, number=2, budget={"core_hours": 3.2}, cores=2)
    assert len(asked) == int(2.2 * 3600 / 1800) == len(database["train"])


def test_budget_that_is_too_small_for_a_potential_is_refused():
    with pytest.raises(UserError, match=r"labels\.budget\.frames is 7.* are 8"):
        choose({}, budget={"frames": 7})
    with pytest.raises(UserError, match=r"labels\.budget is spent, and 0 frames may train, 4 are needed"):
        choose(records([20, 21, 22, 23], seconds=900.0), number=2, budget={"core_hours": 0.5})
