"""Thermodynamic output of LAMMPS: rows of a log, and the tables of stages and cycles in the units of gapglass."""

import re

from gapglass.base.units import BAR_PER_GPA

COLUMNS = {
    "Step": "step",
    "Temp": "temperature_k",
    "PotEng": "potential_energy_ev",
    "TotEng": "total_energy_ev",
    "Press": "pressure_gpa",
    "Volume": "volume_angstrom3",
    "Density": "density_g_per_cm3",
    "c_closest": "min_distance_angstrom",
}


def thermo_table(rows, number, timestep):
    """Return the thermodynamics of one stage as a table.

    Parameters
    ----------
    rows : list of dict
        From ``thermo_rows``, in LAMMPS' metal units (pressure in bar).
    number : int
        Number of the stage, from 1.
    timestep : float
        fs.

    Returns
    -------
    pandas.DataFrame
        ``stage``, ``step``, ``time_ps`` since the start of the stage, and the other values of ``COLUMNS``. Without
        rows the table has its columns only.
    """
    import pandas as pd  # a job that only tries LAMMPS needs no tables

    table = pd.DataFrame(rows, columns=list(COLUMNS), dtype=float).rename(columns=COLUMNS)
    table.insert(0, "stage", number)
    table.insert(2, "time_ps", table["step"] * timestep / 1000)
    table["step"] = table["step"].astype(int)
    table["pressure_gpa"] /= BAR_PER_GPA
    return table


def join_thermo(tables):
    """Return the tables of all stages as one, with ``time_ps`` since the start of the cycle.

    A stage after an explosion has an empty table, which adds nothing.
    """
    import pandas as pd

    if all(table.empty for table in tables):
        return tables[0]
    joined, offset = [], 0.0
    for table in tables:
        if table.empty:
            continue
        table = table.copy()
        table["time_ps"] += offset
        offset = table["time_ps"].iloc[-1]
        joined.append(table)
    return pd.concat(joined, ignore_index=True)


def thermo_rows(output):
    """Return the thermo rows of the last run in a LAMMPS output, each as a dictionary of LAMMPS' column names."""
    rows, columns = [], None
    for line in output.splitlines():
        words = line.split()
        if words[:1] == ["Step"]:
            rows, columns = [], words
        elif line.startswith("Loop time"):
            columns = None
        elif columns and len(words) == len(columns):
            try:
                rows.append(dict(zip(columns, map(float, words), strict=True)))
            except ValueError:
                continue
    return rows


def rate(output):
    """Return the steps per second of the last run in a LAMMPS output."""
    found = re.findall(r"Loop time of (\S+) on \d+ procs for (\d+) steps", output)
    seconds, steps = found[-1]
    return int(steps) / float(seconds)
