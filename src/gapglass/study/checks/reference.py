"""Check that the reference trajectories have the temperature at which the structure of the glass is compared."""

SAME_TEMPERATURE = 0.5  # K


def problems(config):
    """Yield a reference temperature that no trajectory of role ``reference`` has.

    A trajectory with ``temperature_key`` takes its temperatures from the file, so the check leaves such studies out.
    """
    temperatures = [entry["temperature"] for entry in config["trajectories"] if entry["role"] == "reference"]
    cycle = config["glass"].get("cycle")
    wanted = config["structure"]["reference_temperature"] or (cycle[-1]["temperature"] if cycle else None)
    if wanted is None or not temperatures or None in temperatures:
        return
    if all(abs(temperature - wanted) >= SAME_TEMPERATURE for temperature in temperatures):
        there = ", ".join(map(str, temperatures))
        yield (
            f"no trajectory of role reference has the temperature {wanted} K of the last stage of glass.cycle "
            f"(there are {there} K); set structure.reference_temperature to one of them"
        )
