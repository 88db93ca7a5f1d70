# Input functions of the harvest, which wait for its checkpoint mark_frames.
import itertools


def rounds_of_harvest():
    """Yield number and content of the rounds of harvest, up to the one that asks for no label."""
    for number in itertools.count(1):
        made = checkpoints.mark_frames.get(round=number)
        found = files.read_json(made.output.found)
        yield number, found
        if not found["asks"]:
            return


def potential_before(name):
    """Return the function to a file of the potential of the round before."""

    def path(wildcards):
        return f"{study.potential_of_round(int(wildcards.round) - 1)}/{name}"

    return path


def records_of_rounds(last):
    """Return the records of the frames that the rounds of harvest up to one label."""
    found = []
    for number, content in itertools.islice(rounds_of_harvest(), last):
        if content["asks"]:
            folder = study.harvest.format(round=number)
            found += [f"{folder}/labels/{frame}.json" for frame in range(len(content["frames"]))]
    return found


def of_rounds(last, name):
    """Return a file of every round of harvest up to one."""
    return [f"{study.harvest.format(round=number)}/{name}" for number in range(1, last + 1)]


def last_round():
    """Return the number of the last round of harvest."""
    return sum(1 for _ in rounds_of_harvest())


def delivered_by_harvest(name):
    """Return the function to a file of the potential that the harvest delivers."""

    def path(wildcards):
        return f"{study.potential_of_round(last_round() - 1)}/{name}"

    return path


def stage_start_of_round(wildcards):
    """Return the file from which a stage of a round's quench starts."""
    folder, before = study.harvest_quench.format(**wildcards), int(wildcards.stage) - 1
    return f"{folder}/stage_{before}/final.restart" if before else f"{folder}/packed.data"


def stage_before_of_round(wildcards):
    """Return the outcome of the stage before in a round's quench, nothing for the first."""
    folder, before = study.harvest_quench.format(**wildcards), int(wildcards.stage) - 1
    return f"{folder}/stage_{before}/outcome.json" if before else []


def cost_of_harvest_stage(wildcards, input):
    """Return memory and time of a stage of a round's quench."""
    stage = config["glass"]["cycle"][int(wildcards.stage) - 1]
    speed = f"{study.harvest_quench.format(**wildcards)}/speed.json"  # no job measures it
    return resources.run_stage(int(wildcards.atoms), stage, config["glass"], speed)
