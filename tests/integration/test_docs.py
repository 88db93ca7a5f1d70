"""The pages for users: every command runs as for a new user, every link leads somewhere, every snippet is valid.

A command that would take too long runs on the tiny study instead, or is only planned. ``COMMANDS`` says how, and must
hold every command of every page.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from docutils.utils.math.latex2mathml import tex2mathml

from gapglass.study import config, schema

PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "profiles/README.md",
]
PAGES += [ROOT / "config/README.md"]
TINY = "--configfile config/tiny.yaml"

# Command of a page -> what the test runs in a finished tiny study: True for the command itself, a string for another
# command, None where the test cannot run it here (the comment gives the reason).
SLURM = (
    "--slurm-no-account --slurm-status-command squeue --slurm-init-seconds-before-status-checks 2 --latency-wait 20"
)
COMMANDS = {
    "make run": "make run CONFIG=config/tiny.yaml",
    "make setup": None,  # the first step of every other make command
    "make test": None,  # this
    "pip install .": None,  # tested in an environment of its own
    # tests/unit/glass/test_own_plugin.py builds it and runs a LAMMPS with it
    "cmake -S cpp/lammps -B build/lammps -DLAMMPS_SOURCE_DIR=$HOME/lammps/src": None,
    "cmake --build build/lammps": None,
    "export LAMMPS_PLUGIN_PATH=$PWD/build/lammps": None,
    # conda's channels cannot be reached
    ".venv/bin/snakemake --software-deployment-method conda --configfile my_study.yaml": None,
    "gapglass init trajectory.extxyz --output my_study.yaml": None,  # tests/integration/test_package.py, from a wheel
    "gapglass run my_study.yaml": None,
    "gapglass package my_study.yaml": ".venv/bin/gapglass package my_study.yaml",
    ".venv/bin/gapglass init vasprun.xml --temperature 300 --output my_study.yaml": (
        ".venv/bin/gapglass init tests/data/readers/vasp/vasprun.xml --temperature 300 --output first.yaml"
    ),
    ".venv/bin/gapglass run my_study.yaml --dry-run": True,
    ".venv/bin/gapglass run my_study.yaml": True,
    "make run ARGS=learning_curves": "make run CONFIG=config/tiny.yaml ARGS='learning_curves --dry-run'",
    'make inspect FILES="vasprun.xml"': 'make inspect FILES="tests/data/readers/vasp/vasprun.xml"',
    "make inspect FILES=resources/teo2-chgnet/teo2-chgnet.extxyz.xz": True,
    ".venv/bin/gapglass inspect --help": True,
    ".venv/bin/gapglass check my_study.yaml": True,
    # tests/integration/test_labels.py, where CP2K is installed
    ".venv/bin/gapglass check config/studies/label-with-cp2k.yaml": None,
    ".venv/bin/snakemake labels --cores 2 --configfile config/studies/label-with-cp2k.yaml": None,
    ".venv/bin/snakemake --dry-run": True,
    ".venv/bin/snakemake clusters --configfile my_study.yaml": True,
    **{
        f".venv/bin/snakemake {stage}": f".venv/bin/snakemake {stage} --configfile config/tiny.yaml"
        for stage in ("clusters", "potential", "glass", "structure", "figures")
    },
    ".venv/bin/gapglass verify config/tiny.yaml": True,
    "rm -r results/tiny/potentials/optimal/iteration_02 results/tiny/potentials/optimal/fit.json": True,
    ".venv/bin/snakemake potential --configfile config/tiny.yaml": True,
    ".venv/bin/snakemake --profile profiles/slurm --configfile my_study.yaml": (
        f".venv/bin/snakemake --profile profiles/slurm {SLURM} --configfile my_study.yaml --dry-run"
    ),
    "tmux new -s glass": None,  # a program of its own
    ".venv/bin/snakemake --profile profiles/my_site --configfile my_study.yaml": (
        "cp -r profiles/slurm profiles/my_site && "
        ".venv/bin/snakemake --profile profiles/my_site --configfile my_study.yaml --dry-run"
    ),
    # tests/integration/test_slurm.py runs it where there is a Slurm
    ".venv/bin/snakemake --executor cluster-generic --jobs 20 --latency-wait 60 --configfile config/tiny.yaml "
    '--default-resources mem_mb=2000 runtime=30 --cluster-generic-submit-cmd "sbatch --parsable '
    '--cpus-per-task={threads} --mem={resources.mem_mb} --time={resources.runtime}" clusters': None,
}


def blocks(kind):
    """Return (page, text) of every fenced block of a kind; "" is a block of commands."""
    found = []
    for page in PAGES:
        for language, text in re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            if language == kind:
                found.append((page, text))
    return found


def commands():
    """Return every command of every page, continuation lines joined, comments dropped."""
    found = {}
    for page, text in blocks(""):
        for line in text.replace("\\\n", " ").splitlines():
            command = re.sub(r"\s+#.*", "", re.sub(r" +", " ", line)).strip()
            if command and not command.startswith("#"):
                found.setdefault(command, page.name)
    return found


@pytest.fixture(scope="module")
def user(finished, tmp_path_factory):
    """A folder as a user has it after the tiny study: everything of the clone, a .venv, results."""
    folder = tmp_path_factory.mktemp("user") / "gapglass"
    subprocess.run(["cp", "-a", str(finished), str(folder)], check=True)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    shutil.copy(folder / "config/tiny.yaml", folder / "my_study.yaml")
    return folder


def test_every_command_of_every_page_is_tried_here():
    assert set(commands()) == set(COMMANDS)


@pytest.mark.parametrize("command", [command for command, instead in COMMANDS.items() if instead is not None])
def test_command_works(command, user):
    instead = COMMANDS[command]
    text = command if instead is True else instead
    done = subprocess.run(text, shell=True, cwd=user, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{text}\n{(done.stdout + done.stderr)[-3000:]}"


def anchors(page):
    """Return the anchors of a page's headings, as GitHub makes them: letters in lower case, digits, hyphens."""
    found = []
    for heading in re.findall(
        r"^#+ (.*)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S), flags=re.M
    ):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        repeats = sum(re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", other) is not None for other in found)
        found.append(f"{anchor}-{repeats}" if repeats else anchor)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", page.read_text()):
        if not target.startswith("http"):
            found = page.parent / target if target else page
            assert found.exists(), target
            assert not anchor or anchor in anchors(found), f"{target}#{anchor}"


def test_equations_are_in_the_latex_that_the_site_understands():
    """GitHub draws them by itself; `make site` turns them into MathML, and stops at an unknown command."""
    equations = [text for _, text in blocks("math")]
    for page in PAGES:
        text = re.sub(r"^ *```.*?^ *```|^    .*?$|`[^`]+`", "", page.read_text(), flags=re.M | re.S)
        for line in text.splitlines():
            parts = line.split("$")
            assert len(parts) % 2, f"{page}: an equation begins in this line or ends in it: {line}"
            # GitHub takes a backslash before a sign for an escape of Markdown.
            assert not any(re.search(r"\\[^A-Za-z]", equation) for equation in parts[1::2]), f"{page}: {line}"
            equations += parts[1::2]
    assert len(equations) > 60
    for equation in equations:
        assert "<math" in tex2mathml(equation, as_block=True)


def test_keys_that_pages_name_are_in_the_schema():
    properties = schema.load_schema()["properties"]
    named = set()
    for page in [
        page for page in PAGES if page.name not in ("CHANGELOG.md", "bad-input.md", "status.md")
    ]:  # old, wrong and future keys
        text = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.M | re.S)
        for key in re.findall(r"`([a-z_]+(?:\.[a-z_0-9]+)+)(?:: [^`]*)?`", text):
            section, *parts = key.split(".")
            if "properties" not in properties.get(section, {}) or parts[-1] == "json":
                continue  # a file or a module
            named.add(key)
            level = properties[section]
            for part in parts:
                assert part in level.get("properties", {}), f"{page}: {key}"
                level = level["properties"][part]
    assert len(named) > 60


