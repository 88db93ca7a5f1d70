"""Join the records of the frames that a loop has labelled, for the rounds of harvest that come after it."""

from gapglass.base import files, log
from gapglass.labels import status

log.configure(snakemake.log[0], "labels of the loop", snakemake.params)
files.write_json(snakemake.output[0], status.read_records(snakemake.input))
