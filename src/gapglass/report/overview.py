"""The first screen of the report: what was made, whether it can be trusted, and what to do next, in sentences."""

import shlex

import pandas as pd

from gapglass.base.progress import duration
from gapglass.potential import confidence
from gapglass.report.figures.style import model_label
from gapglass.report.rows import with_error
from gapglass.study.models import main_potential

# The answer to "can I trust this?" of one check, as the page shows it.
GOOD, CHECK, BAD, OPEN = "yes", "look", "no", "open"
# Shares of errors inside one and two predicted standard deviations, if errors are normally distributed as predicted.
NORMAL = (0.683, 0.954)
MOST_DRIFT = 1.0  # meV/atom/ps; in a quench of 100 ps the thermostat then takes away the heat of 1000 K
TOO_SMALL = 0.9  # share inside two of them below which predicted errors are called too small
TOO_LARGE = 0.8  # share inside one of them above which they are called too large


def made(*, imported=None, best=None, summary=None, main=None, models=(), costs=None):
    """Return what a study has made so far, a sentence for each thing.

    Parameters
    ----------
    imported, best, summary : dict, optional
        frames/import.json, clusters/best.json and the summary.json of the main potential, where they are there.
    main : str, optional
        The main potential.
    models : collection of (str, int, int)
        Potential, atoms and replica of every finished glass.
    costs : pandas.DataFrame, optional
        tables/cost.csv.
    """
    found = []
    if imported:
        frames = f"{imported['n_frames']} frames of {' and '.join(map(str, imported['n_atoms']))} atoms"
        found.append(f"{frames} ({', '.join(imported['species'])}) were imported, {imported['n_rejected']} rejected.")
    if best:
        found.append(f"They form {best['n_clusters']} clusters at δ = {best['delta']:g}.")
    if summary:
        share = 100 * summary["n_train"] / summary["n_frames_reference"]
        found.append(
            f"The potential {main} ({summary['descriptor']}) is trained on {summary['n_train']} of "
            f"{summary['n_frames_reference']} frames ({share:.0f} %)."
        )
    if models:
        sizes = " and ".join(str(size) for size in sorted({atoms for _, atoms, _ in models}))
        count = "1 glass model" if len(models) == 1 else f"{len(models)} glass models"
        found.append(f"{count} of {sizes} atoms went through the thermal cycle.")
    if costs is not None and len(costs):
        found.append(
            f"The jobs took {duration(costs['cpu_time_s'].sum())} of CPU time and at most "
            f"{costs['peak_memory_mb'].max() / 1000:.1f} GB of memory each."
        )
    return found


def trust(
    summary,
    *,
    r_x=None,
    coordination=None,
    l_fold=None,
    main,
    agreements,
    experiments,
    crystals=None,
    crystal_troubles=(),
    n_models=0,
    exploded=(),
    doubted=(),
    harvest=None,
):
    """Return the checks of a study, each with its answer.

    Parameters
    ----------
    summary : dict
        summary.json of the main potential.
    r_x, coordination, l_fold : pandas.DataFrame, optional
        tables/r_x.csv, tables/coordination.csv and tables/l_fold.csv, once there are structures.
    main : str
        The main potential.
    agreements : list of str
        Disagreements of engine and QUIP, from ``findings.disagreements``.
    experiments : list of dict
        ``structure.experiments``.
    crystals : pandas.DataFrame, optional
        tables/crystals.csv, once there are crystals.
    crystal_troubles : list of str
        Lines of ``findings.crystals`` of the main potential.
    n_models : int
        Number of glass models that went through the thermal cycle.
    exploded, doubted : collection of str
        Models that exploded, and labels of those that are not to be believed.
    harvest : dict, optional
        From ``harvest.told``, where the potential asked for frames.

    Returns
    -------
    list of dict
        ``answer`` (yes, look, no or open), ``what`` (a few words), ``text`` and ``section`` (of the page).
    """
    checks = [_holdout(summary), _stop(summary), _calibration(summary)]
    if summary.get("nve"):
        checks.append(_nve(summary["nve"]))
    if crystal_troubles or (crystals is not None and main in set(crystals["potential"])):
        checks.append(_crystals(crystals, main, crystal_troubles))
    if harvest:
        checks.append(_check(GOOD if harvest["passed"] else BAD, "Harvest", harvest["text"], "harvest"))
    if n_models:
        checks.append(_quenches(n_models, exploded, doubted))
    if r_x is not None:
        checks += _against(r_x, main, experiments, doubted)
    if coordination is not None and len(coordination):
        checks += _coordination(coordination, main, {} if r_x is None else _replicas(r_x))
    if l_fold is not None:
        checks += _bare(l_fold)
    checks.append(
        _check(BAD, "Engine", "The engine and QUIP give different numbers.", "potentials")
        if agreements
        else _check(GOOD, "Engine", "The engine and QUIP give the same energies, forces and virials.", "potentials")
    )
    return checks


