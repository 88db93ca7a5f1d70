"""The list of the figures, their captions, and the numbers that they draw."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from gapglass.report import catalogue, page
from gapglass.report.figures import (
    clusters,
    dark,
    glass,
    learning_curves,
    potentials,
    quench,
    rates,
    structure,
    style,
    vibrations,
)
from gapglass.study import config
from gapglass.study.models import main_potential

STUDIES = ["config.yaml", "tiny.yaml", "studies/aste3.yaml", "studies/teo2.yaml", "studies/teo2-gamma.yaml"]


def names(settings):
    return [figure.name for figure in catalogue.listed(settings)]


def test_list_follows_the_configuration():
    settings = config.read(ROOT / "config/config.yaml")
    assert {"structure_factor_sizes", "pair_distribution_potentials", "errors_by_temperature", "bond_angles"} <= set(
        names(settings)
    )
    settings["potential"]["variants"], settings["glass"]["sizes"] = ["optimal"], [96]
    assert not {"structure_factor_sizes", "pair_distribution_potentials", "errors_by_temperature"} & set(
        names(settings)
    )
    settings["structure"]["coordination_cutoffs"] = {}
    assert not {"coordination", "bond_angles"} & set(names(settings))
    assert {"rings", "network"} <= set(names(settings))
    settings["structure"]["network"]["bridges"] = []
    assert "rings" in names(settings) and "network" not in names(settings)
    assert not {"vibrations", "rates"} & set(names(settings))
    assert "equations_of_state" not in names(settings)
    settings["validation"]["structures"] = [{"name": "a"}]
    assert "equations_of_state" in names(settings)
    settings["potential"]["variants"] = ["all_frames"]
    assert "active_learning" not in names(settings) and main_potential(settings) == "all_frames"
    settings["learning_curves"]["strategies"] = ["clusters_equal"]
    assert [figure.name for figure in catalogue.learning(settings)] == ["learning_curves_allocation"]


def test_the_page_shows_every_figure():
    known = {figure.name for group in vars(catalogue).values() for figure in figures_of(group)}
    template = (Path(page.__file__).parent / "templates/report.html.j2").read_text()
    assert known == set(re.findall(r'picture\("(\w+)"\)', template))


def figures_of(value):
    """Return the figures of a value of the catalogue's module, none of one that is something else."""
    values = value if isinstance(value, tuple) else (value,)
    return [item for item in values if isinstance(item, catalogue.Figure)]


def test_paper_is_complete():
    """The list holds figures 2 to 8, S2 to S13 and tables 1, S1 to S5 of the paper."""
    settings = config.read(ROOT / "config/config.yaml")
    text = catalogue.readme(settings)
    for place in [*(f"Figure {n}" for n in range(2, 9)), "Figures S2 to S6", *(f"Figure S{n}" for n in range(7, 14))]:
        assert f"| {place} |" in text
    for place in ("Table 1", "Table S1", "Table S2", "Table S3", "Tables S4, S5"):
        assert f"| {place} |" in text


@pytest.mark.parametrize("name", STUDIES)
def test_captions_state_the_settings(name):
    settings = config.read(ROOT / "config" / name)
    for figure in (*catalogue.listed(settings), *catalogue.learning(settings)):
        text = page.caption(figure, settings)
        assert len(text) > 40 and "{" not in text
    captions = {figure.caption: page.caption(figure, settings) for figure in catalogue.listed(settings)}
    assert f"d_tol {settings['clustering']['d_tol']}" in captions["delta"]
    assert "Q_max = 15 Å⁻¹ with a Lorch window" in captions["pair_distribution"]


def test_every_caption_is_used():
    settings = config.read(ROOT / "config/config.yaml")
    settings["glass"] |= {"vibrations": {"time": 10.0, "interval": 2.0, "resolution": 0.5}, "rates": [1.0]}
    settings["validation"]["structures"] = [{"name": "a"}]
    used = {figure.caption for figure in (*catalogue.listed(settings), *catalogue.learning(settings))}
    assert used == {path.stem for path in (ROOT / "src/gapglass/report/captions").glob("*.rst")}


