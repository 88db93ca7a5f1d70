"""Readers of trajectories: units and signs above all, then what each code does to its files."""

import gzip
import json
import shutil
from itertools import pairwise
from pathlib import Path

import ase
import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import iread, read, write
from conftest import ROOT

from gapglass.base.errors import UserError
from gapglass.base.units import (
    ENERGY_EV,
    FORCE_EV_PER_ANGSTROM,
    LENGTH_ANGSTROM,
    PRESSURE_EV_PER_ANGSTROM3,
    TIME_FS,
    energy,
    kinetic_virial,
    tensor,
    virial_from_pressure,
    virial_from_stress,
)
from gapglass.frames import geometry, labels, readers, trajectory
from gapglass.frames.readers import records

FIXTURES = ROOT / "tests/data/readers"
SETTINGS = {
    "max_rejected_fraction": 0.5,
    "min_distance": 0.6,
    "max_force": 100.0,
    "energy_source": "auto",
    "energies_agree": False,
}


def entry(path, **changes):
    defaults = {
        "name": "run", "file": str(path), "start": 0, "stop": None, "stride": 1, "where": {}, "temperature": 300.0,
        "temperature_key": None, "interval": None, "role": "reference",
    }  # fmt: skip
    return defaults | changes


def frames_of(path, **options):
    source = readers.source_of(entry(path, **options))
    return [raw for _, raw in trajectory.read_raw(entry(path, **options), source)], source


# --- units and signs


@pytest.mark.parametrize(
    ("table", "unit", "value"),
    [
        # NIST, CODATA 2018, to the digits in which the editions agree
        (ENERGY_EV, "Hartree", 27.2113862),
        (ENERGY_EV, "Ry", 13.6056931),
        (ENERGY_EV, "kcal/mol", 0.0433641),
        (ENERGY_EV, "kJ/mol", 0.01036427),
        (LENGTH_ANGSTROM, "Bohr", 0.529177211),
        (FORCE_EV_PER_ANGSTROM, "Hartree/Bohr", 51.4220675),
        (FORCE_EV_PER_ANGSTROM, "Ry/Bohr", 25.7110337),
        (FORCE_EV_PER_ANGSTROM, "kJ/mol/nm", 0.001036427),
        (PRESSURE_EV_PER_ANGSTROM3, "GPa", 1 / 160.2176634),
        (PRESSURE_EV_PER_ANGSTROM3, "kbar", 1 / 1602.176634),
        (PRESSURE_EV_PER_ANGSTROM3, "bar", 1 / 1602176.634),
        (PRESSURE_EV_PER_ANGSTROM3, "atm", 1.01325 / 1602176.634),
        (PRESSURE_EV_PER_ANGSTROM3, "Ry/Bohr^3", 14710.5076 / 160.2176634),
        (PRESSURE_EV_PER_ANGSTROM3, "Hartree/Bohr^3", 29421.0152 / 160.2176634),
        (TIME_FS, "a.u.", 0.0241888433),
        (TIME_FS, "ps", 1000.0),
    ],
)
def test_values_of_units(table, unit, value):
    assert table[unit] == pytest.approx(value, rel=2e-7)


def strain_derivative(atoms, i, j, size=1e-4):
    """-dE/d(strain) in eV: the definition of the virial."""
    energies = []
    for sign in (1, -1):
        strain = np.eye(3)
        strain[i, j] += sign * size / 2
        strain[j, i] += sign * size / 2
        strained = atoms.copy()
        strained.set_cell(atoms.cell @ strain, scale_atoms=True)
        strained.calc = EMT()
        energies.append(strained.get_potential_energy())
    return -(energies[0] - energies[1]) / (2 * size)


def test_virial_is_minus_the_derivative_of_the_energy_by_the_strain(rng):
    atoms = Atoms(
        "Cu4",
        scaled_positions=[[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]],
        cell=np.eye(3) * 3.4,
        pbc=True,
    )
    atoms.set_cell(atoms.cell @ (np.eye(3) + rng.uniform(-0.03, 0.03, (3, 3))), scale_atoms=True)
    atoms.rattle(0.05, seed=3)
    atoms.calc = EMT()
    stress = atoms.get_stress()
    atoms.calc = SinglePointCalculator(atoms, energy=0.0, stress=stress)
    virial = labels.labels(atoms)["virial"]
    assert np.trace(virial) > 1  # the cell is too small: the atoms push, and so does the sign
    for i, j in ((0, 0), (1, 1), (0, 1), (1, 2)):
        assert virial[i, j] == pytest.approx(strain_derivative(atoms, i, j), rel=1e-3, abs=1e-4)
    full = np.array([stress[k] for k in (0, 5, 4, 5, 1, 3, 4, 3, 2)])
    volume = atoms.get_volume()
    np.testing.assert_allclose(virial_from_stress(full.reshape(3, 3), volume), virial)
    np.testing.assert_allclose(virial_from_pressure(-full * 1602.1766, volume, "kbar"), virial, rtol=1e-6)


def test_share_of_the_motion():
    # an ideal gas: pressure x volume is two thirds of the kinetic energy
    atoms = Atoms("H2", positions=[[0, 0, 0], [1, 0, 0]])
    velocity = np.array([[0.01, 0.02, 0.0], [0.0, 0.0, -0.03]])  # Å/fs
    atoms.set_velocities(velocity / units.fs)
    assert np.trace(kinetic_virial(atoms.get_masses(), velocity)) == pytest.approx(2 * atoms.get_kinetic_energy())


