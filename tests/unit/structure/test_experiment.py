"""Measured curves: five kinds computed from one analytic structure, files with errors, and R_X."""

import numpy as np
import pandas as pd
import pytest
from conftest import STRUCTURE

from gapglass.base.errors import UserError
from gapglass.structure import experiment, transforms, wright
from gapglass.structure.experiment import number_density, read_curve, to_common

COMPOSITION, DENSITY = {"Te": 1, "O": 2}, 5.6
RHO = number_density(COMPOSITION, DENSITY)
SETTINGS = STRUCTURE | {"q_max": 15.0, "window": "none"}
R = np.arange(0.05, 12, 0.02)
Q = np.arange(0.0, 20.01, 0.02)


def g_of_r(r):
    """Return a G(r) that holds nothing above 15 1/Å, so that Q_max does not change it."""
    return 2.0 * np.exp(-(((r - 3) / 0.4) ** 2) / 2) - 0.8 * np.exp(-(((r - 4.5) / 0.5) ** 2) / 2)


def f_of_q(q):
    fine = np.arange(0, 12, 0.005)
    return np.sin(np.outer(q, fine)) @ g_of_r(fine) * 0.005


F = f_of_q(Q)
CURVES = {
    "S(Q)": (Q[1:], 1 + F[1:] / Q[1:]),
    "F(Q)": (Q, F),
    "G(r)": (R, g_of_r(R)),
    "T(r)": (R, g_of_r(R) + 4 * np.pi * RHO * R),
    "g(r)": (R, 1 + g_of_r(R) / (4 * np.pi * RHO * R)),
}


def entry(path, kind, x=None, y=None, **changes):
    """Write a curve and return its entry, complete with defaults."""
    if x is None:
        x, y = CURVES[kind]
    np.savetxt(path, np.c_[x, y], header="measured")
    made = {
        "name": "one",
        "file": str(path),
        "kind": kind,
        "radiation": "xray",
        "q_max": 15.0,
        "window": None,
        "density": None,
    }
    return made | {"source": "made up"} | changes


def model_from(q, s):
    """Return an sq table with this S(q), and a gr table that sets the range."""
    widths = np.gradient(q)
    sq = pd.DataFrame({"q_inverse_angstrom": q, "width_inverse_angstrom": widths, "S_X": s, "S_N": 2 * s - 1})
    return sq, pd.DataFrame({"r_angstrom": np.arange(0.025, 6, 0.05)})


def test_number_density_of_water():
    assert number_density({"H": 2, "O": 1}, 0.9970) == pytest.approx(3 * 0.03333, rel=1e-3)


@pytest.mark.parametrize("kind", CURVES)
def test_every_kind_gives_the_same_g_of_r(kind, tmp_path):
    sq, gr = experiment.experiment_tables(entry(tmp_path / "curve.txt", kind), SETTINGS, COMPOSITION, DENSITY)
    used = gr["r_angstrom"].between(0.5, 10)
    np.testing.assert_allclose(gr["G_X"][used], g_of_r(gr["r_angstrom"][used]), atol=5e-3)
    assert list(gr) == ["r_angstrom", "G_X", "G_X_error"] and list(sq) == ["q_inverse_angstrom", "S_X", "S_X_error"]
    assert gr["G_X_error"].isna().all() and "made up" in gr.attrs["notes"][0]
    if kind in ("S(Q)", "F(Q)"):
        assert sq["q_inverse_angstrom"].iloc[-1] == pytest.approx(15.0) and sq["q_inverse_angstrom"].iloc[
            0
        ] == pytest.approx(0.02)
        np.testing.assert_allclose(sq["S_X"], CURVES["S(Q)"][1][: len(sq)], atol=1e-9)
        assert "nothing below the first Q, 0.02 1/A" in gr.attrs["notes"][1]
    else:
        assert len(sq) == 0


def test_density_and_radiation_of_the_entry_count(tmp_path):
    own = entry(tmp_path / "curve.txt", "T(r)", density=DENSITY, radiation="neutron")
    _, gr = experiment.experiment_tables(own, SETTINGS, COMPOSITION, 2.0)
    np.testing.assert_allclose(gr["G_N"], g_of_r(R), atol=1e-9)
    _, denser = experiment.experiment_tables(own | {"density": 1.1 * DENSITY}, SETTINGS, COMPOSITION, 2.0)
    np.testing.assert_allclose(denser["G_N"], g_of_r(R) - 0.1 * 4 * np.pi * RHO * R, atol=1e-9)


def test_q_max_is_the_smallest_of_three(tmp_path):
    """The height of a narrow peak shows Q_max: 0.589 Q_max / pi with a Lorch window."""
    q = np.arange(0.02, 20, 0.02)
    path, lorch = tmp_path / "curve.txt", SETTINGS | {"window": "lorch"}
    heights = {}
    for own, study, last in ((18.0, 12.0, 20.0), (10.0, 12.0, 20.0), (18.0, 15.0, 8.0), (18.0, 19.0, 20.0)):
        keep = q < last
        made = entry(path, "F(Q)", q[keep], np.sin(2.5 * q[keep]), q_max=own)
        _, gr = experiment.experiment_tables(made, lorch | {"q_max": study}, COMPOSITION, DENSITY)
        heights[min(own, study, last)] = gr["G_X"].max()
    for q_max, height in heights.items():
        assert height == pytest.approx(0.58949 * q_max / np.pi, rel=0.02), q_max


