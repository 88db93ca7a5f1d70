"""Wright parameter between the G(r) of the reference and of a glass model."""

from gapglass import files, log, structure

log.configure(snakemake.log[0], "R_X")
reference, model = (files.read_table(path) for path in (snakemake.input.reference, snakemake.input.model))
result = structure.compare(reference, model, snakemake.params.r_x_min)
log.notice(
    "%s atoms: R_X %.1f %% from %.2f to %.2f Å",
    snakemake.wildcards.atoms, result["r_x_percent"], result["r_min_angstrom"], result["r_max_angstrom"],
)  # fmt: skip
files.write_json(snakemake.output[0], result)
