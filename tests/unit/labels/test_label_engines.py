"""Engines: the inputs that they write, what they refuse before the first frame, and the outputs that they read."""

import gzip
import json
import re
import shutil
import stat

import numpy as np
import pytest
from ase import Atoms
from code_inputs import CP2K, INCAR, PW, cp2k_section, espresso_section, vasp_section
from conftest import ROOT
from label_frames import frame_of

from gapglass.base.errors import ProgramKilled, UserError
from gapglass.labels.engines import create, running
from gapglass.labels.engines.cp2k_input import parse
from gapglass.labels.label import LabelFailed
from gapglass.study.checks import labels

READERS = ROOT / "tests/data/readers"


@pytest.fixture
def water():
    cell = [[4.2, 0, 0], [0.3, 4.0, 0], [-0.2, 0.4, 4.4]]
    return Atoms("OHH", positions=[[0.1, 0.2, 0.1], [0.86, 0.75, 0.15], [-0.62, 0.8, 0.05]], cell=cell, pbc=True)


def prepared(section, frame, folder, **more):
    folder.mkdir(exist_ok=True)
    create(section).prepare(frame, folder, **more)
    return folder


# --- CP2K


def test_cp2k_input_has_the_frame_and_the_settings_of_the_template(tmp_path, water):
    folder = prepared(cp2k_section(tmp_path), water, tmp_path / "run")
    root = parse((folder / "label.inp").read_text(), "label.inp")
    subsys = root.section("FORCE_EVAL/SUBSYS")
    cell = [list(map(float, subsys.section("CELL").value(name).split())) for name in "ABC"]
    assert np.allclose(cell, water.cell)
    assert subsys.section("CELL").value("ABC") is None
    rows = subsys.section("COORD").items
    assert [row.name for row in rows] == ["O", "H", "H"]
    assert np.allclose([list(map(float, row.value.split())) for row in rows], water.positions)
    assert root.section("FORCE_EVAL/DFT/MGRID").value("CUTOFF") == "320"
    assert root.section("FORCE_EVAL").value("STRESS_TENSOR") == "ANALYTICAL"
    assert root.section("FORCE_EVAL/DFT/SCF").value("SCF_GUESS") == "ATOMIC"
    assert root.section("GLOBAL").value("RUN_TYPE") == "ENERGY_FORCE"
    assert (folder / "BASIS").resolve() == tmp_path / "BASIS"
    assert str(tmp_path) not in (folder / "label.inp").read_text()


def test_cp2k_input_of_a_guess_and_of_a_spin(tmp_path, water):
    waves = tmp_path / "old.waves"
    waves.write_bytes(b"wave functions")
    folder = prepared(cp2k_section(tmp_path), water, tmp_path / "run", guess=waves)
    root = parse((folder / "label.inp").read_text(), "label.inp")
    assert root.section("FORCE_EVAL/DFT/SCF").value("SCF_GUESS") == "RESTART"
    name = root.section("FORCE_EVAL/DFT").value("WFN_RESTART_FILE_NAME")
    assert (folder / name).read_bytes() == b"wave functions"
    assert create(cp2k_section(tmp_path)).wave_functions(folder) == folder / name
    atom = Atoms("O", cell=[9] * 3, pbc=True)
    folder = prepared(cp2k_section(tmp_path), atom, tmp_path / "atom", spin=2, guess=tmp_path / "gone.waves")
    dft = parse((folder / "label.inp").read_text(), "label.inp").section("FORCE_EVAL/DFT")
    assert dft.value("MULTIPLICITY") == "3" and dft.value("UKS") == "TRUE"
    assert dft.section("SCF").value("SCF_GUESS") == "ATOMIC"


