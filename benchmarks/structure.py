"""Structure of large models: partial g_ab(r) and S_ab(q) of 30 720 atoms compared with freud, which is also compiled
and parallel.

The atoms are 4 x 4 x 4 copies of a glass of 480 atoms, each frame with new random displacements. Peers:
`freud.density.RDF`, one call per pair of species, and `freud.diffraction.StaticStructureFactorDirect` with every
wave vector of the cell. g_ab(r) is taken up to half the cell, which the transform to S(q) above 5 1/Å needs, and up
to 10 Å. S_ab(q) is compared up to 1 1/Å, because freud needs minutes per frame for more; the time of gapglass is
also given up to 5 1/Å, where the direct sum ends for a cell of this size. freud works in single precision, and a
pair close to the edge of a bin may be counted in either bin. Its list of wave vectors is incomplete (issue 1306 of
its repository): S_ab(q) agrees in the bins whose wave vectors are complete and is noisier in the others, so
gapglass is also compared with a direct evaluation of the definition.
"""

import common
import freud
import numpy as np
from ase import Atoms
from ase.io import read

from gapglass.structure import pairs, scattering

R_BIN, Q_BIN, SHORT, Q_SHORT, Q_LONG = 0.05, 0.05, 10.0, 1.0, 5.0
N_FRAMES = 20
FREUD, DIRECT = "freud", "StaticStructureFactorDirect"


def models(repeats, n_frames=N_FRAMES):
    """Return frames of ``repeats`` (3 integers) copies of a glass, O before Si, each displaced at random by 0.1 Å."""
    frame = read(common.trajectory("sio2-480"), 1150, format="extxyz")
    cell = Atoms(frame.numbers, positions=frame.positions, cell=frame.cell, pbc=True) * repeats
    cell = cell[np.argsort(cell.numbers, kind="stable")]
    rng = np.random.default_rng(1)
    frames = [cell.copy() for _ in range(n_frames)]
    for atoms in frames:
        atoms.positions += rng.normal(0, 0.1, atoms.positions.shape)
        atoms.wrap()
    return frames


def _points(atoms):
    box = freud.box.Box(*atoms.cell.lengths())
    points, symbols = box.wrap(atoms.positions), np.array(atoms.symbols)
    return box, {name: points[symbols == name] for name in ("O", "Si")}


def freud_g(atoms, n_bins):
    """Return {pair: g_ab(r)} of one frame from freud, with like pairs normalised by the density of the other atoms."""
    box, points = _points(atoms)
    rdf = freud.density.RDF(bins=n_bins, r_max=n_bins * R_BIN)
    found = {}
    for pair in pairs.pair_names(atoms.symbols):
        a, b = pair.split("-")
        rdf.compute((box, points[b]), query_points=None if a == b else points[a])
        found[pair] = rdf.rdf * (len(points[a]) / (len(points[a]) - 1) if a == b else 1)
    return found


def freud_s(atoms, q_max):
    """Return {pair: S_ab(q)} of one frame from freud, converted to Faber-Ziman's partials that tend to 1."""
    box, points = _points(atoms)
    direct = freud.diffraction.StaticStructureFactorDirect(bins=round(q_max / Q_BIN), k_max=q_max)
    found = {}
    for pair in pairs.pair_names(atoms.symbols):
        a, b = pair.split("-")
        direct.compute((box, points[a]), query_points=points[b], N_total=len(atoms))
        ca, cb = (len(points[name]) / len(atoms) for name in (a, b))
        found[pair] = direct.S_k / (ca * cb) + 1 - (1 / cb if a == b else 0)
    return found


def plain_s(atoms, q_max):
    """Return {pair: S_ab(q)} of one frame from the definition, vector by vector in plain numpy."""
    vectors, _, n_all = scattering.wave_vectors(atoms.cell, q_max, Q_BIN, None)
    scaled, symbols = atoms.get_scaled_positions(), np.array(atoms.symbols)
    waves = {
        name: np.array([np.exp(2j * np.pi * (scaled[symbols == name] @ v)).sum() for v in vectors])
        for name in ("O", "Si")
    }
    bins = np.repeat(np.arange(len(n_all)), n_all)
    found = {}
    for pair in pairs.pair_names(atoms.symbols):
        a, b = pair.split("-")
        ca, cb = ((symbols == name).mean() for name in (a, b))
        product = np.bincount(bins, (waves[a] * waves[b].conj()).real)[n_all > 0] / n_all[n_all > 0] / len(atoms)
        found[pair] = 1 + (product - (ca if a == b else 0)) / (ca * cb)
    return found


def our_g(frames, n_bins):
    """Return {pair: g_ab(r) of every frame}."""
    return pairs.pair_distributions(frames, pairs.count_pairs(frames, R_BIN, n_bins), R_BIN)[1]


