"""Write the summary of a potential: its fit, and every test of it."""

import numpy as np

from gapglass.base import files, log
from gapglass.potential import dimers, evaluation
from gapglass.selection import time_blocks

log.configure(snakemake.log[0], "summarise_potential", snakemake.params)
fitted, agreement = (files.read_json(snakemake.input[name]) for name in ("fit", "agreement"))
calibration = files.read_json(snakemake.input.calibration) if snakemake.input.calibration else None
fits = files.read_json(snakemake.input.fit_agreement) if snakemake.input.fit_agreement else None
attractive = dimers.attractive(files.read_table(snakemake.input.dimers))
table = files.read_table(snakemake.input.table)
blocks = time_blocks.current(files.read_json(snakemake.input.sets)["runs"], table)["blocks"]
predictions = files.read_table(snakemake.input.predictions)
errors = evaluation.by_temperature(predictions, dict(np.load(snakemake.input.forces)), blocks)
summary = {
    "errors_by_temperature": errors,
    "agreement": agreement,
    "not_repulsive_at_angstrom": attractive,
    "calibration": calibration,
    "fit_agreement": fits,
    "nve": files.read_json(snakemake.input.nve) if snakemake.input.nve else None,
}
files.write_json(snakemake.output[0], {**fitted, **summary})
