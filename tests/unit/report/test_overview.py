"""The first screen of the report: what was made, whether to trust it, what to do next."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from gapglass.report import overview
from gapglass.study import config

OF_STOP = {"rmse_energy_mev_per_atom": 2.5, "n_blocks": 14, "upper_energy_mev_per_atom": 2.9, "level": 0.983}
SUMMARY = {
    "converged": True,
    "reason": "energy tolerance met",
    "descriptor": "soap_turbo",
    "n_train": 20,
    "n_frames_reference": 59,
    "n_holdout": 9,
    "energy_tolerance": 3.0,
    "validation": OF_STOP,
    "rmse_energy_mev_per_atom": {"holdout": 2.0},
    "rmse_force_ev_per_angstrom": {"holdout": 0.31},
    "intervals": {"rmse_energy_mev_per_atom": {"holdout": [1.5, 2.75]}, "rmse_force_ev_per_angstrom": {}},
    "calibration": {
        "energy": {"inside_1_sigma": 0.7, "inside_2_sigma": 0.96},
        "force": {"inside_1_sigma": 0.66, "inside_2_sigma": 0.95},
    },
}
R_X = pd.DataFrame(
    [
        {"model": model, "against": against, "r_x_percent": 8.2, "r_x_percent_error": error, "n_replicas": n_replicas}
        for model, error, n_replicas in (
            ("optimal_48", np.nan, 1),
            ("optimal_240", 0.5, 3),
            ("all_frames_480", np.nan, 1),
        )
        for against in ("reference", "experiment_xrd")
    ]
)


def trust(summary=SUMMARY, **changed):
    given = {"main": "optimal", "agreements": [], "experiments": [{"name": "xrd"}]}
    return {check["what"]: check for check in overview.trust(summary, **(given | changed))}


def test_errors_have_their_interval_and_are_compared_with_the_tolerance():
    check = trust()["Errors"]
    assert check["answer"] == "yes" and "2.00 meV/atom (95 %: 1.50 to 2.75)" in check["text"]
    assert "the force error 0.310 eV/Å." in check["text"] and "9 frames" in check["text"]
    assert trust(SUMMARY | {"energy_tolerance": 1.9})["Errors"]["answer"] == "no"
    nothing = {"rmse_energy_mev_per_atom": {"holdout": None}, "rmse_force_ev_per_angstrom": {"holdout": None}}
    assert trust(SUMMARY | nothing)["Errors"]["answer"] == "open"


def test_the_stop_is_told_with_its_bound_or_as_unproven():
    check = trust()["Stop"]
    assert check["answer"] == "yes" and "below 2.90 meV/atom with a probability of 98 %" in check["text"]
    few = OF_STOP | {"n_blocks": 8, "upper_energy_mev_per_atom": None}
    check = trust(SUMMARY | {"validation": few})["Stop"]
    assert check["answer"] == "look" and "8 blocks of time" in check["text"] and "12 are needed" in check["text"]
    assert trust(SUMMARY | {"validation": few, "converged": False})["Stop"]["answer"] == "no"


@pytest.mark.parametrize(
    ("one", "two", "answer", "word"),
    [(0.68, 0.95, "yes", "reliable"), (0.5, 0.8, "look", "too small"), (0.95, 1.0, "yes", "too large")],
)
def test_predicted_errors_are_called_reliable_too_small_or_too_large(one, two, answer, word):
    share = {"inside_1_sigma": one, "inside_2_sigma": two}
    check = trust(SUMMARY | {"calibration": {"energy": share, "force": share}})["Predicted errors"]
    assert check["answer"] == answer and word in check["text"]
    assert trust(SUMMARY | {"calibration": None})["Predicted errors"]["answer"] == "open"


def test_structure_is_that_of_the_largest_model_of_the_main_potential():
    checks = trust(r_x=R_X)
    for name in ("Reference", "Experiment"):
        # Student's t is 4.303 for two degrees of freedom.
        assert "GAP (optimal), 240 atoms differs by R_X = 8.2 (95 %: 6.0 to 10.4) %" in checks[name]["text"]
    single = R_X[R_X["model"] == "optimal_48"]
    alone = trust(r_x=single, experiments=[], doubted={"GAP (optimal), 48 atoms"})
    assert "no error bar" in alone["Reference"]["text"] and "not to be believed" in alone["Reference"]["text"]
    assert trust(r_x=R_X[R_X["model"] == "all_frames_480"])["Structure"]["answer"] == "open"


@pytest.mark.parametrize(("number", "answer"), [(4.05, "yes"), (4.5, "look")])
def test_coordination_is_compared_within_its_errors(number, answer):
    rows = [("reference", 4.0, 0.03), ("optimal_48", number, 0.04)]
    table = pd.DataFrame(rows, columns=["model", "coordination_number", "standard_error"])
    check = trust(coordination=table.assign(centre="Te", neighbour="O"))["Coordination"]
    assert check["answer"] == answer and f"{number:.2f} ± 0.04 O around Te, reference 4.00 ± 0.03" in check["text"]


def test_coordination_numbers_that_look_alike_agree():
    rows = [("reference", 3.956, 0.0), ("optimal_3840", 3.958, 0.0002)]
    table = pd.DataFrame(rows, columns=["model", "coordination_number", "standard_error"])
    assert trust(coordination=table.assign(centre="Si", neighbour="O"))["Coordination"]["answer"] == "yes"


def test_few_replicas_have_a_wide_interval():
    rows = [("reference", 4.0, 0.03), ("optimal_240", 4.3, 0.1)]
    table = pd.DataFrame(rows, columns=["model", "coordination_number", "standard_error"])
    table = table.assign(centre="Te", neighbour="O")
    check = trust(coordination=table, r_x=R_X)["Coordination"]
    assert check["answer"] == "yes" and "4.30 (95 %: 3.87 to 4.73) O around Te" in check["text"]
    many = trust(coordination=table, r_x=R_X.assign(n_replicas=30))["Coordination"]
    assert many["answer"] == "look" and "4.30 (95 %: 4.10 to 4.50) O around Te" in many["text"]
    assert "over replicas" in many["text"]


def test_atoms_without_a_neighbour_are_a_false_minimum():
    rows = [
        ("reference", "Te", 0.0),
        ("optimal_48", "Te", 0.0),
        ("optimal_240", "Te", 6.25),
        ("optimal_240", "O", 1.0),
    ]
    table = pd.DataFrame(rows, columns=["model", "centre", "percent_0_fold"]).assign(neighbour="O")
    table.loc[len(table)] = ("reference", "O", 0.5, "O")  # the reference has such atoms too
    check = trust(l_fold=table)["Bare atoms"]
    assert check["answer"] == "no" and "harvest.rounds" in check["text"]
    assert "6.2 % of the Te atoms of GAP (optimal), 240 atoms have no O within the cutoff" in check["text"]
    assert "48 atoms" not in check["text"] and "O atoms" not in check["text"]
    assert "Bare atoms" not in trust(l_fold=table[table["model"] != "optimal_240"])
    assert "Bare atoms" not in trust(l_fold=table.drop(columns="percent_0_fold"))


def test_explosions_and_differences_to_quip_are_failures():
    assert trust(n_models=2)["Glass"]["answer"] == trust()["Engine"]["answer"] == "yes"
    assert trust(n_models=2, exploded=["optimal_48_1"])["Glass"]["answer"] == "no"
    assert trust(n_models=2, doubted={"GAP (optimal), 48 atoms"})["Glass"]["answer"] == "no"
    assert trust(agreements=["optimal: differs"])["Engine"]["answer"] == "no"


def test_atoms_have_to_hold_together_when_they_are_hot():
    nve = {"temperature_k": 4000.0, "survived": True, "n_atoms": 48, "time_ps": 0.5, "drift_mev_per_atom_per_ps": 0.03}
    check = trust(SUMMARY | {"nve": nve})["Hot"]
    assert check["answer"] == "yes" and "48 atoms held together for 0.5 ps" in check["text"]
    assert "+0.03 meV/atom/ps" in check["text"]
    check = trust(SUMMARY | {"nve": nve | {"drift_mev_per_atom_per_ps": -1.2}})["Hot"]
    assert check["answer"] == "look" and "shorter time step" in check["text"]
    check = trust(SUMMARY | {"nve": nve | {"survived": False, "message": "O and O came to 0.5 Å"}})["Hot"]
    assert check["answer"] == "no" and "O and O came to 0.5 Å" in check["text"]
    assert "Hot" not in trust() and "Hot" not in trust(SUMMARY | {"nve": None})


def test_crystals_are_looked_at_beside_their_references():
    rows = [("alpha", "volume", 2.5), ("alpha", "C11", -20.0), ("alpha", "C33", 31.0), ("gamma", "volume", np.nan)]
    table = pd.DataFrame(rows, columns=["structure", "quantity", "difference_percent"]).assign(potential="optimal")
    check = trust(crystals=table)["Crystals"]
    assert check["answer"] == "look" and "alpha and gamma stay stable" in check["text"]
    assert "volume by +2.5 %, elastic constants by at most 31 %" in check["text"]
    check = trust(crystals=table[3:])["Crystals"]
    assert check["answer"] == "yes" and "gamma stays stable; there are no reference values" in check["text"]
    check = trust(crystals=table, crystal_troubles=["beta: it melts"])["Crystals"]
    assert check["answer"] == "no" and "beta: it melts" in check["text"]
    assert "Crystals" not in trust(crystals=table.assign(potential="all_frames"))


def test_what_was_made_is_told_as_far_as_it_is():
    assert overview.made() == []
    imported = {"n_frames": 59, "n_atoms": [48], "species": ["O", "Te"], "n_rejected": 1}
    told = overview.made(imported=imported, summary=SUMMARY, main="optimal", models=[("optimal", 48, 1)])
    assert told[0] == "59 frames of 48 atoms (O, Te) were imported, 1 rejected."
    assert "trained on 20 of 59 frames (34 %)" in told[1] and told[2].startswith("1 glass model of 48 atoms")
    costs = pd.DataFrame({"cpu_time_s": [30.0, 45.0], "peak_memory_mb": [100.0, 1500.0]})
    assert "1 min 15 s of CPU time and at most 1.5 GB" in overview.made(costs=costs)[0]


def steps(summary, **given):
    settings = config.read(ROOT / "config/tiny.yaml")
    found = overview.next_steps("my study.yaml", settings, folder="results/tiny", summary=summary, **given)
    return " ".join(step["text"] for step in found), [step["command"] for step in found]


def test_next_steps_have_the_names_of_the_study():
    text, commands = steps(SUMMARY, species=["Te", "O"])
    assert "gapglass run 'my study.yaml'" in commands and "gapglass verify 'my study.yaml'" in commands
    assert "pair_style gapglass\npair_coeff * * results/tiny/potentials/optimal/gap.xml Te O" in commands
    assert "tolerance is not met" not in text and "glass.replicas" in text
    text, _ = steps(SUMMARY | {"converged": False, "validation": OF_STOP | {"upper_energy_mev_per_atom": None}})
    assert "tolerance is not met" in text and "validation_fraction" in text
    text, commands = steps(None, unfinished=True)
    assert commands == ["gapglass run 'my study.yaml'", "gapglass report 'my study.yaml'"]