def test_cp2k_input_survives_reading_and_writing():
    root = parse(CP2K, "cp2k.inp")
    again = parse(root.text(), "cp2k.inp")
    assert again == root


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("&KIND H\n", "&COORD\n H 0 0 0\n &END\n &KIND H\n"), "positions of its own .&SUBSYS/&COORD."),
        (("&KIND H\n", "&TOPOLOGY\n COORD_FILE_NAME c.xyz\n &END\n &KIND H\n"), "&SUBSYS/&TOPOLOGY"),
        (("ABC 5 5 5", "ABC 5 5 5\n PERIODIC XY"), "PERIODIC XY"),
        (("ABC 5 5 5", "MULTIPLE_UNIT_CELL 2 1 1"), "MULTIPLE_UNIT_CELL"),
        (("PROJECT mine", "RUN_TYPE MD"), "RUN_TYPE is MD"),
        (("PROJECT mine", "@INCLUDE other.inp"), "line 2: @INCLUDE"),
        (("CUTOFF 320 ", "CUTOFF ${X} "), "preprocessor"),
        (("CUTOFF 320 ", "CUTOFF @CUTOFF@ "), "CUTOFF is @CUTOFF@"),
        (("&KIND O", "&KIND Te"), "no &KIND O"),
        (("GTH-PBE-q6", "GTH-BLYP-q6"), "POTENTIALS has no GTH-BLYP-q6 for O"),
        (("BASIS_SET SMALL-BASIS\n      POTENTIAL GTH-PBE-q6", "BASIS_SET BIG\n POTENTIAL GTH-PBE-q6"), "BIG for O"),
        (("FILE_NAME BASIS", "FILE_NAME BASIS_OTHER"), "BASIS_SET_FILE_NAME is BASIS_OTHER, which is in none of"),
        (("&XC_FUNCTIONAL PBE", "&VDW_POTENTIAL\n PARAMETER_FILE_NAME d3.dat\n &END\n &XC_FUNCTIONAL PBE"), "d3.dat"),
        (("&END GLOBAL", "&END FORCE_EVAL"), "line 4: &END FORCE_EVAL does not end the section GLOBAL"),
        (("  &END\n&END\n", "  &END\n"), "&FORCE_EVAL has no &END"),
    ],
    ids=lambda value: value[1][:25] if isinstance(value, tuple) else "",
)
def test_cp2k_templates_are_refused_before_the_first_frame(tmp_path, change, message, monkeypatch):
    monkeypatch.setenv("CP2K_DATA_DIR", str(tmp_path / "absent"))
    assert CP2K.replace(*change) != CP2K
    engine = create(cp2k_section(tmp_path, CP2K.replace(*change), command=["true"]))
    with pytest.raises(UserError, match=message):
        engine.check(["H", "O"])


def test_good_settings_pass_the_check(tmp_path):
    create(cp2k_section(tmp_path, command=["true"])).check(["H", "O"])
    create(espresso_section(tmp_path, command=["true"])).check(["H", "O"])
    create(vasp_section(tmp_path, command=["true"])).check(["Te", "O"])


def test_cp2k_output_is_read(tmp_path):
    text = gzip.decompress((READERS / "cp2k/output/single.out.gz").read_bytes()).decode()
    (tmp_path / "screen.txt").write_text(re.sub(r"(\n\s+\d\s+\d) (O1|HA|HB) ", r"\1 X ", text))
    label = create(cp2k_section(tmp_path)).read(None, tmp_path)
    assert label.energy == pytest.approx(-17.0 * 27.2, rel=0.05)
    assert label.converged is True and label.scf_steps == 17
    assert (label.version, label.ranks, label.threads) == ("2023.1", 1, 1)
    assert label.forces.shape == (3, 3) and label.virial.shape == (3, 3)
    assert list(label.atoms.symbols) == ["O", "H", "H"]


def test_cp2k_abort_is_told(tmp_path):
    (tmp_path / "screen.txt").write_text(ABORT)
    engine = create(cp2k_section(tmp_path))
    assert engine.complaint(tmp_path) == (
        "CP2K aborted: The requested basis set <DZVP-NOTHING> for element <H> was not found in the basis set files "
        "<BASIS_MOLOPT>"
    )
    with pytest.raises(LabelFailed, match="DZVP-NOTHING"):
        engine.read(None, tmp_path)


ABORT = r"""
 *******************************************************************************
 *   ___                                                                       *
 *  /   \                                                                      *
 * [ABORT]                                                                     *
 *  \___/     The requested basis set <DZVP-NOTHING> for element <H> was not   *
 *    |                 found in the basis set files <BASIS_MOLOPT>            *
 *  O/|                                                                        *
 * /| |                                                                        *
 * / \                                          aobasis/basis_set_types.F:1509 *
 *******************************************************************************


 ===== Routine Calling Stack =====
"""

# --- Quantum ESPRESSO


