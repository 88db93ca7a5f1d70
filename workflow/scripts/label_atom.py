"""Label an isolated atom with the settings of the labels, unless a set or the store has it."""

from gapglass.base import files, log, progress
from gapglass.base.errors import UserError
from gapglass.labels import isolated, job, library

symbol, settings = snakemake.wildcards.symbol, snakemake.params.labels
log.configure(snakemake.log[0], f"label of an atom of {symbol}", snakemake.params)
labels = library.open_library(settings)
labels.engine.check([symbol])
record, energy = isolated.label_atom(
    symbol,
    labels.engine,
    labels.stored,
    labels.sets,
    spins=settings["spins"],
    keep=snakemake.params.kept,
    max_seconds=60 * settings["max_time"],
    study=snakemake.params.study,
)
if energy is None:
    raise UserError(
        f"the isolated atom of {symbol} got no label ({record.reason}); mend labels.template or labels.spins, or give "
        "potential.e0 as numbers"
    )
took = f" in {progress.duration(record.seconds)}" if record.seconds and record.state != job.STORED else ""
log.notice("%s%s: %.6f eV", record.state, took, energy)
files.write_json(snakemake.output[0], record.as_json())
