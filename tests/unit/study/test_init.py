"""`gapglass init`: the configuration that it writes from trajectories with known contents."""

import numpy as np
import pytest
import water
from ase import Atoms
from ase.io import write
from conftest import ROOT

from gapglass.cli import main
from gapglass.frames import inspection
from gapglass.study import config, source

VASP = ROOT / "tests/data/readers/vasp/vasprun.xml"
CP2K = ROOT / "tests/data/readers/cp2k/water-pos-1.xyz"


def written(*words, target):
    assert main(["init", *map(str, words), "--output", str(target)]) == 0
    return target.read_text(), config.read(target)


@pytest.fixture
def labelled(tmp_path, blyp_frames):
    """Write frames with their labels to a file of a name; return its path."""

    def make(name, frames):
        write(tmp_path / name, frames, format="extxyz")
        return tmp_path / name

    return make


def test_contents_become_a_configuration(tmp_path, labelled, blyp_frames, capsys):
    file = labelled("te o2 #1.xyz", [frame.copy() for frame in blyp_frames])
    text, study = written(file, "--interval", 20, target=tmp_path / "s.yaml")
    assert main(["check", str(tmp_path / "s.yaml")]) == 0
    (entry,) = study["trajectories"]
    assert (entry["file"], entry["temperature_key"], entry["role"]) == (str(file), "temperature", "reference")
    assert entry["interval"] == 20.0
    glass = study["glass"]
    assert glass["composition"] == {"Te": 1, "O": 2} and glass["sizes"] == [48]
    assert glass["density"] == pytest.approx(5.6, abs=0.01)
    assert [(stage["temperature_start"], stage["temperature"], stage["time"]) for stage in glass["cycle"]] == [
        (None, 1000.0, 10.0),
        (1000.0, 300.0, 35.0),
        (None, 300.0, 10.0),
    ]
    assert study["structure"]["reference_temperature"] == 300.0
    # O-O and Te-Te are no bonds; the bond is 1.9 Å long and the gap behind it lies near 2.5 Å
    assert list(study["structure"]["coordination_cutoffs"]) == ["O-Te"]
    assert 2.3 < study["structure"]["coordination_cutoffs"]["O-Te"] < 2.7
    assert study["descriptors"]["coulomb"]["permutation"] == "none"
    assert "plateau  frames 11 to 33: 650 K" in text and "59 frames are few" in capsys.readouterr().out


def test_an_existing_file_is_kept(tmp_path, capsys):
    (tmp_path / "s.yaml").write_text("mine\n")
    assert main(["init", str(VASP), "--temperature", "300", "--output", str(tmp_path / "s.yaml")]) == 1
    assert "exists and is not overwritten" in capsys.readouterr().err
    assert (tmp_path / "s.yaml").read_text() == "mine\n"


def test_formats_of_codes(tmp_path, capsys):
    assert main(["init", str(VASP), "--output", str(tmp_path / "v.yaml")]) == 1
    assert "states no temperature; give that of the thermostat with --temperature" in capsys.readouterr().err
    assert not (tmp_path / "v.yaml").exists()
    _, study = written(VASP, CP2K, "--temperature", 500, target=tmp_path / "v.yaml")
    first, second = study["trajectories"]
    assert (first["temperature"], first["role"]) == (500.0, "extra") or second["role"] == "extra"
    assert {entry["file"] for entry in (first, second)} == {str(VASP), str(CP2K)}


def test_files_without_labels_or_cell_are_refused(tmp_path, labelled, capsys):
    bare = labelled("bare.xyz", [Atoms("SiO2", positions=np.eye(3), cell=[5, 5, 5], pbc=True)])
    assert main(["init", str(bare), "--output", str(tmp_path / "s.yaml")]) == 1
    assert "bare.xyz has no energy and no forces, and no fit can use it" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["init", str(bare), "--temperature", "-3"])
    assert "-3 is not a positive number" in capsys.readouterr().err


