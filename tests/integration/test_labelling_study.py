"""A study that labels the frames it chooses: nothing is labelled twice, whatever happens to a run."""

import json
import os
import shutil
import signal
import sys
import time

import pandas as pd
import pytest
from tiny_study import RESULTS, SMALLER, change, copy_project, snakemake, start

PROGRAM = """
import os, sys, time
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

frame = read(sys.argv[1])
with open(os.environ["CALLS"], "a") as stream:
    stream.write(f"{frame.positions[0]}\\n")
frame.calc = LennardJones(sigma=2.0, epsilon=0.3, rc=4.0, smooth=True)
energy, forces, stress = frame.get_potential_energy(), frame.get_forces(), frame.get_stress()
frame.calc = SinglePointCalculator(frame, energy=energy, forces=forces, stress=stress)
write(sys.argv[2], frame)
"""
TRAJECTORY = {
    "name": "glass", "file": "resources/teo2-chgnet/teo2-chgnet.extxyz.xz", "where": {"trajectory": "glass"},
    "temperature_key": "temperature", "start": 400, "interval": 20,
}  # fmt: skip
SUMMARY = f"{RESULTS}/potentials/optimal/summary.json"
TARGETS = (SUMMARY, f"{RESULTS}/potentials/optimal/calibration.json", f"{RESULTS}/labels/status.csv")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the project, its study, and a program that notes every call."""
    folder = copy_project(tmp_path / "project")
    (folder / "label.py").write_text(PROGRAM)
    monkeypatch.setenv("CALLS", str(tmp_path / "calls.txt"))
    loop = {"max_iterations": 1, "increment": 0.04, "exploration_rounds": 1, "exploitation_rounds": 0}
    labels = {
        "engine": "command", "command": [sys.executable, "label.py", "{input}", "{output}"], "method": {"pair": "LJ"},
        "files": ["label.py"],
    }  # fmt: skip
    changes = {
        **SMALLER, "trajectories": [TRAJECTORY], "labels": labels, "active_learning": loop,
        "selection": {"strategy": "uniform_in_time"},
    }  # fmt: skip
    return folder, change(folder, changes, "other")


def calls(folder):
    path = folder.parent / "calls.txt"
    return path.read_text().splitlines() if path.exists() else []


def entries(folder):
    return sorted(folder.glob("labels/*/*.extxyz"))


@pytest.mark.slow
def test_killed_repeated_and_cleaned_runs_label_no_frame_twice(project):
    folder, config = project
    run = start(folder, *TARGETS, "--configfile", config, log=folder / "killed.log")
    deadline = time.monotonic() + 600
    while len(entries(folder)) < 3 and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    assert run.poll() is None, (folder / "killed.log").read_text()[-4000:]
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    stored = len(entries(folder))
    assert stored >= 3
    snakemake(folder, "--unlock", "--configfile", config)
    snakemake(folder, *TARGETS, "--configfile", config)

    status = pd.read_csv(folder / TARGETS[2], comment="#")
    database = json.loads((folder / RESULTS / "potentials/optimal/iteration_01/database.json").read_text())
    asked = sorted({*database["train"], *database["validation"], *database["holdout"]})
    assert status["frame"].tolist() == asked and set(status["state"]) <= {"computed", "stored"}
    assert len(entries(folder)) == len(asked)
    # A calculation that was killed is repeated, at most one for each core; none that was stored.
    assert len(set(calls(folder))) == len(asked) and len(calls(folder)) <= len(asked) + 2
    # One frame of each block of the test is labelled, and of the others no energy is known.
    table = pd.read_csv(folder / RESULTS / "frames/table.csv")
    assert not table["labelled"].any() and table["guide"].all()
    predictions = pd.read_csv(folder / RESULTS / "potentials/optimal/predictions.csv")
    known = predictions["energy_reference_ev_per_atom"].notna()
    assert predictions.loc[known, "frame"].tolist() == asked
    found = json.loads((folder / SUMMARY).read_text())
    assert set(found["priors"]) == {"none", "guide"} and found["n_train"] == len(database["train"])
    assert "Nothing to be done" in snakemake(folder, *TARGETS, "--configfile", config)

    # Neither a forced nor a cleaned run computes a label, and the result is the same.
    before = len(calls(folder))
    shutil.rmtree(folder / "results")
    snakemake(folder, *TARGETS, "--configfile", config)
    assert len(calls(folder)) == before and len(entries(folder)) == len(asked)
    again = json.loads((folder / SUMMARY).read_text())
    assert again["rmse_energy_mev_per_atom"] == found["rmse_energy_mev_per_atom"]
    assert set(pd.read_csv(folder / TARGETS[2], comment="#")["state"]) == {"stored"}
