"""The benchmarks' own tools: labels of the generated trajectories, and the page made from the results."""

import re
import subprocess
import sys
from pathlib import Path

import collect
import common
import engine as engine_benchmark
import engine_fit as fit_benchmark
import generate_trajectory
import numpy as np
import pandas as pd
import pytest
from ase.io import read
from conftest import HYPERPARAMETERS, ROOT

from gapglass.base import units
from gapglass.frames import checks, labels
from gapglass.potential import GAP, _engine, engine


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """A few frames of 48 atoms: folder and frames."""
    folder = tmp_path_factory.mktemp("vashishta")
    generate_trajectory.generate("sio2-48", folder / "short.extxyz", n_frames=12, ramp=50)
    return folder, read(folder / "short.extxyz", ":", format="extxyz")


def test_trajectory_is_what_gapglass_imports(generated):
    _, frames = generated
    plateaus = generate_trajectory.SHAPES["sio2-48"][3]
    assert [frame.info["temperature"] for frame in frames] == np.repeat(plateaus, 2).tolist()
    assert frames[0].get_chemical_formula() == "O32Si16"
    mass = frames[0].get_masses().sum() / frames[0].get_volume() * units.AMU_PER_A3_IN_G_PER_CM3
    assert mass == pytest.approx(2.2, rel=1e-3)
    label = labels.labels(frames[0])
    assert label["energy_source"] == "REF_energy" and label["virial"].size == 9
    assert checks.problems(frames[0], label, {"max_force": 100.0}) == []
    steps = [frame.info["step"] for frame in frames]
    assert len(set(steps)) == 12 and steps == sorted(steps)


def test_labels_are_those_of_the_potential(generated, tmp_path):
    _, frames = generated
    frame = frames[-1]
    energy, forces, virial = generate_trajectory.single_point(frame, tmp_path)
    assert energy == pytest.approx(frame.info["REF_energy"], abs=1e-4)
    np.testing.assert_allclose(forces, frame.arrays["REF_forces"], atol=1e-4)
    np.testing.assert_allclose(virial.ravel(), np.ravel(frame.info["REF_virial"]), atol=1e-2)


def test_forces_and_virial_are_derivatives_of_the_energy(generated, tmp_path):
    frame = generated[1][-1]

    def energy(change):
        changed = frame.copy()
        change(changed)
        return generate_trajectory.single_point(changed, tmp_path)[0]

    def move(atoms, distance):
        atoms.positions[3, 1] += distance

    def stretch(atoms, strain):
        atoms.set_cell(np.asarray(atoms.cell) * [1 + strain, 1, 1], scale_atoms=True)

    slope = (energy(lambda atoms: move(atoms, 1e-3)) - energy(lambda atoms: move(atoms, -1e-3))) / 2e-3
    assert -slope == pytest.approx(frame.arrays["REF_forces"][3, 1], abs=1e-2)
    slope = (energy(lambda atoms: stretch(atoms, 1e-4)) - energy(lambda atoms: stretch(atoms, -1e-4))) / 2e-4
    assert -slope == pytest.approx(np.ravel(frame.info["REF_virial"])[0], abs=0.2)


def test_same_seed_same_file(generated, tmp_path):
    folder, _ = generated
    generate_trajectory.generate("sio2-48", tmp_path / "again.extxyz", n_frames=12, ramp=50)
    assert (tmp_path / "again.extxyz").read_bytes() == (folder / "short.extxyz").read_bytes()


def test_crystal_is_fully_connected():
    crystal = generate_trajectory.cristobalite()
    assert len(crystal) == 48
    distances = crystal.get_all_distances(mic=True)[crystal.numbers == 14][:, crystal.numbers == 8]
    assert ((distances < 1.7).sum(axis=1) == 4).all() and ((distances < 1.7).sum(axis=0) == 2).all()


def test_power_law_is_found():
    size = np.array([10, 100, 1000])
    assert collect.power_law(size, 3e-4 * size**1.5) == pytest.approx((3e-4, 1.5))


