"""Frames set aside, and folds of a cross-validation: whole stretches of time, with a guard beside each."""

import json

import numpy as np
import pandas as pd
import pytest

from gapglass.base.errors import UserError
from gapglass.frames import isolated
from gapglass.selection import time_blocks


def table_of(*plateaus):
    """Return a table of frames of (trajectory, temperature, number); places count in each trajectory."""
    rows, places = [], {}
    for trajectory, temperature, number in plateaus:
        for _ in range(number):
            place = places.get(trajectory, 0)
            row = {"trajectory": trajectory, "source_index": place, "temperature_k": temperature, "usable": True}
            rows.append(row)
            places[trajectory] = place + 1
    return pd.DataFrame(rows).rename_axis("frame").reset_index()


def runs_of(table, length=5, guard=2):
    """Return every plateau of a table as a run of blocks."""
    found = []
    for part in time_blocks.plateaus(table):
        n = len(part)
        edges = sorted({*range(0, n, length), n})
        found.append({"frames": part["frame"].tolist(), "edges": edges, "reach": 5, "guard": guard})
    return found


def stored(table, validation=0.2, holdout=0.2, seed=1, **runs):
    """Return the division of a study as it comes back from its file."""
    fractions = {"validation": validation, "holdout": holdout}
    return json.loads(json.dumps(time_blocks.set_aside(runs_of(table, **runs), table, fractions, seed)))


def test_blocks_of_every_run_are_set_aside_with_guards_around_them():
    table = table_of(("a", 300.0, 50), ("a", 600.0, 100), ("b", 300.0, 30))
    now = time_blocks.current(stored(table), table)
    for part in time_blocks.TESTS:
        blocks = now["blocks"][part]
        assert [block["run"] for block in blocks] == [0, 0, 1, 1, 1, 1, 2]
        assert all(len(block["frames"]) == 5 and block["frames"][0] % 5 == 0 for block in blocks)
        assert sorted(frame for block in blocks for frame in block["frames"]) == now[part]
    apart = {*now["validation"], *now["holdout"]}
    assert not set(now["validation"]) & set(now["holdout"])
    run_of = np.repeat([0, 1, 2], [50, 100, 30])
    near = {i for i in range(180) for j in apart if abs(i - j) <= 2 and run_of[i] == run_of[j]} - apart
    assert now["guard"] == sorted(near)
    assert now["pool"] == now["known"] == sorted(set(range(180)) - near - apart)
    assert now["reach"] == {"a": 5, "b": 5}
    assert stored(table) == stored(table) != stored(table, seed=2)


@pytest.mark.parametrize(("number", "validation", "holdout"), [(1, 0, 0), (2, 0, 1), (3, 1, 1), (4, 1, 1), (10, 2, 2)])
def test_a_run_of_few_blocks_keeps_one_to_train(number, validation, holdout):
    table = table_of(("a", 300.0, number))
    now = time_blocks.current(stored(table, length=1, guard=0), table)
    assert [len(now[name]) for name in time_blocks.TESTS] == [validation, holdout]
    assert len(now["pool"]) == number - validation - holdout


def test_nothing_set_aside_needs_no_guard():
    table = table_of(("a", 300.0, 50), ("b", 300.0, 7))
    now = time_blocks.current(stored(table, validation=0, holdout=0), table)
    assert now["pool"] == now["known"] == list(range(57))
    assert not now["holdout"] and not now["validation"] and not now["guard"]


def places(table, frames):
    """Return the frames as (trajectory, place in the file), which a growing study does not change."""
    chosen = table.set_index("frame").loc[frames]
    return list(zip(chosen["trajectory"], chosen["source_index"], strict=True))


