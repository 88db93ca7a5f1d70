"""Fingerprints of a frame: averaged SOAP power spectrum and Coulomb matrix.

Both come from DScribe where it has them. The Coulomb matrix is kept as its lower triangle, row by row, so that
padding with zeros to a larger frame (the convention of Eq. 5) is appending zeros.
Source: Eq. 1-5 and 9 of doi:10.1111/jace.20128.
"""

import numpy as np
from dscribe.descriptors import SOAP, CoulombMatrix


def soap_descriptor(species, settings):
    """Return the DScribe SOAP object for these species and settings (section ``descriptors.soap``)."""
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


def average_fingerprint(atoms, descriptor):
    """Return the SOAP fingerprint of a frame averaged over its atoms (right-hand side of Eq. 9).

    Parameters
    ----------
    atoms : ase.Atoms
    descriptor : dscribe.descriptors.SOAP
        From ``soap_descriptor``.

    Returns
    -------
    numpy.ndarray, shape (n_features,), float64
    """
    return descriptor.create(atoms).mean(axis=0)


def coulomb_matrix(atoms, distances="as_given"):
    """Return the Coulomb matrix of Eq. 5 in the order of the atoms.

    Parameters
    ----------
    atoms : ase.Atoms
    distances : {"as_given", "minimum_image"}
        Whether the distance is between the positions as they stand or to the nearest periodic image.

    Returns
    -------
    numpy.ndarray, shape (n_atoms, n_atoms), atomic charge squared per Å off the diagonal
    """
    if distances == "as_given":
        bare = atoms if atoms.calc is None else atoms.copy()
        matrix = CoulombMatrix(n_atoms_max=len(atoms), permutation="none").create(bare)
        return matrix.reshape(len(atoms), len(atoms))
    charge = atoms.numbers.astype(float)
    separation = atoms.get_all_distances(mic=True)
    np.fill_diagonal(separation, 1.0)
    matrix = np.outer(charge, charge) / separation
    np.fill_diagonal(matrix, 0.5 * charge**2.4)
    return matrix


def coulomb_vector(atoms, permutation="sorted_l2", distances="as_given"):
    """Return the Coulomb descriptor as the vector that is stored and compared.

    Parameters
    ----------
    atoms : ase.Atoms
    permutation : {"sorted_l2", "none", "eigenspectrum"}
        Order rows and columns by falling L2 norm of the row, leave them, or take the eigenvalues by falling magnitude.
    distances : {"as_given", "minimum_image"}

    Returns
    -------
    numpy.ndarray, float64
        For matrices the lower triangle with diagonal, row by row, shape (n (n + 1) / 2,); for eigenspectrum shape (n,).
    """
    matrix = coulomb_matrix(atoms, distances)
    if permutation == "eigenspectrum":
        values = np.linalg.eigvalsh(matrix)
        return values[np.argsort(-np.abs(values), kind="stable")]
    if permutation == "sorted_l2":
        order = np.argsort(-np.linalg.norm(matrix, axis=1), kind="stable")
        matrix = matrix[np.ix_(order, order)]
    return matrix[np.tril_indices(len(matrix))]
