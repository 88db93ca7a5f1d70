"""How the glass depends on the cooling rate: its numbers at each rate, and their change with the log of the rate.

With slower cooling a melt leaves equilibrium at a lower temperature, and the glass changes about linearly with the
logarithm of the rate (Vollmayr, Kob and Binder, doi:10.1103/PhysRevB.54.15808).
"""

import numpy as np

FEWEST_RATES = 3  # of a trend
COLUMNS = ["rate_k_per_ps", "quantity", "of", "value", "error", "reference"]


def of_model(rate, coordination, r_x, quenches, discard):
    """Return the numbers of the glass at one rate.

    Parameters
    ----------
    rate : float
        K/ps.
    coordination : pandas.DataFrame
        coordination.csv of the model, without rows if no replica has a structure.
    r_x : dict
        rx.json of the model.
    quenches : list of pandas.DataFrame
        quench.csv of each replica, without rows if it exploded.
    discard : float
        ``structure.discard_fraction``, the share at the start of the last stage that is left out.

    Returns
    -------
    list of dict
        rate_k_per_ps, quantity (coordination_number, r_x_percent, enthalpy_ev_per_atom or density_g_per_cm3), of (pair
        or what R_X is against), value, and error, that over replicas where there are several. For a single one it is
        that of block averages for coordination numbers, else NaN.
    """
    rows = [
        (
            "coordination_number",
            f"{row['centre']}-{row['neighbour']}",
            row["coordination_number"],
            row["standard_error"],
        )
        for _, row in coordination.iterrows()
        if row["neighbour"] != "all"
    ]
    rows += [
        ("r_x_percent", against, found["r_x_percent"], found.get("r_x_percent_error", np.nan))
        for against, found in r_x.items()
    ]
    ends = [_end_of(table, discard) for table in quenches if len(table)]
    for name in ("enthalpy_ev_per_atom", "density_g_per_cm3") if ends else ():
        values = np.array([end[name] for end in ends])
        error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
        rows.append((name, "", values.mean(), error))
    names = ("quantity", "of", "value", "error")
    return [{"rate_k_per_ps": rate} | dict(zip(names, row, strict=True)) for row in rows]


def _end_of(table, discard):
    """Return the means over the last stage of a quench, without its beginning."""
    last = table[table["stage"] == table["stage"].max()]
    return last[last["window"] > discard * last["window"].max()].mean(numeric_only=True)


def collect(models, reference, density):
    """Return the numbers at every rate as one table, beside those of the reference.

    Parameters
    ----------
    models : list of list of dict
        From ``of_model``, of every rate.
    reference : pandas.DataFrame
        coordination.csv of the reference.
    density : float
        g/cm³, of the reference.

    Returns
    -------
    pandas.DataFrame
        The columns of ``of_model`` and ``reference``, NaN where it has no such number; by quantity and rate. Density
        is left out where all models have one density, because no stage changes the cell.
    """
    import pandas as pd

    table = pd.DataFrame([row for rows in models for row in rows], columns=COLUMNS[:-1])
    known = {
        ("coordination_number", f"{row['centre']}-{row['neighbour']}"): row["coordination_number"]
        for _, row in reference.iterrows()
    } | {("density_g_per_cm3", ""): density}
    table["reference"] = [known.get(key, np.nan) for key in zip(table["quantity"], table["of"], strict=True)]
    densities = table.loc[table["quantity"] == "density_g_per_cm3", "value"]
    if len(densities) and np.ptp(densities) < 1e-4 * densities.mean():
        table = table[table["quantity"] != "density_g_per_cm3"]
    order = {name: place for place, name in enumerate(dict.fromkeys(table["quantity"]))}
    return table.sort_values(
        ["quantity", "of", "rate_k_per_ps"],
        key=lambda column: column.map(order) if column.name == "quantity" else column,
    ).reset_index(drop=True)


def trends(table):
    """Return the change of every number with the logarithm of the rate.

    Parameters
    ----------
    table : pandas.DataFrame
        From ``collect``.

    Returns
    -------
    pandas.DataFrame
        quantity, of, change (for ten times the rate), error (standard error from the residuals of the line), n_rates.
        Quantities at fewer than three rates are absent.
    """
    import pandas as pd

    rows = []
    for (quantity, of), part in table.fillna({"of": ""}).groupby(["quantity", "of"], sort=False):
        x, y = np.log10(part["rate_k_per_ps"].to_numpy()), part["value"].to_numpy()
        if len(set(x)) < FEWEST_RATES:
            continue
        from_mean = x - x.mean()
        change = from_mean @ y / (from_mean @ from_mean)
        residuals = y - y.mean() - change * from_mean
        error = np.sqrt(residuals @ residuals / (len(x) - 2) / (from_mean @ from_mean))
        rows.append({"quantity": quantity, "of": of, "change": change, "error": error, "n_rates": len(x)})
    return pd.DataFrame(rows, columns=["quantity", "of", "change", "error", "n_rates"])


def name(quantity, of):
    """Return a number of the glass in words: "O around Te", "R_X against experiment xrd (%)"."""
    if quantity == "coordination_number":
        centre, neighbour = of.split("-")
        return f"neighbours {neighbour} around {centre}"
    if quantity == "r_x_percent":
        return f"R_X against {of.replace('_', ' ', 1)} (%)"
    return {"enthalpy_ev_per_atom": "enthalpy (eV/atom)", "density_g_per_cm3": "density (g/cm³)"}[quantity]


def texts(table):
    """Return the trends in words, one line each: "neighbours O around Te: +0.010 ± 0.020, no change beyond the error".

    Parameters
    ----------
    table : pandas.DataFrame
        From ``trends``.
    """
    lines = []
    for _, row in table.iterrows():
        beyond = "" if abs(row["change"]) > 2 * row["error"] else ", no change beyond twice the error"
        lines.append(f"{name(row['quantity'], row['of'])}: {row['change']:+.2g} ± {row['error']:.1g}{beyond}")
    return lines


def reference_density(frames, temperature):
    """Return the mean density (g/cm³) of the reference at a temperature (K), NaN without a frame there.

    Parameters
    ----------
    frames : pandas.DataFrame
        frames/table.csv.
    temperature : float
    """
    chosen = (frames["role"] == "reference") & ((frames["temperature_k"] - temperature).abs() < 0.5)
    return float(frames.loc[chosen, "density_g_per_cm3"].mean())