def test_order_of_six_numbers():
    six = [1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(tensor(six, "xx yy zz yz xz xy"), [[1, 6, 5], [6, 2, 4], [5, 4, 3]])
    np.testing.assert_array_equal(tensor(six, "xx yy zz xy yz zx"), [[1, 4, 6], [4, 2, 5], [6, 5, 3]])


# --- VASP: four files of the same four steps, of which the second is one of the force field


@pytest.mark.parametrize("name", ["vasprun.xml", "OUTCAR", "ML_AB", "XDATCAR"])
def test_vasp_files_hold_the_same_frames(name):
    reference, _ = frames_of(FIXTURES / "vasp/vasprun.xml")
    found, source = frames_of(FIXTURES / "vasp" / name)
    if name == "XDATCAR":
        assert [raw.step for raw in found] == [1, 2, 3, 4] and not any(raw.energies for raw in found)
        found = [found[i] for i in (0, 2, 3)]
    assert [str(raw.atoms.symbols) for raw in found] == ["TeO2"] * 3
    for one, other in zip(reference, found, strict=True):
        np.testing.assert_allclose(other.atoms.positions, one.atoms.positions, atol=1e-5)
        np.testing.assert_allclose(other.atoms.cell, one.atoms.cell, atol=1e-6)
        if name != "XDATCAR":
            np.testing.assert_allclose(other.forces, one.forces, atol=1e-6)
            np.testing.assert_allclose(other.virial, one.virial, atol=1e-5)
            assert (other.energies.get("free_energy") or other.energies["energy"]) == pytest.approx(
                one.energies["free_energy"], abs=1e-7
            )
    if name in ("vasprun.xml", "OUTCAR"):
        assert dict(source.dropped) == {"steps without a self-consistent energy (machine-learned force field)": 1}
        assert [raw.time_fs for raw in found] == [0.0, 4.0, 6.0]
        assert found[0].energies["energy"] - found[0].energies["free_energy"] == pytest.approx(0.0062, abs=1e-7)


def test_vasp_against_the_readers_of_ase(tmp_path):
    # ASE cannot read the step of the force field
    text = (FIXTURES / "vasp/vasprun.xml").read_text()
    parts = text.split(" <calculation>")
    (tmp_path / "vasprun.xml").write_text(" <calculation>".join([parts[0], parts[1], *parts[3:]]))
    found, _ = frames_of(FIXTURES / "vasp/vasprun.xml")
    for raw, atoms in zip(found, iread(tmp_path / "vasprun.xml", ":", format="vasp-xml"), strict=True):
        other = records.from_atoms(atoms)
        assert raw.energies == pytest.approx(other.energies)
        np.testing.assert_allclose(raw.atoms.positions, atoms.positions)
        np.testing.assert_allclose(raw.forces, other.forces)
        np.testing.assert_allclose(raw.virial, other.virial, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "form"),
    [("OUTCAR_example_1", "vasp-out"), ("vasprun_pstress.xml", "vasp-xml"), ("vasprun_dfpt.xml", "vasp-xml")],
)
def test_files_that_vasp_wrote(name, form):
    """VASP's own files are among the tests of ASE, which come with its package."""
    path = Path(ase.__file__).parent / "test/testdata/vasp" / name
    found, _ = frames_of(path)
    assert len(found) == 1
    other = records.from_atoms(read(path, format=form))
    assert found[0].energies == pytest.approx(other.energies, abs=1e-8)
    assert str(found[0].atoms.symbols) == str(other.atoms.symbols)
    np.testing.assert_allclose(found[0].atoms.positions, other.atoms.positions)
    np.testing.assert_allclose(found[0].forces, other.forces)
    np.testing.assert_allclose(found[0].virial, other.virial, rtol=1e-7, atol=1e-12)


def test_vasp_virial_is_the_total_that_outcar_prints_in_ev():
    lines = (FIXTURES / "vasp/OUTCAR").read_text().splitlines()
    line = lines[next(number for number, line in enumerate(lines) if line.startswith("  FORCE on cell")) + 3]
    total = tensor([float(word) for word in line.split()[1:]], "xx yy zz xy yz zx")
    found, _ = frames_of(FIXTURES / "vasp/OUTCAR")
    np.testing.assert_allclose(found[0].virial, total, atol=2e-5)


@pytest.mark.parametrize(
    ("name", "mark", "left"), [("vasprun.xml", "</scstep>", 2), ("OUTCAR", "POSITION", 2), ("ML_AB", "Forces", 2)]
)
def test_truncated_vasp_file_loses_its_last_frame_only(tmp_path, name, mark, left):
    text = (FIXTURES / "vasp" / name).read_text()
    (tmp_path / name).write_text(text[: text.rindex(mark) + 100])
    found, source = frames_of(tmp_path / name)
    assert len(found) == left
    assert source.dropped["truncated last frame"] == 1


def test_step_with_forces_that_are_no_numbers_is_left_out(tmp_path):
    text = (FIXTURES / "vasp/OUTCAR").read_text()
    place = text.index(" POSITION                                       TOTAL-FORCE (eV/Angst)\n") + 200
    (tmp_path / "OUTCAR").write_text(text[:place] + "*************" + text[place + 13 :])
    found, source = frames_of(tmp_path / "OUTCAR")
    assert len(found) == 2 and source.dropped["steps whose forces are not numbers"] == 1


def test_steps_that_may_not_be_converged_are_told(tmp_path):
    text = (FIXTURES / "vasp/vasprun.xml").read_text()
    (tmp_path / "vasprun.xml").write_text(
        text.replace('<i type="int" name="NSW">', '<i type="int" name="NELM">     2</i><i type="int" name="NSW">')
    )
    found, source = frames_of(tmp_path / "vasprun.xml")
    assert len(found) == 3 and "NELM" in source.notes[0]
    assert frames_of(FIXTURES / "vasp/vasprun.xml")[1].notes == []


def test_file_of_which_nothing_is_left_is_refused(tmp_path):
    text = (FIXTURES / "vasp/OUTCAR").read_text()
    (tmp_path / "OUTCAR").write_text(text[: text.index("TOTAL-FORCE (eV/Angst)\n") + 200])
    with pytest.raises(UserError, match=r"gives no frame.*left out: 1 truncated last frame"):
        frames_of(tmp_path / "OUTCAR")
    text = (FIXTURES / "vasp/vasprun.xml").read_text()
    (tmp_path / "vasprun.xml").write_text(text[: text.index("<calculation>") - 30])
    with pytest.raises(UserError, match=r"not a vasprun.xml with at least one finished step"):
        frames_of(tmp_path / "vasprun.xml")


