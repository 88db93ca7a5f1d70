"""Functions for all benchmarks: folders, alternating timings, peak memory of a process, and tables of results.

A benchmark is a script that prints its tables and writes them to ``benchmarks/results``:

- ``NAME_goals.csv``: one row per goal, from ``goal``;
- ``NAME_scaling.csv``: cost against size, columns work, peer, size, size_unit, ours_s, peer_s (peer_s is empty where
  the peer did not run);
- any other ``NAME_WHAT.csv``: a table that the page shows unchanged.

``collect.py`` writes all of them to the pages docs/reference/performance*.md, with the script's own docstring as the
text of its section.
"""

import gc
import io
import lzma
import multiprocessing
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import yaml
from ase.io import read

from gapglass.base.programs import peak_so_far_mb

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
TRAJECTORIES = HERE / "trajectories"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# Cutoff and widths in Å, delta in eV; of potentials for TeO2, to which n_max, l_max and n_sparse are added.
HYPERPARAMETERS = {
    "cutoff": 4.5,
    "cutoff_width": 0.5,
    "atom_sigma": 0.5,
    "zeta": 4,
    "delta": 0.5,
    "two_body_cutoff": 4.5,
    "two_body_delta": 2.0,
    "two_body_theta": 1.0,
    "two_body_n_sparse": 20,
    "sigma_energy": 0.002,
    "sigma_force": 0.1,
    "sigma_virial": 0.05,
}


def trajectory(name):
    """Return the path of a trajectory that the benchmarks' own workflow generates.

    Raises
    ------
    SystemExit
        When it does not exist.
    """
    path = TRAJECTORIES / f"{name}.extxyz"
    if not path.exists():
        raise SystemExit(f"{path} is absent; `make benchmark` generates it")
    return path


def glass_frames():
    """Return the labelled frames of the glass of resources/teo2-chgnet, 48 atoms each, 2000 K to 300 K."""
    with lzma.open(HERE.parent / "resources/teo2-chgnet/teo2-chgnet.extxyz.xz", "rt") as stream:
        frames = read(io.StringIO(stream.read()), ":", format="extxyz")
    return [frame for frame in frames if frame.info["trajectory"] == "glass"]


def in_turns(functions, repeats=3):
    """Return the median wall time (s) of every function, with the functions called in turns.

    The calls alternate, so that a slow period of the machine affects all functions. Call each function once before
    where it compiles or loads something.

    Parameters
    ----------
    functions : dict
        Name -> callable without arguments.
    repeats : int
        Calls of each function.
    """
    return {name: statistics.median(values) for name, values in times_in_turns(functions, repeats).items()}


def times_in_turns(functions, repeats, clock=time.perf_counter):
    """Return the times (s) of every function, one for each turn; the wall times unless ``clock`` is another one.

    The other arguments are those of ``in_turns``.
    """
    times = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            gc.collect()
            start = clock()
            function()
            times[name].append(clock() - start)
    return times


