# Learning curves: potentials fitted on frames that different strategies choose, compared at equal size on one hold-out.


rule set_aside_holdout:
    input:
        table=at("frames/table.csv"),
    output:
        at("learning_curves/sets.json"),
    log:
        at("logs/set_aside_holdout.log"),
    benchmark:
        at("benchmarks/set_aside_holdout.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        fraction=config["learning_curves"]["holdout_fraction"],
        sizes=config["learning_curves"]["sizes"],
        seed=config["seed"],
    message:
        "Setting the hold-out of the learning curves aside"
    script:
        "../scripts/set_aside_holdout.py"


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


rule fit_learning_point:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        summary=at("frames/import.json"),
        neighbours=at("frames/neighbours.csv"),
        sets=at("learning_curves/sets.json"),
        fixed=at("frames/sets.json"),
        best=at("clusters/best.json"),
        labels=at("clusters/best_labels.csv"),
        labels_soap_only=at("clusters/delta_0/labels.csv"),
        labels_rmsd=lambda wildcards: (
            at("learning_curves/rmsd_labels.csv") if wildcards.strategy == "rmsd_hdbscan" else []
        ),
        soap=at("kernels/soap.npy"),
        coulomb=at("kernels/coulomb.npy"),
        scales=at("kernels/kernels.json"),
        hyperparameters=at("potentials/optimal/hyperparameters.json"),
    output:
        at("learning_curves/{strategy}/{size}_{draw}.json"),
    log:
        at("logs/fit_learning_point/{strategy}_{size}_{draw}.log"),
        fit=at("logs/fit_learning_point/{strategy}_{size}_{draw}.fit.log"),
    benchmark:
        at("benchmarks/fit_learning_point/{strategy}_{size}_{draw}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(
            lambda wildcards, input: resources.fit_learning_point(
                input, int(wildcards.size), config
            )
        ),
    params:
        **study.fit_settings(
            sparse_from=config["potential"]["sparse_from"],
            max_fit_memory=config["active_learning"]["max_fit_memory"],
            hyperparameters=config["learning_curves"]["hyperparameters"],
        ),
    message:
        "Learning curves: {wildcards.strategy}, {wildcards.size} frames, draw {wildcards.draw} ({resources.mem_mb} MB)"
    script:
        "../scripts/fit_learning_point.py"


rule collect_learning_curves:
    input:
        points=study.learning_points(),
        table=at("frames/table.csv"),
        sets=at("learning_curves/sets.json"),
    output:
        results=at("learning_curves/results.csv"),
        summary=at("learning_curves/summary.csv"),
        comparison=at("learning_curves/comparison.csv"),
    log:
        at("logs/collect_learning_curves.log"),
    benchmark:
        at("benchmarks/collect_learning_curves.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        liquid_from=config["learning_curves"]["liquid_from"],
    message:
        "Means and error bars of the learning curves"
    script:
        "../scripts/collect_learning_curves.py"