def test_xdatcar_without_names_needs_species(tmp_path):
    text = (FIXTURES / "vasp/XDATCAR").read_text().replace("   Te   O \n", "")
    (tmp_path / "XDATCAR").write_text(text)
    with pytest.raises(UserError, match=r"names no species.*species: Te16O32"):
        frames_of(tmp_path / "XDATCAR")
    found, _ = frames_of(tmp_path / "XDATCAR", species="TeO2")
    assert len(found) == 4 and str(found[0].atoms.symbols) == "TeO2"


# --- strained cells: the sign and the size of the virial from energies alone


@pytest.mark.parametrize(
    ("folder", "file", "unit", "tolerance"),
    [("cp2k", "water-pos-1.xyz", "Hartree", 0.02), ("espresso", "strain.out.gz", "Ry", 0.03)],
)
def test_virial_is_what_the_energies_of_strained_cells_give(folder, file, unit, tolerance):
    """strain.json holds energies of the code itself: [step, i, j, strain, energy at + strain, energy at - strain]."""
    virials = {raw.step or 0: raw.virial for raw in frames_of(FIXTURES / folder / file)[0]}
    rows = json.loads((FIXTURES / folder / "strain.json").read_text())
    assert abs(virials[0]).max() > 0.5
    for step, i, j, size, plus, minus in rows:
        expected = -energy(plus - minus, unit) / (2 * size)
        assert virials[step][i, j] == pytest.approx(expected, rel=1e-4, abs=tolerance), (step, i, j)


# --- CP2K: a real run with strides of 1 and 2, killed after step 6 and restarted from step 4

WATER = FIXTURES / "cp2k/water-pos-1.xyz"


def copied(folder, tmp_path):
    for path in (FIXTURES / folder).iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    return tmp_path


def test_cp2k_joins_its_files_by_step():
    found, source = frames_of(WATER)
    assert [raw.step for raw in found] == [0, 2, 4, 6, 8]
    assert [raw.time_fs for raw in found] == pytest.approx([0, 0.8, 1.6, 2.4, 3.2])
    assert source.notes == [
        "steps in the files: positions 9, forces 5, energies 9, cell 9; 5 are in all of them and are read"
    ]
    assert source.dropped["records of a step that a restart wrote again"] == 2
    for raw in found:
        assert str(raw.atoms.symbols) == "OH2"
        np.testing.assert_allclose(raw.forces.sum(axis=0), 0, atol=0.2)  # no force on the whole, but for the grid
    assert found[0].energies["free_energy"] == pytest.approx(-17.067155298 * 27.2113862)
    assert found[0].forces[0, 1] == pytest.approx(-0.1094127665 * 51.4220675)
    assert found[3].temperature_k == pytest.approx(1541.531917633)  # of the restart
    np.testing.assert_allclose(found[0].atoms.cell[1], [0.3, 4.0, 0.0])
    assert found[4].atoms.cell[0, 0] == pytest.approx(4.2490554745)  # the cell changes
    # work of the forces between two steps is the change of the energy, to second order
    change = found[1].energies["free_energy"] - found[0].energies["free_energy"]
    moved = found[1].atoms.get_scaled_positions(wrap=False) - found[0].atoms.get_scaled_positions(wrap=False)
    deformed = np.asarray(found[1].atoms.cell) - np.asarray(found[0].atoms.cell)
    strain = np.linalg.solve(np.asarray(found[0].atoms.cell), deformed)
    work = -((found[0].forces + found[1].forces) / 2 * (moved @ np.asarray(found[0].atoms.cell))).sum()
    work -= ((found[0].virial + found[1].virial) / 2 * strain).sum()
    assert change == pytest.approx(work, rel=0.02)


def test_cp2k_record_of_the_restart_counts(tmp_path):
    copied("cp2k", tmp_path)
    for name, digit in (("water-pos-1.xyz", "9"), ("water-frc-1.xyz", "8")):
        text = (tmp_path / name).read_text()
        place = text.index("  O   ", text.rindex(" i =        6")) + 5
        (tmp_path / name).write_text(text[:place] + digit + text[place + 1 :])
    step, before = frames_of(tmp_path / "water-pos-1.xyz")[0][3], frames_of(WATER)[0][3]
    assert step.step == 6
    assert abs(step.atoms.positions[0, 0] - before.atoms.positions[0, 0]) > 1
    assert abs(step.forces[0, 0] - before.forces[0, 0]) > 1
    assert step.atoms.positions[1] == pytest.approx(before.atoms.positions[1])


def test_cp2k_without_velocities_has_no_virial(tmp_path):
    copied("cp2k", tmp_path)
    (tmp_path / "water-vel-1.xyz").unlink()
    found, source = frames_of(tmp_path / "water-pos-1.xyz")
    assert all(raw.virial is None for raw in found)
    assert "without the velocities of the same steps it gives no virial" in source.notes[0]


def test_cp2k_files_of_two_runs_are_refused(tmp_path):
    copied("cp2k", tmp_path)
    text = (tmp_path / "water-1.ener").read_text().replace("-17.073773126", "-17.173773126")
    (tmp_path / "water-1.ener").write_text(text)
    with pytest.raises(UserError, match=r"step 2 has the energy -17\.0737.*they are of different runs"):
        frames_of(tmp_path / "water-pos-1.xyz")
    lines = (tmp_path / "water-frc-1.xyz").read_text().replace("i =        ", "i =        1")
    (tmp_path / "water-frc-1.xyz").write_text(lines)
    with pytest.raises(UserError, match=r"no step in common \(positions 9, forces 5, energies 9, cell 9\)"):
        frames_of(tmp_path / "water-pos-1.xyz")


