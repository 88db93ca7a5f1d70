"""Data sets with many frames, and trajectories that grow. Trajectories of 1250 to 20,000 frames of 48 atoms through
the target `clusters` on two cores (three values of δ, SOAP with 8 radial functions and degree 8, Gaussian radial
basis), with the time of each stage, summed over its jobs, and the memory of Snakemake and all its jobs together,
sampled five times a second. A power law through the three largest sizes is extrapolated to 100,000 frames; the
distances and the graph of that many would take 80 GB of memory a job, the kernels 160 GB of disk. The Lanczos
solver on single-precision distances is compared with the dense one in double precision at 3334 frames. A trajectory
of 4000 frames grows by 400 and the jobs of the second run are counted. The graph of 100,000 frames in 301 blocks,
as frames of 480 atoms would give, is built from an artificial trajectory of 4 atoms that is really imported.
"""

import re
import tempfile
import time
from pathlib import Path

import common
import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from gapglass.base import files
from gapglass.clustering import scan, spectral
from gapglass.similarity import kernels

SOAP = {"cutoff": 5.0, "n_max": 8, "l_max": 8, "radial_basis": "gto"}
SMALL = {"cutoff": 3.5, "n_max": 3, "l_max": 2, "radial_basis": "gto"}
DELTAS = {"deltas": [0.0, 0.5, 1.0]}
STRIDES = (16, 8, 4, 2, 1)
STAGES = (
    "import_frames",
    "compute_descriptors",
    "compute_kernel_row",
    "assemble_kernels",
    "cluster_frames",
    "map_frames",
)
TO = 100_000
QUADRATIC = (
    "compute_kernel_row",
    "assemble_kernels",
    "cluster_frames",
)  # stages whose time grows as the square of many frames


def stages(folder):
    """Return the seconds of each stage of a finished study, summed over its jobs."""
    made = Path(folder) / "results/benchmark/benchmarks"
    paths = {stage: [*made.glob(f"{stage}.jsonl"), *made.glob(f"{stage}/*.jsonl")] for stage in STAGES}
    return {stage: sum(files.read_json_lines(path)[-1]["s"] for path in found) for stage, found in paths.items()}


