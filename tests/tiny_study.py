"""Running the tiny study in a copy of the project: what the tests of workflow, faults and Slurm share."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
SNAKEMAKE = [str(Path(sys.executable).with_name("snakemake")), "--configfile", "config/tiny.yaml", "--nocolor"]
RESULTS = Path("results/tiny")
SMALLER = {"potential": {"variants": ["optimal"]}}  # one potential, and so one glass model


def copy_project(folder):
    """Copy what git tracks (and what is new), so that runs do not touch the checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def copy_finished(study, folder):
    """Copy a finished study with its records and times, to change the copy.

    Another worker may be using the study, whose locks and logs come and go, and are left out.
    """
    passing = {f"{study}/.snakemake": {"locks", "log"}}
    return Path(shutil.copytree(study, folder, symlinks=True, ignore=lambda path, _: passing.get(str(path), ())))


def snakemake(folder, *arguments, ok=True):
    done = subprocess.run(
        [*SNAKEMAKE, *arguments], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    output = done.stdout + done.stderr
    assert (done.returncode == 0) == ok, output[-4000:]
    return output


def start(folder, *arguments, log):
    """Start the study in a session of its own, its output in the file ``log``; return the process."""
    with Path(log).open("w") as stream:
        return subprocess.Popen(
            [*SNAKEMAKE, *arguments],
            cwd=folder,
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )


def wait_for(folder, pattern, process):
    """Wait until a run has made a file like this."""
    deadline = time.monotonic() + 600
    while not list((folder / RESULTS).glob(pattern)):
        assert process.poll() is None and time.monotonic() < deadline, f"the run ended before it made {pattern}"
        time.sleep(0.02)


def kill_when(folder, pattern):
    """Start the study and kill it, jobs included, as soon as a file like this is there."""
    process = start(folder, log=folder / "killed.log")
    wait_for(folder, pattern, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    snakemake(folder, "--unlock")


def numbers(folder):
    """Return the final numbers of a study, times and versions left out."""
    potential = json.loads((folder / RESULTS / "potentials/optimal/summary.json").read_text())
    potential.pop("versions")
    tables = {
        name: (folder / RESULTS / name).read_text()
        for name in (
            "clusters/delta.csv",
            "clusters/best_labels.csv",
            "potentials/optimal/history.csv",
            "potentials/optimal/predictions.csv",
            "glass/optimal/48/1/thermo.csv",
            "glass/optimal/48/1/final.extxyz",
            "structure/reference/sq.csv",
            "structure/optimal_48_1/gr.csv",
            "structure/optimal_48_1/coordination.csv",
            "structure/optimal_48_1/angles.csv",
        )
    }
    return potential, tables


def change(folder, changes, name="tiny"):
    """Change keys of the tiny study, section by section, and write it to config/{name}.yaml."""
    study = yaml.safe_load((folder / "config/tiny.yaml").read_text())
    for section, values in changes.items():
        study[section] = {**study.get(section, {}), **values} if isinstance(values, dict) else values
    (folder / f"config/{name}.yaml").write_text(yaml.safe_dump(study))
    return f"config/{name}.yaml"
