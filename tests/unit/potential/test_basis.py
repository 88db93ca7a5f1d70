"""Sparse points of all terms: label-free, nested, kept in a file, and the columns that belong to them."""

import numpy as np
import pytest
import small_fits
from small_fits import HYPERPARAMETERS, SPECIES

from gapglass.frames import geometry
from gapglass.potential import basis
from gapglass.potential.gap_xml import read_terms, write_gap

pytestmark = pytest.mark.xdist_group("engine")


@pytest.fixture(scope="module")
def frames():
    return small_fits.frames(6)


@pytest.fixture(scope="module")
def terms(frames, tmp_path_factory):
    return small_fits.terms_of(frames, tmp_path_factory.mktemp("basis"))


def assert_same(one, other):
    for mine, its in zip(one, other, strict=True):
        assert (mine.descriptor, mine.covariance, mine.delta, mine.power) == (
            its.descriptor, its.covariance, its.delta, its.power,
        )  # fmt: skip
        for name in ("points", "cutoff", "alpha"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(its, name))


def test_terms_of_all_pairs_and_species_without_energy_scales(terms, frames):
    assert [term.covariance for term in terms] == ["ard_se"] * 3 + ["dot_product"] * 2
    assert [len(term.points) for term in terms] == [6, 6, 6, 20, 20]
    assert all(term.delta == 1.0 and "delta=1.0" in term.descriptor and not term.alpha.any() for term in terms)
    closest = geometry.closest_of(frames)
    for term, pair in zip(terms, ("O-O", "O-Te", "Te-Te"), strict=False):
        assert closest[pair] < term.points.min() < term.points.max() < 4.0
    for term in terms[3:]:
        np.testing.assert_allclose(np.linalg.norm(term.points, axis=1), 1.0, rtol=1e-10)


def test_labels_do_not_move_sparse_points_and_nor_does_a_repetition(terms, frames, tmp_path):
    bare = [frame.copy() for frame in frames]
    for frame in bare:
        frame.info.clear()
        del frame.arrays["REF_forces"]
    assert_same(small_fits.terms_of(bare, tmp_path), terms)


@pytest.mark.parametrize("descriptor", ["soap_turbo", "soap"])
def test_fewer_points_are_the_first_ones(frames, tmp_path, descriptor):
    many, few = (small_fits.terms_of(frames, tmp_path, descriptor, n_sparse=n) for n in (20, 7))
    assert_same(basis.part(many, 7), few)
    assert_same(basis.part(many, 20), many)
    assert_same(basis.part(many, 500), many)
    # A part of the columns is the design matrix of the part.
    whole, part = (small_fits.rows_of(frames[:1], some, tmp_path) for some in (many, few))
    taken = basis.columns_of_part(many, 7)
    assert len(taken) == part.columns == 3 * 6 + 2 * 7
    for kind in ("forces", "virials"):
        (mine, labels), (other, wanted) = (getattr(rows, kind)["train"].parts() for rows in (whole, part))
        np.testing.assert_allclose(mine[:, taken].T @ mine[:, taken], other.T @ other, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(mine[:, taken].T @ labels, other.T @ wanted, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(whole.energy_rows(["train"])[:, taken], part.energy_rows(["train"])[:, : part.columns])


def test_columns_of_a_part_where_a_term_has_fewer_points(terms):
    short = [*terms[:3], basis.part(terms, 4)[3], terms[4]]
    assert basis.columns_of_part(short, 6).tolist() == [*range(18), 18, 19, 20, 21, *range(22, 28)]
    assert basis.columns_of_part(short, 100).tolist() == list(range(18 + 4 + 20))
    np.testing.assert_array_equal(
        basis.by_column(short, [1, 2, 3, 4, 5]), [1] * 6 + [2] * 6 + [3] * 6 + [4] * 4 + [5] * 20
    )


def test_terms_come_back_from_their_file(terms, tmp_path):
    basis.write(tmp_path / "points.npz", terms)
    back = basis.read(tmp_path / "points.npz")
    assert_same(back, terms)
    # Rows for the points of the file are the same to the last digit.
    frame = small_fits.frames(2)[:1]
    one, other = (small_fits.rows_of(frame, some, tmp_path) for some in (terms, back))
    np.testing.assert_array_equal(one.energy_rows(["train"]), other.energy_rows(["train"]))
    np.testing.assert_array_equal(one.forces["train"].stacked(), other.forces["train"].stacked())
    before = (tmp_path / "points.npz").read_bytes()
    basis.write(tmp_path / "points.npz", back)
    assert (tmp_path / "points.npz").read_bytes() == before


def test_energy_scales_stand_in_texts_and_terms_of_a_potential(terms, tmp_path):
    h, alpha = HYPERPARAMETERS | {"delta": 0.7, "two_body_delta": 3.5}, np.arange(58.0)
    found = basis.weighed(terms, alpha, h, SPECIES, "soap_turbo")
    assert [term.delta for term in found] == [3.5] * 3 + [0.7] * 2 == basis.deltas(terms, h).tolist()
    assert all(f"delta={term.delta}" in term.descriptor for term in found)
    np.testing.assert_array_equal(np.concatenate([term.alpha for term in found]), alpha)
    for term, one in zip(found, terms, strict=True):
        np.testing.assert_allclose(term.among_points(), term.delta**2 * one.among_points(), rtol=1e-13)
    # From the file of a potential back to an energy scale of 1 eV.
    write_gap(tmp_path / "gap.xml", "x", {}, found)
    stored = read_terms(tmp_path / "gap.xml")
    assert_same(stored, found)
    bare = basis.unscaled(stored)
    assert [(term.descriptor, term.delta) for term in bare] == [(term.descriptor, 1.0) for term in terms]
    np.testing.assert_array_equal(np.concatenate([term.alpha for term in bare]), alpha)
