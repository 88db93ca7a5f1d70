"""Write the report: one HTML page with every figure inside."""

from gapglass.base import files, log
from gapglass.glass import doubts, explosion
from gapglass.report.page import render

log.configure(snakemake.log[0], "build_report")
exploded = explosion.of_models(snakemake.input.outcomes)
if exploded:
    log.notice(
        "%d of %d glass models exploded in the quench: %s",
        len(exploded),
        len(snakemake.input.outcomes),
        ", ".join(exploded),
    )
doubted = doubts.of_models(snakemake.input.outcomes)
if doubted:
    log.notice(
        "not to be believed: %d of %d glass models (%s)",
        len(doubted),
        len(snakemake.input.outcomes),
        ", ".join(doubted),
    )
page = render(
    snakemake.params.settings,
    {name: paths for name, paths in snakemake.input.items() if name != "explorer"},
    snakemake.params.logs,
    list(snakemake.params.learning),
    study_file=snakemake.params.study_file,
    explorer="explorer.html",
    threads=snakemake.threads,
)
with files.whole_file(snakemake.output[0]) as temporary:
    temporary.write_text(page, encoding="utf-8")
