"""Stages of the thermal cycle with LAMMPS and a GAP: restarts, thermodynamics, densities, the guards and the speed."""

import numpy as np
import pandas as pd
import pytest
from ase import units
from quenching import SETTINGS, SHORT, SPECIES, STAGE, outcome, run_stage

from gapglass.base.errors import UserError
from gapglass.glass import packing, stages, vibrations
from gapglass.glass.dump import read_dump, read_velocities
from gapglass.glass.speed import estimate

pytestmark = pytest.mark.xdist_group("lammps")  # these tests take both cores


@pytest.fixture(scope="module")
def second(tmp_path_factory, quench, fitted):
    """The outputs of the second stage, on two MPI ranks."""
    folder = tmp_path_factory.mktemp("second")
    settings = SETTINGS | {"ranks": 2}
    return run_stage(folder, quench["restart"], fitted[0], SHORT, settings, number=2)


@pytest.fixture(scope="module")
def pressed(tmp_path_factory, quench, fitted):
    """The outputs of a second stage at constant pressure, which begins at 5.2 g/cm³."""
    folder = tmp_path_factory.mktemp("npt")
    stage = SHORT | {"ensemble": "npt", "pressure": 5.0}
    return run_stage(folder, quench["restart"], fitted[0], stage, number=2, density=5.2)


def test_stages_follow_each_other(quench, second, glass_frame):
    # Velocities and positions come with the restart.
    energies = [pd.read_csv(outputs["thermo"])["total_energy_ev"] for outputs in (quench, second)]
    assert energies[1][0] == pytest.approx(energies[0].iloc[-1], abs=1e-4)
    frames = read_dump(quench["trajectory"])
    assert len(frames) == 11 and frames[0].get_chemical_formula() == glass_frame.get_chemical_formula()
    for outputs in (quench, second):
        end = pd.read_csv(outputs["thermo"])["temperature_k"].iloc[-1]
        found = outcome(outputs)
        assert (found["exploded"], found["outside"]) == (False, []) and found["temperature_k"] == pytest.approx(end)
    # The first frame of a stage is the last one of the previous stage.
    joint = (frames[-1], read_dump(second["trajectory"])[0])
    np.testing.assert_allclose(joint[0].get_scaled_positions(), joint[1].get_scaled_positions(), atol=1e-4)


def test_stage_repeats_exactly_and_does_not_depend_on_the_ranks(tmp_path, quench, second, fitted):
    start, potential = quench["restart"], fitted[0]
    again = run_stage(tmp_path / "again", start, potential, SHORT, SETTINGS | {"ranks": 2}, number=2)
    assert second["thermo"].read_text() == again["thermo"].read_text()
    one = run_stage(tmp_path / "one", start, potential, SHORT, number=2)
    serial, parallel = (pd.read_csv(outputs["thermo"]) for outputs in (one, second))
    assert len(serial) == 21
    np.testing.assert_allclose(serial, parallel, rtol=1e-5)


def test_thermo_is_that_of_the_run_alone(quench):
    # The short minimisation before the first stage has rows of its own, which are no part of the cycle.
    thermo = pd.read_csv(quench["thermo"])
    assert thermo["step"].is_monotonic_increasing and thermo["step"].tolist()[:: len(thermo) - 1] == [0, 50]
    assert thermo["temperature_k"][0] == pytest.approx(300) and (thermo["temperature_k"] > 50).all()


def test_leftovers_of_a_killed_run_are_cleared(quench, second):
    """The fixture ``quench`` begins in a folder with the working folder of a killed run."""
    for outputs in (quench, second):
        assert not list(outputs["thermo"].parent.glob(".running-*"))


def test_first_stage_begins_at_its_density_and_keeps_it(quench):
    thermo = pd.read_csv(quench["thermo"])
    np.testing.assert_allclose(thermo["density_g_per_cm3"], 5.5, rtol=1e-6)


def test_velocities_of_a_run_at_constant_energy(tmp_path, quench, fitted):
    """The velocities have the kinetic energy that LAMMPS states, and no thermostat changes the energy."""
    stage = vibrations.stage([STAGE], {"time": 0.02, "interval": 2.0})
    outputs = run_stage(tmp_path / "nve", quench["restart"], fitted[0], stage, number=4)
    thermo = pd.read_csv(outputs["thermo"]).set_index("step")
    assert np.ptp(thermo["total_energy_ev"]) < 0.02 * np.ptp(thermo["potential_energy_ev"])
    steps, types, velocities = read_velocities(outputs["velocities"])
    assert steps.tolist() == list(range(0, 21, 2)) and velocities.shape == (11, 48, 3)
    masses = np.array([15.999, 127.60])[types - 1]
    for step, speeds in zip(steps, velocities, strict=True):
        kinetic = 0.5 * (masses[:, None] * (speeds / 1000 / units.fs) ** 2).sum()  # Å/ps
        expected = thermo.loc[step, "total_energy_ev"] - thermo.loc[step, "potential_energy_ev"]
        assert kinetic == pytest.approx(expected, rel=1e-4)


