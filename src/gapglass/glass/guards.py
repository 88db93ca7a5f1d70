"""Guards of a run: the closest distance that each pair of species may have, and the highest temperature.

Both follow what is known before the run: the distances follow the frames, and the temperature follows the state in
which the stage before ended.
"""

import logging
from dataclasses import dataclass
from itertools import combinations_with_replacement

from ase.data import atomic_numbers, covalent_radii

from gapglass.frames.geometry import REACH, closest_pairs

log = logging.getLogger("gapglass")


@dataclass(frozen=True)
class Limit:
    """The distance (Å) below which a pair of species stops a run, and the distance (Å) of which it is a share.

    ``closest`` is the smallest distance of the pair in the frames, None if they never hold it together.
    """

    distance: float
    closest: float | None
    origin: str


@dataclass(frozen=True)
class Guards:
    """The limits of a stage: pair of species -> ``Limit``, and the temperature (K) beyond which it has run away.

    ``hottest`` (K) is the highest temperature of the stage's plan and of the state from which the stage starts.
    """

    limits: dict
    hottest: float
    factor: float

    @property
    def max_temperature(self):
        """The temperature (K) that stops a run."""
        return self.factor * self.hottest


def sum_of_radii(pair):
    """Return the sum of the covalent radii (Å) of a pair, "H-O"."""
    return float(sum(covalent_radii[atomic_numbers[symbol]] for symbol in pair.split("-")))


def pairs_of(species):
    """Return the names of all pairs of species, "H-O" with the symbols in the order of the alphabet."""
    return [f"{first}-{second}" for first, second in combinations_with_replacement(sorted(species), 2)]


def reference_of(pair, closest):
    """Return the distance (Å) with which a pair of species is compared, and in words where it comes from.

    Parameters
    ----------
    pair : str
        "H-O".
    closest : dict
        As for ``limits_of``.
    """
    known = closest.get(pair)
    if known is None:
        radii = sum_of_radii(pair)
        return radii, f"{radii:.2f} Å, the sum of the covalent radii, because the frames never hold {pair} together"
    more = " or more" if known >= REACH else ""
    return float(known), f"{known:.2f} Å{more}, the closest that {pair} come in the frames"


def limits_of(closest, species, fraction):
    """Return the limit of every pair of species.

    Parameters
    ----------
    closest : dict
        "H-O" -> smallest distance (Å) of the pair in the frames; a pair that they never hold together is absent.
    species : iterable of str
        Species of the model.
    fraction : float
        ``glass.closest_fraction``, the share of that distance at which a run stops.

    Returns
    -------
    dict
        "H-O" -> ``Limit``.
    """
    limits = {}
    for pair in pairs_of(species):
        known, origin = reference_of(pair, closest)
        least = None if closest.get(pair) is None else known
        limits[pair] = Limit(fraction * known, least, f"glass.closest_fraction {fraction:g} of {origin}")
    return limits


def log_limits(limits):
    """Log the limit of every pair, and where it comes from."""
    for pair, limit in limits.items():
        log.info("%s closer than %.3f Å stop a run: %s", pair, limit.distance, limit.origin)


def too_close(atoms, limits):
    """Return the pair of a frame that is farthest below its limit with its distance (Å), None if no pair is."""
    if not limits:
        return None
    distances = closest_pairs(atoms, max(REACH, *(limit.distance for limit in limits.values())))
    shares = {
        pair: distance / limits[pair].distance
        for pair, distance in distances.items()
        if pair in limits and distance < limits[pair].distance
    }
    if not shares:
        return None
    worst = min(shares, key=shares.get)
    return worst, distances[worst]
