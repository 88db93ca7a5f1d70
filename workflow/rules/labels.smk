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
    message:
        "Labelling frame {wildcards.frame}"
    script:
        "../scripts/label_frame.py"


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
