"""SOAP power spectra of a frame, averaged over its atoms or one per atom (Eq. 1, 2 and 9 of doi:10.1111/jace.20128).

The spectra come from DScribe, which takes a second to import and is imported only by the function that needs it.
"""

import numpy as np

GTO_CUTOFF_ABOVE = 1  # Å; DScribe refuses shorter cutoffs with radial basis gto


def soap_descriptor(species, settings):
    """Return the DScribe SOAP object of a set of species.

    Parameters
    ----------
    species : iterable of str
        Chemical symbols.
    settings : dict
        Section ``descriptors.soap``: cutoff (Å), n_max, l_max, atom_sigma (Å), radial_basis.

    Returns
    -------
    dscribe.descriptors.SOAP
    """
    from dscribe.descriptors import SOAP

    return SOAP(
        species=sorted(species),
        r_cut=settings["cutoff"],
        n_max=settings["n_max"],
        l_max=settings["l_max"],
        sigma=settings["atom_sigma"],
        rbf=settings["radial_basis"],
        periodic=True,
        average="off",
    )


def soap_features(atoms, descriptor, averaging="fingerprint"):
    """Return the SOAP power spectra of a frame.

    Parameters
    ----------
    atoms : ase.Atoms
    descriptor : dscribe.descriptors.SOAP
        From ``soap_descriptor``.
    averaging : {"fingerprint", "environments"}
        The average over the atoms (for the right-hand side of Eq. 9), or one spectrum per atom (for the left-hand
        side).

    Returns
    -------
    numpy.ndarray, shape (n_features,), float64, or (n_atoms, n_features), float32
    """
    spectra = descriptor.create(atoms)
    return spectra.mean(axis=0) if averaging == "fingerprint" else spectra.astype(np.float32)
