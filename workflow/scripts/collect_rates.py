"""Numbers of the glass at every cooling rate, beside those of the reference."""

from pathlib import Path

from gapglass.base import files, log
from gapglass.report import reading
from gapglass.structure import rates

log.configure(snakemake.log[0], "collect_rates", snakemake.params)
coordination = reading.by_folder(snakemake.input.coordination)
r_x = reading.by_folder(snakemake.input.rx, files.read_json)
quenches = {}
for path in snakemake.input.quenches:
    quenches.setdefault(Path(path).parent.name.rsplit("_", 1)[0], []).append(files.read_table(path))
models = [
    rates.of_model(rate, coordination[name], r_x[name], quenches[name], snakemake.params.discard)
    for rate, name in snakemake.params.models.items()
]
density = rates.reference_density(files.read_table(snakemake.input.frames), snakemake.params.temperature)
table = rates.collect(models, files.read_table(snakemake.input.reference), density)
for text in rates.texts(rates.trends(table)):
    log.notice("%s", text)
files.write_table(snakemake.output[0], table)
