"""Cut the trajectories into blocks of time, the unit of every test."""

import numpy as np

from gapglass.base import files, log
from gapglass.selection import time_blocks
from gapglass.similarity import kernels

log.configure(snakemake.log[0], "blocks of time", snakemake.params)
table = files.read_table(snakemake.input.table)
soap, coulomb = (np.load(snakemake.input[name], mmap_mode="r") for name in ("soap", "coulomb"))
medians = files.read_json(snakemake.input.scales)["medians"]


def distances(frames):
    """Return the distances within a run; delta is 0.5, because no energy may decide what tests."""
    part = np.ix_(frames, frames)
    return kernels.hybrid_distance(soap[part], coulomb[part], 0.5, medians)


guard = snakemake.params.guard
runs = time_blocks.blocks(table, distances, None if guard == "auto" else guard)
for run in runs:
    log.notice(
        "%d frames from frame %d on: %d blocks, guard of %d frames",
        len(run["frames"]),
        run["frames"][0],
        len(run["edges"]) - 1,
        run["guard"],
    )
files.write_json(snakemake.output[0], runs)
