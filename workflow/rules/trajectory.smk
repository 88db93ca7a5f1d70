# Trajectories in, checked canonical frames out. A checkpoint, because the number of frames sets the number of blocks.


checkpoint import_frames:
    input:
        TRAJECTORY_FILES,
        labels=LABEL_FILES,
        atoms=study.atoms_to_label(),
    output:
        frames=at("frames/frames.extxyz"),
        isolated=at("frames/isolated.extxyz"),
        table=at("frames/table.csv"),
        summary=at("frames/import.json"),
    log:
        at("logs/import_frames.log"),
    benchmark:
        at("benchmarks/import_frames.jsonl")
    retries: 0
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.import_frames(input)),
    params:
        trajectories=config["trajectories"],
        settings=config["import"],
        composition=config["glass"]["composition"],
        e0=config["potential"]["e0"],
        labels=config.get("labels"),
        same_order=config["descriptors"]["coulomb"]["permutation"] == "none",
    message:
        "Reading and checking the trajectories"
    script:
        "../scripts/import_frames.py"


rule count_neighbours:
    input:
        frames=at("frames/frames.extxyz"),
    output:
        at("frames/neighbours.csv"),
    log:
        at("logs/count_neighbours.log"),
    benchmark:
        at("benchmarks/count_neighbours.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.of_frames(input.frames, 1e-3)),
    message:
        "Counting neighbours, which the memory of the fits depends on"
    script:
        "../scripts/count_neighbours.py"
