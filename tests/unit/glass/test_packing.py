"""Packed start configurations: composition, density, no overlaps, and cells in which no packing is possible."""

import pytest
from quenching import SETTINGS, SPECIES

from gapglass.base.errors import UserError
from gapglass.base.units import AMU_PER_A3_IN_G_PER_CM3
from gapglass.frames import geometry
from gapglass.glass import packing

CLOSEST = {"O-O": 2.3, "O-Te": 1.75, "Te-Te": 2.9}


def test_packing_has_the_density_and_no_overlap(tmp_path):
    packing.pack(tmp_path / "packed.data", 96, SETTINGS, CLOSEST, seed=3)
    atoms = packing.read_data(tmp_path / "packed.data", SPECIES)
    assert atoms.get_chemical_formula() == "O64Te32"
    density = atoms.get_masses().sum() / atoms.get_volume() * AMU_PER_A3_IN_G_PER_CM3
    assert density == pytest.approx(5.0, rel=1e-3)
    assert geometry.closest_distance(atoms) > 1.5
    packing.pack(tmp_path / "again.data", 96, SETTINGS, CLOSEST, seed=3)
    assert (tmp_path / "again.data").read_text() == (tmp_path / "packed.data").read_text()


def test_packing_too_dense_or_too_small_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"glass\.density 60\.0 g/cm³ is too high"):
        packing.pack(
            tmp_path / "packed.data", 600, SETTINGS | {"density": 60.0, "closest_fraction": 0.8}, CLOSEST, seed=3
        )
    with pytest.raises(UserError, match="too small to pack"):
        packing.pack(tmp_path / "packed.data", 6, SETTINGS, CLOSEST, seed=3)
