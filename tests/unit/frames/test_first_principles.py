"""What files of VASP, Quantum ESPRESSO and CPMD state twice is compared; nothing stays unread; one fault costs a step.

Most inputs are files of the fixtures or of ``first_principles`` with one change.
"""

import gzip
import re

import first_principles as files
import numpy as np
import pytest
from reading import FAULTS, FIXTURES, copied, frames_of

from gapglass.base.errors import UserError


def steps_of(n_steps=3, symbols=("Te", "O", "O")):
    """Return steps with plain numbers."""
    rng = np.random.default_rng(7)
    places = rng.uniform(0, 1, (len(symbols), 3))
    return [
        files.Step(
            symbols=list(symbols),
            scaled=places + 0.01 * step,
            cell=np.diag([7.0, 7.5, 8.0]),
            energy=-20.0 - step,
            forces=rng.normal(0, 1, (len(symbols), 3)),
            pressure=np.diag([1.0, 2.0, 3.0]),
            temperature=900.0 + step,
        )
        for step in range(n_steps)
    ]


def read_changed(tmp_path, name, text, changes, **options):
    """Read a text in which each (old, new) is replaced once, the n-th time if a number follows."""
    for old, new, *nth in changes:
        place = -1
        for _ in range(nth[0] if nth else 1):
            place = text.index(old, place + 1)
        text = text[:place] + new + text[place + len(old) :]
    (tmp_path / name).write_text(text)
    return frames_of(tmp_path / name, **options)


TEXTS = {
    "OUTCAR": files.outcar,
    "vasprun.xml": files.vasprun,
    "ML_AB": files.ml_ab,
    "pw.out": files.pw_output,
}


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("OUTCAR", [("NIONS =      3", "NIONS =      5")], r"3 positions end here, but the head states 5 ions"),
        ("OUTCAR", [("   1   2\n", "   1   1\n")], r"3 ions \(NIONS\), 2 ions in its ions per type.*species: Te8O8"),
        ("OUTCAR", [("VRHFIN =O", "VRHFIN =S")], r"title 'PAW_PBE O 08Apr2002' and VRHFIN = S: two elements"),
        ("OUTCAR", [("volume of cell :      420.00", "volume of cell :      470.00")], r"420.000 Å³.*470.000 Å³"),
        ("vasprun.xml", [("<atoms> 3 </atoms>", "<atoms> 4 </atoms>")], r"states 4 atoms, but lists 3"),
        ("vasprun.xml", [("<types> 2 </types>", "<types> 2 </types>"), ("420.0000", "430.0000")], r"430.000 Å³"),
        ("ML_AB", [("O 2\n", "O 3\n")], r"configuration 1 states 4 atoms by type, 3 positions"),
        (
            "ML_AB",
            [("types\n" + "-" * 50 + "\n   2", "types\n" + "-" * 50 + "\n   3")],
            r"3 types of atoms and lists 2",
        ),
        (
            "pw.out",
            [("atoms/cell      =            3", "atoms/cell      =            4")],
            r"3 positions can.*4 atoms",
        ),
        ("pw.out", [("atomic types    =            2", "atomic types    =            3")], r"2 types of atoms.*3 are"),
        ("pw.out", [("type  2 ", "type  1 ")], r"atom 2 is of type 1, Te, but its position is that of a O"),
        ("pw.out", [("unit-cell volume          =       28", "unit-cell volume          =       38")], r"Å³"),
        ("pw.out", [("\nTe ", "\nO  ")], r"positions are of O, O, O, ..., but the head of the run has other labels"),
    ],
)
def test_contradiction_of_counts_elements_or_cell_is_refused_with_both_values(tmp_path, name, changes, message):
    with pytest.raises(UserError, match=message):
        read_changed(tmp_path, name, TEXTS[name](steps_of()), changes)


