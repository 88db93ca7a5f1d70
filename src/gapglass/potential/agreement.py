"""Proof that the engine computes what QUIP computes, on frames of the study and on frames far from equilibrium.

A potential that differs between two programs by more than rounding is not the potential that was fitted. The frames of
the study test what the potential is used for; rattled and compressed frames test short distances and large forces.
"""

import logging
import re

import numpy as np

from gapglass.base import seeds
from gapglass.base.errors import UserError
from gapglass.base.log import notice
from gapglass.base.versions import versions
from gapglass.potential import engine, quip
from gapglass.potential.gap_xml import potential_descriptors

log = logging.getLogger("gapglass")

AS_GIVEN, RATTLED, COMPRESSED = "as given", "rattled", "compressed"
PER_TRAJECTORY = 3  # frames
DISPLACEMENT = 0.3  # Å, of every atom of a rattled frame, in a random direction
VOLUME = 0.85  # of a compressed frame, as a share of its volume
UNITS = {"energy": "eV/atom", "force": "eV/Å", "virial": "eV/atom"}
LIMITS = {"energy": 1e-6, "force": 1e-4, "virial": 1e-5}
# The radial basis of soap_turbo is close to linear dependence beyond n_max 6: at 8, descriptors of two programs differ
# by 4e-9, which large weights turn into some 1e-5 eV/atom.
MOST_RADIAL, ILL_CONDITIONED = 6, 20.0
RELATIVE = 1e-5  # of the largest value of a rattled or compressed frame, where that is more than the limit


def choose(trajectories, seed):
    """Return the numbers of the frames to compare, some of every trajectory.

    Parameters
    ----------
    trajectories : sequence of str
        The trajectory of every frame.
    seed : int
        Seed of the study.
    """
    trajectories = np.asarray(trajectories)
    chosen = []
    for name in dict.fromkeys(trajectories):
        here = np.flatnonzero(trajectories == name)
        rng = np.random.default_rng(seeds.derive(seed, "agreement", name))
        chosen += sorted(rng.choice(here, min(PER_TRAJECTORY, len(here)), replace=False).tolist())
    return chosen


def deformed(frame, seed):
    """Return kind -> copy of a frame: as it is, rattled by 0.3 Å, and compressed to 0.85 of its volume."""
    rattled, compressed = frame.copy(), frame.copy()
    directions = np.random.default_rng(seed).normal(size=frame.positions.shape)
    rattled.positions += DISPLACEMENT * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    compressed.set_cell(np.asarray(frame.cell) * VOLUME ** (1 / 3), scale_atoms=True)
    return {AS_GIVEN: frame.copy(), RATTLED: rattled, COMPRESSED: compressed}


def by_engine(potential, frames):
    """Return energy (eV), forces (eV/Å) and virial (eV, 3 x 3) of each frame by the engine."""
    calculator = engine.GAP(potential)
    found = []
    for frame in frames:
        bare = frame.copy()
        bare.calc = calculator
        found.append(
            (bare.get_potential_energy(), bare.get_forces(), -bare.get_volume() * bare.get_stress(voigt=False))
        )
    return found


def allowance(potential):
    """Return the factor on the limits for a potential: more than 1 where its radial basis is ill-conditioned."""
    numbers = [int(word) for text in potential_descriptors(potential) for word in _radial(text)]
    return ILL_CONDITIONED if max(numbers, default=0) > MOST_RADIAL else 1.0


def _radial(text):
    """Return the numbers of radial functions in the text of a soap_turbo descriptor."""
    found = re.search(r"alpha_max=\{([0-9 ]+)\}", text)
    return found.group(1).split() if found else []


def differences(ours, theirs, given=None, factor=1.0):
    """Return where two evaluations of one frame differ most.

    Parameters
    ----------
    ours, theirs : (float, numpy.ndarray, numpy.ndarray)
        Energy (eV), forces (eV/Å) and virial (eV).
    given : float, optional
        For a rattled or compressed frame, the energy (eV) of the frame as it was given. The limits of such a frame
        rise with its values; that of the energy rises with the work of the deformation, because the energy itself
        holds those of the isolated atoms.
    factor : float
        On the limits, see ``allowance``.

    Returns
    -------
    dict
        energy (eV/atom), force (eV/Å) and virial (eV/atom) -> ``difference``, its ``limit``, and ``values``, the two
        numbers.
    """
    n_atoms = len(ours[1])
    found = {}
    for quantity, mine, other in zip(UNITS, _per_atom(ours, n_atoms), _per_atom(theirs, n_atoms), strict=True):
        worst = int(np.argmax(np.abs(mine - other)))
        limit = factor * LIMITS[quantity]
        if given is not None:
            values = other - given / n_atoms if quantity == "energy" else other
            limit = max(limit, factor * RELATIVE * float(np.abs(values).max()))
        found[quantity] = {
            "difference": float(abs(mine - other)[worst]),
            "limit": limit,
            "values": [float(mine[worst]), float(other[worst])],
        }
    return found


