"""What figures there are, their captions, and that drawing keeps the numbers."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from gapglass.report import catalogue, page, tables
from gapglass.report.figures import glass, learning_curves, structure, style
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
    settings["potential"]["variants"] = ["all_frames"]
    assert "active_learning" not in names(settings) and main_potential(settings) == "all_frames"
    settings["learning_curves"]["strategies"] = ["clusters_equal"]
    assert [figure.name for figure in catalogue.learning(settings)] == ["learning_curves_allocation"]


def test_paper_is_complete():
    """Figures 2 to 8, S2 to S13 and tables 1, S1 to S5 of the paper are all there."""
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
    assert len(lines) == 4  # each model on the reference
    assert np.mean(lines[3].get_ydata()) - np.mean(lines[1].get_ydata()) > 1
    np.testing.assert_allclose(table[table["model"] == "96 atoms"]["G_X"], models["96 atoms"]["G_X"])


def test_learning_curves_have_a_panel_per_group_and_a_line_per_strategy():
    rows = [
        {"strategy": s, "n_train": n, "group": g, "rmse_energy_mev_per_atom": 5.0, "rmse_energy_mev_per_atom_error": 0.1,
         "rmse_force_ev_per_angstrom": 0.2, "rmse_force_ev_per_angstrom_error": 0.01}
        for s in ("clusters", "random", "clusters_equal") for n in (10, 20) for g in ("all", "liquid", "glass")
    ]  # fmt: skip
    figure, table = learning_curves.learning_curves(pd.DataFrame(rows), ["clusters", "random"])
    assert len(figure.axes) == 6 and [axes.get_title() for axes in figure.axes[:3]] == ["all", "liquid", "glass"]
    assert set(table["strategy"]) == {"clusters", "random"}


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("reference", "reference"), ("experiment_xrd-1", "experiment (xrd-1)"), ("optimal_96", "GAP (optimal), 96 atoms"),
        ("all_frames_48", "GAP (all_frames), 48 atoms"), ("soap_only_48_2", "GAP (soap_only), 48 atoms, replica 2"),
    ],
)  # fmt: skip
def test_names_of_models(name, label):
    assert style.model_label(name) == label


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


def thermo(n):
    columns = ["time_ps", "temperature_k", "potential_energy_ev", "pressure_gpa", "density_g_per_cm3"]
    table = pd.DataFrame(np.arange(5.0 * n).reshape(n, 5), columns=columns)
    return table.assign(stage=1 + np.arange(n) // 3)


def test_melt_quench_marks_what_exploded():
    models = {"optimal_48_1": thermo(2), "optimal_48_2": thermo(6), "soap_only_48_1": thermo(0)}
    figure, table = glass.melt_quench(models, {"optimal_48_1": {}, "soap_only_48_1": {}})
    lines = figure.axes[0].get_lines()[:3]
    assert [line.get_marker() for line in lines] == ["x", "None", "x"] and lines[0].get_label().endswith(
        "replica 1, exploded"
    )
    assert table.groupby("model").size().to_dict() == {"optimal_48_1": 2, "optimal_48_2": 6}
    figure.canvas.draw()
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
