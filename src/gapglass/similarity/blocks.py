"""Blocks of frames: one job computes the descriptors of a block, another compares it with all blocks before it.

Every trajectory is cut into complete blocks and a last, shorter one. Frames that are appended to a trajectory change
its last block and add new blocks; the complete blocks, and everything computed from them, remain valid.
"""

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gapglass.base.files import TEMPORARY

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
        Numbers of the frames in frames.extxyz.
    first : int
        Number of the first frame within its trajectory.
    digest : str
        Digest of species, cells and positions; blocks of equal frames have equal digests.
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
        With auto a block has at most 160,000 atoms and at most 2000 frames. Its descriptors then take about fifteen
        seconds, long against the start of a job, and are small compared with the memory of a machine.
    """
    if block_frames != "auto":
        return block_frames
    return max(1, min(FRAMES_AT_MOST, ATOMS_PER_BLOCK // n_atoms))


def cut(table, block_frames="auto"):
    """Return the blocks of a study in the order of comparison: each block is compared with itself and those before it.

    Complete blocks come first: the first block of every trajectory, then the second of every trajectory, and so on.
    The last, shorter blocks follow at the end. The rows of complete blocks therefore keep their partners when the
    longest trajectory grows or a new one is added.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv: frame, trajectory, n_atoms, digest.
    block_frames : int or "auto"
        See ``length``.

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
    """Return the blocks with which the block ``name`` is compared; the last of them is that block itself."""
    place = next(index for index, block in enumerate(blocks) if block.name == name)
    return blocks[: place + 1]


def write_block(folder, descriptors, first=0):
    """Write the descriptors of a block, one file per frame; ``folder`` is replaced when all files are complete.

    Parameters
    ----------
    folder : path-like
    descriptors : iterable of dict
        ``soap`` and ``coulomb`` of every frame. Each frame is written before the next one is asked for.
    first : int
        Number of the first frame within its trajectory; the files are named after these numbers.
    """
    folder = Path(folder)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=TEMPORARY))
    try:
        for number, arrays in enumerate(descriptors, start=first):
            np.savez(scratch / f"frame_{number:06d}.npz", **arrays)
        scratch.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def read_block(folder):
    """Return the descriptors of a block: ``soap`` and ``coulomb``, each a list with one array per frame."""
    loaded = [np.load(path) for path in sorted(Path(folder).glob("frame_*.npz"))]
    return {name: [item[name] for item in loaded] for name in ("soap", "coulomb")}
