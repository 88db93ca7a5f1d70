"""Coordination numbers along a thermal cycle, in windows of time, and at the plateaus of the reference."""

import numpy as np

from gapglass.structure.coordination import coordination
from gapglass.structure.displacements import COLUMNS as DISPLACEMENTS
from gapglass.structure.displacements import mean_square_displacements

WINDOWS = 8  # of each stage
LEAST_FRAMES = 4  # of a stage that is described
COLUMNS = ["stage", "window", "time_ps", "temperature_k", "enthalpy_ev_per_atom", "density_g_per_cm3"]


def windows_of(n_frames):
    """Return the frame numbers of up to 8 successive windows of a stage."""
    return np.array_split(np.arange(n_frames), min(WINDOWS, n_frames)) if n_frames else []


def coordination_of_stage(frames, cutoffs):
    """Return the coordination numbers of one stage in up to 8 windows of time.

    Parameters
    ----------
    frames : list of ase.Atoms
        At equal steps of time.
    cutoffs : dict
        "Te-O" -> Å.

    Returns
    -------
    pandas.DataFrame
        window (from 1), share_begin and share_end (of the stage, 0 to 1), and a column for each counted pair,
        "Te-O" (O around Te).
    """
    import pandas as pd

    rows = []
    for number, window in enumerate(windows_of(len(frames)), start=1):
        row = {
            "window": number,
            "share_begin": window[0] / len(frames),
            "share_end": (window[-1] + 1) / len(frames),
        }
        rows.append(row | pairs_of([frames[i] for i in window], cutoffs))
    return pd.DataFrame(rows)


def pairs_of(frames, cutoffs):
    """Return the mean coordination number of each pair, "Te-O" (O around Te), without sums over several species."""
    table = coordination(frames, cutoffs)
    table = table[table["neighbour"] != "all"]
    return {
        f"{centre}-{neighbour}": number
        for centre, neighbour, number in zip(
            table["centre"], table["neighbour"], table["coordination_number"], strict=True
        )
    }


def with_thermodynamics(table, thermo, n_atoms):
    """Return the windows of one stage with the means of time, temperature, enthalpy and density.

    Parameters
    ----------
    table : pandas.DataFrame
        From ``coordination_of_stage``.
    thermo : pandas.DataFrame
        Rows of thermo.csv of this stage: time_ps, temperature_k, total_energy_ev, pressure_gpa, volume_angstrom3,
        density_g_per_cm3.
    n_atoms : int

    Returns
    -------
    pandas.DataFrame
        With time_ps, temperature_k, enthalpy_ev_per_atom (total energy and pressure times volume) and
        density_g_per_cm3 besides.
    """
    from ase.units import GPa

    begin, length = thermo["time_ps"].iloc[0], thermo["time_ps"].iloc[-1] - thermo["time_ps"].iloc[0]
    share = (thermo["time_ps"] - begin) / (length or 1.0)
    work = thermo["pressure_gpa"] * thermo["volume_angstrom3"] * GPa
    thermo = thermo.assign(enthalpy_ev_per_atom=(thermo["total_energy_ev"] + work) / n_atoms)
    names = ["time_ps", "temperature_k", "enthalpy_ev_per_atom", "density_g_per_cm3"]
    table = table.copy()
    for index, row in table.iterrows():
        inside = (share >= row["share_begin"] - 1e-9) & (share <= row["share_end"] + 1e-9)
        for name in names:
            table.loc[index, name] = thermo.loc[inside, name].mean()
    return table


def of_thermodynamics(thermo, n_atoms):
    """Return the windows of the stages that are finished, without coordination numbers, which need the frames.

    Parameters
    ----------
    thermo : pandas.DataFrame
        thermo.csv of the finished stages.
    n_atoms : int

    Returns
    -------
    pandas.DataFrame
        The columns of ``COLUMNS``.
    """
    import pandas as pd

    tables = []
    for stage, part in thermo.groupby("stage"):
        places = windows_of(len(part))
        shares = {
            "stage": stage,
            "window": range(1, len(places) + 1),
            "share_begin": [window[0] / len(part) for window in places],
            "share_end": [(window[-1] + 1) / len(part) for window in places],
        }
        tables.append(with_thermodynamics(pd.DataFrame(shares), part, n_atoms)[COLUMNS])
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)


