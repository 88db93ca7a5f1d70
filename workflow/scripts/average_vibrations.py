"""Average the vibrations of one model over its replicas, with the standard error over them."""

from gapglass.base import log
from gapglass.structure import replicas

log.configure(snakemake.log[0], "average_vibrations")
replicas.average_replicas(snakemake.input, "vibrations", snakemake.output[0])