def test_frames_that_come_later_train_and_move_nothing():
    table = table_of(("a", 300.0, 20), ("b", 300.0, 20))
    sets = stored(table)
    before = time_blocks.current(sets, table)
    # Trajectory a has become longer, so the frames of b have other numbers; c is new.
    grown = table_of(("a", 300.0, 26), ("b", 300.0, 20), ("c", 900.0, 10))
    after = time_blocks.current(sets, grown)
    for name in ("validation", "holdout", "guard", "known"):
        assert places(grown, after[name]) == places(table, before[name])
    assert set(after["pool"]) - set(after["known"]) == {*range(20, 26), *range(46, 56)}
    assert sorted(frame for name in time_blocks.PARTS for frame in after[name]) == list(range(56))
    # Frames that are gone are in no set.
    only_b = table[table["trajectory"] == "b"]
    shorter = time_blocks.current(sets, only_b)
    assert all(frame >= 20 for name in time_blocks.PARTS for frame in shorter[name])
    assert {block["run"] for block in shorter["blocks"]["holdout"]} == {1}


def test_trajectories_whose_names_are_numbers_are_found_again():
    table = table_of((1, 300.0, 10), (2, 300.0, 10))
    now = time_blocks.current(stored(table), table)
    assert len(now["holdout"]) == 10 and set(now["reach"]) == {"1", "2"}


GUARD = 5


def blocks():
    """Return a table, the frames that may train, their classes, and each frame's plateau and place among these."""
    table = table_of(("a", 300.0, 120), ("a", 600.0, 60), ("b", 300.0, 33), ("b", 900.0, 4), ("c", 300.0, 1))
    now = {"pool": list(range(len(table)))}
    place = {}
    for plateau, part in table[table["frame"].isin(now["pool"])].groupby(["trajectory", "temperature_k"]):
        place |= {int(frame): (plateau, number, len(part)) for number, frame in enumerate(part["frame"])}
    return table, now["pool"], time_blocks.classes(table, now["pool"], {"a": GUARD}), place


def test_every_frame_tests_once_and_never_trains_where_it_tests():
    _, pool, classes, _ = blocks()
    assert sorted(classes) == pool
    folds = time_blocks.folds()
    assert len(folds) == time_blocks.N_FOLDS
    for name in set(classes.values()):
        assert sum(name in tests for _, tests in folds) == 1
        assert all(not (name in trains and name in tests) for trains, tests in folds)


