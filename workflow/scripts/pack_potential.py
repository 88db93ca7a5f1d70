"""Pack a potential to publish it."""

from gapglass.base import log
from gapglass.report import package

log.configure(snakemake.log[0], f"package of {snakemake.wildcards.potential}")
target = package.write(snakemake.params.settings, snakemake.wildcards.potential)
log.notice("wrote %s; add authors and licence to it", target)
