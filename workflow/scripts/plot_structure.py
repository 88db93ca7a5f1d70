"""Figures of the structure: S(q), its partials, G(r), its partials, models against reference."""

from pathlib import Path

from gapglass import files, log, plots

log.configure(snakemake.log[0], "plot_structure")
sq = {Path(path).parent.name: files.read_table(path) for path in snakemake.input.sq}
gr = {Path(path).parent.name: files.read_table(path) for path in snakemake.input.gr}
coordination = {Path(path).parent.name: files.read_table(path) for path in snakemake.input.coordination}
plots.save(plots.coordination(coordination), snakemake.output, "coordination")
plots.save(plots.curves(sq, "S_X"), snakemake.output, "structure_factor")
plots.save(plots.partial_curves(sq, "S"), snakemake.output, "partial_structure_factors")
plots.save(plots.curves(gr, "G_X"), snakemake.output, "pair_distribution")
plots.save(plots.partial_curves(gr, "g"), snakemake.output, "partial_pair_distributions")
