"""Moments of pairs of frames: the bound on their error, and blocks for which features are of no use."""

import numpy as np
import pytest
from similarity_helpers import powers

from gapglass.similarity import soap_environments


@pytest.mark.parametrize("same", [True, False])
def test_moments_from_monomials_keep_their_bound(rng, same):
    """The moments agree with those from all pairs of atoms, for frames of different size and different blocks."""
    spectrum = 10.0 ** -np.linspace(0, 10, 160)
    frames = [(rng.normal(size=(37 + i % 3, 160)) * spectrum + spectrum).astype(np.float32) for i in range(40)]
    turned = np.concatenate([rng.permutation(12), np.arange(12, 160)])
    others = (
        frames if same else [(rng.normal(size=(41, 160)) * spectrum[turned]).astype(np.float32) for _ in range(36)]
    )
    found = soap_environments._features(frames if same else [*frames, *others], 4)
    assert found is None or len(found[0]) > 100
    assert (found is not None) == same
    moments = soap_environments.soap_moments(frames, others, 4)
    itself = [np.array([powers(frame, frame) for frame in block]) for block in (frames, others)]
    for a in range(0, len(frames), 3):
        for b in range(0, len(others), 3):
            scale = np.sqrt(itself[0][a] * itself[1][b])
            assert (
                np.abs(moments[:, a, b] - powers(frames[a], others[b])) <= 1.05 * soap_environments.TOLERANCE * scale
            ).all()


def test_environments_without_small_directions_are_compared_atom_by_atom(rng):
    frames = [rng.normal(size=(40, 160)).astype(np.float32) for _ in range(36)]
    assert soap_environments._features(frames, 4) is None
    moments = soap_environments.soap_moments(frames, frames, 4)
    np.testing.assert_allclose(moments[:, 3, 7], powers(frames[3], frames[7]), rtol=1e-4, atol=1e-3)


def test_moments_of_large_blocks_pass_on_not_a_number(rng):
    spectrum = 10.0 ** -np.linspace(0, 10, 160)
    frames = [(rng.normal(size=(40, 160)) * spectrum).astype(np.float32) for i in range(36)]
    frames[5][3, 2] = np.nan
    moments = soap_environments.soap_moments(frames, frames, 2)[1]
    assert np.isnan(moments[5]).all() and np.isnan(moments).sum() == 71
    assert moments[2, 3] == pytest.approx(powers(frames[2], frames[3])[1], abs=1e-6 * powers(frames[2], frames[2])[1])
