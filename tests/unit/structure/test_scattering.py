"""S(q) and its transforms: the definition atom by atom, sum rules, known answers, two ways to one S(q)."""

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk
from conftest import STRUCTURE

from gapglass.base.errors import UserError
from gapglass.structure import coordination, density_waves, pairs, scattering, transforms
from gapglass.structure.weights import TOTALS, scattering_weights, total_structure_factor
from gapglass.structure.wright import wright_parameter


def g_of_r(frames, r_bin=0.0125):
    counts = pairs.count_pairs(frames, r_bin, pairs.count_bins(frames, r_bin))
    return pairs.pair_distributions(frames, counts, r_bin)


def test_ideal_gas_has_no_structure(ideal_gas):
    q, s, n_vectors, _ = scattering.structure_factors(ideal_gas, 8.0, 0.1)
    assert (n_vectors > 0).all() and q[0] == pytest.approx(2 * np.pi / 15)
    for pair, values in s.items():
        many = n_vectors > 20
        # S_ab of a single vector scatters by about 1 / (c_a c_b).
        assert np.abs(values.mean(axis=0)[many] - 1).max() < 0.7, pair
        assert np.abs(np.average(values.mean(axis=0), weights=n_vectors) - 1) < 0.03, pair


def test_direct_sum_equals_the_definition(gamma_teo2):
    """One frame, one vector, summed atom by atom in plain Python."""
    frame = gamma_teo2[np.argsort(gamma_teo2.numbers, kind="stable")]
    q, s, n_vectors, _ = scattering.structure_factors([frame], 1.0, 0.01)
    vector = 2 * np.pi / 8.576
    place = np.argmin(np.abs(q - vector))
    assert n_vectors[place] == 1
    rho = {x: sum(np.exp(1j * vector * y) for y in frame.positions[frame.symbols == x][:, 1]) for x in ("O", "Te")}
    for a, b, ca, cb in (("O", "O", 2 / 3, 2 / 3), ("O", "Te", 2 / 3, 1 / 3), ("Te", "Te", 1 / 3, 1 / 3)):
        product = (rho[a] * np.conj(rho[b])).real / 48
        assert s[f"{a}-{b}"][0][place] == pytest.approx(1 + (product - (ca if a == b else 0)) / (ca * cb), abs=1e-8)


def test_triclinic_cell_equals_its_cubic_twin():
    cubic = bulk("NaCl", "rocksalt", a=5.6, cubic=True) * (2, 2, 2)
    rng = np.random.default_rng(1)
    cubic.positions += rng.normal(0, 0.1, cubic.positions.shape)
    skewed = cubic.copy()
    skewed.set_cell(np.array(cubic.cell) + np.array([[0, 0, 0], [11.2, 0, 0], [0, 0, 0]]), scale_atoms=False)
    skewed.rotate(25, (1, 1, 0), rotate_cell=True)
    first, second = (scattering.structure_factors([atoms], 6.0, 0.2) for atoms in (cubic, skewed))
    np.testing.assert_allclose(first[3], second[3])
    np.testing.assert_array_equal(first[2], second[2])
    for pair in first[1]:
        np.testing.assert_allclose(first[1][pair], second[1][pair], atol=1e-8)
    counts = [
        coordination.coordination([atoms], {"Na-Cl": 2.75})["coordination_number"].tolist()
        for atoms in (cubic, skewed)
    ]
    assert counts[0] == counts[1]
    # The first wave vector is the cubic one, although the reciprocal vectors of the skewed cell are longer.
    with pytest.raises(UserError, match=r"q_max is 0.5 1/Å; the first wave vector of a cell this small has 0\.561"):
        scattering.direct_limit([skewed], STRUCTURE | {"q_max": 0.5})


def test_every_wave_vector_is_listed_once():
    cell = np.array([[7.0, 0, 0], [2.0, 8.0, 0], [-1.0, 1.5, 9.0]])
    indices, q, n_all = scattering.wave_vectors(cell, 4.0, 0.5, None)
    span = np.arange(-9, 10)
    grid = np.stack(np.meshgrid(span, span, span, indexing="ij"), axis=-1).reshape(-1, 3)
    lengths = np.linalg.norm(grid @ (2 * np.pi * np.linalg.inv(cell).T), axis=1)
    wanted = {tuple(row) for row in grid[(lengths <= 4.0) & (lengths > 0)]}
    found = {tuple(row) for row in indices}
    opposite = {tuple(-n for n in row) for row in found}
    assert len(found) == len(indices) == n_all.sum() and found | opposite == wanted and not found & opposite
    assert (np.diff(q) >= 0).all()
    chosen, _, n_again = scattering.wave_vectors(cell, 4.0, 0.5, 3)
    assert len(chosen) == np.minimum(n_all, 3).sum() and (n_again == n_all).all()


