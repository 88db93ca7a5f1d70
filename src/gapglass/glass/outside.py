"""Where a quench leaves what the frames know: composition, density, temperature, closest distances and energy.

A potential interpolates between its frames. Beyond them it extrapolates, which may go well; so this is counted and
reported, and stops nothing. Only an energy below that of every frame makes a glass not to be believed: the potential
has a false minimum there.
"""

import math
from collections import Counter
from dataclasses import dataclass, field, replace

from gapglass.base.units import AMU_PER_A3_IN_G_PER_CM3
from gapglass.frames.geometry import REACH, closest_of, farthest_first_of, keep
from gapglass.glass import outcomes
from gapglass.glass.guards import pairs_of

DENSITY_MARGIN = 0.01  # cells are written with few digits, so a density this near the frames' counts as theirs
TEMPERATURE_MARGIN = 0.05
WINDOW = 5  # the temperature is averaged over this part of a stage, because that of a small cell fluctuates
N_SIGMA = 3
ENERGY = "energy"  # a finding that makes the glass not to be believed, see ``doubts.judged``
ENERGY_MARGIN = 0.01  # eV/atom; a potential that errs more is of no use
AS_COLD = (1.2, 50.0)  # frames up to so many times the temperature of a stage, and K more, may be compared with it


@dataclass(frozen=True)
class Known:
    """What the frames contain.

    ``closest``: pair of species -> smallest distance (Å). ``density``: lowest and highest (g/cm³). ``temperature``:
    highest (K). ``shares``: species -> lowest and highest share of the atoms. ``energies``: composition, temperature
    (K) and lowest energy (eV/atom) of the frames of every plateau. ``farthest``: "Te to O" -> largest distance (Å) of
    an atom from its first neighbour.
    """

    closest: dict
    density: tuple
    temperature: float
    shares: dict
    energies: tuple = ()
    farthest: dict = field(default_factory=dict)

    def widened(self, more, *, bare=False):
        """Return what the frames contain together with harvested ones.

        Parameters
        ----------
        more : dict or None
            closest, farthest, density and temperature of these, from ``of_frames``.
        bare : bool
            Whether ``farthest`` is widened too. A potential that was taught frames with bare atoms knows them, so it
            needs not ask for them again; but a glass that keeps such atoms is as wrong as before.
        """
        if not more:
            return self
        closest, farthest = dict(self.closest), dict(self.farthest)
        keep(min, closest, more["closest"])
        if bare:
            keep(max, farthest, more.get("farthest", {}))
        ends = [*self.density, *more["density"]]
        hottest = max(self.temperature, more["temperature"])
        density = min(ends), max(ends)
        return replace(self, closest=closest, farthest=farthest, density=density, temperature=hottest)


def known(table, summary):
    """Return what the frames contain, isolated atoms apart.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv.
    summary : dict
        frames/import.json.

    Returns
    -------
    Known
    """
    from ase.formula import Formula

    table = table[table["n_atoms"] > 1]
    counts = [Formula(text).count() for text in table["formula"].unique()]
    species = {symbol for each in counts for symbol in each}
    shares = {symbol: [each.get(symbol, 0) / sum(each.values()) for each in counts] for symbol in species}
    return Known(
        closest={pair: at for pair, at in summary["closest_distance_angstrom"].items() if at is not None},
        density=(float(table["density_g_per_cm3"].min()), float(table["density_g_per_cm3"].max())),
        temperature=float(table["temperature_k"].max()),
        shares={symbol: (min(found), max(found)) for symbol, found in shares.items()},
        energies=_lowest_energies(table),
        farthest=summary.get("farthest_first_neighbour_angstrom", {}),  # absent in results of an older version
    )


def _lowest_energies(table):
    """Return composition, temperature (K) and lowest energy (eV/atom) of the labelled frames of every plateau."""
    from ase.formula import Formula

    table = table[table["energy_ev_per_atom"].notna() & table["temperature_k"].notna()]
    lowest = table.groupby(["formula", "temperature_k"])["energy_ev_per_atom"].min()
    return tuple(
        (composition(Formula(formula).count()), float(kelvin), float(energy))
        for (formula, kelvin), energy in lowest.items()
    )


