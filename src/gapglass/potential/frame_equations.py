"""Normal equations of every frame by itself, from which a fit on any choice of frames is solved in milliseconds.

They serve comparisons of thousands of training sets with one set of sparse points and hyperparameters: a fit adds the
equations of its frames, and errors on other frames follow from theirs. The rows are in white coordinates, in which the
prior is the identity (see ``cross_validation``); a potential that is delivered is solved by QR (``engine_fit``).
"""

from copy import copy
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers
from scipy import linalg

from gapglass.base.progress import Progress
from gapglass.frames import weights
from gapglass.potential import _engine, basis, prior_mean
from gapglass.potential.design import isolated_energies, virial_label
from gapglass.potential.engine import arrays
from gapglass.potential.failures import FitFailed
from gapglass.potential.white import White

LOST = 1e-10  # share of its terms below which the difference of a sum of squares is rounding
ILL_CONDITIONED = (
    "the normal equations of single frames are conditioned too badly for these hyperparameters; lower two_body_delta, "
    "or raise sigma_force and sigma_energy"
)


@dataclass
class Solution:
    """A fit.

    Attributes
    ----------
    weights : numpy.ndarray, shape (columns,)
        In white coordinates of terms with an energy scale of 1 eV.
    e0 : numpy.ndarray, shape (n_species,)
        Energies of isolated atoms (eV).
    factor : tuple
        Cholesky factor of the matrix of the equations in scaled coordinates, for ``scipy.linalg.cho_solve``; with a
        guide, the factor on it is the last unknown.
    """

    weights: np.ndarray
    e0: np.ndarray
    factor: tuple


