"""pair_style gapglass in LAMMPS against the same potential evaluated from Python, and every way to misuse it."""

import re
import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms
from conftest import ROOT
from gapglass.potential.engine import GAP
from quenching import SPECIES

from gapglass.glass import lammps, packing
from gapglass.glass.thermo import thermo_rows

pytestmark = pytest.mark.xdist_group("lammps")  # these tests take both cores

HEAD = """units metal
atom_style atomic
boundary {boundary}
read_data start.data
"""
STYLE = """pair_style gapglass
pair_coeff * * "{potential}" O Te
"""
PRINT = """compute energy all pe/atom
compute stress all stress/atom NULL virial
compute virial all pressure NULL virial
thermo_style custom step temp pe etotal press c_virial[1] c_virial[2] c_virial[3] c_virial[4] c_virial[5] c_virial[6]
thermo_modify format float %.16g
dump atoms all custom 1 atoms.dump id fx fy fz c_energy c_stress[1] c_stress[2] c_stress[3] c_stress[4] c_stress[5] &
  c_stress[6]
dump_modify atoms sort id format float %.16g
"""
POINT = HEAD + STYLE + PRINT + "run 0\n"
BAR = 1 / 1.6021765e6  # eV/Å³ in LAMMPS, whose constants differ from those of ASE in the eighth digit
SIX = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))  # LAMMPS' order xx yy zz xy xz yz


@pytest.fixture(scope="module")
def potential(fitted):
    return fitted[0]


@pytest.fixture
def triclinic(glass_frame):
    atoms = glass_frame.copy()
    cell = np.array(atoms.cell)
    cell[1, 0], cell[2, 0], cell[2, 1] = 1.1, -0.7, 0.9
    atoms.set_cell(cell, scale_atoms=True)
    return atoms


def run(folder, atoms, text, *, ranks=1, boundary="p p p", species=SPECIES, **values):
    """Run LAMMPS on a structure; return the thermo rows."""
    packing.write_data(folder / "start.data", atoms, species)
    return lammps.run(folder, text.format(boundary=boundary, **values), ranks=ranks)


def of_atoms(folder):
    """Return forces (eV/Å), energies (eV) and virials (eV, LAMMPS' order) of the atoms of the last dumped frame."""
    text = (folder / "atoms.dump").read_text().rpartition("ITEM: ATOMS")[2]
    table = np.array([line.split() for line in text.splitlines()[1:]], dtype=float)
    return table[:, 1:4], table[:, 4], -table[:, 5:] * BAR


def reference(potential, atoms):
    """Return energy (eV), forces (eV/Å) and virial (eV, LAMMPS' order) from Python."""
    atoms = atoms.copy()
    atoms.calc = GAP(potential)
    stress = atoms.get_stress(voigt=False) if atoms.pbc.all() else None
    virial = None if stress is None else -atoms.get_volume() * np.array([stress[i] for i in SIX])
    return atoms.get_potential_energy(), atoms.get_forces(), virial


def assert_equal(folder, rows, potential, atoms):
    """The last point of a LAMMPS run is what Python gives, and the sums over atoms are the totals."""
    energy, forces, virial = reference(potential, atoms)
    row = rows[-1]
    found_forces, energies, virials = of_atoms(folder)
    assert abs(row["PotEng"] - energy) < 1e-9 * len(atoms)
    np.testing.assert_allclose(found_forces, forces, rtol=0, atol=1e-9)
    assert abs(energies.sum() - energy) < 1e-9 * len(atoms)
    if virial is not None:
        pressure = np.array([row[f"c_virial[{i}]"] for i in range(1, 7)])
        np.testing.assert_allclose(pressure * BAR * atoms.get_volume(), virial, rtol=0, atol=1e-7)
        np.testing.assert_allclose(virials.sum(axis=0), virial, rtol=0, atol=1e-7)


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("shape", ["cubic", "triclinic"])
def test_lammps_equals_python(tmp_path, potential, glass_frame, triclinic, shape, ranks):
    atoms = glass_frame if shape == "cubic" else triclinic
    rows = run(tmp_path, atoms, POINT, ranks=ranks, potential=potential)
    assert_equal(tmp_path, rows, potential, atoms)
    screen = (tmp_path / "screen.txt").read_text()
    assert "Loaded 1 plugins" in screen and "vector unit" in screen


