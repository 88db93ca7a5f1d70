"""Fingerprint the frames of one block: one .npz per frame with SOAP fingerprint and Coulomb vector."""

import shutil
import tempfile
from pathlib import Path

import numpy as np

from gapglass.base import files, log
from gapglass.base.progress import Progress
from gapglass.frames import store
from gapglass.similarity import blocks, coulomb
from gapglass.similarity.soap import soap_descriptor, soap_features

log.configure(snakemake.log[0], "compute_descriptors", snakemake.params)
table = files.read_table(snakemake.input.table)
block = blocks.up_to(blocks.cut(table, snakemake.params.block_frames), snakemake.wildcards.block)[-1]
chosen = table.iloc[block.frames]
frames = store.read_frames(snakemake.input.frames, chosen["frame"], table["offset_bytes"])
soap = soap_descriptor(snakemake.params.species, snakemake.params.soap)
target = Path(snakemake.output[0])
scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=files.TEMPORARY))
progress = Progress(len(frames), "frames fingerprinted")
try:
    for number, frame in enumerate(frames):
        np.savez(
            scratch / f"frame_{block.first + number:06d}.npz",
            soap=soap_features(frame, soap, snakemake.params.averaging),
            coulomb=coulomb.coulomb_vector(frame, **snakemake.params.coulomb).astype(np.float32),
        )
        progress.update(number + 1)
    scratch.chmod(0o755)
    shutil.rmtree(target, ignore_errors=True)
    scratch.rename(target)
finally:
    shutil.rmtree(scratch, ignore_errors=True)
