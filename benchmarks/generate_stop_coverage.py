"""How often does a loop stop although the error of its potential is above the tolerance? Writes a table of it.

    .venv/bin/python benchmarks/generate_stop_coverage.py results/sio2-vashishta benchmarks/results/stop.json

Half of the blocks of time of every run, drawn anew for every repetition, are the study; the other half is the truth.
The study divides its blocks as the workflow does, enlarges its database, chooses among expected errors by a
cross-validation, and stops by the bound on its validation blocks (``stop: validation``). Beside it stands the paper's
rule: frames at random, 70 % of them train, 30 % test, expected errors and the stop by the error of the test. The
equations of every frame are computed once, with few sparse points, so a loop takes seconds.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from threadpoolctl import threadpool_limits

from gapglass.active_learning import loop
from gapglass.base import files
from gapglass.base.progress import Progress
from gapglass.base.seeds import derive
from gapglass.frames import store
from gapglass.potential import basis, confidence, core
from gapglass.potential.failures import FitFailed
from gapglass.potential.frame_equations import FrameEquations
from gapglass.selection import strategies, time_blocks
from gapglass.similarity import kernels

GEOMETRY = {"cutoff": 4.5, "cutoff_width": 0.5, "n_max": 6, "l_max": 3, "atom_sigma": 0.5, "zeta": 4, "n_sparse": 50}
PAIRS = {"two_body_cutoff": 4.5, "two_body_n_sparse": 12, "two_body_theta": 1.0}
SCALES = {"delta": 1.0, "two_body_delta": 2.0, "sigma_virial": 0.1}
SETS = [
    {**GEOMETRY, **PAIRS, **SCALES, "sigma_energy": energy, "sigma_force": force}
    for energy in (0.0005, 0.002, 0.008, 0.03)
    for force in (0.05, 0.15, 0.5)
]
SIZES = (10, 20, 40, 80)  # training frames of the iterations
FOLDS = 5
WEIGHTS = {"energy": 1.0, "force": 1.0}
TOLERANCES = (1.1, 1.25, 1.5, 2.0, 3.0)  # times the true error of the largest database, median over the repetitions


def restricted(runs, blocks):
    """Return the runs with some of their blocks only."""
    found, number = [], 0
    for run in runs:
        here = range(number, number + len(run["edges"]) - 1)
        parts = [run["frames"][run["edges"][i - number] : run["edges"][i - number + 1]] for i in here if i in blocks]
        number = here.stop
        edges = np.cumsum([0, *map(len, parts)]).tolist()
        found.append({**run, "frames": [frame for part in parts for frame in part], "edges": edges})
    return found


def squared(equations, solution, frames):
    """Return the squared errors of the energies of frames, (meV/atom)²."""
    return 1e6 * np.square(equations.energy_errors(solution, frames))


def best_of(equations, train, tests):
    """Return the set of expected errors with the lowest objective over folds of (training frames, test frames)."""

    def objective(h):
        energy, force, n = 0.0, 0.0, 0
        for left, test in tests:
            try:
                solution = equations.solve(left, h)
                energy += squared(equations, solution, test).sum()
                force += equations.force_squares(solution, test).sum()
            except FitFailed:  # expected errors so small that double precision does not solve the equations
                return np.inf
            n += len(test)
        return np.log(energy / n) + np.log(force / n)

    return min(SETS, key=objective)


def ours(equations, runs, table, seed):
    """Yield for every iteration the fit, the error that decides and its bound."""
    divided = time_blocks.current(
        time_blocks.set_aside(runs, table, {"validation": 0.2, "holdout": 0.0}, derive(seed, "aside")), table
    )
    blocks = time_blocks.block_of_frame(runs)
    pool = [frame for frame in divided["pool"] if frame in blocks]  # the other frames are the truth
    given = strategies.Given(
        pool=np.array(pool), seed=seed, equations=equations, places={frame: frame for frame in blocks},
        weights=WEIGHTS, blocks=blocks, hyperparameters=SETS[0],
    )  # fmt: skip
    chosen = []
    for iteration, size in enumerate(SIZES, 1):
        chosen = strategies.residual(given, chosen, size)
        fold_of = {block: i % FOLDS for i, block in enumerate(sorted({blocks[frame] for frame in chosen}))}
        parts = [[frame for frame in chosen if fold_of[blocks[frame]] == fold] for fold in range(FOLDS)]
        tests = [([f for f in chosen if f not in part], part) for part in parts if part and len(part) < len(chosen)]
        given.hyperparameters = best_of(equations, chosen, tests)
        solution = equations.solve(chosen, given.hyperparameters)
        places = divided["validation"]
        squares = dict(zip(places, squared(equations, solution, places), strict=True))
        found = confidence.of_blocks(squares, dict.fromkeys(places, 1), divided["blocks"]["validation"])
        level = confidence.level_of(len(SIZES), iteration)
        yield solution, {"rmse_energy_mev_per_atom": found.rmse(), "upper_energy_mev_per_atom": found.upper(level)}


def paper(equations, frames, seed):
    """Yield for every iteration the fit and the error of the test that decides."""
    order = np.random.default_rng(derive(seed, "paper")).permutation(frames).tolist()
    for size in SIZES:
        database = order[: round(size / 0.7)]
        train, test = database[:size], database[size:]
        solution = equations.solve(train, best_of(equations, train, [(train, test)]))
        error = float(np.sqrt(squared(equations, solution, test).mean()))
        yield solution, {"rmse_energy_mev_per_atom": error, "upper_energy_mev_per_atom": None}


def repetitions(equations, runs, table, count, seed):
    """Return for every repetition and rule a list over iterations of (what decides, true error in meV/atom)."""
    found, progress = {"validation": [], "point_estimate": []}, Progress(count, "repetitions")
    for number in range(count):
        own = derive(seed, "stop", number)
        half = time_blocks.leave_out(runs, 0.5, own)
        truth, here = half["holdout"], set(half["pool"]) | set(half["guard"])
        within = restricted(runs, {block for frame, block in half["blocks"].items() if frame in here})
        frames = [frame for run in within for frame in run["frames"]]
        for rule, steps in (
            ("validation", ours(equations, within, table, own)),
            ("point_estimate", paper(equations, frames, own)),
        ):
            found[rule].append([(of, float(np.sqrt(squared(equations, fit, truth).mean()))) for fit, of in steps])
        progress.update(number + 1)
    return found


def judged(found):
    """Return a row per tolerance and rule: how many loops stopped, how many of these wrongly, with how many frames."""
    last = np.median([steps[-1][1] for steps in found["validation"]])
    rows = []
    for factor in TOLERANCES:
        tolerance = factor * last
        for rule, loops in found.items():
            ends = [next((i for i, (of, _) in enumerate(steps) if loop.met(of, tolerance)), None) for steps in loops]
            true = [steps[end][1] for steps, end in zip(loops, ends, strict=True) if end is not None]
            rows.append(
                {
                    "energy_tolerance": float(tolerance),
                    "stop": rule,
                    "n_loops": len(loops),
                    "n_met": len(true),
                    "n_above_tolerance": int(np.sum(np.array(true) > tolerance)),
                    "mean_n_train": float(np.mean([SIZES[-1 if end is None else end] for end in ends])),
                }
            )
    return rows


def main():
    """Read a finished study, repeat the loop, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--repetitions", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    frames = arguments.results / "frames"
    table, imported = files.read_table(frames / "table.csv"), files.read_json(frames / "import.json")
    medians = files.read_json(arguments.results / "kernels/kernels.json")["medians"]
    paths = [arguments.results / f"kernels/{name}.npy" for name in ("soap", "coulomb")]
    distances = kernels.read_distance(*paths, 0.5, medians)
    runs = time_blocks.blocks(table, lambda chosen: distances[np.ix_(chosen, chosen)])
    atoms = store.read_frames(frames / "frames.extxyz")
    closest = files.read_json(frames / "sets.json")["closest_distance_angstrom"]
    atoms = core.subtract(atoms, core.of_setting("repulsion", closest, imported["species"]))
    with threadpool_limits(1), TemporaryDirectory() as folder:
        points = [atoms[i] for i in range(0, len(atoms), 10)]
        terms = basis.choose(points, SETS[0], imported["species"], "soap", folder)
        equations = FrameEquations(atoms, terms, imported["species"], False, folder)
        found = repetitions(equations, runs, table, arguments.repetitions, arguments.seed)
    files.write_json(arguments.target, {"rows": judged(found), "loops": found})


if __name__ == "__main__":
    main()
