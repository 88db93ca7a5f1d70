"""Wright parameter between the G(r) of the reference and of a glass model."""

from gapglass import files, log, structure

log.configure(snakemake.log[0], "R_X")
result = structure.compare(files.read_table(snakemake.input.reference), files.read_table(snakemake.input.model))
log.notice("%s atoms: R_X %.1f %% up to %.2f Å", snakemake.wildcards.atoms, result["r_x_percent"], result["r_max_angstrom"])
files.write_json(snakemake.output[0], result)