def test_cp2k_without_cell_forces_or_known_kinds(tmp_path):
    copied("cp2k", tmp_path)
    (tmp_path / "water-1.cell").unlink()
    path = tmp_path / "water-pos-1.xyz"
    with pytest.raises(
        UserError, match=r"names no cell; give `cell: \[a, b, c\]` \(Å\) or the file with the cells as"
    ):
        trajectory.import_frames([entry(path)], SETTINGS)
    found, _ = frames_of(path, cell=[4.2, 4.0, 4.4])
    assert found[0].atoms.cell.lengths() == pytest.approx([4.2, 4.0, 4.4])
    path.write_text(path.read_text().replace("  O  ", "  O1 "))
    (tmp_path / "water-frc-1.xyz").unlink()
    with pytest.raises(UserError, match=r"calls an atom 'O1', which is not an element.*species: \{O1: Te\}"):
        frames_of(path, cell=[4.2, 4.0, 4.4])
    assert str(frames_of(path, cell=[4.2, 4.0, 4.4], species={"O1": "O"})[0][0].atoms.symbols) == "OH2"
    with pytest.raises(UserError, match=r"has no forces; .*PROJECT-frc-1\.xyz"):
        trajectory.import_frames([entry(path, cell=[4.2, 4.0, 4.4], species={"O1": "O"})], SETTINGS)


def test_cp2k_companions_of_other_names(tmp_path):
    copied("cp2k", tmp_path)
    (tmp_path / "water-frc-1.xyz").rename(tmp_path / "forces.xyz")
    companions = {"forces": str(tmp_path / "forces.xyz")}
    found, _ = frames_of(tmp_path / "water-pos-1.xyz", companions=companions)
    assert len(found) == 5 and found[0].forces is not None
    assert companions["forces"] in readers.files_of(entry(tmp_path / "water-pos-1.xyz", companions=companions))


def test_cp2k_cut_off_while_writing(tmp_path):
    copied("cp2k", tmp_path)
    for name in ("water-pos-1.xyz", "water-1.ener"):
        (tmp_path / name).write_text((tmp_path / name).read_text()[:-40])
    found, source = frames_of(tmp_path / "water-pos-1.xyz")
    assert [raw.step for raw in found] == [0, 2, 4, 6]
    assert (
        source.dropped["truncated last record of the positions"]
        == source.dropped["truncated line of the energies"]
        == 1
    )


# --- Quantum ESPRESSO: real runs


@pytest.mark.parametrize("name", ["md.out.gz", "vcmd.out.gz"])
def test_pw_against_the_reader_of_ase(tmp_path, name):
    (tmp_path / "pw.out").write_bytes(gzip.decompress((FIXTURES / "espresso" / name).read_bytes()))
    found, source = frames_of(FIXTURES / "espresso" / name)
    assert source.format == "espresso_pw" and not source.dropped
    others = list(iread(tmp_path / "pw.out", ":", format="espresso-out"))
    assert len(found) == len(others) == (5 if name == "md.out.gz" else 4)
    for raw, atoms in zip(found, others, strict=True):
        other = records.from_atoms(atoms)
        assert str(raw.atoms.symbols) == "SiCSi"
        np.testing.assert_allclose(raw.atoms.cell, atoms.cell, atol=1e-4)
        np.testing.assert_allclose(raw.atoms.positions, atoms.positions, atol=1e-4)
        assert raw.energies["free_energy"] == pytest.approx(other.energies["energy"], abs=1e-4)
        np.testing.assert_allclose(raw.forces, other.forces, atol=1e-6)
        np.testing.assert_allclose(raw.virial, other.virial, atol=1e-3)


def test_pw_times_temperatures_and_the_energy_of_the_forces():
    found, _ = frames_of(FIXTURES / "espresso/md.out.gz")
    assert [raw.time_fs for raw in found] == pytest.approx([n * 0.9676 for n in range(5)])
    assert found[1].temperature_k == pytest.approx(929.1188313)
    for before, after in pairwise(found):
        work = -((before.forces + after.forces) / 2 * (after.atoms.positions - before.atoms.positions)).sum()
        assert after.energies["free_energy"] - before.energies["free_energy"] == pytest.approx(work, rel=0.01)


def test_pw_cut_off_anywhere_keeps_the_finished_steps(tmp_path, rng):
    text = gzip.decompress((FIXTURES / "espresso/vcmd.out.gz").read_bytes()).decode()
    whole, _ = frames_of(FIXTURES / "espresso/vcmd.out.gz")
    first = text.index("total   stress") + 300
    for place in rng.integers(first, len(text), 40):
        (tmp_path / "pw.out").write_text(text[:place])
        found, _ = frames_of(tmp_path / "pw.out")
        assert len(found) >= 1
        for raw, other in zip(found, whole, strict=False):
            np.testing.assert_array_equal(raw.atoms.positions, other.atoms.positions)
            assert raw.energies == other.energies


def test_pw_killed_and_appended_to(tmp_path):
    text = gzip.decompress((FIXTURES / "espresso/md.out.gz").read_bytes()).decode()
    (tmp_path / "pw.out").write_text(text[: text.rindex("Forces acting") + 80] + "\n" + text)
    found, source = frames_of(tmp_path / "pw.out")
    assert [raw.step for raw in found] == [0, 1, 2, 3, 0, 1, 2, 3, 4]
    assert list(source.dropped.values()) == [1]
    assert frames_of(tmp_path / "pw.out", start=4)[0][0].energies == found[0].energies


