"""Choose frames by all strategies in one division of the frames, fit on them, test on its hold-out."""

from gapglass.active_learning import learning_curves, learning_fits
from gapglass.base import files, log
from gapglass.clustering import energies
from gapglass.frames import store
from gapglass.potential import core, fit
from gapglass.similarity import kernels

draw = int(snakemake.wildcards.draw)
log.configure(snakemake.log[0], f"learning curves, division {draw}", snakemake.params)
settings, table = snakemake.params, files.read_table(snakemake.input.table)
imported, sets = files.read_json(snakemake.input.summary), files.read_json(snakemake.input.sets)
fit.add_data(settings, imported)
labelled = learning_curves.labelled_frames(table)
blocks = files.read_json(snakemake.input.blocks)
division = learning_curves.divide(blocks, settings.fraction, settings.seed, draw, labelled)
chosen = sorted([*division["pool"], *division["holdout"]])
frames = store.read_frames(snakemake.input.frames, chosen, table["offset_bytes"])
tables = core.of_setting(settings.core, sets["closest_distance_angstrom"], settings.species)
frames = core.subtract(frames, tables)
clusterings = {
    "best": snakemake.input.labels,
    "soap_only": snakemake.input.labels_soap_only,
    "rmsd": snakemake.input.labels_rmsd,
}
delta = files.read_json(snakemake.input.best)["delta"]
medians = files.read_json(snakemake.input.scales)["medians"]
results, calibration = learning_fits.points(
    dict(zip(chosen, frames, strict=True)),
    division,
    len(labelled),
    files.read_json(snakemake.input.hyperparameters),
    settings,
    sizes=settings.sizes,
    given={
        "clusters": {name: files.read_table(path)["cluster"].to_numpy() for name, path in clusterings.items() if path},
        "energies": energies.of_frames(table)[0],
        "distances": kernels.read_distance(snakemake.input.soap, snakemake.input.coulomb, delta, medians),
    },
    groups=learning_curves.group_of(table, settings.liquid_from),
    draw=draw,
)
log.notice("%d fits tested on %d frames", results["n_train"].nunique(), len(division["holdout"]))
files.write_table(snakemake.output.errors, results)
files.write_table(snakemake.output.calibration, calibration)
