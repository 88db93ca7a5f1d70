"""Kills, full disks and damaged results: the final numbers are always those of an undisturbed run."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys

import psutil
import pytest
from tiny_study import (
    RESULTS,
    SMALLER,
    SNAKEMAKE,
    change,
    copy_finished,
    copy_project,
    kill_when,
    numbers,
    snakemake,
    start,
    wait_for,
)

from gapglass.base.errors import ProgramKilled
from gapglass.glass import explosion
from gapglass.potential import failures, gap_fit
from gapglass.study import records

ROOT_USER = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")


@pytest.fixture
def study(tmp_path):
    """The tiny study with one potential and one glass, in a folder of its own."""
    folder = copy_project(tmp_path / "study")
    change(folder, SMALLER)
    return folder


def readable(folder):
    """Assert that every result can be read, so that no unfinished file lies under a final name."""
    for path in (folder / RESULTS).rglob("*"):
        if (
            path.is_file()
            and path.suffix in records.CHECKS
            and not path.name.startswith(".")
            and ".running-" not in str(path)
        ):
            assert not records._broken(path), path


def resume_after_a_kill_in_stage_2(study, finished, *others):
    """Kill a run in stage 2 of the quench, then where each log of ``others`` begins; compare the final numbers."""
    kill_when(study, "glass/optimal/48/1/stage_2/.running-*/log.lammps")
    assert not (study / RESULTS / "glass/optimal/48/1/final.extxyz").exists()
    for log in others:
        kill_when(study, f"logs/{log}")
    output = snakemake(study)
    assert "stage 1 (" not in output and "Fitting trial" not in output  # earlier results are kept
    assert numbers(study) == numbers(finished)
    assert not list((study / RESULTS).rglob(".partial-*"))


@pytest.mark.slow
def test_snakemake_killed_in_every_stage(study, finished):
    for log in (
        "import_frames.log",
        "compute_descriptors/glass_0001.log",
        "assemble_kernels.log",
        "cluster_frames/0.6.log",
        "compute_rows/optimal_01_1_2_1_1.log",
        "fit_trial/optimal_01_1_2.log",
        "evaluate_iteration/optimal_01.log",
        "fit_trial/optimal_02_1_1.log",
        "run_stage/optimal_48_1_1.log",
    ):
        kill_when(study, f"logs/{log}")
        readable(study)
    resume_after_a_kill_in_stage_2(study, finished, "plot_structure.log")


def programs_of(process, name):
    """Return the running programs or scripts of this name that a process started."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if any(word.endswith(name) for word in child.cmdline()[:2]):
                found.append(child)
        except psutil.Error:
            continue
    return found


def test_a_program_ends_with_the_script_that_started_it():
    """A killed job must not leave its program behind to run for hours."""
    code = (
        "import subprocess, time; from gapglass.base.programs import die_with_parent; "
        "subprocess.Popen(['sleep', '60'], preexec_fn=die_with_parent); print('on', flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout.readline() == "on\n"
    (child,) = psutil.Process(parent.pid).children()
    parent.kill()
    parent.wait()
    child.wait(timeout=10)


@pytest.mark.slow
def test_programs_and_scripts_killed_and_a_second_controller_refused(study, finished):
    """Each kill ends the run with a message; the next run goes on.

    First the controller alone is killed: its jobs go on beside those of the next run, and both write the same files.
    """
    process = start(study, log=study / "run.log")
    wait_for(study, "logs/import_frames.log", process)
    second = subprocess.run(SNAKEMAKE, cwd=study, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert second.returncode != 0 and "cannot be locked" in second.stdout + second.stderr
    wait_for(study, "logs/fit_trial/optimal_01_1_1.log", process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    snakemake(study, "--unlock")
    for made, name, message in (
        ("logs/compute_rows/optimal_01_1_1_2_1.log", ".compute_rows.py", "Error in rule compute_rows"),
        ("logs/fit_trial/optimal_02_1_1.log", ".fit_trial.py", "Error in rule fit_trial"),
        ("glass/optimal/48/1/stage_1/.running-*/log.lammps", "/lmp", "LAMMPS failed at step"),
    ):
        process = start(study, log=study / "run.log")
        wait_for(study, made, process)
        victims = []
        while not victims:
            assert process.poll() is None, f"{name} was not found before the run ended"
            victims = programs_of(process, name)
        victims[-1].kill()
        assert process.wait(timeout=300) != 0
        output = (study / "run.log").read_text()
        assert message in output and "Traceback" not in output, output[-3000:]
        readable(study)
    assert not (study / RESULTS / "glass/optimal/48/1/stage_1/outcome.json").exists()  # a killed rank is no explosion
    snakemake(study)
    assert numbers(study) == numbers(finished)


@pytest.mark.slow
@ROOT_USER
def test_full_disk_and_read_only_input(tmp_path, finished):
    study = copy_project(tmp_path / "study")
    for place in (study / "results", tmp_path / "input"):
        place.mkdir()
    change(
        study,
        SMALLER
        | {
            "trajectories": [
                {"name": "glass", "file": str(tmp_path / "input/frames.xz"), "temperature_key": "temperature"}
            ]
        },
    )
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(study / "results")], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(tmp_path / "input")], check=True)
        source = study / "resources/teo2-blyp-small/teo2-blyp-small.extxyz.xz"
        (tmp_path / "input/frames.xz").write_bytes(source.read_bytes())
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path / "input")], check=True)
        output = snakemake(study, ok=False)
        assert "No space left on device" in output and "Traceback" not in output
        readable(study)
        subprocess.run(["mount", "-o", "remount,size=2g", str(study / "results")], check=True)
        snakemake(study, "clusters")
        for name in ("clusters/delta.csv", "clusters/best_labels.csv", "clusters/map.csv"):
            assert (study / RESULTS / name).read_text() == (finished / RESULTS / name).read_text()
    finally:
        for place in (study / "results", tmp_path / "input"):
            subprocess.run(["umount", str(place)], check=False)


