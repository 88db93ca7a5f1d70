"""The store of labels: what is found, what is never overwritten, and that no two processes label one frame."""

import json
import lzma
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from io import StringIO

import numpy as np
import pytest
from ase.io import read
from conftest import ROOT
from label_frames import SETTINGS, as_written_elsewhere, frame_of, label_of

from gapglass.base.errors import UserError
from gapglass.labels import claims, matching
from gapglass.labels import settings as label_settings
from gapglass.labels.sets import LabelSet
from gapglass.labels.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "labels").of(SETTINGS)


def test_label_comes_back_as_it_was_stored(store):
    frame = frame_of()
    label = label_of(frame, scf_steps=14, ranks=1, notes=['mean force "0.1" taken off, as ever'])
    store.put(frame, label, {"trajectory": "glass", "step": 1500, "odd": [1, 2]})
    found = Store(store.folder.parent).of(SETTINGS).find(frame)
    assert found.energy == label.energy
    assert np.allclose(found.forces, label.forces, atol=1e-8)
    assert np.allclose(found.virial, label.virial)
    assert np.allclose(found.atoms.positions, frame.positions, atol=1e-8)
    assert (found.info["trajectory"], found.info["step"], found.info["scf_steps"]) == ("glass", 1500, 14)
    assert found.info["code"] == "cp2k 2023.1" and found.info["seconds"] == 12
    assert "mean force" in found.info["notes"]
    assert "odd" not in found.info


def test_frame_is_found_as_another_program_writes_it_and_not_a_neighbour(store):
    frames = [frame_of(seed) for seed in range(30)]
    for number, frame in enumerate(frames):
        store.put(frame, label_of(frame, energy=float(number)))
    for number, frame in enumerate(frames):
        assert store.find(as_written_elsewhere(frame)).energy == number
        other = frame.copy()
        other.positions[3, 1] += 3e-4
        assert store.find(other) is None
        other = frame.copy()
        other.cell[0, 0] += 3e-5
        assert store.find(other) is None
        other = frame[[1, 0, *range(2, len(frame))]]
        assert store.find(other) is None


def test_every_frame_within_the_tolerance_is_found(store):
    """The quick look-up must not pass by a frame that the full comparison accepts."""
    frame = frame_of(n=48, edge=9.0)
    store.put(frame, label_of(frame))
    signs = np.sign(np.sin(1.0 + np.arange(frame.positions.size))).reshape(frame.positions.shape)
    rng = np.random.default_rng(0)
    for _ in range(200):
        moved = frame.copy()
        moved.positions += 0.99e-4 * rng.choice([-1, 1], frame.positions.shape)
        assert store.find(moved) is not None
    moved.positions = frame.positions + 0.99e-4 * signs
    assert store.find(moved) is not None


def test_half_a_digest_of_rounded_numbers_would_miss_frames():
    """A reason for the comparison: the same frame in two roundings has two digests."""
    from gapglass.frames.trajectory import digest

    frames = [frame_of(seed) for seed in range(20)]
    assert any(digest(frame) != digest(as_written_elsewhere(frame)) for frame in frames)
    assert all(matching.same(frame, as_written_elsewhere(frame)) for frame in frames)


def test_second_label_of_a_frame_is_dropped_and_files_are_named_by_the_first(store):
    frame = frame_of()
    first = store.put(frame, label_of(frame, energy=-1.0))
    again = store.put(as_written_elsewhere(frame), label_of(frame, energy=-2.0))
    assert again.energy == -1.0 and again.file == first.file
    assert len(list(store.folder.glob("*.extxyz"))) == 1


def test_file_of_the_user_under_the_name_of_an_entry_stays(store):
    frame = frame_of()
    name = store.put(frame, label_of(frame)).file
    mine = frame_of(7)
    kept = store.folder.parent / "kept"
    shutil.move(name, kept)
    other = store.put(mine, label_of(mine)).file
    shutil.move(other, name)  # a user's file, under the name of the entry to come
    text = name.read_text()
    store.put(frame, label_of(frame))
    assert name.read_text() == text
    assert store.find(frame).file.name == name.name.replace(".extxyz", "-2.extxyz")
    assert store.find(mine).file == name


