"""Deviations of known local energies, and the sparse points that harvested frames add."""

import numpy as np
import pytest
import small_fits
from scipy import linalg

from gapglass.potential import basis, environments, sparse_points
from gapglass.potential.factors import JITTER
from gapglass.potential.gap_xml import read_terms


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A small potential on frames of TeO2, and these frames."""
    folder = tmp_path_factory.mktemp("fit")
    frames = small_fits.frames(6)
    terms = small_fits.terms_of(frames, folder)
    rows = small_fits.rows_of(frames, terms, folder)
    return small_fits.write(folder / "gap.xml", rows, terms), frames


def test_deviations_are_those_of_a_sparse_process_with_known_local_energies(fitted):
    path, frames = fitted
    sigma, frame = 0.01, small_fits.frames(11)[5]
    found = environments.Environments(path, frames, sigma).deviations(frame)
    assert found.shape == (len(frame),)
    many = [term for term in read_terms(path) if term.covariance == "dot_product"]
    descriptors = environments.Descriptors(path)
    assert descriptors.species == [8, 52]
    for index, (number, term) in enumerate(zip(descriptors.species, many, strict=True)):
        own = descriptors.of(frame, index)
        points = term.points[:, : own.shape[1]]

        def covariances(a, b, term=term):
            return term.delta**2 * (a @ b.T) ** term.power

        prior = covariances(points, points) + JITTER * np.eye(len(points))
        train = covariances(np.concatenate([descriptors.of(each, index) for each in frames]), points)
        k = covariances(own, points)
        inverse = linalg.inv(prior) - linalg.inv(prior + train.T @ train / sigma**2)
        wanted = np.diagonal(covariances(own, own)) - np.einsum("ij,jk,ik->i", k, inverse, k)
        assert np.allclose(found[frame.numbers == number] ** 2, wanted, atol=1e-7)


def test_rattled_and_compressed_frames_deviate_more_than_those_that_train(fitted):
    path, frames = fitted
    compared = environments.Environments(path, frames, 0.002)
    known = max(compared.deviations(frame).max() for frame in frames)
    rattled = frames[0].copy()
    rattled.positions += np.random.default_rng(1).normal(0, 0.5, rattled.positions.shape)
    assert compared.deviations(rattled).max() > 2 * known
    # With the frame among those that train, it is known.
    again = environments.Environments(path, [*frames, rattled], 0.002)
    assert again.deviations(rattled).max() < compared.deviations(rattled).max()


def test_average_has_length_one_and_tells_frames_apart(fitted):
    path, frames = fitted
    compared = environments.Environments(path, frames, 0.002)
    first, last = compared.average(frames[0]), compared.average(frames[-1])
    assert np.linalg.norm(first) == pytest.approx(1) and 0 < np.linalg.norm(first - last) < 1


def test_new_frames_add_points_that_are_least_known_and_continue_the_grid_of_pairs(fitted):
    path, frames = fitted
    close = frames[0].copy()
    close.set_cell(close.cell * 0.8, scale_atoms=True)
    terms, own = environments.widened(path, frames, [close, frames[1]])
    stored = read_terms(path)
    first = 0
    for old, new in zip(stored, terms, strict=True):
        m = len(old.points)
        assert np.array_equal(new.points[:m], old.points) and new.delta == 1 and not new.alpha.any()
        assert own[own >= first][:m].tolist() == list(range(first, first + m))
        first += len(new.points)
        if old.covariance == "dot_product":
            assert len(new.points) == pytest.approx(m * (1 + 2 / 6), abs=1)
        else:
            step = old.points[1, 0] - old.points[0, 0]
            assert np.allclose(np.diff(np.sort(new.points[:, 0])), step) and new.points.min() < old.points.min()
    assert len(own) == sum(len(term.points) for term in stored)
    assert sum(len(term.points) for term in basis.part(terms, 10**6)) == first


def test_choice_goes_on_from_environments_that_are_known():
    rng = np.random.default_rng(2)
    found = rng.normal(size=(40, 5))
    found /= np.linalg.norm(found, axis=1)[:, None]
    order = sparse_points.pivoted_cholesky(found, 2, 8)
    # What follows the first four is the same, whether they are chosen here or given.
    assert sparse_points.pivoted_cholesky(found, 2, 4, known=found[order[:4]]).tolist() == order[4:].tolist()
