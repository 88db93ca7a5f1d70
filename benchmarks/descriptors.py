"""SOAP fingerprint and Coulomb matrix of every frame as the workflow makes them, in blocks, files and jobs on two cores, against
DScribe called for one frame after the other in one process that has already started. 666 frames of 480 atoms (two blocks) and 937
of 240, SOAP with 8 radial functions and degree 8, cutoff 5 Å, Gaussian radial basis; both peers make the same arrays. "Overhead" is
what the two blocks' jobs take together, start of Python and imports included, over the plain loop's time for as many frames. "Cores
in use" is the time of the jobs over the time from the first job's start to the last one's end. The polynomial basis, the paper's
and the default, takes longer in DScribe by the factor in the second table; the overhead shrinks accordingly.
"""

import tempfile
import time
from pathlib import Path

import common
import numpy as np
import pandas as pd
from ase.io import iread
from dscribe.descriptors import SOAP, CoulombMatrix
from gapglass import blocks

SETTINGS = {"cutoff": 5.0, "n_max": 8, "l_max": 8, "atom_sigma": 0.5}
LOOP_FRAMES = 60
SHAPES = {"sio2-480": (480, 666), "sio2-240": (240, 937)}


def plain_loop(frames, radial_basis="gto"):
    """Return the seconds per frame of DScribe alone, imports not counted."""
    soap = SOAP(
        species=["O", "Si"], r_cut=SETTINGS["cutoff"], n_max=SETTINGS["n_max"], l_max=SETTINGS["l_max"], sigma=SETTINGS["atom_sigma"],
        rbf=radial_basis, periodic=True, average="off",
    )  # fmt: skip
    coulomb = CoulombMatrix(n_atoms_max=len(frames[0]), permutation="sorted_l2")
    soap.create(frames[0])
    start = time.perf_counter()
    for frame in frames:
        soap.create(frame).mean(axis=0)
        coulomb.create(frame)
    return (time.perf_counter() - start) / len(frames)


def spread(name, n_frames):
    """Return some frames of a trajectory in even steps, bare of labels, which DScribe trips over."""
    steps = max(1, n_frames // LOOP_FRAMES)
    frames = [frame for number, frame in enumerate(iread(common.trajectory(name))) if number % steps == 0][:LOOP_FRAMES]
    for frame in frames:
        frame.calc = None
    return frames


def through_the_workflow(name, n_frames):
    """Return seconds of all jobs together, from first start to last end, and the number of blocks."""
    settings = common.clusters_only(name, {"stop": n_frames}, soap=SETTINGS | {"radial_basis": "gto"})
    with tempfile.TemporaryDirectory() as folder:
        common.study(folder, settings, "results/benchmark/frames/import.json")
        result = Path(folder) / "results/benchmark"
        cut = blocks.cut(pd.read_csv(result / "frames/table.csv"))
        begun = time.time()
        common.study(folder, settings, *(f"results/benchmark/descriptors/{block.name}" for block in cut))
        jobs = [pd.read_csv(path, sep="\t")["s"].iloc[0] for path in sorted((result / "benchmarks/compute_descriptors").glob("*.tsv"))]
        ends = [path.stat().st_mtime for path in (result / "benchmarks/compute_descriptors").glob("*.tsv")]
        first = min(end - seconds for end, seconds in zip(sorted(ends), sorted(jobs), strict=True))
        return sum(jobs), max(ends) - max(first, begun), len(cut)


def main():
    """Measure, and write the tables."""
    goals, scaling, basis = [], [], []
    for name, (n_atoms, n_frames) in SHAPES.items():
        frames = spread(name, n_frames)
        before = plain_loop(frames)
        total, elapsed, n_blocks = through_the_workflow(name, n_frames)
        loop = np.mean([before, plain_loop(frames)]) * n_frames
        work = f"descriptors, {n_frames} frames x {n_atoms} atoms"
        goals.append(
            common.goal(work, "DScribe in a plain loop", "processor time of all jobs", "s", total, loop, "10 % more", total <= 1.1 * loop,
                        f"the start of {n_blocks} jobs: Python, ASE and DScribe take about a second each to import")
        )  # fmt: skip
        goals.append(
            common.goal(work, "-", "cores in use", "of 2", total / elapsed, None, "both", total / elapsed > 1.6,
                        f"{n_blocks} blocks of unequal length on two cores")
        )  # fmt: skip
        scaling.append({"work": "descriptors", "peer": "DScribe loop", "size": n_atoms, "size_unit": "atoms (seconds per frame)",
                        "ours_s": total / n_frames, "peer_s": loop / n_frames})  # fmt: skip
        few = frames[:: max(1, LOOP_FRAMES // 8)]
        basis.append({"atoms": n_atoms, "gto_s_per_frame": plain_loop(few), "polynomial_s_per_frame": plain_loop(few, "polynomial")})
        basis[-1]["polynomial_over_gto"] = basis[-1]["polynomial_s_per_frame"] / basis[-1]["gto_s_per_frame"]
    common.write("descriptors_goals", goals)
    common.write("descriptors_scaling", scaling)
    common.write("descriptors_basis", basis)


if __name__ == "__main__":
    main()