def test_xray_weights_sum_to_one_and_start_at_the_charges():
    q = np.linspace(0.0, 20, 50)
    weights = scattering_weights(["Te", "O", "O"], q, "xray")
    np.testing.assert_allclose(sum(weights.values()), 1.0, atol=1e-12)
    mean = (52 + 2 * 8) / 3
    assert weights["Te-Te"][0] == pytest.approx((52 / 3) ** 2 / mean**2, rel=1e-3)
    assert weights["O-Te"][0] == pytest.approx(2 * (52 / 3) * (16 / 3) / mean**2, rel=1e-3)
    assert weights["Te-Te"][-1] > weights["Te-Te"][0]  # oxygen's form factor falls faster


def test_neutron_weights_by_hand():
    weights = scattering_weights(["Te", "O", "O"], np.linspace(0, 20, 5), "neutron")
    b_te, b_o = 5.68, 5.8037  # fm
    mean = (b_te + 2 * b_o) / 3
    for pair, wanted in {"Te-Te": b_te**2 / 9, "O-O": 4 * b_o**2 / 9, "O-Te": 2 * 2 * b_te * b_o / 9}.items():
        np.testing.assert_allclose(weights[pair], wanted / mean**2, rtol=1e-4)


def test_single_element_totals_equal_the_partial(rng):
    q, s = np.linspace(1, 10, 20), rng.uniform(0, 2, (3, 20))
    for radiation in TOTALS:
        np.testing.assert_allclose(total_structure_factor(q, {"Cu-Cu": s}, ["Cu"] * 4, radiation), s)


def test_species_without_scattering_data_are_named():
    with pytest.raises(UserError, match="Po has no coherent neutron scattering length"):
        scattering_weights(["Po", "O"], np.ones(2), "neutron")
    with pytest.raises(UserError, match="Og has no X-ray form factor"):
        scattering_weights(["Og", "O"], np.ones(2), "xray")


@pytest.mark.parametrize("window", ["none", "lorch"])
def test_transform_of_a_single_shell(window):
    """q [S - 1] = A sin(q R) / R has its G(r) peak at R."""
    q = np.linspace(0.05, 30, 1200)
    r = np.linspace(0.5, 5, 451)
    g = transforms.transform_to_r(q, 1 + np.sin(2.2 * q) / (2.2 * q), r, 30, window)
    assert r[g.argmax()] == pytest.approx(2.2, abs=0.02)
    height = 1 / np.pi / 2.2 * (30 if window == "none" else 30 * 0.58949)  # int_0^Q M(q) dq; Lorch: Q Si(pi) / pi
    assert g.max() == pytest.approx(height, rel=0.02)
    # Half the range gives half the height, because points above Q_max are not used.
    assert transforms.transform_to_r(q, 1 + np.sin(2.2 * q) / (2.2 * q), r, 15, window).max() == pytest.approx(
        height / 2, rel=0.02
    )


def test_lorch_window_removes_ripples():
    q = np.linspace(0.05, 15, 600)
    r = np.linspace(3.2, 6, 200)
    s = 1 + np.sin(2.0 * q) / (2.0 * q)
    ripples = {window: np.abs(transforms.transform_to_r(q, s, r, 15, window)).max() for window in ("none", "lorch")}
    assert ripples["lorch"] < 0.15 * ripples["none"]


def test_transform_of_g_of_a_single_shell():
    """One neighbour at R adds sin(qR)/(qR) M(R) to S(q), exactly one also where N - 1 others is far from N."""
    dimer = Atoms("Te2", positions=[[0, 0, 0], [0, 0, 2.0]], cell=[20] * 3, pbc=True)
    r, g = g_of_r([dimer], 0.001)
    q = np.linspace(3, 15, 7)
    s = transforms.transform_to_q([dimer], r, g, q)["Te-Te"][0]
    # The hole in the mean density, which the window ends smoothly at R = 10 Å, adds little at these q.
    np.testing.assert_allclose(s, 1 + np.sin(2 * q) / (2 * q) * np.sinc(2.0 / r[-1]), atol=3e-3)


