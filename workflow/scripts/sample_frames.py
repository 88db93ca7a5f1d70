"""Enlarge the database of the iteration before, or begin one, by the strategy of the study."""

import numpy as np

from gapglass.active_learning import enlargement
from gapglass.base import files, log, seeds
from gapglass.clustering import energies
from gapglass.frames import store
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
if decision["action"] == "larger_model":
    enlarged = unchanged(before, sets)
elif settings.strategy == "clusters":
    labels = files.read_table(snakemake.input.labels)["cluster"].to_numpy()
    enlarged = enlarge(
        before, labels, size=size, train_fraction=settings.train_fraction, seed=settings.seed,
        allocation=settings.allocation, draw=settings.draw, energies=energies.of_frames(table)[0],
        distances=distances, pool=sets["pool"],
    )  # fmt: skip
else:
    more = {}
    if decision["best"] and kinds.needs_model(settings.strategy, iteration):
        hyperparameters = decision["best"]["hyperparameters"]
        settings.species, settings.known = imported["species"], fit.known_energies(settings.e0, imported)
        settings.virials = settings.virials and imported["virials"]
        n_points = memory.most_sparse_points(hyperparameters, len(settings.species))
        candidates = enlargement.candidates(sets["pool"], before["train"], n_points)
        frames = store.read_frames(snakemake.input.frames, candidates, table["offset_bytes"])
        frames = enlargement.with_labels(frames)
        tables = core.of_setting(settings.core, stored["closest_distance_angstrom"], settings.species)
        frames = core.subtract(frames, tables)
        more = {
            "frames": dict(zip(candidates, frames, strict=True)),
            "sparse_from": store.read_frames(snakemake.input.frames, sets["known"], table["offset_bytes"]),
            "hyperparameters": hyperparameters,
            "settings": settings,
        }
    given = strategies.Given(
        pool=np.array(sets["pool"]),
        seed=seeds.derive(settings.seed, "sampling"),
        distances=distances,
        blocks=time_blocks.block_of_frame(files.read_json(snakemake.input.blocks)) if snakemake.input.blocks else {},
    )
    enlarged = enlargement.enlarge(settings.strategy, given, before, size, **more)
n_chosen = len(enlarged["train"]) + len(enlarged["test"])
drawn_by_soap = (settings.strategy, snakemake.wildcards.potential) == ("clusters", "soap_only")
read = kinds.labels_read(
    "clusters_soap_only" if drawn_by_soap else settings.strategy, n_chosen, len(sets["pool"]), len(table), iteration
)
database = describe(enlarged, before, sets, table["n_atoms"].to_numpy(), read, iteration)
for part in ("train", "test"):
    frames = store.read_frames(snakemake.input.frames, database[part], table["offset_bytes"])
    store.write_frames(snakemake.output[part], frames)
files.write_json(snakemake.output.database, database)
