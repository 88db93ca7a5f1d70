"""Pairs alone: their curves, and where they do not repel; the fit against gap_fit in the study's own check."""

import numpy as np
import pandas as pd
import pytest
import small_fits

from gapglass.potential import core, dimers, engine_fit, fit_agreement, gap_fit

pytestmark = pytest.mark.xdist_group("engine")
CLOSEST = {"O-O": 2.2, "O-Te": 1.7, "Te-Te": 2.9}


def test_core_makes_every_pair_repel_and_a_fit_alone_does_not(tmp_path):
    frames = small_fits.frames(6)
    terms = small_fits.terms_of(frames, tmp_path)
    rows = small_fits.rows_of(frames, terms, tmp_path)
    plain = small_fits.write(tmp_path / "plain.xml", rows, terms)
    tables = core.tables(CLOSEST, small_fits.SPECIES, inner=0.6, outer=0.98)
    h, e0 = small_fits.HYPERPARAMETERS, rows.e0(rows.classes)
    alpha, _, _ = engine_fit.solution(rows, terms, h, e0)
    engine_fit.write(tmp_path / "core.xml", terms, alpha, h, e0, small_fits.SPECIES, "soap_turbo", tables)
    with_core = dimers.curves(tmp_path / "core.xml", small_fits.SPECIES, CLOSEST)
    assert with_core["r_angstrom"].min() == dimers.SHORTEST
    near = with_core[with_core["r_angstrom"] < 0.5]
    assert (near["energy_ev"] > 50).all() and (near.groupby("pair")["energy_ev"].diff().dropna() < 0).all()
    alone = dimers.curves(plain, small_fits.SPECIES, CLOSEST)
    assert (alone[alone["r_angstrom"] < 0.5]["energy_ev"] < 50).any()
    # Beyond the core, both are the same potential.
    beyond = with_core["r_angstrom"] > 2.9
    assert np.allclose(with_core["energy_ev"][beyond], alone["energy_ev"][beyond], atol=1e-9)


def test_distance_at_which_a_pair_attracts_is_found():
    r = np.arange(0.3, 3.0, 0.1).round(1)
    energy = np.where(r < 1.0, 10 - r, 20 - 5 * r)
    table = pd.DataFrame({"pair": "A-B", "r_angstrom": r, "energy_ev": energy, "closest_angstrom": 2.0})
    assert dimers.attractive(table) == {"A-B": 1.0}  # the energy jumps up there
    assert dimers.attractive(table.assign(energy_ev=-r)) == {"A-B": None}
    # Without a closest distance, only up to 1 Å; an attraction beyond 0.9 of the closest distance is none.
    well = table.assign(energy_ev=(r - 1.5) ** 2)
    assert dimers.attractive(well) == {"A-B": 1.8} and dimers.attractive(well.assign(closest_angstrom=np.nan)) == {
        "A-B": None
    }


@pytest.mark.parametrize("with_core", [False, True])
def test_fit_of_a_study_is_that_of_gap_fit(with_core):
    frames = small_fits.frames(8)
    found = fit_agreement.compare(
        frames,
        small_fits.HYPERPARAMETERS,
        descriptor="soap_turbo",
        e0=gap_fit.isolated_atom_energies(frames),
        virials=True,
        tables=core.tables(CLOSEST, small_fits.SPECIES) if with_core else None,
        seed=3,
        max_seconds=600,
    )
    assert found["agrees"] and found["n_train"] == 8 and found["n_test"] == 1
    assert 0 < found["weights"] < 1e-4 and 0 < found["energy"] < 1e-6


def test_a_fit_that_differs_is_told(monkeypatch):
    frames = small_fits.frames(6)
    monkeypatch.setattr(fit_agreement, "LIMITS", {"weights": 1e-30, "energy": 1.0, "force": 1.0})
    found = fit_agreement.compare(
        frames, small_fits.HYPERPARAMETERS, descriptor="soap_turbo", e0=gap_fit.isolated_atom_energies(frames),
        virials=True, tables=None, seed=3, max_seconds=600,
    )  # fmt: skip
    assert not found["agrees"]
