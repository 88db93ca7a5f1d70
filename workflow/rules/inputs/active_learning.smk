# Input functions that wait for the checkpoint decide: the decisions so far say which files the next job needs.
import itertools


def decision_reader(potential):
    """Return the function that reads one decision of the loop, waiting for its checkpoint."""

    def read(iteration, number):
        made = checkpoints.decide.get(
            potential=potential, iteration=f"{iteration:02d}", round=number
        )
        return files.read_json(made.output.decision)

    return read


def decisions_before(wildcards):
    """Return the decisions that lead to the one of these wildcards."""
    return loop.before(
        decision_reader(wildcards.potential), int(wildcards.iteration), int(wildcards.round)
    )


def previous_decision(wildcards):
    """Return the file of the decision before this one, nothing for the first."""
    return [
        study.decision_file(wildcards.potential, decision)
        for decision in decisions_before(wildcards)[-1:]
    ]


def trials_before(wildcards):
    """Return iteration and folder of every fit made before this decision."""
    places = ("iteration", "round", "trial")
    return [
        (place[0], study.trial_folder(wildcards.potential, dict(zip(places, place))))
        for place in loop.trials(decisions_before(wildcards))
    ]


def trial_results(wildcards):
    """Return the results of every fit made before this decision."""
    return [f"{folder}/result.json" for _, folder in trials_before(wildcards)]


def frames_that_decide():
    """Return the files with the frames whose errors decide the stop, nothing where the point estimate does."""
    if not study.validates:
        return []
    return [at(f"frames/{name}") for name in ("frames.extxyz", "table.csv", "sets.json")]


def potentials_of_iteration(wildcards):
    """Return the potentials of an iteration so far, one of which is tested on the frames that decide the stop."""
    if not study.validates:
        return []
    here = int(wildcards.iteration)
    return [
        f"{folder}/gap.xml" for iteration, folder in trials_before(wildcards) if iteration == here
    ]


def records_of(frames):
    """Return the records of the labels of frames, nothing where the frames have their labels from the import."""
    return [at(f"labels/{frame}.json") for frame in frames] if study.labels_frames else []


def choices_of(potential, iteration):
    """Yield number and content of the choices of an iteration, up to the one that asks for no label."""
    for number in itertools.count(1):
        made = checkpoints.sample_frames.get(
            potential=potential, iteration=f"{iteration:02d}", choice=number
        )
        choice = files.read_json(made.output.database)
        yield number, choice
        if not choice["asked"]:
            return


def last_choice(wildcards):
    """Return the folder of the choice that completes an iteration."""
    iteration = int(wildcards.iteration)
    *_, (number, _) = choices_of(wildcards.potential, iteration)
    return study.choice_file(wildcards.potential, iteration, number, "")


def choice_before(wildcards):
    """Return the choice before this one in its iteration, nothing for the first and without labels on demand."""
    if not study.labels_frames or int(wildcards.choice) == 1:
        return []
    number = int(wildcards.choice) - 1
    return study.choice_file(wildcards.potential, int(wildcards.iteration), number, "database.json")


def choice_with_budget(wildcards):
    """Return the choice that knows how many labels a budget still allows, nothing where there is no budget."""
    if not (study.labels_frames and config["labels"]["budget"]):
        return []
    return f"{last_choice(wildcards)}database.json"


def records_before_choice(wildcards):
    """Return the records of all frames for which the choices before this one have asked."""
    if not study.labels_frames:
        return []
    here, frames = int(wildcards.iteration), asked_for(
        wildcards.potential, int(wildcards.iteration) - 1
    )
    for number, choice in (
        choices_of(wildcards.potential, here) if int(wildcards.choice) > 1 else ()
    ):
        frames.update(choice["asked"])
        if number == int(wildcards.choice) - 1:
            break
    return records_of(sorted(frames))


def asked_for(potential, last):
    """Return the frames for which the choices of a loop have asked, up to an iteration."""
    of = [choices_of(potential, iteration) for iteration in range(1, last + 1)]
    return {frame for choices in of for _, choice in choices for frame in choice["asked"]}


def records_of_block(wildcards):
    """Return the records of a block of the frames that are new in an iteration."""
    if not study.labels_frames:
        return []
    *_, (_, choice) = choices_of(wildcards.potential, int(wildcards.part))
    return records_of(choice["blocks"][int(wildcards.number) - 1])


def records_that_decide(wildcards):
    """Return the records of the frames whose errors decide the stop; the decision that opens an iteration needs none."""
    if not (study.labels_frames and study.validates and int(wildcards.round)):
        return []
    *_, (_, choice) = choices_of(wildcards.potential, 1)
    return records_of(choice["validation"])