def curve(shift=0.0, n=80):
    x = np.linspace(0.5, 8, n)
    return pd.DataFrame(
        {
            "r_angstrom": x,
            "G_X": np.sin(x + shift),
            "G_X_error": 0.05,
            "g_O-Te": 1 + np.sin(x) / x,
            "g_O-Te_error": np.nan,
        }
    )


def drawn_lines(axes):
    return [line for line in axes.get_lines() if len(line.get_xdata()) > 2]


def test_curves_draw_and_return_every_model(tmp_path):
    models = {
        "reference": curve(),
        "optimal_48": curve(0.2),
        "experiment_xrd": curve(0.1)[["r_angstrom", "G_X", "G_X_error"]],
    }
    figure, table = structure.curves(models, ["G_X", "g_O-Te"])
    assert [len(drawn_lines(axes)) for axes in figure.axes] == [3, 2]
    assert table.groupby("model").size().to_dict() == {"reference": 80, "optimal_48": 80, "experiment_xrd": 80}
    assert figure.axes[0].get_ylabel().startswith("X-ray") and r"\mathrm{O-Te}" in figure.axes[1].get_ylabel()
    for ending in ("png", "pdf", "csv"):
        (tmp_path / f"a.{ending}").write_text("")
    style.save((figure, table), [tmp_path / f"a.{ending}" for ending in ("png", "pdf", "csv")], "a")
    np.testing.assert_allclose(pd.read_csv(tmp_path / "a.csv")["G_X"], table["G_X"], rtol=1e-8)
    assert (tmp_path / "a.pdf").read_bytes()[:4] == b"%PDF" and (tmp_path / "a.png").stat().st_size > 5000


def test_stacked_curves_keep_their_numbers_unshifted():
    models = {"48 atoms": curve(0.1), "96 atoms": curve(0.3)}
    figure, table = structure.stacked({"": models}, curve(), ["G_X"])
    lines = drawn_lines(figure.axes[0])
    assert len(lines) == 4  # one of each model and one of the reference below it
    assert np.mean(lines[3].get_ydata()) - np.mean(lines[1].get_ydata()) > 1
    np.testing.assert_allclose(table[table["model"] == "96 atoms"]["G_X"], models["96 atoms"]["G_X"])


def learning_summary(*strategies):
    """Return learning_curves/summary.csv of these strategies."""
    errors = {"rmse_energy_mev_per_atom": 5.0, "rmse_force_ev_per_angstrom": 0.2}
    rows = [
        {"strategy": strategy, "sparse_from": "pool", "prior": prior, "n_train": n_train, "group": group}
        | {name: error * (prior == "none") for name, error in errors.items()}
        for strategy in strategies
        for prior in ("none", "guide")
        for n_train in (10, 20)
        for group in ("all", "liquid", "glass")
    ]
    table = pd.DataFrame(rows)
    return table.assign(**{f"{name}_error": 0.02 * table[name] for name in errors})


def test_learning_curves_have_a_panel_per_group_and_a_line_per_strategy():
    summary = learning_summary("clusters", "random", "clusters_equal")
    figure, table = learning_curves.learning_curves(summary, ["clusters", "random"])
    assert len(figure.axes) == 6 and [axes.get_title() for axes in figure.axes[:3]] == ["all", "liquid", "glass"]
    assert set(table["strategy"]) == {"clusters", "random"} and (table["rmse_energy_mev_per_atom"] > 0).all()


def test_figures_of_the_learning_curves_part_allocations_from_other_ways():
    summary = learning_summary(*learning_curves.STRATEGIES)
    shown = {
        name: set(table["strategy"]) for name, (_, table) in learning_curves.drawn(learning_curves.SHOWN, summary)
    }
    assert shown["learning_curves_allocation"] == catalogue.ALLOCATIONS | {"clusters", "random"}
    assert shown["learning_curves"] == set(learning_curves.STRATEGIES) - catalogue.ALLOCATIONS
    ((name, (_, table)),) = learning_curves.drawn(["learning_curves_allocation"], learning_summary("uniform_in_time"))
    assert name == "learning_curves_allocation" and table.empty


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("reference", "reference"),
        ("experiment_xrd-1", "experiment (xrd-1)"),
        ("optimal_96", "GAP (optimal), 96 atoms"),
        ("all_frames_48", "GAP (all_frames), 48 atoms"),
        ("optimal_96_rate_0.5", "GAP (optimal), 96 atoms, 0.5 K/ps"),
        ("optimal_96_rate_0.5_2", "GAP (optimal), 96 atoms, 0.5 K/ps, replica 2"),
        ("soap_only_48_2", "GAP (soap_only), 48 atoms, replica 2"),
    ],
)
def test_names_of_models(name, label):
    assert style.model_label(name) == label


