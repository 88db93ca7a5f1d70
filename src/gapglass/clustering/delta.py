"""Choice of delta, the weight of the Coulomb kernel, by the energy spread inside the clusters.

Source: section 2.4 of doi:10.1111/jace.20128.
"""

import pandas as pd

WITHOUT_ENERGIES = 0.5  # both kernels, which have one scale, count alike
COLUMNS = [
    "delta",
    "n_clusters",
    "mean_sigma_energy_mev_per_atom",
    "weighted_sigma_energy_mev_per_atom",
    "n_singletons",
    "coulomb_share",
    "converged",
]


def compare_deltas(summaries):
    """Return the table of the clusterings of all deltas (clusters/delta.csv), in the order given.

    Parameters
    ----------
    summaries : list of dict
        See ``scan.summarise``, each with its ``delta`` and ``coulomb_share``, from ``kernels.coulomb_share``.

    Returns
    -------
    pandas.DataFrame
    """
    return pd.DataFrame(summaries)[COLUMNS]


def choose_delta(table, choose_from="interior", choose_by="mean"):
    """Return the row of a table of ``compare_deltas`` with the lowest energy spread.

    Parameters
    ----------
    table : pandas.DataFrame
    choose_from : {"interior", "all"}
        Only 0 < delta < 1 (the paper), or all deltas.
    choose_by : {"mean", "weighted"}
        Mean over clusters (the paper), or mean weighted by cluster size. For equal means the lowest delta is taken.
        Where frames have no energy, the delta nearest to ``WITHOUT_ENERGIES`` is.

    Returns
    -------
    pandas.Series
    """
    allowed = table[(table["delta"] > 0) & (table["delta"] < 1)] if choose_from == "interior" else table
    if allowed[f"{choose_by}_sigma_energy_mev_per_atom"].isna().all():
        return allowed.loc[(allowed["delta"] - WITHOUT_ENERGIES).abs().sort_values(kind="stable").index[0]]
    return allowed.sort_values([f"{choose_by}_sigma_energy_mev_per_atom", "delta"], kind="stable").iloc[0]
