"""Structure of one glass model over the last stage of its cycle."""

import os

os.environ.setdefault("NUMBA_NUM_THREADS", str(snakemake.threads))

from gapglass.base import files, log
from gapglass.glass import dump, explosion
from gapglass.structure import absence, analysis, kinds

log.configure(snakemake.log[0], f"structure of the glass of {snakemake.wildcards.atoms} atoms", snakemake.params)
outcome = files.read_json(snakemake.input.outcome)
if outcome["exploded"]:
    for kind in kinds.TABLES:
        absence.write_empty_table(snakemake.output[kind], kind, f"the quench exploded in {explosion.place(outcome)}")
else:
    frames = dump.read_dump(snakemake.input.trajectory)
    discarded = int(len(frames) * snakemake.params.settings["discard_fraction"])
    analysis.write_analysis(frames[discarded:], snakemake.params.settings, snakemake.output)
