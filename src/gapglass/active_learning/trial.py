"""One trial of the loop with the engine: rows of the training frames in, a tuned and solved potential out."""

import time
from pathlib import Path

from threadpoolctl import threadpool_limits

from gapglass.active_learning import data_or_model, tuning
from gapglass.active_learning.guide import Guide
from gapglass.potential import basis, cost, design, engine_fit, evaluation, fit, memory, variance
from gapglass.potential.cross_validation import CrossValidation
from gapglass.potential.failures import FitFailed
from gapglass.potential.gap_xml import potential_label
from gapglass.potential.hyperparameters import GEOMETRY, bounds


def joined(paths):
    """Return the design of the files of blocks, joined in their order."""
    rows = design.read(paths[0])
    for path in paths[1:]:
        rows.join(design.read(path))
    return rows


def run_gap_fit(target, train, test, hyperparameters, settings, *, counts, imported, tables, seed, log_path):
    """Fit one complete set of hyperparameters with gap_fit, and test it.

    Parameters
    ----------
    target : path-like
        gap.xml.
    train, test : list of ase.Atoms
    hyperparameters : dict
    settings : object
        As for ``fit.fit_and_test``, and ``objective_weights``.
    counts, imported, tables, seed, log_path
        As for ``fit.fit_and_test``.

    Returns
    -------
    dict
        As from ``run``, without ``sizes`` and ``n_tried``.
    """
    result, energies, forces = fit.fit_and_test(
        train, test, hyperparameters, target, counts=counts, settings=settings, imported=imported, seed=seed,
        log_path=log_path, tables=tables,
    )  # fmt: skip
    if result["status"] != "ok":
        return result
    errors = evaluation.errors(test, energies, forces)
    microseconds = cost.of_potential(hyperparameters, counts, len(imported["species"]), settings.descriptor)
    return {
        **result,
        "objective": tuning.objective(list(errors.values()), evaluation.spread(test), settings.objective_weights),
        **errors,
        "cost_us_per_atom_step": round(microseconds, 3),
    }


def run(target, points, blocks, folds, geometry, settings, *, counts, known, tables, uncertainty, log_path, guide=()):
    """Tune the inner hyperparameters, solve the potential and write it; a fit that fails is a result.

    Parameters
    ----------
    target : path-like
        gap.xml.
    points : path-like
        Sparse points, from ``basis.write``.
    blocks : list of path-like
        Rows of the frames, from ``Design.write``.
    folds : list of (list of str, list of str)
        Classes that train and test. With one fold, the potential is the fit that it tests; with more, the fit on all
        classes.
    geometry : dict
        The hyperparameters on which the rows depend, see ``hyperparameters.GEOMETRY``.
    settings : object
        Attributes descriptor, cost_limit, objective_weights, prior and ranges (``potential.hyperparameters``).
    counts : pandas.DataFrame
        From ``geometry.count_neighbours``, the rows of the frames.
    known : dict
        Species -> eV of isolated atoms that are not fitted.
    tables : dict or None
        The repulsive core, which the labels of the rows lack.
    uncertainty : (path-like, path-like)
        Files to write, of ``variance.write_factors`` and ``variance.write_posterior``.
    log_path : path-like
    guide : list of path-like
        Rows of the frames with the labels of a guide, from ``Design.write``.

    Returns
    -------
    dict
        status, reason and, for ok, hyperparameters (complete), objective, rmse_energy_mev_per_atom and
        rmse_force_ev_per_angstrom (on the frames that test), prior (guide or none), priors (the errors of both, where
        there is a guide), cost_us_per_atom_step, sizes, n_tried, data_or_model (from ``data_or_model.estimate``, None
        with one fold) and the costs of the fit.
    """
    start, cpu = time.monotonic(), time.process_time()
    lacking = [name.removeprefix("n_") for name in counts if name.startswith("n_") and not counts[name].any()]
    if lacking:
        reason = f"the training frames hold no {', '.join(lacking)}; raise active_learning.increment"
        return {"status": "failed", "reason": reason}
    try:
        with threadpool_limits(1):
            terms, rows = basis.read(points), joined(blocks)
            many = [term for term in terms if term.covariance == "dot_product"]
            available = max(len(term.points) for term in many)
            n_neighbours = cost.neighbours_of(counts, geometry)

            def microseconds(number):
                return cost.microseconds(
                    {**geometry, "n_sparse": number}, len(many), settings.descriptor, *n_neighbours
                )

            def tuned_with(validation):
                return tuning.tune(
                    validation, settings.ranges, settings.objective_weights, available, microseconds,
                    settings.cost_limit,
                )  # fmt: skip

            validation = CrossValidation(rows, terms, folds, known)
            tuned, of_guide, compared, guided = tuned_with(validation), None, {}, None
            if guide:
                prior = Guide(joined(guide), terms, folds, settings.ranges, settings.objective_weights, available)
                guided = validation.guided(prior.of_folds)
                with_guide = tuned_with(guided)
                compared = {"none": errors_of(tuned), "guide": errors_of(with_guide)}
                if settings.prior == "guide" or with_guide.objective < tuned.objective:
                    validation, tuned = guided, with_guide
                    of_guide = prior.weights(tuned.hyperparameters["n_sparse"])
            chosen = {**geometry, **tuned.hyperparameters}
            scales, spread = validation.variance_scales(chosen), validation.spread()
            validation = guided = None  # their rows take as much memory as those of the next ones
            limit = None
            if len(folds) > 1:
                limit = data_or_model.estimate(
                    rows, terms, folds, chosen, (tuned.rmse_energy, tuned.rmse_force), spread,
                    settings.objective_weights, known, None if of_guide is None else prior.of_folds,
                )  # fmt: skip
            rows.keep(rows.classes if len(folds) > 1 else folds[0][0])
            solve_and_write(
                target, rows, terms, chosen, settings.descriptor, known, tables, uncertainty, scales, of_guide
            )
    except FitFailed as error:
        return {"status": "failed", "reason": str(error)}
    Path(log_path).write_text(engine_fit.log_text(rows, terms) + "\n")
    return {
        "status": "ok",
        "reason": "",
        "hyperparameters": chosen,
        **errors_of(tuned),
        "prior": "none" if of_guide is None else "guide",
        "priors": compared,
        "cost_us_per_atom_step": round(microseconds(chosen["n_sparse"]), 3),
        "sizes": tuned.sizes,
        "n_tried": tuned.n_tried,
        "data_or_model": limit,
        **engine_fit.costs(start, cpu),
    }


