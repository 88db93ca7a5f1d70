"""Which glasses are not to be believed: too close, bare atoms, an energy below every frame."""

import dataclasses
import json

import numpy as np
import pytest
from ase import Atoms
from quenching import CLOSEST

from gapglass.frames.geometry import REACH, closest_pairs, farthest_first, farthest_first_of
from gapglass.glass import bare, closeness, doubts, outside

JUDGEMENT = {"too_close_ratio": 0.9, "max_too_close_share": 0.05}
FARTHEST = {"O to Te": 2.0, "Te to O": 2.0, "Te to Te": REACH}
KNOWN = outside.Known(CLOSEST, (5.0, 6.0), 2000.0, {"O": (0.5, 0.7), "Te": (0.3, 0.5)}, farthest=FARTHEST)


def test_glass_is_doubted_only_above_the_limit():
    distances = [1.75 * ratio for ratio in [1.1] * 95 + [0.8] * 5], [1.435] * 6 + [2.0] * 94
    counts = [
        closeness.count(stage, [{"O-Te": distance} for distance in of_stage], CLOSEST)
        for stage, of_stage in enumerate(distances, 1)
    ]
    done = {"exploded": False, "temperature_k": 300.0, "closeness": counts}
    found = doubts.judged(done, JUDGEMENT)
    assert found["believed"] is False and {key: found[key] for key in done} == done
    ((stage, share, text, reason),) = [item.values() for item in found["doubts"]]
    assert (stage, share, reason) == (2, 0.06, doubts.CLOSE)
    assert text == (
        "in 6 % of 100 saved frames a pair is closer than 0.9 (glass.too_close_ratio) of its closest distance in the "
        "frames of the study, allowed are 5 % (glass.max_too_close_share); the closest is O-Te at 1.435 Å, 0.820 of "
        "1.75 Å, the closest that O-Te come in the frames"
    )
    for changed in ({"max_too_close_share": 0.06}, {"too_close_ratio": 0.8}, {"max_too_close_share": 1}):
        assert doubts.judged(done, JUDGEMENT | changed) == done | {"believed": True, "doubts": []}
    strict = doubts.judged(done, JUDGEMENT | {"max_too_close_share": 0.0})
    assert [item["stage"] for item in strict["doubts"]] == [1, 2]
    # An explosion left no glass, and stages of an older version were not counted.
    assert doubts.judged(done | {"exploded": True}, JUDGEMENT)["believed"] is False
    assert doubts.judged(done | {"exploded": True}, JUDGEMENT)["doubts"] == []
    assert doubts.judged({"exploded": False}, JUDGEMENT)["believed"] is None


def test_glass_below_every_frame_in_energy_is_doubted():
    finding = {"stage": 2, "what": "energy", "share": 1.0, "text": "energy -5.8 eV/atom", "pair": None}
    other = finding | {"what": "density", "text": "density 4.5 g/cm³"}
    done = {"exploded": False, "closeness": [], "outside": [other]}
    assert doubts.judged(done, JUDGEMENT)["doubts"] == []
    found = doubts.judged(done | {"outside": [other, finding]}, JUDGEMENT)
    assert found["believed"] is False
    assert found["doubts"] == [{"stage": 2, "share": 1.0, "text": "energy -5.8 eV/atom", "reason": doubts.ENERGY}]


def chain(*distances):
    """Return Te atoms 9 Å apart, each with an O at one of these distances (Å), in a wide cell."""
    n = len(distances)
    positions = [(9 * i + 2, 5, 5) for i in range(n)] + [(9 * i + 2 + d, 5, 5) for i, d in enumerate(distances)]
    return Atoms(["Te"] * n + ["O"] * n, positions=positions, cell=(9 * n, 12, 12), pbc=True)


def test_first_neighbours_of_every_atom_count_images_included():
    frame = chain(1.9, 2.1, 3.0)
    frame.positions -= (2.5, 0, 0)  # the first pair crosses the boundary
    assert farthest_first(frame) == pytest.approx({"Te to O": 3.0, "O to Te": 3.0, "O to O": REACH, "Te to Te": REACH})
    assert closest_pairs(frame) == pytest.approx({"O-Te": 1.9, "O-O": REACH, "Te-Te": REACH})
    found = farthest_first_of([frame, chain(2.0, 3.5)], 6.0)
    assert found["Te to O"] == pytest.approx(3.5) and found["Te to Te"] == 6.0


