"""Reader of LAMMPS, on one run in metal and in real units; its log has a pressure without the motion as well."""

import shutil

import numpy as np
import pytest
from ase.io import read
from reading import FIXTURES, SETTINGS, entry, frames_of

from gapglass.base.errors import UserError
from gapglass.base.units import tensor, virial_from_pressure
from gapglass.frames import geometry, trajectory


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
        # One dump has unwrapped positions, the other scaled and wrapped ones.
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
