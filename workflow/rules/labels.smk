# Labels on demand: one job for each frame that is chosen. The labels themselves lie in the store, which is no output of
# a rule, so nothing that Snakemake does removes one; a job's output only tells where the label of its frame is.


rule label_frame:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        inputs=LABEL_INPUTS,
    output:
        at("labels/{frame}.json"),
    log:
        at("logs/label_frame/{frame}.log"),
    benchmark:
        at("benchmarks/label_frame/{frame}.jsonl")
    retries: 0
    conda:
        "../../envs/gapglass.yaml"
    threads: study.cores_of_a_label()
    resources:
        mem_mb=config.get("labels", {}).get("memory", 0),
        runtime=study.minutes_of_a_label(),
    params:
        labels=config.get("labels"),
        kept=at("labels/outputs/{frame}"),
        guesses=at("labels/wave_functions"),
        study=config["study"],
    message:
        "Labelling frame {wildcards.frame}"
    script:
        "../scripts/label_frame.py"


# Isolated atoms with the settings of the labels, whose energies are e0 (potential.e0: compute).
rule label_atom:
    input:
        LABEL_INPUTS,
    output:
        at("labels/atoms/{symbol}.json"),
    log:
        at("logs/label_atom/{symbol}.log"),
    benchmark:
        at("benchmarks/label_atom/{symbol}.jsonl")
    retries: 0
    conda:
        "../../envs/gapglass.yaml"
    threads: study.cores_of_a_label()
    resources:
        mem_mb=config.get("labels", {}).get("memory", 0),
        runtime=study.minutes_of_a_label(),
    params:
        labels=config.get("labels"),
        kept=at("labels/outputs/{symbol}"),
        study=config["study"],
    message:
        "Labelling an isolated atom of {wildcards.symbol}"
    script:
        "../scripts/label_atom.py"


if study.labels_frames:

    # The database of an iteration, when every frame of it has a label.
    rule settle_frames:
        input:
            database=lambda wildcards: f"{last_choice(wildcards)}database.json",
            train=lambda wildcards: f"{last_choice(wildcards)}train.extxyz",
            test=lambda wildcards: f"{last_choice(wildcards)}test.extxyz",
        output:
            database=f"{study.iteration}/database.json",
            train=f"{study.iteration}/train.extxyz",
            test=f"{study.iteration}/test.extxyz",
        log:
            at("logs/settle_frames/{potential}_{iteration}.log"),
        benchmark:
            at("benchmarks/settle_frames/{potential}_{iteration}.jsonl")
        localrule: True
        conda:
            "../../envs/gapglass.yaml"
        message:
            "Settling the frames of iteration {wildcards.iteration} of {wildcards.potential}"
        script:
            "../scripts/settle_frames.py"


rule tell_labels:
    input:
        lambda wildcards: sorted(
            {path for potential in study.loops for path in records_of_loop(potential)}
        ),
    output:
        at("labels/status.csv"),
    log:
        at("logs/tell_labels.log"),
    benchmark:
        at("benchmarks/tell_labels.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    message:
        "Telling how the frames got their labels"
    script:
        "../scripts/tell_labels.py"
