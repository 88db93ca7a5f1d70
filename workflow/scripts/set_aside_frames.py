"""Set frames aside for the last test, and note how close atoms come in the frames that may train."""

from gapglass.base import files, log
from gapglass.frames import geometry, store
from gapglass.selection import time_blocks

log.configure(snakemake.log[0], "set_aside_frames", snakemake.params)
table = files.read_table(snakemake.input.table)
sets = time_blocks.set_aside(table, snakemake.params.fraction, snakemake.params.guard)
now = time_blocks.current(sets, table)
log.notice(
    "%d frames may train, %d are set aside for the last test, %d lie between them",
    *(len(now[name]) for name in ("pool", "holdout", "guard")),
)
frames = store.read_frames(snakemake.input.frames, now["known"], table["offset_bytes"])
files.write_json(snakemake.output[0], {"trajectories": sets, "closest_distance_angstrom": geometry.closest_of(frames)})
