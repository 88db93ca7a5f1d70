"""Reader of CPMD, on round numbers that were converted by hand."""

import shutil

import numpy as np
import pytest
from reading import FIXTURES, frames_of

from gapglass.base.errors import UserError


def test_cpmd():
    options = {"species": "TeO2", "cell": [5.0, 5.0, 5.0]}
    found, source = frames_of(FIXTURES / "cpmd/TRAJECTORY", **options)
    assert [path.name for path in source.files] == ["TRAJECTORY", "FTRAJECTORY", "ENERGIES"]
    assert [raw.step for raw in found] == [10, 20, 30]
    np.testing.assert_allclose(found[0].atoms.positions[0], [0.529177, 1.058354, 1.587532], atol=1e-6)
    np.testing.assert_allclose(found[0].forces[0], [0.514221, -1.028441, 1.542662], atol=1e-6)
    # The restart wrote the second record of step 20.
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
