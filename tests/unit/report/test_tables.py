"""The paper's tables, from the files of a study."""

import numpy as np
import pandas as pd
import pytest

from gapglass.report import catalogue, reading, rows, tables
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
        quenches={"windows": {}, "transitions": {}, "frames": None, "npt": [], "experiments": []},
        crystals={},
        structures=[],
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


def quench_of(density, kelvin, error=None):
    """Return windows of a melt at constant volume and a glass at constant pressure, and the transition."""
    stages = [(1, 2000.0, 5.0), (2, 300.0, density)]
    windows = pd.DataFrame(
        [(stage, window, t, rho if window > 4 else 1.0) for stage, t, rho in stages for window in range(1, 9)],
        columns=["stage", "window", "temperature_k", "density_g_per_cm3"],
    )
    named = {"temperature_k": kelvin, "error_k": error, "reason": None if kelvin else "few", "n_points": 16}
    glass = {"per_k": 1e-5 * density, "error_per_k": 1e-6, "from_k": 300.0, "to_k": 800.0}
    return windows, named | {"volume": named, "expansion": {"glass": glass}}


def test_transition_density_and_expansion_are_means_over_replicas():
    quenches = {"optimal_48_1": quench_of(5.4, 900.0, 20.0), "optimal_48_2": quench_of(5.6, 1000.0, 30.0)}
    quenches["optimal_96_1"] = quench_of(5.5, None)
    frames = pd.DataFrame(
        {
            "role": "reference",
            "temperature_k": [300.0, 1000.0, 2000.0],
            "density_g_per_cm3": 5.6 * np.exp([0, -0.07, -0.17]),
        }
    )
    made = tables.of_quenches(
        {name: windows for name, (windows, _) in quenches.items()},
        {name: item for name, (_, item) in quenches.items()},
        frames,
        [2],
        [{"name": "xrd", "density": 5.7}, {"name": "neutron", "density": None}],
    )
    crossings = made["glass_transition"].set_index(["model", "quantity"])
    both = crossings.loc[("optimal_48", "volume")]
    assert both[["transition_k", "transition_k_error", "n_named", "n_replicas"]].tolist() == [950.0, 50.0, 2, 2]
    alone = crossings.loc[("optimal_96", "enthalpy")]
    assert alone[["n_named", "n_replicas", "reason"]].tolist() == [0, 1, "few"] and np.isnan(alone["transition_k"])
    density = made["density"].set_index("model")["density_g_per_cm3"]
    assert density["optimal_48"] == pytest.approx(5.5) and density["experiment_xrd"] == 5.7
    assert len(density) == 6 and set(made["density"]["stage"].dropna()) == {2}
    assert made["density"].set_index("model").loc["optimal_48", "density_g_per_cm3_error"] == pytest.approx(0.1)
    expansion = made["thermal_expansion"].set_index("model")
    assert expansion.loc["reference", "expansion_1e_6_per_k"] == pytest.approx(100)
    assert expansion.loc["optimal_48", "expansion_1e_6_per_k"] == pytest.approx(55)
    assert expansion.loc["optimal_48", "expansion_1e_6_per_k_error"] == pytest.approx(1.0)
    assert expansion.loc["optimal_96", "expansion_1e_6_per_k_error"] == pytest.approx(1.0)
    shown = rows.glass_transition(made["glass_transition"])
    assert shown[0]["glass transition (K)"] == "950 ± 50" and shown[2]["glass transition (K)"] == "none named"
    assert rows.thermal_expansion(made["thermal_expansion"])[1]["volumetric expansion (1e-6/K)"] == "55.0 ± 1.0"
    assert rows.densities(made["density"])[-1]["density (g/cm³)"] == "5.500"


def test_constant_volume_has_neither_density_nor_expansion():
    windows, found = quench_of(5.4, 900.0, 20.0)
    found["expansion"] = {}
    made = tables.of_quenches({"optimal_48_1": windows}, {"optimal_48_1": found}, None, [], [])
    assert made["glass_transition"]["quantity"].tolist() == ["enthalpy"]
    assert made["density"].empty and made["thermal_expansion"].empty
    older = {name: found[name] for name in ("temperature_k", "error_k", "reason", "n_points")}
    frames = pd.DataFrame({"role": "reference", "temperature_k": [300.0], "density_g_per_cm3": 5.6})
    made = tables.of_quenches({"optimal_48_1": windows}, {"optimal_48_1": older}, frames, [2], [])
    assert made["glass_transition"]["quantity"].tolist() == ["enthalpy"]


def crystal(**changed):
    """Return what a potential makes of a cubic crystal."""
    constants = [[0.0] * 6 for _ in range(6)]
    for i in range(3):
        constants[i][:3] = [50.0 if i == j else 20.0 for j in range(3)]
        constants[i + 3][i + 3] = 15.0
    return {
        "relaxed": True,
        "lattice": [5.0, 5.0, 5.0, 90.0, 90.0, 90.0],
        "volume_angstrom3_per_atom": 15.0,
        "energy_ev_per_atom": -5.0,
        "cohesive_energy_ev_per_atom": None,
        "equation_of_state": {"bulk_modulus_gpa": 30.0, "bulk_modulus_derivative": 5.0},
        "elasticity": {"constants_gpa": constants, "bulk_reuss_gpa": 30.0, "shear_hill_gpa": 15.0},
    } | changed


def test_crystals_stand_beside_their_references():
    reference = {
        "source": "a paper", "volume": 12.0, "bulk_modulus": 40.0, "relative_energy": 10.0, "cohesive_energy": 4.0,
        "lattice": [4.0, 5.0, 5.0, 90.0, 90.0, 90.0], "elastic_constants": {"C11": 40.0, "C33": 100.0, "C21": 20.0},
    }  # fmt: skip
    structures = [
        {"name": "alpha", "relative_to": "gamma", "reference": reference},
        {"name": "gamma", "relative_to": None, "reference": None},
        {"name": "lost", "relative_to": "gamma", "reference": reference},
    ]
    found = {
        "optimal": {"alpha": crystal(), "gamma": crystal(energy_ev_per_atom=-5.02), "lost": {"relaxed": False}},
        "all_frames": {"gamma": crystal(elasticity=None, cohesive_energy_ev_per_atom=4.5)},
    }
    table = tables.of_crystals(found, structures)
    alpha = table[(table["potential"] == "optimal") & (table["structure"] == "alpha")].set_index("quantity")
    assert alpha.loc[["a", "volume", "bulk modulus", "relative energy"], "difference_percent"].tolist() == [
        25.0,
        25.0,
        -25.0,
        100.0,
    ]
    assert alpha.loc["relative energy", "value"] == pytest.approx(20.0) and np.isnan(
        alpha.loc["cohesive energy", "value"]
    )
    # Equal constants are listed once, those with a reference by the name of the reference.
    assert [name for name in alpha.index if name[0] == "C"] == ["C11", "C21", "C33", "C44"]
    assert alpha.loc["C33", "difference_percent"] == -50.0 and set(alpha["source"]) == {"a paper", ""}
    assert "lost" not in set(table["structure"])
    other = table[table["potential"] == "all_frames"].set_index("quantity")
    assert other.loc["cohesive energy", "value"] == 4.5 and not any(name[0] == "C" for name in other.index)
    assert other["reference"].isna().all()