def test_file_systems_without_hard_links_and_locks(store, monkeypatch):
    from gapglass.labels import store as module

    def refuse(*arguments):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(module.os, "link", refuse)
    monkeypatch.setattr(module.fcntl, "flock", refuse)
    frame = frame_of()
    name = store.put(frame, label_of(frame)).file
    mine = frame_of(7)
    name.unlink()
    shutil.move(store.put(mine, label_of(mine)).file, name)
    text = name.read_text()
    assert store.put(frame, label_of(frame)).file.name == name.name.replace(".extxyz", "-2.extxyz")
    assert name.read_text() == text
    with store.claimed(frame_of(3)) as entry:
        assert entry is None
        assert claims.create(store.folder / "claims", module.digest(frame_of(3)), frame_of(3)) is None
    assert [path for path in store.folder.iterdir() if path.name.startswith(".new")] == []


def test_file_of_the_user_that_is_no_label_is_named(store):
    (store.folder / "notes.extxyz").write_text("to do\n")
    with pytest.raises(UserError, match=r"notes\.extxyz is no complete file of labels"):
        LabelSet(store.folder)
    (store.folder / "notes.extxyz").rename(store.folder / "notes.txt")
    assert len(LabelSet(store.folder)) == 0


def test_half_an_entry_is_never_seen(store, monkeypatch):
    from gapglass.labels import store as module

    def cut(path, frames):
        path.write_text("12\nLattice=")
        raise OSError(28, "No space left on device")

    frame = frame_of()
    monkeypatch.setattr(module, "write_frames", cut)
    with pytest.raises(UserError, match="free space"):
        store.put(frame, label_of(frame))
    assert list(store.folder.glob("*.extxyz")) == []
    monkeypatch.undo()
    assert store.put(frame, label_of(frame)).energy == -10


def test_entries_come_and_go_behind_the_index(store):
    frames = [frame_of(seed) for seed in range(4)]
    for frame in frames[:3]:
        store.put(frame, label_of(frame))
    assert (store.folder / ".index.jsonl").is_file()
    elsewhere = Store(store.folder.parent).of(SETTINGS)
    elsewhere.find(frames[0]).file.unlink()
    store.put(frames[3], label_of(frames[3]))
    elsewhere.refresh()
    assert elsewhere.find(frames[0]) is None
    assert elsewhere.find(frames[3]) is not None
    (store.folder / ".index.jsonl").write_text("{")
    assert len(Store(store.folder.parent).of(SETTINGS)) == 3


def test_index_spares_the_reading_of_entries(store, monkeypatch):
    frames = [frame_of(seed) for seed in range(5)]
    for frame in frames:
        store.put(frame, label_of(frame))
    read_files = []
    original = LabelSet._read
    monkeypatch.setattr(LabelSet, "_read", lambda self, name: read_files.append(name) or original(self, name))
    again = Store(store.folder.parent).of(SETTINGS)
    assert read_files == []
    assert again.find(frames[2]) is not None
    assert len(read_files) == 1


def test_energies_are_those_of_the_composition(store):
    for seed, n in ((1, 12), (2, 12), (3, 24)):
        frame = frame_of(seed, n)
        store.put(frame, label_of(frame, energy=-n * (4.0 + seed)))
    assert sorted(store.energies(frame_of(9, 12))) == [-6, -5]


def test_other_settings_have_another_folder_and_are_told(tmp_path):
    store = Store(tmp_path)
    first = store.of(SETTINGS)
    first.put(frame_of(), label_of(frame_of()))
    newer = label_settings.Settings("cp2k", "2024.1", SETTINGS.values)
    assert store.of(newer).folder != first.folder
    assert store.of(newer).find(frame_of()) is None
    (line,) = store.others(newer)
    assert line.startswith("1 labels in") and "version: 2023.1 and 2024.1" in line
    with pytest.raises(UserError, match="2 different settings") as refused:
        label_settings.choose({place: found.settings for place, found in store.sets().items()})
    assert first.settings.fingerprint in str(refused.value) and newer.fingerprint in str(refused.value)
    chosen = label_settings.choose(
        {place: found.settings for place, found in store.sets().items()}, newer.fingerprint[:6]
    )
    assert chosen == newer


