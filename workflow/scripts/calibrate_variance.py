"""Compare the errors of a potential on hold-out frames with those that its fit predicts."""

from pathlib import Path

import numpy as np

from gapglass.base import files, log
from gapglass.labels import attach
from gapglass.potential import engine, variance

AT_MOST = 60  # frames, evenly spaced

log.configure(snakemake.log[0], f"variance of {snakemake.wildcards.potential}", snakemake.params)
predictions, table = files.read_table(snakemake.input.predictions), files.read_table(snakemake.input.table)
holdout = predictions.loc[predictions["set"] == "holdout", "frame"].to_numpy()
if len(holdout) > AT_MOST:
    holdout = holdout[np.linspace(0, len(holdout) - 1, AT_MOST).astype(int)]
found = {"n_frames": 0}
if len(holdout):
    records = [path for path in snakemake.input.labels if int(Path(path).stem) in set(holdout)]
    found = attach.read_labelled(snakemake.input.frames, holdout, table["offset_bytes"], records)
    frames = list(found.values())
    posterior = variance.Posterior(snakemake.input.potential, snakemake.input.posterior)
    energies, forces = engine.predict(snakemake.input.potential, frames)
    found = variance.calibration(posterior, frames, energies, forces)
    log.notice(
        "%d hold-out frames: inside one predicted standard deviation %.0f %% of the energies, %.0f %% of the forces",
        found["n_frames"],
        100 * found["energy"]["inside_1_sigma"],
        100 * found["force"]["inside_1_sigma"],
    )
files.write_json(snakemake.output[0], found)
