"""The digest of the engine's sources: what changes it, and that stale code is refused."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

from gapglass import potential
from gapglass.base.errors import UserError
from gapglass.potential import build


@pytest.fixture
def checkout(tmp_path):
    shutil.copytree(ROOT / "cpp", tmp_path / "cpp")
    shutil.copy(ROOT / "CMakeLists.txt", tmp_path)
    return tmp_path


def test_installed_engine_is_that_of_the_checkout():
    digest = build.engine_digest()
    assert digest == build.source_digest() == build.source_digest(ROOT)
    assert len(digest) == 16 and int(digest, 16) >= 0


CHANGES = pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "cpp/gap/kernels.cpp").write_text("// other\n"),
        lambda root: (root / "cpp/lammps/plugin.cmake").write_text("# other\n"),
        lambda root: (root / "CMakeLists.txt").write_text("# other\n"),
        lambda root: (root / "cpp/gap/added.h").write_text(""),
        lambda root: (root / "cpp/gap/error.h").rename(root / "cpp/gap/errors.h"),
        lambda root: (root / "cpp/python/engine.cpp").unlink(),
    ],
    ids=["source", "plug-in", "top", "added", "renamed", "removed"],
)


@CHANGES
def test_every_change_of_the_sources_changes_the_digest(checkout, change):
    before = build.source_digest(checkout)
    change(checkout)
    assert build.source_digest(checkout) != before


@CHANGES
def test_every_change_of_the_sources_is_compiled_by_make_setup(checkout, change):
    """That is the command which a stale engine asks for, so it must never find nothing to do."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, checkout)
    (checkout / ".venv").mkdir()
    for path in [*checkout.rglob("*"), checkout]:
        os.utime(path, (1e9, 1e9))
    for stamp, time in ((".packages", 1.1e9), (".complete", 1.2e9)):
        (checkout / ".venv" / stamp).touch()
        os.utime(checkout / ".venv" / stamp, (time, time))
    command = ["make", "--dry-run", "setup"]
    plan = [subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True).stdout]
    change(checkout)
    plan.append(subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True).stdout)
    assert ["--editable" in text for text in plan] == [False, True]
    assert "requirements.lock" not in plan[1]


def test_what_is_not_compiled_does_not_change_the_digest(checkout):
    before = build.source_digest(checkout)
    (checkout / "cpp/tests").mkdir(exist_ok=True)
    (checkout / "cpp/tests/test_more.cpp").write_text("// a test\n")
    (checkout / "cpp/gap/notes.txt").write_text("notes")
    assert build.source_digest(checkout) == before


def test_stale_engine_is_refused_with_the_command(checkout, monkeypatch):
    (checkout / "cpp/gap/kernels.cpp").write_text("// other\n")
    changed = build.source_digest(checkout)
    monkeypatch.setattr(build, "source_digest", lambda: changed)
    with pytest.raises(UserError, match=rf"compiled from other sources .*{changed}.*; run `make setup`"):
        build.engine_digest()


def test_without_a_checkout_nothing_is_compared(tmp_path, monkeypatch):
    assert build.source_digest(tmp_path) is None
    compiled = build.engine_digest()
    monkeypatch.setattr(build, "source_digest", lambda: None)
    assert build.engine_digest() == compiled


def test_absent_engine_is_reported(monkeypatch):
    monkeypatch.delattr(potential, "_engine", raising=False)  # that of an import before
    monkeypatch.setitem(sys.modules, "gapglass.potential._engine", None)
    with pytest.raises(UserError, match=r"cannot be loaded.*; run `make setup`"):
        build.engine_digest()


def test_digest_needs_the_standard_library_only():
    """CMake computes it with a Python without packages, in a build that is isolated from ours."""
    command = [sys.executable, "-S", "-P", build.__file__]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(ROOT / "src")}, cwd="/", capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == build.source_digest(ROOT)
