"""Wright parameter of a model against the reference and against every experiment."""

from gapglass.base import files, log
from gapglass.structure import absence, wright

log.configure(snakemake.log[0], "R_X", snakemake.params)
sq, gr, experiment_sq, experiment_gr = (
    list(absence.read_present(snakemake.input[name]).values())
    for name in ("sq", "gr", "experiment_sq", "experiment_gr")
)
reference = [files.read_table(path) for path in snakemake.input.reference]
measured = list(zip(snakemake.params.experiments, experiment_sq, experiment_gr, strict=True))
result = wright.compare_all(sq, gr, reference, measured, snakemake.params.settings)
for against, found in result.items():
    values = found["r_x_percent"], found["r_min_angstrom"], found["r_max_angstrom"]
    log.notice("%s against %s: R_X %.1f %% from %.2f to %.2f Å", snakemake.wildcards.model, against, *values)
files.write_json(snakemake.output[0], result)
