"""Write the index of figures and tables."""

from gapglass.base import files, log

log.configure(snakemake.log[0], "describe_figures")
with files.whole_file(snakemake.output[0]) as temporary:
    temporary.write_text(snakemake.params.text, encoding="utf-8")
