"""Blocks of frames, which remain valid when trajectories grow, and the frames that a job reads."""

import numpy as np
import pandas as pd
import pytest

from gapglass.frames import store
from gapglass.similarity import blocks


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
    numbers = [number for block in cut for number in range(block.frames.start, block.frames.stop)]
    assert sorted(numbers) == list(range(37))
    assert [(block.name, len(block), block.first) for block in cut] == [
        ("melt_0000", 10, 0),
        ("glass_0000", 10, 0),
        ("melt_0001", 10, 10),
        ("melt_0002", 5, 20),
        ("glass_0001", 2, 10),
    ]


@pytest.mark.parametrize(
    ("before", "after", "redone"),
    [
        (dict(a=(30, 48)), dict(a=(33, 48)), {"a_0003"}),
        (dict(a=(25, 48)), dict(a=(30, 48)), {"a_0002"}),
        # The shorter blocks at the end are compared with all others. Only their rows are computed again.
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


def test_a_block_is_replaced_when_it_is_complete(rng, tmp_path):
    frames = [{"soap": rng.normal(size=5), "coulomb": rng.normal(size=n).astype(np.float32)} for n in (6, 10, 3)]
    folder = tmp_path / "melt_0001"
    blocks.write_block(folder, frames, first=40)
    assert sorted(path.name for path in folder.iterdir()) == [f"frame_0000{n}.npz" for n in (40, 41, 42)]
    written = blocks.read_block(folder)
    for name in ("soap", "coulomb"):
        for frame, array in zip(frames, written[name], strict=True):
            np.testing.assert_array_equal(array, frame[name])
            assert array.dtype == frame[name].dtype

    def interrupted():
        yield frames[0]
        raise OSError

    with pytest.raises(OSError):
        blocks.write_block(folder, interrupted())
    assert len(blocks.read_block(folder)["soap"]) == 3
    blocks.write_block(folder, frames[:1], first=7)
    assert [path.name for path in folder.iterdir()] == ["frame_000007.npz"]
    assert [path.name for path in tmp_path.iterdir()] == ["melt_0001"]