@pytest.mark.parametrize("ranks", [1, 2])
def test_cell_smaller_than_the_cutoff(tmp_path, potential, ranks):
    """Every atom is its own neighbour several times over, and its images are ghosts."""
    atoms = Atoms("OTe", positions=[[0.1, 0.2, 0.3], [1.9, 0.2, 0.4]], cell=[3.8, 3.1, 2.9], pbc=True)
    rows = run(tmp_path, atoms, POINT, ranks=ranks, potential=potential)
    assert_equal(tmp_path, rows, potential, atoms)


def test_rank_without_atoms(tmp_path, potential, glass_frame):
    """A cluster in one half of a box that two ranks divide: the second rank has nothing, not even ghosts."""
    atoms = glass_frame[:12]
    atoms.positions += 30 - atoms.positions.mean(axis=0)
    atoms.positions[:, 0] -= 20
    atoms.set_cell([60, 60, 60])
    atoms.pbc = False
    text = POINT.replace("read_data", "processors 2 1 1\nread_data")
    rows = run(tmp_path, atoms, text, ranks=2, boundary="f f f", potential=potential)
    assert re.search(r"Nlocal:.* 12 max +0 min", (tmp_path / "screen.txt").read_text())
    assert_equal(tmp_path, rows, potential, atoms)


def test_atom_without_neighbours_has_the_energy_of_an_isolated_atom(tmp_path, potential):
    atoms = Atoms("OTe", positions=[[5, 5, 5], [15, 15, 15]], cell=[20, 20, 20], pbc=True)
    rows = run(tmp_path, atoms, POINT, potential=potential)
    assert_equal(tmp_path, rows, potential, atoms)
    forces, energies, virials = of_atoms(tmp_path)
    assert not forces.any() and not virials.any()
    single = [reference(potential, atoms[[i]])[0] for i in range(2)]
    np.testing.assert_allclose(energies, single, rtol=0, atol=1e-10)


def test_order_of_the_types_is_free(tmp_path, potential, glass_frame):
    text = POINT.replace("O Te", "Te O")
    rows = run(tmp_path, glass_frame[::-1], text, species=SPECIES[::-1], potential=potential)
    assert abs(rows[-1]["PotEng"] - reference(potential, glass_frame)[0]) < 1e-9 * len(glass_frame)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("units metal", "units real", "needs units metal, these are units real"),
        ("units metal", "units metal\nnewton off", "needs newton on"),
        ("O Te", "O Si", "has no Si, which pair_coeff names for atom type 2; its elements are O Te"),
        ("O Te", "O Qq", "Qq for atom type 2 is the symbol of no element"),
        ("O Te", "8 52", "8 for atom type 1 is the symbol of no element"),
        ("O Te", "O", "needs one element for each of the 2 atom types, 1 are given"),
        ("O Te", "O Te Te", "needs one element for each of the 2 atom types, 3 are given"),
        ("O Te", "Te O", "atom type 1 has the mass of O, 15.999, but pair_coeff names it Te; mend the order"),
        ("O Te", "Te Te", "atom type 1 has the mass of O, 15.999, but pair_coeff names it Te"),
        ("O Te", "O NULL", "NULL for atom type 2 leaves it to another style, which needs pair_style hybrid"),
        ("pair_coeff", "#", "coeffs are not set"),
        ("pair_coeff * *", "pair_coeff 1 2", "must start with \\* \\*"),
        ('"{potential}"', "absent.xml", "absent.xml"),
        ("gapglass\n", "gapglass 3\n", "takes nothing, or: variance"),
        ("gapglass\n", "gapglass variance absent.factors\n", "absent.factors"),
    ],
    ids=lambda value: value.replace("\n", " ")[:40],
)
@pytest.mark.parametrize("ranks", [1, 2])
def test_misuse_is_refused(tmp_path, potential, glass_frame, before, after, message, ranks):
    if ranks == 2 and before not in ('"{potential}"', "O Te"):
        pytest.skip("one rank refuses as two do, except where each reads a file or ends the run for all")
    assert before in POINT
    with pytest.raises(lammps.LammpsFailed, match=message):
        run(tmp_path, glass_frame, POINT.replace(before, after, 1), ranks=ranks, potential=potential)


