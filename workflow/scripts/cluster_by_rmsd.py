"""Cluster the frames by RMSD with HDBSCAN; -1 is noise."""

import numpy as np
import pandas as pd

from gapglass import files, log, sampling, trajectory

log.configure(snakemake.log[0], "learning curves", snakemake.params)
labels = sampling.rmsd_clusters(trajectory.read_frames(snakemake.input.frames), snakemake.params.min_cluster_size)
log.notice("RMSD and HDBSCAN: %d clusters, %d of %d frames are noise", labels.max() + 1, np.sum(labels < 0), len(labels))
files.write_table(snakemake.output[0], pd.DataFrame({"frame": range(len(labels)), "cluster": labels}))
