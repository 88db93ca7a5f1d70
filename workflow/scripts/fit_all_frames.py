"""Fit a potential on every frame with the hyperparameters of the optimal one, and evaluate it."""

import numpy as np

from gapglass.active_learning import history
from gapglass.base import files, log, seeds
from gapglass.base.errors import UserError
from gapglass.base.progress import duration
from gapglass.base.versions import versions
from gapglass.frames import store
from gapglass.potential import evaluation, fit

log.configure(snakemake.log[0], "all_frames", snakemake.params)
frames, settings = store.read_frames(snakemake.input.frames), snakemake.params
hyperparameters = files.read_json(snakemake.input.hyperparameters)
store.write_frames(snakemake.output.train, frames)
cost, energies, forces = fit.fit_and_test(
    frames,
    frames,
    hyperparameters,
    snakemake.output.potential,
    counts=files.read_table(snakemake.input.neighbours),
    settings=settings,
    imported=files.read_json(snakemake.input.summary),
    seed=seeds.derive(settings.seed, "gap_fit"),
    log_path=snakemake.log.fit,
)
if cost.pop("status") != "ok":
    raise UserError(
        f"the fit on all {len(frames)} frames failed: {cost['reason']}; take all_frames out of potential.variants, "
        "raise the limit that it names, or allow smaller n_max, l_max or cutoff in potential.hyperparameters"
    )
del cost["reason"]
database = {"train": list(range(len(frames))), "test": [], "holdout": []}
errors, predictions, forces = evaluation.tabulate(frames, database, energies, forces)
log.notice(
    "%d frames fitted in %s, peak memory %.1f GB (%.1f predicted): training RMSE %.2f meV/atom, %.3f eV/Å",
    len(frames),
    duration(cost["fit_seconds"]),
    cost["peak_memory_mb"] / 1024,
    cost["predicted_memory_mb"] / 1024,
    errors["train"]["rmse_energy_mev_per_atom"],
    errors["train"]["rmse_force_ev_per_angstrom"],
)
summary, table = history.summarise_all_frames(hyperparameters, errors, len(frames))
summary |= {"seed": settings.seed, "descriptor": settings.descriptor, "versions": versions(), **cost}
files.write_table(snakemake.output.predictions, predictions)
with files.whole_file(snakemake.output.forces) as temporary:
    np.savez_compressed(temporary, **forces)
files.write_table(snakemake.output.history, table)
files.write_json(snakemake.output.fit, summary)
