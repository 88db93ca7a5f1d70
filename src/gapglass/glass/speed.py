"""Glass models by melt-quench: random packing, push-off, and the stages of the thermal cycle.

Source: section 2.5 of doi:10.1111/jace.20128.
"""

import shutil
from pathlib import Path

from gapglass.base.log import notice
from gapglass.base.progress import duration
from gapglass.glass import explosion, lammps, thermo
from gapglass.glass.scratch import Scratch
from gapglass.glass.stages import failure, stage_input


def estimate(data, potential, plugin, settings, cycle):
    """Run a few steps and say how long the thermal cycle will take.

    Parameters
    ----------
    data : path-like
        Packed start configuration; scratch files go beside it.
    potential, plugin : path-like
    settings : dict
        Section ``glass`` without the cycle.
    cycle : list of dict
        ``glass.cycle``.

    Returns
    -------
    dict
        steps_per_second, ns_per_day, hours for the whole cycle; all None, with the ``reason``, where the atoms fly apart in these steps.

    Raises
    ------
    UserError
        When LAMMPS fails for another reason.
    """
    trial = {**cycle[0], "time": 20 * settings["timestep"] / 1000}
    relaxed = {**settings, "min_distance": 1e-3, "max_temperature_factor": 1e6}
    try:
        with Scratch(data) as folder:
            shutil.copyfile(data, folder / "start.data")
            text = stage_input(
                trial, relaxed, title="speed", potential=potential, plugin=plugin, restart=False, velocity_seed=1
            )
            lammps.run(folder, text, ranks=settings["ranks"], own=settings["lammps_command"])
            steps_per_second = thermo.rate((folder / "screen.txt").read_text())
    except lammps.LammpsFailed as error:
        if error.kind not in explosion.KINDS:
            raise failure(error, "the first 20 steps", Path(data).parent / "failed") from error
        notice("no estimate of the speed: the atoms fly apart in the first 20 steps (%s)", error)
        reason = f"the atoms fly apart in the first 20 steps: {error}"
        return {"steps_per_second": None, "ns_per_day": None, "hours": None, "reason": reason}
    total = sum(stage["time"] for stage in cycle) * 1000 / settings["timestep"]
    result = {
        "steps_per_second": steps_per_second,
        "ns_per_day": steps_per_second * settings["timestep"] * 86400e-6,
        "hours": total / steps_per_second / 3600,
    }
    notice(
        "%.2f ns/day on %d rank(s): the cycle of %d steps will take about %s",
        result["ns_per_day"], settings["ranks"], total, duration(result["hours"] * 3600),
    )  # fmt: skip
    return result
