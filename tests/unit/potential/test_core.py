"""The repulsive core against LAMMPS' ZBL, numpy's sums and quippy, and fits that leave its share out of the labels."""

import logging
import re
from itertools import combinations_with_replacement

import numpy as np
import potentials
import pytest
from ase import Atoms
from ase.io import read
from ase.neighborlist import neighbor_list
from quenching import CLOSEST
from scipy.interpolate import CubicSpline

from gapglass.base.errors import UserError
from gapglass.frames import geometry
from gapglass.glass import lammps
from gapglass.potential import agreement, core, gap_fit, quip
from gapglass.potential.engine import EngineError
from gapglass.potential.gap_xml import Term, potential_cutoff, potential_label, write_gap

pytestmark = pytest.mark.xdist_group("engine")

HYPERPARAMETERS = {
    "cutoff": 4.2, "cutoff_width": 0.5, "n_max": 4, "l_max": 3, "atom_sigma": 0.5, "zeta": 4, "delta": 0.5,
    "n_sparse": 30, "two_body_cutoff": 3.5, "two_body_delta": 2.0, "two_body_theta": 1.0, "two_body_n_sparse": 10,
    "sigma_energy": 0.002, "sigma_force": 0.1, "sigma_virial": 0.05,
}  # fmt: skip


@pytest.fixture(scope="module")
def frames():
    return read(potentials.FRAMES, ":")


@pytest.fixture(scope="module")
def tables():
    """A core that reaches farther into the frames than the default one, so that every frame feels it."""
    return core.tables(CLOSEST, ["O", "Te"], inner=0.9, outer=1.3)


@pytest.fixture(scope="module")
def crowded(frames):
    """A frame so rattled that atoms of every pair are deep inside the core."""
    frame = frames[40]
    atoms = Atoms(frame.numbers, positions=frame.positions, cell=frame.cell, pbc=True)
    atoms.rattle(0.6, seed=4)
    closest = geometry.closest_pairs(atoms)
    assert all(closest[pair] < 0.8 * CLOSEST[pair] for pair in ("O-O", "O-Te")) and closest["Te-Te"] < 2.9
    return atoms


def exact(r, pair, distance, inner, outer):
    """The formula once more, in the form in which it is usually printed."""
    x = r * (pair[0] ** 0.23 + pair[1] ** 0.23) / 0.46850
    screening = (
        0.18175 * np.exp(-3.19980 * x)
        + 0.50986 * np.exp(-0.94229 * x)
        + 0.28022 * np.exp(-0.40290 * x)
        + 0.02817 * np.exp(-0.20162 * x)
    )
    t = np.clip((r / distance - inner) / (outer - inner), 0, 1)
    return 14.399645 * pair[0] * pair[1] / r * screening * (1 - 10 * t**3 + 15 * t**4 - 6 * t**5)


def test_force_of_two_nuclei_is_that_of_lammps(tmp_path):
    """LAMMPS has the same potential as pair_style zbl; it only adds a constant to the energy."""
    r = np.array([0.3, 0.7, 1.5, 2.5])
    text = (
        "units metal\natom_style atomic\nboundary f f f\natom_modify map array\nregion box block 0 20 0 20 0 20\n"
        "create_box 2 box\nmass * 1.0\npair_style zbl 4.0 4.5\npair_coeff 1 1 8 8\npair_coeff 2 2 52 52\n"
        "create_atoms 1 single 1 1 1\ncreate_atoms 2 single {} 1 1\nneighbor 0.3 bin\n"
        "compute f all reduce max fx\nthermo_style custom step pe c_f\nthermo_modify format float %.16g\nrun 0\n"
    )
    for distance in r:
        row = lammps.run(tmp_path, text.format(1 + distance), ranks=1)[-1]
        assert row["c_f"] == pytest.approx(-core.repulsion(distance, 8, 52)[1], rel=1e-6)


