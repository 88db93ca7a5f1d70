"""The network of a glass: rings, Q^n, bridging atoms, and how the polyhedra of network formers share atoms.

Network formers are bonded to bridges, for example Si to O, where they are within the cutoff of this pair of species. A
bridge bonded to two or more formers is bridging, one bonded to a single former non-bridging. Q^n is a former with n
bridging atoms. Rings are the primitive ones of ``rings``, counted in formers. Without bridges, formers are bonded to
each other directly, as in a chalcogenide with homopolar bonds.

The rings are normalised as in RINGS (Le Roux and Jund, doi:10.1016/j.commatsci.2010.04.023).
"""

import numpy as np

from gapglass.base.progress import Progress
from gapglass.structure.absence import EMPTY
from gapglass.structure.pairs import at_equal_steps, standard_error

MOST_FRAMES = 40  # analysed frames; rings of successive frames hardly differ
SMALLEST_RING = {True: 2, False: 3}  # with bridges, two formers that share an edge make a ring of two


def network(frames, cutoffs, settings):
    """Return the tables of the network of one model.

    Parameters
    ----------
    frames : list of ase.Atoms
        Of one composition, with the atoms in one order. At most 40 are analysed, at equal steps.
    cutoffs : dict
        "Te-O" -> Å, ``structure.coordination_cutoffs``.
    settings : dict
        ``structure.network``: ``formers`` and ``bridges`` (lists of species) and ``max_ring``.

    Returns
    -------
    rings : pandas.DataFrame
        formers_in_ring (2 to max_ring, from 3 without bridges), rings_per_former, the number of primitive rings of
        this size over the number of formers, and formers_share_percent, the share of formers that are in at least one;
        each with its ``*_error``. Without formers in the settings, the table has no rows.
    network : pandas.DataFrame
        quantity, species, n, share_percent and share_percent_error. Quantities are "Q" (share of formers with n
        bridging atoms), "bridge" (share of bridges bonded to n formers: 0 free, 1 non-bridging, 2 bridging, 3
        three-fold) and "shared" (of the pairs of formers that share bridges, the share with n of them: 1 corner, 2
        edge, 3 face). Rows with a share of zero between the lowest and the highest n are kept. Without bridges the
        table has no rows.
    """
    import pandas as pd

    if not settings["formers"]:
        return pd.DataFrame(columns=EMPTY["rings"]), pd.DataFrame(columns=EMPTY["network"])
    chosen = at_equal_steps(frames, MOST_FRAMES)
    progress = Progress(len(chosen), "frames searched for rings")
    samples = []
    for number, atoms in enumerate(chosen):
        samples.append(_of_frame(atoms, cutoffs, settings))
        progress.update(number + 1)
    per_former, shares = (np.array([sample[0][part] for sample in samples]) for part in (0, 1))
    rings = pd.DataFrame(
        {
            "formers_in_ring": np.arange(per_former.shape[1]),
            "rings_per_former": per_former.mean(axis=0),
            "rings_per_former_error": standard_error(per_former),
            "formers_share_percent": 100 * shares.mean(axis=0),
            "formers_share_percent_error": 100 * standard_error(shares),
        }
    )
    smallest = SMALLEST_RING[bool(settings["bridges"])]
    return rings.iloc[smallest:].reset_index(drop=True), _shares([sample[1] for sample in samples])


def bonds_of(atoms, cutoffs, settings):
    """Return the bonds of the network of one frame.

    Parameters
    ----------
    atoms, cutoffs, settings
        As for ``network``.

    Returns
    -------
    first, second : numpy.ndarray of int, shape (n_bonds,)
        Bonded atoms, every bond in both directions.
    shifts : numpy.ndarray of int, shape (n_bonds, 3)
        Image of the second atom relative to the first, in cell vectors.
    """
    from ase.neighborlist import neighbor_list

    formers, others = settings["formers"], settings["bridges"] or settings["formers"]
    bonded = {}
    for pair, cutoff in cutoffs.items():
        a, b = pair.split("-")
        if (a in formers and b in others) or (b in formers and a in others):
            bonded[a, b] = cutoff
    if not bonded:
        return np.empty(0, int), np.empty(0, int), np.empty((0, 3), int)
    # The neighbour list gives shifts relative to the atoms where they are, also outside the cell.
    return neighbor_list("ijS", atoms, bonded)


def _of_frame(atoms, cutoffs, settings):
    """Return rings per former and shares of formers by size of the ring, and the counted species of the network."""
    from gapglass.structure.rings import rings_through  # numba is slow to import

    wrapped = atoms.copy()
    wrapped.wrap()  # bonds then reach at most one image, as the search for rings asks
    first, second, shifts = bonds_of(wrapped, cutoffs, settings)
    symbols = np.array(wrapped.symbols)
    formers = np.flatnonzero(np.isin(symbols, settings["formers"]))
    bonds = 2 if settings["bridges"] else 1  # from a former of a ring to the next
    counts = rings_through(formers, len(atoms), first, second, shifts, bonds * settings["max_ring"])[:, ::bonds]
    sizes = np.maximum(np.arange(counts.shape[1]), 1)
    rings = counts.sum(axis=0) / sizes / len(formers), (counts > 0).mean(axis=0)
    species = _species(symbols, first, second, shifts, settings) if settings["bridges"] else {}
    return rings, species


def _species(symbols, first, second, shifts, settings):
    """Return {(quantity, species): numbers n of every atom, or of every pair of formers that share bridges}."""
    neighbours = np.bincount(first, minlength=len(symbols))
    bridging = neighbours[second] >= 2
    n_bridging = np.bincount(first[bridging], minlength=len(symbols))
    found = {("Q", name): n_bridging[symbols == name] for name in settings["formers"]}
    found |= {("bridge", name): neighbours[symbols == name] for name in settings["bridges"]}
    return found | {("shared", "-".join(settings["formers"])): _shared(symbols, first, second, shifts, settings)}


def _shared(symbols, first, second, shifts, settings):
    """Return the number of shared bridges of every pair of formers that share one."""
    pairs = {}
    around = {}
    for a, b, shift in zip(first.tolist(), second.tolist(), shifts.tolist(), strict=True):
        around.setdefault(a, []).append((b, shift))
    for bridge in np.flatnonzero(np.isin(symbols, settings["bridges"])).tolist():
        bonded = around.get(bridge, [])
        for place, (a, shift_a) in enumerate(bonded):
            for b, shift_b in bonded[:place]:
                apart = tuple(v - u for u, v in zip(shift_a, shift_b, strict=True))
                key = min((a, b, apart), (b, a, tuple(-u for u in apart)))
                pairs[key] = pairs.get(key, 0) + 1
    return np.array(list(pairs.values()), int)


def _shares(samples):
    """Return the table of the shares of every n from the counted species of every frame."""
    import pandas as pd

    rows = []
    for key in samples[0] if samples else ():
        numbers = [sample[key] for sample in samples]
        present = np.concatenate(numbers)
        if not len(present):
            continue
        low, high = present.min(), present.max()
        shares = np.array([np.bincount(of_frame, minlength=high + 1) / max(len(of_frame), 1) for of_frame in numbers])
        for n, share, error in zip(range(high + 1), shares.mean(axis=0), standard_error(shares), strict=True):
            if n >= low:
                rows.append((*key, n, 100 * share, 100 * error))
    return pd.DataFrame(rows, columns=EMPTY["network"])
