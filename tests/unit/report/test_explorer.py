"""The data of the explorer: roles, errors of single frames, what is left out of large studies."""

import json

import numpy as np
import pandas as pd
import pytest

from gapglass.report import explorer


def test_every_frame_has_a_role():
    table = pd.DataFrame({"frame": range(7), "trajectory": "glass", "labelled": [True] * 6 + [False]})
    sets = ["train", "validation", "holdout", "test", "unused", "unused", "unused"]
    predictions = pd.DataFrame({"frame": range(7), "set": sets})
    expected = ["training", "validation", "hold-out", "test", "guard", "not chosen", "no label"]
    assert explorer.roles(table, predictions, guard=[4]) == expected
    # Frames that are labelled on demand, and have not been.
    unlabelled = predictions.assign(set=[*sets[:4], "unlabelled", "unlabelled", "unlabelled"])
    assert explorer.roles(table.assign(labelled=False), unlabelled, guard=[4])[4:] == ["guard", "no label", "no label"]
    assert explorer.roles(table, guard=[4]) == [*["not used yet"] * 4, "guard", "not used yet", "no label"]


def test_errors_of_single_frames():
    predictions = pd.DataFrame(
        {"frame": [3, 8], "energy_reference_ev_per_atom": [-5.0, -5.0], "energy_gap_ev_per_atom": [-5.002, -4.999]}
    )
    gap = np.array([[1.0, 1.0, 1.0], [3.0, 3.0, 3.0], [2.0, 0.0, 0.0]])
    forces = {"frame": np.array([0, 0, 1]), "gap": gap, "reference": np.zeros((3, 3))}
    found = explorer.frame_errors(predictions, forces).set_index("frame")
    np.testing.assert_allclose(found["energy_error"], [-2.0, 1.0], atol=1e-9)
    np.testing.assert_allclose(found["force_error"], [np.sqrt(5), np.sqrt(4 / 3)])


def test_large_studies_are_thinned_and_keep_what_trains():
    n_atoms, keep = np.full(1000, 100), np.arange(1000) % 100 == 7
    assert len(explorer.thinned(n_atoms, keep, most=100_000)) == 1000
    chosen = explorer.thinned(n_atoms, keep, most=20_000)
    assert n_atoms[chosen].sum() <= 20_000 and set(np.flatnonzero(keep)) <= set(chosen) and len(chosen) > 150
    assert n_atoms[explorer.thinned(n_atoms, np.ones(1000, dtype=bool), most=20_000)].sum() <= 20_000


def test_first_replicas_of_glasses_are_shown_first():
    n_atoms = {"optimal_96_1": 96, "optimal_96_2": 96, "optimal_9000_1": 9000, "all_frames_96_1": 96}
    assert explorer.shown_glasses(n_atoms) == list(n_atoms)
    assert explorer.shown_glasses(n_atoms, most=288) == ["optimal_96_1", "optimal_96_2", "all_frames_96_1"]
    assert explorer.shown_glasses(n_atoms, most=200) == ["optimal_96_1", "all_frames_96_1"]


@pytest.fixture
def datasets(blyp_frames, fitted):
    frames = blyp_frames[:6]
    table = pd.DataFrame(
        {
            "frame": range(6),
            "trajectory": ["<b>glass</b>"] * 5 + ["harvested"],
            "temperature_k": 300.0,
            "time_ps": np.nan,
            "cluster": [0, 0, 1, 1, 2, 2],
            "energy_ev_per_atom": [-5.0] * 5 + [np.nan],
            "density_g_per_cm3": 5.5,
            "min_distance_angstrom": 1.8,
            "x": np.arange(6.0),
            "y": np.arange(6.0) ** 2,
            "role": ["training", "hold-out"] * 3,
        }
    )
    return explorer.of_frames(frames, table), explorer.of_glasses(
        {"optimal_48_1": frames[0], "optimal_48_rate_10_2": frames[1]}, {}, {"Te-O": 2.46}, {"optimal": fitted[0]}, {}
    )


def test_datasets_hold_frames_and_atoms(datasets, blyp_frames):
    frames, glasses = datasets
    assert len(frames["data"]["structures"]) == 6 and "time" not in frames["data"]["properties"]  # no time is known
    assert {"role", "cluster", "temperature", "energy", "origin"} <= set(frames["colours"])
    (x, y, z), (structure, *_) = blyp_frames[0].cell.lengths(), frames["data"]["structures"]
    assert all(0 <= value <= size for axis, size in zip("xyz", (x, y, z), strict=True) for value in structure[axis])
    properties = glasses["data"]["properties"]
    assert len(glasses["data"]["environments"]) == len(properties["element"]["values"]) == 96
    te = np.array(properties["element"]["values"][:48]) == "Te"
    count = np.array(properties["Te-O neighbours"]["values"][:48])
    distance = blyp_frames[0].get_all_distances(mic=True)[te][:, ~te]
    np.testing.assert_array_equal(count[te], (distance < 2.46).sum(axis=1))
    np.testing.assert_array_equal(count[~te], (distance < 2.46).sum(axis=0))
    energy = np.array(properties["energy of the atom"]["values"][:48])
    assert abs(energy[te].mean()) < 0.01 and np.ptp(energy[te]) > 1 and "predicted error" not in properties


def test_page_is_whole_in_itself_and_text_of_the_user_is_no_html(datasets):
    page = explorer.render("<script>alert(1)</script>", *datasets, ["5 of <i>6</i>"])
    own = page.replace(explorer.VIEWER.read_text(encoding="utf-8"), "")
    assert "<script>alert" not in own and "<b>glass" not in own and "<i>6" not in own
    assert "src=" not in own and own.count("http") == 1  # chemiscope's address
    assert own.count("</script>") == 2
    data = own[own.index("const DATASETS = ") + 17 : own.index(";\n", own.index("const DATASETS = "))]
    assert json.loads(data)["frames"]["data"]["properties"]["cluster"]["values"] == [0, 0, 1, 1, 2, 2]
