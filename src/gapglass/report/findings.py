"""What the report states in words and single numbers: facts, explosions, doubts, absent structures, speeds."""

from pathlib import Path

from gapglass.base.files import read_header
from gapglass.glass import explosion
from gapglass.glass.doubts import CLOSE
from gapglass.potential import agreement
from gapglass.report.figures.style import model_label
from gapglass.structure import absence, replicas

ALONE = 0.05  # share of the differences between distances below which a kernel does not count
NOT_TO_BE_BELIEVED = ", not to be believed"  # after the label of a model


def unproven(summaries):
    """Return the potentials whose stop has too few blocks of time for an upper bound, with their number of blocks."""
    return {
        name: summary["validation"]["n_blocks"]
        for name, summary in summaries.items()
        if summary["validation"] and summary["validation"]["upper_energy_mev_per_atom"] is None
    }


def limited_by(summaries):
    """Return in words what limits the error of each potential of which it was estimated.

    Parameters
    ----------
    summaries : dict
        Potential -> summary.json.
    """
    found = {}
    for name, summary in summaries.items():
        if not (judged := summary["data_or_model"]):
            continue
        most = judged["any_number"]
        found[name] = (
            f"The {judged['limit']} limits the error of {name}: twice as many frames would lower it by about "
            f"{judged['fall_percent']:.1f} %, and any number of frames of this kind to about "
            f"{most['rmse_energy_mev_per_atom']:.2f} meV/atom and {most['rmse_force_ev_per_angstrom']:.3f} eV/Å, in "
            f"the cross-validation. It costs about {summary['cost_us_per_atom_step']:.1f} µs for an atom and a step. "
            + (
                "A larger model (n_max, l_max, cutoff, n_sparse) may lower it, at a higher cost."
                if judged["limit"] == "model"
                else "More frames lower it."
            )
        )
    return found


def decides_alone(best):
    """Return the name of the kernel that decides alone at the chosen delta, None where both count or one is asked for.

    Parameters
    ----------
    best : dict
        clusters/best.json: delta and coulomb_share.
    """
    share = best["coulomb_share"]
    if not 0 < best["delta"] < 1 or ALONE < share < 1 - ALONE:
        return None
    return "SOAP kernel" if share <= ALONE else "Coulomb kernel"


def not_repulsive(summaries):
    """Return, for each potential that has any, a line for every pair that does not repel closer than in the frames.

    Parameters
    ----------
    summaries : dict
        Potential -> summary.json.
    """
    found = {
        name: [
            f"{pair} at {distance:.2f} Å"
            for pair, distance in summary["not_repulsive_at_angstrom"].items()
            if distance is not None
        ]
        for name, summary in summaries.items()
    }
    return {name: lines for name, lines in found.items() if lines}


def crystals(found):
    """Return, for each potential that has any, a line for every crystal that it does not keep as it is.

    Parameters
    ----------
    found : dict
        Potential -> crystal -> what ``potential.crystals.characterise`` found.
    """
    lines = {}
    for potential, items in found.items():
        for name, item in items.items():
            if text := _trouble(item):
                lines.setdefault(potential, []).append(f"{name}: {text}")
    return lines


def _trouble(item):
    """Return in words what is wrong with a crystal, empty where nothing is."""
    if not item["relaxed"]:
        return f"it has no relaxed structure, because {item['reason']}"
    troubles = []
    if item["space_group_relaxed"] != item["space_group"]:
        troubles.append(f"its space group {item['space_group']} becomes {item['space_group_relaxed']}")
    if item["equation_of_state"] is None:
        troubles.append("its energy has no minimum within the volumes")
    if item["elasticity"] and not item["elasticity"]["stable"]:
        troubles.append("its elastic constants are those of an unstable crystal")
    return "; ".join(troubles)


def disagreements(summaries):
    """Return a line for each potential on which engine and QUIP differ more than rounding explains.

    Parameters
    ----------
    summaries : dict
        Potential -> summary.json.
    """
    found = {name: agreement.disagreement(summary["agreement"]) for name, summary in summaries.items()}
    return [f"{name}: {text}" for name, text in found.items() if text]


