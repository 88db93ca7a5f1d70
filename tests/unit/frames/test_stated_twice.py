"""What a frame states twice is compared; a contradiction rejects the frame and is told with both values."""

import numpy as np
import pytest
from ase.io import write
from reading import SETTINGS, entry
from test_label_families import labelled, read_back

from gapglass.base.errors import UserError
from gapglass.frames import trajectory

GOOD = {
    "REF_energy": -30.0,
    "REF_virial": np.diag([1.0, 2.0, 3.0]).ravel(),
    "REF_stress": -np.diag([1.0, 2.0, 3.0]).ravel() / 512,
    "n_atoms": 4,
    "volume": 512.0,
    "formula": "Te2O2",
    "REF_energy_per_atom": -7.5,
}


def test_agreeing_statements_are_no_fault(tmp_path):
    assert read_back(tmp_path, labelled(GOOD, {"REF_forces": 0.1}))[0].faults == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_atoms": 5}, "n_atoms is 5, but the frame has 4 atoms"),
        ({"volume": 500.0}, "volume is 500, but the cell has 512 Å³"),
        ({"formula": "TeO2"}, "formula is TeO2, but the atoms are O2Te2"),
        ({"REF_energy_per_atom": -8.0}, "REF_energy_per_atom is -8, but the energy per atom is -7.5 eV"),
        (
            {"REF_stress": np.diag([1.0, 2.0, 3.0]).ravel() / 512},
            r"REF_virial has the trace 6 eV, and REF_stress \(times minus the volume\) -6 eV",
        ),
    ],
)
def test_contradiction_rejects_the_frame_with_both_values(tmp_path, change, words):
    frames = [labelled(GOOD | (change if number == 4 else {}), {"REF_forces": 0.1}) for number in range(12)]
    for number, frame in enumerate(frames):
        frame.positions[1, 0] += 0.01 * number
    write(tmp_path / "run.extxyz", frames)
    _, _, summary = trajectory.import_frames([entry(tmp_path / "run.extxyz")], SETTINGS)
    assert [item["source_index"] for item in summary["rejected"]] == [4]
    with pytest.raises(UserError, match=words):
        trajectory.import_frames([entry(tmp_path / "run.extxyz")], SETTINGS | {"max_rejected_fraction": 0})


def test_key_that_stands_twice_in_the_comment_line(tmp_path, file_of_text):
    found = file_of_text(lambda text: text.replace("REF_energy=-30.0", "REF_energy=-30.0 REF_energy=-31.0"))
    assert found.faults == ["the key REF_energy stands twice, as -30.0 and as -31.0"]
    assert (
        file_of_text(lambda text: text.replace("REF_energy=-30.0", "REF_energy=-30.0 REF_energy=-30.0")).faults == []
    )


def test_species_against_atomic_number(file_of_text):
    def with_number(text):
        text = text.replace("species:S:1", "species:S:1:Z:I:1").replace("\nTe", "\nTe 52").replace("\nO", "\nO 8")
        return text

    assert file_of_text(with_number).faults == []
    wrong = file_of_text(lambda text: with_number(text).replace("\nO 8", "\nO 7", 1))
    assert wrong.faults == ["atom 1 is O by its species, and has the atomic number Z = 7"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("\nO ", "\nO 1.0 ", 1), "line 4 has 8 columns, Properties states 7"),
        (lambda text: text + "left over\n", "line 7 is 'left over', where the number of atoms"),
        (
            lambda text: text + text.replace("4\n", "5\n", 1),
            "line 7 announces 5 atoms, and the file ends after 12 lines",
        ),
        (lambda text: text[:-1], "line 6, the last, has no line feed"),
    ],
)
def test_what_would_be_left_unread_is_an_error_with_its_line(file_of_text, change, words):
    with pytest.raises(UserError, match=words):
        file_of_text(change)


def test_empty_lines_between_records_end_nothing(tmp_path):
    write(tmp_path / "one.extxyz", labelled(GOOD, {"REF_forces": 0.1}))
    text = (tmp_path / "one.extxyz").read_text()
    (tmp_path / "run.extxyz").write_text("\n" + text + "\n  \n" + text + "\n")
    frames = list(trajectory.read_raw(entry(tmp_path / "run.extxyz")))
    assert len(frames) == 2


@pytest.fixture
def file_of_text(tmp_path):
    """Function that writes a frame, changes the text of the file and reads it again."""

    def read(change):
        path = tmp_path / "text.extxyz"
        write(path, labelled({"REF_energy": -30.0}, {"REF_forces": 0.1}))
        path.write_text(change(path.read_text()))
        (found,) = [raw for _, raw in trajectory.read_raw(entry(path))]
        return found

    return read
