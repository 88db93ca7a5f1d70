"""Errors of a fit on frames that it leaves out, for many sets of expected errors and energy scales, from one design.

The rows of every class are multiplied by the inverse Cholesky factor of the covariances of the sparse points. In these
coordinates the prior is the identity, an energy scale (delta) multiplies the columns of its term, fewer sparse points
are the first columns of each term, and the normal equations are as well conditioned as expected errors allow, so that
a set costs one Cholesky decomposition for each fold. Where expected errors are so small that rounding would hide the
prior in these equations, as with labels of a classical potential, QR solves them in about ten times the time. The
potential itself is always solved by QR (``engine_fit``).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg

from gapglass.frames import isolated
from gapglass.potential import basis, prior_mean
from gapglass.potential.factors import Factor, solve
from gapglass.potential.failures import FitFailed
from gapglass.potential.white import White

SIGMAS = ("sigma_energy", "sigma_force", "sigma_virial")
# Rounding of the largest element on the diagonal, relative to the smallest eigenvalue of the prior, above which normal
# equations are not used. On 810 frames of silica with 480 atoms, the errors of the folds then differ by 0.04 % from
# those of QR; at ten times this value Cholesky's decomposition fails.
LARGEST_ROUNDING = 0.05


@dataclass
class Normal:
    """Normal equations of rows K with labels y: K^T K, K^T y and y^T y."""

    matrix: np.ndarray
    vector: np.ndarray
    square: float

    @classmethod
    def of(cls, rows, labels):
        """Return those of rows, shape (n, m), and labels, shape (n,)."""
        return cls(rows.T @ rows, rows.T @ labels, float(labels @ labels))

    @classmethod
    def nothing(cls, columns):
        """Return those of no rows."""
        return cls(np.zeros((columns, columns)), np.zeros(columns), 0.0)

    def add(self, other):
        """Add the rows of other normal equations."""
        self.matrix += other.matrix
        self.vector += other.vector
        self.square += other.square


@dataclass
class Tested:
    """Rows K with labels y that test a fit, or the triangles of such rows.

    The errors are summed from K x - y. From normal equations they would be the difference of three large numbers where
    weights are large, as those of a two-body term are, and could come out as zero.

    Attributes
    ----------
    parts : list of (numpy.ndarray, numpy.ndarray)
        Rows, shape (n, m), and labels, shape (n,).
    """

    parts: list

    def residual(self, x):
        """Return |K x - y|²."""
        return float(sum(np.square(rows @ x - labels).sum() for rows, labels in self.parts))

    def less(self, x):
        """Return the rows with labels y - K x."""
        return Tested([(rows, labels - rows @ x) for rows, labels in self.parts])

    @property
    def square(self):
        """Return y^T y."""
        return float(sum(labels @ labels for _, labels in self.parts))


@dataclass
class Fold:
    """Normal equations of a fold's training rows (energies, forces, virials) and of the rows that test it.

    Attributes
    ----------
    train : list of Normal
    energy, forces : Tested
        Of energies per atom (eV/atom) and of forces (eV/Å).
    n_energy, n_force : float
        Sums of the weights of the rows that test.
    noise : list of float
        What the squares of sigma_energy and sigma_force are multiplied by in the sums of the expected squares of the
        errors of these rows: the sum of 1 over the number of atoms (an energy is expected to be wrong by sigma_energy
        times the root of it), and the number of rows.
    spread : float
        Sum of the squares of the energies per atom that test, from their mean (eV²).
    number : int
        Place of the fold in the list of folds.
    rows : tuple
        Rows of the energies that train (rows, numbers of atoms of each species, labels), see
        ``CrossValidation._energies``, and numbers of atoms of each species in the rows that test.
    guide : numpy.ndarray, shape (m,), optional
        Weights of the guide's fit without this fold; labels are then what it leaves.
    """

    train: list
    energy: Tested
    forces: Tested
    n_energy: float
    n_force: float
    noise: list
    spread: float
    number: int
    rows: tuple = ()
    guide: np.ndarray | None = None


class CrossValidation:
    """The folds of a design, in coordinates in which the prior is the identity.

    Parameters
    ----------
    design : Design
    terms : list of Term
        From ``basis.choose``.
    folds : list of (list of str, list of str)
        Classes that train and classes that test, of each fold; classes that the design does not hold are left out.
    known : dict, optional
        Energies of isolated atoms that are not fitted.
    refuse_above : float, optional
        Rounding in the normal equations, see ``LARGEST_ROUNDING``, above which a set is not solved by QR but has
        infinite errors, because other fits will be solved by normal equations.

    Raises
    ------
    FitFailed
        When no fold has frames that train and frames that test.
    """

    def __init__(self, design, terms, folds, known=None, refuse_above=None):
        self.terms, self.columns, self.refuse_above = terms, design.columns, refuse_above
        self._white = White(terms)
        self.jitter = self._white.jitter
        folds = [tuple([name for name in names if name in design.energies] for names in fold) for fold in folds]
        # A fold that trains on isolated atoms alone tells nothing of a potential.
        folds = {
            number: (trains, tests)
            for number, (trains, tests) in enumerate(folds)
            if set(trains) - {isolated.CLASS} and tests
        }
        if not folds:
            raise FitFailed("no training frames are left where others test; raise active_learning.increment")
        rows = {name: design.energy_rows([name]) for name in design.classes}
        white = {name: self._white.rows(rows[name][:, : self.columns]) for name in design.classes}
        self._design, self._reduced = design, {}
        self.known = {design.species.index(symbol) for symbol in known or {} if symbol in design.species}
        self.folds = [
            self._energies(number, design, *classes, known, rows, white) for number, classes in folds.items()
        ]
        # One class at a time is added to every fold, because the equations of all classes together are large.
        self._trains = {number: trains for number, (trains, _) in folds.items()}
        for name in design.classes:
            forces, labels = design.forces[name].parts()
            tested = self._white.rows(forces), labels
            forces, virials = Normal.of(*tested), self._normal(design.virials[name])
            for fold, (trains, tests) in zip(self.folds, folds.values(), strict=True):
                if name in trains:
                    fold.train[1].add(forces)
                    fold.train[2].add(virials)
                if name in tests:
                    fold.forces.parts.append(tested)
                    fold.n_force += design.weights[name]
                    fold.noise[1] += design.forces[name].n_rows

    def _normal(self, factor):
        rows, labels = factor.parts()
        return Normal.of(self._white.rows(rows), labels)

    def _energies(self, number, design, trains, tests, known, rows, white):
        """Return a fold with its energies: rows in white coordinates, numbers of atoms of each species, and labels."""
        e0 = design.e0(trains, known)

        def energies(names, per_atom):
            found = np.concatenate([rows[name] for name in names])
            scale = 1 / np.sqrt(found[:, -2]) if per_atom else np.ones(len(found))
            counts = found[:, self.columns : -3]
            labels = found[:, -3] - counts @ e0
            white_rows = np.concatenate([white[name] for name in names])
            return white_rows * scale[:, None], counts * scale[:, None], labels * scale, found[:, -1], scale

        of_train, (of_test, counts, labels, weights, scales) = energies(trains, False)[:3], energies(tests, True)
        mean = (labels * np.sqrt(weights)).sum() / weights.sum()
        return Fold(
            train=[
                Normal.of(of_train[0], of_train[2]),
                Normal.nothing(self.columns),
                Normal.nothing(self.columns),
            ],
            energy=Tested([(of_test, labels)]),
            forces=Tested([]),
            n_energy=float(weights.sum()),
            n_force=0.0,
            noise=[float((scales**2).sum()), 0.0],
            spread=float(((labels - mean * np.sqrt(weights)) ** 2).sum()),
            number=number,
            rows=(of_train, counts),
        )

    def weights_of_folds(self, hyperparameters):
        """Return the weights of every fold's fit in white coordinates, by the number of the fold.

        Parameters
        ----------
        hyperparameters : dict
            As for ``errors``.

        Raises
        ------
        numpy.linalg.LinAlgError
            When the equations cannot be solved.
        """
        return {fold.number: self._solved(fold, hyperparameters).weights(self.columns) for fold in self.folds}

    def _solved(self, fold, hyperparameters, exact=True):
        """Return the solution of a fold; if not ``exact``, by normal equations wherever they can be solved."""
        limits = LARGEST_ROUNDING if exact else np.inf, self.refuse_above
        try:
            with np.errstate(all="ignore"):  # scipy refuses numbers that are not finite
                return _Solved(self.terms, self.jitter, fold, hyperparameters, self.triangles, *limits)
        except ValueError as error:
            raise linalg.LinAlgError(str(error)) from None

    def triangles(self, number, n_sparse):
        """Return rows and labels of the forces and of the virials that train a fold, as triangles.

        Parameters
        ----------
        number : int
            Of the fold.
        n_sparse : int
            Only the columns of so many sparse points are taken. The triangles of the last number are kept.

        Returns
        -------
        list of (numpy.ndarray, numpy.ndarray)
            In white coordinates, shapes (n, m) and (n,).
        """
        known, found = self._reduced.get(number, (None, None))
        if known != n_sparse:
            taken, found = basis.columns_of_part(self.terms, n_sparse), []
            for factors in (self._design.forces, self._design.virials):
                whole = Factor(len(taken))
                for name in self._trains[number]:
                    rows, labels = factors[name].parts()
                    whole.add(self._white.rows(rows)[:, taken], labels)
                found.append(whole.parts())
            self._reduced[number] = n_sparse, found
        return found

    def guided(self, guide):
        """Return this cross-validation with a guide as prior mean.

        Parameters
        ----------
        guide : callable
            Number of sparse points -> weights of the guide's fit without each fold, from ``weights_of_folds``.

        Returns
        -------
        CrossValidation
            Its ``errors`` and ``variance_scales`` fit what the guide leaves, and a factor on the guide.
        """
        return _Guided(self, guide)

    def folds_for(self, n_sparse):
        """Return the folds for a number of sparse points."""
        return self.folds

    def spread(self):
        """Return the spread of the labels that test: energies (meV/atom, from their mean) and forces (eV/Å)."""
        return self._pooled([(fold.spread, fold.forces.square) for fold in self.folds])

    def _pooled(self, squares):
        energy = sum(square[0] for square in squares) / sum(fold.n_energy for fold in self.folds)
        force = sum(square[1] for square in squares) / sum(fold.n_force for fold in self.folds)
        return 1000 * float(np.sqrt(energy)), float(np.sqrt(force))

    def rounding(self, hyperparameters):
        """Return the rounding in the normal equations, see ``LARGEST_ROUNDING``, of the fold with the largest."""
        n_sparse = int(hyperparameters["n_sparse"])
        return max(rounding(self.terms, fold, hyperparameters) for fold in self.folds_for(n_sparse))

    def errors(self, hyperparameters, exact=True):
        """Return the errors of all folds together, each on the frames that its fit left out.

        Parameters
        ----------
        hyperparameters : dict
            sigma_energy (eV/atom), sigma_force (eV/Å), sigma_virial (eV/atom), delta, two_body_delta (eV), n_sparse.
        exact : bool
            Whether QR solves the folds whose normal equations rounding spoils; it takes about ten times as long.

        Returns
        -------
        float, float
            RMSE of energies (meV/atom) and of forces (eV/Å), weighted as the rows are; infinite where the equations
            cannot be solved.
        """
        squares = []
        for fold in self.folds_for(int(hyperparameters["n_sparse"])):
            try:
                solved = self._solved(fold, hyperparameters, exact)
            except linalg.LinAlgError:
                return np.inf, np.inf
            weights = solved.weights(self.columns)
            squares.append((fold.energy.residual(weights), fold.forces.residual(weights)))
        return self._pooled(squares)

    def variance_scales(self, hyperparameters):
        """Return the factors by which predicted variances of energies and forces agree with the errors of the folds.

        Only ratios of expected errors and energy scales decide a fit, so the size of its predicted variance is
        unknown; it follows from the mean squares of errors on frames that were left out.

        Parameters
        ----------
        hyperparameters : dict
            As for ``errors``.

        Returns
        -------
        float, float
        """
        h, totals = hyperparameters, np.zeros((2, 2))
        for fold in self.folds_for(int(h["n_sparse"])):
            solved = self._solved(fold, h)
            weights = solved.weights(self.columns)
            totals[0] += fold.energy.residual(weights), fold.forces.residual(weights)
            # The error that is expected of a label counts too: per atom for an energy, per component for a force.
            totals[1] += (
                solved.variance(fold.energy) + h["sigma_energy"] ** 2 * fold.noise[0],
                solved.variance(fold.forces) + h["sigma_force"] ** 2 * fold.noise[1],
            )
        return tuple(float(scale) for scale in totals[0] / totals[1])


class _Guided(CrossValidation):
    """A cross-validation whose labels are what the fit to a guide leaves of them."""

    def __init__(self, plain, guide):
        self.terms, self.columns, self.known, self.jitter = plain.terms, plain.columns, plain.known, plain.jitter
        self.folds, self.triangles, self.refuse_above = plain.folds, plain.triangles, plain.refuse_above
        self._guide, self._of_size = guide, {}

    def folds_for(self, n_sparse):
        """Return the folds for a number of sparse points, which decides the fit to the guide."""
        if n_sparse not in self._of_size:
            weights = self._guide(n_sparse)
            self._of_size[n_sparse] = [self._left(fold, weights[fold.number]) for fold in self.folds]
        return self._of_size[n_sparse]

    def _left(self, fold, guide):
        """Return a fold whose labels are what a guide leaves, energies of isolated atoms fitted to it."""
        (rows, counts, labels), test_counts = fold.rows
        free = [i for i in range(counts.shape[1]) if i not in self.known]
        left = labels - rows @ guide
        shift = np.zeros(counts.shape[1])
        shift[free] = np.linalg.lstsq(counts[:, free], left, rcond=1e-6)[0]

        def rest(normal):
            product = normal.matrix @ guide
            square = normal.square - 2 * guide @ normal.vector + guide @ product
            return Normal(normal.matrix, normal.vector - product, float(square))

        left -= counts @ shift
        energies = Normal.of(rows, left)
        ((test_rows, test_labels),) = fold.energy.less(guide).parts
        return replace(
            fold,
            train=[energies, *(rest(normal) for normal in fold.train[1:])],
            energy=Tested([(test_rows, test_labels - test_counts @ shift)]),
            forces=fold.forces.less(guide),
            rows=((rows, counts, left), test_counts),
            guide=guide,
        )


def rounding(terms, fold, hyperparameters):
    """Return the rounding in the normal equations of a fold, see ``LARGEST_ROUNDING``."""
    taken = basis.columns_of_part(terms, int(hyperparameters["n_sparse"]))
    scale = basis.by_column(terms, basis.deltas(terms, hyperparameters))[taken]
    squares = [max(hyperparameters[name] ** 2, np.finfo(float).tiny) for name in SIGMAS]
    largest = sum(np.diag(of.matrix)[taken] / square for of, square in zip(fold.train, squares, strict=True))
    # The jitter leaves the prior an eigenvalue of at least 1 / delta².
    return np.finfo(float).eps * (largest * scale**2).max() * max(1.0, scale.max() ** 2)


class _Solved:
    """The solution of a fold's equations for one set of hyperparameters.

    Raises
    ------
    numpy.linalg.LinAlgError
        When the equations cannot be solved.
    """

    def __init__(self, terms, jitter, fold, hyperparameters, triangles, largest_rounding, refuse_above):
        h = hyperparameters
        self.taken = basis.columns_of_part(terms, int(h["n_sparse"]))
        self.scale = basis.by_column(terms, basis.deltas(terms, h))[self.taken]
        self.where, self.guide = np.ix_(self.taken, self.taken), fold.guide
        # The fit adds its jitter to covariances of any energy scale, these coordinates to those of 1 eV.
        prior = jitter[self.where] * (1 / self.scale**2 - 1)[:, None]
        prior[np.diag_indices_from(prior)] += 1.0
        lost = rounding(terms, fold, h)
        if refuse_above is not None and lost > refuse_above:
            raise linalg.LinAlgError("rounding would hide the prior in the normal equations")
        if lost <= largest_rounding:
            self._by_normal_equations(fold, h, prior)
        else:
            self._by_qr(fold, h, prior, triangles(fold.number, int(h["n_sparse"])))

    def _by_normal_equations(self, fold, h, prior):
        matrix, vector = np.zeros_like(prior), np.zeros(len(self.taken))
        for normal, name in zip(fold.train, SIGMAS, strict=True):
            matrix += normal.matrix[self.where] / h[name] ** 2
            vector += normal.vector[self.taken] / h[name] ** 2
        matrix *= np.outer(self.scale, self.scale)
        matrix += prior
        vector *= self.scale
        if self.guide is not None:
            matrix, vector = self._with_guide(matrix, vector, fold, h)
        self._factor = linalg.cho_factor(matrix, overwrite_a=True)
        self._unknowns = linalg.cho_solve(self._factor, vector)

    def _by_qr(self, fold, h, prior, triangles):
        (energies, _, left), _ = fold.rows
        parts = [(energies[:, self.taken], left)]
        for rows, labels in triangles:
            parts.append((rows, labels if self.guide is None else labels - rows @ self.guide[self.taken]))
        if self.guide is not None:
            prior = linalg.block_diag(prior, 1 / prior_mean.GUIDE_SCALE**2)

        def scaled():
            for (rows, labels), name in zip(parts, SIGMAS, strict=True):
                columns = [rows * self.scale]
                if self.guide is not None:
                    columns.append(rows @ self.guide[self.taken])
                yield np.column_stack(columns) / h[name], labels / h[name]

        self._unknowns, triangle = solve(scaled(), prior)
        self._factor = triangle, False

    def _with_guide(self, matrix, vector, fold, h):
        """Return the equations with one more unknown, by how much the factor on the guide differs from 1."""
        column, own, label = np.zeros(len(self.guide)), 0.0, 0.0
        for normal, name in zip(fold.train, SIGMAS, strict=True):
            product = normal.matrix @ self.guide / h[name] ** 2
            column += product
            own += self.guide @ product
            label += self.guide @ normal.vector / h[name] ** 2
        return prior_mean.with_factor(matrix, vector, self.scale * column[self.taken], own, label)

    def weights(self, columns):
        """Return the weights of all columns, zero for those of sparse points that are not used.

        They belong to the labels of the fold; with a guide, the change of its factor is part of them.
        """
        whole = np.zeros(columns)
        whole[self.taken] = self.scale * self._unknowns[: len(self.taken)]
        return whole if self.guide is None else whole + self._unknowns[-1] * self.guide

    def variance(self, tested):
        """Return the sum of the predicted variances of rows.

        With R^T R the matrix of the equations, that of a row k is |R^-T k|², which rounding cannot make negative.
        """
        total = 0.0
        for rows, _ in tested.parts:
            columns = [rows[:, self.taken] * self.scale]
            if self.guide is not None:
                columns.append(rows @ self.guide)
            half = linalg.solve_triangular(self._factor[0], np.column_stack(columns).T, trans="T")
            total += float(np.square(half).sum())
        return total
