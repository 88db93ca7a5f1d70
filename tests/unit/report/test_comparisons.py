"""Which models, experiments and curves each figure of the structure compares."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from gapglass.report import catalogue
from gapglass.report.figures import comparisons
from gapglass.structure import transforms
from gapglass.study import config

SETTINGS = {"q_max": 12.0, "window": "lorch"}
XRD = {"name": "xrd", "kind": "S(Q)", "radiation": "xray", "q_max": 10.0, "window": None}
ND = {"name": "nd", "kind": "G(r)", "radiation": "neutron", "q_max": 9.0, "window": None}
MODELS = ["reference", "optimal_48", "optimal_96", "soap_only_48"]
Q, R = np.arange(0.5, 12, 0.1), np.arange(0.05, 8, 0.1)


def sq(phase=0.0):
    """Return a table of S(q) with totals and partials."""
    curve = 1 + np.sin(2 * Q + phase) / Q
    columns = {name: curve for name in ("S_X", "S_N", "S_O-O", "S_O-Te", "S_Te-Te")}
    table = pd.DataFrame({"q_inverse_angstrom": Q, **columns, "S_X_error": 0.01, "S_O-Te_error": 0.01})
    return table.assign(width_inverse_angstrom=0.1)


def gr(phase=0.0):
    """Return a table of G(r) with totals, partials and running coordination."""
    curve = np.sin(2 * R + phase)
    columns = {name: curve for name in ("G_X", "G_N", "g_O-O", "g_O-Te", "g_Te-Te", "n_O-Te", "n_Te-O")}
    return pd.DataFrame({"r_angstrom": R, **columns, "G_X_error": 0.01})


def tables(experiments=()):
    """Return the tables of every model and experiment."""
    found = {"sq": {name: sq() for name in MODELS}, "gr": {name: gr() for name in MODELS}}
    for entry in experiments:
        name, total = f"experiment_{entry['name']}", {"xray": "X", "neutron": "N"}[entry["radiation"]]
        over_q = entry["kind"] == "S(Q)"
        measured = sq()[["q_inverse_angstrom", f"S_{total}"]]
        measured = measured[measured["q_inverse_angstrom"] <= entry["q_max"]]
        found["sq"][name] = measured if over_q else measured.iloc[:0]
        found["gr"][name] = gr()[["r_angstrom", f"G_{total}"]]
    coordination = pd.DataFrame([{"centre": "Te", "neighbour": "O", "percent_4_fold": 100.0}])
    angles = pd.DataFrame({"angle_degree": [90.0, 120.0], "O-Te-O": [0.01, 0.02]})
    found["coordination"] = dict.fromkeys(MODELS, coordination)
    found["angles"] = dict.fromkeys(MODELS, angles)
    sizes = {"formers_in_ring": [2, 3], "rings_per_former": [0.1, 0.4], "formers_share_percent": [5.0, 30.0]}
    rings = pd.DataFrame(sizes).assign(rings_per_former_error=0.01, formers_share_percent_error=np.nan)
    found["rings"] = dict.fromkeys(MODELS, rings)
    species = {"quantity": ["Q", "Q", "bridge"], "species": ["Te", "Te", "O"], "n": [3, 4, 2]}
    species |= {"share_percent": [20.0, 80.0, 100.0], "share_percent_error": [1.0, 1.0, np.nan]}
    found["network"] = dict.fromkeys(MODELS, pd.DataFrame(species))
    empty = {"distance_angstrom": [0.0, 1.0, 2.0], "volume_share_percent": [100.0, 40.0, 0.0]}
    found["voids"] = dict.fromkeys(MODELS, pd.DataFrame(empty).assign(volume_share_percent_error=0.1))
    return found


def figures(names, experiments=(), doubted=()):
    """Return the figures with their numbers, one after another."""
    return comparisons.drawn(
        names,
        tables(experiments),
        main="optimal",
        compared=[48],
        cutoffs={"Te-O": 2.46},
        experiments=experiments,
        settings=SETTINGS,
        doubted=doubted,
    )


def drawn(names, experiments=()):
    """Return name -> models in the order in which a figure shows them."""
    shown = {}
    for name, (figure, table) in figures(names, experiments):
        shown[name] = list(dict.fromkeys(table["model"]))
        plt.close(figure)
    return shown


def test_study_of_the_example_has_all_its_figures():
    settings = config.read(ROOT / "config/config.yaml")
    wanted = {figure.name for figure in catalogue.listed(settings) if figure.rule == "plot_structure"}
    found = drawn(wanted)
    assert set(found) == wanted
    assert found["structure_factor"] == found["pair_distribution"] == ["reference", "optimal_96"]
    assert found["running_coordination"] == found["coordination"] == MODELS
    assert found["pair_distribution_sizes"] == ["reference", "48 atoms", "96 atoms"]
    assert found["pair_distribution_potentials"] == ["reference", "48 atoms optimal", "48 atoms soap_only"]


def test_models_not_to_be_believed_are_marked_in_every_legend():
    settings = config.read(ROOT / "config/config.yaml")
    wanted = {figure.name for figure in catalogue.listed(settings) if figure.rule == "plot_structure"}
    marked = {}
    for name, (figure, table) in figures(wanted, doubted={"optimal_96"}):
        legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
        texts = [text.get_text() for legend in legends for text in legend.get_texts()]
        marked[name] = [text for text in texts if "†" in text]
        assert any("not to be believed" in legend.get_title().get_text() for legend in legends) == bool(marked[name])
        assert not table["model"].str.contains("†").any()
        plt.close(figure)
    assert marked["structure_factor"] == marked["voids"] == marked["rings"] == ["GAP (optimal), 96 atoms †"]
    assert marked["pair_distribution_sizes"] == ["96 atoms †"]
    assert marked["pair_distribution_potentials"] == []  # compares the models of 48 atoms
    assert all(marked[name] for name in wanted if not name.endswith("_potentials"))


def test_figures_that_are_not_wanted_are_not_drawn():
    assert list(drawn(())) == [figure.name for figure in catalogue.STRUCTURE]


def test_experiments_stand_in_the_figures_of_their_radiation():
    found = drawn((), [XRD, ND])
    assert found["structure_factor"] == ["reference", "optimal_96", "experiment_xrd"]
    assert found["neutron_structure_factor"] == ["reference", "optimal_96"]  # the neutron curve was measured over r
    assert found["neutron_pair_distribution"] == ["reference", "optimal_96", "experiment_nd"]
    assert found["partial_structure_factors"] == ["reference", "optimal_96"]
    assert found["running_coordination"] == MODELS


def test_largest_model_is_by_number_and_may_be_absent():
    found = dict.fromkeys(["reference", "optimal_96", "optimal_480", "soap_only_960"], gr())
    assert list(comparisons.shown(found, "optimal")) == ["reference", "optimal_480"]
    assert list(comparisons.shown({"reference": gr()}, "optimal")) == ["reference"]
    assert list(comparisons.shown(found, "soap_only")) == ["reference", "soap_only_960"]


def test_windows_are_those_of_the_measurements():
    found = comparisons.common_windows([XRD, ND], SETTINGS, tables([XRD, ND])["sq"])
    assert found == {"xrd": (pytest.approx(10.0), "lorch"), "nd": (9.0, "none")}


def test_models_are_transformed_like_the_one_measurement_beside_them():
    found = tables([XRD])
    windows = {"xrd": (10.0, "none")}
    beside = comparisons.shown(found["gr"], "optimal", [XRD], "xray")
    result = comparisons.with_window_of_experiments(beside, found["sq"], "xray", windows)
    assert list(result) == list(beside) and result["experiment_xrd"] is beside["experiment_xrd"]
    expected = transforms.model_g(found["sq"]["optimal_96"], R, "xray", 10.0, "none")
    np.testing.assert_allclose(result["optimal_96"]["G_X"], expected)
    assert not np.allclose(result["optimal_96"]["G_X"], beside["optimal_96"]["G_X"])


def test_models_stay_where_no_or_two_windows_are_beside_them():
    found = tables([XRD, XRD | {"name": "other"}])
    beside = comparisons.shown(found["gr"], "optimal", [XRD, XRD | {"name": "other"}], "xray")
    assert len(beside) == 4
    two = {"xrd": (10.0, "none"), "other": (9.0, "none")}
    assert comparisons.with_window_of_experiments(beside, found["sq"], "xray", two) is beside
    same = {"xrd": (10.0, "none"), "other": (10.0, "none")}
    assert comparisons.with_window_of_experiments(beside, found["sq"], "xray", same) is not beside
    alone = comparisons.without_experiments(beside)
    assert comparisons.with_window_of_experiments(alone, found["sq"], "xray", {}) is alone


def test_groups_by_size_and_by_potential():
    found = tables()["gr"]
    assert list(comparisons.by_size(found, "optimal")) == ["48 atoms", "96 atoms"]
    groups = comparisons.by_potential(found, [48, 96])
    assert {size: list(group) for size, group in groups.items()} == {
        "48 atoms": ["optimal", "soap_only"],
        "96 atoms": ["optimal"],
    }
