"""What `gapglass inspect` finds in a trajectory, and its text."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.io import write
from conftest import ROOT
from reading import FIXTURES

from gapglass.base.errors import UserError
from gapglass.cli import main
from gapglass.frames import inspection, readers
from gapglass.frames.plateaus import drift, segments
from gapglass.study import config


def found_in(path, **options):
    return inspection.inspect(readers.source_of({"name": "run", "file": str(path), **options}))


@pytest.fixture
def file(tmp_path, blyp_frames):
    """Thirty frames of the small study with one repetition, and times with one gap."""
    frames = [frame.copy() for frame in blyp_frames[:30]]
    frames.insert(20, blyp_frames[3].copy())
    for number, frame in enumerate(frames):
        frame.info["t"] = 20.0 * (number if number < 12 else number + 5)
        frame.info["E"] = frame.info.pop("REF_energy")
        frame.info["temperature"] = 2000.0 if number < 15 else 1000.0
    write(tmp_path / "melt.xyz", frames, format="extxyz")
    return tmp_path / "melt.xyz"


KEYS = {"keys": {"energy": "E", "forces": "REF_forces", "time": "t"}}


def test_counts_gaps_repetitions_and_plateaus(file):
    found = found_in(file, **KEYS)
    assert (found["format"], found["frames"], found["n_atoms"], found["formulas"]) == (
        "extxyz",
        31,
        [48],
        {"O32Te16": 31},
    )
    assert (found["energies"], found["forces"], found["virials"]) == ({"energy": 31}, 31, 0)
    assert found["interval_fs"] == 20.0 and found["gaps"] == [(12, 120.0)]
    assert found["repeated"] == [(20, 3)]
    assert found["temperature_key"] == "temperature"
    assert [(part["start"], part["stop"], part["temperature_k"]) for part in found["plateaus"]] == [
        (0, 15, 2000.0),
        (15, 31, 1000.0),
    ]
    assert found["density_g_per_cm3"][1] == pytest.approx(5.6, abs=0.02)
    assert 1.6 < found["closest_angstrom"]["O-Te"] < 2.0


def test_drift_is_the_slope_of_the_energy_per_atom():
    time = np.arange(50) * 0.02
    assert drift(time, -3.0 + 0.004 * time) == pytest.approx(4.0)
    assert drift(time[:2], np.zeros(2)) is None
    energy = -3.0 + 0.004 * time
    energy[7] = np.nan
    assert drift(time, energy) == pytest.approx(4.0)


def test_plateaus_of_a_noisy_temperature(rng):
    # The temperature of some 50 atoms fluctuates by a tenth.
    plateaus = [(2000, 150), (1500, 80), (300, 200)]
    series = np.concatenate([rng.normal(mean, 0.1 * mean, n) for mean, n in plateaus])
    parts = segments(series)
    assert [ramp for *_, ramp in parts] == [False] * 3
    np.testing.assert_allclose([last for _, last, _ in parts], [150, 230, 430], atol=4)
    assert segments(rng.normal(1000, 100, 400)) == [(0, 400, False)]
    assert segments(np.linspace(2000, 300, 300) + rng.normal(0, 60, 300)) == [(0, 300, True)]
    assert segments(np.full(12, 300.0)) == [(0, 12, False)]


def test_entry_to_paste_reads_the_file(file, capsys):
    assert main(["inspect", str(file), "--key", "energy=E", "--key", "forces=REF_forces", "--key", "time=t"]) == 0
    printed = capsys.readouterr().out
    assert "31 x O32Te16" in printed and "120 fs before frame 12" in printed and "1 frames (20 = 3)" in printed
    entry = yaml.safe_load(printed[printed.index("trajectories:") :])
    study = yaml.safe_load((ROOT / "config/config.yaml").read_text()) | entry
    complete = config.complete(study)
    assert complete["trajectories"][0]["temperature_key"] == "temperature"
    assert readers.source_of(complete["trajectories"][0]).keys == KEYS["keys"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["vasp/XDATCAR"], ["NO ENERGY AND NO FORCES", "vasprun.xml or OUTCAR of the same run"]),
        (
            ["vasp/OUTCAR"],
            ["energy (free_energy), energy (energy), forces", "left out: 1 steps without a self-consistent energy"],
        ),
        (
            ["cp2k/water-pos-1.xyz"],
            [
                "format: cp2k",
                "water-1.ener",
                "forces (largest 5.6 eV/Å), virial",
                "5 are in all of them",
                "changes, edges",
            ],
        ),
        (["espresso/sic.pos", "--species", "SiCSi"], ["format: espresso_cp", "CSi2", "species: SiCSi"]),
        (["lammps/metal/dump.lammpstrj", "--species", "Si,O"], ["species: [Si, O]", "10 fs between frames"]),
        (["lammps/metal/dump.lammpstrj", "--species", "1=Si,2=O"], ['species: {"1": Si, "2": O}']),
        (["cpmd/FTRAJECTORY", "--species", "TeO2"], ["cell        NONE", "10 steps between frames"]),
        (
            ["cpmd/FTRAJECTORY", "--species", "TeO2", "--cell", "5", "5", "5"],
            ["cell: [5.0, 5.0, 5.0]", "5.000 5.000 5.000 Å"],
        ),
    ],
    ids=" ".join,
)
def test_every_kind_of_file_can_be_inspected(words, says, capsys):
    words[0] = str(FIXTURES / words[0])
    assert main(["inspect", *words]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for text in says:
        assert " ".join(text.split()) in printed


def test_one_entry_for_each_plateau(tmp_path, blyp_frames, rng):
    shutil.copy(FIXTURES / "lammps/metal/dump.lammpstrj", tmp_path)
    found = found_in(tmp_path / "dump.lammpstrj", species=["Si", "O"], lammps_units="metal")
    found["plateaus"] = [
        {"start": 0, "stop": 4, "ramp": False, "temperature_k": 1503.2},
        {"start": 4, "stop": 6, "ramp": True, "temperature_k": 900.0},
        {"start": 6, "stop": 9, "ramp": False, "temperature_k": 299.8},
    ]
    entries = yaml.safe_load(inspection.entry_text(found))["trajectories"]
    assert [(e["start"], e["stop"], e["temperature"]) for e in entries] == [(0, 4, 1503), (6, 9, 300)]
    assert len({e["name"] for e in entries}) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["absent.xyz"], "there is no file absent.xyz"),
        ([str(FIXTURES / "cpmd/TRAJECTORY")], "names no species"),
        ([str(FIXTURES / "vasp/OUTCAR"), "--lammps-units", "metal"], "`lammps_units` has no effect"),
        ([str(FIXTURES / "vasp/OUTCAR"), "--cell", "5", "5"], "--cell has 2 numbers"),
        ([str(FIXTURES / "vasp/OUTCAR"), "--key", "energy"], "--key 'energy': write it as name=value"),
    ],
)
def test_mistakes_are_one_message_without_a_traceback(words, message):
    done = subprocess.run(
        [str(Path(sys.executable).with_name("gapglass")), "inspect", *words],
        capture_output=True,
        text=True,
        cwd=ROOT / "tests",
    )
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr


def test_file_without_frames(tmp_path):
    (tmp_path / "empty.extxyz").write_text("")
    with pytest.raises(UserError, match=r"empty\.extxyz"):
        found_in(tmp_path / "empty.extxyz")


def test_nothing_close_is_said_and_no_distance():
    text = inspection.text(found_in(ROOT / "tests/data/faults/nothing-close/far.extxyz"))
    assert "closest  O-O > 4, O-Te > 4, Te-Te > 4 Å" in text


def test_output_into_head_is_silent(file):
    command = f"{sys.executable} -c 'import sys; from gapglass.cli import main; sys.exit(main())' inspect"
    done = subprocess.run(
        f"{command} {' '.join([str(file)] * 4)} | head -1", shell=True, capture_output=True, text=True, check=False
    )
    assert done.stdout == f"{file}\n" and done.stderr == ""


def test_isolated_atoms_are_shown_as_e0_and_not_as_structure():
    text = inspection.text(found_in(ROOT / "tests/data/faults/isolated-atoms/iso.extxyz"))
    assert "Te -223.100000 eV, O -432.000000 eV: taken as e0" in text and "NONE" not in text


def test_size_of_the_virial_is_shown_as_a_pressure(tmp_path, blyp_frames):
    write(tmp_path / "run.extxyz", blyp_frames[:3], format="extxyz")
    found = found_in(tmp_path / "run.extxyz")
    pressures = [np.trace(np.reshape(f.info["REF_virial"], (3, 3))) / 3 / f.get_volume() for f in blyp_frames[:3]]
    assert found["pressure_gpa"][1] == pytest.approx(160.2176634 * np.mean(pressures), rel=1e-6)
    assert f"virial (pressure {found['pressure_gpa'][1]:.3g} GPa, from" in inspection.text(found)
