# One clustering job per delta, the choice among them, and the map of the chosen one.


rule cluster_frames:
    input:
        soap=at("kernels/soap.npy"),
        coulomb=at("kernels/coulomb.npy"),
        scales=at("kernels/kernels.json"),
        table=at("frames/table.csv"),
    output:
        labels=at("clusters/delta_{delta}/labels.csv"),
        scan=at("clusters/delta_{delta}/scan.csv"),
        summary=at("clusters/delta_{delta}/summary.json"),
    log:
        at("logs/cluster_frames/{delta}.log"),
    benchmark:
        at("benchmarks/cluster_frames/{delta}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(
            lambda wildcards, input: resources.cluster_frames(input.table, config["clustering"])
        ),
    params:
        affinity=config["clustering"]["affinity"],
        solver=config["clustering"]["solver"],
        assign_labels=config["clustering"]["assign_labels"],
        d_tol=config["clustering"]["d_tol"],
        n_clusters_max=config["clustering"]["n_clusters_max"],
        seed=config["seed"],
    message:
        "Clustering with delta {wildcards.delta}"
    script:
        "../scripts/cluster_frames.py"


rule choose_delta:
    input:
        summaries=study.delta_files("summary.json"),
        labels=study.delta_files("labels.csv"),
        table=at("frames/table.csv"),
    output:
        table=at("clusters/delta.csv"),
        best=at("clusters/best.json"),
        labels=at("clusters/best_labels.csv"),
    log:
        at("logs/choose_delta.log"),
    benchmark:
        at("benchmarks/choose_delta.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        choose_from=config["clustering"]["choose_from"],
        choose_by=config["clustering"]["choose_by"],
    message:
        "Choosing delta by the lowest energy spread inside the clusters"
    script:
        "../scripts/choose_delta.py"


rule map_frames:
    input:
        soap=at("kernels/soap.npy"),
        coulomb=at("kernels/coulomb.npy"),
        scales=at("kernels/kernels.json"),
        best=at("clusters/best.json"),
    output:
        at("clusters/map.csv"),
    log:
        at("logs/map_frames.log"),
    benchmark:
        at("benchmarks/map_frames.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.map_frames(input.soap)),
    params:
        seed=config["seed"],
    message:
        "Two-dimensional map of the frames (multidimensional scaling)"
    script:
        "../scripts/map_frames.py"
