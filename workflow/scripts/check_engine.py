"""Compare the engine with QUIP on frames of every trajectory, and on rattled and compressed copies of them."""

from gapglass.base import files, log
from gapglass.frames import store
from gapglass.potential import agreement

log.configure(snakemake.log[0], f"check_engine of {snakemake.wildcards.potential}", snakemake.params)
table, seed = files.read_table(snakemake.input.table), snakemake.params.seed
chosen = agreement.choose(table["trajectory"], seed)
frames = store.read_frames(snakemake.input.frames, chosen, table["offset_bytes"])
found = agreement.compare(snakemake.input.potential, frames, seed)
agreement.judge(snakemake.input.potential, found, snakemake.params.glass)
files.write_json(snakemake.output[0], found)
