"""Run one frame at constant energy, hotter than all frames."""

from gapglass.base import files, log, seeds
from gapglass.frames import store
from gapglass.glass import stability

log.configure(snakemake.log[0], f"constant energy, {snakemake.wildcards.potential}", snakemake.params)
table, nve = files.read_table(snakemake.input.table), snakemake.params.nve
number = stability.choose(table, snakemake.params.settings["composition"])
frame = store.read_frames(snakemake.input.frames, [number], table["offset_bytes"])[0]
outcome, thermo = stability.run(
    dict(snakemake.output.items()),
    frame,
    snakemake.params.settings,
    nve=nve,
    temperature=nve["temperature_factor"] * float(table["temperature_k"].max()),
    potential=snakemake.input.potential,
    plugin=snakemake.input.plugin or None,
    closest=files.read_json(snakemake.input.summary)["closest_distance_angstrom"],
    seed=seeds.derive(snakemake.params.seed, "nve"),
)
files.write_table(snakemake.output.thermo, thermo)
files.write_json(snakemake.output.outcome, outcome | {"frame": number})
