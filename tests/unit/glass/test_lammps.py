"""LAMMPS with GAP for real: the plug-in against quippy, energy conservation, the guards, explosions, restarts."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from ase import Atoms, units
from ase.io import read

from gapglass.base.errors import UserError
from gapglass.base.programs import program
from gapglass.base.units import AMU_PER_A3_IN_G_PER_CM3
from gapglass.frames import geometry
from gapglass.glass import explosion, lammps, packing, quip_plugin, stages
from gapglass.glass.dump import read_dump
from gapglass.glass.speed import estimate
from gapglass.potential import gap_xml, quip
from gapglass.report import findings

SETTINGS = {
    "composition": {"Te": 1, "O": 2}, "density": 5.0, "timestep": 1.0, "ranks": 2, "sample_interval": 5, "min_distance": 1.0,
    "max_temperature_factor": 3.0, "lammps_command": [],
}  # fmt: skip
STAGE = {"temperature": 300.0, "temperature_start": None, "time": 0.05, "ensemble": "nvt", "pressure": 0.0}

POINT = """units metal
atom_style atomic
boundary p p p
newton on
{load}
read_data start.data
pair_style quip
pair_coeff * * "{potential}" "Potential xml_label={label}" 8 52
compute virial all pressure NULL virial
thermo_style custom step pe c_virial[1] c_virial[2] c_virial[3] c_virial[4] c_virial[5] c_virial[6]
thermo_modify format float %.16g
dump forces all custom 1 forces.dump id fx fy fz
dump_modify forces sort id format float %.16g
run 0
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugin")
    quip_plugin.build_plugin(folder / "quip.so", folder / "build.log")
    return folder / "quip.so"


@pytest.fixture
def frame(blyp_frames):
    """A glass frame in the order of LAMMPS' types, as LAMMPS would be given it."""
    atoms = blyp_frames[-1]
    order = np.argsort(atoms.numbers, kind="stable")
    return Atoms(atoms.numbers[order], positions=atoms.positions[order], cell=atoms.cell, pbc=True)


def single_point(folder, atoms, potential, *, ranks, load, own=()):
    """Return energy (eV), forces (eV/Å) and stress-like virial pressure (bar, xx yy zz xy xz yz) from LAMMPS."""
    packing.write_data(folder / "start.data", atoms, ["O", "Te"])
    text = POINT.format(load=load, potential=potential, label=gap_xml.potential_label(potential))
    row = lammps.run(folder, text, ranks=ranks, own=own)[-1]
    forces = np.loadtxt(folder / "forces.dump", skiprows=9)[:, 1:]
    return row["PotEng"], forces, np.array([row[f"c_virial[{i}]"] for i in range(1, 7)])


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("shape", ["cubic", "triclinic"])
def test_plugin_equals_quippy(tmp_path, fitted, plugin, frame, ranks, shape):
    potential, _ = fitted
    if shape == "triclinic":
        cell = np.array(frame.cell)
        cell[1, 0], cell[2, 0], cell[2, 1] = 1.1, -0.7, 0.9
        frame.set_cell(cell, scale_atoms=True)
    energy, forces, pressure = single_point(tmp_path, frame, potential, ranks=ranks, load=f'plugin load "{plugin}"')
    frame.calc = quip.load_potential(potential)
    stress = frame.get_stress(voigt=False)
    expected = -np.array([stress[i] for i in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))]) / units.bar
    assert abs(energy - frame.get_potential_energy()) < 1e-6
    np.testing.assert_allclose(forces, frame.get_forces(), rtol=0, atol=1e-5)
    np.testing.assert_allclose(pressure, expected, rtol=1e-5, atol=0.05)


def test_energy_is_conserved(tmp_path, fitted, plugin, frame):
    potential, _ = fitted
    packing.write_data(tmp_path / "start.data", frame, ["O", "Te"])
    text = POINT.format(load=f'plugin load "{plugin}"', potential=potential, label=gap_xml.potential_label(potential))
    text = text.split("compute virial")[0] + (
        "velocity all create 300 5\nfix 1 all nve\ntimestep 0.001\nthermo 10\n"
        "thermo_style custom step temp pe etotal\nthermo_modify format float %.16g\nrun 200\n"
    )
    energies = np.array([row["TotEng"] for row in lammps.run(tmp_path, text, ranks=2)])
    assert len(energies) == 21
    assert np.abs(energies - energies[0]).max() / len(frame) < 1e-4


