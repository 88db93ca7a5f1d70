# What every rules file uses: the checked configuration, the names of files, and the resources of jobs.
#
# Two settings return in several rules. `priority: 1` runs a check of the user's files or programs before the long jobs.
# `retries: 0` stands where a second attempt would meet the same files and settings.
import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

try:
    from gapglass.active_learning import loop
    from gapglass.base import files
    from gapglass.base.errors import UserError
    from gapglass.frames import readers
    from gapglass.labels import places
    from gapglass.potential import build
    from gapglass.report import catalogue
    from gapglass.selection.database import cut
    from gapglass.selection.kinds import BY_BLOCKS
    from gapglass.similarity import blocks
    from gapglass.structure.kinds import TABLES as STRUCTURE_TABLES
    from gapglass.study import (
        config as configuration,
        inputs,
        models,
        paths,
        preflight,
        release,
        resources,
        source,
    )
except ImportError as error:
    raise WorkflowError(
        f"{error}: the Python environment {sys.prefix} is not complete; run `make -B setup`, or `pip install` gapglass"
    ) from None

SOURCES = [os.path.relpath(path) for path in workflow.configfiles]
try:
    # Snakemake has read the files before, less strictly. Only the process that plans the run needs to read them again.
    if workflow.is_main_process:
        for path in SOURCES:
            source.read_source(path)
    config.update(configuration.complete(dict(config), ", ".join(SOURCES) or "config"))
    inputs.check_files(config)
    if workflow.is_main_process:
        inputs.check_start(config)
        inputs.check_structures(config)
    LABEL_FILES = places.files_of(config["labels"]) if "labels" in config else []
    LABEL_INPUTS = places.inputs_of(config["labels"]) if "labels" in config else []
    study = paths.Study(config, build.engine_digest())
    preflight.check_folder(study.folder)
    # A code may write forces, energies and cells into files beside its trajectory.
    TRAJECTORY_FILES = sorted(
        {file for entry in config["trajectories"] for file in readers.files_of(entry)}
    )
except UserError as error:
    raise WorkflowError(str(error)) from None

at = study.at


# The patterns agree with the schema: a study's name has no slash, an iteration has two digits or more.
wildcard_constraints:
    delta=r"\d(\.\d+)?(e-\d+)?",
    block=r"[A-Za-z0-9_-]+_\d\d\d\d+",
    potential=r"optimal|soap_only|all_frames",
    iteration=r"\d\d+",
    round=r"\d+",
    trial=r"\d+",
    atoms=r"\d+",
    replica=r"\d+",
    stage=r"\d+",
    part=r"\d+",
    number=r"\d+",
    strategy=r"[a-z_]+",
    size=r"\d+",
    draw=r"\d+",
    frame=r"\d+",
    choice=r"\d+",
    symbol=r"[A-Z][a-z]?",
    name=r"[A-Za-z0-9-]+",
    cooling=r"(_rate_[\d.e+-]+)?",
    model=r"reference|[a-z_]+_\d+(_rate_[\d.e+-]+)?",


def begin():
    """Refuse a run that this machine cannot finish, name results of another version, and clear what killed runs left."""
    planned = [job.rule.name for job in workflow.dag.needrun_jobs()]
    kept = [job.rule.name for job in workflow.dag.jobs if not workflow.dag.needrun(job)]
    try:
        preflight.check_machine(
            config, set(planned), packages=not workflow.deployment_settings.deployment_method
        )
        release.begin(study.folder, planned, kept)
    except UserError as error:
        raise WorkflowError(str(error)) from None
    files.remove_leftovers(study.folder)


def study_options():
    """Return the options with which this study is run."""
    return shlex.join(["--configfile", *SOURCES])


def asking(cost):
    """Return the resources of a job from a function (wildcards, input) -> (MB, minutes); both grow with every attempt.

    The function reads files of the job's own input, which Snakemake waits for. Snakemake (9.27) cannot wait for the files
    of a checkpoint in a resource.
    """

    def memory_mb(wildcards, input, attempt):
        return attempt * cost(wildcards, input)[0]

    def minutes(wildcards, input, attempt):
        return attempt * cost(wildcards, input)[1]

    return {"mem_mb": memory_mb, "runtime": minutes}


def experiment(wildcards):
    """Return the entry of a measured curve."""
    try:
        return study.experiment(wildcards.name)
    except KeyError as error:
        raise WorkflowError(error.args[0]) from None


def crystal(name):
    """Return the entry of a crystal."""
    try:
        return study.crystal(name)
    except KeyError as error:
        raise WorkflowError(error.args[0]) from None


def figure_files(rule):
    """Return the files of every figure that a rule makes, the images marked for Snakemake's own report."""
    made = [figure for figure in catalogue.every(config) if figure.rule == rule]
    images = []
    for figure in made:
        image = report(
            at(f"figures/{figure.name}.png"),
            caption=str(catalogue.caption_file(figure)),
            category=figure.section,
            labels={"figure": figure.name, "paper": figure.paper or "-"},
        )
        images.append(image)
    others = study.drawn([figure.name for figure in made], kinds=("dark.png", "pdf", "csv"))
    return [*images, *others]


FIGURES = [figure.name for figure in catalogue.listed(config)]
LEARNING_FIGURES = [figure.name for figure in catalogue.learning(config)]
