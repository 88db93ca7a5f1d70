"""CP2K, i-PI and LAMMPS: nothing is left unread in silence, and what the files state twice is compared."""

import numpy as np
import pytest
from conftest import ROOT
from reading import SETTINGS, copied, entry, frames_of

from gapglass.base.errors import UserError
from gapglass.frames import trajectory

FAULTS = ROOT / "tests/data/faults"
SPECIES = {"species": ["Si", "O"]}


def replaced(path, *pairs):
    text = path.read_text()
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)


def test_empty_line_between_records_is_passed():
    found, source = frames_of(FAULTS / "empty-line-between-records/blank-pos-1.xyz", cell=[8, 8, 8])
    assert [raw.step for raw in found] == list(range(12)) and not source.dropped and not source.notes
    assert all(raw.forces is not None for raw in found)


@pytest.mark.parametrize(
    ("folder", "name"), [("cp2k", "water-pos-1.xyz"), ("cp2k", "water-frc-1.xyz"), ("ipi", "alloy.for_0.xyz")]
)
def test_line_that_is_no_record_is_an_error(tmp_path, folder, name):
    copied(folder, tmp_path)
    path = tmp_path / name
    n_lines = path.read_text().count("\n")
    path.write_text(path.read_text() + "\nkilled\n" + path.read_text())
    main = {"cp2k": "water-pos-1.xyz", "ipi": "alloy.pos_0.xyz"}[folder]
    with pytest.raises(UserError, match=rf"line {n_lines + 2} is 'killed', where a record should begin"):
        frames_of(tmp_path / main)


def test_record_that_a_killed_run_left_among_others(tmp_path):
    copied("cp2k", tmp_path)
    path = tmp_path / "water-pos-1.xyz"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:4], *lines]))  # two of three atoms of step 0, then the whole file
    found, source = frames_of(path)
    assert len(found) == 5 and source.dropped["incomplete record of the positions (line 1)"] == 1
    # A run killed without the line feed: the number of atoms of the next record is on the same line.
    path.write_text("".join([*lines[:4], lines[4].replace("\n", lines[0]), *lines[1:]]))
    found, source = frames_of(path)
    assert [raw.step for raw in found] == [2, 4, 6, 8]
    assert source.dropped["incomplete record of the positions (line 1)"] == 1


def test_one_spoilt_number_spoils_one_frame(tmp_path):
    copied("cp2k", tmp_path)
    replaced(tmp_path / "water-frc-1.xyz", ("-0.0015760492", "*************"))
    found, _ = frames_of(tmp_path / "water-pos-1.xyz")
    assert len(found) == 5 and np.isnan(found[0].forces).sum() == 1
    with pytest.raises(UserError, match=r"only 4 of the frames"):
        trajectory.import_frames([entry(tmp_path / "water-pos-1.xyz")], SETTINGS)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("water-1.ener", "0.010468222", "0.012468222", r"give 6\.00 degrees of freedom at step 0 and 7\.15 at step 2"),
        ("water-1.ener", "1.600000", "1.700000", r"step 4 has the time 1\.6 fs in .* and 1\.7 in"),
        ("water-frc-1.xyz", "-17.0671552977", "-17.1671552977", r"step 0 has the energy -17\.06.*and -17\.16.*frc"),
        ("water-1.cell", "73.9200000000", "93.9200000000", r"73\.92.* Å³, its volume is 93\.92"),
        ("water-1.cell", "[Angstrom]", "[bohr]", r"is in .*bohr.*, known is Angstrom"),
        ("water-1.stress", "[bar]", "[GPa]", r"is in fs, GPa.*, known is bar"),
    ],
)
def test_files_of_cp2k_that_contradict_each_other(tmp_path, name, old, new, message):
    copied("cp2k", tmp_path)
    replaced(tmp_path / name, (old, new))
    with pytest.raises(UserError, match=message):
        frames_of(tmp_path / "water-pos-1.xyz")