def test_label_of_another_version_than_the_others_is_refused(tmp_path):
    frame = frame_of()
    with pytest.raises(UserError, match=r"cp2k 2024\.3, the labels in .* are of cp2k 2023\.1"):
        Store(tmp_path).of(SETTINGS).put(frame, label_of(frame, version="2024.3"))
    blind = Store(tmp_path).of(label_settings.Settings("vasp", values={"ENCUT": "400"}))
    blind.put(frame, label_of(frame, version="6.3.2"))
    with pytest.raises(UserError, match=r"vasp 5\.4\.4"):
        blind.put(frame_of(2), label_of(frame_of(2), version="5.4.4"))


def test_set_of_one_file_is_read_compressed_and_never_written(tmp_path):
    folder = tmp_path / "set"
    store = Store(tmp_path / "labels").of(SETTINGS)
    for seed in range(5):
        store.put(frame_of(seed), label_of(frame_of(seed), energy=float(seed)))
    text = "".join(path.read_text() for path in sorted(store.folder.glob("*.extxyz")))
    label_settings.write(folder, SETTINGS)
    with lzma.open(folder / "all.extxyz.xz", "wt") as stream:
        stream.write(text)
    folder.chmod(0o555)
    found = LabelSet(folder)
    assert len(found) == 5 and len(list(found.entries())) == 5
    assert found.find(frame_of(3)).energy == 3
    assert sorted(path.name for path in folder.iterdir()) == ["all.extxyz.xz", "settings.json"]


def test_entry_of_other_settings_in_a_set_is_refused(tmp_path):
    frame = frame_of()
    other = Store(tmp_path).of(label_settings.Settings("cp2k", "2023.1", {"CUTOFF": "600"}))
    path = other.put(frame, label_of(frame)).file
    store = Store(tmp_path).of(SETTINGS)
    shutil.copy(path, store.folder)
    with pytest.raises(UserError, match="has the fingerprint"):
        store.refresh()


def test_folder_without_settings_and_edited_settings_are_refused(tmp_path):
    with pytest.raises(UserError, match="is no set of labels"):
        LabelSet(tmp_path)
    with pytest.raises(UserError, match="there is no folder"):
        LabelSet(tmp_path / "absent")
    label_settings.write(tmp_path, SETTINGS)
    path = tmp_path / "settings.json"
    path.write_text(path.read_text().replace("320", "600"))
    with pytest.raises(UserError, match="the file was edited"):
        LabelSet(tmp_path)


# --- claims


def test_claim_of_a_live_process_waits_and_then_gets_its_label(store):
    frame = frame_of()
    with store.claimed(frame) as entry:
        assert entry is None
        code = (
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "from label_frames import SETTINGS, as_written_elsewhere, frame_of\n"
            "from gapglass.labels.store import Store\n"
            "print('begun', flush=True)\n"
            "with Store(sys.argv[2]).of(SETTINGS).claimed(as_written_elsewhere(frame_of()), poll=0.05) as entry:\n"
            "    print('none' if entry is None else entry.energy, flush=True)\n"
        )
        here = os.path.dirname(__file__)  # noqa: PTH120
        command = [sys.executable, "-c", code, here, str(store.folder.parent)]
        waiting = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert waiting.stdout.readline() == "begun\n"
        time.sleep(1.0)
        assert waiting.poll() is None
        store.put(frame, label_of(frame, energy=-7.0))
    assert waiting.communicate(timeout=60)[0] == "-7.0\n"


def test_claim_of_a_killed_process_does_not_block(store):
    frame = frame_of()
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from label_frames import SETTINGS, frame_of\n"
        "from gapglass.labels.store import Store\n"
        "with Store(sys.argv[2]).of(SETTINGS).claimed(frame_of()):\n"
        "    print('claimed', flush=True); time.sleep(600)\n"
    )
    here = os.path.dirname(__file__)  # noqa: PTH120
    killed = subprocess.Popen(
        [sys.executable, "-c", code, here, str(store.folder.parent)], stdout=subprocess.PIPE, text=True
    )
    assert killed.stdout.readline() == "claimed\n"
    assert claims.of_frame(store.folder / "claims", frame) == f"process {killed.pid} on {os.uname().nodename}"
    killed.kill()
    killed.wait()
    assert len(list((store.folder / "claims").glob("*.json"))) == 1
    with store.claimed(frame) as entry:
        assert entry is None
    assert list((store.folder / "claims").glob("*.json")) == []


