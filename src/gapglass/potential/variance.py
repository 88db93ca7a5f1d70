"""The predictive variance of the energy of one atom: the factors that the engine needs, and their file.

With k the covariances of an atom's energy with the sparse points, K the covariance matrix of the sparse points and
A = C^T Sigma^-1 C + K that of the fit, where C holds the covariances of the labels with the sparse points, the
variance is ``k_** - k^T K^-1 k + k^T A^-1 k`` (deterministic training conditional; Quiñonero-Candela & Rasmussen,
J. Mach. Learn. Res. 6, 1939 (2005), section 5, and doi:10.1021/acs.chemrev.1c00022). It is that of the local energy,
which has no label of its own: a measure of how far an environment is from the training set, not an error bar.
"""

import numpy as np
from ase.data import atomic_numbers
from scipy import linalg

from gapglass.base.errors import UserError
from gapglass.base.files import whole_file
from gapglass.potential import _engine
from gapglass.potential.engine import arrays, call, level
from gapglass.potential.gap_xml import potential_label


def factors(prior, triangle, points):
    """Return the factors of one species: the variance is ``k_** - |F_prior k|² + |F_posterior k|²``.

    Parameters
    ----------
    prior : numpy.ndarray, shape (m, m)
        Covariance matrix K of all sparse points, jitter included; block diagonal over the terms of the potential.
    triangle : numpy.ndarray, shape (m, m)
        Upper triangular R of the fit's QR, with R^T R = A.
    points : numpy.ndarray of int, shape (p,)
        Numbers of the sparse points of the terms that give an atom of the species energy, ascending.

    Returns
    -------
    prior_factor, posterior_factor : numpy.ndarray, shape (p, p)

    Raises
    ------
    numpy.linalg.LinAlgError
        When K is not positive definite.
    """
    points = np.asarray(points)
    eye = np.eye(len(points))
    lower = linalg.cholesky(prior[np.ix_(points, points)], lower=True)
    # With the columns of the species moved to the end, the last block of a new R is the factor of (A^-1)_pp alone.
    others = np.setdiff1d(np.arange(len(triangle)), points)
    last = linalg.qr(triangle[:, np.concatenate([others, points])], mode="r")[0][len(others) :, len(others) :]
    return (
        linalg.solve_triangular(lower, eye, lower=True),
        linalg.solve_triangular(last, eye, trans="T"),
    )


def write_factors(path, label, species):
    """Write the file that ``GAP(..., variance=path)`` and ``pair_style gapglass variance`` read.

    Parameters
    ----------
    path : path-like
    label : str
        Label of the potential, from ``gap_xml.potential_label``; the engine refuses factors of another potential.
    species : dict of int to (numpy.ndarray, numpy.ndarray)
        Atomic number -> prior and posterior factor, shapes (rows, p), for every element of the potential.
    """
    with whole_file(path) as temporary, temporary.open("wb") as stream:
        stream.write(f"gapglass-variance 1\nlabel {label}\n".encode())
        for number, (prior, posterior) in sorted(species.items()):
            stream.write(f"species {number} {prior.shape[1]} {len(prior)} {len(posterior)}\n".encode())
            for factor in (prior, posterior):
                stream.write(np.ascontiguousarray(factor, dtype="<f8").tobytes())


def of_species(terms, prior, triangle, species):
    """Return the factors of every species, as ``write_factors`` takes them.

    Parameters
    ----------
    terms : list of Term
        Of the potential, in the order of its sparse points: pairs of species, then species.
    prior, triangle : numpy.ndarray, shape (m, m)
        As for ``factors``.
    species : list of str

    Returns
    -------
    dict of int to (numpy.ndarray, numpy.ndarray)
    """
    numbers = sorted(atomic_numbers[symbol] for symbol in species)
    centres = [*((a, b) for i, a in enumerate(numbers) for b in numbers[i:]), *((number,) for number in numbers)]
    first, columns = 0, []
    for term in terms:
        columns.append(np.arange(first, first + len(term.points)))
        first += len(term.points)
    return {
        number: factors(
            prior,
            triangle,
            np.concatenate([own for own, centre in zip(columns, centres, strict=True) if number in centre]),
        )
        for number in numbers
    }


