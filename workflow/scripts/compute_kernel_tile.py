"""Compare two blocks of frames: products of SOAP fingerprints and L1 distances of Coulomb vectors."""

import os

os.environ.setdefault("NUMBA_NUM_THREADS", str(snakemake.threads))

from pathlib import Path

import numpy as np

from gapglass import files, kernels, log


def read_block(folder):
    """Return the SOAP vectors (n_frames, n_features) and the list of Coulomb vectors of a block."""
    paths = sorted(Path(folder).glob("frame_*.npz"))
    loaded = [np.load(path) for path in paths]
    return np.array([item["soap"] for item in loaded]), [item["coulomb"] for item in loaded]


log.configure(snakemake.log[0], "compute_kernel_tile")
soap, coulomb = read_block(snakemake.input.block)
other_soap, other_coulomb = read_block(snakemake.input.other)
with files.whole_file(snakemake.output[0]) as temporary:
    np.savez(
        temporary,
        products=soap @ other_soap.T,
        distances=kernels.coulomb_distances(coulomb, other_coulomb, packed=snakemake.params.packed),
    )
