"""The fit of a potential with harvested frames."""

from types import SimpleNamespace

import numpy as np
import pytest
import small_fits

from gapglass.active_learning import refit, trial
from gapglass.potential import basis, engine, environments, evaluation, variance

IMPORTED = {"species": small_fits.SPECIES, "virials": True, "isolated_atom_energies": {}}
SETTINGS = SimpleNamespace(descriptor="soap_turbo", virials=True)


def fitted(folder, frames, guide=None):
    """Write a small potential with its posterior; return the paths of both."""
    terms = small_fits.terms_of(frames, folder)
    rows = small_fits.rows_of(frames, terms, folder)
    guide = guide and np.random.default_rng(3).normal(0, guide, rows.columns)
    target, posterior = folder / "gap.xml", folder / "posterior.npz"
    trial.solve_and_write(
        target, rows, terms, small_fits.HYPERPARAMETERS, "soap_turbo", {}, None, (folder / "gap.variance", posterior),
        (1.0, 2.0), guide,
    )  # fmt: skip
    return target, posterior


def run(folder, frames, new, paths):
    outputs = {"variance": folder / "new.variance", "posterior": folder / "new.npz", "log": folder / "new.log"}
    return refit.run(
        folder / "new.xml", *paths, frames, new, small_fits.HYPERPARAMETERS, SETTINGS, imported=IMPORTED, given={},
        tables=None, outputs=outputs,
    )  # fmt: skip


def compressed(frame):
    copy = frame.copy()
    copy.set_cell(copy.cell * 0.97, scale_atoms=True)
    copy.info["REF_energy"] += 5.0
    return copy


def test_fit_is_that_of_all_frames_with_the_points_of_both(tmp_path):
    frames = small_fits.frames(6)
    paths, new = fitted(tmp_path, frames), [compressed(frames[2]), compressed(frames[3])]
    found = run(tmp_path, frames, new, paths)
    assert (found["n_train"], found["n_harvested"]) == (8, 2)
    terms, _ = environments.widened(paths[0], frames, new)
    n_sparse = max(len(term.points) for term in terms if term.covariance == "dot_product")
    assert found["hyperparameters"] == {**small_fits.HYPERPARAMETERS, "n_sparse": n_sparse} and n_sparse == 27
    rows = small_fits.rows_of([*frames, *new], terms, tmp_path)
    whole = small_fits.write(tmp_path / "whole.xml", rows, terms, n_sparse=n_sparse)
    energies = [engine.predict(path, new)[0] for path in (tmp_path / "new.xml", whole, paths[0])]
    assert np.allclose(energies[0], energies[1], rtol=0, atol=1e-6)
    labels = [frame.info["REF_energy"] for frame in new]
    assert np.abs(energies[0] - labels).max() < 0.5 * np.abs(energies[2] - labels).max()
    # The predicted deviations belong to the new potential and keep their scales.
    assert variance.Posterior(tmp_path / "new.xml", tmp_path / "new.npz").scales.tolist() == [1.0, 2.0]
    engine.GAP(tmp_path / "new.xml", variance=tmp_path / "new.variance")


def test_guide_keeps_its_weights_and_gets_none_at_new_points(tmp_path):
    frames = small_fits.frames(6)
    paths, new = fitted(tmp_path, frames, guide=1e-2), [compressed(frames[2])]
    run(tmp_path, frames, new, paths)
    before = variance.Posterior(*paths).guide
    after = variance.Posterior(tmp_path / "new.xml", tmp_path / "new.npz").guide
    terms, own = environments.widened(paths[0], frames, new)
    assert before.any() and np.allclose(after[own], before, rtol=1e-12, atol=0)
    assert not np.delete(after, own).any() and len(after) == sum(len(term.points) for term in terms)
    assert basis.columns_of_part(terms, 10**6).tolist() == list(range(len(after)))
    found = [evaluation.errors(new, *engine.predict(path, new)) for path in (paths[0], tmp_path / "new.xml")]
    assert found[1]["rmse_energy_mev_per_atom"] < found[0]["rmse_energy_mev_per_atom"]


def test_labels_that_are_no_numbers_are_refused(tmp_path):
    frames = small_fits.frames(4)
    paths, new = fitted(tmp_path, frames), [compressed(frames[2])]
    new[0].info["REF_energy"] = np.nan
    with pytest.raises(refit.design.FitFailed, match="not a finite number"):
        run(tmp_path, frames, new, paths)
