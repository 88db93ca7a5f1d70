"""What several test files use: real frames, crystals with a known answer, and one quickly fitted potential."""

import lzma
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import standins
from ase.io import read
from gapglass import gap

ROOT = Path(__file__).resolve().parents[1]
BLYP = ROOT / "resources/teo2-blyp-small/teo2-blyp-small.extxyz.xz"
HYPERPARAMETERS = {
    "cutoff": 4.0, "cutoff_width": 0.5, "n_max": 4, "l_max": 3, "atom_sigma": 0.5, "zeta": 4, "delta": 0.5, "n_sparse": 60,
    "two_body_cutoff": 4.0, "two_body_delta": 2.0, "two_body_theta": 1.0, "two_body_n_sparse": 15,
    "sigma_energy": 0.002, "sigma_force": 0.1, "sigma_virial": 0.05,
}  # fmt: skip


@pytest.fixture(scope="session")
def blyp_text():
    return lzma.open(BLYP, "rt").read()


@pytest.fixture(scope="session")
def blyp_frames(blyp_text):
    """The 59 DFT frames of the tiny study; tests must not change them."""
    return read(StringIO(blyp_text), ":", format="extxyz")


@pytest.fixture
def hyperparameters():
    return dict(HYPERPARAMETERS)


@pytest.fixture(scope="session")
def fitted(tmp_path_factory, blyp_frames):
    """A soap_turbo GAP fitted by the real gap_fit on 20 frames: (path, training frames)."""
    folder = tmp_path_factory.mktemp("potential")
    frames = blyp_frames[::3]
    gap.run_fit(
        frames, HYPERPARAMETERS, folder / "gap.xml", descriptor="soap_turbo", e0=gap.isolated_atom_energies(frames),
        virials=True, seed=1, max_seconds=300, log_path=folder / "fit.log",
    )  # fmt: skip
    return folder / "gap.xml", frames


@pytest.fixture(scope="session")
def gamma_teo2():
    """γ-TeO2, the 48-atom 2 x 1 x 2 cell of the paper."""
    return standins.gamma_teo2()


@pytest.fixture
def rng():
    return np.random.default_rng(20128)