def of_cycle(stages, thermo, cutoffs, interval):
    """Return coordination, thermodynamics and displacements of a whole thermal cycle.

    Parameters
    ----------
    stages : dict
        Number of the stage -> (steps, frames) of its saved frames.
    thermo : pandas.DataFrame
        thermo.csv of the whole cycle.
    cutoffs : dict
        "Te-O" -> Å.
    interval : float
        ps of one step.

    Returns
    -------
    windows, displacements : pandas.DataFrame
        See ``coordination_of_stage``, ``with_thermodynamics`` and ``displacements``, with the column ``stage``.
    """
    import pandas as pd

    windows, moved = [], []
    for stage, (steps, frames) in stages.items():
        of_stage = thermo[thermo["stage"] == stage]
        if len(frames) < LEAST_FRAMES or of_stage.empty:
            continue
        table = with_thermodynamics(coordination_of_stage(frames, cutoffs), of_stage, len(frames[0]))
        windows.append(table.assign(stage=stage))
        apart = float(np.median(np.diff(steps))) * interval
        moved.append(mean_square_displacements(frames, apart).assign(stage=stage))
    if not windows:
        return pd.DataFrame(columns=COLUMNS), pd.DataFrame(columns=["stage", *DISPLACEMENTS])
    windows, moved = (pd.concat(tables, ignore_index=True) for tables in (windows, moved))
    return (
        windows.drop(columns=["share_begin", "share_end"]).pipe(lambda t: t[["stage", *t.columns.drop("stage")]]),
        moved[["stage", *DISPLACEMENTS]],
    )


def of_reference(frames, cutoffs):
    """Return coordination and displacements of the reference at each of its temperatures.

    Parameters
    ----------
    frames : list of ase.Atoms
        Canonical frames.
    cutoffs : dict
        "Te-O" -> Å.

    Returns
    -------
    plateaus, displacements : pandas.DataFrame
        temperature_k and a column for each counted pair; temperature_k with the columns of ``displacements``, of the
        longest run at each temperature whose frames are at equal steps of time.
    """
    import pandas as pd

    plateaus, moved = [], []
    reference = [frame for frame in frames if frame.info["role"] == "reference"]
    for temperature in sorted({frame.info["temperature"] for frame in reference}):
        here = [frame for frame in reference if frame.info["temperature"] == temperature]
        plateaus.append({"temperature_k": temperature} | pairs_of(here, cutoffs))
        run, interval = longest_run(here)
        if run:
            moved.append(mean_square_displacements(run, interval).assign(temperature_k=temperature))
    columns = ["temperature_k", *DISPLACEMENTS]
    return pd.DataFrame(plateaus), pd.concat(moved)[columns] if moved else pd.DataFrame(columns=columns)


def longest_run(frames):
    """Return the longest run of successive frames of one trajectory at equal steps of time, and its step (ps).

    Returns
    -------
    frames : list of ase.Atoms
        Empty where the frames state no times.
    interval : float or None
    """
    if any("time_ps" not in frame.info for frame in frames) or len(frames) < 2:
        return [], None
    times = np.array([frame.info["time_ps"] for frame in frames])
    names = [frame.info["trajectory"] for frame in frames]
    symbols = [str(frame.symbols) for frame in frames]
    steps = np.diff(times)
    if not (steps > 0).any():
        return [], None
    interval = float(np.median(steps[steps > 0]))
    best, begin = (0, 1), 0
    for number in range(1, len(frames) + 1):
        if (
            number == len(frames)
            or abs(steps[number - 1] - interval) > 0.01 * interval
            or names[number] != names[number - 1]
            or symbols[number] != symbols[number - 1]
        ):
            best = max(best, (begin, number), key=lambda run: run[1] - run[0])
            begin = number
    return frames[best[0] : best[1]], interval
