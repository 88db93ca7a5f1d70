"""Cluster the frames by RMSD with HDBSCAN; -1 is noise."""

import numpy as np
import pandas as pd

from gapglass.base import files, log
from gapglass.clustering import rmsd
from gapglass.frames import store

log.configure(snakemake.log[0], "learning curves", snakemake.params)
labels = rmsd.rmsd_clusters(store.read_frames(snakemake.input.frames), snakemake.params.min_cluster_size)
log.notice(
    "RMSD and HDBSCAN: %d clusters, %d of %d frames are noise", labels.max() + 1, np.sum(labels < 0), len(labels)
)
files.write_table(snakemake.output[0], pd.DataFrame({"frame": range(len(labels)), "cluster": labels}))
