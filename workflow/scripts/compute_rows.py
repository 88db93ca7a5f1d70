"""Compute the rows of the design matrix of one block of frames."""

from tempfile import TemporaryDirectory

from threadpoolctl import threadpool_limits

from gapglass.active_learning import guide
from gapglass.base import files, log
from gapglass.frames import isolated, store
from gapglass.labels import attach
from gapglass.potential import basis, core, design
from gapglass.selection import time_blocks
from gapglass.selection.database import cut

log.configure(snakemake.log[0], "rows of the fit", snakemake.params)
settings, table = snakemake.params, files.read_table(snakemake.input.table)
imported, sets = files.read_json(snakemake.input.summary), files.read_json(snakemake.input.sets)
block, now = int(snakemake.wildcards.number), time_blocks.current(sets["runs"], table)
first, may_train = False, set(now["geometries" if settings.guide else "pool"])
if hasattr(snakemake.wildcards, "part"):
    database = files.read_json(snakemake.input.database)
    chosen = database["blocks"][block - 1]
    first = (int(snakemake.wildcards.part), block) == (1, 1)
    classes = time_blocks.classes_of(chosen, database, table, now["geometries"], now["reach"], settings.validation)
else:
    of_block = table[cut(table["n_atoms"])[block - 1]]
    of_block = of_block[of_block["frame"].isin(may_train) & (of_block["guide"] if settings.guide else True)]
    chosen = of_block["frame"].tolist()
    first = block == 1 and not settings.guide
    classes = [time_blocks.TRAIN] * len(chosen)
    if settings.validation == "cross_validation":
        stretches = time_blocks.classes(table, now["geometries"], now["reach"])
        classes = [stretches[frame] for frame in chosen]
if settings.guide:
    frames = guide.as_labels(store.read_frames(snakemake.input.frames, chosen, table["offset_bytes"]))
else:
    found = attach.read_labelled(snakemake.input.frames, chosen, table["offset_bytes"], snakemake.input.labels)
    classes = [name for frame, name in zip(chosen, classes, strict=True) if frame in found]
    frames = list(found.values())
if first:
    atoms = isolated.frames(imported.get("isolated_atom_energies", {}))
    frames, classes = [*frames, *atoms], [*classes, *[isolated.CLASS] * len(atoms)]
tables = core.of_setting(settings.core, sets["closest_distance_angstrom"], imported["species"])
frames = core.subtract(frames, tables)
virials = settings.virials and imported["virials"]
with threadpool_limits(1), TemporaryDirectory(prefix="rows-") as folder:
    terms = basis.read(snakemake.input.points)
    rows = design.compute(frames, classes, terms, imported["species"], virials, folder)
rows.write(snakemake.output[0])
