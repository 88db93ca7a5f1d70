"""Errors of potentials by hand, and several potentials side by side on frames that none of them used."""

import numpy as np
import pandas as pd
import pytest

from gapglass.potential import evaluation, failures


def test_errors_by_hand(blyp_frames):
    frames = [frame.copy() for frame in blyp_frames[:2]]
    energies = [frame.info["REF_energy"] + shift for frame, shift in zip(frames, (0.048, -0.096), strict=True)]
    forces = [frame.arrays["REF_forces"] + 0.3 for frame in frames]
    errors = evaluation.errors(frames, energies, forces)
    assert errors["rmse_energy_mev_per_atom"] == pytest.approx(np.sqrt((1 + 4) / 2))
    assert errors["rmse_force_ev_per_angstrom"] == pytest.approx(0.3)
    assert evaluation.errors([], [], [])["rmse_energy_mev_per_atom"] is None
    with pytest.raises(failures.FitFailed, match="not finite"):
        failures.refuse_unusable({"rmse_energy_mev_per_atom": np.nan})


def test_frames_without_a_label_are_predicted_and_count_in_no_error(blyp_frames):
    frames = [frame.copy() for frame in blyp_frames[:3]]
    energies = np.array([frame.info["REF_energy"] + 0.048 for frame in frames])
    forces = [frame.arrays["REF_forces"] + 0.3 for frame in frames]
    del frames[1].info["REF_energy"], frames[1].arrays["REF_forces"]
    for frame in frames:
        frame.info |= {"temperature": 300.0, "trajectory": "glass"}
    database = {"train": [0], "holdout": [2]}
    errors, predictions, arrays = evaluation.tabulate(frames, database, energies, forces, {})
    assert predictions["set"].tolist() == ["train", "unlabelled", "holdout"]
    assert predictions["energy_reference_ev_per_atom"].isna().tolist() == [False, True, False]
    assert np.allclose(predictions["energy_gap_ev_per_atom"] * len(frames[0]), energies)
    assert errors["holdout"]["rmse_energy_mev_per_atom"] == pytest.approx(1.0)
    assert errors["unused"]["rmse_energy_mev_per_atom"] is None
    unknown = np.isnan(arrays["reference"]).all(axis=1)
    assert np.array_equal(unknown, arrays["frame"] == 1) and np.isfinite(arrays["gap"]).all()


def test_potentials_are_compared_where_no_loop_has_been():
    def predictions(sets, error):
        reference = np.zeros(4)
        temperature = [300.0, 300.0, 600.0, 600.0]
        return pd.DataFrame(
            {
                "set": sets,
                "temperature_k": temperature,
                "energy_reference_ev_per_atom": reference,
                "energy_gap_ev_per_atom": error,
            }
        )

    tables = {
        "optimal": predictions(["train", "holdout", "holdout", "holdout"], [9.0, 0.001, 0.002, 9.0]),
        "soap_only": predictions(["holdout", "holdout", "holdout", "test"], [9.0, 0.003, 0.004, 9.0]),
        "all_frames": predictions(["train"] * 4, [9.0, 0.0, 0.0, 9.0]),
    }
    arrays = {"frame": np.repeat(range(4), 2), "reference": np.zeros((8, 3)), "gap": np.full((8, 3), 0.1)}
    found = evaluation.compare(tables, dict.fromkeys(tables, arrays))
    overall = found[found["temperature_k"].isna()].set_index("potential")
    assert overall["n_frames"].tolist() == [2, 2, 2]
    assert overall.loc["optimal", "rmse_energy_mev_per_atom"] == pytest.approx(np.sqrt((1 + 4) / 2))
    assert overall.loc["soap_only", "rmse_energy_mev_per_atom"] == pytest.approx(np.sqrt((9 + 16) / 2))
    assert overall["trained_on_them"].to_dict() == {"optimal": False, "soap_only": False, "all_frames": True}
    assert overall["rmse_force_ev_per_angstrom"].tolist() == pytest.approx([0.1] * 3)
    used = {"optimal": tables["optimal"].assign(set="train"), "soap_only": tables["soap_only"]}
    assert evaluation.compare(used, dict.fromkeys(used, arrays)).empty


def test_errors_by_temperature_have_intervals_over_their_blocks():
    rng = np.random.default_rng(5)
    n_frames, n_atoms = 60, 4
    sets = np.array(["holdout"] * 48 + ["validation"] * 8 + ["train"] * 4)
    kelvin = np.where(np.arange(n_frames) < 24, 300.0, 1000.0)
    error = np.where(kelvin == 300, 0.002, 0.02) * rng.normal(1, 0.1, n_frames)
    energy = rng.normal(-5, 0.1, n_frames)
    energy[20] = np.nan  # without a label
    columns = {"frame": range(n_frames), "set": sets, "temperature_k": kelvin, "energy_reference_ev_per_atom": energy}
    predictions = pd.DataFrame(columns | {"energy_gap_ev_per_atom": energy + error})
    reference = rng.normal(size=(n_frames * n_atoms, 3))
    forces = {"frame": np.repeat(range(n_frames), n_atoms), "reference": reference}
    forces["gap"] = reference + np.repeat(np.where(kelvin == 300, 0.1, 0.3), n_atoms)[:, None]
    blocks = {
        "holdout": [{"run": 0, "frames": list(range(first, first + 4))} for first in range(0, 48, 4)],
        "validation": [{"run": 0, "frames": list(range(48, 56))}],
    }
    found = evaluation.by_temperature(predictions, forces, blocks)
    assert [(row["set"], row["temperature_k"], row["n_frames"]) for row in found] == [
        ("validation", 1000.0, 8),
        ("holdout", 300.0, 23),
        ("holdout", 1000.0, 24),
    ]
    cold, hot = found[1:]
    held = predictions[(sets == "holdout") & (kelvin == 300)].dropna()
    difference = held["energy_gap_ev_per_atom"] - held["energy_reference_ev_per_atom"]
    assert cold["rmse_energy_mev_per_atom"] == pytest.approx(1000 * evaluation.rmse(difference))
    assert cold["rmse_force_ev_per_angstrom"] == pytest.approx(0.1)
    assert hot["rmse_force_ev_per_angstrom"] == pytest.approx(0.3) and hot["n_blocks"] == 6
    low, high = hot["intervals"]["rmse_energy_mev_per_atom"]
    assert low < hot["rmse_energy_mev_per_atom"] < high < 30
    # One block tells no interval, and neither do frames that lie in none.
    assert found[0]["n_blocks"] == 1 and set(found[0]["intervals"].values()) == {None}
    none = evaluation.by_temperature(predictions, forces, {"holdout": blocks["holdout"][:3]})
    assert all(set(row["intervals"].values()) == {None} for row in none)
