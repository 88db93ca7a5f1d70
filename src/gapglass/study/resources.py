"""Prediction of the memory and the time of a job from the size of its input, as Snakemake requests them from a queue.

Memory is in MB of 10**6 bytes, Snakemake's unit, and includes Python, Snakemake and the programs that the script
starts. Times are in minutes. They were measured on two cores of a server of 2023, and a job requests three times as
much, because cores differ and an unused hour of a request costs nothing. The memory of gap_fit itself is predicted by
``gapglass.potential.memory``, that of clustering by ``gapglass.clustering.spectral``.
"""

import math
from pathlib import Path

import numpy as np

from gapglass.base import files
from gapglass.clustering import spectral
from gapglass.frames import geometry
from gapglass.glass.stability import TIMESTEP_SHARE
from gapglass.potential import memory
from gapglass.potential.hyperparameters import GEOMETRY, bounds
from gapglass.potential.sparse_points import MOST_CANDIDATES
from gapglass.selection.database import BLOCK_ATOMS
from gapglass.selection.kinds import BY_MODEL
from gapglass.similarity import blocks

SETS_TRIED = 150  # hyperparameters that a trial of the engine tries
BASE_MB = 1000  # Python with its imports, and the two Snakemakes that run a job under Slurm
SHORTEST = 10  # minutes; no job requests less
SAFETY = 3  # requested over measured time
ATOMS_PER_MB = 7000  # in extended XYZ with positions and forces
MANY_SPECIES = 4  # few glasses have more
# Seconds for an atom and a step of MD, or an atom of a frame, on one core, with the slowest potentials of the studies.
MOST_SAMPLES = 500  # of a stage of a quench for the harvest
EVALUATION = {"gapglass": 5e-5, "quip": 2e-3}
STEP = {"gapglass": 1e-3, "quip": 0.02}  # seconds of a step of MD with few atoms
# Engine and QUIP are compared on so many copies of frames of a trajectory, the densest with this share of its volume.
COMPARED_COPIES, COMPARED_VOLUME = 9, 0.85
COMPRESSED = {".gz", ".bz2", ".xz"}


def basis_columns(points):
    """Return the number of sparse points in a file of ``basis.write``, without reading the points themselves."""
    with np.load(points) as stored:
        return sum(len(stored[name]) for name in stored.files if name.startswith("cutoff_"))


def minutes(seconds):
    """Return the minutes to request for work that takes so many seconds on the machine of the measurements."""
    return max(SHORTEST, math.ceil(SAFETY * seconds / 60))


def import_frames(paths):
    """Return (MB, minutes) for reading and checking trajectories, from the sizes of their files."""
    text = sum(Path(path).stat().st_size * (4 if Path(path).suffix in COMPRESSED else 1) for path in paths) / 1e6
    return math.ceil(BASE_MB + 15 * text), minutes(10 + text)


def of_frames(path, seconds_per_atom, mb_per_mb=10):
    """Return (MB, minutes) for a job that reads all frames once and takes so many seconds for an atom."""
    size = Path(path).stat().st_size / 1e6
    return math.ceil(BASE_MB + mb_per_mb * size), minutes(10 + size * ATOMS_PER_MB * seconds_per_atom)


def compute_descriptors(table, *, soap, block_frames, **_):
    """Return (MB, minutes) for the descriptors of one block.

    Parameters
    ----------
    table : path-like
        frames/table.csv.
    soap : dict
        ``descriptors.soap``.
    block_frames : int or "auto"
        ``descriptors.block_frames``.
    """
    n_atoms = files.read_table(table)["n_atoms"]
    atoms = min(n_atoms.max() * blocks.length(n_atoms.max(), block_frames), n_atoms.sum())
    # DScribe integrates the polynomial basis numerically, which takes several times as long as gto.
    each = 1e-3 * (soap["cutoff"] / 5) ** 3 * (1 if soap["radial_basis"] == "polynomial" else 0.2)
    n_features = (soap["n_max"] * MANY_SPECIES) ** 2 / 2 * (soap["l_max"] + 1)
    return math.ceil(BASE_MB + 16 * n_atoms.max() * n_features / 1e6), minutes(10 + atoms * each)