def test_espresso_input_has_the_frame_and_the_settings_of_the_template(tmp_path, water):
    folder = prepared(espresso_section(tmp_path), water, tmp_path / "run")
    text = (folder / "label.in").read_text()
    assert re.search(r"ATOMIC_POSITIONS angstrom\nO 0\.1000000000 .*\nH1 0\.86.*\nH1 -0\.62", text)
    rows = re.search(r"CELL_PARAMETERS angstrom\n(.*\n.*\n.*)\n", text).group(1)
    assert np.allclose([list(map(float, row.split())) for row in rows.splitlines()], water.cell)
    assert "nat = 3" in text and "ntyp = 2" in text and "ibrav = 0" in text
    assert "ecutwfc = 30.0" in text and "degauss = 1.0d-2" in text and "mixing_beta = 0.4" in text
    assert "K_POINTS automatic\n2 2 2 0 0 0" in text
    assert "tprnfor = .true." in text and "tstress = .true." in text
    assert (folder / "pseudo/O.upf").read_text() == "pseudopotential of O"
    assert str(tmp_path) not in text and "/tmp/of/mine" not in text


def test_espresso_input_with_spin_and_without_stress(tmp_path):
    atom = Atoms("O", cell=[9] * 3, pbc=True)
    folder = prepared(espresso_section(tmp_path, virials=False), atom, tmp_path / "run", spin=2)
    text = (folder / "label.in").read_text()
    assert "nspin = 2" in text and "tot_magnetization = 2" in text and "tstress = .false." in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("'scf'", "'vc-relax'"), "calculation is 'vc-relax'"),
        (("K_POINTS", "ATOMIC_POSITIONS angstrom\n O 0 0 0\nK_POINTS"), "card ATOMIC_POSITIONS of its own"),
        (("K_POINTS", "CELL_PARAMETERS angstrom\n 1 0 0\nK_POINTS"), "card CELL_PARAMETERS"),
        (("ibrav = 0", "ibrav = 8"), "ibrav is 8"),
        (("nat = 1", "celldm(1) = 10.2"), "drop celldm"),
        (("K_POINTS automatic\n  2 2 2 0 0 0\n", ""), "no card K_POINTS"),
        (("ecutwfc = 30.0,", ""), "no ecutwfc"),
        (("O  15.999 O.upf", "Si 28.0 O.upf"), "no types of O"),
        (("O  15.999 O.upf", "O  15.999 O.upf\n H2 1.008 H.upf"), "2 types of H"),
        (("O.upf", "O.pbe.upf"), "pseudopotential O.pbe.upf is in none of these folders"),
        (("&CONTROL", "Silica\n&CONTROL"), "line 1: 'Silica' belongs to no namelist or card"),
    ],
    ids=lambda value: value[1][:25] if isinstance(value, tuple) else "",
)
def test_espresso_templates_are_refused_before_the_first_frame(tmp_path, change, message):
    assert PW.replace(*change) != PW
    with pytest.raises(UserError, match=message):
        create(espresso_section(tmp_path, PW.replace(*change), command=["true"])).check(["H", "O"])


def test_espresso_output_is_read(tmp_path):
    text = gzip.decompress((READERS / "espresso/strain.out.gz").read_bytes()).decode()
    (tmp_path / "screen.txt").write_text(text)
    label = create(espresso_section(tmp_path)).read(None, tmp_path)
    assert (label.version, label.ranks, label.converged) == ("6.7MaX", 1, True)
    assert label.scf_steps == 14 and label.forces.shape == (3, 3) and label.virial.shape == (3, 3)
    assert list(label.atoms.symbols) == ["Si", "C", "Si"]


def test_espresso_failures_are_told(tmp_path):
    engine = create(espresso_section(tmp_path))
    rule = " " + 78 * "%" + "\n"
    message = "     Error in routine  c_bands (1):\n      too many bands are not converged\n"
    (tmp_path / "screen.txt").write_text(f"\n{rule}{message}{rule}")
    assert engine.complaint(tmp_path) == "pw.x: Error in routine c_bands (1): too many bands are not converged"
    (tmp_path / "screen.txt").write_text("     convergence NOT achieved after   3 iterations: stopping\n")
    assert "did not converge" in engine.complaint(tmp_path)


# --- VASP


