"""The ground floor: complete or absent files, logs, seeds, programs, progress and versions."""

import logging
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from gapglass import __version__
from gapglass.base import files, log, programs, progress, seeds, versions
from gapglass.base.errors import ProgramKilled, UserError, system_problem


def test_a_file_is_complete_or_absent(tmp_path):
    path = tmp_path / "new/table.csv"
    with pytest.raises(RuntimeError), files.whole_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(path.parent.iterdir()) == []
    with files.whole_file(path) as temporary:
        assert temporary.parent == path.parent and temporary.suffix == ".csv"
        temporary.write_text("all")
    assert path.read_text() == "all" and list(path.parent.iterdir()) == [path]


def test_leftovers_of_killed_jobs_are_removed(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / f"{files.TEMPORARY}xyz-table.csv").write_text("half")
    (tmp_path / f"{files.TEMPORARY}folder").mkdir()
    (tmp_path / "a/table.csv").write_text("all")
    files.remove_leftovers(tmp_path)
    assert [path.name for path in sorted(tmp_path.rglob("*"))] == ["a", "table.csv"]


def test_json_and_json_lines_come_back(tmp_path):
    files.write_json(tmp_path / "a.json", {"n": np.int64(3), "x": np.array([1.5, 2.0]), "b": None})
    assert files.read_json(tmp_path / "a.json") == {"n": 3, "x": [1.5, 2.0], "b": None}
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "b.json", {"x": np.nan})
    with pytest.raises(TypeError, match="cannot write set as JSON"):
        files.write_json(tmp_path / "b.json", {"x": {1}})
    assert not (tmp_path / "b.json").exists()
    files.write_json_lines(tmp_path / "a.jsonl", [{"a": 1}, {"a": 2}])
    assert files.read_json_lines(tmp_path / "a.jsonl") == [{"a": 1}, {"a": 2}]


def test_a_header_cannot_become_a_row(tmp_path):
    table = pd.DataFrame({"r": [1.0, 2.5], "g": [0.0, 1 / 3]})
    files.write_table(tmp_path / "a.csv", table, header=["measured by\n7,8", "unit Å"])
    assert files.read_header(tmp_path / "a.csv") == ["measured by 7,8", "unit Å"]
    pd.testing.assert_frame_equal(files.read_table(tmp_path / "a.csv"), table, rtol=1e-9)


def test_files_and_logs_are_imported_without_pandas():
    code = "import sys; from gapglass.base import files, log, units; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_seeds_depend_on_every_label():
    assert seeds.derive(1, "fit", 2) == seeds.derive(1, "fit", 2)
    found = {seeds.derive(*labels) for labels in ((1,), (2,), (1, "fit"), (1, "fit", 1), (1, "fit", 2))}
    assert len(found) == 5 and all(1 <= seed <= 2**31 - 2 for seed in found)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(42, "42 s"), (185, "3 min 05 s"), (7800, "2 h 10 min"), (3.2 * 86400, "3.2 days")],
)
def test_duration(seconds, text):
    assert progress.duration(seconds) == text


def test_progress_reports_at_intervals_and_not_at_the_end(caplog):
    steps = progress.Progress(4, "frames", interval=0.0)
    with caplog.at_level(logging.INFO, logger="gapglass"):
        steps.update(1)
        steps.update(4)
    assert len(caplog.messages) == 1 and caplog.messages[0].startswith("1 of 4 frames, about 0 s left")


def test_program_beside_python_or_none():
    assert programs.program("gapglass").endswith("gapglass")
    with pytest.raises(UserError, match="the program none-such is not installed beside"):
        programs.program("none-such")
    assert programs.peak_so_far_mb("self") > 1
    assert programs.peak_so_far_mb(2**30) == 0


def test_killed_programs_are_no_result():
    with pytest.raises(ProgramKilled, match=r"lmp was ended from outside \(SIGKILL\): .*\(fewer jobs\)"):
        programs.refuse_killed("lmp", -signal.SIGKILL, "", "fewer jobs")
    with pytest.raises(ProgramKilled, match="lmp found no space left on the disk"):
        programs.refuse_killed("lmp", 1, "write failed: No space left on device", "")
    programs.refuse_killed("lmp", -signal.SIGSEGV, "", "")
    programs.refuse_killed("lmp", 1, "ERROR: lost atoms", "")


def test_problem_of_the_system():
    error = PermissionError(13, "Permission denied", "a/b")
    assert system_problem(error).startswith("a/b: Permission denied; give yourself the right")
    assert system_problem(error, "c").startswith("c: Permission denied")
    assert system_problem(OSError("no number")) is None


def test_log_on_a_full_disk_is_one_line_without_traceback(capsys):
    logger, hook = logging.getLogger("gapglass"), sys.excepthook
    try:
        log.configure("/dev/full", "fit_trial", {"seed": 1})
        logger.warning("%s went wrong", "something")
    finally:
        logger.handlers.clear()
        sys.excepthook = hook
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "/dev/full: No space left on device; free space there, or start the run in a folder on a larger disk; "
        "this log ends here",
        "[fit_trial] something went wrong",
    ]


def test_log_has_settings_and_notices_reach_the_terminal(tmp_path, capsys):
    logger, hook = logging.getLogger("gapglass"), sys.excepthook
    handlers, level = logger.handlers[:], logger.level
    try:
        log.configure(tmp_path / "logs/fit.log", "fit", {"b": 1, "a": "x"}).info("a detail")
        log.notice("%d frames", 3)
    finally:
        logger.handlers[:], sys.excepthook = handlers, hook
        logger.setLevel(level)
    lines = (tmp_path / "logs/fit.log").read_text().splitlines()
    assert f"versions: gapglass {__version__}" in lines[0]
    assert lines[1].endswith('settings: {"a": "x", "b": 1}')
    assert lines[3].endswith("INFO a detail") and lines[4].endswith("NOTICE 3 frames")
    assert capsys.readouterr().err == "[fit] 3 frames\n"


def test_absent_packages_are_named(monkeypatch):
    monkeypatch.setattr(versions, "PACKAGES", ("numpy", "none-such"))
    found = versions.versions()
    assert found["numpy"] == np.__version__ and found["none-such"] == "absent"
