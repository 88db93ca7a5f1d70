"""The command of Snakemake that `gapglass run` starts, and the lock of its folder."""

import fcntl
import os

import pytest
from conftest import ROOT

from gapglass.base.errors import UserError
from gapglass.cli import main
from gapglass.study import run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    return tmp_path


def value(words, option):
    return words[words.index(option) + 1]


def test_the_checkout_is_where_the_workflow_is_found():
    assert run.shipped("workflow/Snakefile") == ROOT / "workflow/Snakefile"
    with pytest.raises(UserError, match="has no workflow/absent"):
        run.shipped("workflow/absent")


def test_targets_stand_before_the_configuration(folder):
    words = run.command("study.yaml", ["clusters", "--cores", "1"])
    assert words[4:7] == ["clusters", "--cores", "1"]
    assert words[-2:] == ["--configfile", "study.yaml"]
    assert value(words, "--workflow-profile") == str(ROOT / "profiles/default")


def test_profiles_of_the_user_win(folder):
    assert value(run.command("s.yaml", ["--profile", "slurm"]), "--profile") == str(ROOT / "profiles/slurm")
    assert value(run.command("s.yaml", ["--profile=slurm"]), "--profile") == str(ROOT / "profiles/slurm")
    assert value(run.command("s.yaml", ["--profile", "mine"]), "--profile") == "mine"
    (folder / "settings/snakemake/slurm").mkdir(parents=True)
    assert value(run.command("s.yaml", ["--profile", "slurm"]), "--profile") == "slurm"
    assert run.command("s.yaml", ["--workflow-profile", "none"]).count("--workflow-profile") == 1
    (folder / "profiles/default").mkdir(parents=True)
    assert "--workflow-profile" not in run.command("s.yaml", [])


def test_one_run_at_a_time(folder, monkeypatch):
    """The lock goes over to Snakemake, which this process becomes."""
    seen = []
    monkeypatch.setattr(os, "execv", lambda program, words: seen.append(words))
    run.start("s.yaml", ["--dry-run"])
    assert "--dry-run" in seen[0]
    with (folder / run.LOCK).open() as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with pytest.raises(UserError, match="another run is at work in this folder"):
        run.start("s.yaml", [])
    assert len(seen) == 1


def test_mistakes_are_told_before_snakemake_starts(folder, capsys):
    assert main(["run", "absent.yaml"]) == 1
    assert "cannot read the configuration absent.yaml" in capsys.readouterr().err
    assert main(["run", "--dry-run"]) == 1
    assert "config/config.yaml" in capsys.readouterr().err
    assert main(["run", "--help"]) == 0
    assert "usage: gapglass run" in capsys.readouterr().out
    assert not (folder / run.LOCK).exists()