def _check(answer, what, text, section):
    return {"answer": answer, "what": what, "text": text, "section": section}


def _interval(summary, quantity, digits):
    """Return the interval of an error on the hold-out in words, empty where there is none."""
    interval = summary["intervals"].get(quantity, {}).get("holdout")
    return f" (95 %: {interval[0]:.{digits}f} to {interval[1]:.{digits}f})" if interval else ""


def _holdout(summary):
    """Return the check of the errors on frames that nothing has used."""
    energy, force = (summary[name]["holdout"] for name in ("rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom"))
    if energy is None:
        text = "No frames were kept for a last test, so the errors of the potential are those of its own choice."
        return _check(OPEN, "Errors", text, "potentials")
    tolerance = summary["energy_tolerance"]
    met = tolerance is None or energy <= tolerance
    of_tolerance = "" if tolerance is None else f" The tolerance E_tol is {tolerance:g} meV/atom."
    text = (
        f"On {summary['n_holdout']} frames that nothing else has used, the energy error is {energy:.2f} meV/atom"
        f"{_interval(summary, 'rmse_energy_mev_per_atom', 2)} and the force error {force:.3f} eV/Å"
        f"{_interval(summary, 'rmse_force_ev_per_angstrom', 3)}.{of_tolerance}"
    )
    return _check(GOOD if met else BAD, "Errors", text, "potentials")


def _stop(summary):
    """Return the check of the reason for which the loop stopped."""
    text = f"The loop ended for this reason: {summary['reason']}."
    of_stop = summary["validation"]
    if of_stop:
        bound = of_stop["upper_energy_mev_per_atom"]
        proof = (
            f"too few to bound it; {confidence.ENOUGH} are needed"
            if bound is None
            else f"and below {bound:.2f} meV/atom with a probability of {100 * of_stop['level']:.0f} %"
        )
        text += (
            f" Its energy error on {of_stop['n_blocks']} blocks of time that nothing else has used is "
            f"{of_stop['rmse_energy_mev_per_atom']:.2f} meV/atom, {proof}."
        )
        if bound is None and summary["converged"]:
            return _check(CHECK, "Stop", text, "potentials")
    return _check(GOOD if summary["converged"] else BAD, "Stop", text, "potentials")


def _calibration(summary):
    """Return the check of the predicted errors."""
    found = summary["calibration"]
    if not found:
        return _check(
            OPEN, "Predicted errors", "They could not be compared with errors on hold-out frames.", "potentials"
        )
    one, two = (min(found[name][key] for name in ("energy", "force")) for key in ("inside_1_sigma", "inside_2_sigma"))
    shares = (
        f"{100 * found['energy']['inside_2_sigma']:.0f} % of the energy errors and "
        f"{100 * found['force']['inside_2_sigma']:.0f} % of the force errors lie within two predicted standard "
        f"deviations; {100 * NORMAL[1]:.0f} % are expected."
    )
    if two < TOO_SMALL:
        return _check(CHECK, "Predicted errors", f"They are too small: {shares}", "potentials")
    if one > TOO_LARGE:
        return _check(GOOD, "Predicted errors", f"They are rather too large, which is safe: {shares}", "potentials")
    return _check(GOOD, "Predicted errors", f"They are reliable: {shares}", "potentials")


def _nve(found):
    """Return the check of the run at constant energy."""
    hot = f"At {found['temperature_k']:.0f} K, hotter than all frames,"
    if not found["survived"]:
        return _check(BAD, "Hot", f"{hot} the atoms fly apart: {found['message']}.", "potentials")
    text = f"{hot} {found['n_atoms']} atoms held together for {found['time_ps']:.3g} ps at constant energy"
    drift = found["drift_mev_per_atom_per_ps"]
    if drift is None:
        return _check(GOOD, "Hot", f"{text}.", "potentials")
    text += f", which drifted by {drift:+.2g} meV/atom/ps."
    if abs(drift) > MOST_DRIFT:
        return _check(CHECK, "Hot", f"{text} That is much: try a shorter time step.", "potentials")
    return _check(GOOD, "Hot", text, "potentials")


