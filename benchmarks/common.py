"""What the benchmarks share: places, timings taken in turns, peak memory of a process, and tables of results.

A benchmark is a script that prints its tables and writes them to ``benchmarks/results``:

- ``NAME_goals.csv``: one row per goal, from ``goal``;
- ``NAME_scaling.csv``: cost against size, columns work, peer, size, size_unit, ours_s, peer_s (peer_s empty where it was not run);
- any other ``NAME_WHAT.csv``: a table shown as it is.

``collect.py`` turns all of them into docs/reference/performance.md, with the script's own docstring as the text of its section.
"""

import gc
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

from gapglass.base.programs import peak_so_far_mb

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
TRAJECTORIES = HERE / "trajectories"


def trajectory(name):
    """Return the path of a trajectory that the benchmarks' own workflow generates.

    Raises
    ------
    SystemExit
        When it has not been made.
    """
    path = TRAJECTORIES / f"{name}.extxyz"
    if not path.exists():
        raise SystemExit(f"{path} is absent; `make benchmark` generates it")
    return path


def in_turns(functions, repeats=3):
    """Return the median wall time (s) of every function, run one after the other ``repeats`` times round.

    In turns, so that a slow spell of the machine meets all of them. Call each once before where it compiles or loads something.

    Parameters
    ----------
    functions : dict
        Name -> callable without arguments.
    repeats : int
    """
    times = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            gc.collect()
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def peak_memory_mb(function, *arguments):
    """Return the peak resident memory (MB) of a fresh process that calls a function of a module, and what the function returns."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (function, arguments))


def _measured(function, arguments):
    result = function(*arguments)
    # not ru_maxrss, which a process inherits from the one that started it
    return peak_so_far_mb("self"), result


def goal(work, peer, quantity, unit, ours, theirs, wanted, met, limit=""):
    """Return one row of a table of goals.

    Parameters
    ----------
    work, peer : str
        What is done, and what a user would run instead ("-" for none).
    quantity, unit : str
        What was measured.
    ours, theirs : float or None
    wanted : str
        The goal in words, "at least 15 times faster".
    met : bool
    limit : str
        What stands in the way where it is not met.
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
    """Run targets of a study of its own in ``folder`` and watch its memory.

    Parameters
    ----------
    folder : path-like
        Made if absent; results are found there as in a checkout. Trajectories need absolute paths.
    settings : dict
        Configuration.
    targets : str
    cores : int
    arguments : sequence of str
        More of Snakemake's.

    Returns
    -------
    dict
        seconds, peak_memory_mb (of Snakemake and all its jobs together, pages they share counted once) and output.

    Raises
    ------
    SystemExit
        With Snakemake's last lines, when it fails.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    root = HERE.parent
    command = [
        str(Path(sys.executable).with_name("snakemake")), *targets, "--snakefile", str(root / "Snakefile"), "--directory", str(folder),
        "--configfile", str(folder / "config.yaml"), "--cores", str(cores), "--nocolor", *arguments,
    ]  # fmt: skip
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
    """Return the memory (MB) of a process and its children, every shared page counted once over all who share it."""
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
        Of the trajectory.
    entry : dict, optional
        More keys of its entry in ``trajectories``.
    soap : dict, optional
        Section ``descriptors.soap``.
    **sections : dict
        More sections.
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
    """Return both kernels of a generated trajectory (SOAP 8, 6), made by the workflow and kept for the next call.

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
