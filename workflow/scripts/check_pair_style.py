"""Compare the pair style of LAMMPS with the same engine in Python on one frame."""

from gapglass.base import files, log
from gapglass.frames import store
from gapglass.glass import one_frame

log.configure(snakemake.log[0], "check_pair_style", snakemake.params)
table, settings = files.read_table(snakemake.input.table), snakemake.params.settings
chosen = one_frame.choose(table, settings["composition"])
[frame] = store.read_frames(snakemake.input.frames, [chosen], table["offset_bytes"])
one_frame.check(snakemake.output[0], frame, snakemake.input.potential, settings, snakemake.input.plugin or None)
