"""Numbers of the glass against the cooling rate, with known dependence."""

import numpy as np
import pandas as pd
import pytest

from gapglass.structure import rates


def coordination(number, error=0.01):
    rows = [("Te", "O", number), ("O", "Te", number / 2), ("Te", "all", 9.0)]
    return pd.DataFrame(rows, columns=["centre", "neighbour", "coordination_number"]).assign(standard_error=error)


def quench(enthalpy, density=5.5):
    """Return windows of two stages; the first half of the last one is far from its end."""
    last = [(2, window, enthalpy + (1.0 if window <= 4 else 0.0), density) for window in range(1, 9)]
    columns = ["stage", "window", "enthalpy_ev_per_atom", "density_g_per_cm3"]
    return pd.DataFrame([(1, window, 0.0, 1.0) for window in range(1, 9)] + last, columns=columns)


def model(rate, slope=0.1, densities=(5.5, 5.5)):
    """Return a model whose coordination changes by ``slope`` for ten times the rate; R_X has no dependence."""
    number = 4 + slope * np.log10(rate)
    r_x = {"reference": {"r_x_percent": 8.0, "r_x_percent_error": 0.5}, "experiment_xrd": {"r_x_percent": 9.0}}
    quenches = [quench(-5.0, densities[0]), quench(-5.2, densities[1]), quench(0.0)[:0]]
    return rates.of_model(rate, coordination(number), r_x, quenches, 0.5)


def test_numbers_of_a_model():
    rows = {(row["quantity"], row["of"]): row for row in model(10.0)}
    assert len(rows) == 6 and ("coordination_number", "Te-all") not in rows
    assert rows["coordination_number", "Te-O"]["value"] == pytest.approx(4.1)
    # The mean over the late windows of both replicas that did not explode, and half their difference.
    enthalpy = rows["enthalpy_ev_per_atom", ""]
    assert (enthalpy["value"], enthalpy["error"]) == (pytest.approx(-5.1), pytest.approx(0.1))
    assert np.isnan(rows["r_x_percent", "experiment_xrd"]["error"])


def test_table_holds_the_reference_and_a_density_that_changes():
    found = rates.collect([model(100.0), model(1.0)], coordination(4.0), 5.6)
    assert found[found["of"] == "Te-O"]["rate_k_per_ps"].tolist() == [1.0, 100.0]
    assert found.loc[found["of"] == "O-Te", "reference"].tolist() == [2.0, 2.0]
    assert "density_g_per_cm3" not in set(found["quantity"])
    found = rates.collect([model(1.0), model(100.0, densities=(5.4, 5.4))], coordination(4.0), 5.6)
    densities = found[found["quantity"] == "density_g_per_cm3"]
    assert densities["value"].tolist() == [5.5, 5.4] and densities["reference"].tolist() == [5.6, 5.6]


def test_trend_is_the_change_for_ten_times_the_rate():
    found = rates.trends(rates.collect([model(rate) for rate in (0.1, 1, 10, 100)], coordination(4.0), 5.6))
    found = found.set_index(["quantity", "of"])
    assert found.loc[("coordination_number", "Te-O"), "change"] == pytest.approx(0.1)
    assert found.loc[("r_x_percent", "reference"), "change"] == pytest.approx(0, abs=1e-12)
    assert rates.trends(rates.collect([model(1), model(10)], coordination(4.0), 5.6)).empty


def test_error_of_a_trend_covers_the_truth():
    rng, inside = np.random.default_rng(1), 0
    decades = np.linspace(-1, 3, 9)
    for _ in range(60):
        table = pd.DataFrame({"rate_k_per_ps": 10**decades, "quantity": "r_x_percent", "of": "reference"})
        table["value"] = 8 + 0.5 * decades + rng.normal(0, 0.3, len(decades))
        (row,) = rates.trends(table).to_dict("records")
        inside += abs(row["change"] - 0.5) < 2 * row["error"]
    assert 48 <= inside < 60


def test_trends_in_words():
    table = pd.DataFrame(
        {
            "quantity": ["coordination_number", "r_x_percent", "enthalpy_ev_per_atom"],
            "of": ["Te-O", "experiment_xrd", ""],
            "change": [0.1, 0.2, 0.01],
            "error": [0.02, 0.3, 0.001],
        }
    )
    assert rates.texts(table) == [
        "neighbours O around Te: +0.1 ± 0.02",
        "R_X against experiment xrd (%): +0.2 ± 0.3, no change beyond twice the error",
        "enthalpy (eV/atom): +0.01 ± 0.001",
    ]


def test_density_of_the_reference():
    frames = pd.DataFrame(
        {"role": ["reference", "reference", "extra"], "temperature_k": 300.0, "density_g_per_cm3": [5.4, 5.6, 9.0]}
    )
    assert rates.reference_density(frames, 300) == pytest.approx(5.5)
    assert np.isnan(rates.reference_density(frames, 500))