class FrameEquations:
    """The equations of frames, and fits on some of them.

    Parameters
    ----------
    frames : list of ase.Atoms
        With their labels and those of a guide, if there is one, from which a repulsive core has been subtracted.
    terms : list of Term
        From ``basis.choose``.
    species : list of str
    virials : bool
        Whether virials train, of the frames that have them.
    folder : path-like
        For files that the engine reads.

    Attributes
    ----------
    n_atoms : numpy.ndarray of int, shape (n_frames,)
    columns : int
        Sparse points of all terms.
    energy_rows : numpy.ndarray, shape (n_frames, columns)
        Rows of the energies per atom.

    Raises
    ------
    EngineError
        When the engine refuses a frame.
    """

    def __init__(self, frames, terms, species, virials, folder):
        self.terms, self.species = terms, list(species)
        numbers = {atomic_numbers[symbol]: 0.0 for symbol in species}
        potential, evaluator = basis.compiled(terms, numbers, folder)
        self.columns, n = potential.columns, len(frames)
        self._white = White(terms)
        self.n_atoms = np.array([len(frame) for frame in frames])
        self.energy_rows = np.zeros((n, self.columns))
        self._shares, self._energies = np.zeros((n, len(species))), np.zeros(n)
        self._matrices = np.zeros((n, self.columns, self.columns))
        self._vectors, self._squares = np.zeros((n, self.columns)), np.zeros(n)
        self._virial_rows, self._virials = np.zeros((n, 6, self.columns)), np.zeros((n, 6))
        self._factors = np.ones((n, 3))
        # Of a guide, nan where a frame has none: energies per atom, K^T y and y^T y of the forces.
        self._of_guide = np.full(n, np.nan), np.full((n, self.columns), np.nan), np.full(n, np.nan)
        progress = Progress(n, "frames taken in")
        for i, frame in enumerate(frames):
            rows = basis.for_frame(i + 1, n, _engine.rows, evaluator, potential, *arrays(frame))
            self._take_in(i, frame, *rows, virials)
            progress.update(i + 1)

    def _take_in(self, i, frame, energy, forces, virial, virials):
        """Store the equations of a frame from its rows of the design matrix."""
        info, n_atoms, root = frame.info, len(frame), np.sqrt(len(frame))
        self._shares[i] = [(frame.symbols == symbol).mean() for symbol in self.species]
        self._energies[i] = info["REF_energy"] / n_atoms
        self.energy_rows[i] = self._white.rows(energy[None] / n_atoms)[0]
        white, labels = self._white.rows(forces), np.asarray(frame.arrays["REF_forces"], float).ravel()
        self._matrices[i], self._vectors[i], self._squares[i] = white.T @ white, white.T @ labels, labels @ labels
        if "guide_energy" in info:
            labels = np.asarray(frame.arrays["guide_forces"], float).ravel()
            found = info["guide_energy"] / n_atoms, white.T @ labels, labels @ labels
            for stored, value in zip(self._of_guide, found, strict=True):
                stored[i] = value
        if virials and "REF_virial" in info:
            self._virials[i] = virial_label(frame) / root
            self._virial_rows[i] = self._white.rows(virial) / root
        # What the square of a row of each kind is multiplied by in a fit.
        self._factors[i] = [multiplier**2 for multiplier in weights.multipliers(info).values()]

    def of_guide(self):
        """Return the equations of the same frames with energies and forces of a guide as labels.

        Virials and weights of the frames do not count. Frames without a guide (``labelled``) must not be asked for.
        """
        other = copy(self)
        other._energies, other._vectors, other._squares = self._of_guide
        other._factors = np.tile([1.0, 1.0, 0.0], (len(self.n_atoms), 1))
        return other

    @property
    def labelled(self):
        """Return whether the energy of each frame is known, shape (n_frames,)."""
        return np.isfinite(self._energies)

    # Fits

    def scale(self, hyperparameters):
        """Return the energy scale (eV) of every column."""
        return basis.by_column(self.terms, basis.deltas(self.terms, hyperparameters))

    def part(self, frame, hyperparameters):
        """Return what a frame adds to the matrix of the equations in scaled coordinates, shape (columns, columns)."""
        scale = self.scale(hyperparameters)
        return self.sums([frame], hyperparameters)[0] * np.outer(scale, scale)

    def prior(self, hyperparameters):
        """Return the matrix of the equations without frames, in scaled coordinates."""
        return np.eye(self.columns) + self._white.jitter * (1 / self.scale(hyperparameters) ** 2 - 1)[:, None]

    def sums(self, frames, hyperparameters):
        """Return what frames add to the equations, so that those of more frames follow by addition.

        Returns
        -------
        matrix : numpy.ndarray, shape (columns, columns)
        vector : numpy.ndarray, shape (columns,)
            With energies that hold those of isolated atoms.
        of_e0 : numpy.ndarray, shape (columns, n_species)
            Its product with the energies of isolated atoms (eV) is to be subtracted from the vector.
        """
        frames, h = np.asarray(frames, int), hyperparameters
        energy, force, virial = self._factors[frames].T
        weighted = self.energy_rows[frames] * (energy * self.n_atoms[frames] / h["sigma_energy"] ** 2)[:, None]
        matrix, vector = weighted.T @ self.energy_rows[frames], weighted.T @ self._energies[frames]
        for i, of_force, of_virial in zip(frames, force, virial, strict=True):
            matrix += self._matrices[i] * (of_force / h["sigma_force"] ** 2)
            vector += self._vectors[i] * (of_force / h["sigma_force"] ** 2)
            rows = self._virial_rows[i]
            matrix += rows.T @ rows * (of_virial / h["sigma_virial"] ** 2)
            vector += rows.T @ self._virials[i] * (of_virial / h["sigma_virial"] ** 2)
        return matrix, vector, weighted.T @ self._shares[frames]

    def solve(self, frames, hyperparameters, known=None, sums=None, guide=None):
        """Return the fit on frames.

        Parameters
        ----------
        frames : sequence of int
            Places in the list of frames.
        hyperparameters : dict
            sigma_energy (eV/atom), sigma_force (eV/Å), sigma_virial (eV/atom), delta, two_body_delta (eV).
        known : dict, optional
            Species -> eV of isolated atoms that are not fitted.
        sums : tuple, optional
            From ``sums`` of these frames, where they are known.
        guide : numpy.ndarray, shape (columns,), optional
            Weights of the fit to a guide, the prior mean of this fit up to a factor, which is fitted (``prior_mean``).

        Returns
        -------
        Solution

        Raises
        ------
        FitFailed
            When the equations cannot be solved in double precision.
        """
        frames, h = np.asarray(frames, int), hyperparameters
        e0, scale = self._isolated(frames, known, guide), self.scale(h)
        matrix, vector, of_e0 = self.sums(frames, h) if sums is None else sums
        vector = vector - of_e0 @ e0
        whole = matrix * np.outer(scale, scale) + self.prior(h)
        if guide is None:
            right = scale * vector
        else:
            of_guide = matrix @ guide
            vector = vector - of_guide
            whole, right = prior_mean.with_factor(
                whole, scale * vector, scale * of_guide, guide @ of_guide, guide @ vector
            )
        try:
            factor = linalg.cho_factor(whole)
        except linalg.LinAlgError:
            raise FitFailed(ILL_CONDITIONED) from None
        solved = linalg.cho_solve(factor, right)
        weights = scale * solved[: self.columns]
        return Solution(weights if guide is None else weights + (1 + solved[-1]) * guide, e0, factor)

    def _isolated(self, frames, known, guide=None):
        root = np.sqrt(self.n_atoms[frames] * self._factors[frames, 0])
        counts = self._shares[frames] * root[:, None]
        energies = self._energies[frames]
        if guide is not None:
            energies = energies - self.energy_rows[frames] @ guide
        return isolated_energies(counts, energies * root, self.species, known)

    # Errors

    def energy_errors(self, solution, frames):
        """Return label minus prediction of the energies of frames, shape (n,), eV/atom."""
        frames = np.asarray(frames, int)
        predicted = self.energy_rows[frames] @ solution.weights + self._shares[frames] @ solution.e0
        return self._energies[frames] - predicted

    def force_squares(self, solution, frames):
        """Return the sums of the squared errors of the force components of frames, shape (n,), (eV/Å)².

        Raises
        ------
        FitFailed
            When a sum is lost in the rounding of its terms.
        """
        return self._squares_of(solution, frames, self._products(solution, frames))

    def _products(self, solution, frames):
        """Return the product of the matrix of each frame's forces with the weights, shape (n, columns)."""
        return np.array([self._matrices[i] @ solution.weights for i in frames])

    def _squares_of(self, solution, frames, products):
        """Return ``force_squares`` from ``_products``."""
        x, found = solution.weights, []
        for i, product in zip(frames, products, strict=True):
            predicted = x @ product
            found.append(self._squares[i] - 2 * x @ self._vectors[i] + predicted)
            if found[-1] < LOST * (self._squares[i] + predicted):
                raise FitFailed(ILL_CONDITIONED)
        return np.array(found)

    def slopes(self, solution, frames, hyperparameters, weights, groups=None):
        """Return what every frame adds to the slopes of the objective and of the fit's own function.

        Parameters
        ----------
        weights : dict
            ``energy`` and ``force`` in the objective, the weighted geometric mean of their errors.
        groups : numpy.ndarray of int, shape (n,), optional
            Group of every frame. The objective is then the geometric mean over the groups, each with the weight of its
            number of frames, so that a fall by one per cent counts alike where errors are small and
            where they are large.

        Returns
        -------
        objective : numpy.ndarray, shape (n, columns)
            The sum is by how much the logarithm of the objective over the frames falls with the weights, in scaled
            coordinates.
        of_fit : numpy.ndarray, shape (n, columns)
            K^T Sigma^-1 r of every frame, of energies and forces, in scaled coordinates.
        """
        frames, h, scale = np.asarray(frames, int), hyperparameters, self.scale(hyperparameters)
        products = self._products(solution, frames)
        errors, squares = self.energy_errors(solution, frames), self._squares_of(solution, frames, products)
        energies = self.energy_rows[frames] * errors[:, None] * scale
        forces = (self._vectors[frames] - products) * scale
        objective = np.zeros_like(energies)
        for here in _members(groups, len(frames)):
            share = len(here) / len(frames)
            objective[here] = energies[here] * (share * weights["energy"] / max(np.sum(errors[here] ** 2), 1e-300))
            objective[here] += forces[here] * (share * weights["force"] / max(squares[here].sum(), 1e-300))
        of_energy, of_force, _ = self._factors[frames].T
        of_energy = of_energy * self.n_atoms[frames] / h["sigma_energy"] ** 2
        return objective, energies * of_energy[:, None] + forces * (of_force / h["sigma_force"] ** 2)[:, None]

    def forces_together(self, frames):
        """Return the sums over frames of K^T K, of K^T y and of y^T y of their forces, for ``log_objective``."""
        frames = np.asarray(frames, int)
        matrix = np.zeros((self.columns, self.columns))
        for i in frames:
            matrix += self._matrices[i]
        return matrix, self._vectors[frames].sum(axis=0), float(self._squares[frames].sum())

    def log_objective(self, solution, frames, together, weights):
        """Return the logarithm of the weighted geometric mean of the errors of frames, up to a constant.

        Parameters
        ----------
        together : tuple
            From ``forces_together`` of the frames.
        weights : dict
            ``energy`` and ``force``.

        Raises
        ------
        FitFailed
            When the sum of squares is lost in the rounding of its terms.
        """
        (matrix, vector, square), x = together, solution.weights
        errors, predicted = self.energy_errors(solution, frames), x @ matrix @ x
        found = square - 2 * x @ vector + predicted
        if found < LOST * (square + predicted):
            raise FitFailed(ILL_CONDITIONED)
        energy = 0.5 * np.log(max(errors @ errors, 1e-300))
        return weights["energy"] * energy + weights["force"] * 0.5 * np.log(max(found, 1e-300))

    def scatter(self, frames, hyperparameters):
        """Return K^T K of the energies per atom and of the force components of frames, in scaled coordinates."""
        scale, rows = np.outer(*[self.scale(hyperparameters)] * 2), self.energy_rows[np.asarray(frames, int)]
        return rows.T @ rows * scale, self.forces_together(frames)[0] * scale

    def rmse(self, solution, frames):
        """Return the RMSE of the energies (meV/atom) and of the force components (eV/Å) of frames."""
        energy, force = self.energy_errors(solution, frames), self.force_squares(solution, frames)
        n_components = 3 * self.n_atoms[np.asarray(frames, int)].sum()
        return 1000 * float(np.sqrt(np.mean(energy**2))), float(np.sqrt(force.sum() / n_components))


def _members(groups, n):
    """Return the places of each group, those of all frames without groups."""
    if groups is None:
        return [np.arange(n)]
    return [np.flatnonzero(groups == group) for group in np.unique(groups)]
