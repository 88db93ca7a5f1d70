"""Fit one proposal and test it; record the reason of a fit that fails."""

from gapglass.base import files, log, seeds
from gapglass.frames import store
from gapglass.potential import evaluation, failures, fit

log.configure(snakemake.log[0], f"active learning of {snakemake.wildcards.potential}", snakemake.params)
place = {name: int(snakemake.wildcards[name]) for name in ("iteration", "round", "trial")}
hyperparameters = files.read_json(snakemake.input.decision)["proposals"][place["trial"] - 1]
train, test = store.read_frames(snakemake.input.train), store.read_frames(snakemake.input.test)
result, energies, forces = fit.fit_and_test(
    train,
    test,
    hyperparameters,
    snakemake.output.potential,
    counts=files.read_table(snakemake.input.neighbours).iloc[files.read_json(snakemake.input.database)["train"]],
    settings=snakemake.params,
    imported=files.read_json(snakemake.input.summary),
    seed=seeds.derive(snakemake.params.seed, "gap_fit"),
    log_path=snakemake.log.fit,
)
if result["status"] == "ok":
    result |= evaluation.errors(test, energies, forces)
else:
    log.notice("iteration %(iteration)d, round %(round)d, trial %(trial)d failed", place)
    log.notice("%s", result["reason"])
    with files.whole_file(snakemake.output.potential) as temporary:
        temporary.write_text(f"{failures.FIT_FAILED}, see result.json -->\n")
files.write_json(snakemake.output.result, {**place, "hyperparameters": hyperparameters, **result})
