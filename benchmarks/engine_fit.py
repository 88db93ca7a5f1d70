"""Fits with the engine (`potential.fitter: engine`) compared with gap_fit: CPU time, memory, and the same potential.

All fits have energies, forces and virials as targets, a two-body term of 20 points for each pair of species beside
soap_turbo, and a cutoff of 4.5 Å. Both programs run on one thread. CPU seconds are those that both write into
`fit.json`: of gap_fit itself, and of choosing sparse points, rows and solution in ours. The start of Python is in
neither; a job of ours takes about a second of CPU time for it, given in the table `Fits`. Memory is the peak of the
process, Python included. Other work on the machine lengthens CPU times somewhat and wall times in full: compare the
load average in the table `About`, about 0 on a quiet machine.

**First fit.** 58 frames of the glass of resources/teo2-chgnet (48 atoms), evenly spaced; n_max 6, l_max 3, 310 sparse
points for each species, M 680 with those of the two-body term. gap_fit and ours run in turns; times are medians.

**A frame more.** Fits on few frames of a trajectory of SiO2 (480 atoms; `sio2-480` of
benchmarks/generate_trajectory.py); n_max 8, l_max 8, M 780. The time of one frame is the difference of the two
smaller fits of a program, divided by the difference of their frames. gap_fit begins with three frames, because two
hold fewer atoms of Si than sparse points are asked for. It keeps the descriptors of all frames and their gradients,
so its memory grows with every frame; ours keeps the rows of one frame, triangles, and descriptors of at most 6000
candidates for sparse points of a species.

**Another set.** Expected errors, energy scales and number of sparse points changed at random, with the rows of the
first fit at hand: the errors of a cross-validation in five folds, which is one step of the inner level of tuning. It
is compared with one whole fit of gap_fit, which would need five of them for the same. `folds` is the work done once
for all sets.

**Jobs.** The rows of two blocks of 41 frames of 480 atoms (n_max 8, l_max 4, M 860), written by one job after the
other, and by both side by side; every job is a process of its own and reads its frames and sparse points from files,
as in the workflow. Wall times, medians of runs in turns.

**Fits.** Whole fits in jobs as the workflow runs them: sparse points in one, rows in blocks of at most 20,000 atoms,
two at a time, and the solution in one. The fit on 1200 frames runs only with `GAPGLASS_LONG=1` in the environment.

**Equality.** Weights and predictions beside gap_fit's, for the sparse points that gap_fit chose: the first fit, and
the comparison that every study makes of its own fit (gapglass/potential/fit_agreement.py: few frames, 50 points a
species), for more descriptors and with a repulsive core. Weights are not compared at n_max 8, where rounding in
the radial basis decides them. Both potentials are evaluated with the engine, whose differences from quippy stand in
[performance of the engine](performance-engine.md). The table of errors is that of the first fit on 40 other frames of
the same glass; its last row is our fit with our own choice of sparse points.
"""

import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import common
import numpy as np
import pandas as pd
from ase.data import atomic_numbers
from ase.io import read
from threadpoolctl import threadpool_limits

from gapglass.active_learning import trial, tuning
from gapglass.base.programs import peak_so_far_mb
from gapglass.frames import geometry, store
from gapglass.potential import basis, core, design, engine, engine_fit, evaluation, fit_agreement, gap_fit
from gapglass.potential.cross_validation import CrossValidation
from gapglass.potential.gap_xml import read_terms, write_gap
from gapglass.selection import database, time_blocks

FIRST = common.HYPERPARAMETERS | {"n_max": 6, "l_max": 3, "n_sparse": 310}
WIDE = common.HYPERPARAMETERS | {"n_max": 8, "l_max": 8, "n_sparse": 360}
LARGE = common.HYPERPARAMETERS | {"n_max": 8, "l_max": 4, "n_sparse": 400}
# What is measured; a test makes it small.
PLAN = {
    "first": FIRST, "first_frames": 58, "test_frames": 40, "rounds": 3,
    "wide": WIDE, "gap_fit_frames": (3, 5), "our_frames": (4, 12, 36),
    "sets": 8,
    "large": LARGE, "block": 41, "large_frames": (127,),
}  # fmt: skip
LONG = (127, 1200)  # frames of the large fits with GAPGLASS_LONG
LEAST_FIRST, LEAST_FRAME, LEAST_SET, LEAST_JOBS = 10, 10, 100, 1.8  # ratios
MOST_MEMORY, MOST_GROWTH = 1000, 5  # MB; % from the smallest to the largest number of frames
ERRORS_AGREE = 1e-3  # largest relative difference of errors on test frames
DESCRIPTOR = "soap_turbo"
LONGEST = 3600  # s, of one fit
GUARD = 5  # frames beside a stretch of the cross-validation, as in the schema of a study


