"""The run at constant energy after the thermal cycle, whose velocities give the vibrational density of states.

It has no thermostat, because a thermostat changes velocities. It begins with positions, velocities and cell of the end
of the last stage, so its mean temperature differs from that of the thermostat by the fluctuation of that moment.
"""


def stage(cycle, settings):
    """Return the run as a stage for ``stages.run_stage``.

    Parameters
    ----------
    cycle : list of dict
        ``glass.cycle``.
    settings : dict
        ``time`` (ps) and ``interval`` (fs) of ``glass.vibrations``.
    """
    return {
        "temperature": cycle[-1]["temperature"],
        "temperature_start": None,
        "time": settings["time"],
        "ensemble": "nve",
        "pressure": 0.0,
        "density": None,
        "velocity_interval": settings["interval"],
    }