def test_own_lammps_with_the_pair_style_is_used(tmp_path, fitted, plugin, frame, monkeypatch):
    # LAMMPS loads every *plugin.so of this folder by itself, so this lmp has pair_style quip without our `plugin load`.
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "quipplugin.so").symlink_to(plugin)
    monkeypatch.setenv("LAMMPS_PLUGIN_PATH", str(tmp_path / "plugins"))
    potential, _ = fitted
    energy, *_ = single_point(tmp_path, frame, potential, ranks=1, load="", own=[program("lmp")])
    frame.calc = quip.load_potential(potential)
    assert abs(energy - frame.get_potential_energy()) < 1e-6
    text = stages.stage_input(
        STAGE, SETTINGS, title="t", potential=potential, plugin=None, restart=False, velocity_seed=1
    )
    assert "plugin" not in text


def test_lammps_without_the_pair_style_is_told(tmp_path, fitted, frame):
    with pytest.raises(lammps.LammpsFailed, match="quip"):
        single_point(tmp_path, frame, fitted[0], ranks=1, load="")


def test_launcher_that_does_not_fit_is_told(tmp_path, fitted, plugin, frame):
    with pytest.raises(UserError, match="ran on 1 MPI rank"):
        single_point(tmp_path, frame, fitted[0], ranks=2, load=f'plugin load "{plugin}"', own=[program("lmp")])


def test_absent_compiler_and_launcher_are_told(tmp_path, fitted, frame):
    with pytest.raises(UserError, match="no C\\+\\+ compiler no-such-compiler"):
        quip_plugin.build_plugin(tmp_path / "quip.so", tmp_path / "log", compiler="no-such-compiler")
    assert not (tmp_path / "quip.so").exists()
    with pytest.raises(UserError, match=r"cannot start no-such-lmp.*glass\.lammps_command"):
        single_point(tmp_path, frame, fitted[0], ranks=1, load="", own=["no-such-lmp"])


def test_packing_has_the_density_and_no_overlap(tmp_path):
    closest = {"O-O": 2.3, "O-Te": 1.75, "Te-Te": 2.9}
    packing.pack(tmp_path / "packed.data", 96, SETTINGS, closest, seed=3)
    atoms = packing.read_data(tmp_path / "packed.data", ["O", "Te"])
    assert atoms.get_chemical_formula() == "O64Te32"
    density = atoms.get_masses().sum() / atoms.get_volume() * AMU_PER_A3_IN_G_PER_CM3
    assert density == pytest.approx(5.0, rel=1e-3)
    assert geometry.closest_distance(atoms) > 1.5
    packing.pack(tmp_path / "again.data", 96, SETTINGS, closest, seed=3)
    assert (tmp_path / "again.data").read_text() == (tmp_path / "packed.data").read_text()


def test_packing_too_dense_or_too_small_is_refused(tmp_path):
    closest = {"O-O": 2.3, "O-Te": 1.75, "Te-Te": 2.9}
    with pytest.raises(UserError, match=r"glass\.density 60\.0 g/cm³ is too high"):
        packing.pack(tmp_path / "packed.data", 600, SETTINGS | {"density": 60.0, "min_distance": 1.5}, closest, seed=3)
    with pytest.raises(UserError, match="too small to pack"):
        packing.pack(tmp_path / "packed.data", 6, SETTINGS, closest, seed=3)


def run(folder, frame, fitted, plugin, stage=STAGE, settings=SETTINGS, number=1, start=None, **options):
    folder.mkdir(exist_ok=True)
    packing.write_data(folder / "start.data", frame, ["O", "Te"])
    outputs = {
        "restart": folder / "final.restart", "thermo": folder / "thermo.csv", "trajectory": folder / "t.dump",
        "outcome": folder / "outcome.json", "log": folder / "log",
    }  # fmt: skip
    paths = {"potential": fitted[0], "plugin": plugin}
    stages.run_stage(stage, number, settings, start or folder / "start.data", outputs, seed=11, **options, **paths)
    return outputs


def outcome(outputs):
    return json.loads(outputs["outcome"].read_text())