def test_masses_that_the_kinetic_energy_contradicts_give_no_virial(tmp_path):
    copied("cp2k", tmp_path)
    found, source = frames_of(tmp_path / "water-pos-1.xyz")
    assert all(raw.virial is not None for raw in found)
    for name in ("water-pos-1.xyz", "water-frc-1.xyz", "water-vel-1.xyz"):
        replaced(tmp_path / name, (" H ", " D "))
    found, source = frames_of(tmp_path / "water-pos-1.xyz", species={"D": "S"})
    assert all(raw.virial is None for raw in found)
    assert "give a kinetic energy of" in source.notes[-1] and len(source.notes) == 2


def test_time_that_stands_still_and_no_motion(tmp_path):
    copied("cp2k", tmp_path)
    path = tmp_path / "water-1.ener"
    rows = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
    path.write_text("".join(" ".join([row[0], "0.0", "0.0", "0.0", *row[4:]]) + "\n" for row in rows))
    for name in ("water-pos-1.xyz", "water-frc-1.xyz", "water-vel-1.xyz"):
        text = (tmp_path / name).read_text()
        for time in sorted({line.split("time =")[1].split(",")[0] for line in text.splitlines() if "time =" in line}):
            text = text.replace(f"time ={time},", "time = 0.000,")
        (tmp_path / name).write_text(text)
    found, source = frames_of(tmp_path / "water-pos-1.xyz")
    assert len(found) == 5
    assert [(raw.time_fs, raw.temperature_k) for raw in found] == [(None, None)] * 5
    assert any("time stands still" in note for note in source.notes)


@pytest.mark.parametrize("name", ["run-pos-1.xyz", "run-pos-1.extxyz"])
def test_extended_positions_of_cp2k_are_joined_with_their_files(tmp_path, name):
    lattice = 'Lattice="8.0 0.0 0.0 0.5 8.0 0.0 0.0 0.0 9.0" Properties=species:S:1:pos:R:3'
    records, forces, rows = [], [], ["# Step Nr. Time[fs] Kin.[a.u.] Temp[K] Pot.[a.u.] Cons Qty[a.u.] UsedTime[s]"]
    for step in range(3):
        records.append(f"  2\n{lattice} Step= {step:8d}, Time= {step / 2:12.3f}, Energy= {-1 - step:20.10f}\n")
        records.append(" O 0.0 0.0 0.0\n Te 2.0 0.0 0.0\n")
        forces.append(f"  2\n i = {step:8d}, time = {step / 2:12.3f}, E = {-1 - step:20.10f}\n")
        forces.append(f" O 0.01 {step} 0.0\n Te -0.01 0.0 0.0\n")
        rows.append(f"{step} {step / 2} 0.001 210.5 {-1.0 - step} 0.0 1.0")
    (tmp_path / name).write_text("".join(records))
    (tmp_path / "run-frc-1.xyz").write_text("".join(forces))
    (tmp_path / "run-1.ener").write_text("\n".join(rows) + "\n")
    found, source = frames_of(tmp_path / name)
    assert source.format == "cp2k" and [raw.time_fs for raw in found] == [0.0, 0.5, 1.0]
    np.testing.assert_allclose(found[0].atoms.cell, [[8, 0, 0], [0.5, 8, 0], [0, 0, 9]])
    assert found[2].energies["free_energy"] == pytest.approx(-3 * 27.2113862, rel=1e-7)
    assert found[2].forces[0, 1] == pytest.approx(2 * 51.4220675, rel=1e-7)
    with pytest.raises(UserError, match=r"the cell is 8\.0000 .* in Lattice .* and 7\.0000 .* in `cell`"):
        frames_of(tmp_path / name, cell=[7, 8, 9])


def test_property_of_a_subset_does_not_replace_that_of_the_system(tmp_path):
    found, source = frames_of(FAULTS / "property-of-a-subset/wa.pos_0.xyz")
    assert [raw.temperature_k for raw in found][:4] == [300, 301, 302, 300] and not source.notes
    copied("ipi", tmp_path)
    replaced(tmp_path / "alloy.out", ("temperature{kelvin}", "temperature(Cu){kelvin}"))
    found, source = frames_of(tmp_path / "alloy.pos_0.xyz")
    assert found[0].temperature_k is None and "temperature of a part of the system only" in source.notes[0]


