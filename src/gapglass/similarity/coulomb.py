"""Long-range matrix of a frame: Coulomb matrix (Eq. 5 of doi:10.1111/jace.20128), sine matrix or Ewald sum matrix.

A matrix is stored as its lower triangle, row by row, so that appending zeros pads it to a larger frame (the
convention of Eq. 5). DScribe, which computes the Coulomb matrix and the Ewald sum matrix, takes a second to import
and is imported only by the functions that need it.
"""

import numpy as np
from ase import Atoms


def coulomb_matrix(atoms, distances="as_given"):
    """Return the Coulomb matrix of Eq. 5 in the order of the atoms.

    Parameters
    ----------
    atoms : ase.Atoms
    distances : {"as_given", "minimum_image"}
        Whether a distance is that of the stored positions or that to the nearest periodic image.

    Returns
    -------
    numpy.ndarray, shape (n_atoms, n_atoms), atomic charge squared per Å off the diagonal
    """
    if distances == "as_given":
        from dscribe.descriptors import CoulombMatrix

        matrix = CoulombMatrix(n_atoms_max=len(atoms), permutation="none").create(_bare(atoms))
        return matrix.reshape(len(atoms), len(atoms))
    separation = atoms.get_all_distances(mic=True)
    np.fill_diagonal(separation, 1.0)
    return _charges_over(separation, atoms)


def sine_matrix(atoms):
    """Return the sine matrix Z_i Z_j / |B sin^2(pi B^-1 (r_i - r_j))| with 0.5 Z^2.4 on the diagonal.

    B holds the cell vectors and sin^2 acts on each fractional coordinate. Source: Faber et al., doi:10.1002/qua.24917.

    Returns
    -------
    numpy.ndarray, shape (n_atoms, n_atoms), atomic charge squared per Å off the diagonal

    Notes
    -----
    DScribe 2.1.2 has this matrix, but with ASE 3.26 and later it raises 'Use only one of "momenta" and "velocities"'
    for every frame: its System passes 15 positional arguments to ase.Atoms, which has one argument less than before,
    so that ``info`` is taken for ``velocities``. The tests compare this function with DScribe's after a correction of
    that call.
    """
    cell = np.asarray(atoms.cell)
    fractional = atoms.get_scaled_positions(wrap=False)
    waves = np.sin(np.pi * (fractional[:, None, :] - fractional[None, :, :])) ** 2
    separation = np.linalg.norm(waves @ cell, axis=2)
    np.fill_diagonal(separation, 1.0)
    return _charges_over(separation, atoms)


def ewald_matrix(atoms):
    """Return DScribe's Ewald sum matrix: the electrostatic energy of each pair of atoms with all their images.

    Source: Faber et al., doi:10.1002/qua.24917.

    Returns
    -------
    numpy.ndarray, shape (n_atoms, n_atoms)
    """
    from dscribe.descriptors import EwaldSumMatrix

    matrix = EwaldSumMatrix(n_atoms_max=len(atoms), permutation="none").create(_bare(atoms))
    return matrix.reshape(len(atoms), len(atoms))


def _bare(atoms):
    """Return a frame with species, positions and cell only: DScribe fails for frames with a calculator or momenta."""
    return Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)


def _charges_over(separation, atoms):
    """Return Z_i Z_j over the separation of each pair, with 0.5 Z^2.4 on the diagonal."""
    charge = atoms.numbers.astype(float)
    matrix = np.outer(charge, charge) / separation
    np.fill_diagonal(matrix, 0.5 * charge**2.4)
    return matrix


def coulomb_vector(atoms, matrix="coulomb", permutation="sorted_l2", distances="as_given"):
    """Return the long-range descriptor of a frame as the vector that is stored and compared.

    Parameters
    ----------
    atoms : ase.Atoms
    matrix : {"coulomb", "sine", "ewald"}
    permutation : {"sorted_l2", "none", "eigenspectrum"}
        Order rows and columns by decreasing L2 norm of the row, keep the order of the atoms, or take the eigenvalues
        in the order of decreasing magnitude.
    distances : {"as_given", "minimum_image"}
        See ``coulomb_matrix``; the other two matrices do not depend on it.

    Returns
    -------
    numpy.ndarray, float64
        The lower triangle with the diagonal, row by row, shape (n (n + 1) / 2,); the eigenvalues have shape (n,).
    """
    periodic = {"sine": sine_matrix, "ewald": ewald_matrix}
    values = coulomb_matrix(atoms, distances) if matrix == "coulomb" else periodic[matrix](atoms)
    if permutation == "eigenspectrum":
        spectrum = np.linalg.eigvalsh(values)
        return spectrum[np.argsort(-np.abs(spectrum), kind="stable")]
    if permutation == "sorted_l2":
        order = np.argsort(-np.linalg.norm(values, axis=1), kind="stable")
        values = values[np.ix_(order, order)]
    return values[np.tril_indices(len(values))]


def whole_matrix(vector):
    """Return the symmetric matrix, shape (n, n), of a lower triangle as ``coulomb_vector`` returns it."""
    n_rows = int(np.sqrt(2 * len(vector)))
    matrix = np.zeros((n_rows, n_rows))
    matrix[np.tril_indices(n_rows)] = vector
    return matrix + np.tril(matrix, -1).T