def test_kinds_of_frames_and_orders_of_atoms_are_told(tmp_path, labelled, blyp_frames, capsys):
    frames = [frame.copy() for frame in blyp_frames]
    for frame in frames[:20]:
        frame.info["phase"] = "melt"
    for frame in frames[20:]:
        frame.info["phase"] = "glass"
    frames[5] = frames[5][::-1]
    text, study = written(labelled("two.xyz", frames), target=tmp_path / "s.yaml")
    assert "CHECK: 20 frames with phase=melt and 39 frames with phase=glass in one file" in text
    assert "20 frames with phase=melt" in capsys.readouterr().out
    assert study["descriptors"]["coulomb"]["permutation"] == "eigenspectrum"


def test_molecules_begin_as_frames(tmp_path, labelled):
    frames = []
    for seed in range(4):
        atoms = water.molecules_on_a_grid(27, 1.0, np.random.default_rng(seed))
        atoms.calc = water.WaterLike()
        frames.append(water.labelled(atoms, 300.0))
    _, study = written(labelled("water.xyz", frames), target=tmp_path / "s.yaml")
    assert study["glass"]["start"] == "reference" and study["glass"]["timestep"] == 0.5
    assert study["glass"]["composition"] == {"O": 1, "H": 2} and len(study["glass"]["cycle"]) == 1


def uncommented(text, first):
    """Return a configuration with the comment lines from the one that begins with ``first`` on as settings."""
    lines, inside = [], False
    for line in text.splitlines():
        inside = line.startswith(first) or (inside and line.lstrip().startswith("#") and "CHECK" not in line)
        lines.append(line.replace("# ", "", 1) if inside else line)
    return config.complete(source.parse("\n".join(lines)))


def test_labels_and_their_guide_are_ready_to_be_asked_for(tmp_path, labelled, blyp_frames):
    file = labelled("glass.xyz", [frame.copy() for frame in blyp_frames])
    text, study = written(file, target=tmp_path / "s.yaml")
    assert "labels" not in study
    asked = uncommented(text, "# labels:")
    labels = asked["labels"]
    assert labels["engine"] == "cp2k" and labels["ranks"] == 4 and labels["budget"] == {"frames": 100}
    assert asked["selection"]["strategy"] == "variance"
    assert labels["command"] == ["mpirun", "-np", "{ranks}", "cp2k.psmp"]


def test_frames_of_a_ramp_have_an_entry_in_comments(tmp_path, labelled, blyp_frames, monkeypatch, capsys):
    frames = [frame.copy() for frame in blyp_frames]
    for frame in frames:
        del frame.info["temperature"]
    inspect = inspection.inspect

    def with_ramp(source):
        found = inspect(source)
        whole = found["plateaus"][0]
        cuts = [(0, 20, False, 1000.0), (20, 45, True, 650.0), (45, 59, False, 300.0)]
        names = ("start", "stop", "ramp", "temperature_k")
        return found | {"plateaus": [whole | {"spread_k": 9.0} | dict(zip(names, cut, strict=True)) for cut in cuts]}

    monkeypatch.setattr(inspection, "inspect", with_ramp)
    text, study = written(labelled("run.xyz", frames), "--interval", 2, target=tmp_path / "s.yaml")
    assert [(entry["start"], entry["stop"], entry["role"]) for entry in study["trajectories"]] == [
        (0, 20, "reference"),
        (45, 59, "reference"),
    ]
    assert "CHECK: frames 20 to 44 are a ramp and in no entry" in text
    assert "frames 20 to 44 of " in capsys.readouterr().out
    entries = uncommented(text, "  # - name:")["trajectories"]
    assert [(entry["start"], entry["stop"]) for entry in entries] == [(0, 20), (45, 59), (20, 45)]
    assert (entries[2]["temperature"], entries[2]["role"], entries[2]["interval"]) == (650.0, "extra", 2.0)


def test_a_plateau_beside_a_ramp_is_not_the_whole_file():
    found = {"plateaus": [{"start": 0, "stop": 20, "ramp": False, "temperature_k": 300.0}], "temperature_key": None}
    found |= {"file": "run.xyz", "interval_fs": 2.0}
    (entry,) = inspection.entry_texts(found)
    assert "start:" not in entry
    ramp = {"start": 20, "stop": 45, "ramp": True, "temperature_k": 650.0}
    (entry,) = inspection.entry_texts(found | {"plateaus": [*found["plateaus"], ramp]})
    assert "start: 0" in entry and "stop: 20" in entry
