"""pair_style gapglass in LAMMPS against the same potential evaluated from Python, and every way to misuse it."""

import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from ase import Atoms
from conftest import ROOT
from quenching import SPECIES

from gapglass.base.programs import program
from gapglass.glass import lammps, packing
from gapglass.glass.thermo import thermo_rows
from gapglass.potential.engine import GAP

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
VOIGT = [0, 1, 2, 5, 4, 3]  # LAMMPS' order xx yy zz xy xz yz from that of ASE


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
    """Return energies (eV), forces (eV/Å) and virials (eV, LAMMPS' order) of the atoms of the last dumped frame."""
    text = (folder / "atoms.dump").read_text().rpartition("ITEM: ATOMS")[2]
    table = np.array([line.split() for line in text.splitlines()[1:]], dtype=float)
    return table[:, 4], table[:, 1:4], -table[:, 5:] * BAR


def reference(potential, atoms):
    """Return energies (eV), forces (eV/Å) and virials (eV, LAMMPS' order) of the atoms from Python."""
    atoms = atoms.copy()
    atoms.calc = GAP(potential)
    virials = -atoms.get_volume() * atoms.get_stresses()[:, VOIGT]
    return atoms.get_potential_energies(), atoms.get_forces(), virials


def assert_equal(folder, rows, potential, atoms):
    """The last point of a LAMMPS run is what Python gives, for every atom and as a whole."""
    of_lammps, of_python = of_atoms(folder), reference(potential, atoms)
    for found, expected in zip(of_lammps, of_python, strict=True):
        np.testing.assert_allclose(found[: len(atoms)], expected, rtol=0, atol=1e-8)
        assert not found[len(atoms) :].any()
    energies, _, virials = of_python
    assert abs(rows[-1]["PotEng"] - energies.sum()) < 1e-9 * len(atoms)
    pressure = np.array([rows[-1][f"c_virial[{i}]"] for i in range(1, 7)])
    np.testing.assert_allclose(pressure * BAR * atoms.get_volume(), virials.sum(axis=0), rtol=0, atol=1e-6)


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("shape", ["cubic", "triclinic"])
def test_lammps_equals_python(tmp_path, potential, glass_frame, triclinic, shape, ranks):
    atoms = glass_frame if shape == "cubic" else triclinic
    rows = run(tmp_path, atoms, POINT, ranks=ranks, potential=potential)
    assert_equal(tmp_path, rows, potential, atoms)
    screen = (tmp_path / "screen.txt").read_text()
    assert "Loaded 1 plugins" in screen and "SIMD level" in screen


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
    energies, forces, virials = of_atoms(tmp_path)
    assert not forces.any() and not virials.any()
    single = [reference(potential, atoms[[i]])[0][0] for i in range(2)]
    np.testing.assert_allclose(energies, single, rtol=0, atol=1e-10)


def test_order_of_the_types_is_free(tmp_path, potential, glass_frame):
    text = POINT.replace("O Te", "Te O")
    rows = run(tmp_path, glass_frame[::-1], text, species=SPECIES[::-1], potential=potential)
    assert abs(rows[-1]["PotEng"] - reference(potential, glass_frame)[0].sum()) < 1e-9 * len(glass_frame)


MISUSE = [
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
]
MISUSE = [pytest.param(1, *case, id=re.sub(r"\s+", " ", case[1])) for case in MISUSE]
# One rank more where each reads a file, or where the end has to be agreed on.
MISUSE += [
    pytest.param(2, "O Te", "O Si", "has no Si", id="O Si, two ranks"),
    pytest.param(2, '"{potential}"', "absent.xml", "absent.xml", id="absent.xml, two ranks"),
]


@pytest.mark.parametrize(("ranks", "before", "after", "message"), MISUSE)
def test_misuse_is_refused(tmp_path, potential, glass_frame, ranks, before, after, message):
    assert before in POINT
    with pytest.raises(lammps.LammpsFailed, match=message):
        run(tmp_path, glass_frame, POINT.replace(before, after, 1), ranks=ranks, potential=potential)


