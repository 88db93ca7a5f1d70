"""Fit a potential on every frame with the hyperparameters of the optimal one, and evaluate it."""

import numpy as np

from gapglass import active_learning, evaluation, files, gap, log, memory, seeds, trajectory
from gapglass.errors import UserError

log.configure(snakemake.log[0], "all_frames", snakemake.params)
frames, settings = trajectory.read_frames(snakemake.input.frames), snakemake.params
hyperparameters, imported = files.read_json(snakemake.input.hyperparameters), files.read_json(snakemake.input.summary)
predicted = round(memory.of_fit(files.read_table(snakemake.input.neighbours), hyperparameters, settings, imported))
if reason := memory.too_much(predicted, settings):
    raise UserError(
        f"the fit on all {len(frames)} frames was not started: {reason}; raise the limit, take all_frames out of potential.variants, or "
        "allow smaller n_max, l_max or cutoff in potential.hyperparameters"
    )
trajectory.write_frames(snakemake.output.train, frames)
try:
    seed = seeds.derive(settings.seed, "gap_fit")
    target = snakemake.output.potential
    cost = gap.fit(frames, hyperparameters, target, settings=settings, imported=imported, seed=seed, log_path=snakemake.log.fit)
    database = {"train": list(range(len(frames))), "test": [], "holdout": []}
    errors, predictions, forces = evaluation.evaluate(target, frames, database, workers=snakemake.threads)
    gap.refuse_unusable(errors["train"])
except gap.FitFailed as error:
    raise UserError(
        f"the fit on all {len(frames)} frames failed: {error}; take all_frames out of potential.variants, or mend it"
    ) from error
log.notice(
    "%d frames fitted in %s, peak memory %.1f GB (%.1f foretold): training RMSE %.2f meV/atom, %.3f eV/Å",
    len(frames),
    log.duration(cost["fit_seconds"]),
    cost["peak_memory_mb"] / 1024,
    predicted / 1024,
    errors["train"]["rmse_energy_mev_per_atom"],
    errors["train"]["rmse_force_ev_per_angstrom"],
)
summary, history = active_learning.summarise_all_frames(hyperparameters, errors, len(frames))
summary |= {"seed": settings.seed, "descriptor": settings.descriptor, "versions": log.versions(), "predicted_memory_mb": predicted, **cost}
files.write_table(snakemake.output.predictions, predictions)
with files.whole_file(snakemake.output.forces) as temporary:
    np.savez_compressed(temporary, **forces)
files.write_table(snakemake.output.history, history)
files.write_json(snakemake.output.summary, summary)
