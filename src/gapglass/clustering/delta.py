"""Choice of delta, the weight of the Coulomb kernel, by the energy spread inside the clusters.

Source: section 2.4 of doi:10.1111/jace.20128.
"""

import numpy as np
import pandas as pd

from gapglass.clustering.scan import energy_spread

WITHOUT_ENERGIES = 0.5  # both kernels, which have one scale, count alike
GROUPS = 20  # of frames near in time, of which one at a time is left out
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


def groups_in_time(table):
    """Return the group (0 to ``GROUPS`` - 1) of every frame: stretches of each plateau, so that none loses all frames.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv.

    Returns
    -------
    numpy.ndarray of int, shape (n_frames,)
    """
    plateaus = table.groupby(["trajectory", "temperature_k"], sort=False, dropna=False)
    return (plateaus.cumcount() * GROUPS // plateaus["frame"].transform("size")).to_numpy()


def differences(labels, energies, groups, chosen, choose_by="mean"):
    """Return how far the energy spread of every delta lies above that of the chosen one, with its standard error.

    The error comes from the delete-a-group jackknife (Kott, J. Official Statistics 17 (2001) 521): the difference is
    computed again without each group of frames. Neighbouring frames are alike, so groups, not frames, are left out.
    The clusters stay as they are; that other frames may give another number of clusters is not part of the error.

    Parameters
    ----------
    labels : list of numpy.ndarray of int, shape (n,)
        Clusters of the frames for each delta.
    energies : numpy.ndarray, shape (n,), eV/atom
    groups : numpy.ndarray of int, shape (n,)
        From ``groups_in_time``.
    chosen : int
        Place of the chosen delta.
    choose_by : {"mean", "weighted"}

    Returns
    -------
    pandas.DataFrame
        difference_mev_per_atom and difference_error_mev_per_atom; NaN where no frame has an energy.
    """

    def spreads(kept):
        values = [energy_spread(of[kept], energies[kept])[f"{choose_by}_sigma_energy_mev_per_atom"] for of in labels]
        values = np.array(values, float)
        return values - values[chosen]

    names = np.unique(groups)
    without = np.array([spreads(groups != name) for name in names])
    factor = (len(names) - 1) / len(names)
    return pd.DataFrame(
        {
            "difference_mev_per_atom": spreads(np.ones(len(energies), bool)),
            "difference_error_mev_per_atom": np.sqrt(factor * ((without - without.mean(axis=0)) ** 2).sum(axis=0)),
        }
    )
