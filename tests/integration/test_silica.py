"""The study of silica (config/studies/sio2-vashishta.yaml): its settings, its plan, and its truth.

The truth are quenches with the potential that made the labels, and the curve of them that the study reads.
"""

import copy
import re
import shutil
from pathlib import Path

import generate_trajectory
import generate_truth
import numpy as np
import pytest
import yaml
from conftest import ROOT
from test_studies import snakemake
from tiny_study import copy_project

from gapglass.base import files, seeds
from gapglass.base.errors import UserError
from gapglass.glass import dump, lammps, packing, stages
from gapglass.glass.guards import Guards
from gapglass.selection.database import database_size
from gapglass.structure import experiment, wright
from gapglass.study import config, models

STUDY = ROOT / "config/studies/sio2-vashishta.yaml"


@pytest.fixture(scope="module")
def full():
    """The settings of the study itself."""
    return config.read(STUDY)


def test_frames_of_the_study_are_those_that_are_generated(full):
    glass = full["glass"]
    _, n_frames, every, plateaus, _ = generate_trajectory.SHAPES["sio2-480"]
    crystal = generate_trajectory.SHAPES["sio2-cristobalite"]
    assert [Path(entry["file"]).stem for entry in full["trajectories"]] == ["sio2-480", "sio2-cristobalite"]
    timestep = generate_trajectory.TIMESTEP
    assert [entry["interval"] for entry in full["trajectories"]] == [every * timestep, crystal[2] * timestep]
    assert glass["timestep"] == timestep
    assert {name: glass[name] for name in ("composition", "density")} == {
        name: generate_trajectory.GLASS[name] for name in ("composition", "density")
    }
    assert {stage["temperature"] for stage in glass["cycle"]} == set(plateaus)
    assert database_size(1, full["active_learning"]["increment"], n_frames + crystal[1]) == 25


def test_cycle_and_models_are_of_the_size_of_the_paper(full):
    glass, potential = full["glass"], full["potential"]
    assert [stage["time"] for stage in glass["cycle"]] == [5, 5, 5, 100, 100, 100, 100, 100]
    assert models.all_replicas(full) == {
        ("optimal", 480): 3,
        ("optimal", 3840): 1,
        ("soap_only", 480): 1,
        ("all_frames", 480): 1,
    }
    # R_X of both sizes over one range, half the cell of the small one
    cell = packing.random_packing(480, glass["composition"], glass["density"], 1).cell.lengths()
    assert cell[0] / 2 - 0.1 < full["structure"]["r_max"] < cell[0] / 2
    steps = sum(stages.steps_of(stage, glass["timestep"]) for stage in glass["cycle"])
    hours = {atoms: steps * atoms * potential["cost_limit"] * 1e-6 / 3600 for atoms in glass["sizes"]}
    total = sum(count * hours[atoms] for (_, atoms), count in models.all_replicas(full).items())
    # the numbers in the head of the study
    assert [round(hours[atoms], 1) for atoms in (480, 3840)] == [0.4, 3.3] and total == pytest.approx(5.4, abs=0.1)


@pytest.mark.slow
def test_plan_of_the_study_runs_to_the_report(full, tmp_path):
    folder = copy_project(tmp_path / "project")
    generate_trajectory.generate("sio2-480", folder / full["trajectories"][0]["file"], n_frames=60, ramp=50)
    generate_trajectory.generate("sio2-cristobalite", folder / full["trajectories"][1]["file"], ramp=50)
    q = np.linspace(0.3, 15, 100)
    np.savetxt(folder / full["structure"]["experiments"][0]["file"], np.transpose([q, np.ones(100)]))
    name = "sio2-vashishta"
    snakemake(folder, name, "--cores", "2", f"results/{name}/frames/import.json")
    output = snakemake(folder, name, "--cores", "2", "--dry-run")
    jobs = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", output, flags=re.MULTILINE)}
    wanted = {"pack_atoms": 6, "run_stage": 6 * 8, "finish_glass": 6, "analyse_glass": 6, "average_replicas": 4}
    wanted |= {"compare_structure": 5, "import_experiment": 1, "fit_all_frames": 1, "build_report": 1}
    assert {rule: jobs.get(rule) for rule in wanted} == wanted


