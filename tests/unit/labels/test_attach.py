"""Frames with the labels of sets: what becomes the guide, what has no label, and what is refused."""

from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from label_frames import SETTINGS, frame_of, label_of

from gapglass.base.errors import UserError
from gapglass.base.files import write_json
from gapglass.frames import trajectory
from gapglass.frames.store import read_frames, write_frames
from gapglass.labels import attach, places, status
from gapglass.labels import settings as label_settings
from gapglass.labels.sets import LabelSet
from gapglass.labels.store import Store

ENTRY = {
    "name": "cheap", "format": "auto", "companions": {}, "where": {}, "start": 0, "stop": None, "stride": 1,
    "role": "reference", "temperature": None, "temperature_key": "temperature", "interval": 10, "weight": 1.0,
    "weight_key": None, "sigma_factors": {"energy": 1.0, "force": 1.0, "virial": 1.0}, "keys": {}, "units": {},
}  # fmt: skip
CHECKS = {"energy_source": "auto", "max_force": 100.0, "min_distance": 0.0, "max_rejected_fraction": 0.0}


def spaced(seed):
    """Return a frame whose atoms are far enough apart for the checks of an import."""
    rng = np.random.default_rng(seed)
    grid = np.array([[i, j, k] for i in range(2) for j in range(2) for k in range(3)]) * [3.0, 3.0, 2.0]
    return Atoms(["Te", "O", "O"] * 4, positions=grid + rng.uniform(-0.3, 0.3, (12, 3)), cell=[6, 6, 6], pbc=True)


@pytest.fixture
def cheap(tmp_path):
    """Twelve frames with the labels of a cheap method, in a file, and the import of that file."""
    frames = [spaced(seed) for seed in range(12)]
    for number, frame in enumerate(frames):
        frame.info = {"REF_energy": -1.0 - number, "temperature": 300.0, "REF_virial": np.eye(3) * 7}
        frame.arrays["REF_forces"] = np.full((12, 3), 0.1)
    path = tmp_path / "cheap.extxyz"
    write_frames(path, frames)

    def imported():
        return trajectory.import_frames([ENTRY | {"file": str(path)}], CHECKS)

    return SimpleNamespace(frames=frames, imported=imported, folder=tmp_path)


def labelled(cheap, numbers, extra=(), name="better", settings=SETTINGS):
    """Return a set with labels of some frames, and of further ones."""
    store = Store(cheap.folder / name).of(settings)
    for number in numbers:
        store.put(cheap.frames[number], label_of(cheap.frames[number], energy=-100.0 - number))
    for frame, energy, info in extra:
        store.put(frame, label_of(frame, energy=energy) if len(frame) > 1 else alone(frame, energy), info)
    return store.folder


def alone(frame, energy):
    label = label_of(frame, energy=energy, virial=None)
    label.forces = np.zeros((1, 3))
    return label


def test_labels_of_the_trajectory_become_the_guide_and_only_labelled_frames_have_an_energy(cheap):
    folder = labelled(cheap, [0, 3])
    frames, table, summary = attach.attach(*cheap.imported(), [LabelSet(folder)])
    assert table["labelled"].tolist() == [True, False, False, True, *[False] * 8]
    for number, frame in enumerate(frames):
        assert frame.info["guide_energy"] == -1.0 - number and np.all(frame.arrays["guide_forces"] == 0.1)
        assert ("REF_energy" in frame.info) == (number in (0, 3)) == ("REF_forces" in frame.arrays)
        assert ("REF_virial" in frame.info) == (number in (0, 3))
    assert frames[3].info["REF_energy"] == -103.0 and np.allclose(frames[3].info["REF_virial"], np.diag([1, 2, 3]))
    assert np.allclose(table["energy_ev"].dropna(), [-100, -103]) and table["energy_ev"].isna().sum() == 10
    assert table["energy_ev_per_atom"].isna().tolist() == [number not in (0, 3) for number in range(12)]
    assert np.allclose(table["guide_energy_ev_per_atom"], [(-1.0 - number) / 12 for number in range(12)])
    assert summary["guide"] == 12 and summary["n_virials"] == 2 and summary["virials"]
    told = summary["labels"]
    assert (told["n_labelled"], told["n_harvested"], told["fingerprint"]) == (2, 0, SETTINGS.fingerprint)
    # Files of frames keep it so.
    write_frames(cheap.folder / "frames.extxyz", frames)
    again = read_frames(cheap.folder / "frames.extxyz")
    assert ["REF_energy" in frame.info for frame in again] == table["labelled"].tolist()
    assert ["REF_forces" in frame.arrays for frame in again] == table["labelled"].tolist()


def test_first_set_that_has_a_frame_gives_its_label(cheap):
    first, second = labelled(cheap, [0]), labelled(cheap, [1], name="other")
    Store(cheap.folder / "other").of(SETTINGS).put(cheap.frames[0], label_of(cheap.frames[0], energy=-7.0))
    frames, _, summary = attach.attach(*cheap.imported(), [LabelSet(first), LabelSet(second)])
    assert [frame.info.get("REF_energy") for frame in frames[:2]] == [-100.0, -101.0]
    assert summary["labels"]["n_labelled"] == 2
    frames, _, summary = attach.attach(*cheap.imported(), [LabelSet(second), LabelSet(first)])
    assert frames[0].info["REF_energy"] == -7.0
    # The label that is not taken does not come back as a harvested frame.
    assert len(frames) == 12 and summary["labels"]["n_harvested"] == 0