def test_vasp_files_are_sorted_by_species_and_read_back_in_the_order_of_the_frame(tmp_path):
    frame = frame_of(3, 12)
    section = vasp_section(tmp_path)
    folder = prepared(section, frame, tmp_path / "run")
    lines = (folder / "POSCAR").read_text().splitlines()
    assert lines[5:8] == ["Te O", "4 8", "Cartesian"]
    order = json.loads((folder / "order.json").read_text())
    assert np.allclose([list(map(float, line.split())) for line in lines[8:]], frame.positions[order])
    assert (folder / "POTCAR").read_text().count("TITEL") == 2
    incar = (folder / "INCAR").read_text()
    assert "NSW = 0" in incar and "ISIF = 2" in incar and "ENCUT = 400" in incar


def test_vasp_output_is_read_in_the_order_of_the_frame(tmp_path):
    """The recorded OUTCAR, cut to its first step and told to be of one atom order, gives each atom its force."""
    text = (READERS / "vasp/OUTCAR").read_text()
    first = text[: text.index("--- Iteration      3(   1)")].rsplit("\n", 1)[0] + "\n"
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "OUTCAR").write_text(first)
    engine = create(vasp_section(tmp_path))
    (folder / "order.json").write_text("[0, 1, 2]")
    label = engine.read(None, folder)
    n = len(label.atoms)
    order = list(np.roll(np.arange(n), 1))
    (folder / "order.json").write_text(json.dumps(list(map(int, order))))
    turned = engine.read(None, folder)
    assert np.allclose(turned.forces[order], label.forces)
    assert np.allclose(turned.atoms.positions[order], label.atoms.positions)
    assert (turned.atoms.numbers[order] == label.atoms.numbers).all()
    assert (label.version, label.ranks) == ("6.3.2", 2)
    assert label.virial is not None and label.scf_steps == 2


def test_vasp_outputs_that_contradict_each_other_are_a_fault(tmp_path):
    from gapglass.frames.readers.records import RawFrame
    from gapglass.labels.engines import vasp

    forces = np.ones((3, 3))
    twin = RawFrame(Atoms("H3"), energies={"free_energy": -10.0}, forces=forces)
    assert vasp._contradictions(-10.000001, forces + 1e-6, twin) == []
    assert vasp._contradictions(-10.1, forces, twin) == [
        "OUTCAR has the energy -10.10000000 eV, vasprun.xml -10.00000000 eV"
    ]
    assert vasp._contradictions(-10.0, forces + 1e-3, twin) == ["OUTCAR and vasprun.xml have different forces"]


def test_vasp_error_is_told_whatever_its_status(tmp_path):
    engine = create(vasp_section(tmp_path))
    (tmp_path / "screen.txt").write_text(" |     VERY BAD NEWS! internal error in subroutine IBZKPT:   |\n")
    assert engine.complaint(tmp_path) == "VASP: VERY BAD NEWS! internal error in subroutine IBZKPT:"
    (tmp_path / "screen.txt").write_text(" DAV:   1    -0.1E+01   errors in the density are small\n")
    shutil.copy(READERS / "vasp/OUTCAR", tmp_path)
    assert engine.complaint(tmp_path) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("ENCUT = 400 ;", ""), "no ENCUT"),
        (("NCORE = 4", "NSW = 10"), "moves the atoms"),
        (("NCORE = 4", "ML_LMLFF = .TRUE."), "machine-learned"),
    ],
)
def test_vasp_files_are_refused_before_the_first_frame(tmp_path, change, message):
    with pytest.raises(UserError, match=message):
        create(vasp_section(tmp_path, INCAR.replace(*change), command=["true"])).check(["Te", "O"])


def test_vasp_needs_no_kpoints_where_incar_has_the_spacing(tmp_path):
    section = vasp_section(tmp_path, command=["true"]) | {"kpoints": None}
    with pytest.raises(UserError, match="kpoints is missing, and INCAR has no KSPACING"):
        create(section).check(["Te", "O"])
    spacing = vasp_section(tmp_path, INCAR + "\nKSPACING = 0.3\n", command=["true"]) | {"kpoints": None}
    engine = create(spacing)
    engine.check(["Te", "O"])
    assert engine.values()["INCAR/KSPACING"] == "0.3" and "KPOINTS" not in engine.values()
    assert not (prepared(spacing, frame_of(3, 12), tmp_path / "run") / "KPOINTS").exists()
    # Nor does the check of the configuration ask for it.
    study = {
        "labels": spacing | {"spins": {}, "budget": None}, "glass": {}, "selection": {"strategy": "variance"},
        "potential": {"e0": "fitted", "variants": ["optimal"]},
        "active_learning": {"validation": "cross_validation", "holdout_fraction": 0.2},
    }  # fmt: skip
    assert list(labels.problems(study)) == []
    assert list(labels.problems(study | {"labels": study["labels"] | {"potcars": {}}}))


