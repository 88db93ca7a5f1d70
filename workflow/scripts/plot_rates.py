"""Figure of the cooling rates."""

from gapglass.base import files, log
from gapglass.report import reading
from gapglass.report.figures import rates, style

log.configure(snakemake.log[0], "plot_rates", snakemake.params)
present, models = reading.present(snakemake.input.sq), snakemake.params.models
figure = rates.rates(
    files.read_table(snakemake.input.table),
    {rate: present[name] for rate, name in models.items() if name in present},
    files.read_table(snakemake.input.reference),
    snakemake.params.reference_rate,
)
style.save(figure, snakemake.output, "rates")
