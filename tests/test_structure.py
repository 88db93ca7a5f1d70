"""Structure on known ground: a crystal, an ideal gas, sum rules, a transform with a known answer."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from gapglass import structure
from gapglass.errors import UserError

SETTINGS = {
    "q_max": 12.0, "q_bin": 0.1, "r_bin": 0.05, "window": "lorch", "coordination_cutoffs": {"Te-O": 2.46},
}  # fmt: skip


@pytest.fixture(scope="module")
def ideal_gas():
    """60 frames of 240 atoms without any order, 1 Te to 2 O."""
    rng = np.random.default_rng(5)
    return [Atoms("Te80O160", positions=rng.uniform(0, 15, (240, 3)), cell=[15] * 3, pbc=True) for _ in range(60)]


def test_gamma_teo2_has_its_coordination(gamma_teo2):
    assert gamma_teo2.get_chemical_formula() == "O32Te16"
    table = structure.coordination([gamma_teo2], {"Te-O": 2.46}).set_index("centre")
    assert table.loc["Te", "coordination_number"] == 4.0 and table.loc["O", "coordination_number"] == 2.0
    assert table.loc["Te", "percent_4_fold"] == 100.0 and table.loc["O", "percent_2_fold"] == 100.0
    shorter = structure.coordination([gamma_teo2], {"Te-O": 2.10}).set_index("centre")
    assert shorter.loc["Te", "coordination_number"] == 3.0


def test_coordination_of_like_species_leaves_the_atom_itself_out():
    copper = bulk("Cu", "fcc", a=3.6, cubic=True) * (3, 3, 3)
    table = structure.coordination([copper], {"Cu-Cu": 3.0})
    assert table["coordination_number"].tolist() == [12.0]


def test_first_peak_of_a_crystal_counts_its_neighbours():
    copper = bulk("Cu", "fcc", a=3.6, cubic=True) * (3, 3, 3)
    r, g = structure.pair_distributions([copper], 0.05)
    density = len(copper) / copper.get_volume()
    shell = (r > 2.3) & (r < 2.8)
    # freud divides by N - 1 others, so 12 neighbours come out as 12 x N / (N - 1)
    counted = np.sum(4 * np.pi * r**2 * density * g["Cu-Cu"][0] * 0.05, where=shell)
    assert counted == pytest.approx(12 * 108 / 107, rel=2e-3)


def test_ideal_gas_has_no_structure(ideal_gas):
    r, g = structure.pair_distributions(ideal_gas, 0.1)
    q, s, n_vectors, _ = structure.structure_factors(ideal_gas, 8.0, 0.1)
    for values in g.values():
        mean = np.average(values, axis=1, weights=r**2)
        assert abs(mean.mean() - 1) < 5 * structure.standard_error(mean) < 0.02
        assert np.abs(values.mean(axis=0) - 1)[r > 2].max() < 6 * structure.standard_error(values)[r > 2].max()
    assert (n_vectors > 0).all() and q[0] == pytest.approx(2 * np.pi / 15)
    for pair, values in s.items():
        many = n_vectors > 20
        # the spread of a single vector's S_ab is of order 1 / (c_a c_b)
        assert np.abs(values.mean(axis=0)[many] - 1).max() < 0.7, pair
        assert np.abs(np.average(values.mean(axis=0), weights=n_vectors) - 1) < 0.03, pair


def test_long_range_limits_are_one(blyp_frames):
    sq, gr, _ = structure.analyse(blyp_frames[-25:], SETTINGS | {"q_max": 20.0})
    high = sq["q_inverse_angstrom"] > 15
    for column in ("S_X", "S_O-O", "S_O-Te", "S_Te-Te"):
        assert np.average(sq[column][high], weights=sq["n_vectors"][high]) == pytest.approx(1, abs=0.03)
    assert gr["r_angstrom"].iloc[-1] < 9.1146 / 2
    assert sq["q_inverse_angstrom"].iloc[0] == pytest.approx(2 * np.pi / 9.1146, rel=1e-3)


def test_direct_sum_equals_the_definition(gamma_teo2):
    """One frame, one vector, summed atom by atom in plain Python."""
    frame = gamma_teo2[np.argsort(gamma_teo2.numbers, kind="stable")]
    q, s, n_vectors, _ = structure.structure_factors([frame], 1.0, 0.01)
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
    first, second = (structure.structure_factors([atoms], 6.0, 0.2) for atoms in (cubic, skewed))
    np.testing.assert_allclose(first[3], second[3])
    np.testing.assert_array_equal(first[2], second[2])
    for pair in first[1]:
        np.testing.assert_allclose(first[1][pair], second[1][pair], atol=1e-8)
    counts = [structure.coordination([atoms], {"Na-Cl": 2.75})["coordination_number"].tolist() for atoms in (cubic, skewed)]
    assert counts[0] == counts[1]


def test_xray_weights_sum_to_one_and_start_at_the_charges():
    q = np.linspace(0.0, 20, 50)
    weights = structure.xray_weights(["Te", "O", "O"], q)
    np.testing.assert_allclose(sum(weights.values()), 1.0, atol=1e-12)
    mean = (52 + 2 * 8) / 3
    assert weights["Te-Te"][0] == pytest.approx((52 / 3) ** 2 / mean**2, rel=1e-3)
    assert weights["O-Te"][0] == pytest.approx(2 * (52 / 3) * (16 / 3) / mean**2, rel=1e-3)
    assert weights["Te-Te"][-1] > weights["Te-Te"][0]  # oxygen's form factor falls faster


@pytest.mark.parametrize("window", ["none", "lorch"])
def test_transform_of_a_single_shell(window):
    """q [S - 1] = A sin(q R) / R has its G(r) peak at R."""
    q = np.linspace(0.05, 30, 1200)
    r = np.linspace(0.5, 5, 451)
    g = structure.transform_to_r(q, 1 + np.sin(2.2 * q) / (2.2 * q), r, 30, window)
    assert r[g.argmax()] == pytest.approx(2.2, abs=0.02)
    height = 1 / np.pi / 2.2 * (30 if window == "none" else 30 * 0.58949)  # int_0^Q M(q) dq; Lorch: Q Si(pi) / pi
    assert g.max() == pytest.approx(height, rel=0.02)


def test_lorch_window_removes_ripples():
    q = np.linspace(0.05, 15, 600)
    r = np.linspace(3.2, 6, 200)
    s = 1 + np.sin(2.0 * q) / (2.0 * q)
    ripples = {window: np.abs(structure.transform_to_r(q, s, r, 15, window)).max() for window in ("none", "lorch")}
    assert ripples["lorch"] < 0.15 * ripples["none"]


def reduced_pair_distribution(frames, q_bin, r_max=4.5):
    return structure.analyse(frames, SETTINGS | {"q_max": 15.0, "q_bin": q_bin})[1].query("r_angstrom < @r_max")["G_X"].to_numpy()


def test_g_of_r_does_not_depend_on_the_bins_nor_on_the_cell_chosen(blyp_frames):
    glass = blyp_frames[-10:]
    fine = reduced_pair_distribution(glass, 0.05)
    assert structure.wright_parameter(fine, reduced_pair_distribution(glass, 0.1)) < 0.05
    # the same structure in a doubled cell has three times as many wave vectors with nothing in them
    doubled = reduced_pair_distribution([frame * (2, 1, 1) for frame in glass], 0.05)
    assert structure.wright_parameter(fine, doubled[: len(fine)]) < 0.15


def test_breathing_cell_keeps_its_bins(blyp_frames, rng):
    glass = blyp_frames[-10:]
    breathing = []
    for frame in glass:
        breathing.append(frame.copy())
        breathing[-1].set_cell(frame.cell * (1 + rng.normal(0, 0.003)), scale_atoms=True)
    still, moved = (structure.analyse(frames, SETTINGS)[0] for frames in (glass, breathing))
    assert abs(len(still) - len(moved)) <= 2
    assert moved["q_inverse_angstrom"].iloc[0] == pytest.approx(still["q_inverse_angstrom"].iloc[0], rel=0.01)
    change = structure.wright_parameter(reduced_pair_distribution(glass, 0.1), reduced_pair_distribution(breathing, 0.1))
    assert change < 0.1


def test_neighbours_of_all_kinds_are_added_atom_by_atom():
    salt = bulk("NaCl", "rocksalt", a=5.6, cubic=True) * (2, 2, 2)
    table = structure.coordination([salt], {"Na-Cl": 3.0, "Na-Na": 4.2, "Cl-Cl": 4.2}).set_index(["centre", "neighbour"])
    assert table.loc[("Na", "Cl"), "coordination_number"] == 6 and table.loc[("Na", "Na"), "coordination_number"] == 12
    assert table.loc[("Na", "all"), "coordination_number"] == 18 and table.loc[("Cl", "all"), "percent_18_fold"] == 100
    assert np.isnan(table["standard_error"]).all()


def test_wright_parameter():
    curve = np.sin(np.linspace(0, 10, 50))
    assert structure.wright_parameter(curve, curve) == 0.0
    assert structure.wright_parameter(curve, 0 * curve) == 1.0
    assert structure.wright_parameter(curve, 1.1 * curve) == pytest.approx(0.1)


def test_order_of_the_atoms_does_not_matter(blyp_frames, rng):
    frames = blyp_frames[-6:]
    shuffled = [frame[rng.permutation(48)] for frame in frames]
    for first, second in zip(structure.analyse(frames, SETTINGS), structure.analyse(shuffled, SETTINGS), strict=True):
        np.testing.assert_allclose(first.select_dtypes("number"), second.select_dtypes("number"), atol=1e-6)


def test_standard_error_of_independent_samples(rng):
    samples = rng.normal(0, 2.0, size=(800, 200))
    assert structure.standard_error(samples).mean() == pytest.approx(2.0 / np.sqrt(800), rel=0.1)
    assert np.isnan(structure.standard_error(samples[:1])).all()


def test_impossible_requests_are_refused(blyp_frames, gamma_teo2):
    with pytest.raises(UserError, match=r"coordination_cutoffs\.Te-O is 9\.0 Å"):
        structure.coordination(blyp_frames[:1], {"Te-O": 9.0})
    with pytest.raises(UserError, match="must hold the same atoms"):
        structure.analyse([blyp_frames[0], gamma_teo2[:24]], SETTINGS)
    frame = blyp_frames[0].copy()
    frame.info |= {"role": "reference", "temperature": 650.0}
    with pytest.raises(UserError, match=r"temperature 300 K \(there are 650 K\)"):
        structure.reference_frames([frame], 300)