def evenly(frames, number):
    """Return ``number`` frames from the first to the last, evenly spaced."""
    return [frames[i] for i in np.linspace(0, len(frames) - 1, number).astype(int)]


def size_of(hyperparameters):
    """Return the name of a potential for two species, and its number of sparse points."""
    h = hyperparameters
    return f"{DESCRIPTOR} {h['n_max']}/{h['l_max']}, M {2 * h['n_sparse'] + 3 * h['two_body_n_sparse']}"


def judge(frames, hyperparameters, target):
    """Fit with gap_fit; return CPU seconds and peak memory (MB)."""
    cost = gap_fit.run_fit(
        frames,
        hyperparameters,
        target,
        descriptor=DESCRIPTOR,
        e0=gap_fit.isolated_atom_energies(frames),
        virials=True,
        seed=1,
        max_seconds=LONGEST,
        log_path=target.with_suffix(".log"),
    )
    return cost["fit_cpu_seconds"], cost["peak_memory_mb"]


def ours(frames, hyperparameters, target):
    """Fit with the engine, in a new process; return CPU seconds and peak memory (MB)."""
    peak, seconds = common.peak_memory_mb(_ours, frames, hyperparameters, target)
    return seconds, peak


def _ours(frames, hyperparameters, target):
    return engine_fit.run_fit(
        frames,
        hyperparameters,
        target,
        descriptor=DESCRIPTOR,
        e0=gap_fit.isolated_atom_energies(frames),
        virials=True,
        max_seconds=LONGEST,
        log_path=target.with_suffix(".log"),
    )["fit_cpu_seconds"]


# The jobs of a fit, each for a process of its own.


