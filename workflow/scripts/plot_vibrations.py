"""Figure of the vibrational density of states, total and by element."""

from gapglass.base import log
from gapglass.report import reading
from gapglass.report.figures import style, vibrations

log.configure(snakemake.log[0], "plot_vibrations")
style.save(vibrations.vibrations(reading.present(snakemake.input)), snakemake.output, "vibrations")
