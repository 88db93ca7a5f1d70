"""Write the summary of a potential: its fit, its errors, and how far the engine agrees with QUIP on it."""

from gapglass.base import files, log

log.configure(snakemake.log[0], "summarise_potential", snakemake.params)
fitted, agreement = (files.read_json(snakemake.input[name]) for name in ("fit", "agreement"))
files.write_json(snakemake.output[0], {**fitted, "agreement": agreement})
