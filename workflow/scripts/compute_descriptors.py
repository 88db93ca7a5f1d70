"""Fingerprint the frames of one block: one .npz per frame with SOAP fingerprint and Coulomb vector."""

import shutil
import tempfile
from pathlib import Path

import numpy as np

from gapglass import descriptors, files, log, trajectory

log.configure(snakemake.log[0], "compute_descriptors")
size = snakemake.params.block_frames
first = int(snakemake.wildcards.block) * size
frames = trajectory.read_frames(snakemake.input.frames)[first : first + size]
soap = descriptors.soap_descriptor(files.read_json(snakemake.input.summary)["species"], snakemake.params.soap)
target = Path(snakemake.output[0])
scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=".partial-"))
progress = log.Progress(len(frames), "frames fingerprinted")
try:
    for number, frame in enumerate(frames):
        np.savez(
            scratch / f"frame_{first + number:06d}.npz",
            soap=descriptors.soap_fingerprint(frame, soap, snakemake.params.averaging),
            coulomb=descriptors.coulomb_vector(frame, **snakemake.params.coulomb),
        )
        progress.update(number + 1)
    scratch.chmod(0o755)
    shutil.rmtree(target, ignore_errors=True)
    scratch.rename(target)
finally:
    shutil.rmtree(scratch, ignore_errors=True)