def compute_kernel_row(folders, kernels):
    """Return (MB, minutes) for comparing the frames of the last block with those of all.

    Parameters
    ----------
    folders : list of path-like
        Descriptors of the blocks.
    kernels : dict
        Section ``kernels`` of the configuration.
    """
    found = [list(Path(folder).glob("*.npz")) for folder in folders]
    n_all, n_block = sum(map(len, found)), len(found[-1])
    size = found[-1][0].stat().st_size if n_block else 0
    # The time grows with the size of the descriptors. Kernels over environments compare all pairs of environments,
    # which takes about a hundred times as long for descriptors of one size.
    each = 2e-8 if "environments" in (kernels["soap"]["averaging"], kernels["coulomb"]["averaging"]) else 2e-10
    return math.ceil(BASE_MB + 3 * size * n_all / 1e6), minutes(10 + 1e-3 * n_all + n_block * n_all * size * each)


def assemble_kernels(table):
    """Return (MB, minutes) for combining the rows of both kernels, whose size is the square of the frames' number."""
    return _of_pairs(len(files.read_table(table)))


def map_frames(kernel):
    """Return (MB, minutes) for the two-dimensional map of the frames, from the size of a kernel's file."""
    return _of_pairs(math.sqrt(Path(kernel).stat().st_size / 8))


def _of_pairs(n_frames):
    """Return (MB, minutes) for work on three matrices with a number for every pair of frames."""
    return math.ceil(BASE_MB + 3 * 8 * n_frames**2 / 1e6), minutes(20 + 2e-7 * n_frames**2)


def cluster_frames(table, clustering):
    """Return (MB, minutes) for clustering with one delta: distances, eigenvectors, and k-means for every N_c.

    Parameters
    ----------
    table : path-like
        frames/table.csv.
    clustering : dict
        Section ``clustering`` of the configuration.
    """
    n_frames = len(files.read_table(table))
    seconds = 10 + 3e-7 * n_frames**2 + 1e-4 * n_frames * clustering["n_clusters_max"]
    return BASE_MB + spectral.clustering_memory_mb(n_frames, clustering["solver"]), minutes(seconds)


def choose_sparse_points(inputs, config):
    """Return (MB, minutes) for choosing sparse points: descriptors of the candidates and their covariances.

    Parameters
    ----------
    inputs : object
        Paths ``table`` and ``summary``.
    config : dict
        The configuration.
    """
    largest = {name: bounds(setting)[1] for name, setting in config["potential"]["hyperparameters"].items()}
    n_species = len(files.read_json(inputs.summary)["species"])
    length = memory.descriptor_length(largest, n_species, config["potential"]["descriptor"])
    n_frames, n_atoms = len(files.read_table(inputs.table)), files.read_table(inputs.table)["n_atoms"]
    found = min(2 * MOST_CANDIDATES + n_atoms.max(), n_atoms.sum())
    numbers = 3 * found * length + MOST_CANDIDATES * (2 * length + largest["n_sparse"])
    seconds = 10 + 0.02 * n_frames + n_species * MOST_CANDIDATES * largest["n_sparse"] * (length + 1000) * 1e-9
    return math.ceil(BASE_MB + 8 * numbers / 1e6), minutes(seconds)


def _rows_seconds(n_atoms, columns):
    """Return the seconds for the rows of atoms for so many sparse points, and their factors."""
    return n_atoms * (4e-10 * columns**2 + 1e-6 * columns)


