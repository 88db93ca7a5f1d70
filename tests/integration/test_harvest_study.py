"""A study whose potential asks for frames: silica at 300 K is molten, and labelled with the potential that made it."""

import json
import os
import signal
import sys
import time

import pandas as pd
import pytest
import vashishta
import yaml
from tiny_study import copy_project, snakemake, start

RESULTS = "results/cold"
TARGETS = (f"{RESULTS}/harvest/harvest.json", f"{RESULTS}/potentials/optimal/calibration.json")
STUDY = {
    "study": "cold",
    "seed": 7,
    "trajectories": [{"name": "cold", "file": "cold.extxyz", "temperature_key": "temperature"}],
    "labels": {
        "engine": "command", "command": [sys.executable, "label.py", "{input}", "{output}"],
        "method": {"potential": "Vashishta"}, "files": ["label.py"],
    },
    "descriptors": {"soap": {"cutoff": 4.0, "n_max": 4, "l_max": 3}},
    "clustering": {"deltas": [0.0, 0.5, 1.0], "n_clusters_max": 6},
    "selection": {"strategy": "uniform_in_time"},
    "active_learning": {
        "increment": 0.08, "max_iterations": 1, "exploration_rounds": 1, "exploitation_rounds": 0,
        "proposals_per_round": 1,
    },
    "potential": {
        "variants": ["optimal"],
        "prior": "none",
        "hyperparameters": {
            "cutoff": 4.0, "n_max": 4, "l_max": 3, "n_sparse": 60, "delta": 0.5, "two_body_cutoff": 4.0,
        },
    },
    "glass": {
        "composition": {"Si": 1, "O": 2}, "density": 2.2, "sizes": [48], "ranks": 1, "timestep": 1.0,
        "start": "random",  # a start among the frames would not melt in so short a time
        "sample_interval": 10,
        "cycle": [
            {"temperature": 3000, "time": 0.4},
            {"temperature": 300, "temperature_start": 3000, "time": 0.4},
        ],
    },
    "harvest": {"rounds": 8, "atoms": 48, "frames_per_stage": 4},
}  # fmt: skip


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the project with frames at 300 K, a program that labels frames, and the study of both."""
    folder = copy_project(tmp_path / "project")
    (folder / "label.py").write_text(vashishta.program())
    monkeypatch.setenv("CALLS", str(tmp_path / "calls.txt"))
    vashishta.write_cold(folder / "cold.extxyz", 100, monkeypatch)
    return folder


def write(folder, **changes):
    """Write the study, with sections replaced; None drops one."""
    study = {name: value for name, value in (STUDY | changes).items() if value is not None}
    (folder / "config/cold.yaml").write_text(yaml.safe_dump(study))
    return "--configfile", "config/cold.yaml"


def rounds(folder):
    return json.loads((folder / TARGETS[0]).read_text())["rounds"]


@pytest.mark.slow
def test_potential_without_liquid_is_flagged_harvests_and_passes(project):
    options = write(project)
    run = start(project, *TARGETS, *options, log=project / "killed.log")
    deadline = time.monotonic() + 1200
    labels = f"{RESULTS}/harvest/round_1/labels/*.json"
    while len(list(project.glob(labels))) < 2 and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert run.poll() is None, (project / "killed.log").read_text()[-4000:]
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    snakemake(project, "--unlock", *options)
    snakemake(project, *TARGETS, *options)

    # Flagged: what the first quench meets is unlike the frames at 300 K.
    first, *_, last = found = rounds(project)
    assert first["asks"] and max(item["sustained_ev"] for item in first["stages"]) > 5 * first["reference_ev"]
    assert all(item["asks"] and 0 < len(item["frames"]) <= 8 for item in found[:-1])
    # Passed: the last cycle meets nothing that is less known than twice what the validation frames hold.
    assert last["passed"] and not last["frames"] and len(found) >= 2
    assert all(item["sustained_ev"] <= 2 * last["reference_ev"] and not item["exploded"] for item in last["stages"])

    # Every frame was labelled once; a killed calculation was repeated, at most one for each core.
    harvested = pd.read_csv(project / RESULTS / "harvest/frames.csv", comment="#")
    assert len(harvested) == sum(len(item["frames"]) for item in found)
    assert set(harvested["label"]) <= {"computed", "stored"} and {"validation", "train"} <= set(harvested["set"])
    of_loop = pd.read_csv(project / RESULTS / "potentials/optimal/predictions.csv")
    n_labels = len(harvested) + int(of_loop["energy_reference_ev_per_atom"].notna().sum())
    calls = (project.parent / "calls.txt").read_text().splitlines()
    assert len(set(calls)) == len(list(project.glob("labels/*/*.extxyz"))) == n_labels
    assert len(calls) <= n_labels + 2

    # The potential that is delivered is the last one, and better on what it asked for.
    story = json.loads((project / TARGETS[0]).read_text())
    errors = [story["errors"][name]["validation"]["rmse_force_ev_per_angstrom"] for name in ("before", "after")]
    assert errors[1] < 0.7 * errors[0]
    delivered = (project / RESULTS / "potentials/optimal/gap.xml").read_text()
    assert delivered == (project / RESULTS / f"harvest/round_{len(found) - 1}/gap.xml").read_text()
    summary = json.loads((project / RESULTS / "potentials/optimal/fit.json").read_text())
    assert summary["hyperparameters"]["n_sparse"] > 60
    assert "Nothing to be done" in snakemake(project, *TARGETS, *options)


def test_plan_of_a_harvest_has_a_quench_before_the_glass_and_no_cycle(project):
    options = write(project)
    output = snakemake(project, "--dry-run", *options)
    for rule in ("finish_loop", "pack_harvest", "harvest_stage", "mark_frames", "finish_harvest", "run_stage"):
        assert rule in output
    output = snakemake(project, "--dry-run", *write(project, harvest={"rounds": 0}))
    assert "harvest" not in output and "finish_potential" in output


@pytest.mark.slow
def test_without_an_engine_the_frames_are_written_and_the_study_goes_on(project):
    """The trajectory has labels of its own, so the study labels nothing."""
    options = write(project, labels=None)
    glass = f"{RESULTS}/glass/optimal/48/1/outcome.json"
    output = snakemake(project, TARGETS[0], glass, *options)
    story = json.loads((project / TARGETS[0]).read_text())
    assert (story["action"], story["passed"], len(story["rounds"])) == ("written", False, 1)
    asked = f"{RESULTS}/harvest/round_1/asked.extxyz"
    assert asked in story["next"][0] and story["next"][-1] == "gapglass run config/cold.yaml"
    assert "for you to label" in output and (project / asked).read_text().count("Lattice") == len(
        story["rounds"][0]["frames"]
    )
    assert (project / glass).exists() and not (project.parent / "calls.txt").exists()
    loop = (project / RESULTS / "potentials/optimal/loop/gap.xml").read_text()
    assert (project / RESULTS / "potentials/optimal/gap.xml").read_text() == loop