@pytest.mark.parametrize(
    ("name", "changes", "note"),
    [
        (
            "OUTCAR",
            [("external pressure =        2.00", "external pressure =       22.00")],
            r"the pressure.*2 and 22 kB",
        ),
        (
            "OUTCAR",
            [("% ion-electron   TOTEN  =        -20", "% ion-electron   TOTEN  =        -29")],
            r"the energy.*-20 and",
        ),
        (
            "OUTCAR",
            [("(temperature   900.00", "(temperature    90.00")],
            r"temperature does not belong.*90.0 K, and .* 600",
        ),
        (
            "pw.out",
            [("temperature           =         900", "temperature           =         200")],
            r"200.0 K, and .* 600",
        ),
        ("pw.out", [("P=         2.00", "P=        12.00")], r"the pressure is stated twice.*2.* and 12 kbar"),
        ("pw.out", [("Total force =     0", "Total force =     9")], r"the total force is stated twice"),
        ("pw.out", [("127.60000", "28.085000")], r"a mass of 28.085 for Te, whose mass is 127.6"),
    ],
)
def test_contradiction_of_numbers_is_noted_with_both_values(tmp_path, name, changes, note):
    found, source = read_changed(tmp_path, name, TEXTS[name](steps_of()), changes)
    assert len(found) == 3 and len(source.notes) == 1
    assert re.search(note, source.notes[0]), source.notes


def test_contradiction_in_many_steps_is_one_note_with_their_number(tmp_path):
    text = files.outcar(steps_of()).replace("external pressure =        2.00", "external pressure =       22.00")
    _, source = read_changed(tmp_path, "OUTCAR", text, [])
    assert len(source.notes) == 1 and source.notes[0].endswith("(3 steps)")


@pytest.mark.parametrize(
    ("suffix", "old", "new", "message"),
    [
        (".evp", "8.466095E-03", "9.466095E-03", r"step 70 is at 0.008466.* ps in .*pos and at 0.009466"),
        (".for", "0.00846610", "0.00946610", r"step 70 is at 0.008466.* and at 0.0094661 ps in .*for"),
        (".evp", "4.863660E+02", "5.863660E+02", r"volume of 72.* Å³, but the file states 86"),
    ],
)
def test_files_of_cp_that_contradict_one_another_are_refused(tmp_path, suffix, old, new, message):
    folder = copied("espresso", tmp_path)
    path = folder / f"sic{suffix}"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=message):
        frames_of(folder / "sic.pos", species="SiCSi")


def test_kinetic_energy_of_velocities_shows_species_in_another_order(tmp_path):
    folder = copied("cpmd", tmp_path)
    assert not any("temperature" in note for note in frames_of(folder / "TRAJECTORY", species="TeO2")[1].notes)
    _, source = frames_of(folder / "TRAJECTORY", species=["O", "O", "Te"])
    assert any("the velocities of TRAJECTORY and the masses of `species`" in note for note in source.notes)


def test_ions_of_more_than_ten_species_are_all_read():
    found, source = frames_of(FAULTS / "outcar-11-species/OUTCAR")
    assert [len(raw.atoms) for raw in found] == [48] * 3
    assert (found[0].atoms.symbols == "O").sum() == 30 and found[0].forces.shape == (48, 3)
    assert any("48 ions (NIONS), 18 ions in its ions per type" in note for note in source.notes)


def test_ions_per_type_that_go_on_in_the_next_line_are_read(tmp_path):
    symbols = ["Te", "O", "H", "Zr", "Si", "B", "Na", "K", "Ca", "Mg", "Al", "P"]
    text = files.outcar(steps_of(1, symbols))
    (tmp_path / "OUTCAR").write_text(text)
    with pytest.raises(UserError, match=r"12 ions \(NIONS\), 10 ions in its ions per type.*12 POTCARs for 10 types"):
        frames_of(tmp_path / "OUTCAR")
    assert list(frames_of(tmp_path / "OUTCAR", species=symbols)[0][0].atoms.symbols) == symbols
    line = "   ions per type =            " + "   1" * 10 + "\n"
    found, _ = read_changed(tmp_path, "OUTCAR", text, [(line, line + " " * 30 + "   1   1\n")])
    assert list(found[0].atoms.symbols) == symbols


def test_steps_that_are_not_converged_are_marked(tmp_path):
    found, source = frames_of(FAULTS / "outcar-unconverged/OUTCAR")
    assert [raw.converged for raw in found] == [True, False, True]
    assert any("used all NELM electronic iterations" in note for note in source.notes)
    found, _ = read_changed(tmp_path, "OUTCAR", files.outcar(steps_of(1), nelm=3), [])
    assert [raw.converged for raw in found] == [False]
    reached = ("  FORCE on cell", "------ aborting loop because EDIFF is reached ------\n  FORCE on cell")
    found, _ = read_changed(tmp_path, "OUTCAR", files.outcar(steps_of(1), nelm=3), [reached])
    assert [raw.converged for raw in found] == [True]
    found, _ = read_changed(tmp_path, "vasprun.xml", files.vasprun(steps_of(2), nelm=3), [])
    assert [raw.converged for raw in found] == [False, False]
    found, source = read_changed(tmp_path, "pw.out", files.pw_output(steps_of(), unconverged=(1,)), [])
    assert [raw.converged for raw in found] == [True, False, True] and "NOT achieved" in source.notes[0]
    assert found[1].energies["free_energy"] == pytest.approx(-21.0, abs=1e-6) and not source.dropped


