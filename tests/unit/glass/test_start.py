"""Starts from frames: repetition, density by moving whole molecules, sizes, and the user's files."""

import numpy as np
import pandas as pd
import pytest
import water
from ase import Atoms
from ase.build import molecule
from ase.io import write
from quenching import SETTINGS, SPECIES

from gapglass.base.errors import UserError
from gapglass.frames import store
from gapglass.frames.geometry import closest_pairs
from gapglass.glass import packing, start

WATER = SETTINGS | {"composition": {"H": 2, "O": 1}, "density": 1.0, "start": "reference"}
CLOSEST = {"H-H": 1.4, "H-O": 0.9, "O-O": 2.4}


@pytest.fixture
def liquid():
    """Eight water molecules in a cubic cell of 1 g/cm³, some of them across its faces."""
    return water.molecules_on_a_grid(8, 1.0, np.random.default_rng(1))


def bonds(atoms):
    """Return the sorted lengths (Å) of all O-H bonds."""
    apart = atoms.get_all_distances(mic=True)
    lengths = apart[np.ix_(atoms.symbols == "O", atoms.symbols == "H")]
    return np.sort(lengths[lengths < 1.2])


def test_molecules_are_whole_across_the_faces_of_the_cell(liquid):
    liquid.wrap()
    positions, number, endless = start.molecules(liquid)
    assert endless == "" and np.bincount(number).tolist() == [3] * 8
    for each in range(8):
        own = positions[number == each]
        assert np.linalg.norm(own - own.mean(axis=0), axis=1).max() < 1.0


@pytest.mark.parametrize("density", [0.7, 1.2])
def test_density_moves_molecules_and_keeps_their_bonds(liquid, density):
    moved = start.at_density(liquid, density)
    assert start.density_of(moved) == pytest.approx(density)
    np.testing.assert_allclose(bonds(moved), bonds(liquid), atol=1e-9)
    assert len(bonds(moved)) == 16


def test_small_change_of_density_scales_the_lengths(liquid):
    moved = start.at_density(liquid, 1.03)
    np.testing.assert_allclose(bonds(moved), bonds(liquid) * (1 / 1.03) ** (1 / 3), rtol=1e-6)


def test_network_is_not_stretched(glass_frame):
    own = start.density_of(glass_frame)
    assert start.density_of(start.at_density(glass_frame, 1.05 * own)) == pytest.approx(1.05 * own)
    with pytest.raises(UserError, match=r"bonded without end \(O\d+Te\d+\).*Give glass\.density between"):
        start.at_density(glass_frame, 1.2 * own)


def test_repetition_makes_the_cell_as_high_as_it_can():
    flat = Atoms("O", positions=[[0, 0, 0]], cell=[3, 6, 6], pbc=True)
    assert start.repeated(flat, 2).cell.lengths().tolist() == [6, 6, 6]
    assert start.repeated(flat, 16).cell.lengths().tolist() == [12, 12, 12]
    assert len(start.repeated(flat, 1)) == 1


def frames_of(tmp_path, atoms, temperatures, roles=None):
    """Write frames of the same atoms with these temperatures as the import does; return both paths."""
    rows, frames = [], []
    for number, temperature in enumerate(temperatures):
        role = (roles or ["reference"] * len(temperatures))[number]
        frame = atoms[number % len(atoms)].copy()
        frame.info = {"frame": number, "role": role, "temperature": temperature}
        frames.append(frame)
        rows.append((number, "t", role, temperature, len(frame), start.density_of(frame), str(frame.symbols)))
    offsets = store.write_frames(tmp_path / "frames.extxyz", frames)
    columns = ["frame", "trajectory", "role", "temperature_k", "n_atoms", "density_g_per_cm3", "formula"]
    pd.DataFrame(rows, columns=columns).assign(offset_bytes=offsets).to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "frames.extxyz", tmp_path / "table.csv"


def test_reference_start_is_of_the_highest_plateau_of_the_reference(tmp_path, liquid):
    paths = frames_of(
        tmp_path,
        [liquid, liquid.repeat((2, 1, 1))],
        [300.0, 300.0, 600.0, 600.0, 900.0, 900.0],
        ["reference"] * 4 + ["extra"] * 2,
    )
    for seed in range(4):
        assert len(start.reference_frame(*paths, 24, WATER["composition"], seed)) == 24
        assert start.reference_frame(*paths, 48, WATER["composition"], seed).info["temperature"] == 600
    with pytest.raises(UserError, match=r"`glass\.sizes` holds 60; allowed.*multiples of the 24 or 48.*use 48 or 72"):
        start.reference_frame(*paths, 60, WATER["composition"], 1)


