"""Figures of the structure: models against reference and experiments, size by size, potential by potential."""

from pathlib import Path

from gapglass.base import log
from gapglass.glass import doubts
from gapglass.report import reading
from gapglass.report.figures import comparisons, style

KINDS = ("sq", "gr", "coordination", "angles", "rings", "network", "voids")
log.configure(snakemake.log[0], "plot_structure", snakemake.params)
figures = comparisons.drawn(
    {Path(path).stem for path in snakemake.output},
    {kind: reading.present(snakemake.input[kind]) for kind in KINDS},
    main=snakemake.params.main,
    compared=snakemake.params.compared,
    cutoffs=snakemake.params.cutoffs,
    experiments=snakemake.params.experiments,
    settings=snakemake.params.settings,
    doubted=doubts.doubted_models(snakemake.input.outcomes),
)
style.save_all(figures, snakemake.output, snakemake.threads)
