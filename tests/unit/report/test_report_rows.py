"""The text of the report's tables and findings."""

import numpy as np
import pandas as pd
import pytest

from gapglass.glass import explosion
from gapglass.report import findings, rows
from gapglass.structure import absence, replicas


def test_stages_that_leave_the_frames_have_a_line_each():
    items = [{"stage": 2, "text": "b"}, {"stage": 1, "text": "a"}, {"stage": 2, "text": "c"}]
    assert findings.outside({"optimal_48_1": items}) == [
        {"model": "GAP (optimal), 48 atoms, replica 1", "stage": 1, "text": "a"},
        {"model": "GAP (optimal), 48 atoms, replica 1", "stage": 2, "text": "b; c"},
    ]


def test_error_bars_are_said_to_be_over_replicas_only_where_there_are_several():
    over_time = "from block averages in time; a single quench has no error bar for the glass itself"
    large, small, other = ("optimal", 3840), ("optimal", 480), ("soap_only", 480)
    assert findings.error_bars({small: 1, other: 1}) == over_time
    assert findings.error_bars({small: 3, other: 2}) == "over the replicas"
    assert findings.error_bars({small: 3, large: 1, other: 2}) == (
        "over the replicas where a model has several (3 of GAP (optimal), 480 atoms; "
        f"2 of GAP (soap_only), 480 atoms), else {over_time}"
    )


def test_numbers_are_rounded_and_absent_ones_are_a_dash():
    assert [rows.number(value) for value in (1.234, None, np.nan)] == ["1.23", "–", "–"]
    assert rows.with_error(1.234, 0.1) == "1.23 ± 0.10"
    assert rows.with_error(1.234, np.nan, 1) == rows.with_error(1.234, None, 1) == "1.2"


def test_coordination_has_a_row_per_model_and_a_column_per_pair():
    table = pd.DataFrame(
        [
            {
                "model": model,
                "centre": "Te",
                "neighbour": neighbour,
                "coordination_number": 4.0,
                "standard_error": error,
            }
            for model, error in (("reference", 0.1), ("optimal_48", np.nan))
            for neighbour in ("O", "all")
        ]
    )
    assert rows.coordination(table) == [
        {"model": "reference", "O around Te": "4.00 ± 0.10", "all around Te": "4.00 ± 0.10"},
        {"model": "GAP (optimal), 48 atoms", "O around Te": "4.00", "all around Te": "4.00"},
    ]


def test_shares_below_half_a_percent_everywhere_have_no_column():
    table = pd.DataFrame([{"model": "reference", "centre": "Te", "neighbour": "O"}])
    (row,) = rows.l_fold(table.assign(percent_3_fold=0.4, percent_4_fold=99.6))
    assert row == {"pair": "O around Te", "model": "reference", "4-fold (%)": "99.6"}


def test_stage_that_exploded_is_marked(tmp_path):
    path = tmp_path / "glass/optimal/48/1/thermo.csv"
    path.parent.mkdir(parents=True)
    columns = ["temperature_k", "potential_energy_ev", "pressure_gpa", "density_g_per_cm3", "min_distance_angstrom"]
    table = pd.DataFrame(np.arange(20.0).reshape(4, 5), columns=columns)
    table.assign(time_ps=[0.1, 0.2, 0.3, 0.4], stage=[1, 1, 2, 2]).to_csv(path, index=False)
    counts = {"optimal_48_1": [{"stage": 2, "ratio": 0.871, "pair": "O-O", "shares": {"0.9": 0.0421}}]}
    first, second = rows.stages([path], {"optimal_48_1": {"stage": 2}}, counts, 0.9)
    assert (first["stage"], second["stage"]) == ("1", "2, exploded")
    assert first["model"] == "GAP (optimal), 48 atoms, replica 1" and first["closest pair (Å)"] == "4.00"
    assert first["energy (eV/atom)"] == f"{6 / 48:.3f}" and second["ends at (ps)"] == "0.40"
    columns = ("closest, of the frames' closest", "frames below 0.9 of it (%)")
    assert [first[column] for column in columns] == ["–", "–"]
    assert [second[column] for column in columns] == ["0.87 (O-O)", "4.2"]


