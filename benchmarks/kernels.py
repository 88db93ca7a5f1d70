"""Kernels: the Coulomb kernel of whole frames, and both kernels over environments.

**Coulomb kernel, fingerprint form.** 1200 frames of 480 atoms (SiO2 of 2.20 g/cm3, a cristobalite lattice with
normally distributed displacements of 0.1, 0.2 or 0.3 Å). gapglass compares lower triangles of 115,440 numbers,
passed in float64 (the workflow stores float32, which halves the memory); all 1200 frames are computed, in a new
process. The peers, scipy's `pdist(..., "cityblock")` and scikit-learn's `laplacian_kernel`, take whole matrices of
230,400 float64. They are run on 150 frames and scaled by the number of pairs that they compute, n (n - 1) / 2 and
n^2; the scaling table shows the quality of this extrapolation. The faster of the two is the peer.

The machine's limit. A weighted sum of absolute differences takes three vector instructions: subtract, clear the
sign, fused multiply-add. Written with a weight (2 off the diagonal, 1 on it) the last runs in the multiplier pipes
and not in the adder pipes, which do the subtraction; without the weight the loop takes twice as long. With four
vector pipes of 16 float32 (Zen 5) that is 16 * 4/3 per cycle, 85e9 per second and core at 4.0 GHz. Sixteen pairs of
4 x 4 rows share eight loads of 64 bytes, four of them from the second-level cache, in 12 cycles; the caches give
128 and 64 bytes per cycle and are not the limit. The row "machine limit" compares with what the same innermost loop
reaches on both cores from the first-level cache, which includes adding up the lanes of a register after every 512
features.

**Environment form.** 240 atoms a frame, SOAP of 952 features (n_max 8, l_max 6) and rows of Coulomb matrices,
against DScribe's `AverageKernel` with the metrics polynomial (degree 4) and laplacian. DScribe keeps n_atoms^2
numbers for every pair of frames (0.46 MB), so its number of frames is limited; gapglass was given the same.
gapglass computes the SOAP kernel from mean monomials of the environments' principal coordinates, some forty
thousand for each frame, instead of the products of all pairs of atoms; the error of its powers is bounded by 1e-5
and measured against DScribe. At this size most of the time is spent on the axes and the monomials, so the ratio
grows with the number of frames. The memory is that of a new process that compares blocks of 40 frames from files,
as the workflow does, for 80 and for 240 frames.
"""

import tempfile
import time
from pathlib import Path

import numba
import numpy as np
from ase.spacegroup import crystal
from common import goal, in_turns, peak_memory_mb, write
from dscribe.kernels import AverageKernel
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics.pairwise import laplacian_kernel

from gapglass.similarity import coulomb_environments, kernels, pairwise
from gapglass.similarity.coulomb import coulomb_vector, whole_matrix
from gapglass.similarity.soap import soap_descriptor, soap_features
from gapglass.similarity.soap_environments import soap_moments

SOAP = {"cutoff": 5.0, "n_max": 8, "l_max": 6, "atom_sigma": 0.5, "radial_basis": "polynomial"}
CELLS = {240: (5, 2, 1), 480: (5, 2, 2)}
N_FRAMES = 1200
N_PEER = 150
N_SOAP = 120
N_COULOMB = 60
BLOCK = 40
FINGERPRINT = "Coulomb kernel, fingerprint form"
SOAP_ENVIRONMENTS = "SOAP kernel, environment form"
COULOMB_ENVIRONMENTS = "Coulomb kernel, environment form"


def silica(n_atoms, number):
    """Return frame ``number`` of a disordered SiO2 of 2.20 g/cm3."""
    lattice = (
        crystal(["Si", "O"], [(0, 0, 0), (0.125, 0.125, 0.125)], spacegroup=227, cellpar=[7.13] * 3 + [90] * 3)
        * CELLS[n_atoms]
    )
    random = np.random.default_rng([n_atoms, number])
    lattice.positions += random.normal(scale=(0.1, 0.2, 0.3)[number % 3], size=lattice.positions.shape)
    return lattice


def coulomb_vectors(n_frames, n_atoms=480):
    """Return the stored Coulomb vectors of the first frames."""
    return [coulomb_vector(silica(n_atoms, number)) for number in range(n_frames)]


def all_frames(n_frames):
    """Compute the Coulomb kernel; return wall times (s) of three runs and the distances of the first 150 frames."""
    vectors = coulomb_vectors(n_frames)
    pairwise.coulomb_distances(vectors[:2], vectors[:2])
    times = []
    for _ in range(3):
        start = time.perf_counter()
        distances = pairwise.coulomb_distances(vectors, vectors)
        np.exp(-distances / np.median(distances[np.triu_indices(n_frames, 1)]))
        times.append(time.perf_counter() - start)
    return times, distances[:N_PEER, :N_PEER]


