"""Vibrational density of states from velocities at equal steps of time.

``g(f) = 3 sum_i m_i P_i(f) / int sum_i m_i P_i(f) df``, with the power spectrum P_i of the velocity of atom i, is the
Fourier transform of the mass-weighted velocity autocorrelation function (Dickey and Paskin,
doi:10.1103/PhysRev.188.1407). Its integral over the frequency is 3, the modes of an atom. The contribution of an
element is the sum over its atoms, so contributions add up to the total; with equipartition the integral of a
contribution is three times the share of the element.

P is the mean over segments with a Hann window that overlap by half (Welch, doi:10.1109/TAU.1967.1161901).
"""

import numpy as np

from gapglass.structure.displacements import unwrapped
from gapglass.structure.pairs import standard_error
from gapglass.structure.quench import longest_run
from gapglass.structure.replicas import WARNING

HANN_BINS = 1.5  # equivalent noise bandwidth of a Hann window, in steps of the frequency
LEAST_SHARE = 0.01  # of the largest density, at the highest frequency that is named; noise has less
ATOMS_AT_ONCE = 1000
TOTAL = "vdos_per_thz"
INVERSE_CM_PER_THZ = 33.35640952  # 1e12 / (100 c), c = 299792458 m/s
MEV_PER_THZ = 4.135667697  # h / e
SMALLEST_DIFFERENCE = 0.1  # of the temperature; the spectrum of a harmonic solid does not change with it at all


def segment_time(resolution):
    """Return the length (ps) of a segment that resolves frequencies by ``resolution`` (THz)."""
    return HANN_BINS / resolution