def test_stages_follow_each_other_and_repeat_exactly(tmp_path, frame, fitted, plugin):
    first = run(tmp_path / "one", frame, fitted, plugin)
    second = run(tmp_path / "two", frame, fitted, plugin, number=2, start=first["restart"])
    again = run(tmp_path / "again", frame, fitted, plugin, number=2, start=first["restart"])
    thermo = pd.read_csv(second["thermo"])
    # velocities and positions come with the restart
    assert thermo["total_energy_ev"][0] == pytest.approx(
        pd.read_csv(first["thermo"])["total_energy_ev"].iloc[-1], abs=1e-4
    )
    assert second["thermo"].read_text() == again["thermo"].read_text()
    frames = read_dump(first["trajectory"])
    assert len(frames) == 11 and frames[0].get_chemical_formula() == frame.get_chemical_formula()
    # the first frame of a stage is the last of the one before
    assert outcome(first) == outcome(second) == {"exploded": False}
    joint = (frames[-1], read_dump(second["trajectory"])[0])
    np.testing.assert_allclose(joint[0].get_scaled_positions(), joint[1].get_scaled_positions(), atol=1e-4)
    assert not list(tmp_path.rglob(".running-*"))


def test_thermo_is_that_of_the_run_alone(tmp_path, frame, fitted, plugin):
    # the short minimisation before the first stage has rows of its own, which are not part of the cycle
    thermo = pd.read_csv(run(tmp_path / "one", frame, fitted, plugin)["thermo"])
    assert thermo["step"].is_monotonic_increasing and thermo["step"].tolist()[:: len(thermo) - 1] == [0, 50]
    assert thermo["temperature_k"][0] == pytest.approx(300) and (thermo["temperature_k"] > 50).all()


def test_npt_changes_the_cell(tmp_path, frame, fitted, plugin):
    outputs = run(tmp_path / "npt", frame, fitted, plugin, stage=STAGE | {"ensemble": "npt", "pressure": 5.0})
    assert pd.read_csv(outputs["thermo"])["volume_angstrom3"].nunique() > 3


def test_stage_begins_at_its_density_and_keeps_it(tmp_path, frame, fitted, plugin):
    # after an npt stage only the restart knows the cell
    first = run(tmp_path / "npt", frame, fitted, plugin, stage=STAGE | {"ensemble": "npt", "pressure": 5.0})
    second = run(tmp_path / "nvt", frame, fitted, plugin, number=2, start=first["restart"], density=5.3)
    before, after = (pd.read_csv(outputs["thermo"]) for outputs in (first, second))
    assert abs(before["density_g_per_cm3"].iloc[-1] - 5.3) > 0.05
    assert after["step"][0] == 0
    np.testing.assert_allclose(after["density_g_per_cm3"], 5.3, rtol=1e-6)
    # the atoms go with the cell, and keep their velocities
    last, begun = read_dump(first["trajectory"])[-1], read_dump(second["trajectory"])[0]
    np.testing.assert_allclose(
        begun.cell.lengths() / last.cell.lengths(), (before["density_g_per_cm3"].iloc[-1] / 5.3) ** (1 / 3), rtol=1e-4
    )
    shift = begun.get_scaled_positions() - last.get_scaled_positions()
    shift -= shift[0]  # the origin of the cell moves, as it does in npt
    np.testing.assert_allclose(shift - np.rint(shift), 0, atol=1e-4)
    assert after["temperature_k"][0] == pytest.approx(before["temperature_k"].iloc[-1], rel=1e-6)


def test_first_stage_and_npt_take_a_density_too(tmp_path, frame, fitted, plugin):
    outputs = run(tmp_path / "one", frame, fitted, plugin, stage=STAGE | {"ensemble": "npt"}, density=5.2)
    densities = pd.read_csv(outputs["thermo"])["density_g_per_cm3"]
    assert densities[0] == pytest.approx(5.2, rel=1e-6) and densities.nunique() > 3


def test_reference_density_is_that_of_the_reference_frames(tmp_path):
    rows = [("reference", 300.0, 5.5), ("reference", 300.0, 5.7), ("reference", 1000.0, 5.0), ("extra", 300.0, 5.9)]
    table = tmp_path / "table.csv"
    pd.DataFrame(rows, columns=["role", "temperature_k", "density_g_per_cm3"]).to_csv(table, index=False)
    assert stages.stage_density({"density": "reference"}, table, 300.0) == pytest.approx(5.6)
    assert stages.stage_density({"density": 4.9}, None, None) == 4.9
    assert stages.stage_density({"density": None}, None, None) is None
    with pytest.raises(UserError, match=r"no frame of role reference at 500 K \(there are 300, 1000 K\)"):
        stages.stage_density({"density": "reference"}, table, 500.0)


