"""The benchmarks' own tools: labels of the generated trajectories, and the page made from the results."""

import collect
import common
import generate_trajectory
import numpy as np
import pandas as pd
import pytest
from ase.io import read
from conftest import ROOT

from gapglass.base import units
from gapglass.frames import checks, labels


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
    collect.collect(results, tmp_path / "page.md")
    page, figure = (tmp_path / "page.md").read_text(), (tmp_path / "page/md.svg").read_text()
    assert "1 of 2 met." in page
    assert "| a step | ASE | seconds a step (s) | 2 | 3 | 1.5 | faster | yes |  |" in page
    assert (
        "| a fit | - | memory (MB) | 1234 |  |  | below 1000 MB | **no** | the descriptors \\| all of them |" in page
    )
    assert "## MD" in page and "(page/md.svg)" in page and "size^1.00" in figure
    assert "Molecular dynamics with a GAP" in page and "| kept | 0.5 |" in page
    assert str(tmp_path) not in page + figure and str(ROOT) not in page + figure
    collect.collect(results, tmp_path / "page.md")
    assert ((tmp_path / "page.md").read_text(), (tmp_path / "page/md.svg").read_text()) == (page, figure)
