"""Results of another version: the notice of a run, and the record of the version."""

import json
from pathlib import Path

import pytest

from gapglass import __version__
from gapglass.base.errors import UserError
from gapglass.study import release

PLANNED, KEPT = ["fit_trial", "import_frames", "fit_trial"], ["choose_delta"]


@pytest.fixture
def folder(tmp_path):
    """An empty results folder."""
    path = tmp_path / "results/study"
    path.mkdir(parents=True)
    return path


def record(folder, version):
    (folder / release.RECORD).write_text(json.dumps({"gapglass": version}))


def recorded(folder):
    return json.loads((folder / release.RECORD).read_text())["gapglass"]


def test_no_folder_and_an_empty_one_give_no_notice(tmp_path, folder):
    for path in (tmp_path / "absent", folder):
        assert release.made_by(path) is None and release.notice(path, PLANNED, KEPT) is None
    (folder / "lammps").mkdir()
    assert release.made_by(folder) is None


def test_same_version_gives_no_notice(folder):
    (folder / "frames").mkdir()
    record(folder, __version__)
    assert release.made_by(folder) == __version__ and release.notice(folder, PLANNED, KEPT) is None


@pytest.mark.parametrize("version", ["0.1.5", "99.0"], ids=["older", "newer"])
def test_another_version_is_named_with_the_jobs(folder, version):
    record(folder, version)
    text = release.notice(folder, PLANNED, KEPT)
    assert text.startswith(f"{folder} was made by gapglass {version}; this is gapglass {__version__}.\n")
    assert "Jobs that run again, and overwrite their results: 2 fit_trial, 1 import_frames\n" in text
    assert "Jobs whose results are kept: 1 choose_delta\n" in text
    assert "move that folder away" in text and "--rerun-triggers mtime params input" in text


@pytest.mark.parametrize("name", ["frames", "logs", "report.html"])
def test_folder_without_a_record_is_of_an_earlier_version(folder, name):
    (folder / name).mkdir()
    assert release.made_by(folder) == release.BEFORE_RECORDS
    text = release.notice(folder, PLANNED, [])
    assert f"was made by a version of gapglass before {__version__}" in text
    assert "Jobs whose results are kept: none\n" in text


def test_corrupt_record_is_a_message(folder):
    (folder / release.RECORD).write_text("{")
    with pytest.raises(UserError, match=r"version\.json is corrupt"):
        release.notice(folder, PLANNED, KEPT)


def test_run_in_a_new_folder_says_nothing_and_records_its_version(tmp_path, capsys):
    release.begin(tmp_path / "results/new", PLANNED, KEPT)
    assert capsys.readouterr().out == "" and recorded(tmp_path / "results/new") == __version__


def test_notice_comes_once(folder, capsys):
    record(folder, "0.1.5")
    release.begin(folder, PLANNED, KEPT)
    assert "was made by gapglass 0.1.5" in capsys.readouterr().out and recorded(folder) == __version__
    release.begin(folder, PLANNED, KEPT)
    assert capsys.readouterr().out == ""


def test_nothing_is_written_before_the_notice(folder, monkeypatch):
    (folder / "frames").mkdir()
    (folder / "report.html").write_text("<html></html>")
    before = sorted(folder.rglob("*"))
    seen = []

    def watch(*words, **options):
        seen.append(sorted(folder.rglob("*")))

    monkeypatch.setattr("builtins.print", watch)
    release.begin(folder, PLANNED, KEPT)
    assert seen == [before]
    assert sorted(set(folder.rglob("*")) - set(before)) == [folder / release.RECORD]
    assert Path(folder / "report.html").read_text() == "<html></html>"
