"""Write how every frame of the study got its label, or why it has none."""

from gapglass.base import log
from gapglass.labels import status

log.configure(snakemake.log[0], "labels", snakemake.params)
records = status.read_records(snakemake.input)
for line in status.summary(records):
    log.notice("%s", line)
status.write(snakemake.output[0], records)