def test_cp():
    found, source = frames_of(FIXTURES / "espresso/sic.pos", species=["Si", "C", "Si"])
    assert [path.suffix for path in source.files] == [".pos", ".for", ".evp", ".cel"]
    # the cell and the positions of the input, in Å and in fractions of the cell: vectors are the columns of .cel
    np.testing.assert_allclose(found[0].atoms.cell, [[4.2, 0, 0], [0.5, 3.9, 0], [-0.3, 0.4, 4.4]], atol=1e-6)
    np.testing.assert_allclose(
        found[0].atoms.get_scaled_positions(), [[0.02, 0.01, 0.03], [0.47, 0.30, 0.24], [0.55, 0.62, 0.71]], atol=2e-3
    )
    assert [raw.step for raw in found] == [60, 65, 70, 75, 80]
    assert found[1].time_fs == pytest.approx(7.86137)
    assert found[0].energies["free_energy"] == pytest.approx(-12.99898606 * 27.2113862)
    assert found[0].forces[0, 1] == pytest.approx(0.10016994712382 * 51.4220675)
    assert found[4].temperature_k == pytest.approx(174.6366)
    with pytest.raises(UserError, match=r"names no species, and cp.x may order"):
        frames_of(FIXTURES / "espresso/sic.pos")


# --- i-PI: a real run whose forces came from ASE's EMT, which is asked again


def test_ipi():
    found, source = frames_of(FIXTURES / "ipi/alloy.pos_0.xyz")
    assert [path.name for path in source.files] == ["alloy.pos_0.xyz", "alloy.for_0.xyz", "alloy.out"]
    assert [raw.step for raw in found] == [0, 4, 8, 12, 16]
    assert source.notes == [
        "steps in the files: positions 9, forces 5, energies 17; 5 are in all of them and are read"
    ]
    assert [raw.time_fs for raw in found] == pytest.approx([0, 8, 16, 24, 32])
    for raw in found:
        raw.atoms.calc = EMT()
        assert raw.energies == {"energy": pytest.approx(raw.atoms.get_potential_energy(), abs=1e-3)}
        np.testing.assert_allclose(raw.forces, raw.atoms.get_forces(), atol=2e-3)
        np.testing.assert_allclose(raw.atoms.cell.cellpar(), [3.9, 4.0, 4.2, 86, 93, 95])


@pytest.mark.parametrize(
    ("comment", "cell"),
    [
        ("# CELL(abcABC): 10.0 10.0 10.0 90.0 90.0 90.0 Step: 3 Bead: 0", np.eye(3) * 5.29177211),
        ("# CELL{H}: 1 2 3 0 4 5 0 0 6 cell{angstrom} Step: 3", [[1, 0, 0], [2, 4, 0], [3, 5, 6]]),
        (
            "# CELL[GENH]: 1 2 3 0 4 5 0 0 6 Step: 3 cell{angstrom} positions{angstrom}",
            [[1, 0, 0], [2, 4, 0], [3, 5, 6]],
        ),
    ],
)
def test_cells_of_ipi(tmp_path, comment, cell):
    (tmp_path / "run.pos.xyz").write_text(f"1\n{comment}\nCu 1.0 2.0 3.0\n")
    found, source = frames_of(tmp_path / "run.pos.xyz")
    assert source.format == "ipi" and found[0].step == 3
    np.testing.assert_allclose(found[0].atoms.cell, cell, rtol=1e-6, atol=1e-12)
    length = 1.0 if "positions{angstrom}" in comment else 0.529177211
    assert found[0].atoms.positions[0, 0] == pytest.approx(length)


def test_a_bead_of_a_path_integral_has_no_energy_of_its_own(tmp_path):
    copied("ipi", tmp_path)
    shutil.copy(tmp_path / "alloy.pos_0.xyz", tmp_path / "alloy.pos_1.xyz")
    with pytest.raises(UserError, match="is one of several beads"):
        frames_of(tmp_path / "alloy.pos_0.xyz")


def test_units_of_ipi_that_are_not_known(tmp_path):
    (tmp_path / "run.pos.xyz").write_text(
        "1\n# CELL(abcABC): 9 9 9 90 90 90 Step: 3 positions{furlong}\nCu 1.0 2.0 3.0\n"
    )
    with pytest.raises(UserError, match="the unit 'furlong' of the positions is not known"):
        frames_of(tmp_path / "run.pos.xyz")


# --- LAMMPS: the same run in metal and in real units; it prints its own pressure without the motion


@pytest.mark.parametrize("style", ["metal", "real"])
def test_lammps(style):
    options = {"species": ["Si", "O"]} if style == "metal" else {}
    found, source = frames_of(FIXTURES / f"lammps/{style}/dump.lammpstrj", **options)
    assert [raw.step for raw in found] == [0, 10, 20, 30, 40]
    assert [raw.time_fs for raw in found] == pytest.approx([0, 10, 20, 30, 40])
    assert "dump 9, thermo 5; 5 are in all of them" in source.notes[0]
    lines = (FIXTURES / f"lammps/{style}/log.lammps").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.split()[:1] == ["Step"])
    table = np.array([line.split() for line in lines[start + 1 : start + 6]], float)
    for raw, row in zip(found, table, strict=True):
        own = tensor(row[-6:], "xx yy zz xy xz yz")
        expected = virial_from_pressure(own, raw.atoms.get_volume(), "bar" if style == "metal" else "atm")
        np.testing.assert_allclose(raw.virial, expected, atol=2e-4 * abs(expected).max())
        assert (
            abs(
                raw.virial
                - virial_from_pressure(tensor(row[6:12], "xx yy zz xy xz yz"), raw.atoms.get_volume(), "bar")
            ).max()
            > 0.05
        )
        assert raw.temperature_k == row[1]


def test_lammps_styles_agree_and_positions_are_those_of_every_kind():
    metal, _ = frames_of(FIXTURES / "lammps/metal/dump.lammpstrj", species={"1": "Si", 2: "O"})
    real, _ = frames_of(FIXTURES / "lammps/real/dump.lammpstrj")
    for one, other in zip(metal, real, strict=True):
        assert one.energies == pytest.approx(other.energies, abs=1e-5)
        np.testing.assert_allclose(one.forces, other.forces, atol=2e-3)
        assert (one.atoms.numbers == other.atoms.numbers).all()
        # unwrapped in one, scaled and wrapped in the other
        np.testing.assert_allclose(geometry.wrapped(one.atoms), geometry.wrapped(other.atoms), atol=2e-4)