def in_new_process(function, *arguments):
    """Return the result of a function that a new process calls."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def peak_memory_mb(function, *arguments):
    """Return the peak resident memory (MB) of a new process that calls a function, and the result of the function."""
    return in_new_process(_measured, function, arguments)


def _measured(function, arguments):
    result = function(*arguments)
    # A process inherits ru_maxrss from its parent, so that counter would be too large.
    return peak_so_far_mb("self"), result


def goal(work, peer, quantity, unit, ours, theirs, wanted, met, limit=""):
    """Return one row of a table of goals.

    Parameters
    ----------
    work, peer : str
        The work, and the program that a user would run instead ("-" for none).
    quantity, unit : str
        The measured quantity and its unit.
    ours, theirs : float or None
    wanted : str
        The goal in words, for example "at least 15 times faster".
    met : bool
    limit : str
        The reason where the goal is not met.
    """
    ratio = theirs / ours if ours and theirs else None
    return {
        "work": work, "peer": peer, "quantity": quantity, "unit": unit, "ours": ours, "peer_value": theirs,
        "peer_over_ours": ratio, "goal": wanted, "met": bool(met), "limit": limit,
    }  # fmt: skip


def write(name, rows):
    """Print a table and write it to ``benchmarks/results/NAME.csv``."""
    table = pd.DataFrame(rows)
    RESULTS.mkdir(exist_ok=True)
    table.to_csv(RESULTS / f"{name}.csv", index=False, float_format="%.6g")
    print(f"\n{name}\n{table.to_string(index=False, float_format=lambda value: f'{value:.4g}')}", flush=True)
    return table


def study(folder, settings, *targets, cores=2, arguments=()):
    """Run targets of a separate study in ``folder`` and sample its memory.

    Parameters
    ----------
    folder : path-like
        Folder for the results, created if absent. Trajectories need absolute paths.
    settings : dict
        Configuration.
    targets : str
    cores : int
    arguments : sequence of str
        Further arguments of Snakemake.

    Returns
    -------
    dict
        seconds, peak_memory_mb (sum over Snakemake and all its jobs, with shared pages counted once) and output.

    Raises
    ------
    SystemExit
        With the last lines of Snakemake's output, when it fails.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    root = HERE.parent
    command = [
        str(Path(sys.executable).with_name("snakemake")),
        *targets,
        "--snakefile",
        str(root / "Snakefile"),
        "--directory",
        str(folder),
        "--configfile",
        str(folder / "config.yaml"),
        "--cores",
        str(cores),
        "--nocolor",
        *arguments,
    ]
    start, peak = time.perf_counter(), 0.0
    with (folder / "output.txt").open("w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        while process.poll() is None:
            peak = max(peak, _memory_of_all(process.pid))
            time.sleep(0.2)
    seconds, output = time.perf_counter() - start, (folder / "output.txt").read_text()
    if process.returncode:
        raise SystemExit(f"{' '.join(targets)} failed:\n{output[-3000:]}")
    return {"seconds": seconds, "peak_memory_mb": peak, "output": output}


def _memory_of_all(pid):
    """Return the memory (MB) of a process and its children, with every shared page counted once."""
    total = 0
    try:
        family = psutil.Process(pid)
        for process in (family, *family.children(recursive=True)):
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
    except psutil.Error:
        pass
    return total / 1024**2


def clusters_only(name, entry=None, soap=None, **sections):
    """Return the configuration of a study on a generated trajectory, complete enough to reach its clusters.

    Parameters
    ----------
    name : str
        Name of the trajectory.
    entry : dict, optional
        Further keys of its entry in ``trajectories``.
    soap : dict, optional
        Section ``descriptors.soap``.
    **sections : dict
        Further sections of the configuration.
    """
    return {
        "study": "benchmark",
        "seed": 1,
        "trajectories": [
            {"name": "glass", "file": str(trajectory(name)), "temperature_key": "temperature", **(entry or {})}
        ],
        "descriptors": {"soap": soap or {}},
        "clustering": {"deltas": [round(0.1 * step, 1) for step in range(11)]},
        "glass": {"composition": {"Si": 1, "O": 2}, "density": 2.2, "cycle": [{"temperature": 300, "time": 5}]},
        **sections,
    }


def kernels_of(name, stride=1):
    """Return both kernels of a generated trajectory (SOAP 8, 6); the workflow computes them at the first call only.

    Returns
    -------
    soap, coulomb : numpy.ndarray, shape (n_frames, n_frames)
    """
    folder = RESULTS / f"kernels/{name}-{stride}"
    made = folder / "results/benchmark/kernels"
    if not (made / "kernels.json").exists():
        soap = {"cutoff": 5.0, "n_max": 8, "l_max": 6, "radial_basis": "gto"}
        study(folder, clusters_only(name, {"stride": stride}, soap=soap), "results/benchmark/kernels/kernels.json")
    return np.load(made / "soap.npy"), np.load(made / "coulomb.npy")
