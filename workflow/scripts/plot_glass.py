"""Figure of the melt-quench: temperature, energy and pressure over the thermal cycle."""

from pathlib import Path

from gapglass.base import files, log
from gapglass.glass import doubts, explosion
from gapglass.report.figures import glass, style

log.configure(snakemake.log[0], "plot_glass", snakemake.params)
tables = {"_".join(Path(path).parts[-4:-1]): files.read_table(path) for path in snakemake.input.thermo}
exploded = explosion.of_models(snakemake.input.outcomes)
doubted = doubts.of_models(snakemake.input.outcomes)
style.save(glass.melt_quench(tables, exploded, doubted), snakemake.output, "melt_quench")