def test_no_vibrations_after_an_explosion(tmp_path, quench, fitted):
    stage = vibrations.stage([STAGE], {"time": 0.02, "interval": 2.0})
    earlier = {"exploded": True, "stage": 2, "step": 7, "time_ps": 0.007}
    outputs = run_stage(tmp_path / "none", quench["restart"], fitted[0], stage, number=4, earlier=earlier)
    assert outputs["velocities"].read_text().startswith("Not made: the quench exploded in stage 2 at step 7")


def test_npt_begins_at_its_density_and_changes_the_cell(pressed):
    thermo = pd.read_csv(pressed["thermo"])
    assert thermo["density_g_per_cm3"][0] == pytest.approx(5.2, rel=1e-6)
    assert thermo["volume_angstrom3"].nunique() > 3


def test_stage_after_npt_begins_at_its_density_and_keeps_it(tmp_path, pressed, fitted):
    # Only the restart knows the cell after an npt stage.
    nvt = run_stage(tmp_path / "nvt", pressed["restart"], fitted[0], SHORT, number=3, density=5.6)
    before, after = (pd.read_csv(outputs["thermo"]) for outputs in (pressed, nvt))
    assert abs(before["density_g_per_cm3"].iloc[-1] - 5.6) > 0.05
    assert after["step"][0] == 0
    np.testing.assert_allclose(after["density_g_per_cm3"], 5.6, rtol=1e-6)
    # The atoms are scaled with the cell, and keep their velocities.
    last, begun = read_dump(pressed["trajectory"])[-1], read_dump(nvt["trajectory"])[0]
    scale = (before["density_g_per_cm3"].iloc[-1] / 5.6) ** (1 / 3)
    np.testing.assert_allclose(begun.cell.lengths() / last.cell.lengths(), scale, rtol=1e-4)
    shift = begun.get_scaled_positions() - last.get_scaled_positions()
    shift -= shift[0]  # the origin of the cell moves, as it does in npt
    np.testing.assert_allclose(shift - np.rint(shift), 0, atol=1e-4)
    assert after["temperature_k"][0] == pytest.approx(before["temperature_k"].iloc[-1], rel=1e-6)


def test_reference_density_is_that_of_the_reference_frames(tmp_path):
    rows = [("reference", 300.0, 5.5), ("reference", 300.0, 5.7), ("reference", 1000.0, 5.0), ("extra", 300.0, 5.9)]
    table = tmp_path / "table.csv"
    pd.DataFrame(rows, columns=["role", "temperature_k", "density_g_per_cm3"]).to_csv(table, index=False)
    assert stages.stage_density({"density": "reference"}, table, 300.0) == pytest.approx(5.6)
    assert stages.stage_density({"density": 4.9}, None, None) == 4.9
    assert stages.stage_density({"density": None}, None, None) is None
    with pytest.raises(UserError, match=r"no frame of role reference at 500 K \(there are 300, 1000 K\)"):
        stages.stage_density({"density": "reference"}, table, 500.0)


def test_step_down_from_a_hot_stage_is_no_runaway(tmp_path, quench, fitted):
    # The guard starts from the temperature that the atoms have, whatever the thermostat was set to before.
    cold = SHORT | {"temperature": 30.0}  # the first stage ends at more than three times this temperature
    ended = outcome(quench)
    assert ended["temperature_k"] > 90
    allowed = run_stage(tmp_path / "cold", quench["restart"], fitted[0], cold, number=2, earlier=ended)
    assert not outcome(allowed)["exploded"]
    planned = {"exploded": False, "temperature_k": 30.0}
    stopped = run_stage(tmp_path / "stopped", quench["restart"], fitted[0], cold, number=2, earlier=planned)
    assert outcome(stopped)["kind"] == "too_hot" and outcome(stopped)["stage"] == 2


def test_speed_and_failure_of_its_estimate(tmp_path, glass_frame, fitted):
    packing.write_data(tmp_path / "packed.data", glass_frame, SPECIES)
    (tmp_path / "gap.xml").write_text('<Potential label="x">\n')
    with pytest.raises(UserError, match="the first 400 steps: LAMMPS failed"):
        estimate(tmp_path / "packed.data", tmp_path / "gap.xml", None, SETTINGS, [STAGE])
    speed = estimate(tmp_path / "packed.data", fitted[0], None, SETTINGS, [STAGE])
    assert speed["ns_per_day"] == pytest.approx(speed["steps_per_second"] * 86400e-6)