def test_repulsion_is_coulomb_at_the_nuclei_and_its_slope_is_its_derivative():
    for pair in ((1, 1), (8, 52), (90, 90)):
        assert core.repulsion(1e-7, *pair)[0] * 1e-7 == pytest.approx(14.399645 * pair[0] * pair[1], rel=1e-4)
        r, h = np.linspace(0.05, 4, 60), 1e-6
        slope = (core.repulsion(r + h, *pair)[0] - core.repulsion(r - h, *pair)[0]) / (2 * h)
        np.testing.assert_allclose(core.repulsion(r, *pair)[1], slope, rtol=1e-6)


def test_switch_is_smooth_at_both_ends():
    r = np.array([0.5, 1.0, 1.5, 2.0, 2.5])
    assert core.switch(r, 1.0, 2.0).tolist() == [1.0, 1.0, 0.5, 0.0, 0.0]
    for end in (1.0, 2.0):
        for order in (1, 2):
            for h in (-1e-3, 1e-3):
                near = core.switch(end + h * np.arange(3), 1.0, 2.0)
                assert abs(np.diff(near, order)[0] / h**order) < 0.2


@pytest.mark.parametrize(("inner", "outer"), [(core.INNER, core.OUTER), (0.9, 1.3), (1.0, 1.4)])
def test_tables_follow_the_formula_and_end_in_zero(inner, outer):
    found = core.tables(CLOSEST, ["Te", "O", "Te"], inner=inner, outer=outer)
    assert list(found) == [(8, 8), (8, 52), (52, 52)]
    for pair, name in zip(found, ("O-O", "O-Te", "Te-Te"), strict=True):
        table = found[pair]
        assert table.closest == CLOSEST[name] and f"hold {name} {CLOSEST[name]:.3f} Å apart" in table.origin
        assert table.r[0] <= 0.1 and np.ptp(np.diff(table.r)) < 1e-12 and table.r[1] - table.r[0] <= 0.02
        assert table.r[-1] == pytest.approx(outer * CLOSEST[name]) and table.energies[-1] == 0
        assert (np.diff(table.energies) < 0).all()
        spline = CubicSpline(table.r, table.energies, bc_type=((1, table.slope), (1, 0.0)))
        between = np.arange(0.3, table.r[-1], 0.0037)
        np.testing.assert_allclose(
            spline(between), exact(between, pair, table.closest, inner, outer), rtol=0, atol=2e-5 * table.energies[25]
        )
        assert spline(0.3, 1) < -1000


@pytest.mark.parametrize(("known", "why"), [({}, "no frame tells of"), ({"O-Si": geometry.REACH}, "closer than 4 Å")])
def test_pairs_without_a_closest_distance_follow_the_covalent_radii(caplog, known, why):
    caplog.set_level(logging.INFO, "gapglass")
    found = core.tables({"O-O": 2.2, "Si-Si": 3.9} | known, ["Si", "O"])
    assert found[8, 14].closest == pytest.approx(core.UNSEEN * (0.66 + 1.11))
    assert found[14, 14].closest == 3.9
    assert why in found[8, 14].origin and "O-Si" in found[8, 14].origin
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3 and "core of O-Si: whole up to" in told[1] and "covalent radii, 1.77 Å" in told[1]


def test_a_core_that_cannot_be_is_refused():
    for inner, outer in ((0.9, 0.9), (1.2, 1.0), (0.0, 1.0)):
        with pytest.raises(UserError, match="both have to ascend"):
            core.tables(CLOSEST, ["O"], inner=inner, outer=outer)
    with pytest.raises(UserError, match=r"core of O-Te .* 0\.040 Å apart; take such frames out"):
        core.tables(CLOSEST | {"O-Te": 0.04}, ["O", "Te"])


