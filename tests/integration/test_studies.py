"""The paper's three studies (config/studies): settings, plans on stand-ins of the paper's shapes, training sets."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import standins
from conftest import ROOT
from test_workflow import copy_project

from gapglass.selection.database import database_size, enlarge
from gapglass.study import config

# frames, atoms of the frames, stand-ins, iterations and training frames of the paper (section 3.2)
STUDIES = {
    "aste3": (937, [240], ["aste3"], 3, 97),
    "teo2": (1200, [480], ["teo2"], 3, 127),
    "teo2-gamma": (1245, [48, 480], ["teo2", "gamma-teo2"], 4, 175),
}


def study(name):
    return config.read(ROOT / f"config/studies/{name}.yaml")


def models(settings):
    """Return (potential, atoms) of every glass model that a study asks for."""
    glass = settings["glass"]
    compared = glass["sizes"] if glass["comparison_sizes"] is None else glass["comparison_sizes"]
    return {
        (variant, atoms)
        for variant in settings["potential"]["variants"]
        for atoms in glass["sizes"]
        if variant == "optimal" or atoms in compared
    }


@pytest.mark.parametrize("name", STUDIES)
def test_settings_are_those_of_the_paper(name):
    settings = study(name)
    clustering, learning, glass = (settings[section] for section in ("clustering", "active_learning", "glass"))
    assert settings["study"] == name
    assert clustering["deltas"] == pytest.approx(np.linspace(0, 1, 11)) and clustering["d_tol"] == (
        1e-4 if name == "aste3" else 1e-3
    )
    assert (learning["increment"], learning["train_fraction"], learning["energy_tolerance"]) == (0.05, 0.7, 2.0)
    assert settings["potential"]["descriptor"] == "soap" and settings["kernels"]["soap"]["degree"] == 4
    assert len(models(settings)) == (4 if name == "teo2-gamma" else 4 + 2 + 2)
    last = glass["cycle"][-1]
    assert (last["temperature"], last["time"], last["ensemble"], last["density"]) == (300, 100, "nvt", "reference")
    # two or three stages of 5 ps and the others of 100 ps, at half a femtosecond
    assert (
        sum(stage["time"] for stage in glass["cycle"]) == (410 if name == "aste3" else 515)
        and glass["timestep"] == 0.5
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with stand-ins at the file names of the studies."""
    folder = copy_project(tmp_path_factory.mktemp("studies"))
    (folder / "trajectories").mkdir()
    for name in standins.SHAPES:
        standins.write(name, folder / f"trajectories/{name}.extxyz")
    return folder


def snakemake(folder, name, *arguments):
    command = [
        str(Path(sys.executable).with_name("snakemake")),
        "--configfile",
        f"config/studies/{name}.yaml",
        "--nocolor",
        *arguments,
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module", params=STUDIES)
def planned(request, project):
    """A study that is imported and planned to its end: name, settings, import summary, jobs of each rule, files."""
    name, settings = request.param, study(request.param)
    snakemake(project, name, "--cores", "2", f"results/{name}/frames/import.json")
    imported = json.loads((project / f"results/{name}/frames/import.json").read_text())
    output = snakemake(project, name, "--cores", "2", "--dry-run")
    jobs = {
        rule: int(count)
        for rule, count in re.findall(r"^(\w+) +(\d+)$", output.split("Job stats:")[1], flags=re.MULTILINE)
    }
    rows = snakemake(project, name, "--cores", "2", "--summary").splitlines()
    files = {row.split("\t")[0].removeprefix(f"results/{name}/") for row in rows if row.startswith("results/")}
    return name, settings, imported, jobs, files


@pytest.mark.slow
def test_standins_have_the_shapes_of_the_paper(planned):
    name, settings, imported, *_ = planned
    n_frames, n_atoms, trajectories, *_ = STUDIES[name]
    assert (imported["n_frames"], imported["n_rejected"], imported["n_atoms"]) == (n_frames, 0, n_atoms)
    assert sorted(imported["trajectories"].values()) == sorted(
        standins.SHAPES[trajectory][2] for trajectory in trajectories
    )
    assert imported["species"] == sorted(settings["glass"]["composition"])


@pytest.mark.slow
def test_plan_of_the_clusters_is_complete(planned):
    name, settings, _, jobs, files = planned
    blocks = {"aste3": 2, "teo2": 4, "teo2-gamma": 5}[name]
    wanted = {"compute_descriptors": blocks, "compute_kernel_row": blocks, "cluster_frames": 11, "choose_delta": 1}
    assert {rule: jobs.get(rule) for rule in wanted} == wanted
    assert {f"clusters/delta_{delta:g}/labels.csv" for delta in settings["clustering"]["deltas"]} <= files


@pytest.mark.slow
def test_plan_runs_to_the_report(planned):
    _, settings, _, jobs, files = planned
    assert jobs["build_report"] == jobs["default"] == jobs["analyse_reference"] == 1 and "report.html" in files
    assert not {"build_plugin", "import_frames"} & set(jobs)
    n_potentials = len(settings["potential"]["variants"])
    assert jobs["check_engine"] == jobs["check_pair_style"] == jobs["summarise_potential"] == n_potentials
    # of each loop a dry run knows the first decision; how many iterations follow is decided as it goes
    loops = len({"optimal", "soap_only"} & set(settings["potential"]["variants"]))
    assert jobs["sample_frames"] == jobs["decide"] == jobs["finish_potential"] == loops
    assert jobs.get("fit_all_frames", 0) == ("all_frames" in settings["potential"]["variants"])
    # one job per stage and model
    wanted = models(settings)
    assert jobs["run_stage"] == len(wanted) * len(settings["glass"]["cycle"])
    assert jobs["pack_atoms"] == jobs["analyse_glass"] == jobs["finish_glass"] == len(wanted)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["optimal", "soap_only", "all_frames"])
