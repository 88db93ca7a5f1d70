"""Fingerprints of a frame: SOAP power spectra and a long-range matrix (Coulomb, sine or Ewald).

SOAP, the Coulomb matrix and the Ewald sum matrix come from DScribe. Matrices are kept as their lower triangle, row by
row, so that padding with zeros to a larger frame (the convention of Eq. 5) is appending zeros. DScribe takes a second to
import and is imported where it is used: most who read descriptors make none.
Source: Eq. 1-5 and 9 of doi:10.1111/jace.20128.
"""

import numpy as np

GTO_CUTOFF_ABOVE = 1  # Å; DScribe refuses shorter cutoffs with radial basis gto


def soap_descriptor(species, settings):
    """Return the DScribe SOAP object for these species and settings (section ``descriptors.soap``)."""
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
    """Return the SOAP fingerprint of a frame.

    Parameters
    ----------
    atoms : ase.Atoms
    descriptor : dscribe.descriptors.SOAP
        From ``soap_descriptor``.
    averaging : {"fingerprint", "environments"}
        Averaged over the atoms (for the right-hand side of Eq. 9), or one per atom (for the left-hand side).

    Returns
    -------
    numpy.ndarray, shape (n_features,), float64, or (n_atoms, n_features), float32
    """
    fingerprints = descriptor.create(atoms)
    return fingerprints.mean(axis=0) if averaging == "fingerprint" else fingerprints.astype(np.float32)