def _per_atom(values, n_atoms):
    """Return energy (eV/atom), components of the forces (eV/Å) and of the virial (eV/atom) as flat arrays."""
    energy, forces, virial = values
    return np.array([energy]) / n_atoms, np.ravel(forces), np.ravel(virial) / n_atoms


def compare(potential, frames, seed):
    """Compare the engine with QUIP on frames and on rattled and compressed copies of them.

    Parameters
    ----------
    potential : path-like
        gap.xml.
    frames : list of ase.Atoms
        Canonical frames.
    seed : int
        Seed of the study.

    Returns
    -------
    dict
        ``agrees``; ``engine`` with the digest of its sources and its SIMD level; ``quip``, the release of quippy-ase;
        ``frames``, the numbers of the frames; and ``kinds``: kind -> quantity -> the largest share of a limit with the
        ``frame`` and its ``trajectory``, otherwise as from ``differences``.

    Raises
    ------
    UserError
        When one of the two gives no finite numbers, or does not accept the potential.
    """
    copies = [deformed(frame, seeds.derive(seed, "rattled", frame.info["frame"])) for frame in frames]
    flat = [copy for kinds in copies for copy in kinds.values()]
    ours, theirs = iter(by_engine(potential, flat)), iter(quip.evaluate(potential, flat))
    kinds, factor = {}, allowance(potential)
    for frame, of_frame in zip(frames, copies, strict=True):
        given = None
        for kind in of_frame:
            mine, other = next(ours), next(theirs)
            _refuse_not_finite(potential, frame, kind, {"the engine": mine, "QUIP": other})
            for quantity, item in differences(mine, other, given, factor).items():
                place = {"frame": int(frame.info["frame"]), "trajectory": frame.info["trajectory"]}
                known = kinds.setdefault(kind, {}).get(quantity)
                if known is None or _share(item) > _share(known):
                    kinds[kind][quantity] = {**item, **place}
            given = other[0] if given is None else given
    found = {
        "agrees": all(_share(item) <= 1 for of_kind in kinds.values() for item in of_kind.values()),
        "engine": {"sources": engine.source_digest(), "simd": engine.level()},
        "quip": versions()["quippy-ase"],
        "frames": [int(frame.info["frame"]) for frame in frames],
        "kinds": kinds,
    }
    for line in lines(found):
        log.info("%s", line)
    return found


def _share(item):
    """Return a difference as a share of its limit."""
    return item["difference"] / item["limit"]


def _refuse_not_finite(potential, frame, kind, evaluations):
    for whose, values in evaluations.items():
        if not all(np.isfinite(value).all() for value in values):
            raise UserError(
                f"{whose} gives energies, forces or virials that are no numbers with {potential} on frame "
                f"{frame.info['frame']} of {frame.info['trajectory']}, {kind}; fit the potential anew, with a larger "
                "potential.hyperparameters.sigma_energy or fewer sparse points"
            )


def _line(kind, quantity, item):
    """Return one comparison in words."""
    mine, other = item["values"]
    return (
        f"{quantity} of frame {item['frame']} of {item['trajectory']}, {kind}: engine {mine:.10g}, "
        f"QUIP {other:.10g}, difference {item['difference']:.2g} {UNITS[quantity]} (allowed {item['limit']:.2g})"
    )


def lines(found):
    """Return the largest difference of each kind and quantity in words, from the result of ``compare``."""
    return [
        _line(kind, quantity, item) for kind, of_kind in found["kinds"].items() for quantity, item in of_kind.items()
    ]


def disagreement(found):
    """Return what a user is told of differences beyond the limits, empty where there are none.

    Parameters
    ----------
    found : dict
        From ``compare``.
    """
    beyond = [
        _line(kind, quantity, item)
        for kind, of_kind in found["kinds"].items()
        for quantity, item in of_kind.items()
        if _share(item) > 1
    ]
    return f"the engine and QUIP do not give the same numbers: {'; '.join(beyond)}" if beyond else ""


def judge(potential, found, glass_engine):
    """Refuse a potential on which engine and QUIP disagree, where the glass models are made with the engine.

    Where they are made with QUIP no model depends on the engine, so the difference is logged and the study goes on.

    Parameters
    ----------
    potential : path-like
        gap.xml.
    found : dict
        From ``compare``.
    glass_engine : {"gapglass", "quip"}
        ``glass.engine``.

    Raises
    ------
    UserError
        Naming the frame, both numbers and what to do.
    """
    problem = disagreement(found)
    if problem and glass_engine == "gapglass":
        raise UserError(
            f"{potential}: {problem}. This is a mistake of gapglass, not yours: please report it with the potential "
            "and that frame. `glass.engine: quip` makes the glass models with QUIP instead"
        )
    if problem:
        notice("%s: %s", potential, problem)