def test_plan_follows_every_potential_through_glass_and_structure(planned, variant):
    _, settings, _, _, files = planned
    here = {atoms for potential, atoms in models(settings) if potential == variant}
    n_stages = len(settings["glass"]["cycle"])
    wanted = {f"potentials/{variant}/{name}" for name in ("gap.xml", "summary.json")} if here else set()
    for atoms in here:
        wanted |= {f"glass/{variant}/{atoms}/1/stage_{stage}/final.restart" for stage in range(1, n_stages + 1)}
        wanted |= {f"structure/{variant}_{atoms}_1/{name}" for name in ("sq.csv", "gr.csv", "coordination.csv")}
        wanted.add(f"structure/{variant}_{atoms}/rx.json")
    if here and variant != "all_frames":
        wanted |= {
            f"potentials/{variant}/iteration_01/database.json",
            f"potentials/{variant}/iteration_01/round_0/decision.json",
        }
    assert wanted <= files
    made = {int(found[1]) for path in files if (found := re.fullmatch(rf"glass/{variant}/(\d+)/1/final.extxyz", path))}
    assert made == here


@pytest.mark.slow
def test_every_stage_depends_on_the_frames_which_set_the_limits_of_its_guards(project, planned):
    name, settings, *_ = planned
    n_stages = len(settings["glass"]["cycle"])
    target = f"results/{name}/glass/optimal/{settings['glass']['sizes'][0]}/1/stage_{n_stages}/final.restart"
    graph = snakemake(project, name, "--cores", "2", "--dag", "dot", target)
    jobs = dict(re.findall(r'^\s*(\d+)\[label = "([^"]+)"', graph, flags=re.MULTILINE))
    fed = {jobs[after] for before, after in re.findall(r"(\d+) -> (\d+)", graph) if jobs[before] == "import_frames"}
    # A job's label begins with its rule and names the wildcards that its input does not give.
    fed_stages = [re.search(r"stage: (\d+)", job) for job in fed if job.startswith("run_stage")]
    assert {int(found[1]) for found in fed_stages} == set(range(1, n_stages + 1))


def uneven(n_frames, n_clusters, seed):
    """Return labels of uneven clusters, from many frames down to a few."""
    rng = np.random.default_rng(seed)
    return rng.choice(n_clusters, size=n_frames, p=rng.dirichlet(np.full(n_clusters, 1.5)))


@pytest.mark.parametrize("n_clusters", [15, 20, 25])
@pytest.mark.parametrize("name", STUDIES)
def test_training_sets_have_the_sizes_of_the_paper(name, n_clusters):
    n_frames, _, _, iterations, n_train = STUDIES[name]
    learning = study(name)["active_learning"]
    for seed in range(3):
        labels = uneven(n_frames, n_clusters, seed)
        database = {"train": [], "test": []}
        for iteration in range(1, iterations + 1):
            size = database_size(iteration, learning["increment"], n_frames)
            database = enlarge(database, labels, size=size, train_fraction=learning["train_fraction"], seed=seed)
        # the paper rounds in every cluster, so it may be off ours by one frame in each
        assert abs(len(database["train"]) - n_train) <= n_clusters
        assert len(database["train"]) + len(database["test"]) + len(database["rest"]) == n_frames
        # what our own counting gives, for all cluster counts
        assert len(database["train"]) == {"aste3": 99, "teo2": 126, "teo2-gamma": 174}[name]