def test_labelled_frames_of_no_trajectory_are_harvested(cheap):
    more = [(spaced(50 + n), -50.0 - n, {"temperature": 1500.0}) for n in range(3)]
    folder = labelled(cheap, [2], more)
    frames, table, summary = attach.attach(*cheap.imported(), [LabelSet(folder)])
    assert summary["trajectories"] == {"cheap": 12, "harvested": 3} and summary["n_frames"] == 15
    assert summary["temperatures_k"] == [300.0, 1500.0]
    part = table.tail(3)
    assert (part["trajectory"] == "harvested").all() and (part["role"] == "extra").all() and part["labelled"].all()
    assert part["frame"].tolist() == [12, 13, 14] and not part["guide"].any()
    assert part["guide_energy_ev_per_atom"].isna().all()
    assert sorted(part["energy_ev"]) == [-52.0, -51.0, -50.0]
    # The place of a harvested frame stays when the set grows.
    places_before = dict(zip(part["energy_ev"], part["source_index"], strict=True))
    assert len(set(places_before.values())) == 3
    labelled(cheap, [4], [(spaced(90), -90.0, {"temperature": 300.0})])
    _, grown, _ = attach.attach(*cheap.imported(), [LabelSet(folder)])
    after = dict(zip(grown["energy_ev"], grown["source_index"], strict=True))
    assert {energy: after[energy] for energy in places_before} == places_before
    assert all("guide_energy" not in frame.info for frame in frames[12:])


def test_isolated_atoms_of_the_sets_give_e0_and_those_of_the_trajectories_do_not(cheap):
    atom = Atoms("Te", positions=[[10, 10, 10]], cell=[20, 20, 20], pbc=True)
    folder = labelled(cheap, [2], [(atom, -222.5, {"config_type": "isolated_atom"})])
    imported = cheap.imported()
    imported[2]["isolated_atom_energies"] = {"Te": -3.0}
    frames, _, summary = attach.attach(*imported, [LabelSet(folder)])
    assert len(frames) == 12 and summary["isolated_atom_energies"] == {"Te": -222.5}
    with pytest.raises(UserError, match=r"potential\.e0\.Te is -3"):
        attach.attach(*cheap.imported(), [LabelSet(folder)], e0={"Te": -3.0})


def test_what_is_refused(cheap):
    elsewhere = labelled(cheap, [], [(frame_of(3), -3.0, {"temperature": 300.0})], name="elsewhere")
    with pytest.raises(UserError, match="no frame of the trajectories has a label"):
        attach.attach(*cheap.imported(), [LabelSet(elsewhere)])
    cold = labelled(cheap, [1], [(spaced(70), -3.0, {})], name="cold")
    with pytest.raises(UserError, match=r"states no temperature \(K\)"):
        attach.attach(*cheap.imported(), [LabelSet(cold)])
    strange = spaced(71)
    strange.symbols[0] = "Si"
    silicon = labelled(cheap, [1], [(strange, -3.0, {"temperature": 300.0})], name="silicon")
    with pytest.raises(UserError, match="holds Si"):
        attach.attach(*cheap.imported(), [LabelSet(silicon)])
    guided = cheap.imported()
    guided[2]["guide"] = 12
    with pytest.raises(UserError, match="labels of a guide"):
        attach.attach(*guided, [LabelSet(silicon)])


def test_trajectories_without_energies_give_geometries_and_no_guide(cheap):
    for frame in cheap.frames[::2]:
        del frame.info["REF_energy"], frame.arrays["REF_forces"], frame.info["REF_virial"]
    write_frames(cheap.folder / "cheap.extxyz", cheap.frames)
    entry = ENTRY | {"file": str(cheap.folder / "cheap.extxyz")}
    with pytest.raises(UserError, match="6 of 12 frames fail the checks"):
        trajectory.import_frames([entry], CHECKS)
    imported = trajectory.import_frames([entry], CHECKS, unlabelled=True)
    frames, table, summary = attach.attach(*imported, [LabelSet(labelled(cheap, [0, 1]))])
    assert len(frames) == 12 and summary["guide"] == 6
    assert table["guide"].tolist() == [False, True] * 6 and table["labelled"].tolist() == [True, True, *[False] * 10]
    assert table["guide_energy_ev_per_atom"].notna().tolist() == table["guide"].tolist()
    assert frames[0].info["REF_energy"] == -100.0 and "guide_forces" not in frames[0].arrays
    # Half a label is a mistake all the same.
    del cheap.frames[1].info["REF_energy"]
    write_frames(cheap.folder / "cheap.extxyz", cheap.frames)
    with pytest.raises(UserError, match="no energy"):
        trajectory.import_frames([entry], CHECKS, unlabelled=True)


