"""The paper's tables, from the files of a study."""

import numpy as np
import pandas as pd
import pytest

from gapglass.report import catalogue, reading, tables
from gapglass.report.figures import structure
from gapglass.structure import absence

SUMMARY = {
    "n_train": 20,
    "n_test": 10,
    "n_validation": 0,
    "n_holdout": 29,
    "n_frames_reference": 59,
    "hyperparameters": {"cutoff": 4.0, "n_max": 6},
    "rmse_energy_mev_per_atom": {"train": 1.0, "test": 2.0, "holdout": 3.0},
    "rmse_force_ev_per_angstrom": {"train": 0.1, "test": 0.2, "holdout": 0.3},
    "intervals": {
        "rmse_energy_mev_per_atom": {"holdout": [2.0, 4.5]},
        "rmse_force_ev_per_angstrom": {"holdout": [0.2, 0.45]},
    },
}
R_X = {"r_x_percent": 8.0, "r_x_percent_error": None, "r_min_angstrom": 1.0, "r_max_angstrom": 4.5}


def comparison():
    """Return potentials/comparison.csv: over all temperatures, and one temperature."""
    rows = [
        {"potential": name, "temperature_k": temperature, "n_frames": 15, "trained_on_them": name == "all_frames"}
        for name in ("optimal", "all_frames")
        for temperature in (np.nan, 300.0)
    ]
    return pd.DataFrame(rows).assign(rmse_energy_mev_per_atom=5.0, rmse_force_ev_per_angstrom=0.4)


def test_coordination_tables_stand_beside_the_reference():
    def table(mean, folds):
        return pd.DataFrame(
            [
                {
                    "centre": "Te",
                    "neighbour": "O",
                    "cutoff_angstrom": 2.46,
                    "coordination_number": mean,
                    "standard_error": 0.1,
                    **folds,
                }
            ]
        )

    models = {
        "reference": table(4.0, {"percent_4_fold": 100.0}),
        "optimal_48": table(3.5, {"percent_3_fold": 50.0, "percent_4_fold": 50.0}),
    }
    joined = tables.coordination(models)
    assert joined["reference_coordination_number"].tolist() == [4.0, 4.0] and joined[
        "coordination_number"
    ].tolist() == [4.0, 3.5]
    folds = tables.l_fold(models)
    assert list(folds)[3:] == ["percent_3_fold", "percent_4_fold"] and folds["percent_3_fold"].tolist() == [0.0, 50.0]
    _, numbers = structure.coordination(models)
    assert len(numbers) == 3 and numbers["percent"].sum() == 200


def test_every_table_of_the_catalogue_is_assembled(tmp_path):
    shares = pd.DataFrame([{"centre": "Te", "neighbour": "O", "cutoff_angstrom": 2.4, "coordination_number": 4.0}])
    shares = shares.assign(standard_error=0.1, percent_4_fold=100.0)
    closest = pd.DataFrame([{"pair": "O-Te", "closest_distance_angstrom": 1.8}])
    made = tables.assemble(
        summaries={"optimal": SUMMARY},
        comparison=comparison(),
        coordinations={"reference": shares, "optimal_48": shares},
        closest={"reference": closest},
        rings={"reference": pd.DataFrame([{"formers_in_ring": 6, "rings_per_former": 2.0}])},
        network={"reference": pd.DataFrame([{"quantity": "Q", "species": "Te", "n": 4, "share_percent": 100.0}])},
        rx={"optimal_48": {"reference": R_X}},
        settings={"cutoff": 4.0, "n_max": {"choices": [4, 6]}},
        benchmarks=tmp_path,
    )
    assert set(made) == {table.name for table in catalogue.TABLES}
    assert made["hyperparameters"]["searched"].tolist() == ["fixed", "4 or 6"]
    assert made["hyperparameters"]["optimal"].tolist() == [4.0, 6.0]
    assert made["r_x"].loc[0, ["model", "against"]].tolist() == ["optimal_48", "reference"]
    assert made["closest_approach"].columns[0] == "model" and made["cost"].empty


def test_errors_are_of_own_sets_and_of_the_common_frames():
    table = tables.errors(
        {"optimal": SUMMARY, "all_frames": SUMMARY | {"n_train": 59, "n_test": 0, "n_holdout": 0}}, comparison()
    )
    assert table[table["potential"] == "optimal"]["frames"].tolist() == ["train", "test", "holdout", "used by no loop"]
    assert table[table["potential"] == "optimal"]["n_frames"].tolist() == [20, 10, 29, 15]
    assert table[table["potential"] == "all_frames"]["frames"].tolist() == [
        "train",
        "used by no loop, trained on them",
    ]
    assert table["rmse_energy_mev_per_atom"].tolist() == [1.0, 2.0, 3.0, 5.0, 1.0, 5.0]


def test_errors_of_a_cross_validation_are_of_the_training_frames():
    found = {"train": 1.0, "test": None, "holdout": 3.0, "cross_validation": 2.5}
    quantities = {"rmse_energy_mev_per_atom": found, "rmse_force_ev_per_angstrom": found}
    table = tables.errors({"optimal": SUMMARY | quantities | {"n_test": 0}}, comparison())
    assert table["frames"].tolist() == ["train", "holdout", "cross_validation", "used by no loop"]
    assert table["n_frames"].tolist() == [20, 29, 20, 15] and table["rmse_energy_mev_per_atom"].iloc[2] == 2.5


def test_study_without_cutoffs_has_a_table_without_rows():
    empty = pd.DataFrame(columns=["centre", "neighbour", "cutoff_angstrom", "coordination_number", "standard_error"])
    table = tables.coordination({"reference": empty, "optimal_48": empty})
    assert table.empty and table.columns[0] == "model"


def test_files_are_read_by_the_name_of_their_folder(tmp_path):
    paths = [tmp_path / name / "sq.csv" for name in ("reference", "optimal_48", "optimal_96")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(f"q_inverse_angstrom,S_X\n1.0,{len(path.parent.name)}\n")
    absence.write_empty_table(paths[1], "sq", "the quench exploded in stage 2")
    assert list(reading.present(paths)) == ["reference", "optimal_96"]
    assert list(reading.by_folder(paths)) == ["reference", "optimal_48", "optimal_96"]
    assert reading.by_folder(paths[:1], lambda path: path.stem) == {"reference": "sq"}
    assert reading.present(paths)["optimal_96"]["S_X"].tolist() == pytest.approx([10])
