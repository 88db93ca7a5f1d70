"""Readers of VASP, on four files of the same four steps; the force field predicted the second step."""

from pathlib import Path

import ase
import numpy as np
import pytest
from ase.io import iread, read
from reading import FIXTURES, frames_of

from gapglass.base.errors import UserError
from gapglass.base.units import tensor
from gapglass.frames.readers import families


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
    # ASE cannot read the step of the force field.
    text = (FIXTURES / "vasp/vasprun.xml").read_text()
    parts = text.split(" <calculation>")
    (tmp_path / "vasprun.xml").write_text(" <calculation>".join([parts[0], parts[1], *parts[3:]]))
    found, _ = frames_of(FIXTURES / "vasp/vasprun.xml")
    for raw, atoms in zip(found, iread(tmp_path / "vasprun.xml", ":", format="vasp-xml"), strict=True):
        other = families.from_atoms(atoms)
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
    other = families.from_atoms(read(path, format=form))
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


def test_steps_that_may_not_be_converged_are_reported(tmp_path):
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
