# The active-learning loop. `decide` is its one checkpoint: it closes a round of fits and says what comes next.
# Iterations and rounds are counted from 1; round 0 opens an iteration.


rule sample_frames:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        labels=lambda wildcards: study.labels_to_sample(wildcards.potential),
        kernels=lambda wildcards: study.kernels_for_drawing(wildcards.potential),
        previous=lambda wildcards: study.previous_database(
            wildcards.potential, int(wildcards.iteration)
        ),
    output:
        database=f"{study.iteration}/database.json",
        train=f"{study.iteration}/train.extxyz",
        test=f"{study.iteration}/test.extxyz",
    log:
        at("logs/sample_frames/{potential}_{iteration}.log"),
    benchmark:
        at("benchmarks/sample_frames/{potential}_{iteration}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        increment=config["active_learning"]["increment"],
        train_fraction=config["active_learning"]["train_fraction"],
        allocation=config["active_learning"]["allocation"],
        draw=config["active_learning"]["draw"],
        seed=config["seed"],
    message:
        "Sampling the clusters for iteration {wildcards.iteration} of {wildcards.potential}"
    script:
        "../scripts/sample_frames.py"


rule fit_trial:
    input:
        train=f"{study.iteration}/train.extxyz",
        test=f"{study.iteration}/test.extxyz",
        decision=lambda wildcards: study.proposing_decision(
            wildcards.potential, int(wildcards.iteration), int(wildcards.round)
        ),
        summary=at("frames/import.json"),
        neighbours=at("frames/neighbours.csv"),
        database=f"{study.iteration}/database.json",
    output:
        result=f"{study.iteration}/round_{{round}}/trial_{{trial}}/result.json",
        potential=f"{study.iteration}/round_{{round}}/trial_{{trial}}/gap.xml",
    log:
        at("logs/fit_trial/{potential}_{iteration}_{round}_{trial}.log"),
        fit=at("logs/fit_trial/{potential}_{iteration}_{round}_{trial}.gap_fit.log"),
    benchmark:
        at("benchmarks/fit_trial/{potential}_{iteration}_{round}_{trial}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.fit_trial(input, int(wildcards.trial), config)),
    params:
        **study.fit_settings(),
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
        settings={
            key: config["active_learning"][key]
            for key in (
                "energy_tolerance",
                "max_iterations",
                "exploration_rounds",
                "exploitation_rounds",
                "proposals_per_round",
            )
        },
        max_fit_memory=config["active_learning"]["max_fit_memory"],
        potential={
            key: config["potential"][key]
            for key in ("descriptor", "fitter", "virials", "hyperparameters")
        },
        seed=config["seed"],
    message:
        "Deciding after round {wildcards.round} of iteration {wildcards.iteration} of {wildcards.potential}"
    script:
        "../scripts/decide.py"


rule evaluate_iteration:
    input:
        frames=at("frames/frames.extxyz"),
        database=f"{study.iteration}/database.json",
        potential=best_of_iteration,
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


rule fit_all_frames:
    input:
        frames=at("frames/frames.extxyz"),
        summary=at("frames/import.json"),
        neighbours=at("frames/neighbours.csv"),
        hyperparameters=at("potentials/optimal/hyperparameters.json"),
    output:
        potential=at("potentials/all_frames/gap.xml"),
        train=at("potentials/all_frames/train.extxyz"),
        predictions=at("potentials/all_frames/predictions.csv"),
        forces=at("potentials/all_frames/forces.npz"),
        fit=at("potentials/all_frames/fit.json"),
        history=at("potentials/all_frames/history.csv"),
    log:
        at("logs/fit_all_frames.log"),
        fit=at("logs/fit_all_frames.gap_fit.log"),
    benchmark:
        at("benchmarks/fit_all_frames.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.fit_all_frames(input, config)),
    params:
        **study.fit_settings(max_fit_memory=config["active_learning"]["max_fit_memory"]),
    message:
        "Fitting a potential on every frame ({resources.mem_mb} MB)"
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
        decisions=closing_decisions,
        evaluations=evaluations,
        ledger=last_ledger,
        potential=delivered_file("gap.xml"),
        train=of_delivered_iteration("train.extxyz"),
        test=of_delivered_iteration("test.extxyz"),
        predictions=of_delivered_iteration("predictions.csv"),
        forces=of_delivered_iteration("forces.npz"),
    output:
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
        potential="|".join(paths.LOOPS),
    conda:
        "../../envs/gapglass.yaml"
    params:
        seed=config["seed"],
        descriptor=config["potential"]["descriptor"],
        ranges=config["potential"]["hyperparameters"],
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


rule summarise_potential:
    input:
        fit=at("potentials/{potential}/fit.json"),
        agreement=at("potentials/{potential}/agreement.json"),
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
