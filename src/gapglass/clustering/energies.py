"""The energies by which clusters are judged: those of the labels or, where frames lack them, those of a guide."""


def of_frames(table):
    """Return the energy (eV/atom) of every frame whose spread inside the clusters is measured.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv.

    Returns
    -------
    energies : numpy.ndarray, shape (n_frames,)
        Of the labels if every frame has one, else of the guide; NaN for frames without.
    source : {"labels", "guide", "none"}
        none where no frame has the energy of a guide.
    """
    if table["labelled"].all():
        return table["energy_ev_per_atom"].to_numpy(), "labels"
    found = table["guide_energy_ev_per_atom"]
    return found.to_numpy(), "none" if found.isna().all() else "guide"