def compare(frames, ours, theirs, n_theirs=1, repeats=3):
    """Return seconds a frame of gapglass, on all frames, and of freud, on the first few, measured in turns."""
    times = common.in_turns(
        {"ours": lambda: ours(frames), "theirs": lambda: [theirs(atoms) for atoms in frames[:n_theirs]]}, repeats
    )
    return times["ours"] / len(frames), times["theirs"] / n_theirs


def scaling(n_short):
    """Return the rows of cost against size, for g_ab(r) of ``n_short`` bins less ten and for S_ab(q)."""
    rows = []
    for repeats in ((1, 1, 1), (2, 2, 1), (2, 2, 2), (4, 2, 2)):
        some = models(repeats, 4)
        for what, peer, ours, theirs in (
            (f"g_ab(r) up to {SHORT - 0.5:g} Å", "RDF", lambda f: our_g(f, n_short - 10),
             lambda a: freud_g(a, n_short - 10)),
            (f"S_ab(q) up to {Q_SHORT:g} 1/Å", DIRECT, lambda f: scattering.structure_factors(f, Q_SHORT, Q_BIN),
             lambda a: freud_s(a, Q_SHORT)),
        ):  # fmt: skip
            seconds = compare(some, ours, theirs)
            row = {"work": f"{what}, a frame", "peer": f"{FREUD} {peer}", "size": len(some[0]), "size_unit": "atoms"}
            rows.append(row | {"ours_s": seconds[0], "peer_s": seconds[1]})
    return rows


def agreement(first, n_short):
    """Return the largest differences of g_ab(r) and S_ab(q), and {pair: differences of S_ab(q) from freud's}."""
    ours, theirs = our_g(first, n_short), freud_g(first[0], n_short)
    difference_g = max(np.abs(ours[pair][0] - theirs[pair]).max() / theirs[pair].max() for pair in ours)
    q, ours, *_ = scattering.structure_factors(first, Q_SHORT, Q_BIN)
    plain, theirs = plain_s(first[0], Q_SHORT), freud_s(first[0], Q_SHORT)
    difference_s = max(np.abs(ours[pair][0] - plain[pair]).max() for pair in ours)
    bins = (q / Q_BIN).astype(int)  # freud has rows for bins without a wave vector
    apart = {pair: np.abs(ours[pair][0] - theirs[pair][bins]) for pair in ours}
    return difference_g, difference_s, apart


def main():
    """Measure, compare the results, and write the tables."""
    frames = models((4, 4, 4))
    n_long, n_short = pairs.count_bins(frames, R_BIN), round(SHORT / R_BIN)
    warm = models((1, 1, 1), 2)
    our_g(warm, 100), scattering.structure_factors(warm, Q_SHORT, Q_BIN)

    g_long = compare(frames[:4], lambda some: our_g(some, n_long), lambda atoms: freud_g(atoms, n_long), repeats=1)
    g_short = compare(frames, lambda some: our_g(some, n_short), lambda atoms: freud_g(atoms, n_short), n_theirs=4)
    s_short = compare(
        frames[:4],
        lambda some: scattering.structure_factors(some, Q_SHORT, Q_BIN),
        lambda atoms: freud_s(atoms, Q_SHORT),
        repeats=1,
    )
    s_long = (
        common.in_turns({"ours": lambda: scattering.structure_factors(frames, Q_LONG, Q_BIN)}, 1)["ours"] / N_FRAMES
    )

    first = frames[:1]
    difference_g, difference_s, apart = agreement(first, n_short)

    work = "30 720 atoms of SiO2, "
    rows = [
        common.goal(f"{work}{what}", f"{FREUD} {name}", "seconds a frame", "s", *times, "faster", times[0] < times[1])
        for what, name, times in (
            (f"g_ab(r) up to {n_long * R_BIN:.1f} Å", "RDF", g_long),
            (f"g_ab(r) up to {SHORT:g} Å", "RDF", g_short),
            (f"S_ab(q) up to {Q_SHORT:g} 1/Å", DIRECT, s_short),
        )
    ]
    rows += [
        common.goal(
            f"{work}g_ab(r)",
            f"{FREUD} RDF",
            "largest difference over the first peak",
            "",
            difference_g,
            None,
            "below 0.01",
            difference_g < 0.01,
        ),
        common.goal(
            f"{work}S_ab(q)",
            "the definition in numpy",
            "largest difference",
            "",
            difference_s,
            None,
            "below 1e-6",
            difference_s < 1e-6,
        ),
    ]
    common.write("structure_goals", rows)
    common.write(
        "structure_beside_freud",
        [
            {
                "S_ab(q)": pair,
                "bins": len(values),
                "bins within 0.001": (values < 1e-3).sum(),
                "median difference": np.median(values),
            }
            for pair, values in apart.items()
        ],
    )
    n_vectors = int(scattering.structure_factors(first, Q_LONG, Q_BIN)[2].sum())
    common.write(
        "structure_whole_range",
        [{"S_ab(q) up to (1/Å)": Q_LONG, "wave vectors": n_vectors, "seconds a frame": s_long}],
    )

    common.write("structure_scaling", scaling(n_short))


if __name__ == "__main__":
    main()
