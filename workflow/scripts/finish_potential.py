"""Deliver the loop's potential with its sets, its history and its summary."""

import shutil

from gapglass.active_learning import history
from gapglass.base import files, log, versions
from gapglass.frames import store
from gapglass.labels import attach, status
from gapglass.potential import hyperparameters

log.configure(snakemake.log[0], "finish_potential", snakemake.params)
decisions = [files.read_json(path) for path in snakemake.input.decisions]
evaluations = [files.read_json(path) for path in snakemake.input.evaluations]
summary, table = history.summarise(decisions, evaluations)
summary |= {"seed": snakemake.params.seed, "descriptor": snakemake.params.descriptor, "versions": versions.versions()}
summary |= history.prior_of(files.read_json_lines(snakemake.input.ledger), summary["delivered"])
summary["on_bounds"] = hyperparameters.on_bounds(
    summary["hyperparameters"], snakemake.params.ranges, snakemake.params.descriptor
)
for line in hyperparameters.bound_warnings(summary["on_bounds"]):
    log.notice("%s", line)
for name in ("potential", "train", "test", "predictions", "forces", "ledger", *snakemake.params.uncertainty):
    with files.whole_file(snakemake.output[name]) as temporary:
        shutil.copyfile(snakemake.input[name], temporary)
if snakemake.input.labels:
    train = {int(frame.info["frame"]): frame for frame in store.read_frames(snakemake.input.train)}
    known = status.read_records(snakemake.input.labels)
    store.write_frames(snakemake.output.train, list(attach.labelled(train, known).values()))
files.write_table(snakemake.output.history, table)
files.write_json(snakemake.output.fit, summary)
# The hyperparameters have a file of their own, because other fits take them and nothing else of the summary.
files.write_json(snakemake.output.hyperparameters, summary["hyperparameters"])
