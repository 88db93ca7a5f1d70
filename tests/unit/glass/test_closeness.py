"""How close the atoms of a stage came: shares and ratios of dumps with a known answer."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms
from conftest import ROOT
from quenching import CLOSEST, KNOWN, SETTINGS, SHORT, outcome, run_stage

from gapglass.frames.geometry import REACH
from gapglass.glass import closeness, dump, stages
from gapglass.glass.guards import sum_of_radii


def write_dump(path, distances, symbols=("O", "Te"), cell=11.0):
    """Write a dump of two atoms, the second across the boundary of the cell, at these distances (Å) in its frames."""
    text = "".join(
        f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n{3 * f'0 {cell}{chr(10)}'}"
        f"ITEM: ATOMS id type element x y z\n1 1 {symbols[0]} 0.5 1 1\n2 2 {symbols[1]} {0.5 - distance + cell} 1 1\n"
        for step, distance in enumerate(distances)
    )
    path.write_text(text)
    return path


def count(path, closest=CLOSEST, stage=1):
    _, _, distances = closeness.distances_of(dump.sample_dump(path, closeness.MOST_FRAMES), closest)
    return closeness.count(stage, distances, closest)


def test_share_and_smallest_ratio_of_a_dump_with_three_of_twenty_frames_too_close(tmp_path):
    ratios = [1.2] * 13 + [0.97, 0.92, 0.92, 0.97, 0.88, 0.74, 0.89]
    found = count(write_dump(tmp_path / "t.dump", [1.75 * ratio for ratio in ratios]), stage=2)
    assert (found["stage"], found["n_frames"], found["pair"]) == (2, 20, "O-Te")
    assert found["ratio"] == pytest.approx(0.74) and found["distance_angstrom"] == pytest.approx(0.74 * 1.75)
    assert found["reference"] == "1.75 Å, the closest that O-Te come in the frames"
    below = {"1": 7, "0.95": 5, "0.9": 3, "0.85": 1, "0.8": 1, "0.75": 1, "0.7": 0, "0.6": 0, "0.5": 0}
    assert found["shares"] == {ratio: n / 20 for ratio, n in below.items()}
    assert closeness.share(found, 0.9) == 0.15 and closeness.share(found, 1.0) == 7 / 20
    assert closeness.text(found).startswith(
        "closest of 20 saved frames: O-Te at 1.295 Å, 0.740 of 1.75 Å, the closest"
    )
    assert closeness.text(found).endswith(
        "; 35 % below 1, 25 % below 0.95, 15 % below 0.9, 5 % below 0.85, 5 % below 0.8, 5 % below 0.75"
    )


def test_frame_with_several_close_pairs_counts_once_and_the_smallest_ratio_decides(tmp_path):
    # O-O is closer in Å, Te-Te is closer as a share of what the frames hold.
    positions = [[0, 0, 0], [2.1, 0, 0], [0, 6, 0], [2.3, 6, 0]]
    frame = Atoms("OOTeTe", positions=positions, cell=[12] * 3, pbc=True)
    symbols, steps, distances = closeness.distances_of([(0, frame), (20, frame)], CLOSEST)
    found = closeness.count(1, distances, CLOSEST)
    assert symbols == ["O", "O", "Te", "Te"] and steps == [0, 20] and found["pair"] == "Te-Te"
    assert found["ratio"] == pytest.approx(2.3 / 2.9) and found["shares"]["1"] == found["shares"]["0.8"] == 1.0
    assert found["shares"]["0.75"] == 0


def test_pairs_that_the_frames_never_hold_together_or_only_far_apart(tmp_path):
    radii = sum_of_radii("O-Te")
    path = write_dump(tmp_path / "t.dump", [0.95 * radii, 0.85 * radii])
    for closest in ({"O-O": 2.3}, {"O-O": 2.3, "O-Te": None}):
        found = count(path, closest)
        assert found["ratio"] == pytest.approx(0.85) and found["shares"]["0.9"] == 0.5
        assert found["reference"].startswith(f"{radii:.2f} Å, the sum of the covalent radii, because the frames never")
    # Farther apart than the search reaches: closer than that is closer than the frames, and beyond is not told.
    path = write_dump(tmp_path / "far.dump", [0.87 * REACH, 1.1 * REACH])
    found = count(path, {"O-Te": REACH})
    assert found["ratio"] == pytest.approx(0.87) and found["shares"]["1"] == found["shares"]["0.9"] == 0.5
    assert found["reference"] == "4.00 Å or more, the closest that O-Te come in the frames"
    none = count(write_dump(tmp_path / "none.dump", [1.1 * REACH] * 2), {"O-Te": REACH})
    assert none["pair"] is none["ratio"] is none["distance_angstrom"] is None and not any(none["shares"].values())
    assert closeness.text(none) == "no pair within reach in 2 saved frames" and closeness.doubts([none], 1.0, 0) == []
    json.dumps(none, allow_nan=False)


def test_pair_of_large_atoms_is_searched_as_far_as_its_radii_reach(tmp_path):
    radii = sum_of_radii("Cs-Cs")
    path = write_dump(tmp_path / "t.dump", [4.3, 4.7], ("Cs", "Cs"), cell=15.0)
    found = count(path, {})
    assert radii > 4.8 and found["ratio"] == pytest.approx(4.3 / radii) and found["shares"]["0.9"] == 0.5


def test_without_frames_nothing_is_counted(tmp_path):
    (tmp_path / "t.dump").write_text("Not made: the quench exploded\n")
    assert count(tmp_path / "t.dump") is None


def test_long_stages_are_sampled_at_equal_intervals(tmp_path, monkeypatch):
    path = write_dump(tmp_path / "t.dump", [1.5] * 10 + [1.8] * 30)
    assert count(path)["n_frames"] == 40
    monkeypatch.setattr(closeness, "MOST_FRAMES", 20)
    found = count(path)
    assert found["n_frames"] == 20 and found["shares"]["0.9"] == 0.25


def test_start_of_the_first_stage_relaxes_before_it_is_counted():
    assert closeness.relaxed_from(1, 10_000, 0.5) == 2000 and closeness.relaxed_from(1, 10_000, 2.0) == 500
    assert closeness.relaxed_from(1, 500, 2.0) == 250 and closeness.relaxed_from(1, 1, 2.0) == 0
    assert closeness.relaxed_from(2, 10_000, 0.5) == 0


def test_models_are_found_by_the_name_of_their_folder(tmp_path):
    paths = [tmp_path / f"glass/optimal/48/{replica}/outcome.json" for replica in (1, 2, 3)]
    contents = [{"closeness": [7]}, {"closeness": [8]}, {"exploded": False}]
    for path, content in zip(paths, contents, strict=True):
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content))
    assert closeness.counts_of_models(paths) == {"optimal_48_1": [7], "optimal_48_2": [8], "optimal_48_3": []}


def test_ratios_of_the_configuration_are_those_that_are_counted():
    schema = yaml.safe_load(Path(ROOT / "src/gapglass/study/schema.yaml").read_text())
    key = schema["properties"]["glass"]["properties"]["too_close_ratio"]
    assert tuple(key["enum"]) == closeness.RATIOS and key["default"] in closeness.RATIOS


@pytest.mark.xdist_group("lammps")
def test_stage_counts_its_own_frames_and_repeats_the_counts(tmp_path, quench, fitted, monkeypatch):
    """The counts are those of a direct search in the dump; a stage that runs again, on two ranks too, has the same."""
    frames = dump.read_dump(quench["trajectory"])
    monkeypatch.setitem(KNOWN.closest, "O-Te", 2.0)  # so that many frames come closer
    runs = [
        outcome(run_stage(tmp_path / name, quench["restart"], fitted[0], SHORT, SETTINGS | {"ranks": ranks}, number=2))
        for name, ranks in (("one", 1), ("again", 1), ("two", 2))
    ]
    assert runs[0] == runs[1]
    (found,) = runs[0]["closeness"]
    assert runs[2]["closeness"][0]["shares"] == found["shares"] and found["stage"] == 2
    frames = dump.read_dump(tmp_path / "one/t.dump")
    smallest = []
    for frame in frames:
        distances, symbols = frame.get_all_distances(mic=True), np.array(frame.symbols)
        np.fill_diagonal(distances, np.inf)
        smallest.append(
            min(
                distances[np.ix_(symbols == pair.split("-")[0], symbols == pair.split("-")[1])].min() / reference
                for pair, reference in KNOWN.closest.items()
            )
        )
    assert found["n_frames"] == len(frames) == 5 and found["ratio"] == pytest.approx(min(smallest))
    assert found["shares"] == {f"{ratio:g}": np.mean(np.array(smallest) < ratio) for ratio in closeness.RATIOS}
    assert found["shares"]["1"] == 1 > found["shares"]["0.85"]


@pytest.mark.xdist_group("lammps")
def test_counts_of_all_stages_reach_the_model_and_its_judgement(tmp_path, quench, fitted, caplog):
    first = outcome(quench)
    second = run_stage(tmp_path / "two", quench["restart"], fitted[0], SHORT, number=2, earlier=first)
    counts = outcome(second)["closeness"]
    # The first stage has 11 frames in 50 steps, of which the first half relaxes.
    assert [(item["stage"], item["n_frames"]) for item in counts] == [(1, 6), (2, 5)]
    assert outcome(second)["closeness"][0] == first["closeness"][0]
    made = {key: tmp_path / f"{key}.made" for key in ("thermo", "outcome")} | {"final": tmp_path / "final.extxyz"}
    told = outcome(second)
    told["closeness"][1]["shares"]["0.9"] = 0.4
    second["outcome"].write_text(json.dumps(told))
    caplog.set_level("INFO", "gapglass")
    judgement = {"too_close_ratio": 0.9, "max_too_close_share": 0.05}
    stages.finish([quench["thermo"], second["thermo"]], second["trajectory"], second["outcome"], made, judgement)
    assert outcome(made)["believed"] is False and [item["stage"] for item in outcome(made)["doubts"]] == [2]
    assert "NOT TO BE BELIEVED, stage 2: in 40 % of 5 saved frames a pair is closer than 0.9" in caplog.text
    assert len(dump.read_dump(second["trajectory"])[-1]) == int(made["final"].read_text().split()[0])
