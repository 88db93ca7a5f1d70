"""The entry point for fits: settings of a study in, a potential and its cost out, a failed fit as a reason.

Method: doi:10.1103/PhysRevLett.104.136403.
"""

from gapglass.frames import isolated
from gapglass.potential import engine_fit, gap_fit, memory
from gapglass.potential.evaluation import errors, predict
from gapglass.potential.failures import FitFailed, refuse_missing_species, refuse_unusable


def known_energies(e0, imported):
    """Return the energies of isolated atoms that are not fitted, species -> eV.

    Parameters
    ----------
    e0 : "fitted", "compute" or dict
        ``potential.e0``.
    imported : dict
        frames/import.json, with the energies of isolated atoms of the data set if there are any.
    """
    if isinstance(e0, dict):
        return dict(e0)
    return dict(imported.get("isolated_atom_energies", {}))


def add_data(settings, imported):
    """Add to the settings of a fit what the data set determines.

    Parameters
    ----------
    settings : object
        Attributes ``e0`` and ``virials`` (section ``potential``). It gets ``species``, ``known`` (energies of isolated
        atoms, from ``known_energies``), and ``virials`` only where the frames have them.
    imported : dict
        frames/import.json.
    """
    settings.species, settings.known = imported["species"], known_energies(settings.e0, imported)
    settings.virials = settings.virials and imported["virials"]


def fit(frames, hyperparameters, target, *, settings, imported, seed, log_path, points_from=None, tables=None):
    """Fit a potential with the settings of the configuration.

    The isolated atoms of the data set belong to every training set; their energies are e0.

    Parameters
    ----------
    frames, hyperparameters, target, seed, log_path
        As for ``gap_fit.run_fit``.
    settings : object
        Attributes ``descriptor``, ``fitter``, ``e0``, ``virials`` (section ``potential``) and ``max_fit_time`` (min).
    imported : dict
        frames/import.json: ``species`` of the study, whether frames have ``virials``, and, if the data set has any,
        ``isolated_atom_energies`` (species -> eV).
    points_from : list of ase.Atoms, optional
        Frames among which the engine chooses sparse points; the training frames by default.
    tables : dict, optional
        The repulsive core, from ``core.tables``.

    Returns
    -------
    dict
        As from ``gap_fit.run_fit``.

    Raises
    ------
    FitFailed, ProgramKilled
        As for ``gap_fit.run_fit``, and ``FitFailed`` when the frames lack a species of the study.
    UserError
        When the given ``e0`` lacks a species.
    """
    refuse_missing_species(frames, imported["species"])
    known = imported.get("isolated_atom_energies", {})
    everything = [*frames, *isolated.frames(known)]
    common = {
        "descriptor": settings.descriptor,
        "e0": gap_fit.isolated_atom_energies(frames, settings.e0, known),
        "virials": settings.virials and imported["virials"],
        "max_seconds": 60 * settings.max_fit_time,
        "log_path": log_path,
    }
    if settings.fitter == "engine":
        return engine_fit.run_fit(
            everything, hyperparameters, target, points_from=points_from, tables=tables, **common
        )
    return gap_fit.run_fit(everything, hyperparameters, target, seed=seed, core=tables, **common)


def fit_and_test(
    train,
    test,
    hyperparameters,
    target,
    *,
    counts,
    settings,
    imported,
    seed,
    log_path,
    points_from=None,
    tables=None,
):
    """Fit a potential with the settings of the configuration and evaluate it on test frames.

    A fit that fails is a result, not an error.

    Parameters
    ----------
    train, test : list of ase.Atoms
    hyperparameters, target, settings, imported, seed, log_path, points_from, tables
        As for ``fit``; ``settings`` may have ``max_fit_memory`` (MB): a fit predicted to need more does not start.
    counts : pandas.DataFrame
        From ``geometry.count_neighbours``, the rows of the training frames.

    Returns
    -------
    result : dict
        ``status`` (ok or failed), ``reason`` ("" for ok), ``predicted_memory_mb`` and, for ok, the cost as from
        ``fit``.
    energies : numpy.ndarray, shape (n_test,), eV
        None for a fit that failed.
    forces : list of numpy.ndarray, eV/Å
        None for a fit that failed.

    Raises
    ------
    ProgramKilled
        When gap_fit was ended from outside, which does not depend on the hyperparameters.
    UserError
        When the given ``e0`` lacks a species, or the engine does not implement a term of the potential.
    """
    predicted = round(memory.of_fit(counts, hyperparameters, settings, imported))
    result = {"predicted_memory_mb": predicted}
    try:
        if reason := memory.too_much(predicted, settings):
            raise FitFailed(f"not started: {reason}")
        cost = fit(
            train, hyperparameters, target, settings=settings, imported=imported, seed=seed, log_path=log_path,
            points_from=points_from, tables=tables,
        )  # fmt: skip
        energies, forces = predict(target, test)
        refuse_unusable(errors(test, energies, forces))
    except FitFailed as error:
        return result | {"status": "failed", "reason": str(error)}, None, None
    return result | {"status": "ok", "reason": "", **cost}, energies, forces
