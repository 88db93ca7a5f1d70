"""The streamed fit against gap_fit, against the whole least-squares problem, and with data that are wrong."""

import numpy as np
import potentials
import pytest
from ase.io import read

from gapglass.potential import (
    GAP,
    _engine,
    basis,
    core,
    design,
    engine,
    engine_fit,
    fit_agreement,
    gap_fit,
    sparse_points,
)
from gapglass.potential.engine import EngineError
from gapglass.potential.evaluation import errors
from gapglass.potential.factors import Factor, solve
from gapglass.potential.failures import FitFailed
from gapglass.potential.gap_xml import Term, read_terms, write_gap

pytestmark = pytest.mark.xdist_group("engine")

HYPERPARAMETERS = {
    "cutoff": 4.2, "cutoff_width": 0.5, "n_max": 4, "l_max": 3, "atom_sigma": 0.5, "zeta": 4, "delta": 0.5,
    "n_sparse": 40, "two_body_cutoff": 4.0, "two_body_delta": 2.0, "two_body_theta": 1.0, "two_body_n_sparse": 10,
    "sigma_energy": 0.002, "sigma_force": 0.1, "sigma_virial": 0.05,
}  # fmt: skip


@pytest.fixture(scope="module")
def frames():
    return read(potentials.FRAMES, ":")


@pytest.fixture(scope="module")
def train(frames):
    return frames[::5]


@pytest.fixture(scope="module")
def e0(train):
    return gap_fit.isolated_atom_energies(train)


def run(frames, target, e0, descriptor="soap_turbo", **changes):
    keywords = {"virials": True, "max_seconds": 1e4} | {
        k: changes.pop(k) for k in ("virials", "max_seconds") if k in changes
    }
    return engine_fit.run_fit(
        frames, HYPERPARAMETERS | changes, target, descriptor=descriptor, e0=e0, log_path=target.with_suffix(".log"),
        **keywords,
    )  # fmt: skip


@pytest.mark.parametrize("descriptor", ["soap_turbo", "soap"])
def test_weights_are_those_of_gap_fit_with_its_sparse_points(tmp_path, train, e0, descriptor):
    judge = tmp_path / "gap.xml"
    gap_fit.run_fit(
        train, HYPERPARAMETERS, judge, descriptor=descriptor, e0=e0, virials=True, seed=1, max_seconds=600,
        log_path=tmp_path / "log",
    )  # fmt: skip
    terms = read_terms(judge)
    assert [term.delta for term in terms] == [2.0, 2.0, 2.0, 0.5, 0.5]
    wanted = np.concatenate([term.alpha for term in terms])
    terms = basis.unscaled(terms)  # rows and covariances have an energy scale of 1 eV until they are solved
    rows = design.compute(train, ["train"] * len(train), terms, ["O", "Te"], True, tmp_path)
    given = np.array([e0["O"], e0["Te"]])
    alpha, triangle, prior = engine_fit.solution(rows, terms, HYPERPARAMETERS, given)
    assert np.linalg.norm(alpha - wanted) < 1e-4 * np.linalg.norm(wanted)
    assert triangle.shape == prior.shape == (len(wanted), len(wanted))


@pytest.mark.parametrize("changes", [{}, {"n_sparse": 7, "delta": 3.0, "two_body_delta": 0.3, "sigma_force": 0.02}])
def test_solution_is_that_of_the_normal_equations(tmp_path, train, e0, changes):
    """The same least-squares problem by numpy, on rows that are weighed term by term from the start."""
    h = HYPERPARAMETERS | {"n_sparse": 12} | changes
    terms = basis.choose(train, HYPERPARAMETERS | {"n_sparse": 12}, ["O", "Te"], "soap_turbo", tmp_path)
    rows = design.compute(train, ["train"] * len(train), terms, ["O", "Te"], True, tmp_path)
    given = np.array([e0["O"], e0["Te"]])
    alpha, triangle, prior = engine_fit.solution(rows, terms, h, given)
    texts = [*basis.two_body_texts(h, ["O", "Te"]), *basis.many_body_texts(h, ["O", "Te"], "soap_turbo")]
    used = []
    for term, text in zip(terms, texts, strict=True):
        many = term.covariance == "dot_product"
        number = h["n_sparse"] if many else 10
        delta, zeros = h["delta" if many else "two_body_delta"], np.zeros(number)
        used.append(Term(text, term.covariance, delta, term.power, term.points[:number], term.cutoff[:number], zeros))
    potential, evaluator = basis.compiled(used, {8: 0.0, 52: 0.0}, tmp_path)
    matrix, vector = np.zeros_like(prior), np.zeros(len(prior))
    for frame in train:
        energy, forces, virial = _engine.rows(evaluator, potential, *engine.arrays(frame))
        root, stated = np.sqrt(len(frame)), np.reshape(frame.info["REF_virial"], (3, 3))
        label = frame.info["REF_energy"] - sum(e0[symbol] for symbol in frame.symbols)
        for found, labels, sigma in (
            (energy[None] / root, np.array([label]) / root, h["sigma_energy"]),
            (forces, frame.arrays["REF_forces"].ravel(), h["sigma_force"]),
            (virial / root, np.array([stated[i, j] for i, j in design.VOIGT]) / root, h["sigma_virial"]),
        ):
            matrix += found.T @ found / sigma**2
            vector += found.T @ labels / sigma**2
    among = engine_fit._block_diagonal([term.among_points() for term in used])
    np.testing.assert_allclose(prior, among, rtol=1e-12, atol=1e-7)
    assert np.abs(triangle.T @ triangle - matrix - prior).max() < 1e-10 * np.abs(matrix).max()
    # QR solves the equations far better than they are conditioned; to rounding of the sums, they hold.
    assert np.linalg.norm((matrix + prior) @ alpha - vector) < 1e-6 * np.linalg.norm(vector)


