"""The text of the many-body descriptor, which gap_fit and the engine both read."""


def many_body_text(hyperparameters, numbers, centre=None):
    """Return a many-body descriptor without what only one of its readers takes (sparse points, species of soap).

    Parameters
    ----------
    hyperparameters : dict
        Complete set, see ``config/README.md``.
    numbers : list of int
        Atomic numbers, ascending.
    centre : int, optional
        Place of the central atom's species in ``numbers``, from 1, for soap_turbo; without it the text is of soap.

    Returns
    -------
    str
        Lists stand in single braces.
    """
    h = hyperparameters
    if centre is None:
        return (
            f"soap cutoff={h['cutoff']} cutoff_transition_width={h['cutoff_width']} n_max={h['n_max']} "
            f"l_max={h['l_max']} atom_sigma={h['atom_sigma']} zeta={h['zeta']} delta={h['delta']}"
        )

    def each(value):
        return "{" + " ".join([str(value)] * len(numbers)) + "}"

    return (
        f"soap_turbo l_max={h['l_max']} alpha_max={each(h['n_max'])} atom_sigma_r={each(h['atom_sigma'])} "
        f"atom_sigma_t={each(h['atom_sigma'])} atom_sigma_r_scaling={each(0.0)} atom_sigma_t_scaling={each(0.0)} "
        f"zeta={h['zeta']} rcut_soft={round(h['cutoff'] - h['cutoff_width'], 6)} rcut_hard={h['cutoff']} "
        f"basis=poly3gauss scaling_mode=polynomial amplitude_scaling={each(1.0)} n_species={len(numbers)} "
        f"species_Z={{{' '.join(map(str, numbers))}}} central_index={centre} central_weight={each(1.0)} "
        "radial_enhancement=1 compress_mode=trivial covariance_type=dot_product"
    )