def left_out(imported):
    """Return in words what the readers and the import left out of each trajectory without rejecting it.

    Parameters
    ----------
    imported : dict
        frames/import.json.
    """
    return [f"{count} {reason} ({name})" for name, of in imported["left_out"].items() for reason, count in of.items()]


def explosions(exploded):
    """Return the outcome of every exploded quench with the label of its model and the place in the cycle."""
    return [
        {**found, "model": model_label(model), "place": explosion.place(found)} for model, found in exploded.items()
    ]


def doubts(found):
    """Return the doubts about every model that is not to be believed, with the label of the model.

    Parameters
    ----------
    found : dict
        Model -> doubts, from ``doubts.of_models``.

    Returns
    -------
    list of dict
        model (label), stages (their numbers as text), reasons and text.
    """
    return [
        {
            "model": model_label(model),
            "stages": " and ".join(dict.fromkeys(str(item["stage"]) for item in items)),
            "reasons": ", ".join(dict.fromkeys(item.get("reason", CLOSE) for item in items)),
            "text": ". ".join(f"Stage {item['stage']}: {item['text']}" for item in items),
        }
        for model, items in found.items()
    ]


def marked(lines, doubted):
    """Return rows of a table with a mark in the column model where the model is not to be believed."""
    return [
        {**line, "model": line["model"] + NOT_TO_BE_BELIEVED} if line["model"] in doubted else line for line in lines
    ]


def outside(found):
    """Return a line for every stage of a model that left what the frames know.

    Parameters
    ----------
    found : dict
        Model -> findings, from ``outside.of_models``.

    Returns
    -------
    list of dict
        model (label), stage and text.
    """
    lines = []
    for model, items in found.items():
        for stage in sorted({item["stage"] for item in items}):
            text = "; ".join(item["text"] for item in items if item["stage"] == stage)
            lines.append({"model": model_label(model), "stage": stage, "text": text})
    return lines


def without_structure(paths, what="structure"):
    """Return a line for each model that has no structure, or not of all its replicas, and its warnings.

    Parameters
    ----------
    paths : list of path-like
        structure/{model}/gr.csv, or another table of every model.
    what : str
        What a table without rows lacks.
    """
    lines = []
    for path in paths:
        model, reason = model_label(Path(path).parent.name), absence.absence(path)
        if reason is not None:
            lines.append(f"{model}: no {what} ({reason})")
            continue
        head = read_header(path)
        if left_out := replicas.marked(head, replicas.LEFT_OUT):
            lines.append(f"{model}: without {'; '.join(left_out)}")
        lines += [f"{model}: {warning}" for warning in replicas.marked(head, replicas.WARNING)]
    return lines


def error_bars(counts):
    """Return in words what the standard errors of the structure tables are taken over.

    Parameters
    ----------
    counts : dict
        (potential, atoms) -> number of replicas, from ``models.all_replicas``.
    """
    over_time = "from block averages in time; a single quench has no error bar for the glass itself"
    several = [
        f"{count} of {model_label(f'{potential}_{atoms}')}"
        for (potential, atoms), count in counts.items()
        if count > 1
    ]
    if not several:
        return over_time
    if len(several) == len(counts):
        return "over the replicas"
    return f"over the replicas where a model has several ({'; '.join(several)}), else {over_time}"


def speeds(found):
    """Return atoms -> ns/day as text, a range where models differ.

    Parameters
    ----------
    found : list of dict
        speed.json of every model; those that exploded during the measurement have no ``ns_per_day`` and are left out.
    """
    by_size = {}
    for item in found:
        if item["ns_per_day"] is not None:
            by_size.setdefault(item["atoms"], []).append(item["ns_per_day"])
    texts = {
        atoms: sorted({f"{min(values):.2f}", f"{max(values):.2f}"}, key=float) for atoms, values in by_size.items()
    }
    return {atoms: " to ".join(texts[atoms]) for atoms in sorted(texts)}
