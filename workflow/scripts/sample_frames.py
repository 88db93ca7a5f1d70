"""Enlarge the database of the iteration before, or begin one, by the strategy of the study.

Where labels are computed on demand, the choice also says which frames need one, and replaces those that got none.
"""

import numpy as np

from gapglass.active_learning import choices, enlargement
from gapglass.base import files, log, seeds
from gapglass.clustering import energies
from gapglass.frames import store
from gapglass.labels import library, status
from gapglass.potential import core, fit, memory
from gapglass.selection import kinds, strategies, time_blocks
from gapglass.selection.database import database_size, describe, enlarge, unchanged
from gapglass.similarity import kernels

log.configure(snakemake.log[0], "sample_frames", snakemake.params)
iteration, settings = int(snakemake.wildcards.iteration), snakemake.params
table, imported = files.read_table(snakemake.input.table), files.read_json(snakemake.input.summary)
distances = None
if snakemake.input.kernels:
    soap, coulomb, scales, summary = snakemake.input.kernels
    delta, medians = files.read_json(summary)["delta"], files.read_json(scales)["medians"]
    distances = kernels.read_distance(soap, coulomb, delta, medians)
before = files.read_json(snakemake.input.previous) if snakemake.input.previous else {"train": [], "test": []}
stored = files.read_json(snakemake.input.sets)
sets = time_blocks.current(stored["runs"], table)
decision = (
    files.read_json(snakemake.input.decision) if snakemake.input.decision else {"action": "enlarge", "best": None}
)
size = database_size(before.get("n_increments", 0) + 1, settings.increment, len(table))


def read(numbers):
    """Return frames of the study by their numbers."""
    return store.read_frames(snakemake.input.frames, numbers, table["offset_bytes"])


def draw(start, size):
    """Return a database enlarged by the strategy to a number of training frames."""
    if settings.strategy == "clusters":
        labels = files.read_table(snakemake.input.labels)["cluster"].to_numpy()
        return enlarge(
            start, labels, size=size, train_fraction=settings.train_fraction, seed=settings.seed,
            allocation=settings.allocation, draw=settings.draw, energies=energies.of_frames(table)[0],
            distances=distances, pool=sets["pool"],
        )  # fmt: skip
    more = {}
    if decision["best"] and kinds.needs_model(settings.strategy, iteration):
        hyperparameters = decision["best"]["hyperparameters"]
        fit.add_data(settings, imported)
        n_points = memory.most_sparse_points(hyperparameters, len(settings.species))
        candidates = enlargement.candidates(sets["pool"], start["train"], n_points)
        tables = core.of_setting(settings.core, stored["closest_distance_angstrom"], settings.species)
        frames = core.subtract(enlargement.with_labels(read(candidates)), tables)
        more = {
            "frames": dict(zip(candidates, frames, strict=True)),
            "sparse_from": read(sets["known"]),
            "hyperparameters": hyperparameters,
            "settings": settings,
        }
    blocks = files.read_json(snakemake.input.blocks) if snakemake.input.blocks else []
    given = strategies.Given(
        pool=np.array(sets["pool"]),
        seed=seeds.derive(settings.seed, "sampling"),
        distances=distances,
        blocks=time_blocks.block_of_frame(blocks),
        plateaus=time_blocks.run_of_frame(blocks),
    )
    return enlargement.enlarge(settings.strategy, given, start, size, **more)


on_demand = {}
if hasattr(snakemake.wildcards, "choice"):
    known = library.known(settings.labels, imported["labels"]["fingerprint"])
    labelled = choices.Labelled(
        status.read_records(snakemake.input.records),
        settings.labels["budget"],
        settings.labels["cores"],
        cost=lambda numbers: library.n_own(read(numbers), known, settings.labels["study"]),
    )
    number = int(snakemake.wildcards.choice)
    sets = choices.with_tests(sets, labelled, iteration, number)
    start = files.read_json(snakemake.input.choice) if snakemake.input.choice else before
    size = len(before["train"]) if decision["action"] == "larger_model" else size
    enlarged, asked = choices.choose(draw, start, size, sets, labelled, number)
    on_demand = {"asked": asked, "failed": labelled.failed, "n_affordable": labelled.affordable()}
    log.notice("%s", status.forecast(labelled.cost(asked), labelled.records))
elif decision["action"] == "larger_model":
    enlarged = unchanged(before, sets)
else:
    enlarged = draw(before, size)
n_chosen = len(enlarged["train"]) + len(enlarged["test"])
drawn_by_soap = (settings.strategy, snakemake.wildcards.potential) == ("clusters", "soap_only")
n_read = kinds.labels_read(
    "clusters_soap_only" if drawn_by_soap else settings.strategy, n_chosen, len(sets["pool"]), len(table), iteration
)
database = describe(enlarged, before, sets, table["n_atoms"].to_numpy(), n_read, iteration)
for part in ("train", "test"):
    store.write_frames(snakemake.output[part], read(database[part]))
files.write_json(snakemake.output.database, {**database, **on_demand})
