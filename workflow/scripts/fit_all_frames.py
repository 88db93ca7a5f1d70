"""Fit a potential on every frame that may train, with the descriptors of the optimal one, and evaluate it."""

import numpy as np

from gapglass.active_learning import history, trial
from gapglass.active_learning.tuning import INNER
from gapglass.base import files, log, seeds
from gapglass.base.errors import UserError
from gapglass.base.progress import duration
from gapglass.base.versions import versions
from gapglass.frames import store
from gapglass.potential import core, cost, evaluation, fit, variance
from gapglass.potential.hyperparameters import bound_warnings, on_bounds
from gapglass.selection import time_blocks
from gapglass.selection.database import of_all

log.configure(snakemake.log[0], "all_frames", snakemake.params)
frames, settings = store.read_frames(snakemake.input.frames), snakemake.params
hyperparameters, sets = files.read_json(snakemake.input.hyperparameters), files.read_json(snakemake.input.sets)
imported, table = files.read_json(snakemake.input.summary), files.read_table(snakemake.input.table)
counts = files.read_table(snakemake.input.neighbours)
now = time_blocks.current(sets["runs"], table)
database = of_all(now)
train = [frames[number] for number in database["train"]]
store.write_frames(snakemake.output.train, train)
tables = core.of_setting(settings.core, sets["closest_distance_angstrom"], imported["species"])
common = {"counts": counts.iloc[database["train"]], "settings": settings, "tables": tables}
uncertainty = (snakemake.output.get("variance"), snakemake.output.get("posterior"))
if settings.tunes:
    fitted = trial.tune_rows(
        snakemake.output.potential,
        snakemake.input.points,
        snakemake.input.rows,
        time_blocks.folds_of(settings.validation),
        hyperparameters,
        known=fit.known_energies(settings.e0, imported),
        uncertainty=uncertainty,
        log_path=snakemake.log.fit,
        guide=snakemake.input.guide,
        **common,
    )
elif settings.fitter == "engine":
    fitted = trial.fit_rows(
        snakemake.output.potential,
        snakemake.input.points,
        snakemake.input.rows,
        hyperparameters,
        known=fit.known_energies(settings.e0, imported),
        uncertainty=uncertainty,
        scales=variance.Posterior(*snakemake.input.optimal).scales,
        log_path=snakemake.log.fit,
        **common,
    )
else:
    fitted, _, _ = fit.fit_and_test(
        train,
        train[:1],
        hyperparameters,
        snakemake.output.potential,
        imported=imported,
        seed=seeds.derive(settings.seed, "gap_fit"),
        log_path=snakemake.log.fit,
        **common,
    )
if fitted.pop("status") != "ok":
    raise UserError(
        f"the fit on {len(train)} frames failed: {fitted['reason']}; take all_frames out of potential.variants, "
        "raise the limit that it names, or allow smaller n_max, l_max or cutoff in potential.hyperparameters"
    )
del fitted["reason"]
errors, predictions, forces = evaluation.evaluate(snakemake.output.potential, frames, database, now["blocks"])
log.notice(
    "%d frames fitted in %s, peak memory %.1f GB (%.1f predicted): training RMSE %.2f meV/atom, %.3f eV/Å",
    len(train),
    duration(fitted["fit_seconds"]),
    fitted["peak_memory_mb"] / 1024,
    fitted["predicted_memory_mb"] / 1024,
    errors["train"]["rmse_energy_mev_per_atom"],
    errors["train"]["rmse_force_ev_per_angstrom"],
)
sizes = {part: len(chosen) for part, chosen in database.items()}
summary, rows = history.summarise_all_frames({"hyperparameters": hyperparameters, **fitted}, errors, sizes)
microseconds = cost.of_potential(summary["hyperparameters"], counts, len(imported["species"]), settings.descriptor)
summary["cost_us_per_atom_step"] = round(microseconds, 3)
summary |= {"seed": settings.seed, "descriptor": settings.descriptor, "versions": versions()}
if settings.tunes:
    ranges = {name: settings.ranges[name] for name in INNER}
    summary["on_bounds"] = on_bounds(summary["hyperparameters"], ranges, settings.descriptor)
    for line in bound_warnings(summary["on_bounds"]):
        log.notice("%s", line)
files.write_table(snakemake.output.predictions, predictions)
with files.whole_file(snakemake.output.forces) as temporary:
    np.savez_compressed(temporary, **forces)
files.write_table(snakemake.output.history, rows)
files.write_json(snakemake.output.fit, summary)
