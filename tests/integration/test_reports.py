"""The report of a study at any time of its run: what is there is shown, and nothing is computed."""

import shutil

import pytest
from tiny_study import RESULTS, copy_finished

from gapglass import cli
from gapglass.report import preview

STUDY = "config/tiny.yaml"
LATER = ("report.html", "figures", "tables")
NOT_YET = "Not there yet: "


def so_far(finished, folder, capsys, monkeypatch, *gone):
    """Return the page of a study without some of its results, and check that nothing else was written."""
    study = copy_finished(finished, folder / "study")
    results = study / RESULTS
    for pattern in (*LATER, *gone):
        for path in list(results.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    monkeypatch.chdir(study)
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert cli.main(["report", STUDY]) == 0
    page = results / preview.SO_FAR
    assert capsys.readouterr().out == f"Report: {page.resolve()}\n"
    after = {path: path.stat().st_mtime_ns for path in study.rglob("*") if path.is_file()}
    new = {path.name for path, _ in after.items() - before.items()}
    assert page.name in new <= {preview.SO_FAR, preview.EXPLORER_SO_FAR} and before.items() <= after.items()
    return page.read_text()


@pytest.mark.parametrize(
    ("gone", "text", "not_yet", "n_figures"),
    [
        (["frames", "clusters", "kernels", "potentials", "glass", "structure"], "Frames: not yet", 5, 0),
        (
            # The second iteration of the loop is at work.
            ["glass", "structure", "potentials/*_*", "potentials/comparison.csv", "potentials/*/*.*"]
            + [f"potentials/optimal/iteration_02/{name}" for name in ("round_1", "round_2", "*.npz", "*.csv", "ev*")],
            "Potential optimal: iteration 2, round 0",
            3,
            5,
        ),
        (
            ["structure", "glass/*/*/*/thermo.csv", "glass/*/*/*/out*", "glass/*/*/*/stage_3"],
            "Structures: not yet",
            1,
            11,
        ),
    ],
    ids=["nothing", "loop", "quench"],
)
def test_unfinished_study_shows_what_is_there(finished, tmp_path, capsys, monkeypatch, gone, text, not_yet, n_figures):
    page = so_far(finished, tmp_path, capsys, monkeypatch, *gone)
    assert "This study is not finished" in page and text in page
    assert page.count(NOT_YET) == not_yet and page.count('<img class="light"') == n_figures
    assert (preview.EXPLORER_SO_FAR in page) == (n_figures > 0)
    assert "gapglass report config/tiny.yaml" in page
    assert 'href="figures/' not in page  # files that are not there


def test_finished_study_keeps_its_report(finished, capsys, monkeypatch):
    monkeypatch.chdir(finished)
    assert cli.main(["report", STUDY]) == 0
    assert capsys.readouterr().out == f"Report: {(finished / RESULTS / 'report.html').resolve()}\n"
