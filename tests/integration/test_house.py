"""The house itself: style, lint, made files up to date, nothing of one machine in it."""

import re
import subprocess
import sys
from pathlib import Path

import documents
import pytest
import yaml
from conftest import ROOT

BIN = Path(sys.executable).parent


def run(*command):
    done = subprocess.run([str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("snakefmt", "--check", "Snakefile", "workflow"),
        ("lint-imports",),
        ("snakemake", "--lint"),
    ],
    ids=" ".join,
)
def test_style(command):
    status, output = run(*command)
    assert status == 0, output


@pytest.mark.parametrize("path", documents.made_files(), ids=lambda path: path.name)
def test_made_file_is_up_to_date(path):
    assert path.read_text() == documents.made_files()[path], f"{path.name} is out of date; run `make docs`"


def test_environment_pins_what_the_lock_pins():
    locked = documents.locked_versions((ROOT / "requirements.lock").read_text())
    pinned = yaml.safe_load((ROOT / "envs/gapglass.yaml").read_text())["dependencies"][-1]["pip"]
    pins = dict(pin.split("==") for pin in pinned)
    assert set(documents.dependencies((ROOT / "pyproject.toml").read_text())) <= set(pins)
    assert all(locked[name] == version for name, version in pins.items())


@pytest.mark.parametrize(("folder", "fewest"), [("", 15), ("docs", 3)])
def test_lock_has_hashes_and_every_direct_dependency_and_a_reason(folder, fewest):
    lock = (ROOT / folder / "requirements.lock").read_text()
    locked = documents.locked_versions(lock)
    assert all(
        re.search(rf"^{re.escape(name)}==\S+ \\\n    --hash=sha256:", lock, flags=re.MULTILINE) for name in locked
    )
    direct = re.findall(r"^([a-z0-9-]+)", (ROOT / folder / "requirements.in").read_text(), flags=re.MULTILINE)
    reasons = (ROOT / "docs/development/dependencies.md").read_text()
    assert len(direct) >= fewest
    for name in direct:
        assert name in locked and f"`{name}`" in reasons, name


def test_no_registry_address_and_no_path_of_one_machine():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    forbidden = re.compile(
        r"^--(extra-)?(index-url|find-links)|files[.]pythonhosted|/(home|root|work)/", flags=re.MULTILINE
    )
    for name in listed:
        path = ROOT / name
        if path.suffix in (".xz", ".gz", ".png") or not path.is_file():
            continue
        found = forbidden.search(path.read_text())
        assert not found, f"{name}: {found.group(0)}"


def test_every_rule_has_its_script():
    rules = " ".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    used = set(re.findall(r'"\.\./scripts/(\w+)\.py"', rules))
    assert used == {path.stem for path in (ROOT / "workflow/scripts").glob("*.py")}
    named = set(re.findall(r"^(?:rule|checkpoint) (\w+):", rules, flags=re.MULTILINE)) | set(
        re.findall(r" (?:rule|checkpoint) (\w+):", rules)
    )
    assert used <= named
