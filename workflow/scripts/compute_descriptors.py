"""Compute the descriptors of the frames of one block: one .npz per frame with SOAP spectra and Coulomb vector."""

import numpy as np

from gapglass.base import files, log
from gapglass.base.progress import Progress
from gapglass.frames import store
from gapglass.similarity import blocks
from gapglass.similarity.coulomb import coulomb_vector
from gapglass.similarity.soap import soap_descriptor, soap_features

log.configure(snakemake.log[0], "compute_descriptors", snakemake.params)
table = files.read_table(snakemake.input.table)
block = blocks.up_to(blocks.cut(table, snakemake.params.block_frames), snakemake.wildcards.block)[-1]
frames = store.read_frames(snakemake.input.frames, table["frame"].iloc[block.frames], table["offset_bytes"])
soap = soap_descriptor(snakemake.params.species, snakemake.params.soap)
progress = Progress(len(frames), "frames described")


def descriptors():
    """Yield the descriptors of every frame."""
    for done, frame in enumerate(frames):
        progress.update(done)
        yield {
            "soap": soap_features(frame, soap, snakemake.params.averaging),
            "coulomb": coulomb_vector(frame, **snakemake.params.coulomb).astype(np.float32),
        }


blocks.write_block(snakemake.output[0], descriptors(), block.first)