def test_energy_forces_and_virial_are_those_of_the_spline(crowded, tables):
    """numpy's sum over all pairs with scipy's spline, the definition of what the file holds."""
    energy, forces, virial = core.energy_forces_virial(crowded, tables)
    i, j, d, vectors = neighbor_list("ijdD", crowded, 4.0)
    wanted, slopes = 0.0, np.zeros(len(d))
    for pair in combinations_with_replacement((8, 52), 2):
        table = tables[pair]
        spline = CubicSpline(table.r, table.energies, bc_type=((1, table.slope), (1, 0.0)))
        numbers = np.sort([crowded.numbers[i], crowded.numbers[j]], axis=0).T
        here = (numbers == pair).all(axis=1) & (d < table.r[-1])
        wanted += 0.5 * spline(d[here]).sum()
        slopes[here] = spline(d[here], 1)
    pulls = slopes[:, None] * vectors / d[:, None]
    of_atoms = np.zeros_like(forces)
    np.add.at(of_atoms, i, pulls)
    assert energy > 500 and energy == pytest.approx(wanted, abs=1e-9)
    np.testing.assert_allclose(forces, of_atoms, rtol=0, atol=1e-9)
    np.testing.assert_allclose(virial, -0.5 * np.einsum("pa,pb->ab", vectors, pulls), rtol=0, atol=1e-9)


def test_forces_and_virial_are_derivatives_of_the_energy(crowded, tables):
    _, forces, virial = core.energy_forces_virial(crowded, tables)
    h = 1e-5
    atom = int(np.argmax(np.abs(forces).max(axis=1)))
    for axis in range(3):
        energies = []
        for sign in (1, -1):
            moved = crowded.copy()
            moved.positions[atom, axis] += sign * h
            energies.append(core.energy_forces_virial(moved, tables)[0])
        assert forces[atom, axis] == pytest.approx(-(energies[0] - energies[1]) / (2 * h), abs=1e-4)
    energies = []
    for sign in (1, -1):
        strained = crowded.copy()
        strained.set_cell(crowded.cell.array @ (np.eye(3) + sign * h * np.diag([0, 1, 0])), scale_atoms=True)
        energies.append(core.energy_forces_virial(strained, tables)[0])
    assert virial[1, 1] == pytest.approx(-(energies[0] - energies[1]) / (2 * h), abs=1e-3)


def test_subtracting_takes_the_core_from_every_label_and_leaves_the_frames(frames, tables):
    given = [frames[40].copy(), frames[41].copy(), frames[42].copy()]
    given[0].info["REF_virial"] = np.reshape(given[0].info["REF_virial"], (3, 3))
    given[1].info["REF_virial"] = np.ravel(given[1].info["REF_virial"])
    del given[2].info["REF_virial"]
    before = [frame.copy() for frame in given]
    for frame, kept, less in zip(given, before, core.subtract(given, tables), strict=True):
        energy, forces, virial = core.energy_forces_virial(frame, tables)
        assert energy > 0.1
        assert less.info["REF_energy"] == pytest.approx(frame.info["REF_energy"] - energy, abs=1e-10)
        np.testing.assert_allclose(less.arrays["REF_forces"] + forces, frame.arrays["REF_forces"], atol=1e-12)
        assert ("REF_virial" in less.info) == ("REF_virial" in frame.info)
        if "REF_virial" in frame.info:
            assert np.shape(less.info["REF_virial"]) == np.shape(frame.info["REF_virial"])
            np.testing.assert_allclose(np.reshape(less.info["REF_virial"], (3, 3)) + virial,
                                       np.reshape(frame.info["REF_virial"], (3, 3)), atol=1e-12)  # fmt: skip
            np.testing.assert_array_equal(frame.info["REF_virial"], kept.info["REF_virial"])
        assert frame.info["REF_energy"] == kept.info["REF_energy"]
        np.testing.assert_array_equal(frame.arrays["REF_forces"], kept.arrays["REF_forces"])


def test_the_default_core_lies_inside_the_closest_distances_and_changes_no_label(frames):
    closest = {}
    for frame in frames:
        for pair, distance in geometry.closest_pairs(frame).items():
            closest[pair] = min(distance, closest.get(pair, distance))
    for frame, less in zip(frames, core.subtract(frames, core.tables(closest, ["O", "Te"])), strict=True):
        assert less.info["REF_energy"] == frame.info["REF_energy"]
        np.testing.assert_array_equal(less.arrays["REF_forces"], frame.arrays["REF_forces"])