def composition(counts):
    """Return (species, number of atoms) with the smallest whole numbers, in a form that can be compared."""
    divisor = math.gcd(*counts.values())
    return tuple((symbol, counts[symbol] // divisor) for symbol in sorted(counts))


def of_frames(frames):
    """Return what harvested frames contain, as ``Known.widened`` takes it; their temperatures are in ``info``.

    Parameters
    ----------
    frames : list of ase.Atoms
        At least one.
    """
    densities = [frame.get_masses().sum() * AMU_PER_A3_IN_G_PER_CM3 / frame.get_volume() for frame in frames]
    return {
        "closest": closest_of(frames),
        "farthest": farthest_first_of(frames),
        "density": [float(min(densities)), float(max(densities))],
        "temperature": max(float(frame.info["temperature"]) for frame in frames),
    }


def findings(stage, thermo, symbols, distances, known):
    """Return where a stage leaves what the frames know.

    Parameters
    ----------
    stage : int
        Number of the stage, from 1.
    thermo : pandas.DataFrame
        From ``thermo.thermo_table``.
    symbols, distances
        Of the saved frames of the stage, from ``closeness.distances_of``.
    known : Known

    Returns
    -------
    list of dict
        stage, what (composition, density, temperature, closest or energy), pair (closest only, else None), share (of
        the frames or rows of the stage that are outside), value (the farthest), known (that of the frames), and text.
    """
    found = [*_composition(symbols, known), *_density(thermo, known), *_temperature(thermo, len(symbols), known)]
    found += [*_closest(distances, known), *_energy(thermo, symbols, known)]
    return [{"stage": stage, **item} for item in found]


def of_models(paths):
    """Return the findings of every glass model that has some, from the paths of ``outcomes.of_models``."""
    return outcomes.entries_of_models(paths, "outside")


def _finding(what, share, value, limit, text, pair=None):
    return {"what": what, "pair": pair, "share": round(share, 4), "value": value, "known": limit, "text": text}


def _composition(symbols, known):
    counts = Counter(symbols)
    for symbol in sorted(counts):
        share, (low, high) = counts[symbol] / len(symbols), known.shares.get(symbol, (0.0, 0.0))
        if not low - 1e-6 <= share <= high + 1e-6:
            text = f"{100 * share:.1f} % of its atoms are {symbol}, frames {_range(100 * low, 100 * high, '.1f')} %"
            yield _finding("composition", 1.0, share, [low, high], text)
    for pair in pairs_of(counts):
        if pair not in known.closest:
            yield _finding("closest", 1.0, None, None, f"the frames never hold {pair} together", pair)


def _density(thermo, known):
    density, (low, high) = thermo["density_g_per_cm3"], known.density
    outside = (density < low * (1 - DENSITY_MARGIN)) | (density > high * (1 + DENSITY_MARGIN))
    if not outside.any():
        return
    values = density[outside]
    farthest = values.max() if values.max() - high > low - values.min() else values.min()
    frames = _range(low, high, ".3f")
    text = f"density {farthest:.3f} g/cm³, frames {frames} g/cm³, in {_percent(outside)} of the stage"
    yield _finding("density", float(outside.mean()), float(farthest), [low, high], text)


def _temperature(thermo, n_atoms, known):
    if not len(thermo) or not n_atoms:
        return
    window = max(1, len(thermo) // WINDOW)
    fluctuation = math.sqrt(2 / (3 * n_atoms) / window)  # relative standard deviation of the mean of a window
    limit = known.temperature * (1 + max(TEMPERATURE_MARGIN, N_SIGMA * fluctuation))
    means = thermo["temperature_k"].rolling(window).mean().dropna()
    outside = means > limit
    if outside.any():
        text = (
            f"temperature {means.max():.0f} K, frames up to {known.temperature:.0f} K, "
            f"in {_percent(outside)} of the stage"
        )
        yield _finding("temperature", float(outside.mean()), float(means.max()), known.temperature, text)


def _closest(distances, known):
    """Yield the pairs that came closer than in any frame, which at ratios far below 1 is the begin of a collapse."""
    seen = {pair: [] for pair in known.closest}
    for found in distances:
        for pair, distance in found.items():
            if pair in seen and distance < min(known.closest[pair], REACH):
                seen[pair].append(distance)
    for pair, closer in sorted(seen.items()):
        if closer:
            share, least = len(closer) / len(distances), min(closer)
            text = (
                f"{pair} down to {least:.2f} Å, frames down to {known.closest[pair]:.2f} Å "
                f"(ratio {least / known.closest[pair]:.2f}), in {100 * share:.3g} % of its frames"
            )
            yield _finding("closest", share, least, known.closest[pair], text, pair)


def _energy(thermo, symbols, known):
    """Yield an energy (mean over the second half of the stage) below that of every frame as cold."""
    if not len(thermo) or not symbols:
        return
    own = composition(Counter(symbols))
    of_composition = [(at, low) for of, at, low in known.energies if of == own]
    if not of_composition:
        return
    half = thermo.iloc[len(thermo) // 2 :]
    energy, kelvin = half["potential_energy_ev"].mean() / len(symbols), half["temperature_k"].mean()
    factor, more = AS_COLD
    # A glass is colder than a liquid and lies lower by right, so hotter frames say nothing.
    lowest = [low for at, low in of_composition if at <= factor * kelvin + more]
    if lowest and energy < min(lowest) - ENERGY_MARGIN:
        text = (
            f"energy {energy:.3f} eV/atom at {kelvin:.0f} K, below that of every frame (down to {min(lowest):.3f} "
            "eV/atom), so the potential has a false minimum here"
        )
        yield _finding(ENERGY, 1.0, float(energy), min(lowest), text)


def _range(low, high, form):
    """Return two numbers as a range, one number where both look alike."""
    return " to ".join(dict.fromkeys((format(low, form), format(high, form))))


def _percent(outside):
    return f"{100 * outside.mean():.3g} %"