def test_first_neighbours_agree_with_all_distances():
    rng = np.random.default_rng(3)
    frame = Atoms("Te8O16", positions=rng.uniform(0, 7, (24, 3)), cell=[7, 7.5, 8], pbc=True)
    distances = frame.get_all_distances(mic=True) + np.diag(np.full(24, np.inf))
    te, o = frame.symbols == "Te", frame.symbols == "O"
    expected = {
        "Te to O": distances[te][:, o].min(axis=1).max(), "O to Te": distances[o][:, te].min(axis=1).max(),
        "Te to Te": distances[te][:, te].min(axis=1).max(), "O to O": distances[o][:, o].min(axis=1).max(),
    }  # fmt: skip
    assert farthest_first(frame, 20.0) == pytest.approx(expected)


def test_atom_without_its_neighbours_is_bare():
    frame = chain(2.41, 1.8, 3.9)
    assert bare.limits(frame, KNOWN) == {("O", "Te"): 2.4, ("Te", "O"): 2.4}
    found = bare.beyond(frame, KNOWN)
    assert set(found) == {("O", "Te"), ("Te", "O")}
    assert [atoms.tolist() for atoms in found.values()] == 2 * [[True, False, True]]
    assert bare.beyond(chain(2.39, 1.8), KNOWN) == {}
    # What the frames have nowhere within reach is not compared, nor what an older version did not import.
    nothing = dataclasses.replace(KNOWN, farthest={"Te to Te": REACH})
    assert bare.beyond(frame, nothing) == {} and bare.count(1, [frame], nothing) is None
    assert bare.count(1, [], KNOWN) is None


def test_neighbours_that_are_rarer_than_in_the_frames_are_not_compared():
    poor = dataclasses.replace(KNOWN, shares={"O": (0.6, 0.7), "Te": (0.3, 0.4)})
    assert set(bare.beyond(chain(3.0), KNOWN)) == {("O", "Te"), ("Te", "O")}
    assert set(bare.beyond(chain(3.0), poor)) == {("O", "Te")}


def test_bare_atoms_are_counted_and_told():
    found = bare.count(3, [chain(1.9, 3.0, 3.0, 1.9), chain(1.9, 1.9, 3.0, 1.9), chain(2.0, 2.0, 2.0, 2.0)], KNOWN)
    assert found["share"] == pytest.approx(2 / 3) and found["atoms_share"] == pytest.approx((2 / 4 + 1 / 4) / 3)
    assert (found["stage"], found["n_frames"], found["known_angstrom"]) == (3, 3, 2.0)
    assert bare.text(found) == (
        "66.7 % of 3 saved frames hold bare atoms: on average 25 % of the O atoms have no Te within 2.40 Å, and in "
        "every frame of the study all have one within 2.00 Å"
    )
    none = bare.count(1, [chain(2.0, 2.1)], KNOWN)
    assert none["share"] == 0 and bare.text(none) == "no bare atom in 1 saved frames"


def test_glass_that_keeps_bare_atoms_is_doubted():
    stages = [bare.count(number, [chain(distance)] * 4, KNOWN) for number, distance in enumerate((3, 2, 3, 3), 1)]
    done = {"exploded": False, "closeness": [], "bare": stages}
    found = doubts.judged(done, JUDGEMENT)
    assert found["believed"] is False
    ((stage, share, text, reason),) = [item.values() for item in found["doubts"]]
    assert (stage, share, reason) == (4, 1.0, doubts.BARE) and text.endswith("have been there since stage 3")
    # Atoms of a random start that have found their neighbours are no fault of the glass.
    assert doubts.judged(done | {"bare": stages[:2]}, JUDGEMENT)["doubts"] == []
    # At the limit the glass passes.
    half = bare.count(5, [chain(3.0), chain(2.0)], KNOWN)
    assert half["share"] == 0.5 and bare.doubts([*stages, half]) == []


def test_models_and_remedies_are_those_of_the_doubts(tmp_path):
    paths = [tmp_path / f"glass/optimal/48/{replica}/outcome.json" for replica in (1, 2, 3)]
    doubt = {"stage": 1, "reason": doubts.BARE}
    contents = [{"doubts": [doubt]}, {"doubts": []}, {"exploded": False}]
    for path, content in zip(paths, contents, strict=True):
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content))
    assert doubts.of_models(paths) == {"optimal_48_1": [doubt]} and doubts.doubted_models(paths) == {"optimal_48"}
    assert doubts.remedies(doubts.of_models(paths)) == [doubts.REMEDIES[doubts.BARE]] and doubts.remedies({}) == []
