"""The labels of a study: sets and store of one settings, with an engine and without."""

import pytest
from label_frames import SETTINGS, as_written_elsewhere, frame_of, label_of
from test_label_job import engine_of

from gapglass.base.errors import UserError
from gapglass.labels.library import open_library
from gapglass.labels.sets import LabelSet, write_set
from gapglass.labels.settings import Settings
from gapglass.labels.store import Store

OTHER = Settings("cp2k", "2024.1", SETTINGS.values)


def filled(folder, settings, seeds):
    stored = Store(folder).of(settings)
    for seed in seeds:
        stored.put(frame_of(seed), label_of(frame_of(seed), energy=float(-seed), version=settings.version))
    return stored


def test_sets_and_store_without_an_engine(tmp_path):
    stored = filled(tmp_path / "labels", SETTINGS, [3])
    write_set(tmp_path / "set", filled(tmp_path / "a", SETTINGS, [1, 2]).entries(), SETTINGS)
    section = {"engine": "none", "store": str(tmp_path / "labels"), "sets": [str(tmp_path / "set")]}
    library = open_library(section)
    assert library.settings == SETTINGS and library.engine is None and len(library) == 3
    assert library.find(as_written_elsewhere(frame_of(2))).file.parent == tmp_path / "set"
    assert library.find(frame_of(3)).file.parent == stored.folder
    assert library.record(frame_of(3)).state == "stored"
    assert library.record(frame_of(4)).state == "absent"
    assert sorted(entry.energy for entry in library.entries()) == [-3, -2, -1]


def test_two_settings_are_refused_and_parted(tmp_path):
    filled(tmp_path / "labels", SETTINGS, [1])
    write_set(tmp_path / "set", filled(tmp_path / "a", OTHER, [2]).entries(), OTHER)
    section = {"engine": "none", "store": str(tmp_path / "labels"), "sets": [str(tmp_path / "set")]}
    with pytest.raises(UserError, match="2 different settings"):
        open_library(section)
    library = open_library(section | {"settings": OTHER.fingerprint})
    assert len(library) == 1 and library.stored is None
    assert len(open_library(section | {"settings": SETTINGS.fingerprint[:8]}).sets) == 0


def test_nothing_is_written_without_an_engine(tmp_path):
    write_set(tmp_path / "set", filled(tmp_path / "a", SETTINGS, [1]).entries(), SETTINGS)
    open_library({"engine": "none", "store": str(tmp_path / "labels"), "sets": [str(tmp_path / "set")]})
    assert not (tmp_path / "labels").exists()
    with pytest.raises(UserError, match="there are no labels"):
        open_library({"engine": "none", "store": str(tmp_path / "labels")})


def test_engine_finds_its_labels_and_refuses_sets_of_other_settings(tmp_path):
    section = engine_of(tmp_path).section | {"store": str(tmp_path / "labels")}
    library = open_library(section)
    assert library.stored.settings == library.engine.settings()
    own = filled(tmp_path / "a", library.settings, [1])
    write_set(tmp_path / "set", own.entries(), library.settings)
    library = open_library(section | {"sets": [str(tmp_path / "set")]})
    assert library.find(frame_of(1)).energy == -1
    write_set(tmp_path / "other", filled(tmp_path / "b", OTHER, [2]).entries(), OTHER)
    sets = [str(tmp_path / "set"), str(tmp_path / "other")]
    with pytest.raises(UserError, match=r"labels\.engine, .*/set\n.*/other"):
        open_library(section | {"sets": sets})
    library = open_library(section | {"sets": sets, "settings": library.settings.fingerprint})
    assert [str(of.folder) for of in library.sets] == [sets[0]]
    with pytest.raises(UserError, match=r"drop labels\.settings, or use engine: none"):
        open_library(section | {"sets": sets, "settings": OTHER.fingerprint})


def test_set_of_one_file_holds_what_the_store_held(tmp_path):
    stored = filled(tmp_path / "labels", SETTINGS, range(4))
    write_set(tmp_path / "set", stored.entries(), SETTINGS)
    found = LabelSet(tmp_path / "set")
    for entry in stored.entries():
        twin = found.find(entry.atoms)
        assert (twin.energy, twin.info["code"]) == (entry.energy, entry.info["code"])
        assert abs(twin.forces - entry.forces).max() < 1e-7 and abs(twin.virial - entry.virial).max() < 1e-9
    with pytest.raises(UserError, match="exists"):
        write_set(tmp_path / "set", stored.entries(), SETTINGS)
    with pytest.raises(UserError, match="2 different settings"):
        write_set(tmp_path / "set", stored.entries(), OTHER, "more.extxyz")