def test_pages_that_other_files_name_exist():
    """The schema, comments, messages and tests name pages by their path from the root."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    named = 0
    for name in listed:
        path = ROOT / name
        if path.suffix in (".xz", ".gz", ".png") or not path.is_file():
            continue
        for page, anchor in re.findall(r"(?<![\w/.])(docs/[\w./-]+\.(?:md|ipynb))(?:#([\w-]+))?", path.read_text()):
            named += 1
            assert (ROOT / page).exists(), f"{name} names {page}"
            assert not anchor or anchor in anchors(ROOT / page), f"{name} names {page}#{anchor}"
    assert named > 30


def test_every_page_is_in_the_index():
    index = (ROOT / "docs/README.md").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").as_posix()
        assert name == "README.md" or f"({name})" in index, name


def test_readme_is_short_and_lines_fit_a_screen():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 80
    for page in PAGES:
        for number, line in enumerate(page.read_text().splitlines(), start=1):
            assert len(line) < 120 or line.startswith("|"), f"{page}, line {number}"


def test_python_example_works():
    text = (ROOT / "docs/how-to/use-from-python.md").read_text()
    example = re.search(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL).group(1)
    done = subprocess.run([sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_yaml_snippets_are_valid_settings():
    """A snippet of a study, put into the tiny study, passes the check of the configuration."""
    tiny = yaml.safe_load((ROOT / "config/tiny.yaml").read_text())
    tried = 0
    for page, text in blocks("yaml"):
        snippet = yaml.safe_load(text)
        if not set(snippet) <= set(schema.load_schema()["properties"]):
            continue  # of a profile
        # Where frames are labelled on demand, no potential is made of all of them.
        base = tiny | {"potential": tiny["potential"] | {"variants": ["optimal"]}} if "labels" in snippet else tiny
        merged = {
            **base,
            **{
                key: {**base.get(key, {}), **value} if isinstance(value, dict) else value
                for key, value in snippet.items()
            },
        }
        config.complete(merged, page.name)
        tried += 1
    assert tried
