"""Write the summary of a potential: fit and errors, pairs alone, predicted variance, agreement of engine and QUIP."""

from gapglass.base import files, log
from gapglass.potential import dimers

log.configure(snakemake.log[0], "summarise_potential", snakemake.params)
fitted, agreement = (files.read_json(snakemake.input[name]) for name in ("fit", "agreement"))
calibration = files.read_json(snakemake.input.calibration) if snakemake.input.calibration else None
fits = files.read_json(snakemake.input.fit_agreement) if snakemake.input.fit_agreement else None
attractive = dimers.attractive(files.read_table(snakemake.input.dimers))
summary = {
    "agreement": agreement,
    "not_repulsive_at_angstrom": attractive,
    "calibration": calibration,
    "fit_agreement": fits,
}
files.write_json(snakemake.output[0], {**fitted, **summary})
