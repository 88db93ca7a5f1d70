"""Blocks that survive growth, and what changes with many frames."""

import numpy as np
import pandas as pd
import pytest

from gapglass.frames import store
from gapglass.similarity import blocks, kernels, pairwise
from gapglass.similarity.matrices import streamed_median
from gapglass.similarity.rows import combine, compare_with_all


def table(**trajectories):
    """Return a table of frames: name=(n_frames, n_atoms), every frame with a digest of its own."""
    rows = [
        {"trajectory": name, "n_atoms": n_atoms, "digest": f"x{name}{number}"}
        for name, (n_frames, n_atoms) in trajectories.items()
        for number in range(n_frames)
    ]
    return pd.DataFrame(rows).assign(frame=range(len(rows)))


def test_every_frame_is_in_one_block_and_no_block_in_two_trajectories():
    whole = table(melt=(25, 48), glass=(12, 48))
    cut = blocks.cut(whole, 10)
    assert sorted(number for block in cut for number in range(block.frames.start, block.frames.stop)) == list(
        range(37)
    )
    assert [(block.name, len(block), block.first) for block in cut] == [
        ("melt_0000", 10, 0), ("glass_0000", 10, 0), ("melt_0001", 10, 10), ("melt_0002", 5, 20), ("glass_0001", 2, 10),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "redone"),
    [
        (dict(a=(30, 48)), dict(a=(33, 48)), {"a_0003"}),
        (dict(a=(25, 48)), dict(a=(30, 48)), {"a_0002"}),
        # the shorter blocks at the end are compared with everything, so theirs is the one row that is redone beside the new
        (dict(a=(25, 48), b=(9, 48)), dict(a=(41, 48), b=(9, 48)), {"a_0002", "a_0003", "a_0004", "b_0000"}),
        (
            dict(a=(30, 48), b=(20, 48)),
            dict(a=(30, 48), b=(20, 48), c=(10, 12)),
            {"a_0001", "a_0002", "b_0001", "c_0000"},
        ),
        (dict(a=(30, 48)), dict(a=(30, 48), c=(7, 12)), {"c_0000"}),
    ],
)
def test_growth_leaves_complete_blocks_and_their_partners(before, after, redone):
    old, new = blocks.cut(table(**before), 10), blocks.cut(table(**after), 10)

    def partners(cut):
        return {block.name: [(b.name, b.digest) for b in blocks.up_to(cut, block.name)] for block in cut}

    changed = {name for name, row in partners(new).items() if partners(old).get(name) != row}
    assert changed == redone
    kept = {block.name: (block.digest, block.first) for block in old if len(block) == 10}
    assert kept.items() <= {block.name: (block.digest, block.first) for block in new}.items()


def test_automatic_length_follows_the_atoms():
    assert [blocks.length(n) for n in (48, 240, 480, 300_000)] == [2000, 666, 333, 1]
    assert blocks.length(48, 7) == 7


def test_chosen_frames_are_those_of_the_whole_file(blyp_frames, tmp_path):
    offsets = store.write_frames(tmp_path / "frames.extxyz", blyp_frames)
    whole = store.read_frames(tmp_path / "frames.extxyz")
    some = store.read_frames(tmp_path / "frames.extxyz", [40, 3, 58], offsets)
    for frame, number in zip(some, (40, 3, 58), strict=True):
        assert frame == whole[number] and frame.info["REF_energy"] == whole[number].info["REF_energy"]
        np.testing.assert_array_equal(frame.arrays["REF_forces"], whole[number].arrays["REF_forces"])


@pytest.mark.parametrize("n", [1001, 1000])
def test_streamed_median_is_the_median(rng, monkeypatch, n):
    values = rng.gamma(2.0, size=n)
    pieces = np.array_split(values, 7)
    assert streamed_median(lambda: pieces) == np.median(values)
    monkeypatch.setattr("gapglass.similarity.matrices.IN_MEMORY", 10)
    assert streamed_median(lambda: pieces) == pytest.approx(np.median(values), abs=0.01)
    assert streamed_median(lambda: [np.zeros(11)]) == 0


def test_kernels_on_disk_give_the_distances_of_those_in_memory(rng, tmp_path, monkeypatch):
    prints, matrices = rng.uniform(size=(30, 12)), rng.uniform(size=(30, 20)).astype(np.float32)
    places = [slice(20, 30), slice(0, 20)]
    parts = [{"soap": prints[place], "coulomb": list(matrices[place])} for place in places]
    settings = {"soap_averaging": "fingerprint", "coulomb_averaging": "fingerprint", "packed": False}
    rows = [compare_with_all(part, parts[: i + 1], settings) for i, part in enumerate(parts)]
    sections = (
        {"averaging": "fingerprint", "degree": 4, "c0": 1.0, "slope": "auto"},
        {"averaging": "fingerprint", "zeta": "auto"},
    )
    *exact, _ = combine(rows, places, *sections)
    products, apart = prints @ prints.T, pairwise.l1_distances(matrices, matrices)
    polynomial = (products / np.diag(products).mean() + 1) ** 4
    scale = np.sqrt(np.diag(polynomial))
    np.testing.assert_allclose(exact[0], polynomial / np.outer(scale, scale), rtol=1e-12)
    np.testing.assert_allclose(exact[1], np.exp(-apart / np.median(apart[np.triu_indices(30, 1)])), rtol=1e-6)
    paths = [tmp_path / f"{name}.npy" for name in ("soap", "coulomb")]
    for path, matrix in zip(paths, exact, strict=True):
        np.save(path, matrix)
    expected = kernels.distance(kernels.hybrid(*exact, 0.3))
    np.testing.assert_array_equal(kernels.read_distance(*paths, 0.3), expected)
    monkeypatch.setattr("gapglass.similarity.matrices.FLOAT64_UP_TO", 20)
    single = kernels.read_distance(*paths, 0.3)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=1e-7)
