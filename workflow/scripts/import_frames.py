"""Read and check the trajectories; write the canonical frames, their table and the import summary."""

from gapglass.base import files, log
from gapglass.frames import checks, isolated, store, trajectory
from gapglass.labels import attach, library
from gapglass.study.paths import Study

log.configure(snakemake.log[0], "import_frames", snakemake.params)
of_labels, e0 = snakemake.params.labels, snakemake.params.e0
# With labels of their own, the energies of isolated atoms in the trajectories are those of the guide.
frames, table, summary = trajectory.import_frames(
    snakemake.params.trajectories,
    snakemake.params.settings,
    "fitted" if of_labels else e0,
    unlabelled=bool(of_labels),
)
if of_labels and of_labels["engine"] != "none":
    engine = library.open_library(of_labels).engine
    engine.check(summary["species"])
    frames, table, summary = attach.as_guide(
        frames, table, summary, engine.settings(), of_labels["virials"], snakemake.input.atoms
    )
elif of_labels:
    frames, table, summary = attach.attach(frames, table, summary, attach.sets_of(of_labels), e0)
checks.check_species(snakemake.params.composition, snakemake.params.e0, summary["species"])
# The temperature of the reference is no parameter of the rule, because another one must not repeat the import.
checks.check_reference(snakemake.params.composition, frames, Study(snakemake.config).reference_temperature())
if snakemake.params.same_order:
    checks.check_atom_order(frames)
log.notice(
    "%d frames of %s atoms (%s), %d rejected, energies from %s",
    summary["n_frames"],
    "/".join(map(str, summary["n_atoms"])),
    ", ".join(summary["species"]),
    summary["n_rejected"],
    ", ".join(summary["energy_source"]) or "no trajectory",
)
offsets = store.write_frames(snakemake.output.frames, frames)
store.write_frames(snakemake.output.isolated, isolated.frames(summary["isolated_atom_energies"]))
files.write_table(snakemake.output.table, table.assign(offset_bytes=offsets))
files.write_json(snakemake.output.summary, summary)
