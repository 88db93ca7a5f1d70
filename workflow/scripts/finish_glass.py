"""Write the glass, the thermodynamics of the complete cycle and whether the glass is to be believed."""

from gapglass.base import log
from gapglass.glass import stages

atoms, replica = snakemake.wildcards.atoms, snakemake.wildcards.replica
log.configure(snakemake.log[0], f"melt-quench of {atoms} atoms, replica {replica}", snakemake.params)
stages.finish(
    snakemake.input.thermo,
    snakemake.input.trajectory,
    snakemake.input.outcome,
    snakemake.output,
    snakemake.params.settings,
)
