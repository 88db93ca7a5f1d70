"""Rows of raw comparisons: their scales, and blocks that give the kernels of all frames together."""

import numpy as np
import pytest
from similarity_helpers import both_kernels

from gapglass.base.errors import UserError
from gapglass.similarity import coulomb, coulomb_environments, soap_environments
from gapglass.similarity.rows import combine, compare_with_all
from gapglass.similarity.soap import soap_features


def test_auto_zeta_is_the_median_scale():
    distances = np.array([[0, 2.0, 4.0], [2.0, 0, 6.0], [4.0, 6.0, 0]])
    _, kernel, scales = both_kernels(distances=distances)
    assert scales["zeta"] == 0.25
    assert kernel[0, 2] == pytest.approx(np.exp(-1))
    with pytest.raises(UserError, match="frames are alike"):
        both_kernels(distances=np.zeros((3, 3)))


def test_scales_are_found_from_the_data(soap, blyp_frames):
    prints = [soap_features(frame, soap, "environments") for frame in blyp_frames[:2]]
    moments = soap_environments.soap_moments(prints, prints, 2)
    _, _, scales = both_kernels(moments=moments, self_product=50.0, soap={"degree": 2})
    assert scales["slope"] == 0.02
    matrices = [np.diag([0.0, 1.0, 2.0]) + shift for shift in (0.0, 1.0)]
    # Every row of one frame is compared with every row of the other, as the sum of |difference| over three columns.
    expected = np.median([np.abs(a - b).sum() for a in matrices[0] for b in matrices[1]])
    assert coulomb_environments.row_scale(matrices, seed=3) == expected
    with pytest.raises(UserError, match="frames are alike"):
        coulomb_environments.row_scale([np.zeros((3, 3))] * 2, seed=3)


@pytest.mark.parametrize("averaging", ["fingerprint", "environments"])
def test_blocks_give_the_kernels_of_the_whole(soap, blyp_frames, averaging):
    frames = blyp_frames[:10:2]
    block = {
        "soap": [soap_features(frame, soap, averaging) for frame in frames],
        "coulomb": [coulomb.coulomb_vector(frame, permutation="none") for frame in frames],
    }
    settings = {"soap_averaging": averaging, "coulomb_averaging": averaging, "degree": 4, "packed": True, "zeta": 1e-3}
    sections = (
        {"degree": 4, "c0": 1.0, "slope": "auto", "averaging": averaging},
        {"zeta": 1e-3, "averaging": averaging},
    )
    whole = combine([compare_with_all(block, [block], settings)], [slice(0, 5)], *sections)
    places = [slice(2, 5), slice(0, 2)]
    parts = [{name: values[place] for name, values in block.items()} for place in places]
    rows = [compare_with_all(part, parts[: i + 1], settings) for i, part in enumerate(parts)]
    found = combine(rows, places, *sections)
    np.testing.assert_allclose(found[0], whole[0], rtol=1e-7)
    np.testing.assert_allclose(found[1], whole[1], rtol=1e-6)
    assert found[2]["slope"] == pytest.approx(whole[2]["slope"])
    np.testing.assert_array_equal(np.diag(found[0]), 1.0)
    assert found[1].min() < 0.999