def silica(folder):
    """Return the study of silica with 48 atoms, one short trajectory, two replicas and a cycle of 0.3 ps."""
    generate_trajectory.generate("sio2-48", folder / "short.extxyz", n_frames=12, ramp=25)
    data = yaml.safe_load(STUDY.read_text())
    data["trajectories"] = [{**data["trajectories"][0], "file": str(folder / "short.extxyz")}]
    data["glass"] |= {
        "sizes": [48],
        "comparison_sizes": None,
        "replicas": [2],
        "timestep": 1.0,
        "sample_interval": 10,
        "cycle": [
            {"temperature": 3000, "time": 0.05},
            {"temperature": 1000, "temperature_start": 3000, "time": 0.05, "density": 2.3},
            {"temperature": 300, "time": 0.2, "density": "reference"},
        ],
    }
    data["structure"] |= {"r_max": None}
    data["structure"]["experiments"][0]["file"] = str(folder / "truth.txt")
    (folder / "study.yaml").write_text(yaml.safe_dump(data))
    return config.read(folder / "study.yaml")


def curve_file(settings):
    return Path(settings["structure"]["experiments"][0]["file"])


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    """The truth of a small study: settings, folder of its replicas, and R_X of the replicas."""
    folder = tmp_path_factory.mktemp("truth")
    settings = silica(folder)
    found = generate_truth.generate(settings, jobs=2)
    (quenched,) = (folder / "truth").glob("48-*")
    return settings, quenched, found


def tables(quenched, kind):
    """Return the tables of one kind of both replicas."""
    return [files.read_table(quenched / f"replica_{replica}/{kind}.csv") for replica in (1, 2)]


def test_truth_goes_through_the_cycle_of_the_study(truth):
    _, quenched, _ = truth
    for thermo in tables(quenched, "thermo"):
        ends = thermo.groupby("stage").last()
        assert ends["step"].tolist() == [50, 50, 200] and ends["time_ps"].iloc[-1] == pytest.approx(0.3)
        assert ends["density_g_per_cm3"].to_numpy() == pytest.approx([2.2, 2.3, 2.2], rel=1e-3)
    assert len(dump.read_dump(quenched / "replica_1/trajectory.lammpstrj")) == 21


def test_truth_begins_in_a_random_packing_of_the_study(truth, tmp_path):
    settings, quenched, _ = truth
    closest = {"O-O": 2.2, "O-Si": 1.5, "Si-Si": 2.7}
    for replica in (1, 2):
        # as with glass.start: random
        seed = seeds.derive(settings["seed"], "packing", 48, replica)
        packing.pack(tmp_path / "packed.data", 48, settings["glass"], closest, seed)
        generate_truth.pack(tmp_path / "truth.data", settings, 48, replica, closest)
        assert (tmp_path / "truth.data").read_bytes() == (tmp_path / "packed.data").read_bytes()
    starts = {(quenched / f"replica_{replica}/packed.data").read_text() for replica in (1, 2)}
    assert len(starts) == 2


def test_input_is_that_of_the_study_but_for_potential_and_guards(truth, fitted):
    settings, path = truth[0], fitted[0]
    stage = settings["glass"]["cycle"][1]
    glass = settings["glass"] | {"composition": {"Te": 1, "O": 2}}  # what the potential of the tests knows
    values = {"title": "one", "restart": True, "velocity_seed": None, "density": 2.3}
    guards = Guards({}, 1.0, generate_truth.NO_LIMIT)
    theirs = stages.stage_input(stage, glass, potential=path, plugin=None, guards=guards, **values).splitlines()
    text = generate_truth.stage_text(stage, 2, glass, title="one", velocity_seed=7, density=2.3)
    assert len(theirs) == len(text.splitlines()) and "vashishta" not in "".join(theirs)
    assert [line for line in text.splitlines() if line not in theirs] == [
        "pair_style vashishta",
        f'pair_coeff * * "{generate_trajectory.potential_file()}" O Te',
    ]
    first = generate_truth.stage_text(stage, 1, glass, title="one", velocity_seed=7, density=None)
    assert "velocity        all create 3000.0 7 " in first and "read_data" in first


def test_glass_has_the_energy_of_the_potential(truth, tmp_path):
    last = dump.read_dump(truth[1] / "replica_1/trajectory.lammpstrj")[-1]
    energy, *_ = generate_trajectory.single_point(last, tmp_path)
    assert energy == pytest.approx(tables(truth[1], "thermo")[0]["potential_energy_ev"].iloc[-1], abs=5e-3)