def thermo(n):
    columns = ["time_ps", "temperature_k", "potential_energy_ev", "pressure_gpa", "density_g_per_cm3"]
    table = pd.DataFrame(np.arange(5.0 * n).reshape(n, 5), columns=columns)
    return table.assign(stage=1 + np.arange(n) // 3)


def test_melt_quench_marks_what_exploded_and_what_is_not_to_be_believed():
    models = {"optimal_48_1": thermo(2), "optimal_48_2": thermo(6), "soap_only_48_1": thermo(0)}
    exploded, doubted = {"optimal_48_1": {}, "soap_only_48_1": {}}, ["optimal_48_1", "optimal_48_2"]
    figure, table = glass.melt_quench(models, exploded, doubted)
    lines = figure.axes[0].get_lines()[:3]
    assert [line.get_marker() for line in lines] == ["x", "None", "x"] and lines[0].get_label().endswith(
        "replica 1, exploded"
    )
    assert lines[1].get_label().endswith("replica 2, not to be believed")
    assert table.groupby("model").size().to_dict() == {"optimal_48_1": 2, "optimal_48_2": 6}
    figure.canvas.draw()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1
    figure, table = glass.melt_quench({"optimal_48_1": thermo(0)}, ["optimal_48_1"])
    figure.canvas.draw()
    assert table.empty and "temperature_k" in table


def test_figures_without_a_model_show_the_reference_alone():
    for groups in ({"": {}}, {"48 atoms": {}, "96 atoms": {"optimal": curve(0.1)}}):
        figure, table = structure.stacked(groups, curve(), ["G_X", "g_O-Te"])
        assert all(drawn_lines(axes) for axes in figure.axes) and (table["model"] == "reference").sum() == 80
        figure.canvas.draw()
    figure, table = structure.curves({"reference": curve()}, ["G_X"])
    assert set(table["model"]) == {"reference"} and len(drawn_lines(figure.axes[0])) == 1


def loop_of(energies):
    """Return history, ledger and summary of a loop with one iteration per energy error, the second fit failed."""
    n_train = [10 * number for number in range(1, len(energies) + 1)]
    history = pd.DataFrame({"iteration": range(1, len(energies) + 1), "n_train": n_train})
    for part, factor in (("train", 0.5), ("test", 1.0), ("validation", 1.5), ("holdout", 2.0)):
        history[f"rmse_energy_mev_per_atom_{part}"] = factor * np.array(energies)
    ledger = [
        {"iteration": number, "round": 1, "trial": 1, "status": "ok", "rmse_energy_mev_per_atom": energy}
        | {"hyperparameters": {"n_sparse": 40}, "cost_us_per_atom_step": 5.0, "rmse_force_ev_per_angstrom": 0.2}
        for number, energy in enumerate(energies, 1)
    ]
    # A fit of the engine tells the errors of each number of sparse points; the last one is worse and costs more.
    ledger[-1]["sizes"] = [
        {"n_sparse": n, "cost_us_per_atom_step": cost, "rmse_energy_mev_per_atom": energy}
        | {"rmse_force_ev_per_angstrom": 0.3}
        for n, cost, energy in ((20, 4.0, 6.0), (40, 5.0, 4.0), (80, 7.0, 4.5))
    ]
    ledger.append({"iteration": 1, "status": "failed", "rmse_energy_mev_per_atom": None})
    return history, ledger


def predictions_of(n_frames, n_atoms=2):
    """Return predictions, forces and summary of a potential tested on frames of all sets."""
    sets = np.array(["train", "test", "holdout"])[np.arange(n_frames) % 3]
    energy = np.linspace(-5, -4, n_frames)
    table = {"frame": range(n_frames), "set": sets, "temperature_k": 300, "energy_reference_ev_per_atom": energy}
    predictions = pd.DataFrame(table | {"energy_gap_ev_per_atom": energy + 0.01})
    reference = np.random.default_rng(1).normal(size=(n_frames * n_atoms, 3))
    forces = {"frame": np.repeat(range(n_frames), n_atoms), "reference": reference, "gap": reference + 0.1}
    errors = dict.fromkeys(("train", "test", "validation", "holdout"), 1.5)
    summary = {"rmse_energy_mev_per_atom": errors, "rmse_force_ev_per_angstrom": errors, "energy_tolerance": 3.0}
    summary |= {
        "n_test": 4,
        "validation": None,
        "delivered": {"iteration": 2, "round": 1, "trial": 1},
        "cost_us_per_atom_step": 5.0,
    }
    return predictions, forces, summary


def crystals_of(potential):
    """Return two crystals of a potential, their energies at three volumes, their entries of the configuration."""
    state = {"volume_angstrom3_per_atom": 15.0, "energy_ev_per_atom": -5.0, "bulk_modulus_gpa": 40.0}
    found = {
        "alpha": {"formula": "O2Te", "relaxed": True, "equation_of_state": state | {"bulk_modulus_derivative": 5.0}},
        "beta": {"formula": "O2Te", "relaxed": False},
    }
    volumes = pd.DataFrame({"volume_angstrom3_per_atom": [14.0, 15.0, 16.0]})
    tables = {
        name: volumes.assign(energy_ev_per_atom=[-4.99 + shift, -5.0 + shift, -4.99 + shift])
        for name, shift in (("alpha", 0.0), ("beta", -0.02))
    }
    structures = [{"name": "alpha", "reference": {"volume": 15.2}}, {"name": "beta", "reference": None}]
    return {potential: found}, {potential: tables}, structures


def test_figures_of_the_potentials_follow_from_their_files():
    history, ledger = loop_of([8.0, 4.0])
    predictions, forces, summary = predictions_of(12)
    names = ["optimal", "all_frames"]
    comparison = [
        {"potential": name, "temperature_k": t, "n_frames": 3, "trained_on_them": name == "all_frames"}
        | {"rmse_energy_mev_per_atom": 5.0, "rmse_force_ev_per_angstrom": 0.2}
        for name in names
        for t in (300.0, 1000.0, np.nan)
    ]
    dimers = pd.DataFrame({"pair": ["O-O"] * 3 + ["O-Te"] * 3, "r_angstrom": [1.0, 2.0, 3.0] * 2})
    dimers = dimers.assign(energy_ev=[90.0, 1.0, -0.5] * 2, closest_angstrom=[2.2] * 3 + [np.nan] * 3)
    given = {
        "histories": {"optimal": history},
        "ledgers": {"optimal": ledger},
        "predictions": dict.fromkeys(names, predictions),
        "forces": dict.fromkeys(names, forces),
        "summaries": dict.fromkeys(names, summary),
        "dimers": dict.fromkeys(names, dimers),
        "comparison": pd.DataFrame(comparison),
    }
    found = dict(potentials.drawn(**given))
    assert list(found) == ["active_learning", "cost", "dimers", "parity", "errors_by_temperature"]
    crystals, states, structures = crystals_of("optimal")
    figure, table = dict(potentials.drawn(**given, crystals=crystals, states=states, structures=structures))[
        "equations_of_state"
    ]
    assert [axes.get_title() for axes in figure.axes] == ["O2Te"]
    assert table.groupby("structure").size().tolist() == [3, 3]
    points, fit, volume, _ = figure.axes[0].lines
    # Energies are from the lowest of all; the crystal that was not relaxed has no fit, the other its reference volume.
    assert points.get_ydata().tolist() == pytest.approx([30.0, 20.0, 30.0]) and min(fit.get_ydata()) >= 20 - 1e-6
    assert list(volume.get_xdata()) == [15.2, 15.2]
    figure, table = found["cost"]
    assert table["n_sparse"].tolist() == [20, 40, 80] and table["rmse_energy_mev_per_atom"].tolist() == [6.0, 4.0, 4.5]
    front = figure.axes[0].lines[0].get_xydata()
    assert front.tolist() == [[4.0, 6.0], [5.0, 4.0]]  # of the energies; nothing costlier is worse
    figure, table = found["dimers"]
    assert [axes.get_title() for axes in figure.axes] == ["O-O", "O-Te"] and len(table) == 12
    _, table = found["active_learning"]
    assert table.groupby("kind").size().to_dict() == {"best fit": 6, "every fit": 2}
    assert table[table["kind"] == "every fit"]["n_train"].tolist() == [10, 20]
    figure, table = found["parity"]
    assert len(figure.axes) == 4 and table.groupby("potential").size().to_dict() == dict.fromkeys(names, 12)
    figure, table = found["errors_by_temperature"]
    assert len(table) == 4 and table["temperature_k"].notna().all()
    assert figure.legends[0].get_texts()[1].get_text() == "all_frames (trained on these frames)"
    # One potential without a loop has neither a loop to draw nor another potential to compare with.
    alone = {name: {"all_frames": next(iter(found.values()))} for name, found in given.items() if name != "comparison"}
    alone |= {"histories": {}, "ledgers": {}, "comparison": given["comparison"]}
    assert [name for name, _ in potentials.drawn(**alone)] == ["dimers", "parity"]


def test_a_loop_judged_by_cross_validation_shows_its_errors():
    history, ledger = loop_of([8.0, 4.0])
    history = history.rename(columns={"rmse_energy_mev_per_atom_test": "rmse_energy_mev_per_atom_cross_validation"})
    *_, summary = predictions_of(12)
    figure, table = potentials.active_learning({"optimal": (history, ledger, summary | {"n_test": 0})})
    assert set(table["set"]) == {"train", "holdout", "cross_validation"}
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "cross-validation, best fit" in labels and not [label for label in labels if label.startswith("test")]
    # Frames that decide the stop have a curve and its upper bound, where there were enough blocks for one.
    bounded = history.assign(upper_energy_mev_per_atom=[np.nan, 9.0])
    given = {"optimal": (bounded, ledger, summary | {"n_test": 0, "validation": {"n_blocks": 12}})}
    figure, table = potentials.active_learning(given)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "validation, best fit" in labels and "its upper bound" in labels
    legend = figure.legends[0].get_window_extent(figure.canvas.get_renderer())
    assert legend.x0 >= 0 and legend.x1 <= figure.bbox.x1  # no word is cut off
    of_bound = table[table["kind"] == "upper bound"]
    assert of_bound["rmse_energy_mev_per_atom"].tolist()[1:] == [9.0] and set(of_bound["set"]) == {"validation"}
    # Of two loops with one axis, the second may have larger errors than the first.
    worse = history.assign(rmse_energy_mev_per_atom_holdout=99.0)
    loops = {
        "optimal": (history, ledger, summary | {"n_test": 0}),
        "soap_only": (worse, ledger, summary | {"n_test": 0}),
    }
    figure, _ = potentials.active_learning(loops)
    assert all(axes.get_ylim()[0] == 0 and axes.get_ylim()[1] > 99.0 for axes in figure.axes)


def test_parity_leaves_out_a_set_without_frames():
    predictions, forces, summary = predictions_of(9)
    errors = {"train": 1.0, "test": 2.0, "validation": None, "holdout": None}
    summary |= {"rmse_energy_mev_per_atom": errors, "rmse_force_ev_per_angstrom": errors}
    figure, _ = potentials.parity({"optimal": (predictions, forces, summary)})
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["training: 1.00 meV/atom", "test: 2.00 meV/atom"]


def test_figures_of_the_clusters_follow_from_their_files():
    n = 12
    table = pd.DataFrame(
        {
            "frame": range(n),
            "trajectory": ["a"] * 8 + ["b"] * 4,
            "time_ps": np.nan,
            "temperature_k": [1000] * 4 + [300] * 8,
        }
    ).assign(energy_ev_per_atom=np.linspace(-5, -4, n), labelled=True)
    labels = pd.DataFrame({"frame": range(n), "cluster": np.arange(n) // 4})
    scan = pd.DataFrame({"delta": [0.0, 0.5], "n_clusters": [2, 3], "converged": [True, False]})
    scan = scan.assign(mean_sigma_energy_mev_per_atom=[40.0, 20.0], weighted_sigma_energy_mev_per_atom=[41.0, 22.0])
    # Of many frames only some have a place on the map.
    places = pd.DataFrame({"frame": range(0, n, 2), "x": 0.1, "y": np.arange(n // 2) / 10})
    each = {0.5: labels["cluster"].to_numpy(), 0.0: np.arange(n) // 6}
    best = {"delta": 0.5, "n_clusters": 3}
    found = dict(clusters.drawn(table=table, labels=labels, scan=scan, best=best, places=places, labels_of_delta=each))
    assert list(found) == [figure.name for figure in catalogue.CLUSTERS]
    assert found["clusters"][1]["cluster"].tolist() == labels["cluster"].tolist()
    assert found["map"][1]["frame"].tolist() == list(range(0, n, 2))
    numbers = found["clusters_by_delta"][1]
    assert list(numbers)[3:] == ["cluster_delta_0", "cluster_delta_0.5"] and numbers["cluster_delta_0"].max() == 1
    figure, _ = found["clusters"]
    assert [axes.get_title() for axes in figure.axes[:2]] == ["a", "b"]
    assert [text.get_text().strip() for text in figure.axes[0].texts] == ["1000 K", "300 K"]


@pytest.mark.parametrize("processes", [1, 2])
def test_every_figure_is_saved_under_its_name(tmp_path, processes):
    names = ("one", "two", "three")
    paths = [tmp_path / f"{name}.{kind}" for name in names for kind in ("png", "csv")]
    figures = ((name, structure.curves({"reference": curve()}, ["G_X"])) for name in names)
    style.save_all(figures, paths, processes)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in paths)


def test_a_figure_that_another_process_cannot_write_stops_the_job(tmp_path):
    figures = [(name, structure.curves({"reference": curve()}, ["G_X"])) for name in ("one", "two")]
    (tmp_path / "file").touch()
    with pytest.raises(RuntimeError, match="Figures could not be written"):
        style.save_all(figures, [tmp_path / "one.png", tmp_path / "file" / "two.png"], 2)


def test_a_figure_on_dark_ground_has_the_same_data_and_stands_out(tmp_path):
    import matplotlib.pyplot as plt
    from PIL import Image

    figure, axes = plt.subplots()
    (line,) = axes.plot([0, 1], [0, 1], color="#0072B2")
    points = axes.scatter([0, 1], [1, 0], c=[0.0, 1.0], cmap="viridis")
    bar = axes.bar([0.5], [0.5], color="black")[0]
    figure.colorbar(points)
    axes.set_xlabel("time")
    style.save(
        (figure, pd.DataFrame({"x": [1]})), [tmp_path / "a.png", tmp_path / "a.dark.png", tmp_path / "a.csv"], "a"
    )
    ground = tuple(round(255 * part) for part in dark.GROUND)
    light, black = (Image.open(tmp_path / name).convert("RGB") for name in ("a.png", "a.dark.png"))
    assert light.size == black.size and light.getpixel((1, 1)) == (255, 255, 255) and black.getpixel((1, 1)) == ground
    colours = [line.get_color(), bar.get_facecolor(), axes.xaxis.label.get_color(), *points.get_cmap()([0, 0.5, 1.0])]
    for tick in axes.xaxis.get_ticklabels():
        colours.append(dark.to_rgba(tick.get_color()))
    assert all(dark.contrast(np.array(colour[:3]), dark.GROUND) >= 3 for colour in colours)


def test_colours_on_dark_ground():
    assert dark.contrast(np.ones(3), np.zeros(3)) == pytest.approx(21)  # known from the guidelines
    assert dark.on_dark((1, 1, 1, 1)) == pytest.approx((*dark.GROUND, 1))
    assert dark.on_dark((0, 0, 0, 0.5)) == pytest.approx((*dark.INK, 0.5))
    orange = (0.835, 0.369, 0.0, 1.0)  # stands out as it is
    assert dark.on_dark(orange) == pytest.approx(orange)


def test_quench_shows_replicas_and_the_reference_at_plateaus_only():
    """Two replicas give a mean with an error; a ramp has no reference beside its displacements."""

    def windows(shift):
        rows = [(1, n, 300.0, -5.0, 4.0 + shift) for n in range(1, 9)] + [
            (2, n, 2000.0 - 200 * n, -4.0, 3.0 + shift) for n in range(1, 9)
        ]
        return pd.DataFrame(rows, columns=["stage", "window", "temperature_k", "enthalpy_ev_per_atom", "Te-O"])

    def moved(**more):
        return pd.DataFrame({"time_ps": [0.1, 0.2], "species": "O", "msd_angstrom2": [1.0, 2.0]}).assign(**more)

    tables = {"optimal_48_1": windows(0.0), "optimal_48_2": windows(0.2), "optimal_96_1": windows(0.0)[:0]}
    plateaus = pd.DataFrame({"temperature_k": [300.0], "Te-O": [3.9]})
    transitions = {name: {"temperature_k": 900.0} for name in tables}
    figure, table = quench.quench(tables, plateaus, transitions)
    mean = table[table["model"] == "optimal_48"]
    assert mean["Te-O"].tolist() == pytest.approx([4.1] * 8 + [3.1] * 8)
    assert mean["Te-O_error"].tolist() == pytest.approx([0.1] * 16)
    assert set(table["model"]) == {"reference", "optimal_48"} and set(mean["transition_k"]) == {900.0}
    plt.close(figure)
    stages = pd.concat([moved(stage=1), moved(stage=2)])
    figure, table = quench.displacements(
        {"optimal_48_1": stages}, {"optimal_48_1": windows(0.0)}, moved(temperature_k=300.0)
    )
    labels = [axes.get_legend_handles_labels()[1] for axes in figure.axes]
    assert [any("reference" in label for label in of_panel) for of_panel in labels] == [True, False]
    plt.close(figure)
    figure, table = quench.quench({"optimal_48_1": windows(0.0)[:0]}, plateaus, {})
    assert table["model"].tolist() == ["reference"]
    plt.close(figure)


def test_vibrations_have_a_panel_for_the_total_and_each_element():
    frequency = np.linspace(0, 50, 101)
    shape = np.exp(-(((frequency - 20) / 4) ** 2))
    table = pd.DataFrame({
        "frequency_thz": frequency, "frequency_inverse_cm": 33.356 * frequency, "energy_mev": 4.1357 * frequency,
        "vdos_per_thz": shape, "vdos_per_thz_error": 0.1 * shape,
        "vdos_O_per_thz": 0.7 * shape, "vdos_O_per_thz_error": 0.1 * shape,
    })  # fmt: skip
    figure, numbers = vibrations.vibrations({"reference": table, "optimal_48": table})
    drawn = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in drawn] == ["total", "O"]
    assert all(len(drawn_lines(axes)) == 2 for axes in drawn) and 25 < drawn[0].get_xlim()[1] < 40
    assert numbers.groupby("model").size().to_dict() == {"reference": 101, "optimal_48": 101}
    figure, numbers = vibrations.vibrations({})
    assert numbers.empty and "model" in numbers
    plt.close("all")


def test_rates_have_a_curve_each_and_a_panel_for_each_number():
    table = pd.DataFrame(
        {
            "rate_k_per_ps": [1.0, 100.0, 1.0, 100.0],
            "quantity": ["coordination_number"] * 2 + ["enthalpy_ev_per_atom"] * 2,
            "of": ["Te-O", "Te-O", np.nan, np.nan],  # as read from a file
            "value": [4.0, 4.2, -5.0, -4.9],
            "error": [0.1, np.nan, 0.01, 0.01],
            "reference": [4.1, 4.1, np.nan, np.nan],
        }
    )
    curve = pd.DataFrame({"q_inverse_angstrom": np.linspace(1, 9, 50), "S_X": np.linspace(0, 1, 50)})
    figure, numbers = rates.rates(table, {1.0: curve, 100.0: curve}, curve, 30.0)
    first, coordination, enthalpy = figure.axes
    assert len(drawn_lines(first)) == 3 and first.get_ylabel() == "$S_X(q)$"
    assert coordination.get_xscale() == "log" and coordination.get_ylabel() == "neighbours, Te-O"
    # Values, the reference and the square at its own rate.
    assert [len(line.get_xdata()) for line in coordination.get_lines() if line.get_marker() == "s"] == [1]
    assert not [line for line in enthalpy.get_lines() if line.get_marker() == "s"]
    assert len(numbers) == 4 and set(numbers["reference_rate_k_per_ps"]) == {30.0}
    plt.close("all")
