"""Compare every result with the record of its making; say what is wrong and how to repair it."""

from gapglass import log, verify
from gapglass.errors import UserError

log.configure(snakemake.log[0], "verify")
faults, n_records = verify.find_faults(snakemake.params.metadata, snakemake.params.root)
if not n_records:
    raise UserError(
        f"{snakemake.params.metadata} has no record of {snakemake.params.root}: nothing was made here yet, or in another folder"
    )
if verify.all_times_differ(faults, n_records):
    raise UserError(
        f"the times of nearly all results in {snakemake.params.root} differ from their records: was the study copied without them? "
        "Copy it with cp -a or rsync -a; times cannot tell what has changed otherwise"
    )
if faults:
    raise UserError(verify.advice(faults, ".venv/bin/snakemake", snakemake.params.options))
log.notice("%d results are there, whole, and as they were made", n_records)
