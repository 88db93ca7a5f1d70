"""Marks, choice and end of the rounds of a harvest."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms

from gapglass.active_learning import harvest
from gapglass.base.errors import UserError
from gapglass.base.files import write_json
from gapglass.frames.store import write_frames
from gapglass.glass import outside
from gapglass.glass.guards import limits_of

CLOSEST = {"O-O": 2.2, "O-Si": 1.5, "Si-Si": 2.8}


def pair(distance):
    """Return an Si and an O atom."""
    return Atoms(
        "SiO", positions=[[0, 0, 0], [distance, 0, 0]], cell=[9, 9, 9], pbc=True, info={"temperature": 3000.0}
    )


def samples(deviations, ratios=None, relaxed=True):
    ratios = ratios or [1.0] * len(deviations)
    return [
        harvest.Sample(10 * step, pair(1.6), value, ratio, relaxed=relaxed)
        for step, (value, ratio) in enumerate(zip(deviations, ratios, strict=True))
    ]


def marked(stage):
    return [sorted(item.marks) for item in stage.samples]


@pytest.mark.parametrize(
    ("values", "on_end", "wanted"),
    [([1, 5, 5, 2, 9], 2, 5.0), ([1, 5, 5, 2, 9], 1, 9.0), ([3, 4], 10, 3.0), ([], 10, 0.0)],
)
def test_sustained_is_what_so_many_successive_values_reach(values, on_end, wanted):
    assert harvest.sustained(np.array(values), on_end) == wanted
    above = harvest.in_runs(np.array(values) > wanted - 0.5, on_end)
    assert above.any() == bool(values)
    assert not harvest.in_runs(np.array(values) > wanted, on_end).any()


def test_only_runs_beyond_the_limit_are_marked():
    stage = harvest.Stage(1, 2, samples([3, 1, 3, 3, 3, 1, 3, 3]))
    found = harvest.mark(stage, 2, 3, 0.9, 0.05)
    assert marked(stage) == [[], [], ["deviation"], ["deviation"], ["deviation"], [], [], []]
    assert (found["sustained_ev"], found["largest_ev"], found["n_marked"], found["passed"]) == (3, 3, 3, False)
    assert harvest.mark(harvest.Stage(1, 2, samples([3, 1, 3, 3, 3, 1, 3, 3])), 2, 4, 0.9, 0.05)["passed"]


def test_begin_of_the_first_stage_is_not_judged():
    stage = harvest.Stage(1, 1, samples([9, 9, 9], relaxed=False) + samples([1, 1, 1]))
    found = harvest.mark(stage, 2, 2, 0.9, 0.05)
    assert found["passed"] and found["n_samples"] == 3 and found["n_marked"] == 0


def test_pairs_on_the_core_are_marked_if_their_share_is_too_large():
    stage = harvest.Stage(1, 2, samples([1] * 4, [1.0, 0.8, 1.0, 1.0]))
    assert harvest.mark(stage, 2, 2, 0.9, 0.25)["passed"]
    found = harvest.mark(stage, 2, 2, 0.9, 0.2)
    assert not found["passed"] and marked(stage) == [[], ["close"], [], []]
    assert harvest.closest_ratio(pair(1.2), CLOSEST) == pytest.approx(0.8)


def test_explosion_marks_what_was_unknown_before_it_or_the_last_frame():
    stage = harvest.Stage(1, 2, samples([1, 3, 1]), "stage 2 at step 30")
    found = harvest.mark(stage, 2, 10, 0.9, 0.05)
    assert not found["passed"] and marked(stage) == [[], ["explosion"], []]
    stage = harvest.Stage(1, 2, samples([1, 1, 1]), "stage 2 at step 30")
    harvest.mark(stage, 2, 10, 0.9, 0.05)
    assert marked(stage) == [[], [], ["explosion"]]


def test_few_frames_of_every_stage_are_taken_farthest_first_and_none_inside_the_guard():
    def stage(number, distances):
        found = samples([1.0] * len(distances))
        for item, distance in zip(found, distances, strict=True):
            item.frame, item.deviation = pair(distance), 10 - distance
            item.marks.add("deviation")
        return harvest.Stage(1, number, found)

    def describe(frame):
        return np.array([frame.get_distance(0, 1)])

    limits = limits_of(CLOSEST, ["O", "Si"], 0.5)
    stages = [stage(1, [0.7, 1.0, 1.1, 2.0, 3.0]), stage(2, [1.05, 2.9, 2.5])]
    stages[1].samples[2].marks.clear()
    taken = harvest.take(stages, describe, limits, 2)
    # 0.7 Å is closer than the guard of O-Si, 0.75 Å; 2.5 Å is not marked.
    assert [(part.number, item.frame.get_distance(0, 1)) for part, item in taken] == [
        (1, 1.0), (1, 3.0), (2, 2.9), (2, 1.05),
    ]  # fmt: skip


def test_every_fourth_frame_tests_in_turns():
    sets = [harvest.set_of(number) for number in range(8)]
    assert sets == ["train"] * 3 + ["validation"] + ["train"] * 3 + ["holdout"]


@pytest.mark.parametrize(
    ("passed", "n", "number", "labels", "affordable", "wanted"),
    [
        (True, 0, 5, True, None, harvest.PASSED),
        (False, 3, 4, True, None, harvest.ROUNDS_SPENT),
        (False, 0, 1, True, None, harvest.NOTHING),
        (False, 3, 1, False, None, harvest.WRITTEN),
        (False, 3, 1, True, 0, harvest.BUDGET_SPENT),
        (False, 3, 3, True, 2, harvest.LABEL),
    ],
)
def test_end_of_a_round(passed, n, number, labels, affordable, wanted):
    assert harvest.conclude([{"passed": True}, {"passed": passed}], n, number, 3, labels, affordable) == wanted


class Distances:
    """Stands for the environments: the deviation of an atom is the distance of the pair."""

    def deviations(self, frame):
        return np.array([0.0, frame.get_distance(0, 1)])

    def average(self, frame):
        return np.array([frame.get_distance(0, 1)])


SETTINGS = SimpleNamespace(
    threshold=2.0, samples_on_end=2, rounds=3, frames_per_stage=3, too_close_ratio=0.9, max_too_close_share=0.05,
    composition={"Si": 1, "O": 1}, closest_fraction=0.5,
)  # fmt: skip
KNOWN = outside.Known(CLOSEST, (2.0, 2.3), 300.0, {})


def close(budget, rounds=3, distances=(3.5, 3.6, 3.7, 3.8), number=1, n_harvested=0):
    found = [harvest.sample(10 * i, pair(d), Distances(), KNOWN) for i, d in enumerate(distances)]
    settings = SimpleNamespace(**{**vars(SETTINGS), "rounds": rounds})
    validation = [pair(1.6)] * 3
    stages = [harvest.Stage(1, 1, found)]
    return harvest.close_round(number, stages, Distances(), validation, KNOWN, settings, 100, n_harvested, budget)


def test_round_asks_for_frames_as_far_as_the_budget_goes():
    found, frames = close(harvest.Budget(None))
    assert found["asks"] and found["action"] == harvest.LABEL and found["reference_ev"] == pytest.approx(1.6)
    assert [item["frame"] for item in found["frames"]] == [100, 101, 102] == [f.info["frame"] for f in frames]
    assert {f.info["trajectory"] for f in frames} == {"harvested"} and frames[0].info["temperature"] == 3000
    assert harvest.ratio_of(found) == pytest.approx(3.7 / 1.6)
    assert "3 frames are labelled" in harvest.words(found)
    found, frames = close(harvest.Budget(2))
    assert len(frames) == len(found["frames"]) == 2
    found, frames = close(harvest.Budget(0))
    assert not found["asks"] and not frames and found["action"] == harvest.BUDGET_SPENT
    assert "NOT passed" in harvest.words(found)


def test_round_without_an_engine_writes_frames_and_says_how_to_go_on():
    found, frames = close(None)
    assert found["action"] == harvest.WRITTEN and not found["asks"] and len(frames) == 3
    assert "for you to label" in harvest.words(found)
    steps = harvest.go_on("asked.extxyz", None, "config/own.yaml")
    assert "asked.extxyz" in steps[0] and "role: extra" in steps[1] and steps[-1] == "gapglass run config/own.yaml"
    steps = harvest.go_on("asked.extxyz", {"sets": ["blyp"]}, "config/own.yaml")
    assert "Put their file into blyp" in steps[1]


def test_last_round_tries_the_potential_and_asks_for_nothing():
    found, frames = close(harvest.Budget(None), rounds=2, number=3)
    assert found["action"] == harvest.ROUNDS_SPENT and not frames and not found["passed"]
    found, frames = close(harvest.Budget(None), rounds=2, number=3, distances=(1.6, 1.7, 1.6))
    assert found["passed"] and found["action"] == harvest.PASSED and not frames


def record(state, file=None, **more):
    return {"state": state, "file": file, "number": 0, "reason": "no convergence", "own": True, **more}


def test_labelled_frames_come_back_by_their_sets(tmp_path):
    found, frames = close(harvest.Budget(None), n_harvested=1)
    assert [item["set"] for item in found["frames"]] == ["train", "train", "validation"]
    write_frames(tmp_path / "asked.extxyz", frames)
    paths = []
    for place, frame in enumerate(frames):
        labelled = frame.copy()
        labelled.info["REF_energy"], labelled.arrays["REF_forces"] = -1.0 - place, np.zeros((2, 3))
        write_frames(tmp_path / f"{place}.extxyz", [labelled])
        paths.append(tmp_path / f"round_1/labels/{place}.json")
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        write_json(paths[-1], record("computed", str(tmp_path / f"{place}.extxyz")) if place else record("failed"))
    parts = harvest.read_labelled([tmp_path / "asked.extxyz"], [found], paths)
    assert {name: [f.info["REF_energy"] for f in part] for name, part in parts.items()} == {
        "train": [-2.0], "validation": [-3.0], "holdout": [],
    }  # fmt: skip
    known = KNOWN.widened(harvest.contents(parts))
    assert known.temperature == 3000 and known.closest["O-Si"] == CLOSEST["O-Si"]
    records = harvest.read_records(paths, [found])
    story = harvest.story([found], records, {}, None)
    assert (story["n_labelled"], story["n_failed"], story["passed"]) == (2, 1, False)
    table = harvest.table([found], records)
    assert table["label"].tolist() == ["failed", "computed", "computed"] and table["round"].tolist() == [1, 1, 1]
    write_json(paths[1], record("failed"))
    with pytest.raises(UserError, match="no harvested frame that trains got a label"):
        harvest.read_labelled([tmp_path / "asked.extxyz"], [found], paths)


def test_frames_with_bare_atoms_are_asked_for_if_most_have_them():
    known = dataclasses.replace(KNOWN, farthest={"O to Si": 1.7, "Si to O": 1.7})
    for n_bare, asks in ((3, True), (2, False)):
        distances = [2.1] * n_bare + [1.6] * (4 - n_bare)
        samples = [harvest.sample(10 * i, pair(d), Distances(), known) for i, d in enumerate(distances)]
        assert [item.bare for item in samples] == [True] * n_bare + [False] * (4 - n_bare)
        stage = harvest.Stage(1, 2, samples)
        found = harvest.mark(stage, 10.0, 2, 0.9, 0.05)
        assert found["share_bare"] == n_bare / 4 and found["passed"] is not asks
        assert [item.marks for item in samples] == [
            {harvest.BARE} if item.bare and asks else set() for item in samples
        ]
