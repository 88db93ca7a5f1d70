"""Isolated atoms of a data set: recognised in any spelling, kept apart from the frames, their energies are e0."""

import logging

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from conftest import ROOT
from reading import SETTINGS, entry

from gapglass.base.errors import UserError
from gapglass.frames import isolated, store, trajectory

ISOLATED = ROOT / "tests/data/faults/isolated-atoms/iso.extxyz"


@pytest.fixture
def run(tmp_path, blyp_frames):
    """Function that imports twelve frames with further ones."""

    def run(*more, e0="fitted", settings=None):
        frames = [frame.copy() for frame in blyp_frames[:12]]
        write(tmp_path / "run.extxyz", [*frames[:5], *more, *frames[5:]], format="extxyz")
        return trajectory.import_frames([entry(tmp_path / "run.extxyz")], SETTINGS | (settings or {}), e0)

    return run


def alone(symbol="Te", energy=-223.1, cell=14.0, pbc=True, **info):
    """Return an isolated atom with REF_energy only."""
    atom = Atoms(symbol, positions=[[1, 2, 3]], cell=None if cell is None else [cell] * 3, pbc=pbc)
    atom.info = {"REF_energy": energy, **info}
    return atom


def test_isolated_atoms_are_no_frames_and_give_e0(tmp_path, blyp_frames):
    write(tmp_path / "run.extxyz", blyp_frames[:12], format="extxyz")
    both = [entry(tmp_path / "run.extxyz"), entry(ISOLATED, name="iso", role="extra")]
    frames, table, summary = trajectory.import_frames(both, SETTINGS | {"max_rejected_fraction": 0})
    assert len(frames) == len(table) == summary["n_frames"] == summary["n_virials"] == 12 and summary["virials"]
    assert summary["isolated_atom_energies"] == {"O": -432.0, "Te": -223.1} and summary["n_isolated"] == 2
    assert summary["trajectories"] == {"run": 12, "iso": 0} and summary["n_atoms"] == [48]


@pytest.mark.parametrize(
    "atom",
    [
        alone(),
        alone(cell=None, pbc=False),
        alone(pbc=False),
        alone(pbc=[True, True, False]),
        alone(config_type="IsolatedAtom"),
        alone(cell=None, pbc=False, tag="isolated_atom"),
        alone(config_type="isolated atom"),
        alone(isolated_atom=True),
    ],
)
def test_recognised_with_and_without_cell_periodicity_tag_and_forces(run, atom):
    for forces in (False, True):
        if forces:
            atom = atom.copy()
            atom.arrays["REF_forces"] = np.zeros((1, 3))
        frames, _, summary = run(atom)
        assert len(frames) == 12 and summary["isolated_atom_energies"] == {"Te": -223.1} and not summary["rejected"]


def test_labels_of_ases_calculator(tmp_path, blyp_frames):
    frames = []
    for frame in blyp_frames[:12]:
        bare = Atoms(frame.numbers, positions=frame.positions, cell=frame.cell, pbc=True)
        bare.calc = SinglePointCalculator(bare, energy=frame.info["REF_energy"], forces=frame.arrays["REF_forces"])
        frames.append(bare)
    atom = Atoms("O", positions=[[0, 0, 0]])
    atom.calc = SinglePointCalculator(atom, energy=-432.0)
    write(tmp_path / "run.traj", [atom, *frames])
    found, _, summary = trajectory.import_frames([entry(tmp_path / "run.traj")], SETTINGS)
    assert len(found) == 12 and summary["isolated_atom_energies"] == {"O": -432.0}


@pytest.mark.parametrize(
    ("atom", "reason"),
    [
        (alone(cell=4.0, config_type="IsolatedAtom"), "a periodic image 4.00 Å away"),
        (alone(energy=np.nan), "an isolated atom without an energy"),
        (
            Atoms("TeO", positions=[[0, 0, 0], [2, 0, 0]], info={"t": "isolated_atom", "REF_energy": -1.0}),
            "but 2 atoms",
        ),
    ],
)
def test_contradictory_isolated_atom_is_rejected(run, atom, reason):
    _, _, summary = run(atom)
    assert reason in summary["rejected"][0]["reasons"][0] and not summary["isolated_atom_energies"]


def test_force_on_an_atom_alone_is_a_contradiction(run):
    atom = alone()
    atom.arrays["REF_forces"] = np.array([[0.0, 0.3, 0.0]])
    assert "a force of 0.3 eV/Å on an isolated atom" in run(atom)[2]["rejected"][0]["reasons"][0]


def test_crystal_with_one_atom_in_its_cell_is_a_frame():
    assert not isolated.is_isolated(alone(cell=3.2)) and isolated.is_isolated(alone(cell=6.5))
    skewed = Atoms("Te", cell=[[7, 0, 0], [6.5, 2, 0], [0, 0, 9]], pbc=True)
    assert isolated.image_distance(skewed) == pytest.approx(np.hypot(0.5, 2))


def test_two_energies_of_one_species_are_refused_with_both(run):
    run(alone(), alone())
    with pytest.raises(
        UserError, match=r"isolated atoms of Te have different energies: -223.100000 eV .*-224.000000 eV"
    ):
        run(alone(), alone(energy=-224.0))


def test_difference_from_e0_of_the_configuration_is_refused_with_both(run):
    run(alone(), e0={"Te": -223.1004, "O": -432.0})
    with pytest.raises(
        UserError, match=r"potential.e0.Te is -223.500000 eV, but the isolated atom of Te .*-223.100000 eV"
    ):
        run(alone(), e0={"Te": -223.5, "O": -432.0})


def test_atom_of_an_element_that_no_frame_holds_is_left_out(run, caplog):
    with caplog.at_level(logging.WARNING, "gapglass"):
        assert run(alone("Si", -100.0), alone())[2]["isolated_atom_energies"] == {"Te": -223.1}
    assert "isolated atom of Si is left out" in caplog.text


def test_file_of_isolated_atoms(tmp_path):
    made = isolated.frames({"O": -432.0, "Te": -223.1})
    store.write_frames(tmp_path / "isolated.extxyz", made)
    read = store.read_frames(tmp_path / "isolated.extxyz")
    assert [(str(a.symbols), a.info["REF_energy"]) for a in read] == [("O", -432.0), ("Te", -223.1)]
    assert all(isolated.is_isolated(atom) and isolated.tagged(atom) for atom in read)
    store.write_frames(tmp_path / "none.extxyz", isolated.frames({}))
    assert (tmp_path / "none.extxyz").read_text() == ""
