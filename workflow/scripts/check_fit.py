"""Compare the engine's fit with that of gap_fit, on a few training frames and with the same sparse points."""

from gapglass.base import files, log, seeds
from gapglass.frames import store
from gapglass.potential import core, fit_agreement, gap_fit

log.configure(snakemake.log[0], f"fit of {snakemake.wildcards.potential}", snakemake.params)
settings, imported = snakemake.params, files.read_json(snakemake.input.summary)
frames, sets = store.read_frames(snakemake.input.train), files.read_json(snakemake.input.sets)
step = max(1, len(frames) // fit_agreement.SPREAD)
chosen = [frames[i] for start in range(step) for i in range(start, len(frames), step)]
found = fit_agreement.compare(
    chosen,
    files.read_json(snakemake.input.fit)["hyperparameters"],
    descriptor=settings.descriptor,
    e0=gap_fit.isolated_atom_energies(frames, settings.e0, imported.get("isolated_atom_energies")),
    virials=settings.virials and imported["virials"],
    tables=core.of_setting(settings.core, sets["closest_distance_angstrom"], imported["species"]),
    seed=seeds.derive(settings.seed, "gap_fit"),
    max_seconds=60 * settings.max_fit_time,
)
if not found["agrees"]:
    log.notice("the engine's fit is not that of gap_fit: %s. This is a mistake of gapglass: please report it", found)
files.write_json(snakemake.output[0], found)