def sizes():
    """Run the study at every size; return rows for the scaling table, the memory table and the goals."""
    scaling, memory = [], []
    for stride in STRIDES:
        with tempfile.TemporaryDirectory() as folder:
            done = common.study(
                folder, common.clusters_only("sio2-48", {"stride": stride}, SOAP, clustering=DELTAS), "clusters"
            )
            found, solver = stages(folder), re.search(r"(\w+) solver", done["output"]).group(1)
            disk = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1e6
        n_frames = -(-20_000 // stride)
        scaling += [
            {"work": stage, "peer": "", "size": n_frames, "size_unit": "frames", "ours_s": seconds, "peer_s": None}
            for stage, seconds in found.items()
        ]
        memory.append(
            {
                "frames": n_frames,
                "solver": solver,
                "wall_s": done["seconds"],
                "peak_memory_mb": done["peak_memory_mb"],
                "disk_mb": disk,
            }
        )
    last = memory[-1]
    work, peak = "20,000 frames x 48 atoms, target `clusters`", last["peak_memory_mb"] / 1024
    goal = common.goal(work, "-", "peak memory of all processes", "GiB", peak, None, "below 12 GiB", peak < 12, "")
    return scaling, memory, [goal]


def extrapolated(scaling):
    """Return the time of each stage at 100,000 frames from a power law through three sizes, or from the square."""
    rows = []
    for stage, part in pd.DataFrame(scaling).groupby("work", sort=False):
        size, seconds = (part[name].to_numpy(float)[-3:] for name in ("size", "ours_s"))
        exponent, factor = np.polyfit(np.log(size), np.log(seconds), 1)
        hours = {
            "hours_at_100000": np.exp(factor) * TO**exponent / 3600,
            "hours_if_quadratic": seconds[-1] * (TO / size[-1]) ** 2 / 3600 if stage in QUADRATIC else None,
        }
        rows.append({"stage": stage, "exponent": exponent, f"seconds_at_{size[-1]:.0f}": seconds[-1], **hours})
    return rows


def solvers():
    """Return the differences of the Lanczos solver on float32 distances from the dense one on float64, and a goal."""
    soap, coulomb = common.kernels_of("sio2-48", stride=6)
    rows = []
    for delta in (0.0, 0.5, 1.0):
        double = kernels.hybrid_distance(soap, coulomb, delta, kernels.UNBALANCED)
        single = double.astype(np.float32)
        start = time.perf_counter()
        vectors, values = spectral.embedding(spectral.affinity(double), 41)
        middle = time.perf_counter()
        others, found = spectral.embedding(spectral.affinity(single), 41, "lanczos", seed=1)
        end = time.perf_counter()
        alike, distance = [], []
        for n_clusters in (2, 5, 10, 20, 40):
            labels = [spectral.assign(part, n_clusters, 1) for part in (vectors, others)]
            alike.append(adjusted_rand_score(*labels))
            pair = [scan.mean_cluster_distance(part, own) for part, own in zip((double, single), labels, strict=True)]
            distance.append(abs(pair[0] - pair[1]))
        rows.append(
            {
                "delta": delta,
                "frames": len(double),
                "largest_eigenvalue_error": np.abs(values - found).max(),
                "lowest_rand_index": min(alike),
                "mean_rand_index": np.mean(alike),
                "largest_change_of_mean_distance": max(distance),
                "dense_s": middle - start,
                "lanczos_s": end - middle,
            }
        )
    worst = max(row["largest_change_of_mean_distance"] for row in rows)
    work = f"Lanczos in single precision against dense in double, {rows[0]['frames']} frames"
    return rows, common.goal(
        work,
        "dense solver",
        "largest change of the mean distance between clusters",
        "",
        worst,
        None,
        "below d_tol / 10 = 1e-4",
        worst < 1e-4,
        "k-means in another local minimum",
    )


def growing():
    """Return the jobs of a first run on 4000 frames and of a second on 4400, and the goal."""
    text = common.trajectory("sio2-48").open()
    lines = [next(text) for _ in range(4400 * 50)]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "growing.extxyz"
        settings = common.clusters_only("sio2-48", {"file": str(path)}, SMALL, clustering=DELTAS)
        for n_frames in (4000, 4400):
            path.write_text("".join(lines[: n_frames * 50]))
            output = common.study(folder, settings, "clusters")["output"]
            finished = re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", output)
            rows.append({"frames": n_frames, **{stage: finished.count(stage) for stage in STAGES}})
    second = rows[1]
    only_new = second["compute_descriptors"] == second["compute_kernel_row"] == 1
    redone = float(second["compute_descriptors"] + second["compute_kernel_row"])
    return rows, common.goal(
        "10 % more frames in a trajectory",
        "-",
        "descriptor and kernel jobs of the second run",
        "",
        redone,
        None,
        "only those of the new frames (2)",
        only_new,
        "",
    )


def planning():
    """Return the goal on the graph of 100,000 frames."""
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "many.extxyz"
        with path.open("w") as stream:
            for number in range(TO):
                positions = np.array([[0, 0, 0], [2, 2, 0], [2, 0, 2], [0, 2, 2]]) + rng.normal(0, 0.1, (4, 3))
                stream.write(
                    f'4\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:REF_forces:R:3 pbc="T T T" '
                    f"REF_energy={-10 + number / TO} temperature=300\n"
                )
                for symbol, place in zip(("Si", "O", "O", "O"), positions, strict=True):
                    stream.write(f"{symbol} {place[0]:.5f} {place[1]:.5f} {place[2]:.5f} 0 0 0\n")
        settings = common.clusters_only("sio2-48", {"file": str(path)}, SMALL)
        settings["descriptors"]["block_frames"] = 333
        settings["glass"]["composition"] = {"Si": 1, "O": 3}
        imported = common.study(folder, settings, "results/benchmark/frames/import.json")["seconds"]
        seconds = common.study(folder, settings, "clusters", arguments=["--dry-run", "--quiet", "rules"])["seconds"]
    print(f"import of {TO} frames of 4 atoms: {imported:.0f} s")
    return common.goal(
        "100,000 frames, `snakemake -n clusters`",
        "-",
        "time to plan",
        "s",
        seconds,
        None,
        "below 60 s",
        seconds < 60,
        "",
    )


def main():
    """Measure, and write each table as soon as it is complete."""
    goals = [planning()]
    jobs, of_growth = growing()
    common.write("growth_jobs", jobs)
    errors, of_solver = solvers()
    common.write("growth_solvers", errors)
    scaling, memory, of_sizes = sizes()
    common.write("growth_scaling", scaling)
    common.write("growth_memory", memory)
    common.write("growth_extrapolation", extrapolated(scaling))
    common.write("growth_goals", [*of_sizes, of_solver, of_growth, *goals])


if __name__ == "__main__":
    main()