@numba.njit(parallel=True, fastmath=pairwise.REORDERED)
def innermost_loop(rows, weights, sums, repeats):
    """Compare 16 rows with 16 rows repeatedly, with separate rows on every thread."""
    for thread in numba.prange(len(rows)):
        for _ in range(repeats):
            for b in range(0, 16, 4):
                for a in range(0, 16, 4):
                    pairwise.add_l1(rows[thread], rows[thread], weights, a, b, 0, rows.shape[2], sums[thread], a)


def limit_rate(repeats=20000):
    """Return absolute differences per second of all threads together, from the first-level cache."""
    threads = numba.get_num_threads()
    rows = np.random.default_rng(0).random((threads, 16, pairwise.CHUNK)).astype(np.float32)
    weights, sums = np.ones(pairwise.CHUNK, dtype=np.float32), np.zeros((threads, 16, 16))
    innermost_loop(rows, weights, sums, 1)
    best = min(in_turns({"loop": lambda: innermost_loop(rows, weights, sums, repeats)}, 1)["loop"] for _ in range(5))
    return threads * 256 * pairwise.CHUNK * repeats / best


def fingerprint_form(full_run, scaling):
    """Compare the Coulomb kernel in fingerprint form with scipy and scikit-learn; ``full_run`` is ``all_frames``."""
    vectors = coulomb_vectors(N_PEER)
    whole = np.array([whole_matrix(vector).ravel() for vector in vectors])
    pairwise.coulomb_distances(vectors[:2], vectors[:2])
    peers = {}
    for size in (N_PEER // 2, N_PEER):
        rows, some = whole[:size], vectors[:size]
        times = in_turns(
            {
                "ours": lambda some=some: pairwise.coulomb_distances(some, some),
                "scipy pdist": lambda rows=rows: pdist(rows, "cityblock"),
                "scikit-learn laplacian_kernel": lambda rows=rows: laplacian_kernel(rows, gamma=1e-6),
            }
        )
        ours = times.pop("ours")
        peers[size] = times
        scaling += [scale(FINGERPRINT, peer, size, ours, seconds) for peer, seconds in times.items()]
    n = N_PEER
    scaled = {
        "scipy pdist": peers[n]["scipy pdist"] * N_FRAMES * (N_FRAMES - 1) / (n * (n - 1)),
        "scikit-learn laplacian_kernel": peers[n]["scikit-learn laplacian_kernel"] * (N_FRAMES / n) ** 2,
    }
    peer = min(scaled, key=scaled.get)
    exact = squareform(pdist(whole, "cityblock"))
    del whole, vectors
    limit = limit_rate()
    memory, (times, corner) = full_run
    for size in (N_FRAMES // 4, N_FRAMES // 2):
        scaling.append(scale(FINGERPRINT, peer, size, np.median(all_frames(size)[0]), None))
    ours = float(np.median(times))
    scaling.append(scale(FINGERPRINT, peer, N_FRAMES, ours, None))
    at_limit = N_FRAMES * (N_FRAMES - 1) / 2 * 480 * 481 / 2 / limit
    off = ~np.eye(n, dtype=bool)
    relative = np.abs(corner[off] / exact[off] - 1).max()
    zeta = 1 / np.median(exact[off])
    absolute = np.abs(np.exp(-zeta * corner) - np.exp(-zeta * exact)).max()
    return fingerprint_goals(ours, memory, peer, scaled[peer], at_limit, relative, absolute)


def fingerprint_goals(ours, memory, peer, theirs, at_limit, relative, absolute):
    """Return the goals of the fingerprint form: times (s) of ours, peer and limit, memory (MB), differences."""
    return [
        goal(
            f"{FINGERPRINT}, 1200 frames of 480 atoms",
            f"{peer} (150 frames, scaled)",
            "time",
            "s",
            ours,
            theirs,
            "at least 15 times faster",
            theirs >= 15 * ours,
        ),
        goal(
            f"{FINGERPRINT}, 1200 frames of 480 atoms",
            "-",
            "peak memory",
            "MB",
            memory,
            None,
            "below 2048",
            memory < 2048,
        ),
        goal(
            f"{FINGERPRINT}, distances",
            "scipy pdist",
            "largest relative difference",
            "1",
            relative,
            None,
            "below 1e-6",
            relative < 1e-6,
        ),
        goal(
            f"{FINGERPRINT}, kernel",
            "scipy pdist",
            "largest difference",
            "1",
            absolute,
            None,
            "below 1e-6",
            absolute < 1e-6,
        ),
        goal(
            f"{FINGERPRINT}, 1200 frames of 480 atoms",
            "machine limit",
            "time",
            "s",
            ours,
            at_limit,
            "at most 2 times the limit",
            ours <= 2 * at_limit,
        ),
    ]


def scale(work, peer, size, ours, theirs):
    """Return one row of the scaling table."""
    return {"work": work, "peer": peer, "size": size, "size_unit": "frames", "ours_s": ours, "peer_s": theirs}


def soap_environments(n_frames):
    """Return the SOAP environments of the first frames, (n_atoms, n_features) in float32 each."""
    descriptor = soap_descriptor(["Si", "O"], SOAP)
    return [soap_features(silica(240, number), descriptor, "environments") for number in range(n_frames)]


def against_dscribe(work, sizes, ours, theirs, scaling):
    """Time both for every number of frames; return the goals of the time and of the difference for the last number."""
    for size in sizes:
        found = {}
        times = in_turns(
            {
                "ours": lambda size=size, found=found: found.update(ours=ours(size)),
                "theirs": lambda size=size, found=found: found.update(theirs=theirs(size)),
            },
            2,
        )
        scaling.append(scale(work, "DScribe AverageKernel", size, times["ours"], times["theirs"]))
    difference = np.abs(found["ours"] - found["theirs"]).max()
    work = f"{work}, {size} frames of 240 atoms"
    return [
        goal(
            work,
            "DScribe AverageKernel",
            "time",
            "s",
            times["ours"],
            times["theirs"],
            "at least 20 times faster",
            times["theirs"] >= 20 * times["ours"],
        ),
        goal(
            work, "DScribe AverageKernel", "largest difference", "1", difference, None, "below 1e-6", difference < 1e-6
        ),
    ]


def normalised(kernel):
    """Divide by the self-similarities, as DScribe does."""
    scale = np.sqrt(np.diag(kernel))
    return kernel / np.outer(scale, scale)


def environment_form(environments, scaling):
    """Compare both kernels of environments with DScribe."""
    double = [frame.astype(np.float64) for frame in environments]
    slope = len(double[0]) / np.square(double[0]).sum()
    polynomial = AverageKernel(metric="polynomial", degree=4, gamma=slope, coef0=1.0)

    def soap(n):
        moments = soap_moments(environments[:n], environments[:n], 4)
        return normalised(kernels.binomial(moments, 1.0, slope))

    matrices = [whole_matrix(vector) for vector in coulomb_vectors(N_COULOMB, 240)]
    zeta = 1 / coulomb_environments.row_scale(matrices, seed=1, n_pairs=10)
    laplacian = AverageKernel(metric="laplacian", gamma=zeta)

    def coulomb(n):
        return normalised(coulomb_environments.coulomb_environments(matrices[:n], matrices[:n], zeta))

    soap(2), coulomb(2)
    soap_sizes, coulomb_sizes = ([n // 4, n // 2, n] for n in (N_SOAP, N_COULOMB))
    return [
        *against_dscribe(SOAP_ENVIRONMENTS, soap_sizes, soap, lambda n: polynomial.create(double[:n]), scaling),
        *against_dscribe(
            COULOMB_ENVIRONMENTS, coulomb_sizes, coulomb, lambda n: laplacian.create(matrices[:n]), scaling
        ),
    ]


def compare_files(paths):
    """Compare blocks of environments with one another, two in memory at a time."""
    for i, path in enumerate(paths):
        block = dict(np.load(path))
        for other_path in paths[: i + 1]:
            other = block if other_path == path else dict(np.load(other_path))
            soap, coulomb = ([list(item[name]) for item in (block, other)] for name in ("soap", "coulomb"))
            soap_moments(*soap, 4)
            coulomb_environments.coulomb_environments(*coulomb, 1e-4)


def memory_of_dscribe(path, n_frames):
    """Run DScribe's kernel of environments on the first frames of a block."""
    AverageKernel(metric="polynomial", degree=4, gamma=1e-3, coef0=1.0).create(
        list(np.load(path)["soap"][:n_frames].astype(float))
    )


def write_blocks(paths):
    """Write the environments of 40 frames of 240 atoms to each of these files."""
    soap = np.array(soap_environments(BLOCK))
    matrices = np.array([whole_matrix(vector) for vector in coulomb_vectors(BLOCK, 240)])
    for number, path in enumerate(paths):
        # A shuffle of all atoms gives other frames at little cost; memory does not depend on the frame of an atom.
        order = np.random.default_rng(number).permutation(soap.shape[0] * soap.shape[1])
        np.savez(path, soap=soap.reshape(len(order), -1)[order].reshape(soap.shape), coulomb=matrices)


def flat_memory():
    """Compare the peak memory for 80 frames and for 240."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.npz" for number in range(6)]
        peak_memory_mb(write_blocks, paths)
        few, many = (peak_memory_mb(compare_files, paths[:n])[0] for n in (2, 6))
        theirs = [peak_memory_mb(memory_of_dscribe, paths[0], n)[0] for n in (BLOCK // 2, BLOCK)]
    text = (
        f"within 5 % of 80 frames, {few:.0f} MB; DScribe grows by {theirs[1] - theirs[0]:.0f} MB from 20 to 40 frames"
    )
    work = "Kernels, environment form, 240 frames of 240 atoms"
    return [goal(work, "-", "peak memory", "MB", many, None, text, many < 1.05 * few)]


def main():
    """Run all comparisons and write both tables."""
    scaling = []
    goals = flat_memory()
    full_run = peak_memory_mb(all_frames, N_FRAMES)
    goals += fingerprint_form(full_run, scaling)
    goals += environment_form(soap_environments(N_SOAP), scaling)
    write("kernels_goals", goals)
    write("kernels_scaling", scaling)


if __name__ == "__main__":
    main()