def test_speeds_of_models_of_one_size_are_a_range():
    found = [{"atoms": 96, "ns_per_day": 1.0}, {"atoms": 48, "ns_per_day": 10.5}, {"atoms": 48, "ns_per_day": 9.75}]
    assert findings.speeds([*found, {"atoms": 480, "ns_per_day": None}]) == {48: "9.75 to 10.50", 96: "1.00"}
    assert list(findings.speeds(found)) == [48, 96]


def test_models_without_structure_are_named_with_the_reason(tmp_path):
    paths = [tmp_path / name / "gr.csv" for name in ("reference", "optimal_48", "soap_only_48")]
    for path in paths:
        path.parent.mkdir()
    paths[0].write_text("# notes\nr_angstrom,G_X\n1.0,2.0\n")
    absence.write_empty_table(paths[1], "gr", "the quench exploded in stage 2")
    paths[2].write_text(
        f"# notes\n# {replicas.LEFT_OUT}replica 2, the quench exploded\n# warning: warm\nr_angstrom,G_X\n1.0,2.0\n"
    )
    assert findings.without_structure(paths) == [
        "GAP (optimal), 48 atoms: no structure (the quench exploded in stage 2)",
        "GAP (soap_only), 48 atoms: without replica 2, the quench exploded",
        "GAP (soap_only), 48 atoms: warm",
    ]


def test_models_not_to_be_believed_are_named_and_marked():
    reasons = ("too close", "bare atoms", "energy")
    items = [
        {"stage": stage, "text": reason, "reason": reason} for stage, reason in zip((1, 3, 3), reasons, strict=True)
    ]
    doubts = {"optimal_48_2": items}
    (found,) = findings.doubts(doubts)
    assert found == {
        "model": "GAP (optimal), 48 atoms, replica 2",
        "stages": "1 and 3",
        "reasons": "too close, bare atoms, energy",
        "text": "Stage 1: too close. Stage 3: bare atoms. Stage 3: energy",
    }
    labels = {"GAP (optimal), 48 atoms"}
    lines = [{"model": name, "n": "1"} for name in ("reference", "GAP (optimal), 48 atoms", "GAP (optimal), 96 atoms")]
    marked = findings.marked(lines, labels)
    assert [line["model"] for line in marked] == [
        "reference",
        "GAP (optimal), 48 atoms, not to be believed",
        "GAP (optimal), 96 atoms",
    ]
    assert all(list(line) == ["model", "n"] for line in marked)


def test_explosions_have_the_label_of_their_model_and_their_place():
    outcome = {"exploded": True, "stage": 2, "time_ps": 0.5, "step": 500, "message": "too hot"}
    (found,) = findings.explosions({"optimal_48_2": outcome})
    assert found["model"] == "GAP (optimal), 48 atoms, replica 2" and found["message"] == "too hot"
    assert found["place"] == explosion.place(outcome)


@pytest.mark.parametrize(
    ("delta", "share", "alone"),
    [(0.3, 0.96, "Coulomb kernel"), (0.3, 0.02, "SOAP kernel"), (0.3, 0.5, None), (0.0, 0.0, None), (1.0, 1.0, None)],
)
def test_a_kernel_that_decides_alone_is_named_unless_it_was_asked_for(delta, share, alone):
    assert findings.decides_alone({"delta": delta, "coulomb_share": share}) == alone


def test_errors_on_blocks_have_their_interval():
    row = {"rmse_energy_mev_per_atom": 3.0, "rmse_energy_mev_per_atom_low": 2.5, "rmse_energy_mev_per_atom_high": 4.0}
    assert rows.with_interval(row, "rmse_energy_mev_per_atom") == "3.00 (2.50 to 4.00)"
    assert rows.with_interval({"x": 3.0, "x_low": np.nan, "x_high": np.nan}, "x") == "3.00"
    assert rows.with_interval({"x": None}, "x") == "–"