def test_lammps_tilted_box_against_the_reader_of_ase():
    found, _ = frames_of(FIXTURES / "lammps/metal/dump.lammpstrj", species=["Si", "O"])
    for raw, atoms in zip(
        found, read(FIXTURES / "lammps/metal/dump.lammpstrj", "::2", format="lammps-dump-text"), strict=True
    ):
        np.testing.assert_allclose(raw.atoms.cell, atoms.cell, atol=1e-6)
        np.testing.assert_allclose(raw.atoms.get_all_distances(mic=True), atoms.get_all_distances(mic=True), atol=1e-5)


def test_lammps_needs_units_and_species(tmp_path):
    shutil.copy(FIXTURES / "lammps/metal/dump.lammpstrj", tmp_path)
    with pytest.raises(UserError, match="does not say its units; allowed is `lammps_units: metal`"):
        frames_of(tmp_path / "dump.lammpstrj")
    with pytest.raises(UserError, match=r"give the element of each type in their order, `species: \[Te, O\]`"):
        frames_of(tmp_path / "dump.lammpstrj", lammps_units="metal")
    found, _ = frames_of(tmp_path / "dump.lammpstrj", lammps_units="metal", species=["Si", "O"])
    assert len(found) == 9 and not found[0].energies and found[0].virial is None
    with pytest.raises(UserError, match=r"has no energy; .*log\.lammps with PotEng"):
        trajectory.import_frames(
            [entry(tmp_path / "dump.lammpstrj", lammps_units="metal", species=["Si", "O"])], SETTINGS
        )
    with pytest.raises(UserError, match=r"`lammps_units` is real, .* says metal"):
        frames_of(FIXTURES / "lammps/metal/dump.lammpstrj", lammps_units="real")


def test_lammps_continued_and_cut_off(tmp_path):
    for name in ("dump.lammpstrj", "log.lammps"):
        shutil.copy(FIXTURES / "lammps/metal" / name, tmp_path)
    text = (tmp_path / "dump.lammpstrj").read_text()
    last = text.rindex("ITEM: TIMESTEP")
    (tmp_path / "dump.lammpstrj").write_text(
        text[:last] + text[text.index("ITEM: TIMESTEP\n20\n") : last] + text[last:-20]
    )
    found, source = frames_of(tmp_path / "dump.lammpstrj", species=["Si", "O"])
    assert [raw.step for raw in found] == [0, 10, 20, 30]
    assert source.dropped == {"frames of a step that a continued run wrote again": 4, "truncated last frame": 1}


# --- CPMD: round numbers, converted by hand


def test_cpmd():
    options = {"species": "TeO2", "cell": [5.0, 5.0, 5.0]}
    found, source = frames_of(FIXTURES / "cpmd/TRAJECTORY", **options)
    assert [path.name for path in source.files] == ["TRAJECTORY", "FTRAJECTORY", "ENERGIES"]
    assert [raw.step for raw in found] == [10, 20, 30]
    np.testing.assert_allclose(found[0].atoms.positions[0], [0.529177, 1.058354, 1.587532], atol=1e-6)
    np.testing.assert_allclose(found[0].forces[0], [0.514221, -1.028441, 1.542662], atol=1e-6)
    # the second record of step 20 is that of the restart
    assert found[1].atoms.positions[0, 0] == pytest.approx(1.02 * 0.529177, abs=1e-6)
    assert [raw.energies["free_energy"] / 27.211386 for raw in found] == pytest.approx(
        [-40.001, -40.0025, -40.003], abs=1e-6
    )
    assert [raw.temperature_k for raw in found] == [302, 304, 305]
    assert source.dropped["records in TRAJECTORY of a step that a restart wrote again"] == 1
    from_forces, _ = frames_of(FIXTURES / "cpmd/FTRAJECTORY", **options)
    np.testing.assert_array_equal(from_forces[2].forces, found[2].forces)


def test_cpmd_needs_species_of_every_atom():
    with pytest.raises(UserError, match=r"names no species; name the species of its 3 atoms"):
        frames_of(FIXTURES / "cpmd/TRAJECTORY")
    with pytest.raises(UserError, match=r"`species` names 6 atoms, .*TRAJECTORY has 3"):
        frames_of(FIXTURES / "cpmd/TRAJECTORY", species="Te2O4")


def test_cpmd_cut_off_in_a_record(tmp_path):
    for name in ("TRAJECTORY", "FTRAJECTORY", "ENERGIES"):
        shutil.copy(FIXTURES / "cpmd" / name, tmp_path)
    text = (tmp_path / "FTRAJECTORY").read_text()
    (tmp_path / "FTRAJECTORY").write_text(text[:-30])
    found, source = frames_of(tmp_path / "TRAJECTORY", species="TeO2")
    assert [raw.step for raw in found] == [10, 20]
    assert source.dropped["truncated records in FTRAJECTORY"] == 1
    assert any("positions 3, forces 2, energies 4; 2 are in all" in note for note in source.notes)


# --- what a study refuses


@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        ("vasp/XDATCAR", {}, r"has no energy and no forces; a study needs.*vasprun\.xml or OUTCAR of the same run"),
        ("cpmd/FTRAJECTORY", {"species": "TeO2"}, r"names no cell; give `cell: \[a, b, c\]`"),
        (
            "vasp/ML_AB",
            {"settings": {"energy_source": "free_energy"}},
            "no energy of the kind free_energy .*it has energy",
        ),
    ],
)
def test_files_without_labels_are_refused_in_one_message(file, options, message):
    settings = SETTINGS | options.pop("settings", {})
    with pytest.raises(UserError, match=message) as caught:
        trajectory.import_frames([entry(FIXTURES / file, **options)], settings)
    assert "\n" not in str(caught.value)