def compute_rows(inputs):
    """Return (MB, minutes) for the rows of one block of frames.

    Parameters
    ----------
    inputs : object
        Paths ``table`` and ``points``.
    """
    n_atoms = files.read_table(inputs.table)["n_atoms"]
    columns = basis_columns(inputs.points)
    atoms = min(n_atoms.sum(), BLOCK_ATOMS + n_atoms.max())
    numbers = memory.CLASSES * 2 * columns**2 + 4 * (3 * n_atoms.max() + 7) * columns
    return math.ceil(BASE_MB + 8 * numbers / 1e6), minutes(10 + _rows_seconds(atoms, columns))


def _fit(counts, hyperparameters, inputs, config, n_tried=0):
    """Return (MB, minutes) of a job with one fit.

    gap_fit compares every vector with every sparse point. The engine's fit tries sets of hyperparameters on matrices
    of the size of the sparse points.
    """
    potential, limit = config["potential"], config["active_learning"]["max_fit_time"]
    virials = potential["virials"] and files.read_json(inputs.summary)["virials"]
    guided = bool(inputs.guide)
    fits = memory.FitMemory(
        counts, descriptor=potential["descriptor"], virials=virials, fitter=potential["fitter"], guided=guided
    )
    needed = fits.mb(hyperparameters)
    if potential["fitter"] == "engine":
        # With a guide, sets are tried without it, for its own labels, and with it.
        n_tried *= 3 if guided else 1
        seconds = 60 + 1e-9 * (fits.columns(hyperparameters) ** 3) * (0.2 * n_tried + 2 * memory.CLASSES)
        return math.ceil(BASE_MB + needed * memory.MB / 1e6), minutes(seconds)
    seconds = 60 + 1.5e-4 * needed * hyperparameters["n_sparse"]
    return math.ceil(BASE_MB + needed * memory.MB / 1e6), min(minutes(seconds), math.ceil(limit + SHORTEST))


def fit_trial(inputs, trial, config):
    """Return (MB, minutes) for fitting and testing one proposal.

    Parameters
    ----------
    inputs : object
        Paths ``neighbours``, ``database``, ``decision``, ``summary`` and ``guide`` (its rows, empty without one).
    trial : int
        Counted from 1.
    config : dict
        The configuration.

    Raises
    ------
    FileNotFoundError
        When one of the files does not exist yet.
    """
    proposal = files.read_json(inputs.decision)["proposals"][trial - 1]
    counts = files.read_table(inputs.neighbours).iloc[files.read_json(inputs.database)["train"]]
    return _fit(counts, {**_largest(config), **proposal}, inputs, config, SETS_TRIED)


def _largest(config):
    """Return the largest value of every hyperparameter; it counts where the engine's fit tunes it itself."""
    return {name: bounds(setting)[1] for name, setting in config["potential"]["hyperparameters"].items()}


def fit_all_frames(inputs, config, tunes=False):
    """Return (MB, minutes) for the fit on all frames.

    Parameters
    ----------
    inputs : object
        Paths ``neighbours``, ``hyperparameters``, ``summary`` and ``guide`` (its rows, empty without one).
    config : dict
        The configuration.
    tunes : bool
        Whether it tunes hyperparameters as a trial does.
    """
    hyperparameters, n_tried = files.read_json(inputs.hyperparameters), 0
    if tunes:
        geometry = {name: value for name, value in hyperparameters.items() if name in GEOMETRY}
        hyperparameters, n_tried = {**_largest(config), **geometry}, SETS_TRIED
    return _fit(files.read_table(inputs.neighbours), hyperparameters, inputs, config, n_tried)


def mark_frames(inputs, config):
    """Return (MB, minutes) for comparing the samples of quenches with the training frames.

    Parameters
    ----------
    inputs : object
        Paths ``fit``, ``train`` and ``trajectories``.
    config : dict
        The configuration.
    """
    number = files.read_json(inputs.fit)["hyperparameters"]["n_sparse"]
    atoms = ATOMS_PER_MB * Path(inputs.train).stat().st_size / 1e6
    atoms += len(inputs.trajectories) * MOST_SAMPLES * config["harvest"]["atoms"]
    return math.ceil(BASE_MB + 8 * 6 * number**2 / 1e6), minutes(30 + atoms * (1e-4 + 4e-9 * number**2))