def test_vasp_potcars_are_checked(tmp_path):
    section = vasp_section(tmp_path, command=["true"])
    with pytest.raises(UserError, match="names no file for Si"):
        create(section).check(["Si"])
    section["potcars"]["O"] = section["potcars"]["Te"]
    with pytest.raises(UserError, match="is of Te"):
        create(section).check(["O"])


# --- commands and runs


def test_command_of_the_user_is_never_given_to_a_shell(tmp_path):
    section = {
        "engine": "command",
        "command": ["echo", "$(touch hacked); {input}", "{output}"],
        "method": {"method": "none"},
    }
    engine = create(section)
    engine.check([])
    running.run(engine, tmp_path)
    assert (tmp_path / "screen.txt").read_text() == "$(touch hacked); input.extxyz output.extxyz\n"
    assert not (tmp_path / "hacked").exists()


def test_launcher_gets_ranks_and_threads(tmp_path):
    section = cp2k_section(tmp_path, command=["env", "-n", "{ranks}", "x{threads}"], ranks=4, threads=2)
    assert create(section).command() == ["env", "-n", "4", "x2", "-i", "label.inp"]


def test_absent_program_is_one_message(tmp_path):
    with pytest.raises(UserError, match="there is no program no-such-mpiexec"):
        create(cp2k_section(tmp_path, command=["no-such-mpiexec", "cp2k"])).check(["H"])
    engine = create(vasp_section(tmp_path))
    with pytest.raises(UserError, match="no program vasp_std or vasp_gam or vasp is on PATH"):
        engine.check(["O"])


def test_program_that_tells_no_version_is_one_message(tmp_path):
    section = cp2k_section(tmp_path, command=["echo", "error while loading shared libraries"])
    del section["version"]
    with pytest.raises(UserError, match="does not tell the version of cp2k; it prints: error while loading"):
        create(section).settings()


def test_other_number_of_ranks_is_refused(tmp_path):
    text = " GLOBAL| Total number of message passing processes                             1"
    section = cp2k_section(tmp_path, ranks=4, command=["echo", f"{text}\n{text}"])
    with pytest.raises(UserError, match="ran on 1 MPI ranks, 4 were asked for"):
        running.run(create(section), tmp_path)
    running.run(create(section | {"ranks": 1}), tmp_path)


def program(folder, text):
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"engine": "command", "command": [str(path), "{input}", "{output}"], "method": {"a": "b"}}


def test_ways_to_end_are_told_apart(tmp_path):
    with pytest.raises(LabelFailed, match="status 3: out of luck"):
        running.run(create(program(tmp_path, "echo out of luck; exit 3")), tmp_path)
    with pytest.raises(ProgramKilled, match="SIGKILL"):
        running.run(create(program(tmp_path, "kill -9 $$")), tmp_path)
    with pytest.raises(ProgramKilled, match="no space left"):
        running.run(create(program(tmp_path, "echo No space left on device; exit 1")), tmp_path)
    with pytest.raises(UserError, match="cannot run here"):
        running.run(create(program(tmp_path, "echo x: error while loading shared libraries: y; exit 127")), tmp_path)
    with pytest.raises(LabelFailed, match=r"more than 0\.2 s"):
        running.run(create(program(tmp_path, "exec sleep 30")), tmp_path, max_seconds=0.2)


def test_engines_keep_what_they_name(tmp_path):
    assert shutil.which("true")
    with pytest.raises(UserError, match=r"labels.engine is 'gaussian'; known: cp2k, espresso, vasp, command"):
        create({"engine": "gaussian"})
    with pytest.raises(UserError, match=r"labels.template is missing"):
        create({"engine": "cp2k", "version": "1"}).settings()
    with pytest.raises(UserError, match="cannot be read"):
        create({"engine": "espresso", "template": str(tmp_path / "absent"), "version": "1"}).settings()
    with pytest.raises(UserError, match=r"does not contain .output."):
        create({"engine": "command", "command": ["true", "{input}"], "method": {"a": "b"}}).check([])
    with pytest.raises(UserError, match=r"labels.method is missing"):
        create({"engine": "command", "command": ["true", "{input}", "{output}"]}).check([])
