"""Compare the potentials on the frames that no active-learning loop has used."""

from pathlib import Path

import numpy as np

from gapglass.base import files, log
from gapglass.potential import evaluation

log.configure(snakemake.log[0], "compare_potentials", snakemake.params)
predictions = {Path(path).parent.name: files.read_table(path) for path in snakemake.input.predictions}
forces = {Path(path).parent.name: dict(np.load(path)) for path in snakemake.input.forces}
table = evaluation.compare(predictions, forces)
header = [
    "errors on the frames outside the databases of every active-learning loop; temperature_k empty: all temperatures"
]
files.write_table(snakemake.output[0], table, header)
