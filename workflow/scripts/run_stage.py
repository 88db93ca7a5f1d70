"""Run one stage of the thermal cycle."""

from gapglass.base import files, log, seeds
from gapglass.glass import explosion, outside, stages

atoms, replica, stage = (int(snakemake.wildcards[name]) for name in ("atoms", "replica", "stage"))
log.configure(snakemake.log[0], f"melt-quench of {atoms} atoms", snakemake.params)
density = stages.stage_density(snakemake.params.stage, snakemake.input.table, snakemake.params.reference_temperature)
known = outside.known(files.read_table(snakemake.input.table), files.read_json(snakemake.input.summary))
if snakemake.input.harvest:
    known = known.widened(files.read_json(snakemake.input.harvest).get("known"))
seed = ("glass", atoms, replica)
if hasattr(snakemake.wildcards, "round"):  # a model of a harvest
    seed = ("harvest", int(snakemake.wildcards.round), atoms, replica)
stages.run_stage(
    snakemake.params.stage,
    stage,
    snakemake.params.settings,
    snakemake.input.start,
    dict(snakemake.output.items()) | {"log": snakemake.log.lammps},
    potential=snakemake.input.potential,
    plugin=snakemake.input.plugin or None,
    known=known,
    density=density,
    earlier=files.read_json(snakemake.input.earlier) if snakemake.input.earlier else explosion.NOT_EXPLODED,
    seed=seeds.derive(snakemake.params.seed, *seed),
)
