"""Whether data or model limit an error: the extrapolation on errors with a known law, and on real rows."""

import math

import numpy as np
import pytest
import small_fits

from gapglass.active_learning import data_or_model
from gapglass.potential.cross_validation import CrossValidation
from gapglass.selection import time_blocks

pytestmark = pytest.mark.xdist_group("engine")

EQUAL = {"energy": 1.0, "force": 1.0}


def law(floor, slope, n):
    """RMSE whose square falls as one over the number of frames to that of the model."""
    return math.sqrt(floor**2 + slope / n)


def judged(floor, slope, n=100, share=0.8):
    half, full = ([law(floor, slope, part * n)] * 2 for part in (share / 2, share))
    return data_or_model.judge(half, full, [floor] * 2, share, (10.0, 10.0), EQUAL)


def test_errors_that_follow_the_law_are_extrapolated_exactly():
    n, floor, slope = 100, 2.0, 300.0
    half, full = law(floor, slope, 40), law(floor, slope, 80)
    for times in (1, 2, 7):
        assert data_or_model.extrapolated(half, full, 0.8, times) == pytest.approx(law(floor, slope, times * n))
    assert data_or_model.extrapolated(half, full, 0.8, math.inf) == pytest.approx(floor)
    # Errors that do not fall are expected to stay, and none is expected to be negative.
    assert data_or_model.extrapolated(1.0, 1.1, 0.8, 2) == pytest.approx(1.1)
    assert data_or_model.extrapolated(9.0, 1.0, 0.8, math.inf) == 0.0


def test_the_part_that_more_frames_lower_decides():
    steep, flat = judged(2.0, 300.0), judged(2.0, 20.0)
    fall = 100 * (1 - law(2.0, 300.0, 200) / law(2.0, 300.0, 100))
    assert steep["limit"] == "data" and steep["fall_percent"] == pytest.approx(fall)
    assert flat["limit"] == "model" and 0 < flat["fall_percent"] < data_or_model.FLAT
    assert flat["any_number"]["rmse_energy_mev_per_atom"] == pytest.approx(2.0)
    assert judged(0.0, 1.0)["fall_percent"] == pytest.approx(100 * (1 - math.sqrt(0.5)))


def test_weights_of_the_objective_decide_which_error_counts():
    half, full = (3.0, 1.01), (2.0, 1.0)  # energies fall, forces do not
    found = {name: data_or_model.judge(half, full, full, 0.8, (1, 1), EQUAL | {name: 0.0})["limit"] for name in EQUAL}
    assert found == {"energy": "model", "force": "data"}


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    folder = tmp_path_factory.mktemp("limit")
    frames = small_fits.frames(30)
    terms = small_fits.terms_of(frames, folder)
    names = [str(number % time_blocks.N_FOLDS) for number in range(len(frames))]
    return small_fits.rows_of(frames, terms, folder, names), terms


def estimate(rows, terms, h):
    folds = time_blocks.folds()
    validation = CrossValidation(rows, terms, folds)
    full = validation.errors(h)
    return data_or_model.estimate(rows, terms, folds, h, full, validation.spread(), EQUAL), full


def test_estimate_is_made_of_fits_on_halves_of_the_stretches(problem):
    rows, terms = problem
    h = small_fits.HYPERPARAMETERS
    found, full = estimate(rows, terms, h)
    squares = np.zeros(2)
    for trains, tests in time_blocks.folds():
        stretches = sorted({name for name in trains if name.isdigit()})
        for half in (stretches[::2], stretches[1::2]):
            squares += np.square(CrossValidation(rows, terms, [(half, tests)]).errors(h))
    # All folds test as many frames.
    wanted = np.sqrt(squares / 2 / time_blocks.N_FOLDS)
    assert list(found["half"].values()) == pytest.approx(wanted, rel=1e-9)
    for name, error in zip(data_or_model.QUANTITIES, full, strict=True):
        assert found["training"][name] < error < found["half"][name]
        assert found["any_number"][name] < found["twice"][name] < error


def test_frames_teach_a_small_model_less_the_more_it_has(tmp_path):
    frames = small_fits.frames(30)
    terms = small_fits.terms_of(frames, tmp_path)
    falls = []
    for some in (frames[::3], frames):
        names = [str(number % time_blocks.N_FOLDS) for number in range(len(some))]
        found, _ = estimate(small_fits.rows_of(some, terms, tmp_path, names), terms, small_fits.HYPERPARAMETERS)
        falls.append((found["limit"], found["fall_percent"]))
    assert [limit for limit, _ in falls] == ["data", "model"] and falls[0][1] > 2 * falls[1][1]


def test_too_few_stretches_give_no_estimate(problem, caplog):
    rows, terms = problem
    folds = [(["0"], ["1"]), (["1"], ["0"])]
    errors = CrossValidation(rows, terms, folds).errors(small_fits.HYPERPARAMETERS)
    with caplog.at_level("INFO", logger="gapglass"):
        found = data_or_model.estimate(rows, terms, folds, small_fits.HYPERPARAMETERS, errors, (1, 1), EQUAL)
    assert found is None and "not estimated" in caplog.text


def test_a_guide_is_that_of_the_whole_fold(problem):
    rows, terms = problem
    folds, h = time_blocks.folds(), small_fits.HYPERPARAMETERS
    plain = CrossValidation(rows, terms, folds)
    # A guide without weights changes nothing but by the factor of nothing.
    asked = []

    def of_folds(n_sparse):
        asked.append(n_sparse)
        return {fold.number: np.zeros(plain.columns) for fold in plain.folds}

    full = plain.errors(h)
    without = data_or_model.estimate(rows, terms, folds, h, full, plain.spread(), EQUAL)
    with_it = data_or_model.estimate(rows, terms, folds, h, full, plain.spread(), EQUAL, of_folds=of_folds)
    assert asked == [h["n_sparse"]] * 2
    assert list(with_it["half"].values()) == pytest.approx(list(without["half"].values()), rel=1e-6)
