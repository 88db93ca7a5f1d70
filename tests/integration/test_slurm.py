"""The tiny study through a real Slurm with the profile: equal numbers, requested memory and time, lost jobs repeated.

Needs a Slurm; `tests/integration/slurm/slurm start` starts one on this machine, as .ci/run does.
"""

import os
import re
import subprocess
import sys
import time

import pandas as pd
import pytest
from test_docs import COMMANDS
from tiny_study import RESULTS, SMALLER, change, copy_project, numbers, snakemake, start

from gapglass.study import resources

# Without accounting the plug-in has to ask squeue. The other options shorten waits that slow queues need.
PROFILE = (
    *("--profile", "profiles/slurm", "--slurm-no-account", "--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "20"),
)


pytestmark = pytest.mark.slow


def slurm(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def available():
    try:
        return slurm("sinfo", "--noheader").stdout.strip() != ""
    except FileNotFoundError:
        return False


if not available():
    if os.environ.get("GAPGLASS_SLURM") == "required":
        raise RuntimeError("GAPGLASS_SLURM is required, and no Slurm answers; tests/integration/slurm/slurm start")
    pytest.skip(
        "no Slurm here; `tests/integration/slurm/slurm start` (Debian, as root) starts one", allow_module_level=True
    )


def jobs(state=""):
    """Return the names of the rules of the jobs that Slurm knows of, by job number."""
    listed = slurm("squeue", "--noheader", "--format", "%i|%k", *(["--states", state] if state else []))
    return dict(line.split("|", 1) for line in listed.stdout.splitlines() if "|" in line)


@pytest.fixture(scope="module")
def submitted(tmp_path_factory):
    """A run through Slurm: one job was cancelled, one exceeded its memory, and the node was drained for a while.

    Yields the folder and what Snakemake said.
    """
    folder = copy_project(tmp_path_factory.mktemp("slurm"))
    change(folder, SMALLER)
    # less than Python alone takes in the first attempt, enough in the second
    process = start(
        folder, "--set-resources", "assemble_kernels:mem_mb=100*attempt**4", *PROFILE, log=folder / "run.log"
    )
    host = slurm("sinfo", "--noheader", "--format", "%n").stdout.split()[0]
    cancelled, deadline = None, time.monotonic() + 900
    while cancelled is None:
        assert process.poll() is None and time.monotonic() < deadline, (folder / "run.log").read_text()[-3000:]
        cancelled = next((number for number, comment in jobs("RUNNING").items() if "fit_trial" in comment), None)
        time.sleep(0.2)
    slurm("scancel", cancelled)
    slurm("scontrol", "update", f"nodename={host}", "state=drain", "reason=test")
    time.sleep(8)
    slurm("scontrol", "update", f"nodename={host}", "state=resume")
    status = process.wait(timeout=1200)
    output = (folder / "run.log").read_text()
    assert status == 0, output[-4000:]
    return folder, output


def test_numbers_are_those_of_a_local_run(submitted, finished):
    assert numbers(submitted[0]) == numbers(finished)


def test_lost_jobs_were_tried_again(submitted):
    folder, output = submitted
    assert len(re.findall(r"Trying to restart job", output)) == 2
    table = pd.read_csv(folder / RESULTS / "tables/cost.csv").set_index("rule")
    assert table.loc["assemble_kernels", "asked_memory_mb"] == 1600
    # the cancelled fit asks for twice as much in its second attempt
    assert table.loc["fit_trial", "asked_time_min"] == 2 * resources.SHORTEST


def test_jobs_went_through_slurm_and_bookkeeping_did_not(submitted):
    _, output = submitted
    through = re.findall(r"has been submitted with SLURM jobid \d+ \(log: \S+/rule_(\w+)/", output)
    assert len(through) > 15
    names = set(through)
    assert {"import_frames", "fit_trial", "run_stage", "cluster_frames"} <= names
    assert not names & {"decide", "choose_delta", "finish_potential", "build_plugin"}


def test_cost_table_tells_what_was_asked_for_and_taken(submitted):
    folder, _ = submitted
    table = pd.read_csv(folder / RESULTS / "tables/cost.csv").set_index("rule")
    asked = table.loc[["import_frames", "fit_trial", "run_stage", "cluster_frames"]]
    assert (asked["asked_memory_mb"] >= 1000).all() and (asked["asked_time_min"] >= 10).all()
    assert (asked["share_of_memory_used"] < 1).all() and (asked["longest_job_min"] < asked["asked_time_min"]).all()


def test_every_job_has_its_threads(submitted):
    """Snakemake sets the thread variables of numerical libraries from `threads`; our log names them."""
    folder, _ = submitted
    for name, threads in (("cluster_frames/0.3", 1), ("compute_kernel_row/glass_0001", 2)):
        log = (folder / RESULTS / f"logs/{name}.log").read_text()
        assert f"OMP_NUM_THREADS {threads}" in log


def test_second_run_through_slurm_does_nothing(submitted):
    assert "Nothing to be done" in snakemake(submitted[0], *PROFILE)


def test_another_executor_plug_in_as_profiles_readme_says(finished, tmp_path):
    """cluster-generic with Slurm's own command: the clusters of a finished study, made again."""
    folder = tmp_path / "generic"
    subprocess.run(["cp", "-a", str(finished), str(folder)], check=True)
    (folder / ".venv").symlink_to(sys.prefix)
    table = (folder / RESULTS / "clusters/delta.csv").read_text()
    subprocess.run(["rm", "-r", str(folder / RESULTS / "clusters")], check=True)
    (command,) = [command for command in COMMANDS if "cluster-generic" in command]
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert (folder / RESULTS / "clusters/delta.csv").read_text() == table
    assert len(re.findall(r"external jobid '\d+'", done.stdout + done.stderr)) >= 4
