"""Two-dimensional map of the frames by multidimensional scaling of the distances for the best delta."""

import numpy as np
import pandas as pd

from gapglass.base import files, log
from gapglass.clustering import mds
from gapglass.similarity import kernels

log.configure(snakemake.log[0], "map_frames", snakemake.params)
delta = files.read_json(snakemake.input.best)["delta"]
medians = files.read_json(snakemake.input.scales)["medians"]
soap, coulomb = (np.load(snakemake.input[name], mmap_mode="r") for name in ("soap", "coulomb"))
chosen = mds.mapped_frames(len(soap))
if len(chosen) < len(soap):
    log.notice("%d of %d frames, at even steps, are on the map", len(chosen), len(soap))
part = np.ix_(chosen, chosen)
positions, stress = mds.two_dimensional_map(
    kernels.hybrid_distance(soap[part], coulomb[part], delta, medians), snakemake.params.seed
)
table = pd.DataFrame({"frame": chosen, "x": positions[:, 0], "y": positions[:, 1]})
header = [
    f"multidimensional scaling of the distances of the hybrid kernel, delta {delta:g}, normalised stress {stress:.3f}"
]
files.write_table(snakemake.output[0], table, header)
