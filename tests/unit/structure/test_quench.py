"""Displacements, coordination along a cycle and the glass transition, on systems with a known answer."""

import numpy as np
import pandas as pd
import pytest
from ase import Atoms

from gapglass.structure import quench
from gapglass.structure.displacements import mean_square_displacements, unwrapped
from gapglass.structure.transition import cooling_points, glass_transition


def test_free_flight_grows_as_the_square_of_time():
    """Two atoms that fly apart leave the cell many times; the centre of mass rests."""
    velocity = np.array([(1.0, 2.0, -2.0), (-1.0, -2.0, 2.0)])  # 3 Å per step
    frames = [Atoms("Ar2", positions=10 + n * velocity, cell=[8.0] * 3, pbc=True) for n in range(41)]
    for frame in frames:
        frame.wrap()
    table = mean_square_displacements(frames, 0.5)
    np.testing.assert_allclose(table["msd_angstrom2"], 9 * (table["time_ps"] / 0.5) ** 2)
    assert table["time_ps"].max() == 10.0


def test_random_walk_grows_as_six_d_t_and_drift_does_not_count():
    rng = np.random.default_rng(3)
    steps = rng.normal((0.4, 0, 0), 0.2, (400, 300, 3))
    places = np.cumsum(steps, axis=0)
    symbols = ["O"] * 200 + ["Si"] * 100
    frames = [Atoms(symbols, positions=place, cell=[6.0, 7.0, 8.0], pbc=True) for place in places]
    for frame in frames:
        frame.wrap()
    table = mean_square_displacements(frames, 1.0).set_index(["species", "time_ps"])["msd_angstrom2"]
    assert len(table) == 80
    for (_, time), found in table.items():
        # Few origins at long times leave noise; the centre of mass takes one 300th with it.
        assert found == pytest.approx(3 * 0.04 * time, rel=0.15)


def test_an_affine_change_of_the_cell_moves_no_atom():
    scaled = np.random.default_rng(1).random((20, 3))
    frames = [Atoms("Ar20", scaled_positions=scaled, cell=[5 + 0.1 * n] * 3, pbc=True) for n in range(9)]
    np.testing.assert_allclose(unwrapped(frames), 0, atol=1e-12)


PLATEAUS = np.repeat([300.0, 1000.0, 2000.0], 8) + np.tile(np.arange(8), 3)  # windows of three stages


def bent(temperatures, at=900.0, glass=2.6e-4, liquid=4.0e-4):
    return -5 + glass * temperatures + (liquid - glass) * np.maximum(temperatures - at, 0)


def test_transition_is_where_the_lines_cross():
    temperatures = np.linspace(300, 2000, 30)
    found = glass_transition(temperatures, bent(temperatures))
    assert found["temperature_k"] == pytest.approx(900.0, abs=1e-6) and found["error_k"] < 1e-3
    assert found["reason"] is None


def test_error_of_the_transition_covers_the_truth():
    """With noise, four of five estimates lie within two of their standard errors."""
    rng, temperatures, inside = np.random.default_rng(0), np.linspace(300, 2000, 30), 0
    for _ in range(50):
        found = glass_transition(temperatures, bent(temperatures) + rng.normal(0, 2e-3, 30))
        inside += abs(found["temperature_k"] - 900) < 2 * found["error_k"]
    assert inside >= 40


@pytest.mark.parametrize(
    ("temperatures", "enthalpy", "reason"),
    [
        (np.linspace(300, 2000, 6), bent(np.linspace(300, 2000, 6)), "6 temperatures, at least 8"),
        (PLATEAUS, bent(PLATEAUS), "temperatures, at least 8"),
        (np.linspace(300, 2000, 20), -5 + 3e-4 * np.linspace(300, 2000, 20), ""),
        (np.linspace(300, 2000, 20), bent(np.linspace(300, 2000, 20), liquid=1e-4), "does not exceed"),
    ],
    ids=["few", "three plateaus", "straight", "bent downwards"],
)
def test_no_transition_is_named(temperatures, enthalpy, reason):
    found = glass_transition(temperatures, enthalpy + 1e-4 * np.random.default_rng(2).normal(size=len(temperatures)))
    assert found["temperature_k"] is None and reason in found["reason"]


def test_cooling_begins_at_the_hottest_stage_and_ends_before_a_reheating():
    table = pd.DataFrame({"stage": [1, 2, 3, 4, 5], "window": 1, "temperature_k": [300.0, 2000, 1000, 300, 600]})
    assert cooling_points(table)["stage"].tolist() == [2, 3, 4]


