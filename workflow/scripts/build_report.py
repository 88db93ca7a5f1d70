"""Write the report: one HTML page with every figure inside."""

from gapglass import files, log, report

log.configure(snakemake.log[0], "build_report")
page = report.render(snakemake.params.settings, snakemake.input, snakemake.params.logs, list(snakemake.params.learning))
with files.whole_file(snakemake.output[0]) as temporary:
    temporary.write_text(page, encoding="utf-8")
