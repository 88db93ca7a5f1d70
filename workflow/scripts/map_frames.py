"""Place the frames in the plane by multidimensional scaling of the distance of the best delta."""

import numpy as np
import pandas as pd

from gapglass import clustering, files, kernels, log

log.configure(snakemake.log[0], "map_frames")
delta = files.read_json(snakemake.input.best)["delta"]
kernel = kernels.hybrid(np.load(snakemake.input.soap), np.load(snakemake.input.coulomb), delta)
positions, stress = clustering.two_dimensional_map(kernels.distance(kernel), snakemake.params.seed)
table = pd.DataFrame({"frame": np.arange(len(positions)), "x": positions[:, 0], "y": positions[:, 1]})
header = [f"multidimensional scaling of sqrt(2 - 2 K), delta {delta:g}, normalised stress {stress:.3f}"]
files.write_table(snakemake.output[0], table, header)