def test_settings_that_a_file_states_are_read(tmp_path):
    settings = frames_of(FIXTURES / "espresso/md.out.gz")[1].settings
    assert settings == {
        "code": "Quantum ESPRESSO pw.x",
        "version": "6.7MaX",
        "functional": "SLA PZ NOGX NOGC",
        "cutoff_ev": pytest.approx(16 * 13.605693, abs=1e-3),
        "k_points": "1 point",
        "pseudopotentials": "Si.pz-vbc.UPF, C.UPF",
        "scf_threshold_ev": pytest.approx(1.3606e-8, rel=1e-3),
        "smearing": "Gaussian smearing 0.6803 eV",
    }
    settings = read_changed(tmp_path, "OUTCAR", files.outcar(steps_of()), [])[1].settings
    assert settings == {
        "code": "VASP",
        "version": "6.3.2",
        "functional": "PAW_PBE",
        "cutoff_ev": 400.0,
        "pseudopotentials": "PAW_PBE Te 08Apr2002, PAW_PBE O 08Apr2002",
        "scf_threshold_ev": 1e-6,
        "smearing": "ISMEAR=0 SIGMA=0.05 eV",
    }
    assert read_changed(tmp_path, "vasprun.xml", files.vasprun(steps_of()), [])[1].settings["cutoff_ev"] == 400.0


def test_joined_outputs_are_read_to_their_end(tmp_path):
    first, second = steps_of(2), steps_of(3, ("Zr", "O"))
    joined, source = read_changed(tmp_path, "OUTCAR", files.outcar(first) + files.outcar(second), [])
    assert [str(raw.atoms.symbols) for raw in joined] == ["TeO2"] * 2 + ["ZrO"] * 3
    assert any("different settings (pseudopotentials" in note for note in source.notes)
    joined, _ = read_changed(tmp_path, "pw.out", files.pw_output(first) + files.pw_output(second), [])
    assert [str(raw.atoms.symbols) for raw in joined] == ["TeO2"] * 2 + ["ZrO"] * 3
    with pytest.raises(UserError, match=r"vasprun.xml, line \d+: junk after document element.*separate trajectories"):
        read_changed(tmp_path, "vasprun.xml", files.vasprun(first) + files.vasprun(second), [])
    xdatcar = (FIXTURES / "vasp/XDATCAR").read_text()
    assert len(read_changed(tmp_path, "XDATCAR", xdatcar + xdatcar, [])[0]) == 8


@pytest.mark.parametrize("name", ["XDATCAR_642", "XDATCAR_hash", "XDATCAR_sv"])
def test_names_of_potcars_are_elements(name):
    found, _ = frames_of(FAULTS / "xdatcar-names-of-vasp-6.4" / name)
    assert [str(raw.atoms.symbols) for raw in found] == ["Te2O2"] * 3
    assert found[2].atoms.positions[0, 0] == pytest.approx(0.116 * 6.1)


def test_line_of_no_configuration_is_an_error_with_its_number(tmp_path):
    text = (FIXTURES / "vasp/XDATCAR").read_text()
    head, mark, rest = text.partition("Direct configuration=     2")
    with pytest.raises(UserError, match=r"XDATCAR, line \d+: '0.1 0.2 0.3' belongs to no configuration"):
        read_changed(tmp_path, "XDATCAR", head + "  0.1 0.2 0.3\n" + mark + rest, [])
    folder = copied("cpmd", tmp_path)
    (folder / "ENERGIES").write_text("some text\n" + (folder / "ENERGIES").read_text())
    with pytest.raises(UserError, match=r"ENERGIES, line 1: 'some text' is no row"):
        frames_of(folder / "TRAJECTORY", species="TeO2")
    folder = copied("espresso", tmp_path)
    lines = (folder / "sic.pos").read_text().splitlines(keepends=True)
    (folder / "sic.pos").write_text("".join([*lines[:8], lines[7], *lines[8:]]))
    with pytest.raises(UserError, match=r"sic.pos, line 5: step 65 has 5 lines, the others have 4"):
        frames_of(folder / "sic.pos", species="SiCSi")


