"""Weights of frames and factors on their expected errors."""

import re

import pytest
from ase import Atoms
from ase.db import connect
from ase.io import write
from reading import FIXTURES, SETTINGS, entry, frames_of

from gapglass.base.errors import UserError
from gapglass.frames import readers, store, trajectory, weights

KEYS = ("weight", "sigma_energy_factor", "sigma_force_factor", "sigma_virial_factor")
DEFAULTS = {"weight": 1.0, "weight_key": None, "sigma_factors": {"energy": 1.0, "force": 1.0, "virial": 1.0}}


def written(tmp_path, frames, name="run.extxyz"):
    write(tmp_path / name, frames, format="extxyz")
    return tmp_path / name


def stated(frame):
    return {key: frame.info[key] for key in KEYS if key in frame.info}


def test_frames_without_weights_are_written_as_before(tmp_path, blyp_frames):
    """The comment line has the keys and columns of a study without weights and guide, in their order, and no other."""
    path, settings = written(tmp_path, blyp_frames[:12]), SETTINGS
    plain, *_ = trajectory.import_frames([entry(path, interval=20.0)], settings)
    default, *_ = trajectory.import_frames([entry(path, interval=20.0, **DEFAULTS)], settings)
    store.write_frames(tmp_path / "plain.extxyz", plain)
    store.write_frames(tmp_path / "default.extxyz", default)
    text = (tmp_path / "default.extxyz").read_text()
    assert text == (tmp_path / "plain.extxyz").read_text()
    for comment in text.splitlines()[1::50]:
        keys = re.findall(r"(?:^|\s)(\w+)=", comment)
        assert keys == [
            *("Lattice", "Properties", "frame", "trajectory", "role", "temperature", "REF_energy"),
            *("time_ps", "REF_virial", "pbc"),
        ]
        assert "Properties=species:S:1:pos:R:3:REF_forces:R:3 " in comment


def test_canonical_frames_carry_weights_and_factors(tmp_path, blyp_frames):
    path = written(tmp_path, blyp_frames[:12])
    factors = {"energy": 2.0, "force": 1.0, "virial": 0.5}
    imported, *_ = trajectory.import_frames([entry(path, weight=4, sigma_factors=factors)], SETTINGS)
    store.write_frames(tmp_path / "out.extxyz", imported)
    for frame in store.read_frames(tmp_path / "out.extxyz"):
        assert stated(frame) == {"weight": 4.0, "sigma_energy_factor": 2.0, "sigma_virial_factor": 0.5}


def test_weights_of_trajectories_are_their_own(tmp_path, blyp_frames):
    one, two = written(tmp_path, blyp_frames[:12]), written(tmp_path, blyp_frames[12:20], "two.extxyz")
    imported, *_ = trajectory.import_frames([entry(one), entry(two, name="two", weight=0.25)], SETTINGS)
    assert [frame.info.get("weight", 1.0) for frame in imported] == [1.0] * 12 + [0.25] * 8


def test_weight_of_a_frame_is_multiplied_with_that_of_its_trajectory(tmp_path, blyp_frames):
    frames = [frame.copy() for frame in blyp_frames[:12]]
    for number, frame in enumerate(frames):
        frame.info["w"] = 0.5 * (number + 1)
    imported, *_ = trajectory.import_frames([entry(written(tmp_path, frames), weight=2.0, weight_key="w")], SETTINGS)
    assert [frame.info.get("weight", 1.0) for frame in imported] == [float(number + 1) for number in range(12)]
    assert "weight" not in imported[0].info and "w" not in imported[1].info
    unnamed, *_ = trajectory.import_frames([entry(tmp_path / "run.extxyz")], SETTINGS)
    assert not any(map(stated, unnamed))  # a key is a weight only if the configuration names it


def test_weight_key_of_a_database(tmp_path):
    with connect(tmp_path / "run.db") as database:
        database.write(Atoms("Te2", positions=[[0, 0, 0], [0, 0, 3]], cell=[8] * 3, pbc=True), w=3.0)
    (raw,), _ = frames_of(tmp_path / "run.db", weight_key="w")
    assert weights.of_frame(entry(tmp_path / "run.db", weight_key="w"), raw.atoms.info) == ({"weight": 3.0}, [])


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), "heavy", True, [1.0, 2.0], None])
def test_a_weight_that_is_no_positive_number_rejects_the_frame(tmp_path, blyp_frames, value):
    frames = [frame.copy() for frame in blyp_frames[:20]]
    for frame in frames:
        frame.info["w"] = 2.0
    if value is None:
        del frames[3].info["w"]
    else:
        frames[3].info["w"] = value
    imported, _, summary = trajectory.import_frames([entry(written(tmp_path, frames), weight_key="w")], SETTINGS)
    assert len(imported) == 19 and [item["source_index"] for item in summary["rejected"]] == [3]
    (reason,) = summary["rejected"][0]["reasons"]
    assert reason.startswith("no positive number under weight_key 'w' (its keys: REF_energy, ")


@pytest.mark.parametrize(("of_frame", "of_trajectory"), [(1e300, 1e10), (1e-300, 1e-30)])
def test_a_product_of_weights_beyond_the_numbers_rejects_the_frame(of_frame, of_trajectory):
    _, reasons = weights.of_frame({"weight": of_trajectory, "weight_key": "w"}, {"w": of_frame})
    assert len(reasons) == 1 and "with the trajectory's weight" in reasons[0]


def test_weight_key_is_refused_for_a_format_without_keys():
    path = FIXTURES / "vasp/vasprun.xml"
    with pytest.raises(UserError, match=r"`weight_key` looks at keys of the frames.*does not have; give weight"):
        readers.source_of(entry(path, weight_key="w"))
