"""Set aside the common hold-out of the learning curves."""

from gapglass.base import files, log
from gapglass.selection import learning_curves

log.configure(snakemake.log[0], "learning curves", snakemake.params)
params = snakemake.params
sets = learning_curves.set_aside(files.read_table(snakemake.input.table), params.fraction, params.sizes, params.seed)
log.notice("%d frames to choose from, %d set aside to test on", len(sets["pool"]), len(sets["holdout"]))
files.write_json(snakemake.output[0], sets)