def test_claim_of_another_machine_counts_while_it_is_renewed(store, monkeypatch):
    frame, folder = frame_of(), store.folder / "claims"
    claim = claims.create(folder, "abc", frame)
    found = json.loads(claim.path.read_text())
    claim.path.write_text(json.dumps(found | {"machine": "node7 other", "node": "node7", "pid": 1}))
    assert claims.of_frame(folder, as_written_elsewhere(frame)) == "process 1 on node7"
    assert claims.of_frame(folder, frame_of(2)) is None
    past = time.time() - claims.LOST - 60
    os.utime(claim.path, (past, past))
    assert claims.of_frame(folder, frame) is None
    assert not claim.path.exists()


def test_number_of_a_process_that_was_given_again_is_not_taken_for_the_old_one(store):
    frame, folder = frame_of(), store.folder / "claims"
    claim = claims.create(folder, "abc", frame)
    found = json.loads(claim.path.read_text())
    claim.path.write_text(json.dumps(found | {"started": "1"}))
    assert claims.of_frame(folder, frame) is None


def test_claim_is_renewed_while_it_is_held(store, monkeypatch):
    monkeypatch.setattr(claims, "BEAT", 0.05)
    claim = claims.create(store.folder / "claims", "abc", frame_of())
    os.utime(claim.path, (1, 1))
    with claim.kept_alive():
        time.sleep(0.5)
        assert claim.path.stat().st_mtime > 1e9
    assert not claim.path.exists()


def test_claim_that_a_kill_cut_off_ends(store):
    folder = store.folder / "claims"
    folder.mkdir()
    (folder / "cut.json").write_text('{"node": "no')
    assert claims.of_frame(folder, frame_of()) is not None
    os.utime(folder / "cut.json", (1, 1))
    assert claims.of_frame(folder, frame_of()) is None


def _label_all(root, seeds, computed):
    folder = Store(root).of(SETTINGS)
    for seed in seeds:
        frame = frame_of(seed)
        with folder.claimed(as_written_elsewhere(frame, os.getpid()), poll=0.01) as entry:
            if entry is None:
                computed.put(seed)
                folder.put(frame, label_of(frame))


def test_processes_at_once_label_every_frame_once(tmp_path):
    context = multiprocessing.get_context("fork")
    computed = context.Queue()
    workers = [
        context.Process(target=_label_all, args=(tmp_path, list(range(12))[::step], computed)) for step in (1, -1, 1)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    assert sorted(computed.get(timeout=5) for _ in range(12)) == list(range(12))
    assert computed.empty()
    assert len(Store(tmp_path).of(SETTINGS)) == 12


def test_failure_is_known_for_the_same_attempts_only(store):
    frame = frame_of()
    assert store.failure(frame, "abc") is None
    store.put_failure(frame, "abc", "the self-consistency did not converge")
    store.put_failure(frame, "def", "too long")
    known = store.failure(as_written_elsewhere(frame), "abc")[0]
    assert known["reason"] == "the self-consistency did not converge"
    known, path = store.failure(frame, "def")
    assert known["reason"] == "too long"
    path.unlink()
    assert store.failure(frame, "def") is None
    assert store.failure(frame, "ghi") is None
    assert store.failure(frame_of(2), "abc") is None
    assert len(LabelSet(store.folder)) == 0


# --- the frames that come with the project


def packed(name):
    """Return the frames of a packed file of the resources."""
    return read(
        StringIO(lzma.decompress((ROOT / f"resources/{name}/{name}.extxyz.xz").read_bytes()).decode()),
        ":",
        format="extxyz",
    )


def test_all_shipped_labels_are_found_from_the_geometries_of_the_guide():
    found = LabelSet(ROOT / "resources/teo2-blyp")
    labelled = packed("teo2-blyp")
    wanted = {(frame.info["trajectory"], frame.info["step"]) for frame in labelled}
    hits = 0
    for frame in packed("teo2-chgnet"):
        entry = found.find(frame)
        key = (frame.info["trajectory"], frame.info["step"])
        assert (entry is not None) == (key in wanted)
        if entry is not None:
            assert (entry.info["trajectory"], entry.info["step"]) == key
            hits += 1
    assert hits == len(labelled) == 127