def test_trajectory_of_cpmd_alone_has_no_forces(tmp_path):
    shutil.copy(FIXTURES / "cpmd/TRAJECTORY", tmp_path)
    with pytest.raises(
        UserError, match=r"has no energy and no forces.*FTRAJECTORY \(TRAJECTORY FORCES in CPMD's input\) and ENERGIES"
    ):
        trajectory.import_frames([entry(tmp_path / "TRAJECTORY", species="TeO2", cell=[5, 5, 5])], SETTINGS)


def test_codes_are_mixed_only_where_their_energies_agree(tmp_path, blyp_frames):
    write(tmp_path / "run.extxyz", blyp_frames[:12], format="extxyz")
    both = [entry(tmp_path / "run.extxyz"), entry(FIXTURES / "vasp/ML_AB", name="vasp")]
    with pytest.raises(UserError, match=r"different codes \(converted: run; VASP: vasp\).*energies_agree: true"):
        trajectory.import_frames(both, SETTINGS)
    frames, _, summary = trajectory.import_frames(both, SETTINGS | {"energies_agree": True})
    assert summary["energy_source"] == ["REF_energy", "energy"] and len(frames) == 15
    assert summary["formats"] == {"run": "extxyz", "vasp": "vasp_ml_ab"} and len(summary["sha256"]) == 2
    readers.check_families([both[1], entry(FIXTURES / "vasp/OUTCAR")], False)


@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        ("vasp/OUTCAR", {"keys": {"energy": "e"}}, "`keys` has no effect on .*OUTCAR, which is read as vasp_outcar"),
        ("vasp/OUTCAR", {"companions": {"forces": "x"}}, "`companions` has no effect"),
        (
            "cpmd/TRAJECTORY",
            {"companions": {"thermo": "x"}},
            "`companions.thermo` is not a file of the format cpmd; known: forces, energies",
        ),
        ("cpmd/TRAJECTORY", {"companions": {"forces": "absent"}}, r"no file absent \(companions.forces\)"),
        (
            "vasp/OUTCAR",
            {"where": {"a": 1}},
            "`where` looks at keys of the frames, which .*OUTCAR, read as vasp_outcar, does not have",
        ),
        ("vasp/OUTCAR", {"temperature_key": "T", "temperature": None}, "does not have; give temperature"),
        (
            "cp2k/water-pos-1.xyz",
            {"cell": [4, 4, 4]},
            "`cell` is given, but .*water-1.cell has the cells of every step",
        ),
        ("vasp/README.md", {}, "of no format that is known by its content"),
        ("cpmd/ENERGIES", {"format": "espresso_pw"}, "gives no frame"),
        ("cpmd/ENERGIES", {"format": "vasp_xml"}, "not a vasprun.xml"),
        ("cpmd/ENERGIES", {"format": "ase_traj"}, "cannot be read as ASE trajectory"),
        ("cpmd/ENERGIES", {"format": "ase_db"}, "cannot be read as ASE database"),
        ("cpmd/ENERGIES", {"format": "cp2k"}, "cannot be read as CP2K"),
    ],
)
def test_wrong_options_are_named(file, options, message):
    with pytest.raises(UserError, match=message):
        frames_of(FIXTURES / file, **options)


# --- extended XYZ with keys of one's own


def test_declared_keys_and_their_units(tmp_path, blyp_frames):
    frames = []
    for frame in blyp_frames[:3]:
        other = Atoms(frame.numbers, positions=frame.positions, cell=frame.cell, pbc=True)
        stress = -np.reshape(frame.info["REF_virial"], (3, 3)) / frame.get_volume()
        other.info = {
            "E0": frame.info["REF_energy"] / units.Hartree,
            "sigma": (stress / units.GPa).ravel(),
            "t": 0.02 * len(frames),
        }
        other.info["REF_energy"] = 1.0  # not named, so no label
        other.arrays["f_dft"] = frame.arrays["REF_forces"] / (units.Hartree / units.Bohr)
        frames.append(other)
    write(tmp_path / "run.extxyz", frames, format="extxyz")
    keys = {"energy": "E0", "forces": "f_dft", "stress": "sigma", "time": "t"}
    unit = {"energy": "Hartree", "forces": "Hartree/Bohr", "stress": "GPa", "time": "ps"}
    found, _ = frames_of(tmp_path / "run.extxyz", keys=keys, key_units=unit)
    for raw, frame in zip(found, blyp_frames, strict=False):
        assert raw.energies == {"energy": pytest.approx(frame.info["REF_energy"])}
        np.testing.assert_allclose(raw.forces, frame.arrays["REF_forces"], atol=1e-6)
        np.testing.assert_allclose(raw.virial, np.reshape(frame.info["REF_virial"], (3, 3)), atol=1e-5)
    assert [raw.time_fs for raw in found] == pytest.approx([0.0, 20.0, 40.0])
    keys["pressure"] = keys.pop("stress")
    turned, _ = frames_of(
        tmp_path / "run.extxyz",
        keys=keys,
        key_units={"energy": "Hartree", "forces": "Hartree/Bohr", "pressure": "GPa"},
    )
    np.testing.assert_allclose(turned[0].virial, -found[0].virial)


def test_keys_that_ase_takes_for_its_calculator_can_be_declared(tmp_path, blyp_frames):
    frame = Atoms(blyp_frames[0].numbers, positions=blyp_frames[0].positions, cell=blyp_frames[0].cell, pbc=True)
    stress = np.array([0.1, 0.2, 0.3, 0.04, 0.05, 0.06])
    frame.calc = SinglePointCalculator(frame, energy=-5.0, forces=np.ones((48, 3)), stress=stress)
    write(tmp_path / "run.xyz", [frame], format="extxyz")
    found, source = frames_of(
        tmp_path / "run.xyz", keys={"free_energy": "energy", "forces": "forces", "pressure": "stress"}
    )
    assert source.format == "extxyz"
    assert found[0].energies == {"free_energy": -5.0}
    np.testing.assert_allclose(found[0].virial[0], frame.get_volume() * np.array([0.1, 0.06, 0.05]))


