"""Choose frames by one strategy, fit a potential on them, test it on the common hold-out."""

import tempfile
from pathlib import Path

from gapglass.base import files, log, seeds
from gapglass.base.errors import ProgramKilled, UserError
from gapglass.frames import store
from gapglass.potential import core, evaluation, fit
from gapglass.selection import learning_curves
from gapglass.similarity import kernels

log.configure(snakemake.log[0], "learning curves", snakemake.params)
strategy, size, draw = (snakemake.wildcards[name] for name in ("strategy", "size", "draw"))
settings, table = snakemake.params, files.read_table(snakemake.input.table)
sets, delta = files.read_json(snakemake.input.sets), files.read_json(snakemake.input.best)["delta"]
medians = files.read_json(snakemake.input.scales)["medians"]
clusterings = {
    "best": snakemake.input.labels,
    "soap_only": snakemake.input.labels_soap_only,
    "rmsd": snakemake.input.labels_rmsd,
}
seed = seeds.derive(settings.seed, "learning curves", draw)
result = {"strategy": strategy, "n_train": int(size), "draw": int(draw)}
try:
    result["frames"] = learning_curves.choose(
        strategy,
        sets["pool"],
        int(size),
        seed,
        labels={name: files.read_table(path)["cluster"].to_numpy() for name, path in clusterings.items() if path},
        energies=table["energy_ev_per_atom"].to_numpy(),
        distances=kernels.read_distance(snakemake.input.soap, snakemake.input.coulomb, delta, medians),
    )
    train, test = (
        store.read_frames(snakemake.input.frames, part, table["offset_bytes"])
        for part in (result["frames"], sets["holdout"])
    )
    imported = files.read_json(snakemake.input.summary)
    closest = files.read_json(snakemake.input.fixed)["closest_distance_angstrom"]
    points_from = None
    if settings.fitter == "engine" and settings.sparse_from == "pool":
        points_from = store.read_frames(snakemake.input.frames, sets["pool"], table["offset_bytes"])
    with tempfile.TemporaryDirectory() as folder:
        fitted, energies, forces = fit.fit_and_test(
            train,
            test,
            files.read_json(snakemake.input.hyperparameters) | settings.hyperparameters,
            Path(folder) / "gap.xml",
            counts=files.read_table(snakemake.input.neighbours).iloc[result["frames"]],
            settings=settings,
            imported=imported,
            seed=seeds.derive(seed, "gap_fit"),
            log_path=snakemake.log.fit,
            points_from=points_from,
            tables=core.of_setting(settings.core, closest, imported["species"]),
        )
    result |= fitted
    if result["status"] == "ok":
        result |= evaluation.frame_errors(test, energies, forces)
except ProgramKilled:
    raise
except UserError as error:
    result |= {"status": "failed", "reason": str(error)}
if result["status"] != "ok":
    log.notice("%s, %s frames, draw %s failed: %s", strategy, size, draw, result["reason"])
files.write_json(snakemake.output[0], result)