@pytest.mark.parametrize(
    ("name", "pairs", "message"),
    [
        ("alloy.for_0.xyz", [("7.36993", "7.46993")], r"the cell is 3\.9000 .* and 3\.9529"),
        ("alloy.for_0.xyz", [("Bead:       0", "Bead:       2")], r"is bead 2 of a path-integral run"),
        ("alloy.pos_0.xyz", [("positions{angstrom}", "x_centroid{angstrom}")], r"holds x_centroid, not positions"),
        ("alloy.out", [("conserved : ", "volume{angstrom3} : ")], r"spans .* the volume is 0\.0508"),
        ("alloy.out", [("conserved : ", "kinetic_md : ")], r"degrees of freedom at step 0 .* at step 4"),
    ],
)
def test_files_of_ipi_that_contradict_each_other(tmp_path, name, pairs, message):
    copied("ipi", tmp_path)
    replaced(tmp_path / name, *pairs)
    with pytest.raises(UserError, match=message):
        frames_of(tmp_path / "alloy.pos_0.xyz")


@pytest.mark.parametrize(
    ("flags", "periodic"), [("ff ss pp", [False, False, True]), ("pp fm pp", [True, False, True])]
)
def test_box_of_lammps_that_is_not_periodic(tmp_path, flags, periodic):
    copied("lammps/metal", tmp_path)
    replaced(tmp_path / "dump.lammpstrj", ("xz yz pp pp pp", f"xz yz {flags}"))
    with pytest.raises(UserError, match=r"number of periodic directions is [12] in .* and 3 in .*log"):
        frames_of(tmp_path / "dump.lammpstrj", **SPECIES)
    replaced(tmp_path / "log.lammps", ("boundary p p p", "boundary " + flags.replace("pp", "p")))
    found, _ = frames_of(tmp_path / "dump.lammpstrj", **SPECIES)
    assert found[0].atoms.pbc.tolist() == periodic
    with pytest.raises(UserError, match=r"not periodic in all directions \(pbc \[(True|False)"):
        trajectory.import_frames([entry(tmp_path / "dump.lammpstrj", **SPECIES)], SETTINGS)


def _table(tmp_path):
    lines = (tmp_path / "log.lammps").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.split()[:1] == ["Step"])
    end = next(i for i, line in enumerate(lines) if line.startswith("Loop time"))
    return lines[:start], [line.split() for line in lines[start:end]], lines[end:]


def _yaml(rows):
    names = ", ".join(f"'{name}'" for name in rows[0])
    return ["---", f"keywords: [{names}, ]", "data:", *(f"  - [{', '.join(row)}, ]" for row in rows[1:]), "..."]


def _multi(rows):
    out = []
    for row in rows[1:]:
        pairs = [f"{name:8} = {value:>14}" for name, value in zip(rows[0][1:], row[1:], strict=True)]
        out.append(f"------------ Step {row[0]:>14} ----- CPU =            0 (sec) -------------")
        out += [" ".join(pairs[i : i + 3]) for i in range(0, len(pairs), 3)]
    return out


def _other_order(rows):
    return [" ".join([*row[1:3], row[0], *row[3:]]) for row in rows]


@pytest.mark.parametrize("form", [_yaml, _multi, _other_order])
def test_thermo_tables_of_every_form(tmp_path, form):
    copied("lammps/metal", tmp_path)
    before, source = frames_of(tmp_path / "dump.lammpstrj", **SPECIES)
    head, rows, tail = _table(tmp_path)
    (tmp_path / "log.lammps").write_text("\n".join([*head, *form(rows), *tail]) + "\n")
    found, source = frames_of(tmp_path / "dump.lammpstrj", **SPECIES)
    assert len(found) == 5 and not source.dropped
    for one, other in zip(before, found, strict=True):
        assert one.energies == other.energies and one.temperature_k == other.temperature_k
        np.testing.assert_array_equal(one.virial, other.virial)
    # The last row is cut off while it is written.
    (tmp_path / "log.lammps").write_text("\n".join([*head, *form(rows)]).rstrip(".\n")[:-30])
    found, source = frames_of(tmp_path / "dump.lammpstrj", **SPECIES)
    assert [raw.step for raw in found] == [0, 10, 20, 30]
    assert source.dropped == {"truncated row of the thermo table": 1}