def _crystals(table, main, troubles):
    """Return the check of the crystals."""
    if troubles:
        text = f"The potential does not keep the crystals as they are. {'. '.join(troubles)}."
        return _check(BAD, "Crystals", text, "potentials")
    of_main = table[table["potential"] == main]
    names = list(dict.fromkeys(of_main["structure"]))
    kept = f"Relaxed with the potential, {' and '.join(names)} {'stays' if len(names) == 1 else 'stay'} stable"
    compared = of_main[of_main["difference_percent"].notna()]
    if compared.empty:
        return _check(GOOD, "Crystals", f"{kept}; there are no reference values to compare with.", "potentials")
    parts = []
    for quantity in ("volume", "bulk modulus"):
        part = compared[compared["quantity"] == quantity]["difference_percent"]
        if len(part):
            parts.append(f"{quantity} by {_largest(part)}")
    constants = compared[compared["quantity"].str.fullmatch("C[1-6][1-6]")]["difference_percent"]
    if len(constants):
        parts.append(f"elastic constants by at most {constants.abs().max():.0f} %")
    differ = f"; differences from the references: {', '.join(parts)}" if parts else ""
    return _check(CHECK, "Crystals", f"{kept}{differ}.", "potentials")


def _largest(values):
    """Return one difference with its sign, or the largest of several, in percent."""
    values = list(values)
    return f"{values[0]:+.1f} %" if len(values) == 1 else f"at most {max(map(abs, values)):.1f} %"


def _quenches(n_models, exploded, doubted):
    """Return the check of the thermal cycles."""
    if exploded or doubted:
        return _check(
            BAD,
            "Glass",
            "Some glass models exploded or are not to be believed: their atoms came too close or lost their "
            "neighbours, or their energy is too low.",
            "glass",
        )
    text = f"The atoms of all {n_models} glass models kept the distances that the frames know."
    if n_models == 1:
        text = "The atoms of the glass model kept the distances that the frames know."
    return _check(GOOD, "Glass", text, "glass")


def _replicas(r_x):
    """Return model -> number of replicas behind its structure, from tables/r_x.csv."""
    return dict(zip(r_x["model"], r_x["n_replicas"], strict=True))


def _half_width(error, n_replicas):
    """Return half the interval of 95 % of a mean with its standard error; that of a single quench is one of time."""
    from scipy.stats import t  # half a second to load

    return error * (t.ppf(0.975, n_replicas - 1) if n_replicas > 1 else 2)


def _between(value, error, n_replicas, digits):
    """Return a number that cannot be negative with its interval of 95 % over replicas, or with its error if alone."""
    if n_replicas < 2 or pd.isna(error):
        return with_error(value, error, digits)
    half = _half_width(error, n_replicas)
    return f"{value:.{digits}f} (95 %: {max(value - half, 0):.{digits}f} to {value + half:.{digits}f})"


def _largest_model(table, main):
    """Return the largest model of the main potential in a table with a column model, None without one."""
    of_main = table.loc[table["model"].str.startswith(f"{main}_"), "model"]
    return max(of_main, key=lambda model: int(model.rsplit("_", 1)[1]), default=None)


def _against(r_x, main, experiments, doubted):
    """Return the checks of the G(r) of the largest model of the main potential against reference and experiments."""
    largest = _largest_model(r_x, main)
    if largest is None:
        return [_check(OPEN, "Structure", "No model of the main potential has a structure.", "structure")]
    label = model_label(largest)
    checks = []
    for _, row in r_x[r_x["model"] == largest].iterrows():
        measured = row["against"] != "reference"
        value = _between(row["r_x_percent"], row["r_x_percent_error"], row["n_replicas"], 1)
        text = f"The G(r) of {label} differs by R_X = {value} % from the {model_label(row['against'])}."
        if row["n_replicas"] == 1:
            text += " A single quench has no error bar."
        if label in doubted:
            text += " This model is not to be believed."
        checks.append(_check(CHECK, "Experiment" if measured else "Reference", text, "structure"))
    if not experiments:
        checks.append(_check(OPEN, "Experiment", "No measured curve is given in structure.experiments.", "structure"))
    return checks


