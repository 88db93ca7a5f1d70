"""Elastic constants of a crystal from the stress of strained copies, their symmetry and averages.

Voigt's order is xx yy zz yz xz xy, with engineering shear strains. Averages: R. Hill, Proc. Phys. Soc. A 65, 349
(1952), doi:10.1088/0370-1298/65/5/307; stability: F. Mouhat and F.-X. Coudert, Phys. Rev. B 90, 224104 (2014),
doi:10.1103/PhysRevB.90.224104.
"""

import numpy as np
from ase.units import GPa

SYMPREC = 0.01  # Å, by which an atom may be away from its place in the space group
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def strained(atoms, component, amount):
    """Return a copy of a crystal under one strain of Voigt's, cell and atoms deformed together.

    Parameters
    ----------
    atoms : ase.Atoms
    component : int
        0 to 5, in Voigt's order.
    amount : float
        Engineering strain.
    """
    deformation = np.eye(3)
    i, j = VOIGT[component]
    if i == j:
        deformation[i, i] += amount
    else:
        deformation[i, j] += amount / 2
        deformation[j, i] += amount / 2
    copy = atoms.copy()
    copy.set_cell(atoms.cell.array @ deformation, scale_atoms=True)
    return copy


def elastic_constants(atoms, relax, strain):
    """Return the elastic constants of a crystal without stress, by central differences of the stress.

    Parameters
    ----------
    atoms : ase.Atoms
        Relaxed, its cell too, because the stress of a strained crystal under stress does not give the constants.
    relax : callable
        Relaxes the positions of a strained copy in its cell and returns its stress (eV/Å³, in Voigt's order), None
        where that fails.
    strain : float
        Each strain is applied with both signs.

    Returns
    -------
    numpy.ndarray or None, shape (6, 6)
        GPa; column j is the derivative by strain j, so the matrix is symmetric only as far as it is exact. None where
        a strained copy cannot be relaxed.
    """
    columns = []
    for component in range(6):
        stresses = [relax(strained(atoms, component, sign * strain)) for sign in (1, -1)]
        if any(stress is None for stress in stresses):
            return None
        columns.append((stresses[0] - stresses[1]) / (2 * strain) / GPa)
    return np.array(columns).T


def symmetry(atoms):
    """Return the space group of a crystal, "P6_3mc (186)", and the rotations of its point group.

    Parameters
    ----------
    atoms : ase.Atoms

    Returns
    -------
    space_group : str
        "unknown" where spglib finds none.
    rotations : numpy.ndarray, shape (n, 3, 3)
        Orthogonal matrices that turn Cartesian vectors.
    """
    import spglib

    spglib.error.OLD_ERROR_HANDLING = False  # else it warns and returns None
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    try:
        found = spglib.get_symmetry_dataset(cell, symprec=SYMPREC)
    except spglib.SpglibError:
        return "unknown", np.eye(3)[None]
    vectors = atoms.cell.array.T
    turned = vectors @ np.unique(found.rotations, axis=0) @ np.linalg.inv(vectors)
    # The cell has its symmetry only within SYMPREC; the nearest orthogonal matrix takes the rest away.
    u, _, v = np.linalg.svd(turned)
    return f"{found.international} ({found.number})", u @ v


def symmetrised(constants, rotations):
    """Return the mean of elastic constants over the rotations of a crystal.

    Parameters
    ----------
    constants : numpy.ndarray, shape (6, 6)
    rotations : numpy.ndarray, shape (n, 3, 3)

    Returns
    -------
    numpy.ndarray, shape (6, 6)
        Symmetric.
    """
    tensor = np.empty((3, 3, 3, 3))
    constants = (constants + constants.T) / 2
    for a, (i, j) in enumerate(VOIGT):
        for b, (k, m) in enumerate(VOIGT):
            tensor[i, j, k, m] = tensor[j, i, k, m] = tensor[i, j, m, k] = tensor[j, i, m, k] = constants[a, b]
    mean = np.mean([np.einsum("ai,bj,ck,dm,ijkm->abcd", r, r, r, r, tensor, optimize=True) for r in rotations], axis=0)
    return np.array([[mean[i, j, k, m] for k, m in VOIGT] for i, j in VOIGT])


def averages(constants):
    """Return the moduli of a polycrystal and whether the crystal is stable.

    Parameters
    ----------
    constants : numpy.ndarray, shape (6, 6)
        GPa, symmetric.

    Returns
    -------
    dict
        ``stable`` (whether all eigenvalues are positive), and for bulk and shear ``{modulus}_voigt_gpa``,
        ``{modulus}_reuss_gpa`` and ``{modulus}_hill_gpa``; those of Reuss and Hill are None for an unstable crystal.
        Under pressure, a crystal whose cell may change its shape has Reuss' bulk modulus.
    """
    normal, shear, mixed = np.trace(constants[:3, :3]), np.trace(constants[3:, 3:]), _mixed(constants)
    voigt = {"bulk": (normal + 2 * mixed) / 9, "shear": (normal - mixed + 3 * shear) / 15}
    stable = bool(np.linalg.eigvalsh(constants).min() > 0)
    found = {"stable": stable}
    reuss = {"bulk": None, "shear": None}
    if stable:
        inverse = np.linalg.inv(constants)
        normal, shear, mixed = np.trace(inverse[:3, :3]), np.trace(inverse[3:, 3:]), _mixed(inverse)
        reuss = {"bulk": 1 / (normal + 2 * mixed), "shear": 15 / (4 * normal - 4 * mixed + 3 * shear)}
    for name in ("bulk", "shear"):
        found[f"{name}_voigt_gpa"] = float(voigt[name])
        found[f"{name}_reuss_gpa"] = float(reuss[name]) if stable else None
        found[f"{name}_hill_gpa"] = float((voigt[name] + reuss[name]) / 2) if stable else None
    return found


def _mixed(constants):
    """Return the sum of the constants 12, 13 and 23."""
    return constants[0, 1] + constants[0, 2] + constants[1, 2]
