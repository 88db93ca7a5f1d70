"""Set frames aside for the stop and the last test, and note how close atoms come in the frames that may train."""

from gapglass.base import files, log, seeds
from gapglass.base.errors import UserError
from gapglass.frames import geometry, store
from gapglass.selection import time_blocks

log.configure(snakemake.log[0], "set_aside_frames", snakemake.params)
table, runs = files.read_table(snakemake.input.table), files.read_json(snakemake.input.blocks)
fractions = {"validation": snakemake.params.validation, "holdout": snakemake.params.holdout}
sets = time_blocks.set_aside(runs, table, fractions, seeds.derive(snakemake.params.seed, "set aside"))
if snakemake.params.frames_per_block:
    sets = time_blocks.thinned(sets, snakemake.params.frames_per_block)
now = time_blocks.current(sets, table)
log.notice(
    "%d frames may train, %d decide the stop, %d are set aside for the last test, %d lie between them",
    *(len(now[name]) for name in ("pool", "validation", "holdout", "guard")),
)
if snakemake.params.validation and not now["validation"]:
    raise UserError(
        "the trajectories are too short to set blocks of time aside that decide the stop: import more frames, or set "
        "active_learning.stop: point_estimate"
    )
frames = store.read_frames(snakemake.input.frames, now["known"], table["offset_bytes"])
files.write_json(snakemake.output[0], {"runs": sets, "closest_distance_angstrom": geometry.closest_of(frames)})