def _coordination(table, main, replicas):
    """Return the check of the coordination numbers of the largest model of the main potential."""
    largest = _largest_model(table, main)
    if largest is None:
        return []
    n_replicas = replicas.get(largest, 1)
    reference = table[table["model"] == "reference"].set_index(["centre", "neighbour"])
    texts, agree = [], True
    for _, row in table[table["model"] == largest].iterrows():
        known = reference.loc[(row["centre"], row["neighbour"])]
        halves = [_half_width(row["standard_error"], n_replicas), _half_width(known["standard_error"], 1)]
        difference = abs(row["coordination_number"] - known["coordination_number"])
        # Errors over time of a large glass, whose atoms hardly move, are smaller than the digits shown.
        agree &= bool(difference <= max((pd.Series(halves).fillna(0.0) ** 2).sum() ** 0.5, 0.005))
        texts.append(
            f"{_between(row['coordination_number'], row['standard_error'], n_replicas, 2)} {row['neighbour']} around "
            f"{row['centre']}, reference {with_error(known['coordination_number'], known['standard_error'])}"
        )
    over = "replicas" if n_replicas > 1 else "time"
    verdict = "agree with the reference" if agree else "differ from the reference by more than their errors"
    text = f"The coordination numbers of {model_label(largest)} {verdict} (errors over {over}): {'; '.join(texts)}."
    return [_check(GOOD if agree else CHECK, "Coordination", text, "structure")]


def _bare(table):
    """Return the check of atoms without a neighbour, where the reference has none such; nothing where all are bonded.

    A potential that has never seen an atom alone may take it for as stable as a bonded one.
    """
    column = "percent_0_fold"
    if column not in table:
        return []
    of_reference = table[table["model"] == "reference"].set_index(["centre", "neighbour"])[column]
    texts = [
        f"{row[column]:.1f} % of the {row['centre']} atoms of {model_label(row['model'])} have no {row['neighbour']}"
        for _, row in table[table["model"] != "reference"].iterrows()
        if row[column] > 0 and of_reference[row["centre"], row["neighbour"]] == 0
    ]
    if not texts:
        return []
    text = (
        f"{'; '.join(texts)} within the cutoff, and none of the reference frames has such atoms. The potential has a "
        "false minimum there. A start in a frame of the reference (glass.start) avoids it, and frames of such states, "
        "which the potential can ask for (harvest.rounds), remove it."
    )
    return [_check(BAD, "Bare atoms", text, "structure")]


def next_steps(study_file, settings, *, folder, summary=None, species=(), unfinished=False, replicated=False):
    """Return what to do next, a text and a command for each step.

    Parameters
    ----------
    study_file : str
        Path of the configuration.
    settings : dict
        The completed configuration.
    folder : str
        results/{study}.
    summary : dict, optional
        summary.json of the main potential.
    species : list of str
        Elements of the frames.
    unfinished : bool
        Whether results are missing.
    replicated : bool
        Whether a model has several replicas.

    Returns
    -------
    list of dict
        ``text`` and ``command``, which is empty where the step is another one.
    """
    study = shlex.quote(study_file)
    steps = []

    def step(text, command=""):
        steps.append({"text": text, "command": command})

    if unfinished:
        step("Run the rest; what is there is kept:", f"gapglass run {study}")
        step("Look again at any time, also during the run:", f"gapglass report {study}")
    if summary and not summary["converged"]:
        step(
            "The energy tolerance is not met. Allow more iterations (active_learning.max_iterations) or a larger "
            "tolerance (active_learning.energy_tolerance), or give more frames, and run again:",
            f"gapglass run {study}",
        )
    if summary and summary["validation"] and summary["validation"]["upper_energy_mev_per_atom"] is None:
        step("Give longer trajectories, or a larger active_learning.validation_fraction, so that the stop is proven.")
    if not unfinished and not replicated:
        step(
            "Set glass.replicas to 3 or more in the configuration and run again, so that the structure has error "
            "bars; the fits are kept:",
            f"gapglass run {study}",
        )
    if not unfinished and not settings["structure"]["experiments"]:
        step("Compare with a measured curve: name it in structure.experiments and run again.")
    if summary:
        path = f"{folder}/potentials/{main_potential(settings)}/gap.xml"
        step(
            "Use the potential in Python, on an ase.Atoms:",
            f'from gapglass.potential import GAP\natoms.calc = GAP("{path}")',
        )
        step("Or in LAMMPS:", f"pair_style gapglass\npair_coeff * * {path} {' '.join(species)}")
    if not unfinished:
        step("Find out which choice of frames is worth its labels:", f"gapglass run {study} learning_curves")
        step("Prove that no result has changed since it was made:", f"gapglass verify {study}")
    return steps
