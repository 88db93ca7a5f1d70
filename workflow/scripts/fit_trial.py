"""Fit one proposal and test it; a fit that fails is written down with its reason, not raised."""

from gapglass import files, gap, log, memory, seeds, trajectory

log.configure(snakemake.log[0], f"active learning of {snakemake.wildcards.potential}", snakemake.params)
place = {name: int(snakemake.wildcards[name]) for name in ("iteration", "round", "trial")}
settings = snakemake.params
hyperparameters = files.read_json(snakemake.input.decision)["proposals"][place["trial"] - 1]
train, test = trajectory.read_frames(snakemake.input.train), trajectory.read_frames(snakemake.input.test)
imported = files.read_json(snakemake.input.summary)
counts = files.read_table(snakemake.input.neighbours).iloc[files.read_json(snakemake.input.database)["train"]]
predicted = round(memory.of_fit(counts, hyperparameters, settings, imported))
result = {**place, "hyperparameters": hyperparameters, "predicted_memory_mb": predicted}
try:
    seed = seeds.derive(settings.seed, "gap_fit")
    target = snakemake.output.potential
    cost = gap.fit(train, hyperparameters, target, settings=settings, imported=imported, seed=seed, log_path=snakemake.log.fit)
    errors = gap.errors(test, *gap.predict(snakemake.output.potential, test))
    gap.refuse_unusable(errors)
    result |= {"status": "ok", "reason": "", **cost, **errors}
except gap.FitFailed as error:
    log.notice("iteration %(iteration)d, round %(round)d, trial %(trial)d failed", place)
    log.notice("%s", error)
    result |= {"status": "failed", "reason": str(error)}
    with files.whole_file(snakemake.output.potential) as temporary:
        temporary.write_text("<!-- the fit failed, see result.json -->\n")
files.write_json(snakemake.output.result, result)
