"""Figures of the quench: coordination and enthalpy against temperature, displacements of each stage."""

from gapglass.base import files, log
from gapglass.report import reading
from gapglass.report.figures import quench, style

log.configure(snakemake.log[0], "plot_quench")
figures = {
    "quench": quench.quench(
        reading.by_folder(snakemake.input.quench),
        files.read_table(snakemake.input.plateaus),
        reading.by_folder(snakemake.input.transition, files.read_json),
    ),
    "displacements": quench.displacements(
        reading.by_folder(snakemake.input.displacements),
        reading.by_folder(snakemake.input.quench),
        files.read_table(snakemake.input.reference),
    ),
}
style.save_all(figures.items(), snakemake.output)
