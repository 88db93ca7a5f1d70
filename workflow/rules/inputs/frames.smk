# Input functions that wait for the checkpoint import_frames: the number of frames decides the number of blocks.
import functools


def imported():
    """Return import.json, once the checkpoint has made it."""
    return files.read_json(checkpoints.import_frames.get().output.summary)


@functools.cache
def _cut(path, _changed):
    return blocks.cut(files.read_table(path), config["descriptors"]["block_frames"])


def frame_blocks():
    """Return the blocks of frames in the order in which they are compared, once the checkpoint has made the table."""
    table = Path(checkpoints.import_frames.get().output.table)
    return _cut(table, table.stat().st_mtime_ns)


def block_digest(wildcards):
    """Return the digest of a block's frames: descriptors of unchanged frames are not computed again."""
    return next(block.digest for block in frame_blocks() if block.name == wildcards.block)


def descriptor_blocks(wildcards):
    """Return the descriptors of every block, or of those that the row of a block compares it with, itself last."""
    chosen = frame_blocks()
    if "block" in wildcards.keys():
        chosen = blocks.up_to(chosen, wildcards.block)
    return [at(f"descriptors/{block.name}") for block in chosen]


def kernel_rows(wildcards):
    """Return the row of every block, in the order in which blocks are compared."""
    return [at(f"kernels/rows/{block.name}.npz") for block in frame_blocks()]
