"""Write the glass and the thermodynamics of the whole cycle."""

from gapglass import glass, log

log.configure(snakemake.log[0], "finish_glass", snakemake.params)
glass.finish(snakemake.input.thermo, snakemake.input.trajectory, snakemake.input.outcome, snakemake.output)