def test_columns_behind_those_that_are_needed_are_not_read(tmp_path):
    found, source = frames_of(FAULTS / "outcar-vdw-columns/OUTCAR")
    assert len(found) == 3 and not source.dropped
    assert found[0].forces[0].tolist() == [-0.450478, 0.330866, -0.774942]
    folder = copied("espresso", tmp_path)
    evp = (folder / "sic.evp").read_text()
    (folder / "sic.evp").write_text(evp.replace("-19.46566", "*********"))
    assert len(frames_of(folder / "sic.pos", species="SiCSi")[0]) == 5


def test_empty_companion_leaves_the_rest_and_says_what_is_missing():
    found, source = frames_of(FAULTS / "cpx-empty-for/emptyfor.pos", species="TeO2")
    assert len(found) == 12 and found[0].forces is None and found[0].energies
    assert any("NO FORCES" in note and "is empty; set tprnfor" in note for note in source.notes)


SPOILT = [
    (
        "OUTCAR",
        [("TOTAL-FORCE (eV/Angst)\n " + "-" * 70 + "\n     ", "TOTAL-FORCE (eV/Angst)\n " + "-" * 70 + "\n ****", 2)],
    ),
    ("vasprun.xml", [('"forces" >\n   <v> ', '"forces" >\n   <v> ****', 2)]),
    ("ML_AB", [("Forces (eV ang.^-1)\n" + "-" * 50 + "\n  ", "Forces (eV ang.^-1)\n" + "-" * 50 + "\n**", 2)]),
    ("pw.out", [("ATOMIC_POSITIONS (crystal)\nTe  ", "ATOMIC_POSITIONS (crystal)\nTe  ***")]),
    ("pw.out", [("force =  ", "force =**", 5)]),
]


@pytest.mark.parametrize(("name", "changes"), SPOILT)
def test_spoilt_step_among_good_ones_costs_that_step_only(tmp_path, name, changes):
    steps = steps_of()
    found, source = read_changed(tmp_path, name, TEXTS[name](steps), changes)
    assert len(found) == 2 and list(source.dropped.values()) == [1]
    for raw, step in zip(found, (steps[0], steps[2]), strict=True):
        np.testing.assert_allclose(raw.atoms.positions, step.positions, atol=1e-6)
        np.testing.assert_allclose(raw.forces, step.forces, atol=1e-6)


def test_spoilt_step_of_files_of_numbers_costs_that_step_only(tmp_path):
    folder = copied("espresso", tmp_path)
    text = (folder / "sic.pos").read_text().splitlines(keepends=True)
    text[5] = " ******" + text[5][7:]
    (folder / "sic.pos").write_text("".join(text))
    found, source = frames_of(folder / "sic.pos", species="SiCSi")
    assert [raw.step for raw in found] == [60, 70, 75, 80] and list(source.dropped.values()) == [1]
    text = (FIXTURES / "vasp/XDATCAR").read_text().splitlines(keepends=True)
    place = next(n for n, line in enumerate(text) if "configuration=     2" in line)
    text[place + 1] = "  ********" + text[place + 1][10:]
    found, source = read_changed(tmp_path, "XDATCAR", "".join(text), [])
    assert [raw.step for raw in found] == [1, 3, 4] and list(source.dropped.values()) == [1]


def test_repeated_step_without_a_mark_of_the_restart_is_read_once(tmp_path):
    folder = copied("cpmd", tmp_path)
    for name in ("TRAJECTORY", "FTRAJECTORY"):
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace("<<<<<<  NEW DATA  >>>>>>\n", ""))
    found, source = frames_of(folder / "TRAJECTORY", species="TeO2")
    assert [raw.step for raw in found] == [10, 20, 30]
    assert found[1].atoms.positions[0, 0] == pytest.approx(1.02 * 0.529177, abs=1e-6)
    assert source.dropped["records in TRAJECTORY of a step that a restart wrote again"] == 1


def test_system_that_is_not_periodic_is_marked(tmp_path):
    text = gzip.decompress((FIXTURES / "espresso/md.out.gz").read_bytes()).decode()
    found, source = read_changed(
        tmp_path,
        "pw.out",
        text,
        [("     Initial potential", "     Assuming isolated system, Martyna-Tuckerman method\n")],
    )
    assert not found[0].atoms.pbc.any() and "not periodic" in source.notes[0]
