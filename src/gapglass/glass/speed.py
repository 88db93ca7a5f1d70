"""The speed of molecular dynamics with a potential, from a short run before the quench."""

import shutil
from pathlib import Path

from gapglass.base.log import notice
from gapglass.base.progress import duration
from gapglass.glass import explosion, lammps, thermo
from gapglass.glass.guards import Limit, pairs_of
from gapglass.glass.scratch import Scratch
from gapglass.glass.stages import failure, stage_guards, stage_input

# With the engine, the output of rows and frames takes a share of the time, so its trial has enough steps to write them
# as often as a stage does.
N_STEPS = {"gapglass": 400, "quip": 20}
UNREACHED = Limit(1e-3, None, "closer than atoms come")  # costs the time of a guard and stops no run


def estimate(data, potential, plugin, settings, cycle):
    """Run the first steps of the first stage and estimate the time of the thermal cycle.

    Parameters
    ----------
    data : path-like
        Packed start configuration. The working folder is created beside it.
    potential : path-like
        gap.xml.
    plugin : path-like or None
        None for a LAMMPS that has the pair style itself.
    settings : dict
        Section ``glass`` without the cycle.
    cycle : list of dict
        ``glass.cycle``.

    Returns
    -------
    dict
        steps_per_second, ns_per_day, and hours for the complete cycle. If the atoms fly apart in these steps, all
        three are None and ``reason`` says why.

    Raises
    ------
    UserError
        When LAMMPS fails for another reason.
    """
    n_steps = N_STEPS[settings["engine"]]
    trial = {**cycle[0], "time": n_steps * settings["timestep"] / 1000}
    # The guards of the quench would stop a run whose speed can still be measured.
    limits = dict.fromkeys(pairs_of(settings["composition"]), UNREACHED)
    guards = stage_guards(trial, {**settings, "max_temperature_factor": 1e6}, limits)
    try:
        with Scratch(data) as folder:
            shutil.copyfile(data, folder / "start.data")
            text = stage_input(
                trial,
                settings,
                title="speed",
                potential=potential,
                plugin=plugin,
                restart=False,
                velocity_seed=1,
                guards=guards,
            )
            lammps.run(folder, text, ranks=settings["ranks"], own=settings["lammps_command"])
            steps_per_second = thermo.rate((folder / "screen.txt").read_text())
    except lammps.LammpsFailed as error:
        if error.kind not in explosion.KINDS:
            raise failure(error, f"the first {n_steps} steps", Path(data).parent / "failed") from error
        reason = f"the atoms fly apart in the first {n_steps} steps"
        notice("no estimate of the speed: %s (%s)", reason, error)
        return {"steps_per_second": None, "ns_per_day": None, "hours": None, "reason": f"{reason}: {error}"}
    total = sum(stage["time"] for stage in cycle) * 1000 / settings["timestep"]
    result = {
        "steps_per_second": steps_per_second,
        "ns_per_day": steps_per_second * settings["timestep"] * 86400e-6,
        "hours": total / steps_per_second / 3600,
    }
    left = duration(result["hours"] * 3600)
    message = "%.2f ns/day on %d rank(s): the cycle of %d steps will take about %s"
    notice(message, result["ns_per_day"], settings["ranks"], total, left)
    return result
