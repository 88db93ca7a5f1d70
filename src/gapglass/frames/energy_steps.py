"""Steps between groups of energies, which show frames of two different settings of the electronic structure.

Frames of one composition have energies per atom that differ by their temperature and structure, which is at most a few
tenths of an eV. Two functionals, pseudopotentials or cutoffs often differ by more.
"""

from collections import Counter
from itertools import combinations

import numpy as np
from ase.units import kB

STOP = 0.3  # eV/atom, together with 3 kB per kelvin
NOTE = 0.05  # eV/atom, within one temperature and density
SAME_DENSITY = 0.02  # relative
BIN_K = 100.0  # frames whose temperatures fall in one bin are compared as one group
SHOWN = 5  # steps in log and report
FEWEST = 3  # frames; fewer within one trajectory are outliers and no group


def steps(table):
    """Return the steps between groups of energies, the largest first.

    The frames of a trajectory with one composition at one temperature are a block. A block is cut where no frame lies
    within a gap of its energies; blocks are compared by their medians.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of frames/table.csv: trajectory, source_index, temperature_k, formula, energy_ev_per_atom,
        density_g_per_cm3.

    Returns
    -------
    list of dict
        formula, step_ev_per_atom, limit_ev_per_atom, stops, and ``groups``, two texts with number of frames, place and
        median energy.
    """
    found = []
    for formula, part in table.assign(formula=table["formula"].map(_reduced)).groupby("formula", sort=False):
        blocks = [
            {"name": name, "frames": frames}
            for (name, _), frames in part.groupby(["trajectory", (part["temperature_k"] / BIN_K).round()], sort=False)
        ]
        sizes, start = part["trajectory"].value_counts(), len(found)
        for block in blocks:
            found += _within(formula, block["name"], block["frames"])
        whole = [
            block for block in blocks if len(block["frames"]) >= FEWEST or len(block["frames"]) == sizes[block["name"]]
        ]
        found += [step for one, other in combinations(whole, 2) if (step := _between(formula, one, other))]
        stopping = [step for step in found[start:] if step["stops"]]
        if stopping and (step := _of_all(formula, part, max(step["limit_ev_per_atom"] for step in stopping))):
            found[start:] = [step, *(step for step in found[start:] if not step["stops"])]
    return sorted(found, key=lambda step: (not step["stops"], -step["step_ev_per_atom"]))


def _reduced(formula):
    """Return a formula divided by the largest common divisor of its numbers."""
    from ase.formula import Formula

    counts = Counter(Formula(formula).count())
    divisor = int(np.gcd.reduce(list(counts.values())))
    return "".join(f"{symbol}{n // divisor if n > divisor else ''}" for symbol, n in sorted(counts.items()))


def _within(formula, name, frames):
    """Return the step at the largest gap within a block, where at least ``FEWEST`` frames are on each side."""
    energies = frames["energy_ev_per_atom"].to_numpy()
    order = np.argsort(energies)
    gaps = np.diff(energies[order])
    inner = gaps[FEWEST - 1 : len(gaps) - FEWEST + 1]
    if not len(inner) or inner.max() < NOTE:
        return []
    cut = int(np.argmax(inner)) + FEWEST
    low, high = (frames.iloc[np.sort(part)] for part in (order[:cut], order[cut:]))
    step = float(high["energy_ev_per_atom"].median() - low["energy_ev_per_atom"].median())
    alike = _same_density(low, high)
    # A gap within a block may also divide two kinds of structure, unless the two follow each other in time.
    switches = int(np.count_nonzero(np.diff((energies > energies[order[cut - 1]]).astype(int))))
    if inner.max() < STOP and not alike:
        return []
    stops = bool(inner.max() > STOP and (switches <= 2 or alike))
    return [_step(formula, step, STOP, stops, (name, low), (name, high))]


def _between(formula, one, other):
    """Return the step between two blocks, None below the limits."""
    low, high = sorted((one, other), key=lambda block: block["frames"]["energy_ev_per_atom"].median())
    frames = low["frames"], high["frames"]
    energies = [part["energy_ev_per_atom"].median() for part in frames]
    step = float(energies[1] - energies[0])
    apart_k = abs(float(frames[0]["temperature_k"].mean() - frames[1]["temperature_k"].mean()))
    limit = STOP + 3 * kB * apart_k
    if step > limit:
        return _step(formula, step, limit, True, (low["name"], frames[0]), (high["name"], frames[1]))
    if step > NOTE and apart_k < BIN_K / 2 and _same_density(*frames):
        return _step(formula, step, limit, False, (low["name"], frames[0]), (high["name"], frames[1]))
    return None


def _of_all(formula, part, limit):
    """Return the step between all frames below and above the largest gap, None unless it is a clear one.

    Energies are compared after the potential energy of harmonic vibrations, 3/2 kB T per atom, is taken off.
    """
    reduced = (part["energy_ev_per_atom"] - 1.5 * kB * part["temperature_k"]).to_numpy()
    order = np.argsort(reduced)
    gaps = np.diff(reduced[order])
    cut = int(np.argmax(gaps)) + 1
    if gaps[cut - 1] < STOP:
        return None
    low, high = (part.iloc[np.sort(chosen)] for chosen in (order[:cut], order[cut:]))
    step = float(np.median(reduced[order[cut:]]) - np.median(reduced[order[:cut]]))
    return _step(formula, step, limit, True, (None, low), (None, high))


def _same_density(one, other):
    densities = [part["density_g_per_cm3"].median() for part in (one, other)]
    return abs(densities[0] / densities[1] - 1) < SAME_DENSITY


def _step(formula, step, limit, stops, *groups):
    return {
        "formula": formula,
        "step_ev_per_atom": round(step, 4),
        "limit_ev_per_atom": round(limit, 4),
        "stops": stops,
        "groups": [_group(name, frames) for name, frames in groups],
    }


def _group(name, frames):
    """Return a group in words; its frames may be of several trajectories if it has no ``name``."""
    parts = []
    for trajectory, of in frames.groupby("trajectory", sort=False) if name is None else [(name, frames)]:
        parts.append(
            f"{len(of)} frames of trajectory {trajectory!r} (frames {of['source_index'].min()} to "
            f"{of['source_index'].max()}, {of['temperature_k'].mean():.0f} K, "
            f"{of['density_g_per_cm3'].median():.3g} g/cm³)"
        )
    return f"{' and '.join(parts)} at {frames['energy_ev_per_atom'].median():.4f} eV/atom"


def text(step):
    """Return a step in words."""
    low, high = step["groups"]
    return f"{step['formula']}: {low}, and {high}: a step of {step['step_ev_per_atom']:.3f} eV/atom"


def refusal(found):
    """Return the message about steps that stop the study, an empty string if none does."""
    stopping = [step for step in found if step["stops"]]
    if not stopping:
        return ""
    listed = "\n".join(f"  - {text(step)} (at most {step['limit_ev_per_atom']:.2f} expected)" for step in stopping[:5])
    return (
        "energies of one composition fall into groups that temperature does not explain. Such steps come from two "
        "settings of the electronic structure (functional, pseudopotentials, cutoff), from wrong labels, or from a "
        f"wrong temperature of a trajectory:\n{listed}\n"
        "Leave out one of the groups (trajectories, start, stop, where), or, if all are right, set "
        "import: {accept_energy_steps: true}"
    )
