"""Time a few steps and estimate the time of the thermal cycle."""

from gapglass.base import files, log
from gapglass.glass.speed import estimate

atoms = snakemake.wildcards.atoms
log.configure(snakemake.log[0], f"melt-quench of {atoms} atoms", snakemake.params)
speed = estimate(
    snakemake.input.packed,
    snakemake.input.potential,
    snakemake.input.plugin or None,
    snakemake.params.settings,
    snakemake.params.cycle,
)
files.write_json(snakemake.output[0], {"atoms": int(atoms), **speed})
