"""Pair distributions, coordination and angles of crystals, an ideal gas and two atoms, with known answers."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from gapglass.base.errors import UserError
from gapglass.frames import geometry
from gapglass.structure import angles, coordination, pairs

COPPER = bulk("Cu", "fcc", a=3.6, cubic=True) * (3, 3, 3)
SALT = bulk("NaCl", "rocksalt", a=5.6, cubic=True) * (2, 2, 2)


def distributions(frames, r_bin):
    counts = pairs.count_pairs(frames, r_bin, pairs.count_bins(frames, r_bin))
    return *pairs.pair_distributions(frames, counts, r_bin), pairs.running_coordination(frames, counts)


@pytest.mark.parametrize("cell", [[26, 26, 26], [[26, 0, 0], [7, 24, 0], [-5, 6, 23]]], ids=["cubic", "triclinic"])
def test_counts_do_not_depend_on_the_range(hard_spheres, cell):
    """Short ranges use a cell list, long ones compare all pairs of atoms."""
    atoms = hard_spheres[0].copy()
    atoms.set_cell(cell, scale_atoms=True)
    long = pairs.count_pairs([atoms], 0.1, 100)
    for n_bins in (30, 55, 70):
        short = pairs.count_pairs([atoms], 0.1, n_bins)
        for pair in long:
            np.testing.assert_array_equal(short[pair], long[pair][:, :n_bins])


def test_gamma_teo2_has_its_coordination(gamma_teo2):
    assert gamma_teo2.get_chemical_formula() == "O32Te16"
    table = coordination.coordination([gamma_teo2], {"Te-O": 2.46}).set_index("centre")
    assert table.loc["Te", "coordination_number"] == 4.0 and table.loc["O", "coordination_number"] == 2.0
    assert table.loc["Te", "percent_4_fold"] == 100.0 and table.loc["O", "percent_2_fold"] == 100.0
    shorter = coordination.coordination([gamma_teo2], {"Te-O": 2.10}).set_index("centre")
    assert shorter.loc["Te", "coordination_number"] == 3.0


def test_coordination_of_like_species_leaves_the_atom_itself_out():
    assert coordination.coordination([COPPER], {"Cu-Cu": 3.0})["coordination_number"].tolist() == [12.0]


def test_neighbours_of_all_kinds_are_added_atom_by_atom():
    table = coordination.coordination([SALT], {"Na-Cl": 3.0, "Na-Na": 4.2, "Cl-Cl": 4.2}).set_index(
        ["centre", "neighbour"]
    )
    assert table.loc[("Na", "Cl"), "coordination_number"] == 6 and table.loc[("Na", "Na"), "coordination_number"] == 12
    assert table.loc[("Na", "all"), "coordination_number"] == 18 and table.loc[("Cl", "all"), "percent_18_fold"] == 100
    assert np.isnan(table["standard_error"]).all()


def test_pairs_are_counted_as_one_by_one(rng):
    """The reference of this skewed cell are distances from ASE."""
    atoms = Atoms(
        "O20Te10", scaled_positions=rng.uniform(0, 1, (30, 3)), cell=[[9, 0, 0], [4, 9, 0], [-3, 2, 10]], pbc=True
    )
    n_bins = pairs.count_bins([atoms], 0.1)
    assert n_bins * 0.1 < geometry.half_height(atoms) < 4.5
    counts = pairs.count_pairs([atoms], 0.1, n_bins)
    distances = atoms.get_all_distances(mic=True)
    for pair, wanted in {
        "O-O": distances[:20, :20][np.triu_indices(20, 1)],
        "O-Te": distances[:20, 20:].ravel(),
        "Te-Te": distances[20:, 20:][np.triu_indices(10, 1)],
    }.items():
        np.testing.assert_array_equal(counts[pair][0], np.histogram(wanted, np.arange(n_bins + 1) * 0.1)[0])


def test_g_of_an_ideal_gas_is_one(ideal_gas):
    r, g, _ = distributions(ideal_gas, 0.1)
    for values in g.values():
        mean = np.average(values, axis=1, weights=r**2)
        assert abs(mean.mean() - 1) < 5 * pairs.standard_error(mean) < 0.02
        assert np.abs(values.mean(axis=0) - 1)[r > 2].max() < 6 * pairs.standard_error(values)[r > 2].max()


def test_running_coordination_of_a_crystal_counts_its_shells():
    r, _, running = distributions([COPPER], 0.05)
    assert list(running) == ["Cu-Cu"]
    edges = r + 0.025
    for low, high, n in ((0.1, 2.5, 0), (2.6, 3.55, 12), (3.65, 4.35, 18), (4.45, 5.05, 42)):
        assert (running["Cu-Cu"][0][(edges > low) & (edges < high)] == n).all(), n


def test_running_coordination_goes_both_ways_and_grows_with_the_density(ideal_gas):
    r, _, running = distributions(ideal_gas, 0.1)
    assert set(running) == {"O-O", "O-Te", "Te-O", "Te-Te"}
    np.testing.assert_allclose(running["Te-O"], 2 * running["O-Te"])
    volume = 4 / 3 * np.pi * (r[-1] + 0.05) ** 3 / 15**3
    for name, others in {"O-O": 159, "Te-O": 160, "O-Te": 80, "Te-Te": 79}.items():
        assert running[name][:, -1].mean() == pytest.approx(others * volume, rel=0.01), name


def test_r_max_and_r_bin_decide_the_bins():
    reach = geometry.half_height(COPPER)
    assert pairs.count_bins([COPPER], 0.05) == int(0.999 * reach / 0.05)
    assert pairs.count_bins([COPPER], 0.05, 3.0) == 60
    assert pairs.count_bins([COPPER], 0.05, 30.0) == pairs.count_bins([COPPER], 0.05)
    for r_bin, r_max in ((0.6, None), (0.1, 0.8)):
        with pytest.raises(UserError, match=rf"structure\.r_bin {r_bin} Å leaves . bins"):
            pairs.count_bins([COPPER], r_bin, r_max)


@pytest.mark.parametrize(
    ("atoms", "cutoffs", "triple", "wanted"),
    [
        (COPPER, {"Cu-Cu": 3.0}, "Cu-Cu-Cu", {60: 24, 90: 12, 120: 24, 180: 6}),
        (bulk("C", "diamond", a=3.57, cubic=True) * (2, 2, 2), {"C-C": 1.7}, "C-C-C", {109.47: 6}),
        (SALT, {"Na-Cl": 3.0}, "Cl-Na-Cl", {90: 12, 180: 3}),
        (SALT, {"Na-Cl": 3.0}, "Na-Cl-Na", {90: 12, 180: 3}),
    ],
    ids=["fcc", "diamond", "rocksalt", "rocksalt around Cl"],
)
def test_angles_of_crystals(atoms, cutoffs, triple, wanted):
    width = 180 / 47  # none of the angles at the edge of a bin
    table = angles.bond_angles([atoms], cutoffs, width)
    shares = table[triple] * width * sum(wanted.values())
    found = {row: share for row, share in shares.items() if share > 1e-9}
    assert found == pytest.approx({min(int(angle / width), 46): count for angle, count in wanted.items()})
    assert table[f"{triple}_error"].isna().all()  # one frame


def test_angles_of_a_glass(blyp_frames):
    glass = blyp_frames[-16:]
    table = angles.bond_angles(glass, {"Te-O": 2.46, "O-O": 3.0}, 2.0)
    triples = [column for column in table.columns[1:] if not column.endswith("_error")]
    assert triples == ["O-O-O", "O-O-Te", "Te-O-Te", "O-Te-O"]
    assert table["angle_degree"].tolist() == np.arange(1, 180, 2).tolist()
    np.testing.assert_allclose(table[triples].sum() * 2, 1.0)
    error = table["O-Te-O_error"]
    assert 0 < error.max() < table["O-Te-O"].max() / 2
    coarse = angles.bond_angles(glass, {"Te-O": 2.46}, 6.0)
    np.testing.assert_allclose(coarse["O-Te-O"], table["O-Te-O"].to_numpy().reshape(-1, 3).mean(axis=1))


def test_angles_are_pooled_where_frames_lack_them():
    corner = Atoms("OTeO", positions=[[2, 0, 0], [0, 0, 0], [0, 2, 0]], cell=[12] * 3, pbc=True)
    apart = Atoms("OTeO", positions=[[2, 0, 0], [0, 0, 0], [0, 5, 0]], cell=[12] * 3, pbc=True)
    table = angles.bond_angles([apart] * 15 + [corner], {"Te-O": 2.4}, 4.0)
    assert table.set_index("angle_degree")["O-Te-O"].to_dict()[90.0] == pytest.approx(1 / 4)
    assert table["Te-O-Te"].isna().all() and table["O-Te-O_error"].isna().all()  # one block with angles has no error
    twice = angles.bond_angles([corner] + [apart] * 14 + [corner], {"Te-O": 2.4}, 4.0)
    np.testing.assert_allclose(twice["O-Te-O"], table["O-Te-O"])
    np.testing.assert_allclose(twice["O-Te-O_error"], 0.0)
    assert list(angles.bond_angles([corner], {}, 2.0)) == ["angle_degree"]


def test_closest_approach_of_a_crystal_and_of_noise(ideal_gas, rng):
    warm = []
    for _ in range(8):
        warm.append(SALT.copy())
        warm[-1].positions += rng.normal(0, 0.08, SALT.positions.shape)
    r, g, _ = distributions(warm, 0.05)
    table = coordination.closest_approach(warm, r, g).set_index("pair")
    assert list(table.index) == ["Cl-Cl", "Cl-Na", "Na-Na"]
    distances = [frame.get_all_distances(mic=True)[frame.numbers == 11][:, frame.numbers == 17] for frame in warm]
    assert table.loc["Cl-Na", "closest_distance_angstrom"] == pytest.approx(np.min(distances), abs=1e-5)
    assert table.loc["Cl-Na", "first_peak_angstrom"] == pytest.approx(2.8, abs=0.06)
    assert table.loc["Na-Na", "first_peak_angstrom"] == pytest.approx(2.8 * np.sqrt(2), abs=0.06)
    assert 3.1 < table.loc["Cl-Na", "first_minimum_angstrom"] < 4.5  # the next shell is at 4.85
    r, g, _ = distributions(ideal_gas, 0.1)
    flat = coordination.closest_approach(ideal_gas, r, g)
    assert (
        flat[["first_peak_angstrom", "first_minimum_angstrom"]].isna().all(axis=None)
        and flat["closest_distance_angstrom"].max() < 1
    )


def test_closest_approach_of_a_glass(blyp_frames):
    r, g, _ = distributions(blyp_frames[-25:], 0.05)
    table = coordination.closest_approach(blyp_frames[-25:], r, g).set_index("pair")
    bond = table.loc["O-Te"]
    assert 1.7 < bond["closest_distance_angstrom"] < bond["first_peak_angstrom"] == pytest.approx(1.95, abs=0.1)
    assert bond["first_minimum_angstrom"] == pytest.approx(2.5, abs=0.15)


def test_closest_approach_of_a_lone_atom():
    pair = Atoms("TeO", positions=[[0, 0, 0], [0, 0, 2.03]], cell=[10] * 3, pbc=True)
    r, g, running = distributions([pair], 0.05)
    table = coordination.closest_approach([pair], r, g).set_index("pair")["closest_distance_angstrom"]
    assert table["O-Te"] == pytest.approx(2.03, abs=1e-5) and np.isnan([table["O-O"], table["Te-Te"]]).all()
    assert running["O-Te"][0].tolist() == (r + 0.025 > 2.03).astype(float).tolist()


def test_standard_error_of_independent_samples(rng):
    samples = rng.normal(0, 2.0, size=(800, 200))
    assert pairs.standard_error(samples).mean() == pytest.approx(2.0 / np.sqrt(800), rel=0.1)
    assert np.isnan(pairs.standard_error(samples[:1])).all()


@pytest.mark.parametrize("count", [coordination.coordination, lambda *request: angles.bond_angles(*request, 2.0)])
def test_cutoffs_beyond_the_cell_are_refused(blyp_frames, count):
    with pytest.raises(UserError, match=r"coordination_cutoffs\.Te-O is 9\.0 Å"):
        count(blyp_frames[:1], {"Te-O": 9.0})
