"""Choose the sparse points of a potential for one geometry of its descriptors."""

from tempfile import TemporaryDirectory

from gapglass.base import files, log
from gapglass.frames import store
from gapglass.potential import basis
from gapglass.selection import time_blocks

log.configure(snakemake.log[0], "sparse points", snakemake.params)
settings, table = snakemake.params, files.read_table(snakemake.input.table)
if hasattr(snakemake.wildcards, "trial"):
    proposals = files.read_json(snakemake.input.geometry)["proposals"]
    geometry = proposals[int(snakemake.wildcards.trial) - 1]
else:
    geometry = files.read_json(snakemake.input.geometry)
if settings.sparse_from == "pool" or not snakemake.input.database:
    chosen = time_blocks.current(files.read_json(snakemake.input.sets)["runs"], table)["known"]
else:
    chosen = files.read_json(snakemake.input.database)["train"]
with TemporaryDirectory(prefix="sparse_points-") as folder:
    terms = basis.choose(
        store.read_frames(snakemake.input.frames, chosen, table["offset_bytes"]),
        {**geometry, "n_sparse": settings.n_sparse},
        files.read_json(snakemake.input.summary)["species"],
        settings.descriptor,
        folder,
    )
for term in terms:
    log.notice("%d sparse points: %s", len(term.points), term.descriptor)
basis.write(snakemake.output[0], terms)
