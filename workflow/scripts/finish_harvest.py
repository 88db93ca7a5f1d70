"""Deliver the potential after its harvest, with its errors on every frame and on the harvested ones."""

import shutil

import numpy as np

from gapglass.active_learning import harvest, history
from gapglass.base import files, log
from gapglass.frames import store
from gapglass.labels import attach, status
from gapglass.potential import cost, evaluation
from gapglass.selection import time_blocks

log.configure(snakemake.log[0], "harvest", snakemake.params)
summary, refit = files.read_json(snakemake.input.fit), files.read_json(snakemake.input.refit)
table, rounds = files.read_table(snakemake.input.table), [files.read_json(path) for path in snakemake.input.found]
copied = ["potential", "variance", "posterior", "train", "test", "hyperparameters", "history", "ledger"]
records = harvest.read_records(snakemake.input.records, rounds)
harvested = harvest.read_labelled(snakemake.input.asked, rounds, snakemake.input.records)
if "n_harvested" in refit:
    frames = store.read_frames(snakemake.input.frames)
    blocks = time_blocks.current(files.read_json(snakemake.input.sets)["runs"], table)["blocks"]
    if snakemake.input.loop:
        known = attach.labelled_among(frames, status.read_joined(snakemake.input.loop))
        blocks = {part: time_blocks.only(of_part, known) for part, of_part in blocks.items()}
    database = evaluation.sets_of(files.read_table(snakemake.input.predictions))
    errors, predictions, forces = evaluation.evaluate(snakemake.input.potential, frames, database, blocks)
    counts = files.read_table(snakemake.input.neighbours)
    n_species = len(files.read_json(snakemake.input.summary)["species"])
    microseconds = cost.of_potential(refit["hyperparameters"], counts, n_species, snakemake.params.descriptor)
    summary = history.reevaluated(summary, errors) | {
        "hyperparameters": refit["hyperparameters"],
        "cost_us_per_atom_step": round(microseconds, 3),
    }
    files.write_table(snakemake.output.predictions, predictions)
    with files.whole_file(snakemake.output.forces) as temporary:
        np.savez_compressed(temporary, **forces)
else:
    copied += ["predictions", "forces"]
for name in copied:
    with files.whole_file(snakemake.output[name]) as temporary:
        shutil.copyfile(snakemake.input[name], temporary)
files.write_json(snakemake.output.fit, summary)
both = {"before": snakemake.input.before, "after": snakemake.input.potential}
errors = harvest.errors_by_set(both, harvested)
story = harvest.story(rounds, records, errors, harvest.contents(harvested))
if story["action"] == harvest.WRITTEN:
    story["next"] = harvest.go_on(snakemake.input.asked[-1], snakemake.params.labels, snakemake.params.study_file)
    log.notice("%s", " ".join(story["next"]))
elif not story["passed"]:
    log.notice("the harvest ended WITHOUT a quench that passed: %s", harvest.words(rounds[-1]))
store.write_frames(snakemake.output.harvested, [frame for part in harvested.values() for frame in part])
files.write_table(snakemake.output.table, harvest.table(rounds, records))
files.write_json(snakemake.output.harvest, story)
