"""Crystals: constants that the literature or a formula knows, symmetry, crystals that a potential does not keep."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.calculators.tersoff import Tersoff, TersoffParameters
from ase.units import GPa
from conftest import ROOT

from gapglass.base.errors import UserError
from gapglass.potential import crystals, elasticity
from gapglass.potential.engine import EngineError

SETTINGS = {"volume_range": 0.03, "n_volumes": 7, "strain": 0.005, "isolated": True}
# J. Tersoff, Phys. Rev. B 38, 9902 (1988).
SILICON = TersoffParameters(
    m=3.0, gamma=1.0, lambda3=0.0, c=100390.0, d=16.217, h=-0.59825, n=0.78734, beta=1.1e-6, lambda2=1.73222, B=471.18,
    R=2.85, D=0.15, lambda1=2.4799, A=1830.8,
)  # fmt: skip


def constants(found):
    return np.array(found["elasticity"]["constants_gpa"])


def test_silicon_of_tersoff_has_the_constants_of_the_literature():
    """C44 is 69 GPa only if the atoms in the cell relax under strain; without that it is 119 GPa.

    H. Balamane, T. Halicioglu, W. A. Tiller, Phys. Rev. B 46, 2250 (1992), doi:10.1103/PhysRevB.46.2250, tables II and
    III: a 5.432 Å, cohesive energy 4.63 eV, B 98, C11 142.5, C12 75.4, C44 69.0 GPa.
    """
    calculator = Tersoff({("Si", "Si", "Si"): SILICON})
    found, table = crystals.characterise(bulk("Si", "diamond", a=5.5), calculator, **SETTINGS)
    assert found["relaxed"] and found["space_group"] == found["space_group_relaxed"] == "Fd-3m (227)"
    assert found["lattice"][0] * np.sqrt(2) == pytest.approx(5.432, abs=5e-4)
    assert found["cohesive_energy_ev_per_atom"] == pytest.approx(4.63, abs=5e-3)
    state = found["equation_of_state"]
    assert state["bulk_modulus_gpa"] == pytest.approx(98, abs=0.5)
    assert 8 * state["volume_angstrom3_per_atom"] == pytest.approx(5.432**3, rel=2e-4)
    expected = np.zeros((6, 6))
    expected[:3, :3] = 75.4
    np.fill_diagonal(expected, [142.5] * 3 + [69.0] * 3)
    assert np.allclose(constants(found), expected, atol=0.15)
    assert found["elasticity"]["stable"] and found["elasticity"]["bulk_reuss_gpa"] == pytest.approx(97.8, abs=0.1)
    assert len(table) == 7 and table["volume_angstrom3_per_atom"].is_monotonic_increasing
    assert np.allclose(table["fitted_energy_ev_per_atom"], table["energy_ev_per_atom"], atol=1e-5)


def test_springs_between_nearest_neighbours_of_a_tilted_crystal():
    """With springs k at r0 between nearest neighbours of an fcc crystal, C11 = 2 k / a and C12 = C44 = k / a."""
    calculator = LennardJones(sigma=2.5, epsilon=0.1, rc=1.3 * 2.5)
    r0 = 2 ** (1 / 6) * 2.5
    stiffness = 36 * 2 ** (2 / 3) * 0.1 / 2.5**2 / (np.sqrt(2) * r0) / GPa  # k / a of r0^2 k = 72 epsilon
    atoms = bulk("Ar", "fcc", a=np.sqrt(2) * r0 * 1.02, cubic=True)
    found, _ = crystals.characterise(atoms, calculator, **SETTINGS)
    assert np.diag(constants(found)) == pytest.approx([2 * stiffness] * 3 + [stiffness] * 3, rel=5e-3)
    assert constants(found)[0, 1] == pytest.approx(stiffness, rel=5e-3)
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turned = atoms.copy()
    turned.set_cell(atoms.cell.array @ turn.T, scale_atoms=True)
    other, _ = crystals.characterise(turned, calculator, **SETTINGS)
    moduli = ("bulk_reuss_gpa", "shear_voigt_gpa", "shear_reuss_gpa", "shear_hill_gpa")
    for name in moduli:
        assert other["elasticity"][name] == pytest.approx(found["elasticity"][name], rel=2e-3)
    assert not np.allclose(constants(other), constants(found), rtol=0.02)


def test_symmetry_leaves_what_the_crystal_has():
    noisy = np.random.default_rng(1).normal(100, 20, (6, 6))
    _, cubic = elasticity.symmetry(bulk("Cu", cubic=True))
    found = elasticity.symmetrised(noisy, cubic)
    assert len(cubic) == 48 and np.allclose(found, found.T)
    assert np.unique(found.round(9)).size == 4  # C11, C12, C44 and 0
    assert found[0, 0] == pytest.approx(np.diag(noisy)[:3].mean())
    _, tetragonal = elasticity.symmetry(crystals.read(ROOT / "tests/data/crystals/alpha-teo2.cif"))
    found = elasticity.symmetrised(noisy, tetragonal).round(9)
    assert np.unique(found).size == 7 and found[0, 0] == found[1, 1] != found[2, 2] and found[3, 3] != found[5, 5]
    assert np.allclose(elasticity.symmetrised(noisy, np.eye(3)[None]), (noisy + noisy.T) / 2)
    group, none = elasticity.symmetry(Atoms("H2", positions=[[0, 0, 0], [0, 0, 1e-4]], cell=[5] * 3, pbc=True))
    assert group == "unknown" and np.allclose(none, np.eye(3))


def test_an_unstable_crystal_is_told():
    """Copper's potential has a body-centred crystal without force, which shears into the face-centred one."""
    found, _ = crystals.characterise(bulk("Cu", "bcc", a=2.85, cubic=True), EMT(), **SETTINGS)
    assert found["relaxed"] and found["space_group_relaxed"] == "Im-3m (229)"
    matrix = constants(found)
    assert matrix[0, 0] < matrix[0, 1] and not found["elasticity"]["stable"]
    assert found["elasticity"]["bulk_reuss_gpa"] is None and "UNSTABLE" in crystals.text(found)