def test_cut_potential_is_refused(tmp_path, potential, glass_frame):
    text = potential.read_text()
    (tmp_path / "gap.xml").write_text(text[: len(text) // 2])
    with pytest.raises(lammps.LammpsFailed, match=r"pair_style gapglass: .*gap\.xml"):
        run(tmp_path, glass_frame, POINT, ranks=2, potential="gap.xml")


@pytest.mark.parametrize("ranks", [1, 2])
def test_atoms_at_one_place_end_the_run_with_a_message(tmp_path, potential, glass_frame, ranks):
    glass_frame.positions[1] = glass_frame.positions[0]
    with pytest.raises(lammps.LammpsFailed, match="pair_style gapglass, step 0: "):
        run(tmp_path, glass_frame, POINT, ranks=ranks, potential=potential)


def test_unknown_vector_unit_is_refused(tmp_path, potential, glass_frame, monkeypatch):
    monkeypatch.setenv("GAPGLASS_SIMD", "neon9")
    with pytest.raises(lammps.LammpsFailed, match="neon9"):
        run(tmp_path, glass_frame, POINT, potential=potential)


@pytest.mark.parametrize("ranks", [1, 2])
def test_other_types_are_left_to_other_styles(tmp_path, potential, glass_frame, ranks):
    """Argon between the atoms of the glass belongs to another style and changes nothing of the glass."""
    mixed = glass_frame + Atoms("Ar3", positions=[[1, 1, 1], [4, 4, 4], [7, 2, 5]])
    style = 'pair_style hybrid/overlay gapglass zero 3.0\npair_coeff * * gapglass "{potential}" O Te NULL\n'
    text = HEAD + style + "pair_coeff * * zero\n" + PRINT + "run 0\n"
    rows = run(tmp_path, mixed, text, ranks=ranks, species=[*SPECIES, "Ar"], potential=potential)
    energy, forces, virial = reference(potential, glass_frame)
    found_forces, energies, _ = of_atoms(tmp_path)
    assert abs(rows[-1]["PotEng"] - energy) < 1e-9 * len(glass_frame)
    np.testing.assert_allclose(found_forces[:-3], forces, rtol=0, atol=1e-9)
    assert not found_forces[-3:].any() and not energies[-3:].any()
    pressure = np.array([rows[-1][f"c_virial[{i}]"] for i in range(1, 7)])
    np.testing.assert_allclose(pressure * BAR * glass_frame.get_volume(), virial, rtol=0, atol=1e-7)


def test_energy_is_conserved_while_atoms_change_ranks(tmp_path, potential, glass_frame):
    """Neighbour lists are rebuilt on the way, and the same start on one rank and on two gives the same 50 steps."""
    text = (
        HEAD
        + STYLE
        + (
            "velocity all create 600 5 loop geom\nfix 1 all nve\ntimestep 0.001\nneighbor 0.3 bin\nthermo 10\n"
            "thermo_style custom step temp pe etotal\nthermo_modify format float %.16g\nrun 50\n"
        )
    )
    runs = [run(tmp_path, glass_frame, text, ranks=ranks, potential=potential) for ranks in (1, 2)]
    built = re.search(r"Neighbor list builds = (\d+)", (tmp_path / "screen.txt").read_text())
    assert int(built.group(1)) > 2
    for rows in runs:
        energies = np.array([row["TotEng"] for row in rows])
        assert len(energies) == 6
        assert np.ptp(energies) / len(glass_frame) < 1e-4
    first, second = ([row["PotEng"] for row in rows] for rows in runs)
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-7)


def test_minimisation_and_relaxed_cell(tmp_path, potential, triclinic):
    text = (
        HEAD
        + STYLE
        + (
            "thermo_style custom step temp pe etotal press pxx pyy pzz pxy pxz pyz fmax\n"
            "thermo_modify format float %.16g norm no\n"
            "min_modify norm inf\nminimize 0 1e-3 200 2000\n"
            "fix cell all box/relax tri 0.0 vmax 0.002\nminimize 0 1e-3 200 4000\nunfix cell\nwrite_data end.data\n"
        )
    )
    run(tmp_path, triclinic, text, potential=potential)
    atoms, cell, _ = (thermo_rows(part) for part in (tmp_path / "screen.txt").read_text().split("Loop time"))
    assert atoms[-1]["PotEng"] < atoms[0]["PotEng"] - 0.1 and cell[-1]["PotEng"] < cell[0]["PotEng"]
    assert atoms[-1]["Fmax"] < 0.1 * atoms[0]["Fmax"]
    before, after = (max(abs(rows[name]) for name in ("Pxx", "Pyy", "Pzz")) for rows in (cell[0], cell[-1]))
    assert after < 0.2 * before


def test_rerun_gives_the_energies_of_the_run(tmp_path, potential, glass_frame):
    thermo = "thermo 5\nthermo_style custom step temp pe etotal\nthermo_modify format float %.16g\n"
    text = (
        HEAD
        + STYLE
        + thermo
        + (
            "velocity all create 300 5\nfix 1 all nvt temp 300 300 0.1\ntimestep 0.001\n"
            "dump all all custom 5 all.dump id type x y z\ndump_modify all sort id format float %.16g\nrun 15\n"
        )
    )
    first = [row["PotEng"] for row in run(tmp_path, glass_frame, text, potential=potential)]
    again = run(
        tmp_path, glass_frame, HEAD + STYLE + thermo + "rerun all.dump dump x y z\n", ranks=2, potential=potential
    )
    assert len(first) == 4
    np.testing.assert_allclose([row["PotEng"] for row in again], first, rtol=0, atol=1e-8)


def test_restart_goes_on_as_if_nothing_had_happened(tmp_path, potential, glass_frame):
    """Under constant pressure, so that the virial counts; LAMMPS says that the pair style has to be given again."""
    thermo = "thermo 10\nthermo_style custom step temp pe etotal vol\nthermo_modify format float %.16g\n"
    motion = "fix 1 all npt temp 300 300 0.1 iso 0 0 1.0\ntimestep 0.001\n" + thermo
    text = HEAD + STYLE + "velocity all create 300 5\n" + motion + "run 10\nwrite_restart middle.restart\nrun 10\n"
    whole = run(tmp_path, glass_frame, text, potential=potential)
    again = lammps.run(
        tmp_path, "read_restart middle.restart\n" + STYLE.format(potential=potential) + motion + "run 10\n", ranks=1
    )
    assert "stores no restart info" in (tmp_path / "screen.txt").read_text()
    assert whole[0]["Volume"] != whole[-1]["Volume"]
    for key in ("PotEng", "Volume", "TotEng"):
        assert abs(again[-1][key] - whole[-1][key]) < 1e-8 * abs(whole[-1][key])
    with pytest.raises(lammps.LammpsFailed, match=r"[Pp]air"):
        lammps.run(tmp_path, "read_restart middle.restart\nrun 0\n", ranks=1)


def test_page_for_users_is_right(tmp_path, potential, glass_frame):
    """The three lines for ASE and the three for LAMMPS give the same energy."""
    page = (ROOT / "docs/how-to/use-the-engine.md").read_text()
    python, of_lammps = (
        re.search(rf"^```{name}\n(.*?)^```", page, re.M | re.S).group(1) for name in ("python", "lammps")
    )
    for path in potential.parent.glob("gap.xml*"):
        (tmp_path / path.name).symlink_to(path)
    glass_frame.write(tmp_path / "structure.xyz")
    python += "print('energy', atoms.get_potential_energy())\n"
    done = subprocess.run([sys.executable, "-c", python], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    energy = float(done.stdout.rsplit("energy", 1)[1])
    units_metal, style = of_lammps.split("\n", 1)
    text = (
        units_metal
        + "\nread_data start.data\n"
        + style
        + "thermo_style custom step temp pe etotal\n"
        + ("thermo_modify format float %.12g\nrun 0\n")
    )
    rows = run(tmp_path, glass_frame[::-1], text, species=SPECIES[::-1])
    assert abs(rows[-1]["PotEng"] - energy) < 1e-7