def density_of_states(velocities, symbols, interval, resolution, differences=False):
    """Return the vibrational density of states, total and by element.

    Parameters
    ----------
    velocities : numpy.ndarray, shape (n_frames, n_atoms, 3)
        In any unit.
    symbols : sequence of str, shape (n_atoms,)
        They give the masses, the standard ones as in LAMMPS' input.
    interval : float
        ps between two frames.
    resolution : float
        THz, the width over which the density is averaged.
    differences : bool
        Whether the velocities are differences of positions over the interval. Their spectrum is lower by
        sinc(f interval)^2, which is then taken out.

    Returns
    -------
    pandas.DataFrame
        frequency_thz, frequency_inverse_cm, energy_mev; vdos_per_thz and vdos_{element}_per_thz (1/THz), each with
        its standard error over segments as ``*_error``, NaN for a single segment.

    Raises
    ------
    ValueError
        When the frames are fewer than one segment.
    """
    import pandas as pd
    from ase.data import atomic_masses, atomic_numbers
    from scipy.signal import periodogram

    length = round(segment_time(resolution) / interval)
    starts = range(0, len(velocities) - length + 1, max(1, length // 2))
    if length < 4 or not len(starts):
        raise ValueError(f"{len(velocities)} frames, {length} make a segment")
    symbols = np.asarray(symbols)
    masses = np.array([atomic_masses[atomic_numbers[symbol]] for symbol in symbols])
    drift = np.einsum("a,faj->fj", masses / masses.sum(), velocities, dtype=float)
    elements = sorted(set(symbols))
    power = np.zeros((len(elements), len(starts), length // 2 + 1))
    for place, element in enumerate(elements):
        of_element = np.flatnonzero(symbols == element)
        for atoms in np.array_split(of_element, -(-len(of_element) // ATOMS_AT_ONCE)):
            moving = velocities[:, atoms] - drift[:, None]
            for number, start in enumerate(starts):
                frequency, found = periodogram(
                    moving[start : start + length], 1 / interval, window="hann", detrend=False, axis=0
                )
                power[place, number] += np.einsum("a,faj->f", masses[atoms], found)
    if differences:
        power /= np.sinc(frequency * interval) ** 2
    # A one-sided spectrum counts the power of both signs of a frequency; at its ends SciPy does not, because the bins
    # there are half as wide. A density has no such dip.
    power[..., 0] *= 2
    if length % 2 == 0:
        power[..., -1] *= 2
    power *= 3 / np.trapezoid(power.mean(axis=1).sum(axis=0), frequency)
    table = {
        "frequency_thz": frequency,
        "frequency_inverse_cm": frequency * INVERSE_CM_PER_THZ,
        "energy_mev": frequency * MEV_PER_THZ,
    }
    for name, samples in ((TOTAL, power.sum(axis=0)), *zip(map(column, elements), power, strict=True)):
        table |= {name: samples.mean(axis=0), f"{name}_error": standard_error(samples)}
    return pd.DataFrame(table)


def column(element):
    """Return the name of the column with the contribution of an element."""
    return f"vdos_{element}_per_thz"


def highest_frequency(table):
    """Return the highest frequency (THz) at which the density of states is at least 1 % of its maximum."""
    density = table[TOTAL].to_numpy()
    return float(table["frequency_thz"].iloc[np.flatnonzero(density >= LEAST_SHARE * density.max())[-1]])


def of_reference(frames, resolution, highest):
    """Return the density of states of the reference from its positions, or why it has none.

    Saved velocities would not help where the frames are too far apart: what vibrates faster than twice an interval
    appears at a lower frequency in velocities as in positions.

    Parameters
    ----------
    frames : list of ase.Atoms
        Canonical frames of one temperature. The longest run of them at equal steps of time is taken.
    resolution : float
        THz.
    highest : float or None
        THz, the highest frequency of the models, None without a model.

    Returns
    -------
    table : pandas.DataFrame or None
    text : str
        One line: from which run the table is, or why there is none.
    """
    run, interval = longest_run(frames)
    if not run:
        return None, "its frames are not at known, equal steps of time"
    limit = 1 / (2 * interval)
    needed = segment_time(resolution)
    spacing = f"its frames are {1000 * interval:.3g} fs apart and resolve frequencies below {limit:.3g} THz"
    if highest is None:
        return None, "no model tells up to which frequency its frames would have to resolve vibrations"
    if limit < highest:
        return None, f"{spacing}; the models vibrate at up to {highest:.3g} THz"
    if (len(run) - 1) * interval < needed:
        return None, (
            f"its longest run at equal steps of time lasts {(len(run) - 1) * interval:.3g} ps; a resolution of "
            f"{resolution:g} THz needs {needed:.3g} ps"
        )
    velocities = np.diff(unwrapped(run), axis=0) / interval
    table = density_of_states(velocities, run[0].get_chemical_symbols(), interval, resolution, differences=True)
    return table, f"differences of the positions of {len(run)} successive frames; {spacing}"


def header(resolution, interval, run, warning=None):
    """Return the lines for the head of a file: formula, normalisation, resolution, and the run in words.

    Parameters
    ----------
    resolution : float
        THz.
    interval : float or None
        ps between two frames.
    run : str
    warning : str or None
        From ``unsettled``.
    """
    lines = [
        "vibrational density of states: power spectrum of the mass-weighted velocities, integral over the frequency 3 "
        "(modes of an atom), contributions of the elements add up to the total",
        f"Hann windows of {segment_time(resolution):.3g} ps that overlap by half, resolution {resolution:g} THz",
    ]
    if interval:
        lines.append(
            f"velocities every {1000 * interval:.3g} fs resolve frequencies below {1 / (2 * interval):.4g} THz"
        )
    return [*lines, run, *([WARNING + warning] if warning else [])]


def run_in_words(thermo, n_atoms):
    """Return in words the mean temperature of a run at constant energy and the drift of its energy.

    Parameters
    ----------
    thermo : pandas.DataFrame
        time_ps, temperature_k and total_energy_ev of the run.
    n_atoms : int
    """
    drift = np.polyfit(thermo["time_ps"], thermo["total_energy_ev"], 1)[0] / n_atoms * 1000
    return (
        f"run at constant energy, {thermo['time_ps'].iloc[-1]:g} ps at {thermo['temperature_k'].mean():.0f} K on "
        f"average, drift of the energy {drift:.2g} meV/atom/ps"
    )


def unsettled(thermo, n_atoms, temperature):
    """Return in words that a run at constant energy has left the temperature of its stage, None if it has not.

    The energy of the moment at which a thermostat is switched off fluctuates; in a harmonic solid the mean temperature
    afterwards has the relative standard deviation 1 / sqrt(3 N). A larger difference, of three of them and at least a
    tenth, means that the glass was still relaxing: the energy that it loses heats it.

    Parameters
    ----------
    thermo : pandas.DataFrame
        temperature_k of the run.
    n_atoms : int
    temperature : float
        K, of the thermostat of the last stage.
    """
    found = float(thermo["temperature_k"].mean())
    if abs(found / temperature - 1) <= max(SMALLEST_DIFFERENCE, 3 / np.sqrt(3 * n_atoms)):
        return None
    return (
        f"the run at constant energy has {found:.0f} K on average, and the last stage {temperature:g} K: the glass "
        "was not settled, a longer last stage of glass.cycle helps"
    )
