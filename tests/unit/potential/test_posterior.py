"""Predicted standard deviations of energies and forces, and how they compare with errors."""

import numpy as np
import pytest
import small_fits

from gapglass.base.errors import UserError
from gapglass.potential import engine, engine_fit, variance
from gapglass.potential.cross_validation import CrossValidation
from gapglass.potential.gap_xml import potential_label

pytestmark = pytest.mark.xdist_group("engine")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A potential of six frames with its posterior, scaled by 4 for energies and 9 for forces."""
    folder, frames = tmp_path_factory.mktemp("posterior"), small_fits.frames(12)
    terms = small_fits.terms_of(frames, folder)
    rows = small_fits.rows_of(frames[:6], terms, folder)
    h, e0 = small_fits.HYPERPARAMETERS, rows.e0(rows.classes)
    alpha, triangle, _ = engine_fit.solution(rows, terms, h, e0)
    path = folder / "gap.xml"
    engine_fit.write(path, terms, alpha, h, e0, small_fits.SPECIES, "soap_turbo")
    variance.write_posterior(
        folder / "posterior.npz", potential_label(path), triangle, (4.0, 9.0), (h["sigma_energy"], h["sigma_force"])
    )
    return folder, frames, triangle


def squared(triangle, row):
    """Return |R^-T k|² by forward substitution in extended precision."""
    r, z = triangle.astype(np.longdouble), np.zeros(len(row), np.longdouble)
    for i in range(len(row)):
        z[i] = (row[i] - r[:i, i] @ z[:i]) / r[i, i]
    return float(z @ z)


def test_deviations_are_those_of_the_normal_equations(fitted):
    folder, frames, triangle = fitted
    posterior = variance.Posterior(folder / "gap.xml", folder / "posterior.npz")
    frame, h = frames[8], small_fits.HYPERPARAMETERS
    energy, forces = posterior.deviations(frame)
    potential = engine.call(engine._engine.Potential.read, str(folder / "gap.xml"))
    evaluator = engine.call(engine._engine.Evaluator, potential, engine.level())
    row, rows, _ = engine._engine.rows(evaluator, potential, *engine.arrays(frame))
    assert energy**2 == pytest.approx(4 * (squared(triangle, row) + len(frame) * h["sigma_energy"] ** 2), rel=1e-6)
    for place in (0, 40, 143):
        wanted = 9 * (squared(triangle, rows[place]) + h["sigma_force"] ** 2)
        assert forces.ravel()[place] ** 2 == pytest.approx(wanted, rel=1e-6)


def test_posterior_of_another_potential_is_refused(fitted, tmp_path):
    folder, _, _ = fitted
    text = (folder / "gap.xml").read_text()
    label = potential_label(folder / "gap.xml")
    (tmp_path / "other.xml").write_text(text.replace(label, "gapglass_0123456789abcdef"))
    with pytest.raises(UserError, match="belongs to the potential gapglass_"):
        variance.Posterior(tmp_path / "other.xml", folder / "posterior.npz")


def test_calibration_counts_the_errors_inside():
    class Known:
        def deviations(self, frame):
            return 2.0, np.full((len(frame), 3), 0.5)

    frames = small_fits.frames(4)
    energies = [frame.info["REF_energy"] + error for frame, error in zip(frames, (0.5, -1.9, 3.0, 5.0), strict=True)]
    forces = [frame.arrays["REF_forces"] + 0.6 for frame in frames]
    forces[0] = frames[0].arrays["REF_forces"] + 0.4
    found = variance.calibration(Known(), frames, energies, forces)
    assert found["n_frames"] == 4 and found["energy"]["inside_1_sigma"] == 0.5
    assert found["energy"]["inside_2_sigma"] == 0.75 and found["energy"]["mean_sigma"] == pytest.approx(2.0 / 48)
    assert found["force"]["inside_1_sigma"] == 0.25 and found["force"]["inside_2_sigma"] == 1.0


def test_scaled_variances_agree_with_the_errors_of_the_folds(tmp_path):
    """By construction: the mean square of the errors of the folds is the scaled mean of their predicted variances."""
    frames = small_fits.frames(12)
    terms = small_fits.terms_of(frames, tmp_path)
    names = ["a", "b", "c"] * 4
    rows = small_fits.rows_of(frames, terms, tmp_path, names)
    folds = [([n for n in "abc" if n != out], [out]) for out in "abc"]
    validation, h = CrossValidation(rows, terms, folds), small_fits.HYPERPARAMETERS
    scales, predicted, number = validation.variance_scales(h), np.zeros(2), np.zeros(2)
    for trains, tests in folds:
        few = small_fits.rows_of([f for f, n in zip(frames, names, strict=True) if n in trains], terms, tmp_path)
        e0 = few.e0(few.classes)
        alpha, triangle, _ = engine_fit.solution(few, terms, h, e0)
        path = tmp_path / "gap.xml"
        engine_fit.write(path, terms, alpha, h, e0, small_fits.SPECIES, "soap_turbo")
        sigmas = (h["sigma_energy"], h["sigma_force"])
        variance.write_posterior(tmp_path / "p.npz", potential_label(path), triangle, scales, sigmas)
        posterior = variance.Posterior(path, tmp_path / "p.npz")
        for frame in (f for f, n in zip(frames, names, strict=True) if n in tests):
            energy, forces = posterior.deviations(frame)
            predicted += (energy / len(frame)) ** 2, (forces**2).sum()
            number += 1, forces.size
    errors = np.array(validation.errors(h)) / (1000, 1)
    assert np.sqrt(predicted / number) == pytest.approx(errors, rel=1e-3)
