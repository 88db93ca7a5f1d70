"""LAMMPS against Python on one frame, with either pair style, and what a user is told of a difference."""

import json
import re

import pandas as pd
import pytest
from quenching import SETTINGS, stand_in

from gapglass.base.errors import UserError
from gapglass.glass import lammps, one_frame, pair_style
from gapglass.potential import agreement

pytestmark = pytest.mark.xdist_group("lammps")  # these tests take both cores


@pytest.fixture
def frame(blyp_frames):
    """A frame as the import numbers it, one of its atoms of a species that the models lack."""
    frame = blyp_frames[20].copy()
    frame.info |= {"frame": 20, "trajectory": "glass"}
    frame.symbols[7] = "Si"
    return frame


def test_smallest_frame_with_most_species_is_tried():
    table = pd.DataFrame({"formula": ["Te48", "O96Te48", "O32Te16", "O2", "O64Si32"], "n_atoms": [48, 144, 48, 2, 96]})
    assert one_frame.choose(table, {"Te": 1, "O": 2}) == 2
    assert one_frame.choose(table, {"O": 1}) == 3


@pytest.mark.parametrize("engine", ["gapglass", "quip"])
def test_lammps_agrees_with_python_on_all_ranks(tmp_path, fitted, frame, plugin, engine):
    settings = SETTINGS | {"engine": engine, "ranks": 2}
    one_frame.check(tmp_path / "pair_style.json", frame, fitted[0], settings, plugin if engine == "quip" else None)
    found = json.loads((tmp_path / "pair_style.json").read_text())
    assert (found["engine"], found["ranks"]) == (engine, 2) and list(found["differences"]) == list(agreement.UNITS)
    assert all(item["difference"] <= item["limit"] for item in found["differences"].values())
    # The atom of silicon is left out.
    assert abs(found["differences"]["energy"]["values"][0]) > 1
    assert {"sources", "simd"} <= set(found) if engine == "gapglass" else "simd" not in found
    assert [path.name for path in tmp_path.iterdir()] == ["pair_style.json"]


def test_wrong_order_of_the_elements_is_refused_with_both_numbers(tmp_path, fitted, frame, plugin, monkeypatch):
    values = pair_style.potential_values

    def swapped(potential, settings):
        found = values(potential, settings)
        return found | {"numbers": found["numbers"][::-1]}

    monkeypatch.setattr(pair_style, "potential_values", swapped)
    with pytest.raises(
        UserError, match=r"do not give the same numbers on frame 20 of glass: energy -\d.* against -\d"
    ):
        one_frame.check(tmp_path / "pair_style.json", frame, fitted[0], SETTINGS | {"engine": "quip"}, plugin)
    assert not (tmp_path / "pair_style.json").exists()


@pytest.mark.parametrize(
    ("output", "told"),
    [
        (
            "ERROR: Unrecognized pair style 'gapglass'",
            r"LAMMPS has no pair_style gapglass .*make -B setup.*engine: quip",
        ),
        ("ERROR: pair_style gapglass needs newton on", r"failed with pair_style gapglass.*newton on.*failed; mend"),
    ],
)
def test_failure_of_lammps_is_reported(tmp_path, fitted, frame, output, told):
    own = stand_in(tmp_path / "own", f"print({output!r})\nraise SystemExit(1)")
    settings = SETTINGS | {"engine": "gapglass", "lammps_command": own}
    with pytest.raises(UserError, match=told):
        one_frame.check(tmp_path / "pair_style.json", frame, fitted[0], settings)


def test_inputs_differ_in_the_pair_style_alone(tmp_path, fitted):
    text = {}
    for engine in ("gapglass", "quip"):
        values = pair_style.potential_values(fitted[0], SETTINGS | {"engine": engine})
        text[engine] = lammps.render("point.in.j2", plugin=None, **values).splitlines()
    ours, theirs = ([line for line in text[a] if line not in text[b]] for a, b in (text, reversed(text)))
    assert [re.sub(r"\s+", " ", line) for line in ours] == [
        "pair_style gapglass",
        f'pair_coeff * * "{fitted[0]}" O Te',
    ]
    assert re.sub(r"\s+", " ", theirs[0]) == "pair_style quip" and len(theirs) == 2
    assert theirs[1].endswith('" 8 52') and "xml_label=GAP_" in theirs[1]


def test_engine_of_a_run_is_read_from_its_output(tmp_path):
    screen = tmp_path / "screen.txt"
    screen.write_text("LAMMPS\npair_style gapglass: /a b/gap.xml, cutoff 4.5 A, SIMD level avx2, sources 0123abcd\n")
    assert lammps.engine_of(screen) == {"simd": "avx2", "sources": "0123abcd"}
    screen.write_text("LAMMPS\n")
    assert lammps.engine_of(screen) == {}
