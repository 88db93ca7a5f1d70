"""Fit the potential of the loop on its training frames and those harvested so far."""

from gapglass.active_learning import harvest, refit
from gapglass.base import files, log
from gapglass.frames import store
from gapglass.potential import core, fit

log.configure(snakemake.log[0], f"harvest, round {snakemake.wildcards.round}", snakemake.params)
settings, imported = snakemake.params, files.read_json(snakemake.input.summary)
rounds = [files.read_json(path) for path in snakemake.input.found]
harvested = harvest.read_labelled(snakemake.input.asked, rounds, snakemake.input.records)
closest = files.read_json(snakemake.input.sets)["closest_distance_angstrom"]
known = store.read_frames(snakemake.input.train)
new = harvested["train"]
found = refit.run(
    snakemake.output.potential,
    snakemake.input.potential,
    snakemake.input.posterior,
    known,
    new,
    files.read_json(snakemake.input.fit)["hyperparameters"],
    settings,
    imported=imported,
    given=fit.known_energies(settings.e0, imported),
    tables=core.of_setting(settings.core, closest, imported["species"]),
    outputs={name: snakemake.output[name] for name in ("variance", "posterior")} | {"log": snakemake.log.fit},
)
log.notice("%d training frames, %d of them harvested", found["n_train"], found["n_harvested"])
store.write_frames(snakemake.output.train, [*known, *new])
files.write_json(snakemake.output.fit, {**found, "known": harvest.contents(harvested)})