def test_curve_is_the_mean_over_the_replicas(truth):
    settings, quenched, _ = truth
    first, second = tables(quenched, "sq")
    q, s, error = np.loadtxt(curve_file(settings)).T
    assert q == pytest.approx(((first + second)["q_inverse_angstrom"] / 2).to_numpy())
    assert s == pytest.approx(((first["S_X"] + second["S_X"]) / 2).to_numpy())
    # of two numbers the standard error is half their difference
    assert error == pytest.approx((first["S_X"] - second["S_X"]).abs().to_numpy() / 2, abs=1e-8) and error.max() > 0.01
    (entry,) = settings["structure"]["experiments"]
    sq, _ = experiment.experiment_tables(entry, settings["structure"], settings["glass"]["composition"], 2.2)
    assert sq["S_X"].to_numpy() == pytest.approx(s)


def test_spread_is_r_x_as_the_study_computes_it(truth, tmp_path):
    settings, quenched, found = truth
    structure, (first, second), gr = settings["structure"], tables(quenched, "sq"), tables(quenched, "gr")
    np.savetxt(tmp_path / "second.txt", second[["q_inverse_angstrom", "S_X"]])
    entry = {**structure["experiments"][0], "file": str(tmp_path / "second.txt")}
    curve = experiment.experiment_tables(entry, structure, settings["glass"]["composition"], 2.2)
    wanted = wright.compare_all([first], gr[:1], [], [(entry, *curve)], structure)["experiment_truth"]
    r_x = found.set_index("model")["r_x_percent"]
    assert r_x.index.tolist() == ["mean of all replicas", "replica 1", "replica 2"]
    assert r_x["replica 1"] == pytest.approx(wanted["r_x_percent"], rel=1e-6)
    # two glasses are farther apart than a curve and its own transform
    assert r_x["mean of all replicas"] < 0.8 * r_x[["replica 1", "replica 2"]].min()
    written = files.read_table(curve_file(settings).with_name("truth-spread.csv"))
    assert written["r_x_percent"].to_numpy() == pytest.approx(found["r_x_percent"].to_numpy())


def test_finished_replica_is_not_quenched_again(truth, tmp_path, monkeypatch):
    settings, quenched = copy.deepcopy(truth[0]), truth[1]
    again = shutil.copytree(quenched, tmp_path / "truth" / quenched.name)
    settings["structure"]["experiments"][0]["file"] = str(tmp_path / "truth.txt")
    (again / "replica_2/trajectory.lammpstrj").unlink()
    kept = (again / "replica_1/trajectory.lammpstrj").stat().st_mtime_ns
    runs, run = [], lammps.run
    monkeypatch.setattr(lammps, "run", lambda *given, **more: runs.append(more.get("what")) or run(*given, **more))
    generate_truth.generate(settings)
    assert [what for what in runs if what] == [
        f"replica 2, stage {number} ({kelvin} K)" for number, kelvin in ((1, 3000), (2, 1000), (3, 300))
    ]
    assert (again / "replica_1/trajectory.lammpstrj").stat().st_mtime_ns == kept
    # equal seeds give equal glasses, so the curve is the same to the last digit
    assert (tmp_path / "truth.txt").read_bytes() == curve_file(truth[0]).read_bytes()


def test_another_cycle_or_start_is_another_truth(truth):
    settings = truth[0]

    def digest(closest=2.0, **glass):
        return generate_truth.digest(settings | {"glass": settings["glass"] | glass}, 48, {"O-O": closest}, [None])

    assert digest() == digest(ranks=7, sizes=[48, 96], replicas=[9, 1])
    others = [digest(closest=2.1), digest(timestep=0.5), digest(cycle=settings["glass"]["cycle"][:2])]
    assert len({digest(), *others}) == 4


@pytest.mark.parametrize(
    ("section", "changes", "message"),
    [
        ("structure", {"experiments": []}, "structure.experiments has no item of the name truth"),
        ("structure", {"experiments": [{"name": "truth", "kind": "G(r)", "radiation": "xray"}]}, "has kind G"),
        ("glass", {"composition": {"Ge": 1, "O": 2}}, "Vashishta's potential is for Si and O"),
    ],
)
def test_study_without_a_place_for_the_truth_is_refused(truth, section, changes, message):
    settings = truth[0] | {section: truth[0][section] | changes}
    with pytest.raises(UserError, match=message):
        generate_truth.generate(settings)