def records_of_loop(potential, last=None):
    """Return the records of all frames that a loop trains and tests on, up to an iteration."""
    if not study.labels_frames:
        return []
    if last is None:
        *_, decision = loop.walk(decision_reader(potential))
        last = decision["iteration"]
    return records_of(sorted(asked_for(potential, last)))


def points_of_trial(wildcards):
    """Return the sparse points that a trial uses, nothing for gap_fit, which chooses its own."""
    if config["potential"]["fitter"] != "engine":
        return []
    return f"{study.trial_folder(wildcards.potential, origin_of_trial(wildcards))}/points.npz"


def rows_of_trial(wildcards):
    """Return the rows of every frame of the database that a trial fits, nothing for gap_fit."""
    if config["potential"]["fitter"] != "engine":
        return []
    folder = study.trial_folder(wildcards.potential, origin_of_trial(wildcards))
    opening = [d for d in decisions_before(wildcards) if d["round"] == 0]
    return [
        f"{folder}/rows_{decision['iteration']}_{block}.npz"
        for decision in opening
        for block in range(1, decision["n_blocks"] + 1)
    ]


def blocks_of_all():
    """Return the number of blocks of all frames, once the checkpoint import_frames has counted them."""
    table = files.read_table(checkpoints.import_frames.get().output.table)
    return range(1, len(cut(table["n_atoms"])) + 1)


def has_guide():
    """Return whether fits may start from a guide and frames have its labels."""
    return study.may_have_guide() and imported()["guide"]


def guide_of_trial(wildcards):
    """Return the rows of a guide, where the fits may start from one and frames have its labels."""
    if not has_guide():
        return []
    folder = study.trial_folder(wildcards.potential, origin_of_trial(wildcards))
    return [f"{folder}/guide_{block}.npz" for block in blocks_of_all()]


def origin_of_trial(wildcards):
    """Return the place of the fit whose sparse points and rows a trial uses."""
    return decisions_before(wildcards)[-1]["origins"][int(wildcards.trial) - 1]


def points_of_all(wildcards):
    """Return the sparse points of the fit on all frames, nothing for gap_fit."""
    return (
        at("potentials/all_frames/points.npz") if config["potential"]["fitter"] == "engine" else []
    )


def rows_of_all(wildcards):
    """Return the rows of all frames, nothing for gap_fit; the checkpoint import_frames knows how many frames there are."""
    if config["potential"]["fitter"] != "engine":
        return []
    return [at(f"potentials/all_frames/rows_{block}.npz") for block in blocks_of_all()]


def guide_of_all(wildcards):
    """Return the rows of a guide for the fit on all frames, where that fit may start from one."""
    if not has_guide():
        return []
    return [at(f"potentials/all_frames/guide_{block}.npz") for block in blocks_of_all()]


def closing(potential):
    """Yield the decision that closed each iteration, as far as the loop has come."""
    for decision in loop.walk(decision_reader(potential)):
        if decision["action"] != "fit":
            yield decision


def closing_of_iteration_before(wildcards):
    """Return the decision that closed the iteration before, nothing for the first."""
    before = int(wildcards.iteration) - 1
    if not before:  # the first decisions depend on its frames
        return []
    decision = next(d for d in closing(wildcards.potential) if d["iteration"] == before)
    return study.decision_file(wildcards.potential, decision)


def delivered(potential):
    """Return the fit that the loop delivers."""
    return list(closing(potential))[-1]["delivered"]


def best_of_iteration(wildcards):
    """Return the best potential of a closed iteration."""
    for decision in closing(wildcards.potential):
        if decision["iteration"] == int(wildcards.iteration):
            return f"{study.trial_folder(wildcards.potential, decision['best'])}/gap.xml"
    raise WorkflowError(f"the loop has no iteration {wildcards.iteration}")


def delivered_file(name):
    """Return a file of the trial that the loop delivers."""

    def path(wildcards):
        entry = delivered(wildcards.potential)
        return f"{study.trial_folder(wildcards.potential, entry)}/{name}"

    return path


def of_delivered_iteration(name):
    """Return a file of the iteration whose potential is delivered."""

    def path(wildcards):
        iteration = delivered(wildcards.potential)["iteration"]
        return f"{study.iteration_folder(wildcards.potential, iteration)}/{name}"

    return path


def closing_decisions(wildcards):
    """Return the file of the decision that closed each iteration."""
    return [study.decision_file(wildcards.potential, d) for d in closing(wildcards.potential)]


def last_ledger(wildcards):
    """Return the ledger beside the last decision."""
    return closing_decisions(wildcards)[-1].replace("decision.json", "ledger.jsonl")


def evaluations(wildcards):
    """Return the evaluation of every iteration that has a potential."""
    return [
        f"{study.iteration_folder(wildcards.potential, decision['iteration'])}/evaluation.json"
        for decision in closing(wildcards.potential)
        if decision["best"]
    ]
