"""SOAP spectra of a frame: symmetries."""

import numpy as np
from similarity_helpers import permuted, rotated, translated

from gapglass.similarity.coulomb import coulomb_vector
from gapglass.similarity.soap import soap_features


def test_soap_is_invariant(soap, blyp_frames, rng):
    frame = blyp_frames[0]
    reference = soap_features(frame, soap)
    for same in (rotated(frame), translated(frame), permuted(frame, rng)):
        np.testing.assert_allclose(soap_features(same, soap), reference, rtol=1e-6, atol=1e-8)
    assert not np.allclose(soap_features(blyp_frames[30], soap), reference, rtol=1e-3)


def test_descriptors_leave_the_frame_alone(soap, blyp_frames):
    frame = blyp_frames[0].copy()
    before = frame.copy()
    soap_features(frame, soap)
    coulomb_vector(frame)
    assert frame == before
