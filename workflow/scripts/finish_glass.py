"""Write the glass and the thermodynamics of the complete cycle."""

from gapglass.base import log
from gapglass.glass import stages

log.configure(snakemake.log[0], "finish_glass", snakemake.params)
stages.finish(snakemake.input.thermo, snakemake.input.trajectory, snakemake.input.outcome, snakemake.output)