def refit_potential(inputs):
    """Return (MB, minutes) for a fit with harvested frames.

    Parameters
    ----------
    inputs : object
        Paths ``fit``, ``summary``, ``train`` and ``asked``.
    """
    hyperparameters = files.read_json(inputs.fit)["hyperparameters"]
    known, new = Path(inputs.train).stat().st_size / 1e6, sum(Path(path).stat().st_size for path in inputs.asked) / 1e6
    # Sparse points grow with the frames; harvested ones are stored without forces.
    growth = 1 + 2 * new / known
    columns = growth * memory.most_sparse_points(hyperparameters, len(files.read_json(inputs.summary)["species"]))
    atoms = ATOMS_PER_MB * (known + 2 * new)
    numbers = 8 * columns**2 + 3000 * columns
    return math.ceil(BASE_MB + 8 * numbers / 1e6), minutes(60 + _rows_seconds(atoms, columns) + 4e-9 * columns**3)


def sample_frames(inputs, config):
    """Return (MB, minutes) for choosing the frames of an iteration.

    Parameters
    ----------
    inputs : object
        Paths ``table``, ``kernels`` (or nothing) and ``decision`` (nothing for the first iteration).
    config : dict
        The configuration.
    """
    n_atoms = files.read_table(inputs.table)["n_atoms"]
    needed = 3 * 8 * len(n_atoms) ** 2 / 1e6 if inputs.kernels else 0
    if not (inputs.decision and config["selection"]["strategy"] in BY_MODEL):
        return math.ceil(BASE_MB + needed), SHORTEST
    columns = _columns(config["potential"]["hyperparameters"], inputs)
    held = min(2 * memory.MOST_EQUATIONS_MB, 2 * memory.of_frame_equations(columns, len(n_atoms)))
    atoms = min(n_atoms.sum(), 1e6 * held / (16 * columns**2) * n_atoms.max())
    n_steps = 10 * math.log2(max(2, len(n_atoms)))
    seconds = 60 + _rows_seconds(atoms, columns) + n_steps * (1e-9 * columns**3 + 1e-3 * held)
    return math.ceil(BASE_MB + needed + held), minutes(seconds)


def _learning_columns(inputs, config):
    """Return the most sparse points of a fit of the learning curves, those of pairs of species included."""
    return _columns(config["potential"]["hyperparameters"] | config["learning_curves"]["hyperparameters"], inputs)


def _columns(ranges, inputs):
    """Return the most sparse points of a fit in ranges of hyperparameters; ``inputs`` holds summary."""
    largest = {name: bounds(ranges[name])[1] for name in ("n_sparse", "two_body_n_sparse")}
    return memory.most_sparse_points(largest, len(files.read_json(inputs.summary)["species"]))


def tune_learning_curves(inputs, config):
    """Return (MB, minutes) for tuning the learning curves; ``inputs`` holds table and summary."""
    columns, n_atoms = _learning_columns(inputs, config), files.read_table(inputs.table)["n_atoms"]
    curves = config["learning_curves"]
    atoms = max(curves["sizes"]) * n_atoms.max()
    if "guide" in curves["priors"] or "residual_guide" in curves["strategies"]:  # tuned on the whole pool
        atoms += n_atoms.sum()
    numbers = memory.CLASSES * 3 * columns**2 + 4 * (3 * n_atoms.max() + 7) * columns
    seconds = 60 + _rows_seconds(atoms, columns) + 1e-9 * columns**3 * 0.2 * SETS_TRIED
    return math.ceil(BASE_MB + 8 * numbers / 1e6), minutes(seconds)


