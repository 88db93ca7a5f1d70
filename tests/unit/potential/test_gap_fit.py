"""Fits by the real gap_fit: both descriptors, detection of its silent failures, and predictions."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import HYPERPARAMETERS, doubled

from gapglass.base.errors import UserError
from gapglass.frames import geometry
from gapglass.frames.store import write_frames
from gapglass.potential import evaluation, failures, gap_fit, memory
from gapglass.potential.hyperparameters import SIZES


def fit(tmp_path, frames, hyperparameters, **changes):
    settings = {
        "descriptor": "soap_turbo",
        "e0": gap_fit.isolated_atom_energies(frames),
        "virials": False,
        "seed": 1,
        "max_seconds": 300,
        "log_path": tmp_path / "fit.log",
    }
    return gap_fit.run_fit(frames, hyperparameters, tmp_path / "gap.xml", **settings | changes)


@pytest.fixture(scope="module")
def stressed(blyp_frames):
    """Ten frames whose info holds a stress, which gap_fit would take for virials; tests must not change them."""
    frames = [frame.copy() for frame in blyp_frames[::6]]
    for frame in frames:
        frame.info["stress"] = np.eye(3).ravel()
    return frames


@pytest.fixture(scope="module")
def without_virials(tmp_path_factory, stressed):
    """Folder of a quick soap_turbo fit on the energies and forces of ten frames."""
    folder = tmp_path_factory.mktemp("without_virials")
    fit(folder, stressed, HYPERPARAMETERS | {"n_sparse": 20})
    return folder


def test_fitted_potential_learns_energies_and_forces(fitted, blyp_frames):
    path, train = fitted
    test = [frame for frame in blyp_frames if frame not in train][::4]
    errors = evaluation.errors(test, *evaluation.predict(path, test))
    energies = [frame.info["REF_energy"] / 48 for frame in test]
    forces = np.concatenate([frame.arrays["REF_forces"] for frame in test])
    assert errors["rmse_energy_mev_per_atom"] < 0.25 * 1000 * np.std(energies)
    assert errors["rmse_force_ev_per_angstrom"] < 0.5 * np.sqrt(np.mean(forces**2))


def test_potential_is_one_file_without_the_training_set(fitted):
    path, _ = fitted
    assert not list(path.parent.glob("*sparseX*")) and not list(path.parent.glob("*.idx"))
    text = path.read_text()
    assert "sparseX_filename" not in text and "Lattice=" not in text


def test_soap_works_too_and_the_seed_decides(tmp_path, blyp_frames, hyperparameters):
    frames = blyp_frames[::12]
    hyperparameters |= {"n_max": 3, "l_max": 2, "n_sparse": 20}
    energies = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        folder = tmp_path / name
        folder.mkdir()
        fit(folder, frames, hyperparameters, descriptor="soap", seed=seed)
        energies.append(evaluation.predict(folder / "gap.xml", frames[:2])[0])
    np.testing.assert_allclose(energies[0], energies[1], rtol=0, atol=1e-9)
    assert not np.allclose(energies[0], energies[2], rtol=0, atol=1e-9)


def test_labels_under_another_name_are_caught(tmp_path, blyp_frames, hyperparameters, monkeypatch):
    def renamed(path, frames, keys=None):
        copies = [frame.copy() for frame in frames]
        for copy in copies:
            copy.arrays["dft_forces"] = copy.arrays.pop("REF_forces")
        from ase.io import write

        write(path, copies, format="extxyz")

    monkeypatch.setattr(gap_fit, "write_frames", renamed)
    with pytest.raises(failures.FitFailed, match=r"found 0 target force components, the training frames hold 1440"):
        fit(tmp_path, blyp_frames[::6], hyperparameters)
    assert not (tmp_path / "gap.xml").exists()


def test_virials_are_used_when_asked_and_stress_is_never_taken_for_one(tmp_path, stressed, without_virials):
    fit(tmp_path, stressed, HYPERPARAMETERS | {"n_sparse": 20}, virials=True)
    assert "target virials (property name: REF_virial) found: 60" in (tmp_path / "fit.log").read_text()
    assert "target virials (property name: NONE) found: 0" in (without_virials / "fit.log").read_text()


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ("Found 1 GAPs.", "found 1 terms"),
        ("Found 3 GAPs.\nNumber of target energies (property name: REF_energy) found: 0", "found 0 target energies"),
        ("", "found None terms"),
    ],
)
def test_log_that_disagrees_is_refused(report, message):
    with pytest.raises(failures.FitFailed, match=message):
        gap_fit.check_fit_log(report, n_frames=10, n_atoms=480, n_virials=0, n_terms=3)


def test_species_without_e0_is_refused(tmp_path, blyp_frames, hyperparameters):
    with pytest.raises(failures.FitFailed, match="e0 is given for Te, the training frames hold O, Te"):
        fit(tmp_path, blyp_frames[:3], hyperparameters, e0={"Te": -3.0})
    with pytest.raises(UserError, match=r"potential\.e0 lacks O"):
        gap_fit.isolated_atom_energies(blyp_frames[:3], {"Te": -3.0})


def test_zero_sigma_is_refused(tmp_path, blyp_frames, hyperparameters):
    with pytest.raises(failures.FitFailed, match="sigma_virial is 0"):
        fit(tmp_path, blyp_frames[:3], hyperparameters | {"sigma_virial": 0})


def test_abort_of_gap_fit_is_reported(tmp_path, blyp_frames, hyperparameters):
    with pytest.raises(failures.FitFailed, match=r"gap_fit ended with status 1: .*"):
        fit(tmp_path, blyp_frames[:3], hyperparameters | {"zeta": "four"})


def test_slow_fit_is_stopped(tmp_path, blyp_frames, hyperparameters):
    with pytest.raises(failures.FitFailed, match="was stopped after"):
        fit(tmp_path, blyp_frames[::2], hyperparameters | {"n_sparse": 397, "n_max": 10, "l_max": 8}, max_seconds=0.5)
    assert not (tmp_path / "gap.xml").exists()
    running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [command for command in running if b"n_sparse=397" in command]


def test_training_frames_without_a_species_are_a_failed_fit(blyp_frames):
    failures.refuse_missing_species(blyp_frames[:1], ["O", "Te"])
    with pytest.raises(failures.FitFailed, match="hold no As"):
        failures.refuse_missing_species(blyp_frames[:1], ["As", "O", "Te"])


def test_fitted_e0_is_the_mean_for_one_composition_and_exact_for_two(blyp_frames):
    energies = gap_fit.isolated_atom_energies(blyp_frames)
    mean = np.mean([frame.info["REF_energy"] for frame in blyp_frames]) / 48
    assert energies == pytest.approx({"O": mean, "Te": mean})
    made = [blyp_frames[0].copy(), blyp_frames[0][:20]]
    for frame in made:
        frame.info["REF_energy"] = -400.0 * (frame.symbols == "O").sum() - 250.0 * (frame.symbols == "Te").sum()
    assert gap_fit.isolated_atom_energies(made) == pytest.approx({"O": -400.0, "Te": -250.0})


def test_training_file_carries_only_what_is_meant(tmp_path, blyp_frames):
    frame = blyp_frames[0].copy()
    frame.info["stress"] = np.eye(3).ravel()
    write_frames(tmp_path / "train.extxyz", [frame], keys=["REF_energy"])
    comment = (tmp_path / "train.extxyz").read_text().splitlines()[1]
    assert "REF_energy" in comment and "stress" not in comment and "REF_virial" not in comment


FITS = {
    "turbo": ("soap_turbo", True, 20, {"n_max": 8, "l_max": 3, "cutoff": 4.3, "two_body_cutoff": 5.0}),
    "turbo without virials": ("soap_turbo", False, 30, {"n_max": 8, "l_max": 4, "cutoff": 5.0}),
    "many sparse points": (
        "soap_turbo",
        False,
        59,
        {"n_max": 2, "l_max": 1, "cutoff": 3.0, "two_body_cutoff": 3.0, "n_sparse": 500},
    ),
    "soap": ("soap", True, 8, {"n_max": 6, "l_max": 4, "cutoff": 4.0}),
    "three species, two cells": ("soap_turbo", True, 12, {"n_max": 5, "l_max": 3}),
}


@pytest.mark.parametrize("name", FITS)
def test_memory_is_predicted(tmp_path, blyp_frames, hyperparameters, name):
    descriptor, virials, n_frames, changes = FITS[name]
    frames = [blyp_frames[i].copy() for i in np.linspace(0, 58, n_frames).astype(int)]
    if name.startswith("three species"):
        for frame in frames:
            frame.symbols[np.flatnonzero(frame.symbols == "Te")[::2]] = "Se"
        frames[0] = doubled(frames[0])
    hyperparameters |= changes
    cost = fit(tmp_path, frames, hyperparameters, descriptor=descriptor, virials=virials)
    prediction = memory.FitMemory(geometry.count_neighbours(frames), descriptor=descriptor, virials=virials)
    length, many_body, two_body = prediction.vectors(hyperparameters)
    text = (tmp_path / "fit.log").read_text(errors="replace")
    for found, kind in (("x", "descriptors"), ("xPrime", "gradients")):
        stored = [(int(a), int(b)) for a, b in re.findall(rf":: {found} (\d+) (\d+) memory", text)]
        assert {size for size, _ in stored} == {1, length}
        # Between the radii of the counts, the number of pairs is interpolated.
        assert sum(n for size, n in stored if size > 1) == pytest.approx(many_body[kind], rel=0.003)
        assert sum(n for size, n in stored if size == 1) == pytest.approx(two_body[kind], rel=0.003)
    predicted = prediction.mb(hyperparameters)
    assert 0.75 * predicted - 30 < cost["peak_memory_mb"] < 1.05 * predicted


def test_peak_memory_is_that_of_gap_fit_alone(tmp_path, blyp_frames, hyperparameters):
    # Linux begins the peak of a child with the peak of the process that started it.
    ours = np.ones(60_000_000)
    cost = fit(tmp_path, blyp_frames[:4], hyperparameters | {"n_max": 3, "l_max": 2, "n_sparse": 10})
    assert ours.nbytes / 2**20 > 400 and 15 < cost["peak_memory_mb"] < 150
    assert 0 < cost["fit_cpu_seconds"] <= cost["fit_seconds"] + 0.5


def test_memory_rises_with_everything_that_the_limit_lowers(blyp_frames, hyperparameters):
    prediction = memory.FitMemory(geometry.count_neighbours(blyp_frames[:10]), descriptor="soap_turbo", virials=True)
    for change in (
        {"n_max": 5},
        {"l_max": 4},
        {"cutoff": 4.1},
        {"two_body_cutoff": 9.0},
        {"n_sparse": 160},
        {"two_body_n_sparse": 4000},
    ):
        assert prediction.mb(hyperparameters | change) > prediction.mb(hyperparameters)
    assert set(SIZES) <= set(hyperparameters)


def test_fit_above_the_limit_is_refused_with_numbers():
    limited, free = SimpleNamespace(max_fit_memory=500), SimpleNamespace(max_fit_memory=None)
    assert memory.too_much(499, limited) == memory.too_much(1e6, free) == ""
    assert memory.too_much(812.4, limited) == "it would need about 812 MB, active_learning.max_fit_memory is 500 MB"


def test_species_without_an_isolated_atom_are_fitted_with_the_others_fixed(blyp_frames):
    known = {"Te": -223.1}
    found = gap_fit.isolated_atom_energies(blyp_frames, known=known | {"Si": -100.0})
    mean = np.mean([frame.info["REF_energy"] for frame in blyp_frames])
    assert found == {"Te": -223.1, "O": pytest.approx((mean + 16 * 223.1) / 32)}
    assert gap_fit.isolated_atom_energies(blyp_frames[:3], known={"Te": -223.1, "O": -432.0}) == {
        "Te": -223.1,
        "O": -432.0,
    }
