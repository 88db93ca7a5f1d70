"""Labels of a guide: energy and forces of a cheap method are read beside the labels and never taken for them."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect
from ase.io import write
from reading import SETTINGS, entry, frames_of
from test_label_families import labelled

from gapglass.base.errors import UserError
from gapglass.frames import inspection, labels, readers, store, trajectory
from gapglass.frames.readers import label_names

FORCES = np.arange(12.0).reshape(4, 3) / 10


def guided(**changes):
    """Return a frame of four atoms with labels REF_* and those of a guide; None takes a key away."""
    keys = {"REF_energy": -30.0, "guide_energy": -7.5, "guide_forces": FORCES, **changes}
    atoms = labelled({}, {"REF_forces": 0.1})
    for key, value in keys.items():
        if value is not None:
            (atoms.arrays if np.ndim(value) == 2 else atoms.info)[key] = value
    return atoms


def written(tmp_path, atoms):
    write(tmp_path / "run.extxyz", atoms, format="extxyz")
    return tmp_path / "run.extxyz"


def with_guide(frames, keys=("guide_energy", "guide_forces")):
    """Return copies of frames with a guide: the labels halved and shifted."""
    copies = [frame.copy() for frame in frames]
    for copy in copies:
        copy.info[keys[0]] = copy.info["REF_energy"] / 2 + 1.0
        copy.arrays[keys[1]] = copy.arrays["REF_forces"] / 2
    return copies


def test_guide_is_read_beside_the_labels(tmp_path):
    (raw,), source = frames_of(written(tmp_path, guided()))
    assert raw.energies == {"REF_energy": -30.0} and np.all(raw.forces == 0.1)
    assert raw.guide_energy == -7.5
    np.testing.assert_allclose(raw.guide_forces, FORCES)
    assert not source.notes and not raw.faults


def test_a_frame_without_guide_has_none(tmp_path):
    (raw,), _ = frames_of(written(tmp_path, guided(guide_energy=None, guide_forces=None)))
    assert raw.guide_energy is None and raw.guide_forces is None


def test_guide_is_no_family_of_labels():
    assert label_names.label_keys(guided()) == {"ref": {"REF_energy": "energy", "REF_forces": "forces"}}


def test_guide_forces_do_not_complete_an_energy(tmp_path):
    """Forces of a family that the labels lack cause a refusal with the keys to paste; those of the guide do not."""
    atoms = guided()
    del atoms.arrays["REF_forces"]
    (raw,), _ = frames_of(written(tmp_path, atoms))
    assert raw.energies == {"REF_energy": -30.0} and raw.forces is None
    assert (
        "no forces (REF_forces, or forces in ASE's calculator)"
        in trajectory._reasons_to_reject(entry(tmp_path / "run.extxyz"), raw, labels.labels(raw), SETTINGS)[0]
    )


def test_guide_alone_is_no_label_and_is_not_proposed(tmp_path):
    atoms = guided(REF_energy=None)
    del atoms.arrays["REF_forces"]
    (raw,), _ = frames_of(written(tmp_path, atoms))
    assert not raw.energies and raw.forces is None and not raw.faults


def test_guide_beside_the_calculator_of_ase(tmp_path):
    atoms = labelled({"guide_energy": -7.5}, {}, {"energy": -29.0, "forces": np.ones((4, 3))})
    atoms.arrays["guide_forces"] = FORCES
    (raw,), _ = frames_of(written(tmp_path, atoms))
    assert raw.energies == {"energy": -29.0} and np.all(raw.forces == 1.0)
    assert raw.guide_energy == -7.5


def test_named_guide_in_other_units(tmp_path):
    atoms = guided(guide_energy=None, guide_forces=None, e_cheap=-0.25, f_cheap=FORCES)
    (raw,), source = frames_of(
        written(tmp_path, atoms),
        keys={"guide_energy": "e_cheap", "guide_forces": "f_cheap"},
        key_units={"guide_energy": "Hartree", "guide_forces": "Hartree/Bohr"},
    )
    assert raw.energies == {"REF_energy": -30.0}  # `keys` with the guide alone leaves the labels
    assert raw.guide_energy == pytest.approx(-0.25 * units.Hartree, rel=1e-6)
    np.testing.assert_allclose(raw.guide_forces, FORCES * units.Hartree / units.Bohr, rtol=1e-6)
    assert not source.notes


def test_named_labels_keep_the_guide_under_its_own_name(tmp_path):
    (raw,), _ = frames_of(written(tmp_path, guided()), keys={"energy": "REF_energy", "forces": "REF_forces"})
    assert raw.energies == {"energy": -30.0} and raw.guide_energy == -7.5


def test_calculator_of_ase_as_guide_of_other_labels(tmp_path):
    atoms = labelled({"REF_energy": -30.0}, {"REF_forces": 0.1}, {"energy": -7.5, "forces": FORCES})
    (raw,), _ = frames_of(written(tmp_path, atoms), keys={"guide_energy": "energy", "guide_forces": "forces"})
    assert raw.energies == {"REF_energy": -30.0} and raw.guide_energy == -7.5
    np.testing.assert_allclose(raw.guide_forces, FORCES)


@pytest.mark.parametrize(
    "keys",
    [
        {"guide_energy": "REF_energy", "guide_forces": "REF_forces"},
        {"energy": "guide_energy", "forces": "REF_forces"},
        {"energy": "REF_energy", "forces": "guide_forces"},
    ],
)
def test_a_key_is_not_label_and_guide_at_once(tmp_path, keys):
    with pytest.raises(UserError, match=r"is the label \w+ and guide_\w+ at once"):
        frames_of(written(tmp_path, guided()), keys=keys)


def test_units_that_the_file_states(tmp_path):
    """A unit of the guide is that of the guide alone; a general one is that of both."""
    (raw,), source = frames_of(written(tmp_path, guided(guide_energy_unit="Hartree")))
    assert raw.energies == {"REF_energy": -30.0}
    assert raw.guide_energy == pytest.approx(-7.5 * units.Hartree, rel=1e-6)
    assert any("no unit of" in note and "guide_forces" in note for note in source.notes)
    (raw,), _ = frames_of(written(tmp_path, guided(energy_unit="Hartree")))
    assert raw.energies["REF_energy"] == pytest.approx(-30.0 * units.Hartree, rel=1e-6)
    assert raw.guide_energy == pytest.approx(-7.5 * units.Hartree, rel=1e-6)


def test_other_keys_of_the_guide_are_noted(tmp_path):
    (raw,), source = frames_of(written(tmp_path, guided(guide_virial=np.arange(9.0))))
    assert raw.virial is None
    assert source.notes == [
        "not read: guide_virial. Of a guide, guide_energy and guide_forces are read, or the keys that `keys` names "
        "for them"
    ]


@pytest.mark.parametrize("ending", ["traj", "db", "json"])
def test_files_of_ase(tmp_path, ending):
    """A .traj has the forces of the guide in info, a database in the data of the row."""
    atoms = labelled()
    atoms.calc = SinglePointCalculator(atoms, energy=-29.0, forces=np.ones((4, 3)))
    path = tmp_path / f"run.{ending}"
    if ending == "traj":
        atoms.info |= {"guide_energy": -7.5, "guide_forces": FORCES}
        write(path, atoms)
    else:
        with connect(path, use_lock_file=False) as database:
            database.write(atoms, guide_energy=-7.5, data={"guide_forces": FORCES})
    (raw,), _ = frames_of(path)
    assert raw.energies == {"energy": -29.0} and np.all(raw.forces == 1.0)
    assert raw.guide_energy == -7.5
    np.testing.assert_allclose(raw.guide_forces, FORCES)


def test_canonical_frames_carry_the_guide(tmp_path, blyp_frames):
    frames = with_guide(blyp_frames[:12]) + [frame.copy() for frame in blyp_frames[12:20]]
    for frame in frames:
        frame.positions += frame.cell[0]  # wrapped positions have the same forces
    imported, table, summary = trajectory.import_frames(
        [entry(written(tmp_path, frames))], SETTINGS | {"positions": "wrapped"}
    )
    assert summary["guide"] == 12 and table["guide"].tolist() == [True] * 12 + [False] * 8
    offsets = store.write_frames(tmp_path / "out.extxyz", imported)
    back = store.read_frames(tmp_path / "out.extxyz", range(20), offsets)
    for frame, original in zip(back[:12], blyp_frames, strict=False):
        assert frame.info["guide_energy"] == pytest.approx(original.info["REF_energy"] / 2 + 1.0, abs=1e-9)
        np.testing.assert_allclose(frame.arrays["guide_forces"], original.arrays["REF_forces"] / 2, atol=1e-7)
        np.testing.assert_allclose(frame.arrays["REF_forces"], original.arrays["REF_forces"], atol=1e-7)
    assert not any("guide_energy" in frame.info or "guide_forces" in frame.arrays for frame in back[12:])


def test_training_files_of_gap_fit_hold_no_guide(tmp_path, blyp_frames):
    imported, *_ = trajectory.import_frames([entry(written(tmp_path, with_guide(blyp_frames[:12])))], SETTINGS)
    store.write_frames(tmp_path / "train.extxyz", imported, keys=["REF_energy", "REF_virial"])
    assert "guide" not in (tmp_path / "train.extxyz").read_text()


def test_frames_without_guide_say_so(tmp_path, blyp_frames):
    _, table, summary = trajectory.import_frames([entry(written(tmp_path, blyp_frames[:12]))], SETTINGS)
    assert summary["guide"] == 0 and not table["guide"].any()


def no_guide_forces(frame):
    del frame.arrays["guide_forces"]


def no_guide_energy(frame):
    del frame.info["guide_energy"]


def nan_energy(frame):
    frame.info["guide_energy"] = np.nan


def text_energy(frame):
    frame.info["guide_energy"] = "n/a"


def many_energies(frame):
    frame.info["guide_energy"] = [1.0, 2.0]


def infinite_force(frame):
    frame.arrays["guide_forces"][4, 1] = np.inf


def huge_force(frame):
    frame.arrays["guide_forces"][4, 1] = 500.0


def one_number_per_atom(frame):
    frame.arrays["guide_forces"] = np.ones(48)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (no_guide_forces, "a guide energy without guide forces (a guide has both)"),
        (no_guide_energy, "guide forces without a guide energy (a guide has both)"),
        (nan_energy, "a guide energy that is not a finite number"),
        (text_energy, "a guide energy that is not a finite number"),
        (many_energies, "a guide energy that is not a finite number"),
        (infinite_force, "guide forces that are not finite numbers"),
        (huge_force, "a guide force of 500.0 eV/Å, above import.max_force"),
        (one_number_per_atom, "guide forces of the shape (48,), which are not three numbers per atom"),
    ],
)
def test_frames_with_a_broken_guide_are_rejected(tmp_path, blyp_frames, spoil, reason):
    frames = with_guide(blyp_frames[:20])
    spoil(frames[3])
    imported, _, summary = trajectory.import_frames([entry(written(tmp_path, frames))], SETTINGS)
    assert len(imported) == summary["guide"] == 19
    assert summary["rejected"] == [{"trajectory": "run", "source_index": 3, "reasons": [reason]}]


@pytest.mark.parametrize("absent", ["e_cheap", "f_cheap"])
def test_a_named_key_that_no_frame_has_is_refused(tmp_path, blyp_frames, absent):
    frames = with_guide(blyp_frames[:12], ("e_cheap", "f_cheap"))
    for frame in frames:
        frame.info.pop(absent, None)
        frame.arrays.pop(absent, None)
    keys = {"guide_energy": "e_cheap", "guide_forces": "f_cheap"}
    with pytest.raises(UserError, match=f"has '{absent}', which keys.guide_.* names; mend `keys`.*REF_forces"):
        trajectory.import_frames([entry(written(tmp_path, frames), keys=keys)], SETTINGS)


def test_the_guide_of_an_isolated_atom_needs_no_forces(tmp_path, blyp_frames):
    atom = Atoms("Te", cell=[20.0] * 3, pbc=True)
    atom.info = {"REF_energy": -223.1, "guide_energy": -3.0}
    path = written(tmp_path, with_guide(blyp_frames[:12]))
    write(tmp_path / "atom.extxyz", atom, format="extxyz")
    imported, _, summary = trajectory.import_frames(
        [entry(path), entry(tmp_path / "atom.extxyz", name="atom")], SETTINGS
    )
    assert len(imported) == 12 and summary["isolated_atom_energies"] == {"Te": -223.1}


def test_inspect_lists_the_guide_apart_from_the_labels(tmp_path):
    found = inspection.inspect(readers.source_of(entry(written(tmp_path, guided()))))
    assert found["guide"] == {"guide_energy": 1, "guide_forces": 1}
    assert set(found["label_keys"]) == {"REF_energy", "REF_forces"}
    text = inspection.text(found)
    assert "guide_energy in 1 of 1 frames, guide_forces in 1 of 1 frames: never a label" in text
    assert "NOT USED" not in text
