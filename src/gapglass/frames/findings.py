"""Findings about a whole set of trajectories, for the log, frames/import.json and the report."""

import logging

from gapglass.frames import energy_steps

log = logging.getLogger("gapglass")


def of_set(summary):
    """Log and return the findings about the whole set: energies of isolated atoms, steps and settings that differ.

    Parameters
    ----------
    summary : dict
        settings (trajectory -> name -> value), energy_steps, n_isolated and isolated_atom_energies, of
        frames/import.json.

    Returns
    -------
    list of str
    """
    notes = [
        f"{settings}: {'; '.join(f'{value} in {names}' for value, names in found.items())}"
        for settings, found in _setting_differences(summary["settings"]).items()
    ]
    notes = [f"the trajectories were computed with different settings, {note}" for note in notes]
    steps = summary["energy_steps"]
    notes += [energy_steps.text(step) for step in steps[: energy_steps.SHOWN]]
    if len(steps) > energy_steps.SHOWN:
        notes.append(f"{len(steps) - energy_steps.SHOWN} further steps between groups of energies, see import.json")
    for note in notes:
        log.warning("%s", note)
    if summary["n_isolated"]:
        atoms = ", ".join(f"{name} {energy:.6f} eV" for name, energy in summary["isolated_atom_energies"].items())
        notes.append(f"{summary['n_isolated']} isolated atoms give e0 and train every potential: {atoms}")
        log.info("%s", notes[-1])
    return notes


def _setting_differences(settings):
    """Return {setting: {value: trajectories}} of the settings for which the files state different values."""
    found = {}
    for name, of_file in settings.items():
        for key, value in of_file.items():
            found.setdefault(key, {}).setdefault(str(value), []).append(name)
    return {key: {value: ", ".join(names) for value, names in of.items()} for key, of in found.items() if len(of) > 1}
