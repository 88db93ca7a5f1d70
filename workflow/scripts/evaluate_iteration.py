"""Evaluate the best potential of an iteration on every frame."""

import numpy as np

from gapglass.base import files, log
from gapglass.frames import store
from gapglass.labels import attach, status
from gapglass.potential import evaluation
from gapglass.selection import time_blocks

log.configure(snakemake.log[0], f"active learning of {snakemake.wildcards.potential}", snakemake.params)
frames, database = store.read_frames(snakemake.input.frames), files.read_json(snakemake.input.database)
sets, table = files.read_json(snakemake.input.sets), files.read_table(snakemake.input.table)
blocks = time_blocks.current(sets["runs"], table)["blocks"]
if snakemake.input.labels:
    known = attach.labelled_among(frames, status.read_records(snakemake.input.labels))
    database |= {part: [frame for frame in database[part] if frame in known] for part in evaluation.SETS}
    blocks = {part: time_blocks.only(of_part, known) for part, of_part in blocks.items()}
errors, predictions, forces = evaluation.evaluate(snakemake.input.potential, frames, database, blocks)
if database["holdout"]:
    log.notice(
        "iteration %d: hold-out RMSE %.2f meV/atom, %.3f eV/Å on %d frames outside the database",
        database["iteration"],
        errors["holdout"]["rmse_energy_mev_per_atom"],
        errors["holdout"]["rmse_force_ev_per_angstrom"],
        len(database["holdout"]),
    )
files.write_table(snakemake.output.predictions, predictions)
with files.whole_file(snakemake.output.forces) as temporary:
    np.savez_compressed(temporary, **forces)
files.write_json(snakemake.output.summary, {"iteration": database["iteration"], **errors})