def test_r_x_of_a_curve_with_itself_is_zero_and_grows_with_the_difference(tmp_path):
    q, s = CURVES["S(Q)"]
    model_sq, model_gr = model_from(q, s)
    for kind in ("S(Q)", "F(Q)"):
        for settings in (SETTINGS, SETTINGS | {"window": "lorch", "q_max": 9.0}):
            made = entry(tmp_path / "curve.txt", kind)
            tables = experiment.experiment_tables(made, settings, COMPOSITION, DENSITY)
            result = wright.compare_experiment(model_sq, model_gr, tables, made, settings)
            # The last point counts half in the trapezoid rule, and fully in the model's table.
            assert result["r_x_percent"] < 0.1
            assert (result["q_max_inverse_angstrom"], result["window"]) == (
                pytest.approx(settings["q_max"]),
                settings["window"],
            )
            assert result["r_min_angstrom"] == pytest.approx(1.025) and result["r_max_angstrom"] == pytest.approx(
                5.975
            )
            assert result["n_points"] == 100
            less = wright.compare_experiment(model_from(q, 1 + 0.9 * (s - 1))[0], model_gr, tables, made, settings)
            assert less["r_x_percent"] == pytest.approx(10, abs=0.2)


def test_measured_g_of_r_sets_q_max_and_window_of_the_model(tmp_path):
    q = np.arange(0.02, 15, 0.02)
    s = 1 + np.sin(2.5 * q) / q
    model_sq, model_gr = model_from(q, s)
    r = np.arange(0.5, 8, 0.03)
    measured = transforms.transform_to_r(q, s, r, 10.0, "lorch")
    made = entry(tmp_path / "curve.txt", "G(r)", r, measured, q_max=10.0, window="lorch")
    tables = experiment.experiment_tables(made, SETTINGS, COMPOSITION, DENSITY)
    result = wright.compare_experiment(model_sq, model_gr, tables, made, SETTINGS)
    assert result["r_x_percent"] < 0.5 and result["q_max_inverse_angstrom"] == 10.0 and result["window"] == "lorch"
    for wrong in ({"q_max": 8.0}, {"window": None}):
        assert wright.compare_experiment(model_sq, model_gr, tables, made | wrong, SETTINGS)["r_x_percent"] > 10, wrong
    neutron = experiment.experiment_tables(made | {"radiation": "neutron"}, SETTINGS, COMPOSITION, DENSITY)
    twice = wright.compare_experiment(model_sq, model_gr, neutron, made | {"radiation": "neutron"}, SETTINGS)
    assert twice["r_x_percent"] == pytest.approx(100, abs=1)  # S_N - 1 was made twice S_X - 1
    with pytest.raises(UserError, match=r"raise structure\.q_max"):
        wright.compare_experiment(model_sq, model_gr, tables, made | {"q_max": 17.0}, SETTINGS)


def test_separators_comments_and_further_columns(tmp_path):
    path = tmp_path / "curve.txt"
    rows = "\n".join(
        f"{x:.2f}, 1.0, 7, text" if i % 2 else f"  {x:.2f}\t1.0 # noted" for i, x in enumerate(np.arange(0.5, 2, 0.1))
    )
    path.write_text(f"# Q S(Q)\n\n{rows}\n   \n")
    x, y = read_curve(entry(tmp_path / "other.txt", "S(Q)") | {"file": str(path)})
    np.testing.assert_allclose(x, np.arange(0.5, 2, 0.1))
    assert (y == 1.0).all()


TEN = np.arange(1.0, 13.0)
LINES = [f"{x} 1.0" for x in TEN]


@pytest.mark.parametrize(
    ("kind", "lines", "message"),
    [
        ("S(Q)", None, "curve.txt cannot be read"),
        ("S(Q)", LINES[:9], "holds 9 points"),
        ("S(Q)", ["Q S(Q)", *LINES], r"line 1: 'Q S\(Q\)' is not two numbers; put # before comments"),
        ("S(Q)", [*LINES, "14.0"], "line 13: '14.0' is not two numbers"),
        ("S(Q)", [*LINES, "14.0 nan"], "not finite"),
        ("S(Q)", [*LINES, "12.0 1.0"], "must ascend"),
        ("S(Q)", ["-1 1.0", *LINES], "must ascend from 0"),
        ("F(Q)", LINES, r"has the mean 1\.00 over its last fifth, F\(Q\) tends to 0; mend kind"),
        ("G(r)", LINES, r"G\(r\) tends to 0"),
        ("S(Q)", [f"{x} 0.0" for x in TEN], r"has the mean 0\.00 over its last fifth, S\(Q\) tends to 1"),
        ("g(r)", [f"{x} {0.8 * x}" for x in TEN], r"g\(r\) tends to 1"),
    ],
)
def test_bad_files_are_reported(kind, lines, message, tmp_path):
    made = entry(tmp_path / "other.txt", kind, TEN, TEN) | {"file": str(tmp_path / "curve.txt")}
    if lines is not None:
        (tmp_path / "curve.txt").write_text("\n".join(lines))
    with pytest.raises(UserError, match=message) as caught:
        read_curve(made)
    assert "'one'" in str(caught.value) and "curve.txt" in str(caught.value)


def test_contradictions_that_need_the_settings(tmp_path):
    made = entry(tmp_path / "curve.txt", "T(r)", R, g_of_r(R))
    with pytest.raises(UserError, match=r"has -?0\.00 times the mean of 4 pi rho r"):
        to_common(made, *read_curve(made), RHO)
    short = entry(tmp_path / "curve.txt", "S(Q)", q_max=0.1)
    with pytest.raises(UserError, match=r"has 5 points up to q_max 0\.1"):
        experiment.experiment_tables(short, SETTINGS, COMPOSITION, DENSITY)
