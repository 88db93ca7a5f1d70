"""Compare every result with Snakemake's record of it; name corrupt results and the commands that repair them."""

from gapglass.base import log
from gapglass.study import records

log.configure(snakemake.log[0], "verify")
n_records = records.verify(
    snakemake.params.metadata, snakemake.params.root, ".venv/bin/snakemake", snakemake.params.options
)
log.notice("%d results are there, complete, and as they were made", n_records)
