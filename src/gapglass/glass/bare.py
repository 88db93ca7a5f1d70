"""Bare atoms: atoms whose first neighbours of a species are farther away than in any frame of the study.

A potential whose errors are small can hold a false minimum in which an atom has lost the neighbours that it has in
every frame. A random start puts atoms there, and they may never leave; neither distances that are too small nor
energies tell of them. So the first neighbours of the saved frames of every stage are compared with those of the frames
of the study. A glass that keeps bare atoms is marked as not to be believed.
"""

from gapglass.frames.geometry import REACH, first_neighbours, first_text

RATIO = 1.2  # docs/explanation/bare-atoms.md has the measurements: 1.6 and more with bare atoms, 1.15 without
MOST_SHARE = 0.5  # of the saved frames; an atom that leaves its place may be bare for a few of them
MOST_FRAMES = 200  # of a stage, evenly spaced
SAME_SHARE = 1e-6  # shares of the species that differ by less are equal


def limits(frame, known):
    """Return the distance (Å) beyond which an atom of a frame is bare, (of, to) -> Å.

    Parameters
    ----------
    frame : ase.Atoms
    known : outside.Known
        What the frames of the study contain. First neighbours that one of them has not within ``geometry.REACH`` are
        not compared, nor those of a species that is rarer than in all of them, which are farther away by right.
    """
    symbols = list(frame.symbols)
    shares = {symbol: symbols.count(symbol) / len(symbols) for symbol in sorted(set(symbols))}
    pairs = [(of, to) for of in shares for to in shares if shares[to] > known.shares.get(to, (0.0,))[0] - SAME_SHARE]
    distances = {pair: known.farthest.get(first_text(*pair), REACH) for pair in pairs}
    return {pair: RATIO * distance for pair, distance in distances.items() if distance < REACH}


def beyond(frame, known):
    """Return the first neighbours of a frame that are too far away.

    Parameters
    ----------
    frame, known
        As for ``limits``.

    Returns
    -------
    dict
        (of, to) -> numpy.ndarray of bool, shape (n_atoms of the first species,), which atoms are bare, where any is.
    """
    most = limits(frame, known)
    if not most:
        return {}
    # Beyond the largest limit, a distance needs not be known.
    found = first_neighbours(frame, most, 1.01 * max(most.values()))
    bare = {pair: distances > most[pair] for pair, distances in found.items()}
    return {pair: atoms for pair, atoms in bare.items() if atoms.any()}


def count(stage, frames, known):
    """Return how many atoms of a stage are bare.

    Parameters
    ----------
    stage : int
        Number of the stage, from 1.
    frames : iterable of ase.Atoms
        Saved frames of the stage.
    known : outside.Known
        As for ``limits``.

    Returns
    -------
    dict or None
        stage, n_frames, share (of the frames, with any bare atom), and of the first neighbours that are too far in
        most frames: first_neighbours ("Te to O", None without any), atoms_share (mean share of the atoms of the
        species that are bare) and known_angstrom (largest distance in the frames of the study). None without a frame
        or without anything to compare with.
    """
    n_frames, n_bare, shares, compared = 0, 0, {}, False
    for frame in frames:
        n_frames += 1
        found = beyond(frame, known)
        compared = compared or bool(found or limits(frame, known))
        n_bare += bool(found)
        for pair, atoms in found.items():
            shares.setdefault(first_text(*pair), []).append(float(atoms.mean()))
    if not compared:
        return None
    worst = max(shares, key=lambda text: (len(shares[text]), sum(shares[text])), default=None)
    return {
        "stage": stage,
        "n_frames": n_frames,
        "share": n_bare / n_frames,
        "first_neighbours": worst,
        "atoms_share": sum(shares[worst]) / n_frames if worst else 0.0,
        "known_angstrom": known.farthest[worst] if worst else None,
    }


def doubts(counts):
    """Return why a glass is not to be believed: its last stage, if that keeps bare atoms.

    Atoms that were bare in an earlier stage alone have found their neighbours.

    Parameters
    ----------
    counts : list of dict
        From ``count``, of the stages.

    Returns
    -------
    list of dict
        stage, share and text; at most one.
    """
    *_, since = [0, *(found["stage"] for found in counts if found["share"] <= MOST_SHARE)]
    if not counts or since == counts[-1]["stage"]:
        return []
    last = counts[-1]
    words = f"{text(last)}; such atoms have been there since stage {since + 1}"
    return [{"stage": last["stage"], "share": last["share"], "text": words}]


def text(found):
    """Return a count in words."""
    if found["first_neighbours"] is None:
        return f"no bare atom in {found['n_frames']} saved frames"
    of, to = found["first_neighbours"].split(" to ")
    return (
        f"{100 * found['share']:.3g} % of {found['n_frames']} saved frames hold bare atoms: on average "
        f"{100 * found['atoms_share']:.3g} % of the {of} atoms have no {to} within "
        f"{RATIO * found['known_angstrom']:.2f} Å, and in every frame of the study all have one within "
        f"{found['known_angstrom']:.2f} Å"
    )