def test_rank_that_cannot_read_the_potential_ends_all(tmp_path, potential, glass_frame):
    """Folders that differ between the machines of a job: only the second rank has no file, the first one says so."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        packing.write_data(tmp_path / name / "start.data", glass_frame, SPECIES)
    for path in potential.parent.glob("gap.xml*"):
        (tmp_path / "first" / path.name).symlink_to(path)
    (tmp_path / "first/in.lammps").write_text(POINT.format(boundary="p p p", potential="gap.xml"))
    part = ["-n", "1", program("lmp"), "-in", "in.lammps", "-nocite"]
    command = [program("mpiexec"), "-launcher", "fork", "-wdir", tmp_path / "first", *part]
    command += [":", "-wdir", tmp_path / "second", *part]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert re.search(r"ERROR: pair_style gapglass: .*gap\.xml", done.stdout)


def test_cut_potential_is_refused(tmp_path, potential, glass_frame):
    text = potential.read_text()
    (tmp_path / "gap.xml").write_text(text[: len(text) // 2])
    with pytest.raises(lammps.LammpsFailed, match=r"pair_style gapglass: .*gap\.xml"):
        run(tmp_path, glass_frame, POINT, ranks=2, potential="gap.xml")


@pytest.mark.parametrize("ranks", [1, 2])
def test_atoms_at_one_place_end_the_run_with_a_message(tmp_path, potential, glass_frame, ranks):
    glass_frame.positions[1] = glass_frame.positions[0]
    with pytest.raises(lammps.LammpsFailed, match="pair_style gapglass, step 0: ") as failure:
        run(tmp_path, glass_frame, POINT, ranks=ranks, potential=potential)
    assert failure.value.kind == "too_close"  # in a quench this is an explosion, not a fault of LAMMPS


def test_unknown_simd_level_is_refused(tmp_path, potential, glass_frame, monkeypatch):
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
    assert_equal(tmp_path, rows, potential, glass_frame)


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


def write_factors(path, potential, rng):
    """Write factors of the variance that belong to a potential; which numbers they have does not matter here."""
    root = ElementTree.parse(potential).getroot()
    points = {8: 0, 52: 0}
    for term in root.iter("gpCoordinates"):
        words = dict(re.findall(r"(\w+)=(\{[^}]*\}|\S+)", term.find("descriptor").text))
        if "Z1" in words:
            centres = {words["Z1"], words["Z2"]}
        else:
            centres = {words["species_Z"].strip("{}").split()[int(words["central_index"]) - 1]}
        for number in centres:
            points[int(number)] += int(term.get("n_sparseX"))
    with path.open("wb") as file:
        file.write(f"gapglass-variance 1\nlabel {root.find('GAP_params').get('label')}\n".encode())
        for number in sorted(points):
            file.write(f"species {number} {points[number]} 3 2\n".encode())
            file.write((0.02 * rng.normal(size=5 * points[number])).tobytes())


@pytest.mark.parametrize("ranks", [1, 2])
def test_variance_on_request(tmp_path, potential, glass_frame, rng, ranks):
    """Every second step has one, and it is what Python gives for these positions."""
    write_factors(tmp_path / "factors", potential, rng)
    text = (HEAD + STYLE).replace("gapglass\n", "gapglass variance factors\n") + (
        "velocity all create 600 5\nfix 1 all nve\nfix v all pair 2 gapglass variance 1\n"
        "dump all all custom 2 all.dump id type x y z f_v\ndump_modify all sort id format float %.16g\nrun 4\n"
    )
    run(tmp_path, glass_frame, text, ranks=ranks, potential=potential)
    frames = (tmp_path / "all.dump").read_text().split("ITEM: ATOMS")[1:]
    assert len(frames) == 3
    calculator = GAP(potential, variance=tmp_path / "factors")
    for frame in frames:
        table = np.array([line.split() for line in frame.split("ITEM")[0].splitlines()[1:]], dtype=float)
        glass_frame.positions = table[:, 2:5]
        calculator.calculate(glass_frame)
        assert np.ptp(table[:, 5]) > 0
        np.testing.assert_allclose(table[:, 5], calculator.results["energy_variances"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("style", "flag", "message"),
    [
        ("gapglass variance factors", 0, "cannot extract property variance"),
        ("gapglass", 1, "cannot extract variance_flag"),
        ("gapglass variance other", 1, "belongs to the potential another"),
        ("gapglass variance cut", 1, "ends too early"),
    ],
)
def test_variance_that_cannot_be_had_is_refused(tmp_path, potential, glass_frame, rng, style, flag, message):
    """Never zeros or the numbers of an earlier step."""
    write_factors(tmp_path / "factors", potential, rng)
    whole = (tmp_path / "factors").read_bytes()
    (tmp_path / "other").write_bytes(re.sub(rb"label \S+", b"label another", whole))
    (tmp_path / "cut").write_bytes(whole[:-8])
    text = (HEAD + STYLE).replace("gapglass\n", style + "\n") + f"fix v all pair 1 gapglass variance {flag}\nrun 0\n"
    with pytest.raises(lammps.LammpsFailed, match=message):
        run(tmp_path, glass_frame, text, potential=potential)


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
