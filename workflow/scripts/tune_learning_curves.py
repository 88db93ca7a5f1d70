"""Tune the hyperparameters that all fits of the learning curves share, on a division that is not counted."""

from gapglass.active_learning import learning_curves
from gapglass.base import files, log
from gapglass.frames import store
from gapglass.potential import core, fit, hyperparameters

log.configure(snakemake.log[0], "learning curves", snakemake.params)
settings, table = snakemake.params, files.read_table(snakemake.input.table)
imported, sets = files.read_json(snakemake.input.summary), files.read_json(snakemake.input.sets)
settings.species, settings.known = imported["species"], fit.known_energies(settings.e0, imported)
settings.virials = settings.virials and imported["virials"]
runs = files.read_json(snakemake.input.blocks)
learning_curves.refuse_sizes(runs, settings.fraction, settings.seed, settings.draws, settings.sizes)
division = learning_curves.divide(runs, settings.fraction, settings.seed, learning_curves.TUNING)
frames = store.read_frames(snakemake.input.frames, division["pool"], table["offset_bytes"])
tables = core.of_setting(settings.core, sets["closest_distance_angstrom"], settings.species)
frames = core.subtract(frames, tables)
known = settings.ranges | (files.read_json(snakemake.input.geometry) if snakemake.input.geometry else {})
found = learning_curves.tuned(
    dict(zip(division["pool"], frames, strict=True)),
    division["blocks"],
    max(settings.sizes),
    {name: known[name] for name in hyperparameters.GEOMETRY},
    settings.ranges,
    settings,
    settings.seed,
)
log.notice("hyperparameters of all fits: %s", ", ".join(f"{name} {value:.4g}" for name, value in found.items()))
files.write_json(snakemake.output[0], found)
