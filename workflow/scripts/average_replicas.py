"""Average the structure of one model over its independent replicas, with the standard error over them."""

from gapglass.base import log
from gapglass.structure import kinds, replicas

log.configure(snakemake.log[0], "average_replicas", snakemake.params)
for kind in kinds.TABLES:
    paths = snakemake.input[kind] if isinstance(snakemake.input[kind], list) else [snakemake.input[kind]]
    replicas.average_replicas(paths, kind, snakemake.output[kind], snakemake.params.q_bin)