def test_auto_takes_the_reference_where_it_can_and_tells_why_not(tmp_path, liquid, caplog):
    frames, table = frames_of(tmp_path, [liquid], [300.0, 600.0])
    settings = WATER | {"start": "auto", "density": 0.9}

    def begin(n_atoms, **more):
        target = tmp_path / "packed.data"
        start.write(target, n_atoms, settings | more, CLOSEST, 1, frames=frames, table=table)
        return packing.read_data(target, start.species_order((settings | more)["composition"]))

    assert len(bonds(begin(192))) == 128 and "at random" not in caplog.text
    assert len(bonds(begin(192, start="random"))) < 128  # no whole molecules
    assert len(begin(210)) == 210
    assert "packed at random, not a frame of the reference: `glass.sizes` holds 210; allowed" in caplog.text
    assert begin(192, composition={"H": 1, "O": 1}).get_chemical_formula() == "H96O96"
    assert "no trajectory of HO (glass.composition) has role reference" in caplog.text
    with pytest.raises(UserError, match=r"`glass\.sizes` holds 210"):
        begin(210, start="reference")


def test_start_of_water_has_whole_molecules_and_its_density(tmp_path, liquid):
    start.place(tmp_path / "packed.data", 192, WATER | {"density": 0.9}, liquid, CLOSEST)
    packed = packing.read_data(tmp_path / "packed.data", ["H", "O"])
    assert packed.get_chemical_formula() == "H128O64" and start.density_of(packed) == pytest.approx(0.9, rel=1e-6)
    assert len(bonds(packed)) == 128 and closest_pairs(packed)["H-O"] == pytest.approx(
        closest_pairs(liquid)["H-O"], abs=1e-4
    )
    with pytest.raises(UserError, match=r"in the start of glass\.start reference .* are .* Å apart, below"):
        start.place(tmp_path / "packed.data", 24, WATER | {"density": 6.0}, liquid, CLOSEST)


def test_start_in_a_triclinic_cell_is_the_same_structure(tmp_path, liquid):
    tilted = liquid.copy()
    tilted.set_cell(tilted.cell.array @ [[1, 0, 0], [0.2, 1, 0], [0.1, -0.15, 1]], scale_atoms=True)
    start.place(tmp_path / "packed.data", 24, WATER | {"density": start.density_of(tilted)}, tilted, {})
    packed = packing.read_data(tmp_path / "packed.data", ["H", "O"])
    for pair, distance in closest_pairs(tilted).items():
        assert closest_pairs(packed)[pair] == pytest.approx(distance, abs=1e-4)


def problems(path, **changed):
    return start.problems_of_file(WATER | {"start": str(path), "sizes": [24, 48], "comparison_sizes": None} | changed)


def test_file_is_checked_against_composition_and_sizes(tmp_path, liquid):
    path = tmp_path / "mine.extxyz"
    write(path, [Atoms("O", cell=[5] * 3, pbc=True), liquid])
    assert problems(path) == []
    np.testing.assert_allclose(start.frame_of_file(path).positions, liquid.positions, atol=1e-6)
    assert start.problems_of_file(WATER | {"sizes": [7]}) == []
    (wrong,) = problems(path, sizes=[24, 30])
    assert wrong.startswith("`glass.sizes` holds 30; allowed") and "the 24 atoms of its frame; use 24 or 48" in wrong
    (wrong,) = problems(path, composition={"H": 1, "O": 1})
    assert "holds H16O8" in wrong and "glass.composition is" in wrong
    write(tmp_path / "molecule.extxyz", molecule("H2O"))
    assert "not periodic" in problems(tmp_path / "molecule.extxyz")[0]
    (tmp_path / "text.extxyz").write_text("no frame\n")
    assert "cannot be read as extended XYZ" in problems(tmp_path / "text.extxyz")[0]


def test_packing_too_dense_names_pair_distance_and_limit(tmp_path):
    closest = {"O-O": 2.3, "O-Te": 1.75}
    dense = SETTINGS | {"density": 60.0, "closest_fraction": 0.9}
    with pytest.raises(
        UserError, match=r"after the push-off .* Å apart, below .* Å \(glass\.closest_fraction 0\.9 of"
    ):
        packing.pack(tmp_path / "packed.data", 600, dense, closest, seed=3)
    assert SPECIES == ["O", "Te"]