def test_runaway_temperature_ends_the_stage_with_its_frames(tmp_path, frame, fitted, plugin):
    # steps far too long: a real runaway, within a few of them
    settings = SETTINGS | {"timestep": 14.0, "max_temperature_factor": 2.0, "min_distance": 0.5}
    hot = run(
        tmp_path / "hot", frame, fitted, plugin, stage=STAGE | {"temperature": 1500.0, "time": 0.84}, settings=settings
    )
    found = outcome(hot)
    assert (
        found["exploded"] and found["kind"] in ("too_hot", "too_close") and found["stage"] == 1 and found["step"] > 0
    )
    assert found["time_ps"] == pytest.approx(found["step"] * 0.014) and found["value"] > 0
    offending = read(found["offending_frame"])
    assert offending.info["step"] == found["step"] and offending.get_chemical_formula() == frame.get_chemical_formula()
    if found["kind"] == "too_hot":
        assert offending.info["temperature"] == pytest.approx(found["value"], rel=1e-3) and found["value"] > 2 * 1500
    before = read(found["frames_before"], ":")
    assert len(before) == found["n_frames_before"] <= explosion.N_RECENT
    assert all(a.info["step"] < b.info["step"] for a, b in zip(before, [*before[1:], offending], strict=True))
    for each in before:
        assert each.calc is None and each.info["min_distance_angstrom"] >= 0.5 and each.info["temperature"] > 0
        assert (each.get_scaled_positions(wrap=False) >= 0).all() and (each.get_scaled_positions(wrap=False) < 1).all()
    assert pd.read_csv(hot["thermo"])["step"].max() <= found["step"]
    assert hot["restart"].read_text().startswith("Not made: the quench exploded in stage 1 at step ")
    assert (tmp_path / "hot" / "failed" / "in.lammps").exists() and (
        tmp_path / "hot" / "failed" / "log.lammps"
    ).exists()


def test_stage_after_an_explosion_passes_it_on(tmp_path, frame, fitted, plugin):
    # the schema refuses this factor: every run is too hot then
    first = run(tmp_path / "one", frame, fitted, plugin, settings=SETTINGS | {"max_temperature_factor": 0.5})
    found = outcome(first)
    assert (found["kind"], found["step"]) == ("too_hot", 1) and found["n_frames_before"] == 1
    (tmp_path / "two" / "failed").mkdir(parents=True)
    second = run(tmp_path / "two", frame, fitted, plugin, number=2, start=first["restart"], earlier=found)
    assert outcome(second) == found and not (tmp_path / "two" / "failed").exists()
    assert second["thermo"].read_text() == first["thermo"].read_text().splitlines(keepends=True)[0]
    for key in ("restart", "trajectory", "log"):
        assert second[key].read_text().count("\n") == 1 and "stage 1 at step 1 " in second[key].read_text()
    made = {key: tmp_path / f"{key}.made" for key in ("thermo", "outcome")} | {"final": tmp_path / "final.extxyz"}
    stages.finish([first["thermo"], second["thermo"]], second["trajectory"], second["outcome"], made)
    assert outcome(made) == found
    pd.testing.assert_frame_equal(pd.read_csv(made["thermo"]), pd.read_csv(first["thermo"]))
    with pytest.raises(Exception, match="Not made"):
        read(made["final"])
    # begun anew and sound, the stage leaves nothing of it
    assert outcome(run(tmp_path / "one", frame, fitted, plugin)) == {"exploded": False}
    assert not (tmp_path / "one" / "failed").exists()


@pytest.mark.parametrize("ranks", [1, 2])
def test_atoms_that_fly_apart_are_an_explosion(tmp_path, frame, fitted, plugin, ranks):
    # guards out of reach and absurd steps: LAMMPS itself loses the atoms
    settings = SETTINGS | {"timestep": 50.0, "min_distance": 1e-3, "max_temperature_factor": 1e6, "ranks": ranks}
    lost = run(tmp_path / "lost", frame, fitted, plugin, stage=STAGE | {"time": 3.0}, settings=settings)
    found = outcome(lost)
    assert found["kind"] in ("lost_atoms", "not_finite") and found["value"] is None and found["step"] >= 1
    assert read(found["offending_frame"]).info["step"] == found["step"]
    assert all(len(each) == len(frame) for each in read(found["frames_before"], ":"))


