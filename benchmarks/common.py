"""What the benchmarks share: places, timings taken in turns, peak memory of a process, and tables of results.

A benchmark is a script that prints its tables and writes them to ``benchmarks/results``:

- ``NAME_goals.csv``: one row per goal, from ``goal``;
- ``NAME_scaling.csv``: cost against size, columns work, peer, size, size_unit, ours_s, peer_s (peer_s empty where it was not run);
- any other ``NAME_WHAT.csv``: a table shown as it is.

``collect.py`` turns all of them into docs/performance.md, with the script's own docstring as the text of its section.
"""

import gc
import multiprocessing
import resource
import statistics
import sys
import time
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
TRAJECTORIES = HERE / "trajectories"
sys.path.insert(0, str(HERE.parent / "workflow"))


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
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, result


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