def test_time_of_the_file_is_taken_unless_an_interval_is_given(tmp_path, blyp_frames):
    frames = [frame.copy() for frame in blyp_frames[:12]]
    for number, frame in enumerate(frames):
        frame.info["t"] = 7.5 * number**2
    write(tmp_path / "run.extxyz", frames, format="extxyz")
    keys = {"energy": "REF_energy", "forces": "REF_forces", "time": "t"}
    _, table, _ = trajectory.import_frames([entry(tmp_path / "run.extxyz", keys=keys)], SETTINGS)
    np.testing.assert_allclose(table["time_ps"], [0.0075 * n**2 for n in range(12)])
    _, table, _ = trajectory.import_frames([entry(tmp_path / "run.extxyz", keys=keys, interval=20.0)], SETTINGS)
    np.testing.assert_allclose(table["time_ps"], [0.02 * n for n in range(12)])


# --- files of ASE


@pytest.mark.parametrize("ending", ["traj", "db", "json"])
def test_files_of_ase(tmp_path, blyp_frames, ending):
    from ase.db import connect

    frames = []
    for frame in blyp_frames[:14]:
        bare = Atoms(frame.numbers, positions=frame.positions, cell=frame.cell, pbc=True)
        stress = -np.reshape(frame.info["REF_virial"], (3, 3)) / frame.get_volume()
        bare.calc = SinglePointCalculator(
            bare,
            energy=-1.0,
            free_energy=frame.info["REF_energy"],
            forces=frame.arrays["REF_forces"],
            stress=stress.ravel()[[0, 4, 8, 5, 2, 1]],
        )
        frames.append(bare)
    path = tmp_path / f"run.{ending}"
    write(tmp_path / "more.traj", frames[4:])
    frames = frames[:4]
    if ending == "traj":
        write(path, frames)
    else:
        with connect(path, use_lock_file=False) as database:
            for number, frame in enumerate(frames):
                database.write(frame, part="melt" if number < 3 else "glass")
    found, source = frames_of(path)
    assert source.format == ("ase_traj" if ending == "traj" else "ase_db")
    for raw, frame in zip(found, blyp_frames, strict=False):
        assert labels.labels(raw)["energy"] == pytest.approx(frame.info["REF_energy"])
        np.testing.assert_allclose(raw.forces, frame.arrays["REF_forces"])
        np.testing.assert_allclose(raw.virial, np.reshape(frame.info["REF_virial"], (3, 3)))
    if ending == "db":
        imported, _, summary = trajectory.import_frames(
            [entry(path), entry(tmp_path / "more.traj", name="more")], SETTINGS
        )
        assert summary["formats"] == {"run": "ase_db", "more": "ase_traj"} and len(imported) == 14
        assert summary["energy_source"] == ["free_energy"] and summary["virials"]
        np.testing.assert_allclose(
            imported[2].info["REF_virial"], np.reshape(blyp_frames[2].info["REF_virial"], (3, 3))
        )
    if ending != "traj":
        assert len(frames_of(path, where={"part": "melt"})[0]) == 3


def test_a_pickled_trajectory_runs_nothing(tmp_path):
    import pickle

    class Harmful:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "harm",))

    (tmp_path / "old.traj").write_bytes(b"PickleTrajectory" + pickle.dumps(Harmful()))
    with pytest.raises(UserError, match="cannot be read as ASE trajectory"):
        frames_of(tmp_path / "old.traj", format="ase_traj")
    assert not (tmp_path / "harm").exists()


# --- wrapped and unwrapped positions


def test_wrapped_and_unwrapped_files_give_the_same_frames(tmp_path, blyp_frames, rng):
    moved = []
    for frame in blyp_frames[:12]:
        copy = frame.copy()
        copy.positions += rng.integers(-2, 3, (len(copy), 3)) @ np.asarray(copy.cell)
        moved.append(copy)
    write(tmp_path / "in.extxyz", blyp_frames[:12], format="extxyz")
    write(tmp_path / "out.extxyz", moved, format="extxyz")
    settings = SETTINGS | {"positions": "wrapped"}
    one, _, _ = trajectory.import_frames([entry(tmp_path / "in.extxyz")], settings)
    other, _, _ = trajectory.import_frames([entry(tmp_path / "out.extxyz")], settings)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(b.positions, a.positions, atol=1e-6)
        scaled = np.linalg.solve(np.asarray(a.cell).T, a.positions.T)
        assert scaled.min() > -1e-8 and scaled.max() < 1
    left, _, _ = trajectory.import_frames([entry(tmp_path / "out.extxyz")], SETTINGS)
    np.testing.assert_allclose(left[0].positions, moved[0].positions, atol=1e-7)
    # a frame that comes again is known either way
    _, _, summary = trajectory.import_frames(
        [entry(tmp_path / "in.extxyz"), entry(tmp_path / "out.extxyz", name="again")], SETTINGS
    )
    assert summary["n_rejected"] == 12 and "repetition" in summary["rejected"][0]["reasons"][0]


def test_atoms_inside_keep_their_last_digit(rng):
    cell = np.array([[7.1, 0, 0], [1.3, 6.2, 0], [-0.4, 0.9, 5.5]])
    atoms = Atoms("H20", positions=rng.uniform(0.01, 0.99, (20, 3)) @ cell, cell=cell, pbc=True)
    np.testing.assert_array_equal(geometry.wrapped(atoms), atoms.positions)
    atoms.positions[0] = [-1e-12, 0, 0]  # on the boundary, whatever the last digit
    np.testing.assert_array_equal(geometry.wrapped(atoms)[0], [-1e-12, 0, 0])


def test_compressed_files_read_alike(tmp_path):
    for name in ("vasprun.xml", "OUTCAR", "XDATCAR", "ML_AB"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((FIXTURES / "vasp" / name).read_bytes()))
        one, other = (frames_of(path)[0] for path in (FIXTURES / "vasp" / name, tmp_path / f"{name}.gz"))
        np.testing.assert_array_equal([raw.atoms.positions for raw in one], [raw.atoms.positions for raw in other])
