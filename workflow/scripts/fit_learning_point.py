"""Choose frames by one strategy, fit a potential on them, test it on the common hold-out."""

import tempfile
from pathlib import Path

from gapglass import files, gap, kernels, learning, log, memory, seeds, trajectory
from gapglass.errors import ProgramKilled, UserError

log.configure(snakemake.log[0], "learning curves", snakemake.params)
strategy, size, draw = (snakemake.wildcards[name] for name in ("strategy", "size", "draw"))
settings, table, sets = snakemake.params, files.read_table(snakemake.input.table), files.read_json(snakemake.input.sets)
distances = kernels.read_distance(snakemake.input.soap, snakemake.input.coulomb, files.read_json(snakemake.input.best)["delta"])
labels = {
    name: files.read_table(path)["cluster"].to_numpy()
    for name, path in (
        ("best", snakemake.input.labels),
        ("soap_only", snakemake.input.labels_soap_only),
        ("rmsd", snakemake.input.labels_rmsd),
    )
    if path
}
seed = seeds.derive(settings.seed, "learning curves", draw)
imported = files.read_json(snakemake.input.summary)
result = {"strategy": strategy, "n_train": int(size), "draw": int(draw)}
try:
    result["frames"] = learning.choose(
        strategy,
        sets["pool"],
        int(size),
        seed,
        labels=labels,
        energies=table["energy_ev_per_atom"].to_numpy(),
        distances=distances,
    )
    train, test = (
        trajectory.read_frames(snakemake.input.frames, part, table["offset_bytes"]) for part in (result["frames"], sets["holdout"])
    )
    hyperparameters = files.read_json(snakemake.input.hyperparameters) | settings.hyperparameters
    counts = files.read_table(snakemake.input.neighbours).iloc[result["frames"]]
    result["predicted_memory_mb"] = round(memory.of_fit(counts, hyperparameters, settings, imported))
    if reason := memory.too_much(result["predicted_memory_mb"], settings):
        raise gap.FitFailed(f"not started: {reason}")
    with tempfile.TemporaryDirectory() as folder:
        potential = Path(folder) / "gap.xml"
        of_sparse_points = seeds.derive(seed, "gap_fit")
        cost = gap.fit(
            train, hyperparameters, potential, settings=settings, imported=imported, seed=of_sparse_points, log_path=snakemake.log.fit
        )
        energies, forces = gap.predict(potential, test)
    gap.refuse_unusable(gap.errors(test, energies, forces))
    result |= {"status": "ok", "reason": "", **cost, **learning.frame_errors(test, energies, forces)}
except ProgramKilled:
    raise
except (gap.FitFailed, UserError) as error:
    log.notice("%s, %s frames, draw %s failed: %s", strategy, size, draw, error)
    result |= {"status": "failed", "reason": str(error)}
files.write_json(snakemake.output[0], result)
