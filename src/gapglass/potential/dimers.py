"""Energy of two atoms alone against their distance: what a potential does where the frames taught it nothing."""

import numpy as np
import pandas as pd
from ase import Atoms

from gapglass.frames.geometry import REACH
from gapglass.potential.engine import GAP

SHORTEST = 0.3  # Å, down to which a pair should repel
STEP = 0.02  # Å


def curves(potential, species, closest):
    """Return the energy of every pair of species alone, from ``SHORTEST`` to the cutoff of the potential.

    Parameters
    ----------
    potential : path-like
        gap.xml.
    species : list of str
    closest : dict
        "O-Te" -> closest distance (Å) of the pair in the frames; pairs that they never hold together are absent or
        have ``geometry.REACH``.

    Returns
    -------
    pandas.DataFrame
        pair, r_angstrom, energy_ev (from that of both atoms far apart), closest_angstrom (NaN where the frames have
        no close pair).
    """
    calculator, rows = GAP(potential), []
    ordered = sorted(species)
    for i, first in enumerate(ordered):
        for second in ordered[i:]:
            pair = f"{first}-{second}"
            known = closest.get(pair, REACH)
            distances = np.arange(SHORTEST, calculator.cutoff + STEP / 2, STEP)
            apart = _energy(calculator, first, second, calculator.cutoff + 1.0)
            for distance in distances:
                rows.append(
                    {
                        "pair": pair,
                        "r_angstrom": round(float(distance), 4),
                        "energy_ev": _energy(calculator, first, second, distance) - apart,
                        "closest_angstrom": known if known < REACH else np.nan,
                    }
                )
    return pd.DataFrame(rows)


def _energy(calculator, first, second, distance):
    atoms = Atoms([first, second], [[0, 0, 0], [0, 0, float(distance)]])
    calculator.calculate(atoms)
    return calculator.results["energy"]


def attractive(table):
    """Return for every pair the largest distance, closer than the frames ever were, at which it does not repel.

    Parameters
    ----------
    table : pandas.DataFrame
        From ``curves``.

    Returns
    -------
    dict
        Pair -> Å, or None where the pair repels from ``SHORTEST`` to 0.9 times its closest distance in the frames.
        Pairs without a closest distance are looked at up to 1 Å.
    """
    found = {}
    for pair, part in table.groupby("pair", sort=True):
        closest = part["closest_angstrom"].iloc[0]
        reach = 0.9 * closest if np.isfinite(closest) else 1.0
        r, energy = part["r_angstrom"].to_numpy(), part["energy_ev"].to_numpy()
        wrong = (np.diff(energy) >= 0) & (r[1:] <= reach)
        found[str(pair)] = float(r[1:][wrong].max()) if wrong.any() else None
    return found