def write_posterior(path, label, triangle, scales, sigmas, guide=None):
    """Write what the predicted variances of a frame's energy and forces follow from (.npz).

    Parameters
    ----------
    path : path-like
    label : str
        Label of the potential.
    triangle : numpy.ndarray, shape (m, m)
        Upper triangular R of the fit, with R^T R = K^T Sigma^-1 K + K_MM; half of it is stored.
    scales : (float, float)
        From ``CrossValidation.variance_scales``, of energies and forces.
    sigmas : (float, float)
        Expected error of an energy (eV for the root of the number of atoms) and of a force component (eV/Å).
    guide : numpy.ndarray, shape (m - 1,), optional
        Weights of the fit to a guide; the last column of the triangle belongs to its factor.
    """
    with whole_file(path) as temporary:
        np.savez(
            temporary, label=label, m=len(triangle), triangle=triangle[np.triu_indices(len(triangle))],
            scales=scales, sigmas=sigmas, guide=np.zeros(0) if guide is None else guide,
        )  # fmt: skip


class Posterior:
    """Predicted standard deviations of the energy and forces of frames.

    They are those of a label: of the fit itself, ``|R^-T k|²`` for the row k of a quantity, and the expected error of
    the label, scaled so that they agree with the errors of the cross-validation. What the sparse points cannot
    represent is not part of them.

    Parameters
    ----------
    potential : path-like
        gap.xml.
    path : path-like
        From ``write_posterior``.

    Raises
    ------
    UserError
        When the file belongs to another potential.
    """

    def __init__(self, potential, path):
        with np.load(path) as stored:
            if str(stored["label"]) != potential_label(potential):
                raise UserError(f"{path} belongs to the potential {stored['label']}, not to {potential}; fit again")
            m = int(stored["m"])
            self._triangle = np.zeros((m, m))
            self._triangle[np.triu_indices(m)] = stored["triangle"]
            self.scales, self.sigmas, self.guide = stored["scales"], stored["sigmas"], stored["guide"]
        self._potential = call(_engine.Potential.read, str(potential))
        self._evaluator = call(_engine.Evaluator, self._potential, level())

    def deviations(self, frame):
        """Return the standard deviations of the energy (eV) and of the forces (eV/Å, shape (n_atoms, 3))."""
        energy, forces, _ = call(_engine.rows, self._evaluator, self._potential, *arrays(frame))
        rows = np.vstack([energy, forces])
        if len(self.guide):
            rows = np.column_stack([rows, rows @ self.guide])
        solved = linalg.solve_triangular(self._triangle, rows.T, trans="T", check_finite=False)
        variances = (solved**2).sum(axis=0)
        of_energy = self.scales[0] * (variances[0] + len(frame) * self.sigmas[0] ** 2)
        of_forces = self.scales[1] * (variances[1:] + self.sigmas[1] ** 2)
        return float(np.sqrt(of_energy)), np.sqrt(of_forces).reshape(-1, 3)


def calibration(posterior, frames, energies, forces):
    """Return the shares of errors inside one and two predicted standard deviations.

    Parameters
    ----------
    posterior : Posterior
    frames : list of ase.Atoms
        With labels, that the fit has not seen.
    energies, forces
        Of the potential, as from ``engine.predict``.

    Returns
    -------
    dict
        n_frames and, for energy and force, inside_1_sigma and inside_2_sigma (0.683 and 0.954 if errors are normally
        distributed as predicted) and mean_sigma (eV/atom, eV/Å).
    """
    ratios, deviations = {"energy": [], "force": []}, {"energy": [], "force": []}
    for frame, energy, force in zip(frames, energies, forces, strict=True):
        of_energy, of_force = posterior.deviations(frame)
        ratios["energy"].append([abs(energy - frame.info["REF_energy"]) / of_energy])
        ratios["force"].append((np.abs(force - frame.arrays["REF_forces"]) / of_force).ravel())
        deviations["energy"].append([of_energy / len(frame)])
        deviations["force"].append(of_force.ravel())
    found = {"n_frames": len(frames)}
    for name, parts in ratios.items():
        ratio = np.concatenate(parts)
        found[name] = {
            "inside_1_sigma": float((ratio <= 1).mean()),
            "inside_2_sigma": float((ratio <= 2).mean()),
            "mean_sigma": float(np.concatenate(deviations[name]).mean()),
        }
    return found
