"""The parts of the evidence page on guides, predicted deviations and sparse points, from tables with known answers."""

from itertools import product

import generate_evidence as evidence
import numpy as np
import pandas as pd
import pytest

from gapglass.active_learning import learning_curves
from gapglass.base import files

SIZES, DRAWS = (4, 16, 64), range(1, 7)


def results(strategies, priors=("none",), sparse_from="pool", seed=0, groups=("all",)):
    """Return results whose errors fall with the root of the frames, times a factor for each strategy and prior."""
    random, rows = np.random.default_rng(seed), []
    for draw in DRAWS:
        luck = np.exp(random.normal(0, 0.01))
        for strategy, factor in strategies.items():
            for prior in priors:
                sizes = (256,) if strategy == learning_curves.WHOLE_POOL else SIZES
                for size, group in product(sizes, groups):
                    error = luck * factor * (0.5 if prior == "guide" else 1.0) * np.exp(random.normal(0, 0.001))
                    rows.append(
                        {
                            "strategy": strategy, "sparse_from": sparse_from, "prior": prior, "n_train": size,
                            "draw": draw, "group": group, "labels_read": size,
                            "rmse_energy_mev_per_atom": 16 * error / size**0.5,
                            "rmse_force_ev_per_angstrom": 0.2 * luck,
                        }
                    )  # fmt: skip
    return pd.DataFrame(rows)


def write(folder, found):
    curves = folder / "learning_curves"
    curves.mkdir(parents=True)
    found = learning_curves.collect([found])
    tables = {"results": found, "summary": learning_curves.summarise(found)}
    tables |= {"comparison": learning_curves.compare(found), "savings": learning_curves.savings(found, seed=1)}
    for name, table in tables.items():
        files.write_table(curves / f"{name}.csv", table)
    return curves


@pytest.fixture
def folder(tmp_path):
    """A finished set with studies beside it; a set without is left out of their parts."""
    everything = {"random": 1.0, "residual": 0.8, "residual_per_plateau": 0.7, learning_curves.WHOLE_POOL: 1.0}
    old = write(tmp_path / "made", results(everything, groups=("all", "glass")))
    for name in ("summary", "comparison", "savings"):  # as of a study from before there were priors
        table = files.read_table(old / f"{name}.csv").drop(columns="prior")
        files.write_table(old / f"{name}.csv", table)
    write(tmp_path / "made-guide", results(everything | {"residual_guide": 0.9}, ("none", "guide")))
    training = results({"random": 1.0, "residual": 1.2}, sparse_from="training")
    write(tmp_path / "made-training", pd.concat([training, results({learning_curves.WHOLE_POOL: 1.0})]))
    of = {"strategy": "residual", "n_train": 64, "inside_2_sigma": 0.9, "mean_sigma": 2.0}
    rows = [
        {**of, "draw": draw, "quantity": quantity, "scaled": scaled, "inside_1_sigma": 0.25 + 0.5 * scaled,
         "scale": 4.0 if scaled else 1.0}
        for draw in DRAWS for quantity in ("energy", "force") for scaled in (False, True)
    ]  # fmt: skip
    calibration = learning_curves.calibration([pd.DataFrame(rows)])
    files.write_table(tmp_path / "made-guide/learning_curves/calibration.csv", calibration)
    write(tmp_path / "other", results(everything))
    return [tmp_path / "made", tmp_path / "other"]


def cells(table, *first):
    """Return the cells of the row of a table of Markdown that begins with these cells, by column."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    (row,) = [line for line in lines[2:] if line[: len(first)] == list(first)]
    return dict(zip(lines[0], row, strict=True))


def test_a_guide_as_prior_that_halves_the_error_saves_four_times_the_labels(folder):
    studies = evidence.beside(folder, "guide")
    assert list(studies) == ["made"]
    for strategy, error in (("random", 8.0), ("residual", 6.4)):
        sentence, table = evidence.of_prior(studies, strategy)
        assert "the energy error is lower in 3 of 3 cases and higher in 0" in sentence
        row = cells(table, "made", "4")
        plain, guided = map(float, row["energy RMSE"].split(" → "))
        assert plain == pytest.approx(error, rel=0.02) and guided == pytest.approx(error / 2, rel=0.02)
        assert row["energy (%)"].startswith("-50.0 ±") and row["energy (%)"].endswith("**better**")
        assert row["labels saved (energy)"].startswith("4.0 (") and row["divisions"] == "6"


def test_choice_by_the_guide_is_compared_with_random_frames_and_counted_above_the_smallest_size(folder):
    sentence, table = evidence.of_chooser(evidence.beside(folder, "guide"))
    assert "the energy error is lower in 2 of 2 cases" in sentence
    row = cells(table, "made", "16")
    assert row["residual_guide: energy (%)"].startswith("-10.0 ±") and row["residual: energy (%)"].startswith(
        ("-19.9", "-20.")
    )
    assert row["residual_guide and prior: energy (%)"].startswith("-55.0 ±")
    assert row["residual_guide: frames saved"].startswith("1.2 (")


def test_calibration_is_shown_before_and_after_scaling(folder):
    (energy, force) = evidence.of_calibration(folder)
    assert energy["inside 1 (%)"] == "25 → 75 ± 0" and energy["factor of the variance"] == "4.00 ± 0.00"
    assert force["mean deviation"] == "2.000 → 2.000" and energy["set"] == "made"


def test_sparse_points_from_training_frames_stand_beside_those_from_the_pool(folder):
    sentence, table = evidence.of_training(folder, evidence.beside(folder, "training"))
    assert "the energy error is lower in 0 of 3 cases and higher in 3" in sentence
    row = cells(table, "made", "residual", "16")
    before, after = map(float, row["energy RMSE"].split(" → "))
    assert after / before == pytest.approx(1.2 / 0.8, rel=0.01) and "*worse*" in row["energy (%)"]
    assert cells(table, "made", "random", "16")["frames saved"] == ""


def test_both_choices_by_errors_are_compared_with_random_ones_on_the_colder_frames(folder):
    found = evidence.colder(folder)
    assert found["set"].tolist() == ["made", "made"] and found["frames"].tolist() == [16, 64]
    assert found["residual: energy (%)"].iloc[0].startswith("-20.") and "**better**" in found.iloc[0, 2]
    assert found["residual_per_plateau: energy (%)"].iloc[0].startswith(("-29.9", "-30."))
