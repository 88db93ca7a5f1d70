"""Vibrational density of states of one glass model."""

from gapglass.base import files, log
from gapglass.glass import dump, explosion, packing
from gapglass.structure import absence, vibrations

log.configure(snakemake.log[0], f"vibrations of {snakemake.wildcards.atoms} atoms", snakemake.params)
outcome, resolution = files.read_json(snakemake.input.outcome), snakemake.params.resolution
if outcome["exploded"]:
    reason = f"the run exploded in {explosion.place(outcome)}"
    absence.write_empty_table(snakemake.output[0], "vibrations", reason)
else:
    steps, types, velocities = dump.read_velocities(snakemake.input.velocities)
    species = packing.species_order(snakemake.params.composition)
    symbols = [species[kind - 1] for kind in types]
    interval = (steps[1] - steps[0]) * snakemake.params.timestep / 1000
    table = vibrations.density_of_states(velocities, symbols, interval, resolution)
    thermo = files.read_table(snakemake.input.thermo)
    run = vibrations.run_in_words(thermo, len(symbols))
    log.notice("%s; vibrations up to %.3g THz", run, vibrations.highest_frequency(table))
    warning = vibrations.unsettled(thermo, len(symbols), snakemake.params.temperature)
    if warning:
        log.notice("%s", warning)
    files.write_table(snakemake.output[0], table, vibrations.header(resolution, interval, run, warning))
