"""How far the environment of an atom is from those of the training frames: the deviation of known local energies.

A fit knows sums of local energies and their slopes, and leaves open how the energy of a frame is shared between the
elements, so the predicted deviation of one local energy is large everywhere (see ``gapglass.potential.variance``).
What remains of it if the local energies of the training atoms were labels tells familiar environments from new ones:
with k the covariances of an atom with the sparse points, K those among the sparse points and T those of the training
atoms of its species with the sparse points, the variance is ``k_** - k^T K^-1 k + k^T (K + T^T T / sigma²)^-1 k``
(deterministic training conditional; Quiñonero-Candela & Rasmussen, J. Mach. Learn. Res. 6, 1939 (2005), section 5).
It has the many-body term only: distances of pairs are compared by themselves.
"""

import numpy as np
from scipy import linalg

from gapglass.frames import geometry
from gapglass.potential import _engine, basis, sparse_points
from gapglass.potential.engine import arrays, call, level
from gapglass.potential.factors import JITTER, solve
from gapglass.potential.gap_xml import read_terms


class Environments:
    """The environments of the training frames of a potential, with which those of other frames are compared.

    Parameters
    ----------
    potential : path-like
        gap.xml with a many-body term for every species.
    frames : list of ase.Atoms
        Training frames.
    sigma : float
        Expected error (eV) of the local energy of a training atom; ``sigma_energy`` of the fit.

    Raises
    ------
    EngineError
        When the engine refuses the potential or a frame.
    """

    def __init__(self, potential, frames, sigma):
        self._descriptors = Descriptors(potential)
        terms = [term for term in read_terms(potential) if term.covariance == "dot_product"]
        self._known = {}
        for index, (number, term) in enumerate(zip(self._descriptors.species, terms, strict=True)):
            prior = term.among_points()
            prior[np.diag_indices_from(prior)] += JITTER
            found = [self._descriptors.of(frame, index) for frame in frames]
            rows = _covariances(term, np.concatenate(found)) / sigma
            _, triangle = solve([(rows, np.zeros(len(rows)))], prior)
            self._known[number] = (term, linalg.cholesky(prior, lower=True), triangle)

    def deviations(self, frame):
        """Return the deviation (eV) of every atom of a frame, shape (n_atoms,)."""
        found = np.zeros(len(frame))
        for index, number in enumerate(self._descriptors.species):
            here = frame.numbers == number
            if not here.any():
                continue
            term, prior, triangle = self._known[number]
            own = self._descriptors.of(frame, index)
            k = _covariances(term, own).T
            variance = term.delta**2 * (own**2).sum(axis=1) ** term.power
            variance -= (linalg.solve_triangular(prior, k, lower=True, check_finite=False) ** 2).sum(axis=0)
            variance += (linalg.solve_triangular(triangle, k, trans="T", check_finite=False) ** 2).sum(axis=0)
            found[here] = np.sqrt(np.maximum(variance, 0.0))
        return found

    def average(self, frame):
        """Return the mean descriptor of every species of the potential, joined, of length 1, shape (n_components,)."""
        return self._descriptors.average(frame)


class Descriptors:
    """The many-body descriptors of a potential.

    Parameters
    ----------
    potential : path-like
        gap.xml.

    Attributes
    ----------
    species : list of int
        Atomic number of the centre of every many-body term.
    """

    def __init__(self, potential):
        self._potential = call(_engine.Potential.read, str(potential))
        self._evaluator = call(_engine.Evaluator, self._potential, level())
        elements, terms = list(self._potential.elements), range(self._potential.many_body_terms)
        self.species = [elements[self._potential.centre(term)] for term in terms]

    def of(self, frame, term):
        """Return the descriptors of the atoms of a term's species, shape (n, n_components)."""
        return call(_engine.descriptors, self._evaluator, self._potential, term, *arrays(frame))

    def average(self, frame):
        """Return the mean descriptor of every species, joined, of length 1."""
        parts = []
        for term, number in enumerate(self.species):
            own = self.of(frame, term)
            parts.append(own.mean(axis=0) if (frame.numbers == number).any() else np.zeros(own.shape[1]))
        joined = np.concatenate(parts)
        return joined / np.linalg.norm(joined)


def _covariances(term, descriptors):
    """Return the covariances of descriptors with the sparse points of a term, shape (n, m), eV²."""
    points = term.points[:, : descriptors.shape[1]]
    return term.delta**2 * (descriptors @ points.T) ** term.power


def widened(potential, known, new):
    """Return the terms of a potential with sparse points from new frames besides its own, for another fit.

    A many-body term gets as many new points for an environment as it had for those of the known frames, each the
    least known one given all before. The grid of a two-body term is continued down to the closest distance.

    Parameters
    ----------
    potential : path-like
        gap.xml.
    known, new : list of ase.Atoms
        The training frames of the potential, and those that come.

    Returns
    -------
    terms : list of Term
        As from ``basis.choose``: energy scales of 1 eV, weights of zero.
    own : numpy.ndarray of int
        Columns of the sparse points of the potential itself.
    """
    descriptors, closest = Descriptors(potential), geometry.closest_of(new)
    terms, own, first, index = [], [], 0, 0
    for term in basis.unscaled(read_terms(potential)):
        if term.covariance == "ard_se":
            points = _continued(term.points[:, 0], closest.get(basis.pair_of(term.descriptor), np.inf))[:, None]
            more, fade = points, np.ones(len(points))
        else:
            number = descriptors.species[index]
            environments = np.concatenate([descriptors.of(frame, index) for frame in new])
            had = sum(int((frame.numbers == number).sum()) for frame in known)
            wanted = round(len(term.points) * len(environments) / had)
            before = term.points[:, : environments.shape[1]]
            chosen = sparse_points.pivoted_cholesky(environments, term.power, wanted, before)
            more, fade = np.zeros((len(chosen), term.points.shape[1])), np.ones(len(chosen))
            more[:, : environments.shape[1]] = environments[chosen]
            index += 1
        own.append(first + np.arange(len(term.points)))
        term.points, term.cutoff = np.concatenate([term.points, more]), np.concatenate([term.cutoff, fade])
        term.alpha = np.zeros(len(term.points))
        first += len(term.points)
        terms.append(term)
    return terms, np.concatenate(own)


def _continued(points, closest):
    """Return more points (Å) of an even grid, from its lower end down to a distance."""
    ordered = np.sort(points)
    step = float(ordered[1] - ordered[0]) if len(ordered) > 1 else 0.1
    count = int(np.ceil((ordered[0] - 0.5 * step - closest) / step)) if closest < ordered[0] - 0.5 * step else 0
    return ordered[0] - step * np.arange(1, count + 1)