@pytest.mark.parametrize("descriptor", ["soap_turbo", "soap"])
def test_agreement_with_gap_fit_is_proved_and_refuted(frames, train, e0, monkeypatch, descriptor):
    """What a study's verification compares, with a core and with errors that it must find."""
    tables = core.tables({"O-O": 2.2, "O-Te": 1.7, "Te-Te": 2.9}, ["O", "Te"], outer=1.3)  # reaches into the data
    settings = {
        "descriptor": descriptor, "e0": e0, "virials": True, "tables": tables, "seed": 1, "max_seconds": 600,
    }  # fmt: skip
    found = fit_agreement.compare(frames[::7], HYPERPARAMETERS, **settings)
    assert found["agrees"] and (found["n_train"], found["n_test"]) == (8, 1) and 0 < found["weights"] < 1e-4
    assert found["energy"] < 1e-6 and found["force"] < 1e-4
    if descriptor == "soap_turbo":
        monkeypatch.setattr(core, "subtract", lambda frames, tables: frames)
        wrong = fit_agreement.compare(frames[::7], HYPERPARAMETERS, **settings)
        assert not wrong["agrees"] and wrong["energy"] > 1e-3


@pytest.mark.parametrize("descriptor", ["soap_turbo", "soap"])
def test_potential_is_as_good_as_that_of_gap_fit_and_read_by_quippy(tmp_path, frames, train, e0, descriptor):
    ours, theirs, test = tmp_path / "ours.xml", tmp_path / "theirs.xml", frames[2::5]
    result = run(train, ours, e0, descriptor)
    assert result["fit_cpu_seconds"] > 0 and result["peak_memory_mb"] > 50
    log = (tmp_path / "ours.log").read_text()
    assert f"{len(train)} frames, rows: {len(train)} of energies, {3 * 48 * len(train)} of forces, " in log
    assert "40 sparse points: soap" in log and "10 sparse points: distance_2b" in log
    gap_fit.run_fit(
        train, HYPERPARAMETERS, theirs, descriptor=descriptor, e0=e0, virials=True, seed=1, max_seconds=600,
        log_path=tmp_path / "log",
    )  # fmt: skip
    own, judge = (errors(test, *engine.predict(path, test)) for path in (ours, theirs))
    for name, value in own.items():
        assert value < 1.25 * judge[name], name
    atoms = test[0]
    [(energy, forces, _)] = potentials.quippy(ours, [atoms])
    calculator = GAP(ours)
    calculator.calculate(atoms)
    assert abs(calculator.results["energy"] - energy) / len(atoms) < 1e-8
    assert np.abs(calculator.results["forces"] - forces).max() < 1e-5


def test_a_repeated_fit_gives_the_same_file(tmp_path, train, e0):
    run(train, tmp_path / "one.xml", e0)
    run(train, tmp_path / "two.xml", e0)
    assert (tmp_path / "one.xml").read_bytes() == (tmp_path / "two.xml").read_bytes()


def test_virials_count_for_the_frames_that_have_them(tmp_path, train, e0):
    without = [frame.copy() for frame in train]
    for frame in without[1:]:
        del frame.info["REF_virial"]
    with_one, none, others = (tmp_path / f"{name}.xml" for name in ("one", "none", "others"))
    run(without, with_one, e0)
    run(without, none, e0, virials=False)
    run(train, others, e0, virials=False)
    assert with_one.read_bytes() != none.read_bytes() == others.read_bytes()