def errors_of(tuned):
    """Return the errors of a ``Tuned`` as they stand in a result."""
    return {
        "objective": tuned.objective,
        "rmse_energy_mev_per_atom": tuned.rmse_energy,
        "rmse_force_ev_per_angstrom": tuned.rmse_force,
    }


def solve_and_write(target, rows, terms, hyperparameters, descriptor, known, tables, uncertainty, scales, guide=None):
    """Solve the potential of all rows, and write it with what its predicted variances follow from."""
    h, given = hyperparameters, rows.e0(rows.classes, known, guide)
    alpha, triangle, prior = engine_fit.solution(rows, terms, h, given, guide)
    engine_fit.write(target, terms, alpha, h, given, rows.species, descriptor, tables)
    used, label = basis.part(terms, int(h["n_sparse"])), potential_label(target)
    for_atoms, for_frames = uncertainty
    variance.write_factors(for_atoms, label, variance.of_species(used, prior, triangle, rows.species))
    if guide is not None:
        guide = guide[basis.columns_of_part(terms, int(h["n_sparse"]))]
        guide = guide / basis.by_column(used, basis.deltas(used, h) ** 2)
    variance.write_posterior(for_frames, label, triangle, scales, (h["sigma_energy"], h["sigma_force"]), guide)


def tune_rows(
    target, points, blocks, folds, hyperparameters, *, counts, settings, known, tables, uncertainty, log_path, guide=()
):
    """Solve and write a potential on all rows with the descriptors of another one, its other hyperparameters tuned.

    Parameters
    ----------
    target, points, blocks, folds, counts, known, tables, uncertainty, log_path, guide
        As for ``run``.
    hyperparameters : dict
        The complete set of the other potential.
    settings : object
        As for ``run``, with virials, fitter and max_fit_memory.

    Returns
    -------
    dict
        As from ``run``, and predicted_memory_mb.
    """
    largest = {"n_sparse": int(bounds(settings.ranges["n_sparse"])[1])}
    result, refused = _predicted(counts, settings, hyperparameters | largest, bool(guide))
    if refused:
        return result | {"status": "failed", "reason": refused}
    geometry = {name: value for name, value in hyperparameters.items() if name in GEOMETRY}
    return result | run(
        target, points, blocks, folds, geometry, settings, counts=counts, known=known, tables=tables,
        uncertainty=uncertainty, log_path=log_path, guide=guide,
    )  # fmt: skip


def _predicted(counts, settings, hyperparameters, guided=False):
    """Return the predicted memory of a fit as an entry of its result, and why it is not started, if it is not."""
    fits = memory.FitMemory(
        counts, descriptor=settings.descriptor, virials=settings.virials, fitter=settings.fitter, guided=guided
    )
    predicted = round(fits.mb(hyperparameters))
    reason = memory.too_much(predicted, settings)
    return {"predicted_memory_mb": predicted}, reason and f"not started: {reason}"


def fit_rows(
    target, points, blocks, hyperparameters, *, counts, settings, known, tables, uncertainty, scales, log_path
):
    """Solve and write the potential of a complete set of hyperparameters on all rows.

    Parameters
    ----------
    target, points, blocks, counts, known, tables, uncertainty, log_path
        As for ``run``.
    hyperparameters : dict
    scales : (float, float)
        Of predicted variances of energies and forces, from ``CrossValidation.variance_scales``.
    settings : object
        Attributes descriptor, virials, fitter and max_fit_memory.

    Returns
    -------
    dict
        status, reason, predicted_memory_mb and, for ok, the costs of the fit.
    """
    start, cpu = time.monotonic(), time.process_time()
    result, refused = _predicted(counts, settings, hyperparameters)
    if refused:
        return result | {"status": "failed", "reason": refused}
    try:
        terms, rows = basis.read(points), joined(blocks)
        solve_and_write(target, rows, terms, hyperparameters, settings.descriptor, known, tables, uncertainty, scales)
    except FitFailed as error:
        return result | {"status": "failed", "reason": str(error)}
    Path(log_path).write_text(engine_fit.log_text(rows, terms) + "\n")
    return result | {"status": "ok", "reason": "", **engine_fit.costs(start, cpu)}