def dimers(distance, n_frames=16):
    """Return frames of Si-O pairs far from each other."""
    places = [(x, 5.0, 5.0) for x in (5.0, 15.0)]
    atoms = Atoms(
        "Si2O2", positions=[*places, *((x + distance, y, z) for x, y, z in places)], cell=[20.0] * 3, pbc=True
    )
    return [atoms.copy() for _ in range(n_frames)]


def test_windows_of_a_cycle():
    """The first stage has bonds, the second none; temperatures fall linearly within the second."""
    thermo = pd.DataFrame({
        "stage": np.repeat([1, 2], 17), "time_ps": np.arange(34.0), "total_energy_ev": -8.0, "pressure_gpa": 0.0,
        "temperature_k": [2000.0] * 17 + list(np.linspace(2000, 400, 17)), "volume_angstrom3": 8000.0,
        "density_g_per_cm3": 1.0,
    })  # fmt: skip
    stages = {1: (np.arange(16) * 10, dimers(1.6)), 2: (np.arange(16) * 10, dimers(3.0)), 3: ([], [])}
    windows, moved = quench.of_cycle(stages, thermo, {"Si-O": 2.0}, 0.001)
    assert windows.groupby("stage").size().tolist() == [8, 8]
    assert windows["Si-O"].tolist() == [1.0] * 8 + [0.0] * 8
    assert windows["enthalpy_ev_per_atom"].unique().tolist() == [-2.0]
    cooled = windows.loc[windows["stage"] == 2, "temperature_k"]
    np.testing.assert_allclose(cooled, 2000 - 1600 * (np.arange(8) + 0.5) / 8)
    assert moved["time_ps"].max() == pytest.approx(0.08) and (moved["msd_angstrom2"] == 0).all()


def test_windows_of_thermodynamics_alone():
    """A stage that has few rows has as many windows; temperatures are the means over each."""
    thermo = pd.DataFrame({
        "stage": [1] * 17 + [2] * 3, "time_ps": [*np.arange(17.0), 17.0, 18.0, 19.0], "total_energy_ev": -8.0,
        "temperature_k": [*np.linspace(2000, 400, 17), 300.0, 310.0, 320.0], "pressure_gpa": 0.0,
        "volume_angstrom3": 8000.0, "density_g_per_cm3": 1.0,
    })  # fmt: skip
    windows = quench.of_thermodynamics(thermo, 4)
    assert windows.columns.tolist() == quench.COLUMNS and windows["stage"].tolist() == [1] * 8 + [2] * 3
    assert windows["enthalpy_ev_per_atom"].unique().tolist() == [-2.0]
    cooled = windows.loc[windows["stage"] == 1, "temperature_k"]
    assert cooled.is_monotonic_decreasing and 1700 < cooled.iloc[0] < 2000
    assert quench.of_thermodynamics(thermo[:0], 4).empty


def test_pressure_times_volume_is_part_of_the_enthalpy():
    """1 GPa times 160.2177 Å³ is 1 eV."""
    thermo = pd.DataFrame({
        "time_ps": [0.0, 1.0], "temperature_k": 300.0, "total_energy_ev": -3.0, "pressure_gpa": 1.0,
        "volume_angstrom3": 160.21766, "density_g_per_cm3": 2.0,
    })  # fmt: skip
    window = pd.DataFrame({"share_begin": [0.0], "share_end": [1.0]})
    found = quench.with_thermodynamics(window, thermo, 2)
    assert found["enthalpy_ev_per_atom"].tolist() == pytest.approx([-1.0])


def test_reference_needs_equal_steps():
    frames = dimers(1.6, 12)
    for number, frame in enumerate(frames):
        late = 5.0 if number > 3 else 0.0
        frame.info |= {"role": "reference", "temperature": 300.0, "trajectory": "a", "time_ps": 0.02 * number + late}
    run, interval = quench.longest_run(frames)
    assert len(run) == 8 and run[0] is frames[4] and interval == pytest.approx(0.02)
    plateaus, moved = quench.of_reference(frames, {"Si-O": 2.0})
    assert plateaus.to_dict("records") == [{"temperature_k": 300.0, "O-Si": 1.0, "Si-O": 1.0}]
    assert moved["time_ps"].max() == pytest.approx(0.08)
    del frames[5].info["time_ps"]
    assert quench.longest_run(frames) == ([], None)
