# Learning curves: fits on frames that different strategies choose, tested on blocks of time that none of them may use.


rule cluster_by_rmsd:
    input:
        frames=at("frames/frames.extxyz"),
    output:
        at("learning_curves/rmsd_labels.csv"),
    log:
        at("logs/cluster_by_rmsd.log"),
    benchmark:
        at("benchmarks/cluster_by_rmsd.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.of_frames(input.frames, 1e-3, 40)),
    params:
        min_cluster_size=config["learning_curves"]["min_cluster_size"],
    message:
        "Clustering by RMSD with HDBSCAN"
    script:
        "../scripts/cluster_by_rmsd.py"


rule tune_learning_curves:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        summary=at("frames/import.json"),
        sets=at("frames/sets.json"),
        blocks=at("frames/blocks.json"),
        geometry=study.geometry_of_learning_curves(),
    output:
        at("learning_curves/hyperparameters.json"),
    log:
        at("logs/tune_learning_curves.log"),
    benchmark:
        at("benchmarks/tune_learning_curves.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.tune_learning_curves(input, config)),
    params:
        **study.learning_settings(
            ranges=study.ranges_of_learning_curves(),
            draws=config["learning_curves"]["seeds"],
            guide=study.learning_needs_guide(),
        ),
    message:
        "Hyperparameters of all fits of the learning curves"
    script:
        "../scripts/tune_learning_curves.py"


rule draw_learning_curves:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        summary=at("frames/import.json"),
        sets=at("frames/sets.json"),
        blocks=at("frames/blocks.json"),
        best=at("clusters/best.json"),
        labels=at("clusters/best_labels.csv"),
        labels_soap_only=at("clusters/delta_0/labels.csv"),
        labels_rmsd=(
            at("learning_curves/rmsd_labels.csv")
            if "rmsd_hdbscan" in config["learning_curves"]["strategies"]
            else []
        ),
        soap=at("kernels/soap.npy"),
        coulomb=at("kernels/coulomb.npy"),
        scales=at("kernels/kernels.json"),
        hyperparameters=at("learning_curves/hyperparameters.json"),
    output:
        errors=at("learning_curves/draws/{draw}.csv"),
        calibration=at("learning_curves/calibration/{draw}.csv"),
    log:
        at("logs/draw_learning_curves/{draw}.log"),
    benchmark:
        at("benchmarks/draw_learning_curves/{draw}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.draw_learning_curves(input, config)),
    params:
        **study.learning_settings(
            strategies=config["learning_curves"]["strategies"],
            sparse_from=config["learning_curves"]["sparse_from"],
            priors=config["learning_curves"]["priors"],
            liquid_from=config["learning_curves"]["liquid_from"],
        ),
    message:
        "Learning curves: division {wildcards.draw} ({resources.mem_mb} MB)"
    script:
        "../scripts/draw_learning_curves.py"


rule collect_learning_curves:
    input:
        errors=study.learning_draws("draws"),
        calibration=study.learning_draws("calibration"),
    output:
        results=at("learning_curves/results.csv"),
        summary=at("learning_curves/summary.csv"),
        comparison=at("learning_curves/comparison.csv"),
        savings=at("learning_curves/savings.csv"),
        calibration=at("learning_curves/calibration.csv"),
    log:
        at("logs/collect_learning_curves.log"),
    benchmark:
        at("benchmarks/collect_learning_curves.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        seed=config["seed"],
    message:
        "Means and error bars of the learning curves"
    script:
        "../scripts/collect_learning_curves.py"
