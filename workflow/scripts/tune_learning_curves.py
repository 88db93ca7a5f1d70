"""Tune the hyperparameters that all fits of the learning curves share, on a division that is not counted."""

from gapglass.active_learning import guide, learning_curves, learning_fits
from gapglass.base import files, log
from gapglass.frames import store
from gapglass.potential import core, fit, hyperparameters

log.configure(snakemake.log[0], "learning curves", snakemake.params)
settings, table = snakemake.params, files.read_table(snakemake.input.table)
imported, sets = files.read_json(snakemake.input.summary), files.read_json(snakemake.input.sets)
fit.add_data(settings, imported)
labelled = learning_curves.labelled_frames(table)
runs = files.read_json(snakemake.input.blocks)
if settings.guide:
    learning_curves.refuse_no_guide(imported["guide"])
learning_curves.refuse_sizes(runs, settings.fraction, settings.seed, settings.draws, settings.sizes, labelled)
division = learning_curves.divide(runs, settings.fraction, settings.seed, learning_curves.TUNING, labelled)
frames = store.read_frames(snakemake.input.frames, division["pool"], table["offset_bytes"])
tables = core.of_setting(settings.core, sets["closest_distance_angstrom"], settings.species)
frames = dict(zip(division["pool"], core.subtract(frames, tables), strict=True))
known = settings.ranges | (files.read_json(snakemake.input.geometry) if snakemake.input.geometry else {})
geometry = {name: known[name] for name in hyperparameters.GEOMETRY}


def tuned(frames, n_train, ranges):
    """Return hyperparameters tuned on some of the frames."""
    return learning_fits.tuned(frames, division["blocks"], n_train, geometry, ranges, settings, settings.seed)


found = tuned(frames, max(settings.sizes), settings.ranges)
log.notice("hyperparameters of all fits: %s", ", ".join(f"{name} {value:.4g}" for name, value in found.items()))
if settings.guide:
    frames = {number: frame for number, frame in frames.items() if "guide_energy" in frame.info}
    frames = dict(zip(frames, guide.as_labels(frames.values()), strict=True))
    settings.known = {}  # of isolated atoms in the method of the labels
    found["guide"] = tuned(frames, len(frames), settings.ranges | {"n_sparse": found["n_sparse"]})
files.write_json(snakemake.output[0], found)
