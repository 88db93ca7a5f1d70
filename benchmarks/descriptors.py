"""SOAP vector and Coulomb matrix of every frame as the workflow computes them, in blocks, files and jobs on two cores,
compared with DScribe called for one frame after the other in a process that has already started. SOAP with 8 radial
functions and degree 8, cutoff 5 Å; both give the same arrays. "All jobs" is the sum of the jobs' times, including
the start of Python and imports, and is compared with the time of the plain loop for the same number of frames.
"Cores in use" is the sum of the jobs' times divided by the time from the start of the first job to the end of the
last. The polynomial radial basis is that of the paper and the default. The Gaussian basis (gto) takes DScribe an
eighth of the time, so the constant cost of the workflow (reading, sorting and writing, about 3 ms per frame; the
start of each job, about 2 s) is a larger part of the total.
"""

import tempfile
import time
from pathlib import Path

import common
import pandas as pd
from ase.io import iread
from dscribe.descriptors import SOAP, CoulombMatrix

from gapglass.base import files
from gapglass.similarity import blocks

SETTINGS = {"cutoff": 5.0, "n_max": 8, "l_max": 8, "atom_sigma": 0.5}
LOOP_FRAMES = 40
SHAPES = [("sio2-480", 480, 666, "polynomial"), ("sio2-480", 480, 666, "gto"), ("sio2-240", 240, 937, "gto")]


def plain_loop(frames, radial_basis):
    """Return the seconds per frame of DScribe alone, imports not counted."""
    soap = SOAP(
        species=["O", "Si"],
        r_cut=SETTINGS["cutoff"],
        n_max=SETTINGS["n_max"],
        l_max=SETTINGS["l_max"],
        sigma=SETTINGS["atom_sigma"],
        rbf=radial_basis,
        periodic=True,
        average="off",
    )
    coulomb = CoulombMatrix(n_atoms_max=len(frames[0]), permutation="sorted_l2")
    soap.create(frames[0])
    start = time.perf_counter()
    for frame in frames:
        soap.create(frame).mean(axis=0)
        coulomb.create(frame)
    return (time.perf_counter() - start) / len(frames)


def spread(name, n_frames):
    """Return some frames of a trajectory in even steps, without the labels, which DScribe cannot read."""
    steps = max(1, n_frames // LOOP_FRAMES)
    frames = [frame for number, frame in enumerate(iread(common.trajectory(name))) if number % steps == 0][
        :LOOP_FRAMES
    ]
    for frame in frames:
        frame.calc = None
    return frames


def through_the_workflow(name, n_frames, radial_basis):
    """Return seconds of all jobs together, from first start to last end, and the number of blocks."""
    settings = common.clusters_only(name, {"stop": n_frames}, soap=SETTINGS | {"radial_basis": radial_basis})
    with tempfile.TemporaryDirectory() as folder:
        common.study(folder, settings, "results/benchmark/frames/import.json")
        result = Path(folder) / "results/benchmark"
        cut = blocks.cut(pd.read_csv(result / "frames/table.csv"))
        begun = time.time()
        common.study(folder, settings, *(f"results/benchmark/descriptors/{block.name}" for block in cut))
        jobs = [
            files.read_json_lines(path)[-1]["s"]
            for path in sorted((result / "benchmarks/compute_descriptors").glob("*.jsonl"))
        ]
        ends = [path.stat().st_mtime for path in (result / "benchmarks/compute_descriptors").glob("*.jsonl")]
        first = min(end - seconds for end, seconds in zip(sorted(ends), sorted(jobs), strict=True))
        return sum(jobs), max(ends) - max(first, begun), len(cut)


def main():
    """Measure, and write the tables."""
    goals, scaling = [], []
    for name, n_atoms, n_frames, basis in SHAPES:
        frames = spread(name, n_frames)
        before = plain_loop(frames, basis)
        total, elapsed, n_blocks = through_the_workflow(name, n_frames, basis)
        loop = (before + plain_loop(frames, basis)) / 2 * n_frames
        work = f"descriptors, {n_frames} frames x {n_atoms} atoms, {basis} basis"
        limit = f"the start of {n_blocks} jobs: Python, ASE and DScribe take about two seconds each to import"
        uneven = f"{n_blocks} blocks of unequal length on two cores"
        goals += [
            common.goal(
                work,
                "DScribe in a plain loop",
                "all jobs",
                "s",
                total,
                loop,
                "at most 10 % more",
                total <= 1.1 * loop,
                limit,
            ),
            common.goal(
                work, "-", "cores in use", "of 2", total / elapsed, None, "both", total / elapsed > 1.6, uneven
            ),
        ]
        row = {
            "work": f"descriptors, {basis} basis",
            "peer": "DScribe loop",
            "size": n_atoms,
            "size_unit": "atoms (seconds per frame)",
        }
        scaling.append(row | {"ours_s": total / n_frames, "peer_s": loop / n_frames})
    common.write("descriptors_goals", goals)
    common.write("descriptors_scaling", scaling)


if __name__ == "__main__":
    main()