class Refusing(EMT):
    def calculate(self, *arguments):
        raise EngineError("two atoms are 0.01 Å apart")


def test_crystals_that_fall_apart_are_a_result_and_no_failure():
    found, table = crystals.characterise(bulk("Cu"), Refusing(), **SETTINGS)
    assert not found["relaxed"] and found["reason"] == "atoms collapse: two atoms are 0.01 Å apart" and table.empty
    loose = LennardJones(sigma=2.5, epsilon=0.1, rc=6.0)
    found, _ = crystals.characterise(bulk("Ar", "fcc", a=8.0), loose, **SETTINGS)  # far outside its own volume
    assert not found["relaxed"] and "more than 50 %" in found["reason"] and "not relaxed" in crystals.text(found)


def test_no_elastic_constants_and_no_cohesive_energy_where_none_are_wanted():
    found, table = crystals.characterise(bulk("Cu"), EMT(), **SETTINGS | {"strain": None, "isolated": False})
    assert found["elasticity"] is None and found["cohesive_energy_ev_per_atom"] is None and len(table) == 7


def test_files_of_crystals(tmp_path):
    atoms = crystals.read(ROOT / "tests/data/crystals/alpha-teo2.cif")
    assert elasticity.symmetry(atoms)[0] == "P4_12_12 (92)" and len(atoms) == 12
    for name, form in (("POSCAR", "vasp"), ("a.vasp", "vasp"), ("a.xyz", "extxyz")):
        atoms.write(tmp_path / name, format=form)
        read = crystals.read(tmp_path / name)
        assert read.get_chemical_formula() == "O8Te4" and read.get_volume() == pytest.approx(atoms.get_volume())
        assert not read.info and set(read.arrays) == {"numbers", "positions"}
    (tmp_path / "a.pdb").write_text("")
    with pytest.raises(UserError, match=r"a\.pdb must be called \.cif, \.vasp"):
        crystals.read(tmp_path / "a.pdb")
    (tmp_path / "b.cif").write_text("data_b\n_cell_length_a x\n")
    with pytest.raises(UserError, match=r"b\.cif cannot be read as cif"):
        crystals.read(tmp_path / "b.cif")
    Atoms("H", positions=[[0, 0, 0]]).write(tmp_path / "c.xyz", format="extxyz")
    with pytest.raises(UserError, match=r"c\.xyz has no crystal with three cell vectors"):
        crystals.read(tmp_path / "c.xyz")