def test_a_stop_with_few_blocks_is_unproven():
    few, many = ({"validation": {"n_blocks": 8, "upper_energy_mev_per_atom": bound}} for bound in (None, 2.9))
    assert findings.unproven({"optimal": few, "soap_only": many, "all_frames": {"validation": None}}) == {"optimal": 8}


def test_crystals_have_a_row_for_each_property_and_a_column_for_each_potential():
    columns = ["potential", "structure", "quantity", "unit", "value", "reference", "difference_percent", "source"]
    table = pd.DataFrame(
        [
            ("optimal", "alpha", "volume", "Å³/atom", 15.0, 12.0, 25.0, "a paper"),
            ("optimal", "alpha", "its pressure derivative", "1", 4.2, np.nan, np.nan, np.nan),
            ("all_frames", "alpha", "volume", "Å³/atom", np.nan, 12.0, np.nan, "a paper"),
        ],
        columns=columns,
    )
    assert rows.crystals(table) == [
        {"crystal": "alpha", "quantity": "volume (Å³/atom)", "optimal": "15 (+25.0 %)", "all_frames": "–"}
        | {"reference": "12", "source": "a paper"},
        {"crystal": "alpha", "quantity": "its pressure derivative", "optimal": "4.2", "all_frames": "–"}
        | {"reference": "", "source": ""},
    ]
    assert rows.crystals(table[:0]) == []


def test_crystals_that_a_potential_does_not_keep_have_a_line():
    good = {"relaxed": True, "space_group": "P1 (1)", "space_group_relaxed": "P1 (1)", "equation_of_state": {}}
    good |= {"elasticity": {"stable": True}}
    bad = good | {"space_group_relaxed": "P-1 (2)", "equation_of_state": None, "elasticity": {"stable": False}}
    found = findings.crystals({"a": {"x": good}, "b": {"x": bad, "y": {"relaxed": False, "reason": "it melts"}}})
    assert list(found) == ["b"] and found["b"][1] == "y: it has no relaxed structure, because it melts"
    for words in ("P1 (1) becomes P-1 (2)", "no minimum", "unstable crystal"):
        assert words in found["b"][0]


def test_errors_at_temperatures_have_intervals_where_there_are_some():
    row = {
        "set": "validation", "temperature_k": 300.0, "n_frames": 24, "n_blocks": 5,
        "rmse_energy_mev_per_atom": 4.764, "rmse_force_ev_per_angstrom": 0.4044,
        "intervals": {"rmse_energy_mev_per_atom": [3.5, 6.25], "rmse_force_ev_per_angstrom": None},
    }  # fmt: skip
    found = rows.errors_by_temperature({"a": {"errors_by_temperature": [row]}, "b": {}})
    assert [list(item.values()) for item in found] == [
        ["a", "validation (decides the stop)", "300", 24, 5, "4.76 (3.50 to 6.25)", "0.404"]
    ]


def test_runs_at_constant_energy_have_a_row_for_each_potential():
    good = {
        "temperature_k": 4000.0, "n_atoms": 48, "timestep_fs": 1.0, "time_ps": 0.5, "survived": True,
        "drift_mev_per_atom_per_ps": 0.0312, "fluctuation_mev_per_atom": 0.1226,
        "closeness": {"pair": "O-O", "ratio": 0.921},
    }  # fmt: skip
    bad = good | {"survived": False, "step": 17, "drift_mev_per_atom_per_ps": None, "fluctuation_mev_per_atom": None}
    found = rows.nve({"a": {"nve": good}, "b": {"nve": bad | {"closeness": None}}, "c": {"nve": None}, "d": {}})
    assert [list(row.values())[5:] for row in found] == [
        ["yes", "+0.031", "0.12", "0.92 (O-O)"],
        ["no, until step 17", "–", "–", "–"],
    ]
    assert [row["potential"] for row in found] == ["a", "b"]
