"""A study that labels the frames it chooses: nothing is labelled twice, whatever happens to a run."""

import json
import os
import shutil
import signal
import sys
import time

import ase.io
import pandas as pd
import pytest
import yaml
from tiny_study import RESULTS, SMALLER, change, copy_project, snakemake, start

from gapglass.potential import fit
from gapglass.selection import time_blocks

PROGRAM = """
import os, sys, time
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

frame = read(sys.argv[1])
bad = os.environ["BAD"]
if os.path.exists(bad) and str(frame.positions[0]) in open(bad).read():
    sys.exit("no convergence in sight")
with open(os.environ["CALLS"], "a") as stream:
    stream.write(f"{frame.positions[0]}\\n")
frame.calc = LennardJones(sigma=2.0, epsilon=0.3, rc=4.0, smooth=True)
energy, forces, stress = frame.get_potential_energy(), frame.get_forces(), frame.get_stress()
frame.calc = SinglePointCalculator(frame, energy=energy, forces=forces, stress=stress)
write(sys.argv[2], frame)
"""
TRAJECTORY = {
    "name": "glass", "file": "resources/teo2-chgnet/teo2-chgnet.extxyz.xz", "where": {"trajectory": "glass"},
    "temperature_key": "temperature", "start": 400, "stride": 2, "interval": 20,
}  # fmt: skip
SUMMARY = f"{RESULTS}/potentials/optimal/summary.json"
BUDGET = 26  # labels
TARGETS = (SUMMARY, f"{RESULTS}/potentials/optimal/calibration.json", f"{RESULTS}/labels/status.csv")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the project, its study, and a program that notes every call."""
    folder = copy_project(tmp_path / "project")
    (folder / "label.py").write_text(PROGRAM)
    monkeypatch.setenv("CALLS", str(tmp_path / "calls.txt"))
    monkeypatch.setenv("BAD", str(tmp_path / "bad.txt"))
    loop = {"max_iterations": 1, "increment": 0.08, "exploration_rounds": 1, "exploitation_rounds": 0}
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


def table_of(folder):
    return pd.read_csv(folder / RESULTS / "frames/table.csv")


def mark_bad(folder, frame):
    """Let the program fail on a frame from now on."""
    with (folder.parent / "bad.txt").open("a") as stream:
        stream.write(f"{frame.positions[0]}\n")


def asked_by(folder, iteration, choice):
    path = folder / RESULTS / f"potentials/optimal/iteration_{iteration:02d}/choice_{choice}/database.json"
    return json.loads(path.read_text()) if path.exists() else None


@pytest.mark.slow
def test_failed_frame_is_replaced_and_a_budget_ends_the_loop(project):
    folder, _ = project
    loop = {"max_iterations": None, "energy_tolerance": 1e-6, "exploration_rounds": 1, "exploitation_rounds": 0}
    study = yaml.safe_load((folder / "config/other.yaml").read_text())
    study["active_learning"] |= loop
    study["labels"]["budget"] = {"frames": BUDGET}
    (folder / "config/other.yaml").write_text(yaml.safe_dump(study))
    arguments = ("--configfile", "config/other.yaml")
    # A frame that tests gets no label, and another one of its block tests.
    imported, divided = f"{RESULTS}/frames/frames.extxyz", f"{RESULTS}/frames/sets.json"
    snakemake(folder, imported, divided, *arguments)
    frames = ase.io.read(folder / imported, ":")
    sets = time_blocks.current(json.loads((folder / divided).read_text())["runs"], table_of(folder))
    (untested,), (tested, *_) = sets["spare"]["validation"][0]
    mark_bad(folder, frames[untested])
    snakemake(folder, f"{RESULTS}/potentials/optimal/iteration_01/choice_3/database.json", *arguments)
    tests, again, first = (asked_by(folder, 1, number) for number in (1, 2, 3))
    assert tests["asked"] == sorted({*tests["validation"], *tests["holdout"]}) and not tests["train"]
    assert again["asked"] == [tested] and again["failed"] == [untested] and untested in again["unused"]
    assert again["validation"] == sorted({*tests["validation"], tested} - {untested}) == first["validation"]
    n_tests = len(tests["asked"]) + 1
    assert first["asked"] == first["train"] and first["n_affordable"] == BUDGET - n_tests

    # The second training frame never gets a label either.
    bad = first["asked"][1]
    mark_bad(folder, frames[bad])
    output = snakemake(folder, *TARGETS, *arguments)
    second, third = asked_by(folder, 1, 4), asked_by(folder, 1, 5)
    failed = sorted([bad, untested])
    assert second["failed"] == failed and bad not in second["train"] and len(second["train"]) == len(first["train"])
    assert second["asked"] == sorted(set(second["train"]) - set(first["train"])) and len(second["asked"]) == 1
    assert third["asked"] == [] and asked_by(folder, 1, 6) is None
    settled = json.loads((folder / RESULTS / "potentials/optimal/iteration_01/database.json").read_text())
    assert settled["train"] == second["train"] and "n_affordable" not in settled

    # The loop ends with all labels of its own that the budget allows, failed ones among them, and says why everywhere.
    found, reason = json.loads((folder / SUMMARY).read_text()), "labels.budget is spent and the energy tolerance"
    assert found["reason"].startswith(reason) and found["n_failed_labels"] == 2 and reason in output
    status = pd.read_csv(folder / TARGETS[2], comment="#").set_index("frame")
    assert len(status) == BUDGET and status["own"].all() and len(entries(folder)) == BUDGET - 2
    assert status.loc[bad, "state"] == "failed" and "no convergence in sight" in status.loc[bad, "reason"]
    history = pd.read_csv(folder / RESULTS / "potentials/optimal/history.csv", comment="#")
    assert history["n_train"].iloc[-1] == found["n_train"] == BUDGET - 1 - n_tests
    assert (history["n_failed_labels"] == 2).all() and len(history) > 1
    last = asked_by(folder, len(history), 1)
    assert bad not in last["train"] and last["failed"] == failed
    predictions = pd.read_csv(folder / RESULTS / "potentials/optimal/predictions.csv").set_index("frame")
    known = predictions["energy_reference_ev_per_atom"].notna()
    assert known[tested] and predictions.loc[tested, "set"] == "validation" and not known[untested]
    assert found["validation"]["n_frames"] == len(first["validation"])
    log = (folder / RESULTS / f"logs/label_frame/{first['asked'][0]}.log").read_text()
    assert "to label, about" in log or "0 frames to label" in log

    # Snakemake -F computes nothing and ends in the same place, because these labels stay those of this study.
    before = calls(folder)
    snakemake(folder, "-F", *TARGETS, *arguments)
    again = json.loads((folder / SUMMARY).read_text())
    assert calls(folder) == before and again["reason"] == found["reason"] and again["n_train"] == found["n_train"]
    status = pd.read_csv(folder / TARGETS[2], comment="#")
    assert set(status["state"]) == {"stored", "failed"} and status["own"].all()

    # A larger budget goes on from there.
    study["labels"]["budget"] = {"frames": BUDGET + 4}
    (folder / "config/other.yaml").write_text(yaml.safe_dump(study))
    snakemake(folder, *TARGETS, *arguments)
    assert json.loads((folder / SUMMARY).read_text())["n_train"] == found["n_train"] + 4
    assert len(calls(folder)) == len(before) + 4 and len(set(calls(folder))) == len(calls(folder))


ATOMS = """
import sys
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

frame = read(sys.argv[1])
assert len(frame) == 1 and frame.info["unpaired_electrons"] == {"Te": 2, "O": 0}[frame.symbols[0]]
frame.calc = SinglePointCalculator(frame, energy=-float(frame.numbers[0]), forces=[[0] * 3], stress=[0] * 6)
write(sys.argv[2], frame)
"""


def test_isolated_atoms_are_labelled_and_are_the_e0_of_fits(project):
    folder, config = project
    (folder / "label.py").write_text(ATOMS)
    study = yaml.safe_load((folder / config).read_text())
    study["potential"]["e0"] = "compute"
    study["labels"]["spins"] = {"O": 0}
    (folder / config).write_text(yaml.safe_dump(study))
    imported = f"{RESULTS}/frames/import.json"
    output = snakemake(folder, imported, "--configfile", config)
    assert "label of an atom of Te] computed" in output
    summary = json.loads((folder / imported).read_text())
    assert summary["isolated_atom_energies"] == {"O": -8.0, "Te": -52.0} == fit.known_energies("compute", summary)
    # They are kept as the labels of frames are, and another run finds them.
    shutil.rmtree(folder / "results")
    assert "label of an atom of Te] stored" in snakemake(folder, imported, "--configfile", config)