def draw_learning_curves(inputs, config):
    """Return (MB, minutes) for one division of the learning curves.

    Parameters
    ----------
    inputs : object
        Paths ``table`` and ``summary``.
    config : dict
        The configuration.
    """
    curves, columns = config["learning_curves"], _learning_columns(inputs, config)
    n_atoms = files.read_table(inputs.table)["n_atoms"]
    distances = 8 * len(n_atoms) ** 2 / 1e6
    # Strategies by variance hold a second copy of the matrices of the pool.
    needed = 2 * memory.of_frame_equations(columns, len(n_atoms)) + 3 * distances
    rows = _rows_seconds(n_atoms.sum() + 2 * max(curves["sizes"]) * n_atoms.max(), columns)
    n_fits = len(curves["sizes"]) + 8 * math.log2(max(curves["sizes"]))
    n_fits *= len(curves["priors"]) * len(curves["strategies"])
    seconds = 30 + rows * (
        1 + len(curves["strategies"]) * len(curves["sizes"]) * ("training" in curves["sparse_from"])
    )
    seconds += n_fits * (1e-9 * columns**3 + 2e-9 * len(n_atoms) * columns**2)
    return math.ceil(BASE_MB + needed), minutes(seconds)


def check_engine(inputs, config):
    """Return (MB, minutes) for comparing engine and QUIP, which holds the descriptors of one frame at a time.

    Parameters
    ----------
    inputs : object
        Paths ``neighbours`` and ``fit``.
    config : dict
        The configuration.
    """
    counts, potential = files.read_table(inputs.neighbours), config["potential"]
    largest = counts.nlargest(1, f"within_{geometry.RADII[-1]:.1f}")
    fitted = files.read_json(inputs.fit)["hyperparameters"]
    needed = memory.FitMemory(largest, descriptor=potential["descriptor"], virials=True).mb(fitted) / COMPARED_VOLUME
    atoms = largest[[name for name in counts if name.startswith("n_")]].to_numpy().sum()
    n_frames = COMPARED_COPIES * len(config["trajectories"])
    return math.ceil(BASE_MB + needed * memory.MB / 1e6), minutes(10 + n_frames * atoms * EVALUATION["quip"])


def characterise_crystal(path):
    """Return (MB, minutes) for a crystal, from the size of its file: some 2000 evaluations of few atoms."""
    n_atoms = Path(path).stat().st_size / 20
    return BASE_MB, minutes(10 + 2000 * (1e-3 + n_atoms * EVALUATION["gapglass"]))


def run_nve(table, config):
    """Return (MB, minutes) for molecular dynamics of one frame at constant energy.

    Parameters
    ----------
    table : path-like
        frames/table.csv.
    config : dict
        The configuration.
    """
    n_atoms, nve = int(files.read_table(table)["n_atoms"].max()), config["validation"]["nve"]
    stage = {"time": (nve["time"] + nve["equilibration"])}
    timestep = nve["timestep"] or TIMESTEP_SHARE * config["glass"]["timestep"]
    return run_stage(n_atoms, stage, config["glass"] | {"timestep": timestep}, "")


def run_stage(n_atoms, stage, glass, speed):
    """Return (MB, minutes) for one stage of the melt-quench.

    Parameters
    ----------
    n_atoms : int
    stage : dict
        Item of ``glass.cycle``.
    glass : dict
        Section ``glass`` of the configuration.
    speed : path-like
        speed.json of the model. While it does not exist, the prediction takes ``EVALUATION`` for an atom and step on
        one rank.
    """
    n_steps = stage["time"] * 1000 / glass["timestep"]
    rate = files.read_json(speed)["steps_per_second"] if Path(speed).is_file() else None
    each = 1 / rate if rate else STEP[glass["engine"]] + EVALUATION[glass["engine"]] * n_atoms / glass["ranks"]
    return math.ceil(BASE_MB + 200 * glass["ranks"] + 0.05 * n_atoms), minutes(60 + n_steps * each)
