"""A guide as prior mean: a fit to the energies and forces of a cheap method, from which the fit to the labels starts.

The guide's fit has the sparse points of the potential, so the potential is one set of weights and costs no more than
without a guide. Each fold of the cross-validation has a guide's fit of its own, which does not know the geometries
that the fold leaves out.
"""

import logging

import numpy as np

from gapglass.active_learning import tuning
from gapglass.potential import basis, engine_fit
from gapglass.potential.cross_validation import CrossValidation

log = logging.getLogger("gapglass")


def as_labels(frames):
    """Return frames whose labels are the energies and forces of the guide; virials and weights are left out."""
    found = []
    for frame in frames:
        copy = frame.copy()
        copy.info = {"REF_energy": frame.info["guide_energy"]}
        copy.arrays["REF_forces"] = frame.arrays["guide_forces"]
        found.append(copy)
    return found


class Guide:
    """The fits to a guide's labels.

    Parameters
    ----------
    rows : Design
        Of all frames with a guide that may train, their labels those of ``as_labels``.
    terms : list of Term
    folds : list of (list of str, list of str)
    ranges : dict
        Section ``potential.hyperparameters``; expected errors and energy scales of the guide are tuned by themselves.
    weights : dict
        Of energy and force in the objective.
    available : int
        Sparse points of the largest many-body term.
    """

    def __init__(self, rows, terms, folds, ranges, weights, available):
        self.rows, self.terms = rows, terms
        self._validation = CrossValidation(rows, terms, folds)
        tuned = tuning.tune(self._validation, {**ranges, "n_sparse": available}, weights, available)
        self.hyperparameters = tuned.hyperparameters
        log.info(
            "guide: cross-validation RMSE %.2f meV/atom, %.3f eV/Å of its own labels on %d frames",
            tuned.rmse_energy,
            tuned.rmse_force,
            rows.n_rows()[0],
        )

    def of_folds(self, n_sparse):
        """Return the weights of the guide's fit without each fold, see ``CrossValidation.guided``."""
        return self._validation.weights_of_folds({**self.hyperparameters, "n_sparse": n_sparse})

    def weights(self, n_sparse):
        """Return the weights of the guide's fit on all its frames, of terms with an energy scale of 1 eV."""
        h = {**self.hyperparameters, "n_sparse": n_sparse}
        alpha, _, _ = engine_fit.solution(self.rows, self.terms, h, self.rows.e0(self.rows.classes))
        used = basis.part(self.terms, n_sparse)
        whole = np.zeros(self.rows.columns)
        whole[basis.columns_of_part(self.terms, n_sparse)] = alpha * basis.by_column(used, basis.deltas(used, h) ** 2)
        return whole