def test_two_ways_to_one_structure_factor(hard_spheres):
    """For 900 disordered atoms, direct sum and transform of g(r) agree within the noise of the direct sum."""
    settings = STRUCTURE | {"q_direct": 12.0}
    r, g = g_of_r(hard_spheres)
    q, s, n_vectors, widths, note = scattering.joined_structure_factors(hard_spheres, settings, r, g)
    assert (n_vectors > 0).all() and note.startswith("direct sum") and "transform" not in note
    other, joined, n_other, widths_joined, note = scattering.joined_structure_factors(
        hard_spheres, settings | {"q_direct": 6.0}, r, g
    )
    assert "up to 6 1/A" in note and 0.005 < float(note.split("differ by ")[1].split()[0]) < 0.05
    assert (other[n_other > 0] < 6.0).all() and (other[n_other == 0] > 6.0).all()
    assert q[0] == other[0] == pytest.approx(2 * np.pi / 26) and other[-1] == pytest.approx(11.95)
    np.testing.assert_allclose(widths_joined[n_other == 0], 0.1)
    for pair in s:
        near = (q > 6.0) & (n_vectors > 100)
        twin = np.interp(q[near], other, joined[pair].mean(axis=0))
        noise = pairs.standard_error(s[pair])[near]
        assert np.sqrt(np.mean((s[pair].mean(axis=0)[near] - twin) ** 2)) < 1.6 * np.sqrt(np.mean(noise**2)), pair
    place = np.arange(0.5, 8, 0.05)
    symbols = list(hard_spheres[0].symbols)
    direct = transforms.transform_to_r(
        q, total_structure_factor(q, s, symbols, "xray").mean(axis=0), place, 12, "lorch", widths
    )
    total = total_structure_factor(other, joined, symbols, "xray").mean(axis=0)
    # The remaining difference is the noise of the direct sum.
    assert wright_parameter(direct, transforms.transform_to_r(other, total, place, 12, "lorch", widths_joined)) < 0.12


def test_structure_in_q_shows_in_both_ways(hard_spheres):
    """The excluded volume below 2.2 Å makes an oscillation far above the difference of the two ways."""
    r, g = g_of_r(hard_spheres)
    q = np.arange(2.0, 6.0, 0.1)
    transformed = transforms.transform_to_q(hard_spheres, r, g, q)["O-O"].mean(axis=0)
    assert transformed.max() - transformed.min() > 0.15


def test_auto_sums_directly_where_the_budget_allows(hard_spheres, monkeypatch):
    assert scattering.direct_limit(hard_spheres, STRUCTURE) == 12.0
    monkeypatch.setattr(scattering, "ALL_BUDGET", 0)
    least = 30 * 120 * 900 * 4  # vectors a bin, bins, atoms, frames
    for share, limit in ((1.1, 12.0), (0.9, 5.0)):
        monkeypatch.setattr(scattering, "COST_BUDGET", share * least)
        assert scattering.direct_limit(hard_spheres, STRUCTURE) == limit, share
    _, _, used, _ = scattering.structure_factors(hard_spheres, 12.0, 0.1)
    assert used.max() == scattering.VECTORS_PER_BIN
    assert scattering.direct_limit(hard_spheres, STRUCTURE | {"q_max": 4.0}) == 4.0


def test_all_vectors_at_once_equal_vector_by_vector(hard_spheres, monkeypatch):
    skewed = hard_spheres[0][::3]
    skewed.set_cell([[26, 0, 0], [7, 24, 0], [-5, 6, 23]], scale_atoms=True)
    monkeypatch.setattr(density_waves, "ATOMS_AT_ONCE", 70)
    at_once = scattering.structure_factors([skewed], 3.0, 0.1)
    monkeypatch.setattr(scattering, "ALL_BUDGET", 0)
    one_by_one = scattering.structure_factors([skewed], 3.0, 0.1)
    np.testing.assert_array_equal(at_once[2], one_by_one[2])
    for pair in at_once[1]:
        np.testing.assert_allclose(at_once[1][pair], one_by_one[1][pair], atol=1e-10)


def test_given_limit_is_a_whole_number_of_bins_and_within_the_range(hard_spheres):
    for wanted, limit in ((6.0, 6.0), (6.02, 6.1), (30.0, 12.0)):
        assert scattering.direct_limit(hard_spheres, STRUCTURE | {"q_direct": wanted}) == pytest.approx(limit)
    with pytest.raises(UserError, match=r"structure\.q_direct is 0\.2 1/Å; the first wave vector .* 0\.242 1/Å"):
        scattering.direct_limit(hard_spheres, STRUCTURE | {"q_direct": 0.2})


def test_model_g_takes_any_q_max_and_refuses_what_it_cannot_have():
    q = np.arange(0.05, 15, 0.1)
    table = pd.DataFrame({"q_inverse_angstrom": q, "width_inverse_angstrom": 0.1, "S_X": 1 + np.sin(2 * q) / (2 * q)})
    r = np.linspace(1, 4, 301)
    heights = [transforms.model_g(table, r, "xray", q_max, "lorch").max() for q_max in (5, 10, 15)]
    np.testing.assert_allclose(heights, 1 / np.pi / 2 * np.array([5, 10, 15]) * 0.58949, rtol=0.05)
    with pytest.raises(UserError, match=r"raise structure\.q_max"):
        transforms.model_g(table, r, "xray", 16, "lorch")
    with pytest.raises(UserError, match="no S_N"):
        transforms.model_g(table, r, "neutron", 10, "lorch")
