"""Figures of the quench: coordination and enthalpy against temperature, displacements of each stage."""

from gapglass.base import files, log
from gapglass.glass import doubts
from gapglass.report import reading
from gapglass.report.figures import quench, style

log.configure(snakemake.log[0], "plot_quench")
doubted = {style.model_label(model) for model in doubts.doubted_models(snakemake.input.outcomes)}
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
style.save_all(((name, style.marked(figure, doubted)) for name, figure in figures.items()), snakemake.output)
