"""Write the explorer: a page with the map of the frames, the glasses, and their atoms in three dimensions."""

from gapglass.base import files, log
from gapglass.report import explorer

log.configure(snakemake.log[0], "build_explorer", snakemake.params)
page = explorer.of_study(dict(snakemake.input.items()), snakemake.params.cutoffs, snakemake.params.study)
with files.whole_file(snakemake.output[0]) as temporary:
    temporary.write_text(page, encoding="utf-8")
