"""Runs at constant energy: what they keep, what breaks them, and the frame that they start from."""

import numpy as np
import pandas as pd
import pytest
import quenching

from gapglass.base.errors import UserError
from gapglass.glass import stability

NVE = {"time": 0.1, "equilibration": 0.02, "timestep": None, "temperature_factor": 2.0}


def run(folder, frame, potential, temperature=600.0, settings=quenching.SETTINGS, closest=quenching.CLOSEST, **nve):
    outputs = {"outcome": folder / "outcome.json", "thermo": folder / "thermo.csv"}
    options = {"temperature": temperature, "potential": potential, "plugin": None, "closest": closest, "seed": 3}
    return stability.run(outputs, frame, settings, nve=NVE | nve, **options)


def test_energy_is_kept_and_better_with_shorter_steps(tmp_path, fitted, glass_frame):
    found, thermo = run(tmp_path, glass_frame, fitted[0])
    assert found["survived"] and found["n_atoms"] == 48 and found["timestep_fs"] == 0.5  # half of that of the quench
    assert found["time_ps"] == pytest.approx(0.1) and thermo["time_ps"].iloc[0] == pytest.approx(0.02)
    assert 300 < found["mean_temperature_k"] < 1200
    # Every step has a row; the energy is that of all atoms, which the thermostat no longer changes.
    assert len(thermo) == 201 and found["fluctuation_mev_per_atom"] < 0.2
    assert abs(found["drift_mev_per_atom_per_ps"]) < 1
    assert found["closeness"]["n_frames"] == 11 and 0.5 < found["closeness"]["ratio"] < 2
    assert all(found[name] is None for name in stability.OF_AN_EXPLOSION)
    assert not list(tmp_path.iterdir()) and "48 atoms held together for 0.1 ps" in stability.text_of(found)
    longer, _ = run(tmp_path, glass_frame, fitted[0], timestep=2.0)
    assert longer["fluctuation_mev_per_atom"] > 4 * found["fluctuation_mev_per_atom"]  # grows with the square


@pytest.mark.parametrize(("distance", "phase"), [(1.9, "equilibration"), (None, "constant energy")])
def test_an_explosion_is_a_result(tmp_path, fitted, glass_frame, distance, phase):
    settings = quenching.SETTINGS | {"closest_fraction": 1.0}
    if distance:  # closer than that atoms are from the start
        found, thermo = run(
            tmp_path, glass_frame, fitted[0], settings=settings, closest={"O-O": 4.0, "O-Te": 1.0, "Te-Te": 1.0}
        )
        assert found["time_ps"] == 0.0 and thermo.empty
    else:  # the steps are too long for these temperatures
        found, thermo = run(tmp_path, glass_frame, fitted[0], 3000.0, timestep=10.0, time=3.0, equilibration=0.01)
        assert found["kind"] in ("too_close", "too_hot", "not_finite", "lost_atoms")
    assert not found["survived"] and found["message"] and "Possible reasons" not in found["message"]
    assert (tmp_path / "failed/log.lammps").exists() and found["offending_frame"] == str(
        tmp_path / "failed/offending.extxyz"
    )
    assert "flew apart at step" in stability.text_of(found)


def test_a_failure_of_lammps_is_no_result(tmp_path, fitted, glass_frame):
    command = quenching.stand_in(
        tmp_path / "bin", "print('ERROR: Unrecognized pair style gapglass'); raise SystemExit(1)"
    )
    with pytest.raises(UserError, match="NVE at 600 K: LAMMPS failed"):
        run(tmp_path, glass_frame, fitted[0], settings=quenching.SETTINGS | {"lammps_command": command})


def test_drift_is_the_slope_and_fluctuation_the_rest():
    time = np.linspace(0, 2, 201)
    energy = 10 * (-5.0 + 0.003 * time + 0.002 * np.sin(2 * np.pi * 10 * time))  # eV of 10 atoms
    thermo = pd.DataFrame({"time_ps": time, "total_energy_ev": energy, "temperature_k": 300.0})
    found = stability.conservation(thermo, 10)
    assert found["drift_mev_per_atom_per_ps"] == pytest.approx(3.0, abs=0.2)
    assert found["fluctuation_mev_per_atom"] == pytest.approx(2 / np.sqrt(2), rel=0.02)
    assert found["mean_temperature_k"] == 300.0
    assert set(stability.conservation(thermo[:10], 10).values()) == {None}


def test_start_is_the_last_of_the_hottest_frames_of_the_glass():
    rows = [("Te16O32", 300), ("Te16O32", 2000), ("Te16O32", 2000), ("Te16", 3000), ("Te16O32H", 4000)]
    table = pd.DataFrame(rows, columns=["formula", "temperature_k"])
    assert stability.choose(table, {"Te": 1, "O": 2}) == 2
    assert stability.choose(table[3:4], {"Te": 1, "O": 2}) == 0
    with pytest.raises(UserError, match=r"no frame has the species of glass\.composition"):
        stability.choose(table, {"Si": 1})
