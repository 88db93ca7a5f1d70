"""Blocks of frames: what one job fingerprints and one row of the kernels compares, cut so that growth leaves old blocks as they are.

Every trajectory is cut by itself into complete blocks and a last, shorter one. Frames appended to a trajectory change its last
block and add new ones; all complete blocks, and what was computed from them, stay valid.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FRAMES_AT_MOST = 2000
ATOMS_PER_BLOCK = 160_000


@dataclass(frozen=True)
class Block:
    """Successive frames of one trajectory.

    Attributes
    ----------
    name : str
        ``{trajectory}_{nnnn}``, counted from 0.
    frames : slice
        Their numbers in frames.extxyz.
    first : int
        Number of the first within its trajectory.
    digest : str
        Of species, cells and positions; equal frames give equal digests wherever they stand.
    """

    name: str
    frames: slice
    first: int
    digest: str

    def __len__(self):
        return self.frames.stop - self.frames.start


def length(n_atoms, block_frames="auto"):
    """Return the number of frames in a complete block.

    Parameters
    ----------
    n_atoms : int
        Atoms of the largest frame of the trajectory.
    block_frames : int or "auto"
        auto takes as many as make 160,000 atoms, at most 2000: some fifteen seconds of work, in which the start of a job does not
        count, and descriptors that fit in memory many times over.
    """
    if block_frames != "auto":
        return block_frames
    return max(1, min(FRAMES_AT_MOST, ATOMS_PER_BLOCK // n_atoms))


def cut(table, block_frames="auto"):
    """Return the blocks of a study in the order in which they are compared: each with itself and those before it.

    Complete blocks come first, the first of every trajectory, then the second and so on, and the last, shorter ones at the end.
    So the rows of the complete blocks keep their partners when the longest trajectory grows or a new one is added.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv: frame, trajectory, n_atoms, digest.
    block_frames : int or "auto"

    Returns
    -------
    list of Block
    """
    complete, last = [], []
    for rank, (trajectory, frames) in enumerate(table.groupby("trajectory", sort=False)):
        size = length(int(frames["n_atoms"].max()), block_frames)
        for number, first in enumerate(range(0, len(frames), size)):
            part = frames.iloc[first : first + size]
            start = int(part["frame"].iloc[0])
            digest = hashlib.sha256("".join(part["digest"]).encode()).hexdigest()[:16]
            block = Block(f"{trajectory}_{number:04d}", slice(start, start + len(part)), first, digest)
            if len(part) == size:
                complete.append((number, rank, block))
            else:
                last.append(block)
    return [block for *_, block in sorted(complete, key=lambda item: item[:2])] + last


def up_to(blocks, name):
    """Return the blocks that the row of block ``name`` compares it with, itself last."""
    place = next(index for index, block in enumerate(blocks) if block.name == name)
    return blocks[: place + 1]


def read_block(folder):
    """Return the descriptors of a block: ``soap`` and ``coulomb``, each a list with one array per frame."""
    loaded = [np.load(path) for path in sorted(Path(folder).glob("frame_*.npz"))]
    return {name: [item[name] for item in loaded] for name in ("soap", "coulomb")}