def stand_in(folder, text):
    """Return a command that stands for LAMMPS."""
    folder.mkdir(exist_ok=True)
    (folder / "lmp.py").write_text(text)
    return [sys.executable, str(folder / "lmp.py")]


@pytest.mark.parametrize(
    "text",
    [
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        # killed while it wrote the offending frame: the next attempt will tell
        "import os, signal\nprint('Fix halt condition for fix-id too_hot met on step 7 with value 9000', flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)",
        "print('EXIT STRING: Killed (signal 9)')\nraise SystemExit(9)",
        "raise SystemExit(137)",
        "print('ERROR: Cannot open dump file: No space left on device')\nraise SystemExit(1)",
    ],
    ids=["killed", "killed after it stopped", "mpiexec", "shell", "full disk"],
)
def test_killed_lammps_and_a_full_disk_are_no_explosion(tmp_path, frame, fitted, plugin, text):
    settings = SETTINGS | {"ranks": 1, "lammps_command": stand_in(tmp_path / "own", text)}
    with pytest.raises(UserError, match=r"stage 1 \(300 K.*LAMMPS failed.*Mend what it names and run again"):
        run(tmp_path / "killed", frame, fitted, plugin, settings=settings)
    assert (tmp_path / "killed" / "failed" / "in.lammps").exists()
    assert not any((tmp_path / "killed" / name).exists() for name in ("outcome.json", "final.restart", "thermo.csv"))


def test_killed_rank_is_no_explosion(tmp_path, frame, fitted):
    own = stand_in(tmp_path / "own", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    settings = SETTINGS | {"lammps_command": [program("mpiexec"), "-n", "2", *own]}
    with pytest.raises(UserError, match="LAMMPS failed"):
        run(tmp_path / "killed", frame, fitted, None, settings=settings)


def test_step_down_from_a_hot_stage_is_no_runaway(tmp_path, frame, fitted, plugin):
    hot = run(tmp_path / "hot", frame, fitted, plugin)
    cold = STAGE | {"temperature": 40.0}
    run(tmp_path / "cold", frame, fitted, plugin, stage=cold, number=2, start=hot["restart"], before=300.0)
    told = run(tmp_path / "told", frame, fitted, plugin, stage=cold, number=2, start=hot["restart"])
    assert outcome(told)["kind"] == "too_hot" and outcome(told)["stage"] == 2


def test_leftovers_of_a_killed_run_are_cleared(tmp_path, frame, fitted, plugin):
    (tmp_path / "one" / ".running-killed").mkdir(parents=True)
    run(tmp_path / "one", frame, fitted, plugin)
    assert not (tmp_path / "one" / ".running-killed").exists()


def test_failure_of_the_estimate_is_told(tmp_path, frame, fitted, plugin):
    packing.write_data(tmp_path / "packed.data", frame, ["O", "Te"])
    (tmp_path / "gap.xml").write_text('<Potential label="x">\n')
    with pytest.raises(UserError, match="the first 20 steps: LAMMPS failed"):
        estimate(tmp_path / "packed.data", tmp_path / "gap.xml", plugin, SETTINGS, [STAGE])
    speed = estimate(tmp_path / "packed.data", fitted[0], plugin, SETTINGS, [STAGE])
    assert speed["ns_per_day"] == pytest.approx(speed["steps_per_second"] * 86400e-6)


@pytest.mark.parametrize("steps", [(0, 7, 0, 30), (0, 0, 0, 5), (0, 50, 0, 0, 10)])
def test_progress_lines_survive_a_minimisation_before(steps, monkeypatch):
    told = []
    monkeypatch.setattr(lammps, "notice", lambda *values: told.append(values))
    clock = lammps._Clock(100, 1.0, "x", interval=-1)
    for step in steps:
        clock.see(f"  {step}  300.0 -1.0 -1.0 0.5")
    assert all(values[2] > 0 for values in told)


def test_atoms_too_close_are_stopped_and_named(tmp_path, frame, fitted, plugin):
    close = run(tmp_path / "close", frame, fitted, plugin, settings=SETTINGS | {"min_distance": 2.5})
    found = outcome(close)
    assert (found["kind"], found["step"]) == ("too_close", 1) and "closer than glass.min_distance (2.5 Å)" in found[
        "message"
    ]
    # the frames before it are just as unphysical by this guard
    assert found["frames_before"] is None and found["n_frames_before"] == 0 and "no frame before" in found["message"]
    assert read(found["offending_frame"]).info["min_distance_angstrom"] == pytest.approx(found["value"], rel=1e-4)


def test_unreadable_and_lost_frames_are_left_out(tmp_path, frame):
    def dump(step, positions):
        rows = "".join(f"{i + 1} 1 O {x} {y} {z} 0 0 0\n" for i, (x, y, z) in enumerate(positions))
        return (
            f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(positions)}\nITEM: BOX BOUNDS pp pp pp\n0 9\n0 9\n0 9\n"
            f"ITEM: ATOMS id type element x y z vx vy vz\n{rows}"
        )

    sound = [(1.0, 1.0, 1.0), (4.0, 1.0, 1.0), (1.0, 4.0, 10.0)]
    frames = {
        5: dump(5, sound), 10: dump(10, [(1.0, 1.0, 1.0), (1.3, 1.0, 1.0), (1.0, 4.0, 1.0)]), 15: dump(15, sound), 20: dump(20, sound[:2]),
        25: dump(25, [*sound[:2], ("nan", "nan", "nan")]), 30: dump(30, sound)[:-40], 35: "",
    }  # fmt: skip
    for step, text in frames.items():
        (tmp_path / f"recent.{step}.lammpstrj").write_text(text)
    found = explosion.save_frames(tmp_path, SETTINGS)
    assert found["offending_step"] == 20 and found["n_frames_before"] == 2
    before = read(found["frames_before"], ":")
    assert [each.info["step"] for each in before] == [5, 15] and before[0].positions[2, 2] == pytest.approx(1.0)
    (tmp_path / "empty").mkdir()
    nothing = explosion.save_frames(tmp_path / "empty", SETTINGS)
    assert nothing["offending_frame"] is None and nothing["frames_before"] is None
    told = lammps.LammpsFailed("ERROR: Lost atoms", kind="lost_atoms")
    found = explosion.outcome(told, 2, SETTINGS, tmp_path / "empty")
    assert (
        explosion.place(found) == "stage 2 before its first step was told"
        and explosion.frames_kept(found) == "no frame could be saved"
    )


