"""Coordination and displacements of the reference at each of its temperatures."""

from gapglass.base import files, log
from gapglass.frames import store
from gapglass.structure import quench

log.configure(snakemake.log[0], "plateaus of the reference", snakemake.params)
plateaus, moved = quench.of_reference(store.read_frames(snakemake.input.frames), snakemake.params.cutoffs)
files.write_table(snakemake.output.plateaus, plateaus)
files.write_table(snakemake.output.displacements, moved)
