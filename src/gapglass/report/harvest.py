"""The story of a harvest in the report: what each round marked, asked for and learnt, and whether a quench passed."""

from gapglass.active_learning.harvest import (
    BUDGET_SPENT,
    LABEL,
    NOTHING,
    PASSED,
    ROUNDS_SPENT,
    WRITTEN,
    ratio_of,
)

ENDS = {
    LABEL: "labelled and fitted",
    PASSED: "passed",
    ROUNDS_SPENT: "not passed; harvest.rounds are spent",
    BUDGET_SPENT: "not passed; labels.budget is spent",
    WRITTEN: "not passed; frames written to be labelled",
    NOTHING: "not passed; no frame is fit to be labelled",
}
REMEDY = {
    ROUNDS_SPENT: "Raise harvest.rounds, or harvest.frames_per_stage, and run again; what is labelled is kept.",
    BUDGET_SPENT: "Raise labels.budget and run again; what is labelled is kept.",
    WRITTEN: "Label these frames and go on:",
    NOTHING: "In every marked frame atoms are closer than the guard allows (glass.closest_fraction). Add frames of "
    "the liquid from first principles, or let the cycle begin cooler.",
}
SETS = {"train": "training", "validation": "validation", "holdout": "hold-out"}
POTENTIALS = {"before": "before the harvest", "after": "after it"}


def told(story):
    """Return what the page says of a harvest.

    Parameters
    ----------
    story : dict
        harvest/harvest.json.

    Returns
    -------
    dict
        passed, text (a sentence), rounds and errors (rows of tables), remedy and next (steps, empty after a harvest
        that passed), n_labelled, n_new and n_failed.
    """
    rounds, last = story["rounds"], story["rounds"][-1]
    number = len(rounds) - 1
    taken = f"{story['n_labelled']} frame(s) of {number} round(s) were labelled"
    if story["passed"]:
        text = "In a whole thermal cycle no deviation was larger than "
        text += f"{last['threshold']:g} times that of the validation frames."
        text += f" Before, {taken}." if number else ""
    else:
        text = f"No thermal cycle passed, so the glass models rest on an extrapolation. {taken[0].upper()}{taken[1:]}."
    return {
        "passed": story["passed"],
        "text": text,
        "rounds": [_round(found) for found in rounds],
        "errors": [
            {
                "harvested frames": SETS[part],
                "number": of_part["n_frames"],
                "potential": POTENTIALS[name],
                "energy (meV/atom)": f"{of_part['rmse_energy_mev_per_atom']:.2f}",
                "force (eV/Å)": f"{of_part['rmse_force_ev_per_angstrom']:.3f}",
            }
            for part in SETS
            for name in POTENTIALS
            if (of_part := story["errors"].get(name, {}).get(part))
        ],
        "remedy": REMEDY.get(story["action"], ""),
        "next": story.get("next", []),
        "n_labelled": story["n_labelled"],
        "n_new": story["n_new"],
        "n_failed": story["n_failed"],
    }


def _round(found):
    stages = found["stages"]
    marked = ", ".join(
        f"{item['n_marked']} in stage {item['stage']}"
        + (f" of quench {item['replica']}" if max(each["replica"] for each in stages) > 1 else "")
        for item in stages
        if item["n_marked"]
    )
    sets = [item["set"] for item in found["frames"]]
    asked = ", ".join(f"{sets.count(part)} {name}" for part, name in SETS.items() if part in sets)
    return {
        "round": found["round"],
        "largest deviation": f"{ratio_of(found):.2f} (allowed {found['threshold']:g})",
        "in meV": f"{1000 * max((item['sustained_ev'] for item in stages), default=0):.3g}",
        "atoms too close": f"{100 * max((item['share_too_close'] for item in stages), default=0):.0f} %",
        "bare atoms": f"{100 * max((item.get('share_bare', 0) for item in stages), default=0):.0f} %",
        "exploded": "; ".join(item["exploded"] for item in stages if item["exploded"]) or "-",
        "marked samples": marked or "none",
        "frames asked for": asked or "none",
        "end": ENDS[found["action"]],
    }
