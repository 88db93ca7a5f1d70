"""Reader of CP2K, on a real run with strides of 1 and 2, killed after step 6 and restarted from step 4."""

import numpy as np
import pytest
from reading import FIXTURES, SETTINGS, copied, entry, frames_of

from gapglass.base.errors import UserError
from gapglass.frames import readers, trajectory

WATER = FIXTURES / "cp2k/water-pos-1.xyz"


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
        np.testing.assert_allclose(raw.forces.sum(axis=0), 0, atol=0.2)  # except for the grid
    assert found[0].energies["free_energy"] == pytest.approx(-17.067155298 * 27.2113862)
    assert found[0].forces[0, 1] == pytest.approx(-0.1094127665 * 51.4220675)
    assert found[3].temperature_k == pytest.approx(1541.531917633)  # that of the restart
    np.testing.assert_allclose(found[0].atoms.cell[1], [0.3, 4.0, 0.0])
    assert found[4].atoms.cell[0, 0] == pytest.approx(4.2490554745)  # the cell changes
    # To second order, the work of the forces between two steps is the change of the energy.
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
        place = text.index(".", text.index("  O   ", text.rindex(" i =        6"))) - 1
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