def test_potential_that_explodes_while_it_is_timed_has_no_speed(tmp_path, frame, fitted):
    own = stand_in(tmp_path / "own", "print('ERROR: Lost atoms: original 48 current 20')\nraise SystemExit(1)")
    packing.write_data(tmp_path / "packed.data", frame, ["O", "Te"])
    settings = SETTINGS | {"ranks": 1, "lammps_command": own}
    speed = estimate(tmp_path / "packed.data", fitted[0], None, settings, [STAGE])
    assert (
        speed["steps_per_second"] is speed["ns_per_day"] is speed["hours"] is None and "Lost atoms" in speed["reason"]
    )
    assert findings.speeds([{"atoms": 48, **speed}, {"atoms": 48, "ns_per_day": 2.0}]) == {48: "2.00"}


@pytest.mark.parametrize(
    ("output", "kind", "step"),
    [
        (
            "Step Temp\n 0 300\nFix halt condition for fix-id too_close met on step 33 with value 0.4\n",
            "too_close",
            33,
        ),
        ("Fix halt condition for fix-id too_hot met on step 3 with value nan\n", "not_finite", 3),
        ("Step Temp\n 0 300\n 10 nan\nLoop time of 1", "not_finite", 10),
        ("Step Temp\n 0 300\n 50 310\nERROR: Lost atoms: original 96 current 95 (src/thermo.cpp:1)", "lost_atoms", 50),
        ("ERROR on proc 0: Non-numeric pressure - simulation unstable", "not_finite", None),
        ("ERROR: something else", "other", None),
        ("WARNING: Communication cutoff is 0.0. No ghost atoms will be generated", "other", None),
    ],
)
def test_errors_in_the_log_are_recognised(output, kind, step):
    with pytest.raises(lammps.LammpsFailed) as caught:
        lammps._check(output, 0, 1)
    assert (caught.value.kind, caught.value.step) == (kind, step)