def test_text_in_a_column_that_nobody_needs(tmp_path):
    copied("lammps/metal", tmp_path)
    replaced(tmp_path / "log.lammps", ("9595.70693591", "n/a"))
    found, _ = frames_of(tmp_path / "dump.lammpstrj", **SPECIES)
    assert [raw.step for raw in found] == [0, 10, 20, 30, 40]


@pytest.mark.parametrize(
    ("name", "pairs", "options", "message"),
    [
        ("log.lammps", [("with 8 atoms", "with 16 atoms")], SPECIES, r"of a group\?\) is 8 in .* and 16 in"),
        (
            "log.lammps",
            [("9.49780344454", "9.59780344454")],
            SPECIES,
            r"PotEng 8\.68.* do not add up to TotEng 9\.5978",
        ),
        ("log.lammps", [("425753.497751", "525753.497751")], SPECIES, r"Press is 525753, the mean of .* 425753"),
        ("log.lammps", [("c_virial[1]", "Volume     ")], SPECIES, r"Volume is 160\.103 in .* and 112197"),
        ("log.lammps", [], {"species": ["O", "Si"]}, r"an atom that is Si .* has the mass 15\.999 in the log"),
        ("log.lammps", [], {"species": ["Te", "O"]}, r"an atom that is Te .* has the mass 28\.0855 in the log"),
        ("dump.lammpstrj", [("\n4 2 2.00239", "\n3 2 2.00239")], SPECIES, r"two atoms of one frame have the same id"),
        (
            "dump.lammpstrj",
            [("ITEM: TIMESTEP\n5\n", "dump again\nITEM: TIMESTEP\n5\n")],
            SPECIES,
            r"line 18 is 'dump again'",
        ),
    ],
)
def test_files_of_lammps_that_contradict_each_other(tmp_path, name, pairs, options, message):
    copied("lammps/metal", tmp_path)
    replaced(tmp_path / name, *pairs)
    with pytest.raises(UserError, match=message):
        frames_of(tmp_path / "dump.lammpstrj", **options)


def test_frame_that_a_killed_run_left_in_a_dump(tmp_path):
    copied("lammps/metal", tmp_path)
    path = tmp_path / "dump.lammpstrj"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:12], *lines]))
    found, source = frames_of(path, **SPECIES)
    assert [raw.step for raw in found] == [0, 10, 20, 30, 40]
    assert source.dropped == {"incomplete frame (line 1)": 1}


def test_two_runs_in_one_log_are_told(tmp_path):
    copied("lammps/metal", tmp_path)
    head, rows, tail = _table(tmp_path)
    other = [rows[0], *([row[0], "900", "1.5", *row[3:]] for row in rows[1:])]
    text = "\n".join([*head, *map(" ".join, other), *tail, *map(" ".join, rows), *tail]) + "\n"
    (tmp_path / "log.lammps").write_text(text)
    found, source = frames_of(tmp_path / "dump.lammpstrj", **SPECIES)
    assert found[0].energies["energy"] == pytest.approx(8.68346453104)
    assert any("5 steps twice with other energies (step 0: 1.5 and 8.68346)" in note for note in source.notes)


def test_velocities_that_the_thermo_table_contradicts_give_no_virial(tmp_path):
    copied("lammps/metal", tmp_path)
    replaced(tmp_path / "dump.lammpstrj", ("-11.036", "-31.036"))
    found, source = frames_of(tmp_path / "dump.lammpstrj", **SPECIES)
    assert found[0].virial is None and found[1].virial is not None
    assert any("step 0: velocities and masses give a kinetic energy of" in note for note in source.notes)