def test_frames_to_be_labelled_are_usable_and_have_no_energy(cheap):
    frames, table, summary = attach.as_guide(*cheap.imported(), SETTINGS, virials=True)
    assert table["usable"].all() and not table["labelled"].any() and table["energy_ev"].isna().all()
    assert summary["guide"] == 12 and summary["virials"] and summary["isolated_atom_energies"] == {}
    assert summary["labels"]["fingerprint"] == SETTINGS.fingerprint and summary["labels"]["n_labelled"] is None
    assert not any("REF_energy" in frame.info or "REF_forces" in frame.arrays for frame in frames)
    guided = cheap.imported()
    guided[2]["guide"] = 12
    with pytest.raises(UserError, match="labels of a guide"):
        attach.as_guide(*guided, SETTINGS, virials=True)


def records(cheap, folder, numbers):
    """Write the records of labelling jobs of frames, the last of which failed; return their files."""
    known, paths = LabelSet(folder), []
    for number in numbers:
        found = known.find(cheap.frames[number])
        record = {"state": "failed", "file": None, "number": None, "reason": "it did not converge"}
        if found:
            record = {"state": "computed", "file": str(found.file), "number": found.number, "reason": ""}
        paths.append(cheap.folder / f"{number}.json")
        write_json(paths[-1], record)
    return paths


def test_labels_come_by_the_records_of_their_jobs(cheap):
    folder = labelled(cheap, [0, 3, 5, 7, 8])
    frames, _, _ = attach.as_guide(*cheap.imported(), SETTINGS, virials=True)
    offsets = write_frames(cheap.folder / "frames.extxyz", frames)
    paths = records(cheap, folder, [0, 3, 4, 5, 7, 8])
    found = attach.read_labelled(cheap.folder / "frames.extxyz", [3, 4, 0], offsets, paths)
    assert list(found) == [3, 0]
    assert [frame.info["REF_energy"] for frame in found.values()] == [-103.0, -100.0]
    assert found[3].info["guide_energy"] == -4.0 and np.allclose(found[3].info["REF_virial"], np.diag([1, 2, 3]))
    assert np.allclose(found[0].arrays["REF_forces"], label_of(cheap.frames[0]).forces)
    assert "REF_energy" not in frames[0].info
    assert attach.labelled_among(frames, status.read_records(paths)) == {0, 3, 5, 7, 8}
    assert frames[0].info["REF_energy"] == -100.0 and "REF_energy" not in frames[4].info
    # Without records, the labels are those of the file.
    plain = attach.read_labelled(cheap.folder / "frames.extxyz", [1], offsets, [])
    assert "REF_energy" not in plain[1].info
    # Too many failures, a label that is gone, and one of another geometry stop the study.
    many = records(cheap, folder, [0, 1, 2, 3, 5])
    with pytest.raises(UserError, match="2 of 5 frames got no label"):
        attach.read_labelled(cheap.folder / "frames.extxyz", [0], offsets, many)
    entry = LabelSet(folder).find(cheap.frames[3]).file
    other = LabelSet(folder).find(cheap.frames[0]).file
    entry.write_bytes(other.read_bytes())
    with pytest.raises(UserError, match="does not hold frame 3 any more"):
        attach.read_labelled(cheap.folder / "frames.extxyz", [3], offsets, paths)
    entry.unlink()
    with pytest.raises(UserError, match="is gone"):
        attach.read_labelled(cheap.folder / "frames.extxyz", [3], offsets, paths)


def section(cheap, sets=(), store="none", settings=None):
    return {"engine": "none", "sets": [str(path) for path in sets], "store": str(cheap.folder / store),
            "settings": settings}  # fmt: skip


def test_inputs_of_an_engine_are_its_files():
    labels = {
        "template": "a.inp", "fallback": None, "incar": None, "kpoints": None, "potcars": {"Te": "te/POTCAR"},
        "files": ["label.py"],
    }  # fmt: skip
    assert places.inputs_of(labels) == ["a.inp", "te/POTCAR", "label.py"]
    # Labels that are computed later are no input of the import.
    assert places.files_of(labels | {"engine": "cp2k"}) == []


def test_folders_of_a_study_are_sets_and_store_of_the_same_settings(cheap):
    own, shipped = labelled(cheap, [1], name="labels"), labelled(cheap, [2], name="shipped")
    labels = section(cheap, [shipped], "labels")
    assert places.folders(labels) == [shipped, own]
    names = [path.split("/")[-1] for path in places.files_of(labels)]
    assert names.count("settings.json") == 2 and sum(name.endswith(".extxyz") for name in names) == 2
    assert [one.folder for one in attach.sets_of(labels)] == [shipped, own]
    other = label_settings.Settings("cp2k", "2023.1", {"FUNCTIONAL": "PBE"})
    third = labelled(cheap, [3], name="labels", settings=other)
    with pytest.raises(UserError, match="2 different settings"):
        places.folders(labels)
    assert places.folders(labels | {"settings": other.fingerprint[:8]}) == [third]
    with pytest.raises(UserError, match="no such folder"):
        places.folders(section(cheap, [cheap.folder / "absent"]))
    with pytest.raises(UserError, match="there are no labels"):
        places.folders(section(cheap))