def test_verify_finds_and_repairs_what_snakemake_does_not_notice(small, tmp_path):
    study = copy_finished(small, tmp_path / "study")
    assert re.search(r"\d{3} results are there, complete, and as they were made", snakemake(study, "verify"))
    loop = study / RESULTS / "potentials/optimal/iteration_01"
    (loop / "round_1/decision.json").unlink()
    (loop / "round_1/trial_2/gap.xml").unlink()
    assert "Nothing to be done" in snakemake(study)
    labels = study / RESULTS / "clusters/delta_0.3/labels.csv"
    labels.write_text(labels.read_text()[:200])
    (study / RESULTS / "structure/reference/gr.csv").write_text("")
    frame = study / RESULTS / "descriptors/glass_0000/frame_000003.npz"
    frame.write_bytes(frame.read_bytes()[:100])
    output = snakemake(study, "verify", ok=False)
    for path, what in (
        ("potentials/optimal/iteration_01/round_1/decision.json", "missing (made by rule decide)"),
        ("potentials/optimal/iteration_01/round_1/trial_2/gap.xml", "missing (made by rule fit_trial)"),
        ("clusters/delta_0.3/labels.csv", "changed since it was made (made by rule cluster_frames)"),
        ("structure/reference/gr.csv", "changed since it was made (made by rule analyse_reference)"),
        (
            "descriptors/glass_0000",
            "changed: frame_000003.npz is newer than the folder (made by rule compute_descriptors)",
        ),
    ):
        assert f"{RESULTS}/{path}: {what}" in output
    assert "Traceback" not in output
    repair = [
        line.strip()
        for line in output.splitlines()
        if line.startswith("  rm -r ") or line.startswith("  .venv/bin/snakemake")
    ]
    assert len(dict.fromkeys(repair)) == 3
    for command in dict.fromkeys(repair):
        words = shlex.split(command)
        words[0] = SNAKEMAKE[0] if words[0].endswith("snakemake") else words[0]
        done = subprocess.run(words, cwd=study, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stdout + done.stderr
    assert numbers(study) == numbers(small)
    assert "as they were made" in snakemake(study, "verify")


def test_verify_knows_cut_off_files_whose_time_is_right(tmp_path):
    """As after a power cut: the name is there, the content is not."""
    for name, text in (
        ("a.json", '{"a": 1'),
        ("b.csv", "frame,cluster\n0,1\n1"),
        ("c.extxyz", "2\ncomment\nO 0 0 0\n"),
        ("d.xml", "<GAP><a>"),
        ("e.png", "\x89PNG and no end"),
        ("f.txt", ""),
        ("g.npy", "no array"),
        ("h.npz", "no archive"),
    ):
        (tmp_path / name).write_text(text)
        assert records._broken(tmp_path / name).startswith("broken: "), name
    (tmp_path / "a.json").write_text(json.dumps({"a": 1}))
    (tmp_path / "d.xml").write_text("<!-- the fit failed, see result.json -->\n")
    explosion.write_not_made(tmp_path / "j.extxyz", {"stage": 2, "step": 7, "time_ps": 0.007})
    assert not records._broken(tmp_path / "d.xml") and not records._broken(tmp_path / "j.extxyz")
    (tmp_path / "c.extxyz").write_text("1\ncomment\nO 0 0 0\n")
    assert not records._broken(tmp_path / "a.json") and not records._broken(tmp_path / "c.extxyz")


def test_verify_says_when_times_tell_nothing(finished, tmp_path):
    study = tmp_path / "study"
    subprocess.run(["cp", "-r", str(finished), str(study)], check=True)
    for path in (study / RESULTS).rglob("*"):
        os.utime(path)
    output = snakemake(study, "verify", ok=False)
    assert "was the study copied without them?" in output and "cp -a" in output


@pytest.mark.parametrize(
    ("ending", "raised"),
    [("kill -KILL $$", ProgramKilled), ("kill -SEGV $$", failures.FitFailed), ("exit 3", failures.FitFailed)],
)
def test_a_killed_fit_is_not_a_failed_one(ending, raised, tmp_path, blyp_frames, hyperparameters, monkeypatch):
    """What was ended from outside says nothing about the hyperparameters; what ended by itself does."""
    program = tmp_path / "gap_fit"
    program.write_text(f"#!/bin/sh\n{ending}\n")
    program.chmod(0o755)
    monkeypatch.setattr(gap_fit, "gap_fit_program", lambda: str(program))
    with pytest.raises(raised) as caught:
        gap_fit.run_fit(
            blyp_frames[:3],
            hyperparameters,
            tmp_path / "gap.xml",
            descriptor="soap_turbo",
            e0=gap_fit.isolated_atom_energies(blyp_frames),
            virials=True,
            seed=1,
            max_seconds=60,
            log_path=tmp_path / "fit.log",
        )
    assert not (tmp_path / "gap.xml").exists()
    if raised is ProgramKilled:
        assert "SIGKILL" in str(caught.value) and "max_fit_memory" in str(caught.value)
