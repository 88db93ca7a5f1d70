# The active-learning loop. The checkpoint `decide` closes a round of fits and says what comes next. Iterations and rounds
# are counted from 1; round 0 opens an iteration. With labels on demand, the checkpoint `sample_frames` says which frames
# need a label, and `settle_frames` (labels.smk) takes the last of its choices.


rule cut_blocks:
    input:
        table=at("frames/table.csv"),
        soap=at("kernels/soap.npy"),
        coulomb=at("kernels/coulomb.npy"),
        scales=at("kernels/kernels.json"),
    output:
        at("frames/blocks.json"),
    log:
        at("logs/cut_blocks.log"),
    benchmark:
        at("benchmarks/cut_blocks.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        guard=config["active_learning"]["holdout_guard"],
    message:
        "Cutting the trajectories into blocks of time"
    script:
        "../scripts/cut_blocks.py"


# The division is made once: frames that come later do not move it, the closest distances, or the sparse points. To make
# it anew, run with --forcerun set_aside_frames.
rule set_aside_frames:
    input:
        frames=ancient(at("frames/frames.extxyz")),
        table=ancient(at("frames/table.csv")),
        blocks=ancient(at("frames/blocks.json")),
    output:
        at("frames/sets.json"),
    log:
        at("logs/set_aside_frames.log"),
    benchmark:
        at("benchmarks/set_aside_frames.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.of_frames(input.frames, 1e-4)),
    params:
        validation=study.validation_fraction(),
        holdout=config["active_learning"]["holdout_fraction"],
        frames_per_block=study.frames_per_block(),
        seed=config["seed"],
    message:
        "Setting frames aside for the stop and the last test"
    script:
        "../scripts/set_aside_frames.py"


checkpoint sample_frames:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        sets=at("frames/sets.json"),
        labels=lambda wildcards: study.labels_to_sample(wildcards.potential),
        kernels=lambda wildcards: study.kernels_for_drawing(wildcards.potential),
        summary=at("frames/import.json"),
        previous=lambda wildcards: study.previous_database(
            wildcards.potential, int(wildcards.iteration)
        ),
        decision=closing_of_iteration_before,
        choice=choice_before,
        records=records_before_choice,
        blocks=(at("frames/blocks.json") if config["selection"]["strategy"] in BY_BLOCKS else []),
    output:
        database=f"{study.choice}/database.json",
        train=f"{study.choice}/train.extxyz",
        test=f"{study.choice}/test.extxyz",
    log:
        study.choice_log("logs", "log"),
    benchmark:
        study.choice_log("benchmarks", "jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.sample_frames(input, config)),
    params:
        **study.enlargement_settings(),
    message:
        "Choosing frames for iteration {wildcards.iteration} of {wildcards.potential}"
    script:
        "../scripts/sample_frames.py"


# Where no frame is labelled on demand, no job waits for a choice. As a checkpoint that is repeated, it would start the
# fits after it before their input functions are asked again.
if not study.labels_frames:
    rules.sample_frames.rule.is_checkpoint = False


rule choose_sparse_points:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        summary=at("frames/import.json"),
        sets=at("frames/sets.json"),
        database=f"{study.iteration}/database.json",
        geometry=lambda wildcards: study.proposing_decision(
            wildcards.potential, int(wildcards.iteration), int(wildcards.round)
        ),
    output:
        f"{study.trial}/points.npz",
    log:
        at("logs/choose_sparse_points/{potential}_{iteration}_{round}_{trial}.log"),
    benchmark:
        at("benchmarks/choose_sparse_points/{potential}_{iteration}_{round}_{trial}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.choose_sparse_points(input, config)),
    params:
        **study.points_settings(),
    message:
        "Choosing sparse points for trial {wildcards.trial} of round {wildcards.round}, iteration {wildcards.iteration} of {wildcards.potential}"
    script:
        "../scripts/choose_sparse_points.py"


# Frames that are new in iteration `part`, in blocks. A trial that a later iteration fits again adds its new frames only.
rule compute_rows:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        summary=at("frames/import.json"),
        sets=at("frames/sets.json"),
        database=lambda wildcards: f"{study.iteration_folder(wildcards.potential, int(wildcards.part))}/database.json",
        points=f"{study.trial}/points.npz",
        labels=records_of_block,
    output:
        f"{study.trial}/rows_{{part}}_{{number}}.npz",
    log:
        at("logs/compute_rows/{potential}_{iteration}_{round}_{trial}_{part}_{number}.log"),
    benchmark:
        at("benchmarks/compute_rows/{potential}_{iteration}_{round}_{trial}_{part}_{number}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.compute_rows(input)),
    params:
        **study.rows_settings(),
    message:
        "Rows of block {wildcards.number} of the new frames of iteration {wildcards.part}, for trial {wildcards.trial} of round {wildcards.round}, iteration {wildcards.iteration} of {wildcards.potential}"
    script:
        "../scripts/compute_rows.py"


# All frames with the labels of a guide that may train, in blocks.
use rule compute_rows as compute_guide_rows with:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        summary=at("frames/import.json"),
        sets=at("frames/sets.json"),
        database=[],
        points=f"{study.trial}/points.npz",
        labels=[],
    output:
        f"{study.trial}/guide_{{number}}.npz",
    log:
        at("logs/compute_guide_rows/{potential}_{iteration}_{round}_{trial}_{number}.log"),
    benchmark:
        at("benchmarks/compute_guide_rows/{potential}_{iteration}_{round}_{trial}_{number}.jsonl")
    params:
        **study.rows_settings(guide=True),
    message:
        "Rows of block {wildcards.number} of the guide, for trial {wildcards.trial} of round {wildcards.round}, iteration {wildcards.iteration} of {wildcards.potential}"


rule fit_trial:
    input:
        train=f"{study.iteration}/train.extxyz",
        test=f"{study.iteration}/test.extxyz",
        decision=lambda wildcards: study.proposing_decision(
            wildcards.potential, int(wildcards.iteration), int(wildcards.round)
        ),
        summary=at("frames/import.json"),
        neighbours=at("frames/neighbours.csv"),
        sets=at("frames/sets.json"),
        database=f"{study.iteration}/database.json",
        points=points_of_trial,
        rows=rows_of_trial,
        guide=guide_of_trial,
    output:
        **study.uncertainty_files(study.trial),
        result=f"{study.trial}/result.json",
        potential=f"{study.trial}/gap.xml",
    log:
        at("logs/fit_trial/{potential}_{iteration}_{round}_{trial}.log"),
        fit=at("logs/fit_trial/{potential}_{iteration}_{round}_{trial}.fit.log"),
    benchmark:
        at("benchmarks/fit_trial/{potential}_{iteration}_{round}_{trial}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.fit_trial(input, int(wildcards.trial), config)),
    params:
        **study.trial_settings(),
    message:
        "Fitting trial {wildcards.trial} of round {wildcards.round}, iteration {wildcards.iteration} of {wildcards.potential} ({resources.mem_mb} MB)"
    script:
        "../scripts/fit_trial.py"


checkpoint decide:
    input:
        database=f"{study.iteration}/database.json",
        results=trial_results,
        previous=previous_decision,
        neighbours=at("frames/neighbours.csv"),
        summary=at("frames/import.json"),
        validation=frames_that_decide(),
        labels=records_that_decide,
        choice=choice_with_budget,
        potentials=potentials_of_iteration,
    output:
        decision=f"{study.iteration}/round_{{round}}/decision.json",
        ledger=f"{study.iteration}/round_{{round}}/ledger.jsonl",
    log:
        at("logs/decide/{potential}_{iteration}_{round}.log"),
    benchmark:
        at("benchmarks/decide/{potential}_{iteration}_{round}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        settings=study.loop_settings(),
        max_fit_memory=config["active_learning"]["max_fit_memory"],
        potential={
            key: config["potential"][key]
            for key in ("descriptor", "fitter", "virials", "cost_limit", "hyperparameters")
        },
        may_have_guide=study.may_have_guide(),
        engine=study.engine_of_stop(),
        seed=config["seed"],
    message:
        "Deciding after round {wildcards.round} of iteration {wildcards.iteration} of {wildcards.potential}"
    script:
        "../scripts/decide.py"


rule evaluate_iteration:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        sets=at("frames/sets.json"),
        database=f"{study.iteration}/database.json",
        potential=best_of_iteration,
        labels=lambda wildcards: records_of_loop(wildcards.potential, int(wildcards.iteration)),
    output:
        summary=f"{study.iteration}/evaluation.json",
        predictions=f"{study.iteration}/predictions.csv",
        forces=f"{study.iteration}/forces.npz",
    log:
        at("logs/evaluate_iteration/{potential}_{iteration}.log"),
    benchmark:
        at("benchmarks/evaluate_iteration/{potential}_{iteration}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.of_frames(input.frames, 1e-4)),
    params:
        engine=study.engine,
    message:
        "Evaluating the best potential of iteration {wildcards.iteration} of {wildcards.potential} on every frame"
    script:
        "../scripts/evaluate_iteration.py"


use rule choose_sparse_points as choose_sparse_points_of_all with:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        summary=at("frames/import.json"),
        sets=at("frames/sets.json"),
        database=[],
        geometry=at("potentials/optimal/hyperparameters.json"),
    output:
        temp(at("potentials/all_frames/points.npz")),
    log:
        at("logs/choose_sparse_points_of_all.log"),
    benchmark:
        at("benchmarks/choose_sparse_points_of_all.jsonl")
    message:
        "Choosing sparse points for the fit on all frames"


use rule compute_rows as compute_rows_of_all with:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        summary=at("frames/import.json"),
        sets=at("frames/sets.json"),
        database=[],
        points=at("potentials/all_frames/points.npz"),
        labels=[],
    output:
        temp(at("potentials/all_frames/rows_{number}.npz")),
    log:
        at("logs/compute_rows_of_all/{number}.log"),
    benchmark:
        at("benchmarks/compute_rows_of_all/{number}.jsonl")
    message:
        "Rows of block {wildcards.number} for the fit on all frames"


use rule compute_rows as compute_guide_rows_of_all with:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        summary=at("frames/import.json"),
        sets=at("frames/sets.json"),
        database=[],
        points=at("potentials/all_frames/points.npz"),
        labels=[],
    output:
        temp(at("potentials/all_frames/guide_{number}.npz")),
    log:
        at("logs/compute_guide_rows_of_all/{number}.log"),
    benchmark:
        at("benchmarks/compute_guide_rows_of_all/{number}.jsonl")
    params:
        **study.rows_settings(guide=True),
    message:
        "Rows of block {wildcards.number} of the guide, for the fit on all frames"


rule fit_all_frames:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        summary=at("frames/import.json"),
        neighbours=at("frames/neighbours.csv"),
        sets=at("frames/sets.json"),
        hyperparameters=at("potentials/optimal/hyperparameters.json"),
        points=points_of_all,
        rows=rows_of_all,
        guide=guide_of_all,
        optimal=[] if study.tunes_all_frames() else study.posterior_of("optimal"),
    output:
        **study.uncertainty_files(at("potentials/all_frames")),
        potential=at("potentials/all_frames/gap.xml"),
        train=at("potentials/all_frames/train.extxyz"),
        predictions=at("potentials/all_frames/predictions.csv"),
        forces=at("potentials/all_frames/forces.npz"),
        fit=at("potentials/all_frames/fit.json"),
        history=at("potentials/all_frames/history.csv"),
    log:
        at("logs/fit_all_frames.log"),
        fit=at("logs/fit_all_frames.fit.log"),
    benchmark:
        at("benchmarks/fit_all_frames.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(
            lambda wildcards, input: resources.fit_all_frames(
                input, config, study.tunes_all_frames()
            )
        ),
    params:
        **study.trial_settings(),
        tunes=study.tunes_all_frames(),
        max_fit_memory=config["active_learning"]["max_fit_memory"],
    message:
        "Fitting a potential on every frame that may train ({resources.mem_mb} MB)"
    script:
        "../scripts/fit_all_frames.py"


rule compare_potentials:
    input:
        predictions=study.potential_files("predictions.csv"),
        forces=study.potential_files("forces.npz"),
    output:
        at("potentials/comparison.csv"),
    log:
        at("logs/compare_potentials.log"),
    benchmark:
        at("benchmarks/compare_potentials.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    message:
        "Comparing the potentials on frames that no loop has used"
    script:
        "../scripts/compare_potentials.py"


rule finish_potential:
    input:
        **{
            name: delivered_file(Path(path).name)
            for name, path in study.uncertainty_files(study.trial).items()
        },
        decisions=closing_decisions,
        labels=lambda wildcards: records_of_loop(wildcards.potential),
        evaluations=evaluations,
        ledger=last_ledger,
        potential=delivered_file("gap.xml"),
        train=of_delivered_iteration("train.extxyz"),
        test=of_delivered_iteration("test.extxyz"),
        predictions=of_delivered_iteration("predictions.csv"),
        forces=of_delivered_iteration("forces.npz"),
    output:
        **study.uncertainty_files(at("potentials/{potential}")),
        potential=at("potentials/{potential}/gap.xml"),
        train=at("potentials/{potential}/train.extxyz"),
        test=at("potentials/{potential}/test.extxyz"),
        predictions=at("potentials/{potential}/predictions.csv"),
        forces=at("potentials/{potential}/forces.npz"),
        fit=at("potentials/{potential}/fit.json"),
        hyperparameters=at("potentials/{potential}/hyperparameters.json"),
        history=at("potentials/{potential}/history.csv"),
        ledger=at("potentials/{potential}/ledger.jsonl"),
    log:
        at("logs/finish_potential/{potential}.log"),
    benchmark:
        at("benchmarks/finish_potential/{potential}.jsonl")
    wildcard_constraints:
        # The potential that harvests is delivered by finish_harvest (harvest.smk).
        potential="|".join(
            name for name in paths.LOOPS if not (study.harvests and name == "optimal")
        ),
    conda:
        "../../envs/gapglass.yaml"
    params:
        seed=config["seed"],
        descriptor=config["potential"]["descriptor"],
        ranges=config["potential"]["hyperparameters"],
        uncertainty=list(study.uncertainty_files("")),
    message:
        "Delivering the potential {wildcards.potential}"
    script:
        "../scripts/finish_potential.py"


rule check_engine:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        neighbours=at("frames/neighbours.csv"),
        fit=at("potentials/{potential}/fit.json"),
        potential=at("potentials/{potential}/gap.xml"),
    output:
        at("potentials/{potential}/agreement.json"),
    log:
        at("logs/check_engine/{potential}.log"),
    benchmark:
        at("benchmarks/check_engine/{potential}.jsonl")
    priority: 1
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.check_engine(input, config)),
    params:
        engine=study.engine,
        glass=config["glass"]["engine"],
        seed=config["seed"],
    message:
        "Comparing the engine with QUIP on the potential {wildcards.potential}"
    script:
        "../scripts/check_engine.py"


rule check_fit:
    input:
        train=at("potentials/{potential}/train.extxyz"),
        fit=at("potentials/{potential}/fit.json"),
        sets=at("frames/sets.json"),
        summary=at("frames/import.json"),
    output:
        at("potentials/{potential}/fit_agreement.json"),
    log:
        at("logs/check_fit/{potential}.log"),
    benchmark:
        at("benchmarks/check_fit/{potential}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.of_frames(input.train, 1e-2)),
    params:
        **study.fit_settings(),
    message:
        "Comparing the engine's fit with gap_fit's on some frames of {wildcards.potential}"
    script:
        "../scripts/check_fit.py"


rule scan_dimers:
    input:
        potential=at("potentials/{potential}/gap.xml"),
        sets=at("frames/sets.json"),
        summary=at("frames/import.json"),
    output:
        at("potentials/{potential}/dimers.csv"),
    log:
        at("logs/scan_dimers/{potential}.log"),
    benchmark:
        at("benchmarks/scan_dimers/{potential}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        engine=study.engine,
    message:
        "Curves of pairs of atoms alone with the potential {wildcards.potential}"
    script:
        "../scripts/scan_dimers.py"


rule characterise_crystal:
    input:
        potential=at("potentials/{potential}/gap.xml"),
        summary=at("frames/import.json"),
        crystal=lambda wildcards: crystal(wildcards.name)["file"],
    output:
        found=at("potentials/{potential}/crystals/{name}.json"),
        table=at("potentials/{potential}/crystals/{name}.csv"),
    log:
        at("logs/characterise_crystal/{potential}_{name}.log"),
    benchmark:
        at("benchmarks/characterise_crystal/{potential}_{name}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    threads: 1
    resources:
        **asking(lambda wildcards, input: resources.characterise_crystal(input.crystal)),
    params:
        settings=lambda wildcards: study.crystal_settings(wildcards.name),
        e0=config["potential"]["e0"],
        engine=study.engine,
    message:
        "The crystal {wildcards.name} with the potential {wildcards.potential}"
    script:
        "../scripts/characterise_crystal.py"


rule calibrate_variance:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        predictions=at("potentials/{potential}/predictions.csv"),
        potential=at("potentials/{potential}/gap.xml"),
        posterior=at("potentials/{potential}/posterior.npz"),
        labels=lambda wildcards: records_of_loop(wildcards.potential),
    output:
        at("potentials/{potential}/calibration.json"),
    log:
        at("logs/calibrate_variance/{potential}.log"),
    benchmark:
        at("benchmarks/calibrate_variance/{potential}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.of_frames(input.frames, 1e-4)),
    params:
        engine=study.engine,
    message:
        "Comparing errors of the potential {wildcards.potential} with those that its fit predicts"
    script:
        "../scripts/calibrate_variance.py"


rule summarise_potential:
    input:
        fit=at("potentials/{potential}/fit.json"),
        dimers=at("potentials/{potential}/dimers.csv"),
        calibration=study.calibration(),
        fit_agreement=lambda wildcards: study.fit_agreement(wildcards.potential),
        agreement=at("potentials/{potential}/agreement.json"),
        nve=study.nve_outcome(),
        predictions=at("potentials/{potential}/predictions.csv"),
        forces=at("potentials/{potential}/forces.npz"),
        table=at("frames/table.csv"),
        sets=at("frames/sets.json"),
    output:
        at("potentials/{potential}/summary.json"),
    log:
        at("logs/summarise_potential/{potential}.log"),
    benchmark:
        at("benchmarks/summarise_potential/{potential}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    message:
        "Summary of the potential {wildcards.potential}"
    script:
        "../scripts/summarise_potential.py"


rule pack_potential:
    input:
        summary=at("potentials/{potential}/summary.json"),
        potential=at("potentials/{potential}/gap.xml"),
        train=at("potentials/{potential}/train.extxyz"),
        predictions=at("potentials/{potential}/predictions.csv"),
        imported=at("frames/import.json"),
        crystals=lambda wildcards: study.crystals_of(wildcards.potential),
    output:
        study.package("{potential}"),
        directory(at("potentials/{potential}/package")),
    log:
        at("logs/pack_potential/{potential}.log"),
    benchmark:
        at("benchmarks/pack_potential/{potential}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        settings=config,
    message:
        "Packing the potential {wildcards.potential}"
    script:
        "../scripts/pack_potential.py"
