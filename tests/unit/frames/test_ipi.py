"""Reader of i-PI, on a real run with the forces of ASE's EMT, which each test computes again."""

import shutil

import numpy as np
import pytest
from ase.calculators.emt import EMT
from reading import FIXTURES, copied, frames_of

from gapglass.base.errors import UserError


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