def test_factor_of_blocks_is_that_of_all_rows(rng):
    rows, labels = rng.normal(size=(90, 12)), rng.normal(size=90)
    factor = Factor(12)
    for first, last in ((0, 3), (3, 3), (3, 50), (50, 90)):
        factor.add(rows[first:last], labels[first:last])
    assert factor.n_rows == 90
    small, small_labels = factor.parts()
    assert np.allclose(small.T @ small, rows.T @ rows) and np.allclose(small.T @ small_labels, rows.T @ labels)
    prior = np.eye(12) + 0.1
    alpha, triangle = solve([(small / 0.5, small_labels / 0.5)], prior)
    normal = 4 * rows.T @ rows + prior
    assert np.allclose(triangle.T @ triangle, normal) and np.allclose(normal @ alpha, 4 * rows.T @ labels)


def test_sparse_points_are_nested_and_cover_the_rare(rng):
    common = rng.normal([1, 0, 0, 0], 0.02, size=(500, 4))
    rare = rng.normal([0, 0, 1, 1], 0.02, size=(3, 4))
    q = np.concatenate([common, rare])
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    many = sparse_points.pivoted_cholesky(q, 4, 12)
    assert np.array_equal(many[:5], sparse_points.pivoted_cholesky(q, 4, 5)) and len(set(many)) == 12
    assert many[1] >= 500  # the least known after the most typical one
    twice = np.concatenate([q[:4], q[:4]])
    assert len(sparse_points.pivoted_cholesky(twice, 4, 8)) <= 4  # copies teach nothing
    assert len(sparse_points.pivoted_cholesky(q[:0], 4, 8)) == 0
    points = sparse_points.distances(1.7, 4.5, 7)
    assert points.min() > 1.7 and points.max() < 4.5 and len(points) == 7


def test_what_cannot_be_fitted_is_said(tmp_path, train, e0):
    target = tmp_path / "gap.xml"
    with pytest.raises(FitFailed, match="sigma_force is 0; it must be positive"):
        run(train, target, e0, sigma_force=0)
    with pytest.raises(FitFailed, match="e0 is given for Te"):
        run(train, target, {"Te": -1.0})
    with pytest.raises(FitFailed, match=r"stopped after 0 of .* frames \(active_learning.max_fit_time\)"):
        run(train, target, e0, max_seconds=-1)
    wrong = [frame.copy() for frame in train]
    wrong[2].arrays["REF_forces"][4, 1] = np.nan
    with pytest.raises(FitFailed, match="a label of training frame 3 of"):
        run(wrong, target, e0)
    wrong = [frame.copy() for frame in train]
    wrong[1].positions[3] = wrong[1].positions[7]
    with pytest.raises(EngineError, match="atoms 4 and 8 are 0 Å apart"):
        run(wrong, target, e0)
    with pytest.raises(EngineError, match="alpha_max above 8 is refused"):
        run(train, target, e0, n_max=9)
    assert not target.exists()


def test_few_frames_many_points_and_mixed_sizes(tmp_path, train, frames, e0):
    """Fewer labels than sparse points is a problem that the prior makes well-posed."""
    run(train[:1], tmp_path / "one.xml", e0, n_sparse=400)
    large = frames[7].repeat((2, 1, 1))
    large.info["REF_energy"] = 2 * frames[7].info["REF_energy"]
    large.arrays["REF_forces"] = np.tile(frames[7].arrays["REF_forces"], (2, 1))
    large.info.pop("REF_virial")
    run([*train, large], tmp_path / "mixed.xml", e0)
    found = errors([large], *engine.predict(tmp_path / "mixed.xml", [large]))
    assert found["rmse_energy_mev_per_atom"] < 50


def test_written_file_keeps_every_digit(tmp_path, rng):
    points = rng.normal(size=(3, 60))
    term = Term("soap n_max=2", "dot_product", 0.5, 4.0, points, np.ones(3), rng.normal(size=3) * 1e4)
    write_gap(tmp_path / "gap.xml", "x", {8: -1.5}, [term])
    [back] = read_terms(tmp_path / "gap.xml")
    assert np.array_equal(back.points, points) and np.array_equal(back.alpha, term.alpha)
    # QUIP's reader divides longer lines inside a number.
    assert max(len(line) for line in (tmp_path / "gap.xml").read_text().splitlines()) < 1000