def test_page_is_sound_and_repeats(tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    rows = [
        common.goal("a step", "ASE", "seconds a step", "s", 2.0, 3.0, "faster", True),
        common.goal(
            "a fit", "-", "memory", "MB", 1234.5, None, "below 1000 MB", False, "the descriptors | all of them"
        ),
    ]
    pd.DataFrame(rows).to_csv(results / "md_goals.csv", index=False)
    sizes = [
        {"work": "a step", "peer": "ASE", "size": n, "size_unit": "atoms", "ours_s": 1e-3 * n, "peer_s": 2e-3 * n}
        for n in (10, 100)
    ]
    sizes.append({"work": "a step", "peer": "ASE", "size": 1000, "size_unit": "atoms", "ours_s": 1.0, "peer_s": None})
    pd.DataFrame(sizes).to_csv(results / "md_scaling.csv", index=False)
    pd.DataFrame([{"what": "kept", "share": 0.5}]).to_csv(results / "active_learning_frames_kept.csv", index=False)
    pd.DataFrame([{"potential": "soap", "ratio": 47.0}]).to_csv(results / "engine_speed.csv", index=False)

    def written():
        collect.collect(results, tmp_path, "performance")
        return (tmp_path / "performance.md").read_text(), (tmp_path / "performance/md.svg").read_text()

    page, figure = written()
    assert "1 of 2 met." in page
    assert "| a step | ASE | seconds a step (s) | 2 | 3 | 1.5 | faster | yes |  |" in page
    assert (
        "| a fit | - | memory (MB) | 1234 |  |  | below 1000 MB | **no** | the descriptors \\| all of them |" in page
    )
    assert "## MD" in page and "(performance/md.svg)" in page and "size^1.00" in figure
    assert "Molecular dynamics with a GAP" in page and "| kept | 0.5 |" in page
    assert str(tmp_path) not in page + figure and str(ROOT) not in page + figure
    assert "## Engine" not in page and "(performance-engine.md)" in page and "(performance-fits-engine.md)" in page
    assert written() == (page, figure)


def test_engine_has_a_page_of_its_own(tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    row = common.goal("a frame", "quippy", "time", "µs/atom", 10.0, 700.0, "at least 60 times faster", True)
    pd.DataFrame([row]).to_csv(results / "engine_goals.csv", index=False)
    pd.DataFrame([{"potential": "soap", "ratio": 47.0}]).to_csv(results / "engine_speed.csv", index=False)
    pd.DataFrame([row]).to_csv(results / "md_goals.csv", index=False)
    collect.collect(results, tmp_path, "performance-engine")
    page = (tmp_path / "performance-engine.md").read_text()
    assert "1 of 1 met." in page and "| a frame | quippy | time (µs/atom) | 10 | 700 | 70 |" in page
    assert "Speed:" in page and "| soap | 47 |" in page and "## MD" not in page
    collect.collect(results, tmp_path, "performance-engine")
    assert (tmp_path / "performance-engine.md").read_text() == page


def test_fits_of_the_engine_have_a_page_of_their_own(tmp_path):
    """The names of its tables begin with that of another benchmark, engine."""
    results = tmp_path / "results"
    results.mkdir()
    row = common.goal("first fit", "gap_fit", "CPU time", "s", 2.0, 40.0, "at least 10 times less", True)
    pd.DataFrame([row]).to_csv(results / "engine_fit_goals.csv", index=False)
    pd.DataFrame([{"fitter": "gap_fit", "seconds": 40.0}]).to_csv(results / "engine_fit_first_fit.csv", index=False)
    pd.DataFrame([row | {"work": "a frame"}]).to_csv(results / "engine_goals.csv", index=False)
    pages = {}
    for name in collect.PAGES:
        collect.collect(results, tmp_path, name)
        pages[name] = (tmp_path / f"{name}.md").read_text()
    assert "| first fit | gap_fit | CPU time (s) | 2 | 40 | 20 |" in pages["performance-fits-engine"]
    assert "First fit:" in pages["performance-fits-engine"] and "| a frame |" not in pages["performance-fits-engine"]
    assert "| a frame |" in pages["performance-engine"] and "first fit" not in pages["performance-engine"]
    assert "| first fit |" not in pages["performance"]


def test_every_benchmark_has_a_rule_and_is_on_one_page():
    snakemake = str(Path(sys.executable).with_name("snakemake"))
    pages = [f"docs/reference/{page}.md" for page in collect.PAGES]
    command = [snakemake, "-s", "benchmarks/Snakefile", "--cores", "2", "--dry-run", "--nolock", "--forceall", "all"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    planned = set(re.findall(r"Measuring (\w+)", done.stdout + done.stderr))
    scripts = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    assert planned == {name for name in scripts - {"collect", "common"} if not name.startswith("generate_")}
    assert all(page in done.stdout + done.stderr for page in pages)
    assert all(sum(collect.shown_on(page, name) for page in collect.PAGES) == 1 for name in planned)


def test_cut_potential_has_few_points_and_the_rest_as_before(fitted, tmp_path):
    path, frames = fitted
    engine_benchmark.cut(path, tmp_path / "short.xml", 8)
    engine_benchmark.cut(path, tmp_path / "whole.xml", 10**6)
    whole, short = (_engine.Potential.read(str(name)) for name in (path, tmp_path / "short.xml"))
    frame = frames[0].copy()
    for species in range(2):
        assert whole.sparse_points(species) - short.sparse_points(species) == HYPERPARAMETERS["n_sparse"] - 8
    energies = [GAP(name).get_potential_energy(frame) for name in (path, tmp_path / "whole.xml")]
    assert energies[0] == energies[1]
    assert engine_benchmark.components(path, HYPERPARAMETERS["l_max"]) % (HYPERPARAMETERS["l_max"] + 1) == 0


def test_cell_of_the_engine_benchmark_repeats():
    frame = common.glass_frames()[-1]
    first, again = (engine_benchmark.cell_of(frame, engine_benchmark.SMALL) for _ in range(2))
    assert len(first) == 384 and len(first) / first.get_volume() == pytest.approx(engine_benchmark.DENSITY)
    np.testing.assert_array_equal(first.positions, again.positions)


@pytest.mark.slow
def test_benchmark_of_fits_runs_from_end_to_end_on_small_fits(generated, tmp_path, monkeypatch):
    monkeypatch.setattr(common, "RESULTS", tmp_path / "results")
    small = {"n_max": 4, "l_max": 2, "n_sparse": 20, "two_body_n_sparse": 6}
    plan = {
        name: {**value, **small} if isinstance(value, dict) else value for name, value in fit_benchmark.PLAN.items()
    }
    plan |= {"first_frames": 25, "test_frames": 5, "rounds": 1, "sets": 2, "block": 3, "large_frames": (6,)}
    plan |= {"gap_fit_frames": (2, 3), "our_frames": (2, 4, 6)}
    fit_benchmark.measure(common.glass_frames(), generated[1], tmp_path, plan)
    tables = {path.stem: pd.read_csv(path) for path in (tmp_path / "results").glob("*.csv")}
    goals = tables["engine_fit_goals"]
    # Small fits show what is equal; what is fast and small shows on large ones only.
    equal = goals[goals["work"].str.startswith("gap_fit's sparse points")]
    assert len(equal) == 4 and equal["met"].all() and len(goals) == 10
    assert tables["engine_fit_fits"]["frames"].tolist() == [25, 6]
    assert (tables["engine_fit_another_set"]["CPU time of a set (ms)"] > 0).all()
    # The jobs of a fit give what the fit in one go gives.
    test = common.glass_frames()[1:20:6]
    paths = tmp_path / "engine.xml", tmp_path / "first/gap.xml"
    (energies, forces), (of_jobs, forces_of_jobs) = (engine.predict(path, test) for path in paths)
    np.testing.assert_allclose(of_jobs, energies, atol=1e-6)
    np.testing.assert_allclose(forces_of_jobs, forces, atol=1e-6)
    collect.collect(tmp_path / "results", tmp_path, "performance-fits-engine")
    assert "of 10 met." in (tmp_path / "performance-fits-engine.md").read_text()
