# Input functions of the glass models: what a stage depends on, by its number.


def stage_cost(wildcards, input):
    """Return memory and time of a stage, from the speed that another job measures once that exists."""
    stage = study.cycle(wildcards.cooling)[int(wildcards.stage) - 1]
    speed = f"{study.start_folder.format(**wildcards)}/speed.json"
    return resources.run_stage(int(wildcards.atoms), stage, config["glass"], speed)


def vibrations_cost(wildcards, input):
    """Return memory and time of the run at constant energy after the cycle."""
    speed = f"{study.start_folder.format(**wildcards)}/speed.json"
    return resources.run_stage(
        int(wildcards.atoms), study.vibrations_stage(), config["glass"], speed
    )


def density_temperature(wildcards):
    """Return the temperature (K) of the reference frames for a stage at their density, else None."""
    return (
        study.reference_temperature()
        if study.takes_reference_density(int(wildcards.stage))
        else None
    )
