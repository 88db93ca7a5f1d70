"""Failures of LAMMPS, recognised from status and log, and progress lines; scripts take the place of LAMMPS."""

import subprocess
import sys

import pytest
from quenching import SETTINGS, SPECIES, STAGE, run_stage, stand_in

from gapglass.base.errors import UserError
from gapglass.base.programs import program
from gapglass.glass import lammps, packing
from gapglass.glass.speed import estimate
from gapglass.report import findings


@pytest.mark.parametrize(
    "text",
    [
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        # This one is killed while it writes the offending frame. The next attempt finds the explosion again.
        "import os, signal\nprint('Fix halt condition for fix-id too_hot met on step 7 with value 9000', flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)",
        "print('EXIT STRING: Killed (signal 9)')\nraise SystemExit(9)",
        "raise SystemExit(137)",
        "print('ERROR: Cannot open dump file: No space left on device')\nraise SystemExit(1)",
    ],
    ids=["killed", "killed after it stopped", "mpiexec", "shell", "full disk"],
)
def test_killed_lammps_and_a_full_disk_are_no_explosion(tmp_path, glass_frame, fitted, text):
    settings = SETTINGS | {"lammps_command": stand_in(tmp_path / "own", text)}
    with pytest.raises(UserError, match=r"stage 1 \(300 K.*LAMMPS failed.*Mend what it names and run again"):
        run_stage(tmp_path / "killed", glass_frame, fitted[0], settings=settings)
    assert (tmp_path / "killed" / "failed" / "in.lammps").exists()
    assert not any((tmp_path / "killed" / name).exists() for name in ("outcome.json", "final.restart", "thermo.csv"))


def test_killed_rank_is_no_explosion(tmp_path, glass_frame, fitted):
    own = stand_in(tmp_path / "own", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    settings = SETTINGS | {"ranks": 2, "lammps_command": [program("mpiexec"), "-n", "2", *own]}
    with pytest.raises(UserError, match="LAMMPS failed"):
        run_stage(tmp_path / "killed", glass_frame, fitted[0], settings=settings)


def test_potential_that_explodes_during_the_estimate_has_no_speed(tmp_path, glass_frame, fitted):
    own = stand_in(tmp_path / "own", "print('ERROR: Lost atoms: original 48 current 20')\nraise SystemExit(1)")
    packing.write_data(tmp_path / "packed.data", glass_frame, SPECIES)
    settings = SETTINGS | {"lammps_command": own}
    speed = estimate(tmp_path / "packed.data", fitted[0], None, settings, [STAGE])
    assert speed["steps_per_second"] is speed["ns_per_day"] is speed["hours"] is None
    assert "Lost atoms" in speed["reason"]
    assert findings.speeds([{"atoms": 48, **speed}, {"atoms": 48, "ns_per_day": 2.0}]) == {48: "2.00"}


@pytest.mark.parametrize("steps", [(0, 7, 0, 30), (0, 0, 0, 5), (0, 50, 0, 0, 10)])
def test_progress_lines_survive_a_minimisation_before(steps, monkeypatch):
    reported = []
    monkeypatch.setattr(lammps, "notice", lambda *values: reported.append(values))
    progress = lammps._ThermoProgress(100, 1.0, "x", interval=-1)
    for step in steps:
        progress.see(f"  {step}  300.0 -1.0 -1.0 0.5")
    assert all(values[2] > 0 for values in reported)


def test_steps_of_a_minimisation_are_no_progress(monkeypatch):
    reported = []
    monkeypatch.setattr(lammps, "notice", lambda *values: reported.append(values[2]))
    progress = lammps._ThermoProgress(1000, 1.0, "x", interval=-1)
    progress.see("Setting up cg style minimization ...")
    for step in (0, 100, 300):
        progress.see(f"  {step}  0 -1.0 -1.0 0.5")
    progress.see("Setting up Verlet run ...")
    for step in (0, 20, 40):
        progress.see(f"  {step}  300.0 -1.0 -1.0 0.5")
    assert reported == [20, 40]


@pytest.mark.parametrize(
    ("output", "kind", "step"),
    [
        (
            "Step Temp\n 0 300\nFix halt condition for fix-id too_close_1_2 met on step 33 with value 1\n",
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


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("gapglass.glass.quip_plugin, gapglass.study.paths", {"numpy", "ase"}),  # at every parse of the workflow
        ("gapglass.glass.stages, gapglass.glass.own_lammps", {"pandas", "scipy", "jinja2", "ase.io"}),
    ],
    ids=["workflow", "jobs"],
)
def test_modules_import_only_what_they_need(modules, heavy):
    code = f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
