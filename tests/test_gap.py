"""gap_fit for real: both descriptors, its silent failures caught, and what quippy makes of the result."""

from pathlib import Path

import numpy as np
import pytest
from gapglass import gap
from gapglass.errors import UserError
from gapglass.trajectory import write_frames


def fit(tmp_path, frames, hyperparameters, **changes):
    settings = {
        "descriptor": "soap_turbo", "e0": gap.isolated_atom_energies(frames), "virials": False, "seed": 1, "max_seconds": 300,
        "log_path": tmp_path / "fit.log",
    }  # fmt: skip
    return gap.run_fit(frames, hyperparameters, tmp_path / "gap.xml", **settings | changes)


def test_fitted_potential_learns_energies_and_forces(fitted, blyp_frames):
    path, train = fitted
    test = [frame for frame in blyp_frames if frame not in train][::4]
    errors = gap.errors(test, *gap.predict(path, test, workers=2))
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
    frames = blyp_frames[::6]
    hyperparameters["n_sparse"] = 20
    energies = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        folder = tmp_path / name
        folder.mkdir()
        fit(folder, frames, hyperparameters, descriptor="soap", seed=seed)
        energies.append(gap.predict(folder / "gap.xml", frames[:2])[0])
    np.testing.assert_allclose(energies[0], energies[1], rtol=0, atol=1e-9)
    assert not np.allclose(energies[0], energies[2], rtol=0, atol=1e-9)


def test_labels_under_another_name_are_caught(tmp_path, blyp_frames, hyperparameters, monkeypatch):
    def renamed(path, frames, keys=None):
        copies = [frame.copy() for frame in frames]
        for copy in copies:
            copy.arrays["dft_forces"] = copy.arrays.pop("REF_forces")
        from ase.io import write

        write(path, copies, format="extxyz")

    monkeypatch.setattr(gap, "write_frames", renamed)
    with pytest.raises(gap.FitFailed, match=r"found 0 target force components, the training frames hold 1440"):
        fit(tmp_path, blyp_frames[::6], hyperparameters)
    assert not (tmp_path / "gap.xml").exists()


def test_virials_are_used_when_asked_and_stress_is_never_taken_for_one(tmp_path, blyp_frames, hyperparameters):
    frames = [frame.copy() for frame in blyp_frames[::6]]
    for frame in frames:
        frame.info["stress"] = np.eye(3).ravel()
    hyperparameters["n_sparse"] = 20
    fit(tmp_path, frames, hyperparameters, virials=True)
    assert "target virials (property name: REF_virial) found: 60" in (tmp_path / "fit.log").read_text()
    fit(tmp_path, frames, hyperparameters, virials=False)
    assert "target virials (property name: NONE) found: 0" in (tmp_path / "fit.log").read_text()


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ("Found 1 GAPs.", "found 1 terms"),
        ("Found 3 GAPs.\nNumber of target energies (property name: REF_energy) found: 0", "found 0 target energies"),
        ("", "found None terms"),
    ],
)
def test_log_that_disagrees_is_refused(report, message):
    with pytest.raises(gap.FitFailed, match=message):
        gap.check_fit_log(report, n_frames=10, n_atoms=480, virials=False, n_terms=3)


def test_species_without_e0_is_refused(tmp_path, blyp_frames, hyperparameters):
    with pytest.raises(gap.FitFailed, match="e0 is given for Te, the training frames hold O, Te"):
        fit(tmp_path, blyp_frames[:3], hyperparameters, e0={"Te": -3.0})
    with pytest.raises(UserError, match=r"potential\.e0 lacks O"):
        gap.isolated_atom_energies(blyp_frames[:3], {"Te": -3.0})


def test_zero_sigma_is_refused(tmp_path, blyp_frames, hyperparameters):
    with pytest.raises(gap.FitFailed, match="sigma_virial is 0"):
        fit(tmp_path, blyp_frames[:3], hyperparameters | {"sigma_virial": 0})


def test_abort_of_gap_fit_is_told(tmp_path, blyp_frames, hyperparameters):
    with pytest.raises(gap.FitFailed, match=r"gap_fit ended with status 1: .*"):
        fit(tmp_path, blyp_frames[:3], hyperparameters | {"zeta": "four"})


def test_slow_fit_is_stopped(tmp_path, blyp_frames, hyperparameters):
    with pytest.raises(gap.FitFailed, match="was stopped after"):
        fit(tmp_path, blyp_frames[::2], hyperparameters | {"n_sparse": 397, "n_max": 10, "l_max": 8}, max_seconds=0.5)
    assert not (tmp_path / "gap.xml").exists()
    running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [command for command in running if b"n_sparse=397" in command]


def test_potential_that_quip_cannot_load_is_a_failed_fit(tmp_path, blyp_frames):
    (tmp_path / "gap.xml").write_text("<broken>\n")
    with pytest.raises(gap.FitFailed, match="QUIP could not evaluate"):
        gap.predict(tmp_path / "gap.xml", blyp_frames[:2])


def test_training_frames_without_a_species_are_a_failed_fit(blyp_frames):
    gap.refuse_missing_species(blyp_frames[:1], ["O", "Te"])
    with pytest.raises(gap.FitFailed, match="hold no As"):
        gap.refuse_missing_species(blyp_frames[:1], ["As", "O", "Te"])


def test_fitted_e0_is_the_mean_for_one_composition_and_exact_for_two(blyp_frames):
    energies = gap.isolated_atom_energies(blyp_frames)
    mean = np.mean([frame.info["REF_energy"] for frame in blyp_frames]) / 48
    assert energies == pytest.approx({"O": mean, "Te": mean})
    made = [blyp_frames[0].copy(), blyp_frames[0][:20]]
    for frame in made:
        frame.info["REF_energy"] = -400.0 * (frame.symbols == "O").sum() - 250.0 * (frame.symbols == "Te").sum()
    assert gap.isolated_atom_energies(made) == pytest.approx({"O": -400.0, "Te": -250.0})


def test_errors_by_hand(blyp_frames):
    frames = [frame.copy() for frame in blyp_frames[:2]]
    energies = [frame.info["REF_energy"] + shift for frame, shift in zip(frames, (0.048, -0.096), strict=True)]
    forces = [frame.arrays["REF_forces"] + 0.3 for frame in frames]
    errors = gap.errors(frames, energies, forces)
    assert errors["rmse_energy_mev_per_atom"] == pytest.approx(np.sqrt((1 + 4) / 2))
    assert errors["rmse_force_ev_per_angstrom"] == pytest.approx(0.3)
    assert gap.errors([], [], [])["rmse_energy_mev_per_atom"] is None
    with pytest.raises(gap.FitFailed, match="not finite"):
        gap.refuse_unusable({"rmse_energy_mev_per_atom": np.nan})


def test_training_file_carries_only_what_is_meant(tmp_path, blyp_frames):
    frame = blyp_frames[0].copy()
    frame.info["stress"] = np.eye(3).ravel()
    write_frames(tmp_path / "train.extxyz", [frame], keys=["REF_energy"])
    comment = (tmp_path / "train.extxyz").read_text().splitlines()[1]
    assert "REF_energy" in comment and "stress" not in comment and "REF_virial" not in comment
