"""Fit one proposal and test it; record the reason of a fit that fails."""

from gapglass.active_learning import trial
from gapglass.base import files, log, seeds
from gapglass.frames import store
from gapglass.potential import core, failures, fit
from gapglass.selection import time_blocks

log.configure(snakemake.log[0], f"active learning of {snakemake.wildcards.potential}", snakemake.params)
place = {name: int(snakemake.wildcards[name]) for name in ("iteration", "round", "trial")}
settings, decision = snakemake.params, files.read_json(snakemake.input.decision)
database, sets = files.read_json(snakemake.input.database), files.read_json(snakemake.input.sets)
imported, neighbours = files.read_json(snakemake.input.summary), files.read_table(snakemake.input.neighbours)
proposal, target = decision["proposals"][place["trial"] - 1], snakemake.output.potential
tables = core.of_setting(settings.core, sets["closest_distance_angstrom"], imported["species"])
if settings.fitter == "engine":
    result = trial.run(
        target,
        snakemake.input.points,
        snakemake.input.rows,
        time_blocks.folds_of(settings.validation),
        proposal,
        settings,
        counts=neighbours.iloc[database["train"]],
        known=fit.known_energies(settings.e0, imported),
        tables=tables,
        uncertainty=(snakemake.output.variance, snakemake.output.posterior),
        log_path=snakemake.log.fit,
        guide=snakemake.input.guide,
    )
else:
    result = trial.run_gap_fit(
        target,
        store.read_frames(snakemake.input.train),
        store.read_frames(snakemake.input.test),
        proposal,
        settings,
        counts=neighbours.iloc[database["train"]],
        imported=imported,
        tables=tables,
        seed=seeds.derive(settings.seed, "gap_fit"),
        log_path=snakemake.log.fit,
    )
if result["status"] != "ok":
    log.notice("iteration %(iteration)d, round %(round)d, trial %(trial)d failed", place)
    log.notice("%s", result["reason"])
    for path in snakemake.output[1:]:
        with files.whole_file(path) as temporary:
            temporary.write_text(f"{failures.FIT_FAILED}, see result.json -->\n")
origin = decision["origins"][place["trial"] - 1]
files.write_json(snakemake.output.result, {**place, "origin": origin, "hyperparameters": proposal, **result})