def test_no_frame_within_the_guard_of_a_stretch_that_is_left_out_trains():
    _, pool, classes, place = blocks()
    kept_out = 0
    for trains, tests in time_blocks.folds():
        for plateau in {of[0] for of in place.values()}:
            here = [frame for frame in pool if place[frame][0] == plateau]
            left_out = [place[frame][1] for frame in here if classes[frame] in tests]
            trained = [place[frame][1] for frame in here if classes[frame] in trains]
            # One contiguous stretch, a fifth of the plateau.
            assert left_out == list(range(min(left_out, default=0), max(left_out, default=-1) + 1))
            assert abs(len(left_out) - len(here) / 5) <= 1
            reach = min(GUARD, len(here) // 5 // 4)
            assert all(abs(one - other) > reach for one in trained for other in left_out)
            # The guard takes no more than the frames within its reach.
            beyond = [n for n in range(len(here)) if all(abs(n - other) > GUARD for other in left_out)]
            assert set(beyond) <= set(trained)
            kept_out += len(here) - len(left_out) - len(trained)
    assert kept_out > 0


def test_guard_of_a_long_plateau_is_that_of_the_settings():
    table = table_of(("a", 300.0, 150))
    classes = time_blocks.classes(table, range(150), {"a": 5})
    trains, tests = time_blocks.folds()[2]
    assert [frame for frame in range(150) if classes[frame] in tests] == list(range(60, 90))
    assert [frame for frame in range(150) if classes[frame] in trains] == [*range(55), *range(95, 150)]
    without = time_blocks.classes(table, range(150), {"a": 0})
    assert {without[frame] for frame in range(150)} == set("01234")


def test_halves_of_a_fold_share_its_stretches_and_its_test():
    folds = time_blocks.folds()
    halves = time_blocks.halves(folds)
    assert len(halves) == 2 * len(folds)
    for number, (trains, tests) in enumerate(folds):
        one, other = halves[2 * number], halves[2 * number + 1]
        assert one[1] == other[1] == tests
        assert {*one[0], *other[0]} == set(trains) and {*one[0]} & {*other[0]} == {isolated.CLASS}
        stretches = [{name[0] for name in half[0] if name != isolated.CLASS} for half in (one, other)]
        assert [len(names) for names in stretches] == [2, 2] and not stretches[0] & stretches[1]


def test_plateaus_of_one_frame_do_not_all_fall_into_one_fold():
    table = table_of(*[(f"t{n}", 300.0, 1) for n in range(10)])
    names = time_blocks.classes(table, range(10), {"t0": 5}).values()
    assert sorted(names) == sorted("0123401234")


def test_frames_that_every_fold_trains_on_never_test():
    folds = time_blocks.folds()
    assert all(isolated.CLASS in trains and isolated.CLASS not in tests for trains, tests in folds)
    [(trains, tests)] = time_blocks.folds_of("split")
    assert set(trains) == {"train", isolated.CLASS} and tests == ["test"]
    assert time_blocks.folds_of("cross_validation") == folds


def test_classes_of_a_database():
    table = table_of(("a", 300.0, 50))
    database = {"train": [0, 12, 39], "test": [20, 30]}
    assert time_blocks.classes_of([0, 20, 39], database, table, range(40), {"a": 5}, "split") == [
        "train",
        "test",
        "train",
    ]
    whole = time_blocks.classes(table, range(40), {"a": 5})
    found = time_blocks.classes_of([39, 0], database, table, range(40), {"a": 5}, "cross_validation")
    assert found == [whole[39], whole[0]]
    # The class of a frame depends on all frames that may train, not on those that the database holds.
    more = {"train": list(range(40)), "test": []}
    assert time_blocks.classes_of([39, 0], more, table, range(40), {"a": 5}, "cross_validation") == found


def test_a_cross_validation_needs_two_folds():
    table = table_of(("a", 300.0, 100))
    with pytest.raises(UserError, match=r"the 3 training frames .*active_learning\.increment.*validation: split"):
        time_blocks.classes_of([0], {"train": [0, 3, 9], "test": []}, table, range(100), {"a": 5}, "cross_validation")
    time_blocks.refuse_one_fold(["0", "3"])
    with pytest.raises(UserError):
        time_blocks.refuse_one_fold(["3", "3<", isolated.CLASS])


def test_training_frames_that_lie_in_each_others_guard_leave_no_fold():
    """Frames 18 to 21 lie in two stretches, but no frame of one trains where the other is left out."""
    table = table_of(("a", 300.0, 100))
    names = [time_blocks.classes(table, range(100), {"a": 5})[frame] for frame in (18, 19, 20, 21)]
    assert np.unique([name.strip("<>") for name in names]).tolist() == ["0", "1"]
    assert not any(set(trains) & set(names) and set(tests) & set(names) for trains, tests in time_blocks.folds())
    with pytest.raises(UserError, match="training frames"):
        time_blocks.refuse_one_fold(names)


def test_temperatures_of_a_ramp_count_as_one_plateau():
    """Frames that each state a temperature of their own would be plateaus of one frame, of which none is set aside."""
    steady, ramp = [300.0] * 20, [300.0 + 7 * i for i in range(1, 41)]
    table = pd.DataFrame({"frame": range(60), "trajectory": "a", "source_index": range(60), "usable": True})
    table = table.assign(temperature_k=[*steady, *ramp])
    assert [part["frame"].tolist() for part in time_blocks.plateaus(table)] == [
        list(range(20)),
        list(range(20, 60)),
    ]


def walk(n, fast, slow, seed=1):
    """Return distances between frames of a run: vibrations that are forgotten after ``fast`` frames, and a drift."""
    random = np.random.default_rng(seed)
    noise = random.normal(size=(n + fast, 40))
    vibration = np.array([noise[i : i + fast].mean(axis=0) * np.sqrt(fast) for i in range(n)])
    drift = slow * np.cumsum(random.normal(size=(n, 40)), axis=0)
    points = vibration + drift
    return np.linalg.norm(points[:, None] - points, axis=2)


def test_fast_loss_of_similarity_ends_although_the_drift_goes_on():
    assert time_blocks.decay(walk(200, 1, 0.0)) == (1, True)
    lag, unrelated = time_blocks.decay(walk(200, 6, 0.01))
    assert 4 <= lag <= 8 and not unrelated
    assert time_blocks.decay(walk(200, 6, 0.2))[1] is False
    # Nothing but drift: a quarter of the frames at most.
    assert time_blocks.decay(walk(40, 1, 5.0))[0] <= 10
    assert time_blocks.decay(np.zeros((1, 1))) == (1, True)


def frames_table(plateaus):
    rows = [(name, temperature) for name, temperature, n in plateaus for _ in range(n)]
    return pd.DataFrame(
        {"frame": range(len(rows)), "trajectory": [r[0] for r in rows], "temperature_k": [r[1] for r in rows]}
    )


def test_runs_are_plateaus_and_short_ones_are_joined():
    table = frames_table([("a", 2000, 40), ("a", 300, 40), ("b", 300, 3), ("b", 600, 30)])
    assert [(run[0], len(run)) for run in time_blocks.runs(table)] == [(0, 40), (40, 40), (80, 33)]
    ramp = pd.DataFrame({"frame": range(30), "trajectory": "a", "temperature_k": np.arange(30.0)})
    assert [len(run) for run in time_blocks.runs(ramp)] == [30]
    assert [len(run) for run in time_blocks.runs(frames_table([("a", 300, 2)]))] == [2]


def test_blocks_cover_every_run_and_keep_their_distance():
    table = frames_table([("a", 2000, 100), ("a", 300, 60)])
    distances = walk(160, 5, 0.01)
    runs = time_blocks.blocks(table, lambda frames: distances[np.ix_(frames, frames)])
    assert [run["frames"] for run in runs] == [list(range(100)), list(range(100, 160))]
    for run in runs:
        lengths = np.diff(run["edges"])
        assert run["edges"][0] == 0 and run["edges"][-1] == len(run["frames"]) and len(lengths) >= 4
        assert 1 <= run["guard"] <= lengths.min() // 4
    for guard, reach in ((0, 0), (1, 1), (99, 99)):
        for run in time_blocks.blocks(table, lambda frames: distances[np.ix_(frames, frames)], guard=guard):
            assert run["reach"] == reach and run["guard"] == min(guard, np.diff(run["edges"]).min() // 4)
    division = time_blocks.leave_out(runs, 0.25, seed=3)
    pool, guard, holdout = (set(division[name]) for name in ("pool", "guard", "holdout"))
    assert pool | guard | holdout == set(range(160)) and not pool & holdout and not pool & guard
    # Whole blocks are held out, of every run, and no frame of the pool is nearer than the guard.
    blocks = {}
    for frame, block in division["blocks"].items():
        blocks.setdefault(block, set()).add(frame)
    assert all(frames <= holdout or not frames & holdout for frames in blocks.values())
    assert holdout & set(range(100)) and holdout & set(range(100, 160))
    nearest = min(abs(a - b) for a in pool for b in holdout if (a < 100) == (b < 100))
    assert nearest > min(run["guard"] for run in runs)
    assert time_blocks.leave_out(runs, 0.25, seed=3) == division != time_blocks.leave_out(runs, 0.25, seed=4)


def test_unrelated_snapshots_are_blocks_of_one_frame():
    table, distances = frames_table([("a", 2000, 24)]), walk(24, 1, 0.0)
    (run,) = time_blocks.blocks(table, lambda frames: distances[np.ix_(frames, frames)])
    assert run["edges"] == list(range(25)) and run["guard"] == 0
    division = time_blocks.leave_out([run], 0.25, seed=1)
    assert len(division["holdout"]) == 6 and division["guard"] == []


def test_frames_that_cannot_be_used_are_in_no_set_but_their_geometries_may_train():
    table = table_of(("a", 300.0, 60), ("b", 600.0, 60))
    table["usable"] = table["frame"] % 3 == 0
    sets = stored(table)
    every, some = time_blocks.current(sets, table.assign(usable=True)), time_blocks.current(sets, table)
    for name in ("pool", "guard", "validation", "holdout"):
        assert some[name] == [frame for frame in every[name] if frame % 3 == 0] != []
    assert some["geometries"] == every["geometries"] == every["pool"] and some["known"] == every["known"]
    for name in time_blocks.TESTS:
        wanted = [{**block, "frames": [i for i in block["frames"] if i % 3 == 0]} for block in every["blocks"][name]]
        assert some["blocks"][name] == [block for block in wanted if block["frames"]]
    # No geometry that tests, labelled or not, and none of its guard, may train.
    apart = {frame for name in ("guard", "validation", "holdout") for frame in every[name]}
    assert not apart & set(some["geometries"])


def test_few_frames_of_each_block_that_tests_are_kept_and_the_others_are_guards():
    table = table_of(("a", 300.0, 60), ("b", 600.0, 60))
    sets = stored(table)
    before, one = time_blocks.current(sets, table), time_blocks.current(time_blocks.thinned(sets, 1), table)
    assert one["blocks"] == before["blocks"]
    for name in time_blocks.TESTS:
        frames = [block["frames"] for block in before["blocks"][name]]
        assert one[name] == [block[len(block) // 2] for block in frames] != []
        for (kept, spare), block in zip(one["spare"][name], frames, strict=True):
            assert kept == [block[len(block) // 2]] and sorted([*kept, *spare]) == block
            assert [abs(frame - kept[0]) for frame in spare] == sorted(abs(frame - kept[0]) for frame in spare)
        assert all(spare == [] for _, spare in before["spare"][name])
    assert one["pool"] == before["pool"] and one["known"] == before["known"]
    parts = [frame for name in time_blocks.PARTS for frame in one[name]]
    assert sorted(parts) == list(range(len(table)))
    two = time_blocks.current(time_blocks.thinned(sets, 2), table)
    assert all(len(kept) == 2 for name in time_blocks.TESTS for kept, _ in two["spare"][name])
    every = time_blocks.current(time_blocks.thinned(sets, 99), table)
    assert every == before


def test_frames_that_test_and_failed_are_replaced_by_the_closest_of_their_block():
    table = table_of(("a", 300.0, 60), ("b", 600.0, 60))
    sets = time_blocks.current(time_blocks.thinned(stored(table), 1), table)
    (bad,), (first, second, *rest) = sets["spare"]["validation"][1]
    others = [frame for frame in sets["validation"] if frame != bad]
    one = time_blocks.replaced(sets, {bad})
    assert one["validation"] == sorted([*others, first]) and one["holdout"] == sets["holdout"]
    assert one["guard"] == sorted({*sets["guard"], bad} - {first}) and one["pool"] == sets["pool"]
    two = time_blocks.replaced(sets, {bad, first})
    assert two["validation"] == sorted([*others, second]) and {bad, first} < {*two["guard"]}
    assert time_blocks.replaced(sets, {bad, first}, {*rest})["validation"] == sorted([*others, rest[0]])
    # Without another frame, the block tests no more.
    none = time_blocks.replaced(sets, {bad}, set())
    assert none["validation"] == others and none["guard"] == sorted({*sets["guard"], bad})
    assert time_blocks.replaced(sets, set()) == sets


def test_blocks_with_some_of_their_frames():
    blocks = [{"run": 0, "frames": [1, 2, 3]}, {"run": 1, "frames": [4]}]
    assert time_blocks.only(blocks, {1, 3, 9}) == [{"run": 0, "frames": [1, 3]}]