class Files:
    """Frames in a file from which jobs read some of them, and what the jobs write beside it.

    Parameters
    ----------
    folder : path-like
        Created if absent.
    frames : list of ase.Atoms
    classes : list of str, optional
        Of the frames; all train by default.
    """

    def __init__(self, folder, frames, classes=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.points, self.potential = self.folder / "points.npz", self.folder / "gap.xml"
        self.n_atoms = np.array([len(frame) for frame in frames])
        self.species = sorted({symbol for frame in frames for symbol in frame.symbols})
        self.classes = classes or [time_blocks.TRAIN] * len(frames)
        self._frames = self.folder / "frames.extxyz"
        self._offsets = store.write_frames(self._frames, frames, keys=["REF_energy", "REF_virial"])

    def read(self, numbers):
        """Return frames by their numbers."""
        return store.read_frames(self._frames, numbers, self._offsets)

    def rows(self, block):
        """Return the path of the rows of a block, a range of frames."""
        return self.folder / f"rows_{block.start}.npz"


def choose_points(files, hyperparameters):
    """Choose the sparse points from all frames and write them."""
    frames = files.read(range(len(files.n_atoms)))
    basis.write(files.points, basis.choose(frames, hyperparameters, files.species, DESCRIPTOR, files.folder))


def compute_rows(files, block):
    """Compute and write the rows of a block."""
    with tempfile.TemporaryDirectory() as folder:
        classes = [files.classes[number] for number in block]
        terms = basis.read(files.points)
        rows = design.compute(files.read(block), classes, terms, files.species, True, folder)
    rows.write(files.rows(block))


def solve(files, blocks, hyperparameters):
    """Solve the fit of all blocks and write the potential."""
    rows, terms = trial.joined([files.rows(block) for block in blocks]), basis.read(files.points)
    e0 = rows.e0(rows.classes)
    alpha, _, _ = engine_fit.solution(rows, terms, hyperparameters, e0)
    engine_fit.write(files.potential, terms, alpha, hyperparameters, e0, rows.species, DESCRIPTOR)


def side_by_side(function, jobs, number=1):
    """Call a function once for each tuple of arguments, every call in a new process, some at the same time.

    Returns
    -------
    seconds, start, peak : float
        Sums of the CPU times (s) of the calls and of the start of their processes; the largest peak memory (MB).
    """
    with ThreadPoolExecutor(number) as pool:
        done = list(pool.map(lambda arguments: common.in_new_process(_job, function, arguments), jobs))
    start, seconds, peak = zip(*done, strict=True)
    return sum(seconds), sum(start), max(peak)


def _job(function, arguments):
    start = time.process_time()
    with threadpool_limits(1):
        function(*arguments)
    return start, time.process_time() - start, peak_so_far_mb("self")


def blocks_of(files):
    """Return the blocks of frames whose rows the workflow computes in separate jobs, as ranges."""
    return [range(len(files.n_atoms))[part] for part in database.cut(files.n_atoms)]


def fit_in_jobs(files, hyperparameters, number=2):
    """Fit in jobs, ``number`` at a time where they are independent; return a row of the table ``fits``."""
    blocks, begin = blocks_of(files), time.perf_counter()
    points = side_by_side(choose_points, [(files, hyperparameters)])
    rows = side_by_side(compute_rows, [(files, block) for block in blocks], number)
    solution = side_by_side(solve, [(files, blocks, hyperparameters)])
    wall = time.perf_counter() - begin
    return {
        "frames": len(files.n_atoms),
        "atoms a frame": int(files.n_atoms[0]),
        "potential": size_of(hyperparameters),
        "blocks": len(blocks),
        "sparse points (CPU s)": points[0],
        "rows (CPU s)": rows[0],
        "solution (CPU s)": solution[0],
        "start of the processes (CPU s)": points[1] + rows[1] + solution[1],
        f"wall time, {number} jobs at a time (s)": wall,
        "peak memory, sparse points (MB)": points[2],
        "rows (MB)": rows[2],
        "solution (MB)": solution[2],
        "rows on disk (MB)": sum(files.rows(block).stat().st_size for block in blocks) / 1024**2,
    }


# What is compared.


def first_fit(train, plan, folder):
    """Return the table ``first_fit``, its goal, and gap_fit's median CPU time (s); both potentials stay in the folder.

    Parameters
    ----------
    train : list of ase.Atoms
    plan : dict
        As ``PLAN``.
    folder : pathlib.Path
    """
    found = {"gap_fit": [], "engine": []}
    for _ in range(plan["rounds"]):
        found["gap_fit"].append(judge(train, plan["first"], folder / "gap_fit.xml"))
        found["engine"].append(ours(train, plan["first"], folder / "engine.xml"))
    rows = []
    for name, runs in found.items():
        seconds, peaks = zip(*runs, strict=True)
        rows.append(
            {
                "fitter": name,
                "CPU time (s)": statistics.median(seconds),
                "lowest": min(seconds),
                "highest": max(seconds),
                "peak memory (MB)": max(peaks),
            }
        )
    theirs, mine = (row["CPU time (s)"] for row in rows)
    work = f"first fit, {len(train)} frames of {len(train[0])} atoms, {size_of(plan['first'])}"
    return rows, [_faster(work, "gap_fit", "CPU time", "s", mine, theirs, LEAST_FIRST)], theirs


def _faster(work, peer, quantity, unit, mine, theirs, least):
    return common.goal(
        work, peer, quantity, unit, mine, theirs, f"at least {least} times less", theirs >= least * mine
    )


def a_frame_more(frames, plan, folder):
    """Return the table ``a_frame_more``, its goals, and the rows of the table ``scaling``."""
    found = {
        "gap_fit": {n: judge(evenly(frames, n), plan["wide"], folder / "wide.xml") for n in plan["gap_fit_frames"]},
        "engine": {n: ours(evenly(frames, n), plan["wide"], folder / "wide.xml") for n in plan["our_frames"]},
    }
    rows = [
        {"fitter": name, "frames": n, "CPU time (s)": seconds, "peak memory (MB)": peak}
        for name, runs in found.items()
        for n, (seconds, peak) in runs.items()
    ]

    def each(name, place):
        (few, first), (many, second) = list(found[name].items())[:2]
        return (second[place] - first[place]) / (many - few)

    n_atoms, name = len(frames[0]), size_of(plan["wide"])
    counts = list(found["engine"])
    smallest, largest = found["engine"][counts[0]][1], found["engine"][counts[-1]][1]
    growth = 100 * (largest / smallest - 1)
    work, whole = f"a frame more of {n_atoms} atoms, {name}", f"fits on {counts[0]} and {counts[-1]} of these frames"
    memory = f"below {MOST_MEMORY} MB (gap_fit: {each('gap_fit', 1):.0f} MB more with every frame)"
    goals = [
        _faster(work, "gap_fit", "CPU time", "s", each("engine", 0), each("gap_fit", 0), LEAST_FRAME),
        common.goal(whole, "-", "peak memory", "MB", largest, None, memory, largest < MOST_MEMORY),
        common.goal(
            whole, "-", "growth of the peak", "%", growth, None, f"at most {MOST_GROWTH} %", growth <= MOST_GROWTH
        ),
    ]
    scaling = [
        {
            "work": f"fit on frames of {n_atoms} atoms, {name}",
            "peer": "gap_fit",
            "size": row["frames"],
            "size_unit": "frames",
            "ours_s": row["CPU time (s)"] if row["fitter"] == "engine" else None,
            "peer_s": row["CPU time (s)"] if row["fitter"] == "gap_fit" else None,
        }
        for row in rows
    ]
    return rows, goals, scaling


def another_set(files, plan, theirs):
    """Return the table ``another_set`` and its goal.

    Parameters
    ----------
    files : Files
        Of the first fit, whose rows are written.
    plan : dict
        As ``PLAN``.
    theirs : float
        CPU time of a whole fit of gap_fit (s).
    """
    largest = plan["first"]["n_sparse"]
    numbers = (largest, largest // 2, largest // 4)
    folds, seconds = common.in_new_process(_sets, files, plan["first"], numbers, plan["sets"])
    rows = [
        {
            "points a species": number,
            "sets": len(times),
            "CPU time of a set (ms)": 1000 * statistics.median(times),
            "longest (ms)": 1000 * max(times),
            "gap_fit's whole fit / a set": theirs / statistics.median(times),
            "folds (CPU s)": folds,
        }
        for number, times in seconds.items()
    ]
    work = f"another set of the inner level, cross-validated in {time_blocks.N_FOLDS} folds"
    mine = statistics.median(seconds[largest])
    return rows, [_faster(work, "gap_fit, one fit", "CPU time", "s", mine, theirs, LEAST_SET)]


def _sets(files, hyperparameters, numbers, n_sets):
    """Return the CPU time (s) of preparing the folds, and number of sparse points -> that of each set."""
    random, seconds = np.random.default_rng(1), {number: [] for number in numbers}
    with threadpool_limits(1):
        rows, terms = trial.joined([files.rows(block) for block in blocks_of(files)]), basis.read(files.points)
        start = time.process_time()
        validation = CrossValidation(rows, terms, time_blocks.folds())
        folds = time.process_time() - start
        for number in numbers:
            for factors in 10 ** random.uniform(-0.5, 0.5, (n_sets, len(tuning.SCALES))):
                changed = {n: hyperparameters[n] * f for n, f in zip(tuning.SCALES, factors, strict=True)}
                start = time.process_time()
                validation.errors({**hyperparameters, **changed, "n_sparse": number})
                seconds[number].append(time.process_time() - start)
    return folds, seconds


def two_jobs(files, plan):
    """Return the table ``jobs`` and its goal; the sparse points of ``files`` are written."""
    blocks = [range(0, plan["block"]), range(plan["block"], 2 * plan["block"])]
    jobs = [(files, block) for block in blocks]
    one, two = "one after the other", "two side by side"
    seconds = common.in_turns(
        {
            one: lambda: side_by_side(compute_rows, jobs),
            two: lambda: side_by_side(compute_rows, jobs, len(jobs)),
        },
        plan["rounds"],
    )
    size = f"{plan['block']} frames of {files.n_atoms[0]} atoms, {size_of(plan['large'])}"
    goal = common.goal(
        f"rows of {len(jobs)} blocks of {size}",
        one,
        "wall time",
        "s",
        seconds[two],
        seconds[one],
        f"at least {LEAST_JOBS} times faster",
        seconds[one] >= LEAST_JOBS * seconds[two],
    )
    return [{"jobs": name, "wall time (s)": value} for name, value in seconds.items()], [goal]


def with_points_of_gap_fit(train, test, hyperparameters, folder):
    """Solve the first fit again with gap_fit's sparse points, and compare.

    Parameters
    ----------
    train, test : list of ase.Atoms
    hyperparameters : dict
    folder : pathlib.Path
        With both potentials of ``first_fit``.

    Returns
    -------
    found : dict
        As from ``fit_agreement.compare``, without ``agrees``.
    errors : dict of dict
        Potential -> errors on the test frames.
    """
    judged = read_terms(folder / "gap_fit.xml")
    wanted, terms = np.concatenate([term.alpha for term in judged]), basis.unscaled(judged)
    e0 = gap_fit.isolated_atom_energies(train)
    rows = design.compute(train, [time_blocks.TRAIN] * len(train), terms, sorted(e0), True, folder)
    alpha, _, _ = engine_fit.solution(rows, terms, hyperparameters, np.array([e0[symbol] for symbol in rows.species]))
    edges = np.cumsum([len(term.points) for term in terms])[:-1]
    for term, weights in zip(judged, np.split(alpha, edges), strict=True):
        term.alpha = weights
    by_number = {atomic_numbers[symbol]: energy for symbol, energy in e0.items()}
    write_gap(folder / "same_points.xml", "same_points", by_number, judged)
    names = {"gap_fit": "gap_fit", "engine, gap_fit's points": "same_points", "engine": "engine"}
    found = {name: engine.predict(folder / f"{stem}.xml", test) for name, stem in names.items()}
    (mine, my_forces), (theirs, their_forces) = found["engine, gap_fit's points"], found["gap_fit"]
    sizes = np.array([len(frame) for frame in test])
    return {
        "n_train": len(train),
        "n_test": len(test),
        "weights": float(np.linalg.norm(alpha - wanted) / np.linalg.norm(wanted)),
        "energy": float(np.abs((mine - theirs) / sizes).max()),
        "force": float(max(np.abs(a - b).max() for a, b in zip(my_forces, their_forces, strict=True))),
    }, {name: evaluation.errors(test, *prediction) for name, prediction in found.items()}


def small_comparison(frames, hyperparameters, descriptor, with_core):
    """Return what ``fit_agreement.compare`` finds, as in every study with these settings."""
    e0, tables = gap_fit.isolated_atom_energies(frames), None
    if with_core:
        tables = core.tables(geometry.closest_of(frames), sorted(e0))
    return fit_agreement.compare(
        frames, hyperparameters, descriptor=descriptor, e0=e0, virials=True, tables=tables, seed=1, max_seconds=LONGEST
    )


def equality(train, test, silica, plan, folder):
    """Return the tables ``equality`` and ``errors`` with their goals."""
    whole, errors = common.in_new_process(with_points_of_gap_fit, train, test, plan["first"], folder)
    found, some = {f"{size_of(plan['first'])}, the first fit": whole}, evenly(train, min(len(train), 12))
    for frames, h, descriptor, with_core in (
        (some, plan["first"], "soap_turbo", True),
        (some, plan["first"], "soap", False),
        (evenly(silica, 4), plan["wide"], "soap_turbo", False),
    ):
        name = f"{descriptor} {h['n_max']}/{h['l_max']}, {frames[0].get_chemical_formula()}"
        name += ", with a core" if with_core else ""
        found[name] = common.in_new_process(small_comparison, frames, h, descriptor, with_core)
    named = {"weights": "weights (relative norm)", "energy": "energy (eV/atom)", "force": "force (eV/Å)"}
    counts = {"n_train": "frames fitted", "n_test": "frames compared"}
    rows = [
        {"fit": name, **{text: values[key] for key, text in (counts | named).items()}}
        for name, values in found.items()
    ]
    goals = []
    for key, text in named.items():
        worst = max(values[key] for values in found.values() if values[key] is not None)
        goals.append(_agrees("all fits of the table below", f"difference, {text}", worst, fit_agreement.LIMITS[key]))
    theirs, mine = errors["gap_fit"], errors["engine, gap_fit's points"]
    apart = max(abs(mine[name] / theirs[name] - 1) for name in theirs)
    goals.append(_agrees("the first fit", "relative difference of an error", apart, ERRORS_AGREE))
    units = {"rmse_energy_mev_per_atom": "energy (meV/atom)", "rmse_force_ev_per_angstrom": "force (eV/Å)"}
    table = [{"potential": name, **{units[key]: value for key, value in of.items()}} for name, of in errors.items()]
    return rows, table, goals


def _agrees(work, quantity, value, limit):
    return common.goal(
        f"gap_fit's sparse points, {work}", "gap_fit", f"largest {quantity}", "", value, None, f"at most {limit:g}",
        value <= limit,
    )  # fmt: skip


def measure(glass, silica, folder, plan):
    """Measure everything and write the tables.

    Parameters
    ----------
    glass : list of ase.Atoms
        Frames of the first fit, with trajectory and temperature; each of its plateaus holds several.
    silica : list of ase.Atoms
        Large frames of two species.
    folder : pathlib.Path
        For fits and their files.
    plan : dict
        As ``PLAN``.
    """
    load = os.getloadavg()[0]
    numbers = np.linspace(0, len(glass) - 1, plan["first_frames"]).astype(int)
    train, rest = [glass[i] for i in numbers], [frame for i, frame in enumerate(glass) if i not in set(numbers)]
    table = pd.DataFrame(
        {
            "frame": range(len(glass)),
            "trajectory": "glass",
            "temperature_k": [float(frame.info["temperature"]) for frame in glass],
        }
    )
    classes = time_blocks.classes(table, range(len(glass)), {"glass": GUARD})

    first_rows, goals, theirs = first_fit(train, plan, folder)
    common.write("engine_fit_first_fit", first_rows)
    files = Files(folder / "first", train, [classes[number] for number in numbers])
    fits = [fit_in_jobs(files, plan["first"])]
    set_rows, set_goals = another_set(files, plan, theirs)
    common.write("engine_fit_another_set", set_rows)
    frame_rows, frame_goals, scaling = a_frame_more(silica, plan, folder)
    common.write("engine_fit_a_frame_more", frame_rows)
    common.write("engine_fit_scaling", scaling)
    job_rows, job_goals = [], []
    for number in plan["large_frames"]:
        files = Files(folder / f"large-{number}", evenly(silica, number))
        fits.append(fit_in_jobs(files, plan["large"]))
        common.write("engine_fit_fits", fits)
        if not job_goals:
            job_rows, job_goals = two_jobs(files, plan)
    common.write("engine_fit_jobs", job_rows)
    equal_rows, error_rows, equal_goals = equality(train, evenly(rest, plan["test_frames"]), silica, plan, folder)
    common.write("engine_fit_equality", equal_rows)
    common.write("engine_fit_errors", error_rows)
    common.write("engine_fit_goals", [*goals, *frame_goals, *set_goals, *job_goals, *equal_goals])
    about = {"sources of the engine": engine.source_digest(), "SIMD level": engine.level()}
    common.write("engine_fit_about", [about | {"load average before the run": load}])


if __name__ == "__main__":
    os.environ.update(common.ONE_THREAD)  # for the new processes, which read it when they import numpy
    every = PLAN | {"large_frames": LONG if os.environ.get("GAPGLASS_LONG") else PLAN["large_frames"]}
    with tempfile.TemporaryDirectory(prefix="engine_fit-") as place:
        measure(common.glass_frames(), read(common.trajectory("sio2-480"), ":", format="extxyz"), Path(place), every)
