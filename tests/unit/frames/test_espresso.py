"""Readers of Quantum ESPRESSO, on real runs of pw.x and cp.x."""

import gzip
from itertools import pairwise

import numpy as np
import pytest
from ase.io import iread
from reading import FIXTURES, frames_of

from gapglass.base.errors import UserError
from gapglass.frames.readers import families


@pytest.mark.parametrize("name", ["md.out.gz", "vcmd.out.gz"])
def test_pw_against_the_reader_of_ase(tmp_path, name):
    (tmp_path / "pw.out").write_bytes(gzip.decompress((FIXTURES / "espresso" / name).read_bytes()))
    found, source = frames_of(FIXTURES / "espresso" / name)
    assert source.format == "espresso_pw" and not source.dropped
    others = list(iread(tmp_path / "pw.out", ":", format="espresso-out"))
    assert len(found) == len(others) == (5 if name == "md.out.gz" else 4)
    for raw, atoms in zip(found, others, strict=True):
        other = families.from_atoms(atoms)
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
    # These are the cell (Å) and the fractional positions of the input; the columns of .cel are the cell vectors.
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