def test_isolated_atoms_have_no_core_and_odd_frames_are_named(frames, tables):
    alone = Atoms("Te", positions=[[25] * 3], cell=[50] * 3, pbc=True, info={"REF_energy": -223.0})
    assert core.subtract([alone], tables)[0].info == {"REF_energy": -223.0}
    strange = frames[1].copy()
    strange.symbols[3] = "Si"
    with pytest.raises(
        EngineError, match="frame 2 of the 2 to subtract the core from: atom 4 has the atomic number 14"
    ):
        core.subtract([frames[0], strange], tables)
    with pytest.raises(EngineError, match="atomic number 14"):
        core.energy_forces_virial(strange, tables)


@pytest.fixture(scope="module")
def with_core(tmp_path_factory, tables):
    """The path of a potential with a core, and the path of the same without it."""
    folder = tmp_path_factory.mktemp("with_core")
    return potentials.made(folder / "with.xml", tables), potentials.made(folder / "without.xml")


def test_file_with_a_core_is_the_potential_and_the_core(with_core, crowded, tables):
    """In our engine and in quippy: energy, forces and virial are the sums, in a structure inside the core."""
    path, without = with_core
    [ours] = agreement.by_engine(path, [crowded])
    [bare] = agreement.by_engine(without, [crowded])
    of_core = core.energy_forces_virial(crowded, tables)
    assert of_core[0] > 500
    for mine, rest, added in zip(ours, bare, of_core, strict=True):
        np.testing.assert_allclose(mine, rest + added, rtol=1e-12, atol=1e-9)
    potentials.assert_same(ours, potentials.quippy(path, [crowded])[0])
    potentials.assert_same(ours, quip.evaluate(path, [crowded])[0])


def test_label_and_cutoff_are_found_beside_a_core(with_core, tables):
    path, without = with_core
    assert potential_label(path) == potential_label(without)
    assert potential_cutoff(path) == potential_cutoff(without) == 4.2
    far = path.with_name("far.xml")
    wide = core.tables({"O-O": 3.9, "O-Te": 1.7, "Te-Te": 3.0}, ["O", "Te"], 0.9, 1.3)
    term = Term("distance_2b cutoff=4.5", "ard_se", 1.0, 1.0, np.ones((1, 1)), np.ones(1), np.zeros(1))
    write_gap(far, "far", {}, [term], core=wide)
    assert potential_cutoff(far) == pytest.approx(1.3 * 3.9)
    assert max(map(len, path.read_text().splitlines())) < 1000  # QUIP's reader divides longer lines inside a number


def test_gap_fit_fits_what_the_core_leaves(tmp_path, frames, tables, crowded):
    """gap_fit with the core and whole labels equals gap_fit without it on the labels that the core leaves."""
    train = frames[::6]
    settings = {
        "descriptor": "soap_turbo", "e0": {"O": -432.0, "Te": -223.1}, "virials": True, "seed": 1, "max_seconds": 600,
    }  # fmt: skip
    gap_fit.run_fit(train, HYPERPARAMETERS, tmp_path / "core.xml", log_path=tmp_path / "log", core=tables, **settings)
    gap_fit.run_fit(
        core.subtract(train, tables), HYPERPARAMETERS, tmp_path / "rest.xml", log_path=tmp_path / "log2", **settings
    )
    test = [frames[3], frames[50], crowded]
    ours = agreement.by_engine(tmp_path / "core.xml", test)
    rest = agreement.by_engine(tmp_path / "rest.xml", test)
    judged = potentials.quippy(tmp_path / "core.xml", test)
    for frame, mine, other, judge in zip(test, ours, rest, judged, strict=True):
        potentials.assert_same(mine, judge)
        for value, bare, added in zip(mine, other, core.energy_forces_virial(frame, tables), strict=True):
            np.testing.assert_allclose(value, bare + added, rtol=0, atol=1e-5 * max(1.0, np.abs(added).max()))
    text = (tmp_path / "core.xml").read_text()
    assert len(re.findall("<Glue_params", text)) == 1 and "Sum init_args_pot1={IP Glue}" in text[:1000]
    assert text.lstrip().startswith(f"<{potential_label(tmp_path / 'core.xml')}>")
    assert potential_cutoff(tmp_path / "core.xml") == 4.2
