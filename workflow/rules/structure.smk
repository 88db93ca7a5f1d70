# Structure of the reference and of every glass model, and how far they are apart.


rule analyse_reference:
    input:
        frames=at("frames/frames.extxyz"),
    output:
        sq=at("structure/reference/sq.csv"),
        gr=at("structure/reference/gr.csv"),
        coordination=at("structure/reference/coordination.csv"),
        angles=at("structure/reference/angles.csv"),
        closest=at("structure/reference/closest.csv"),
    log:
        at("logs/analyse_reference.log"),
    benchmark:
        at("benchmarks/analyse_reference.tsv")
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    params:
        settings=config["structure"],
        temperature=config["structure"]["reference_temperature"]
        or config["glass"]["cycle"][-1]["temperature"],
    message:
        "Structure of the reference"
    script:
        "../scripts/analyse_reference.py"


rule analyse_glass:
    input:
        trajectory=f"{GLASS_FOLDER}/stage_{N_STAGES}/trajectory.lammpstrj",
    output:
        sq=at("structure/{potential}_{atoms}_{replica}/sq.csv"),
        gr=at("structure/{potential}_{atoms}_{replica}/gr.csv"),
        coordination=at("structure/{potential}_{atoms}_{replica}/coordination.csv"),
        angles=at("structure/{potential}_{atoms}_{replica}/angles.csv"),
        closest=at("structure/{potential}_{atoms}_{replica}/closest.csv"),
    log:
        at("logs/analyse_glass/{potential}_{atoms}_{replica}.log"),
    benchmark:
        at("benchmarks/analyse_glass/{potential}_{atoms}_{replica}.tsv")
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    params:
        settings=config["structure"],
    message:
        "Structure of the glass of {wildcards.atoms} atoms (replica {wildcards.replica})"
    script:
        "../scripts/analyse_glass.py"


rule compare_structure:
    input:
        reference=at("structure/reference/gr.csv"),
        model=at("structure/{potential}_{atoms}_{replica}/gr.csv"),
    output:
        at("structure/{potential}_{atoms}_{replica}/rx.json"),
    log:
        at("logs/compare_structure/{potential}_{atoms}_{replica}.log"),
    conda:
        "../../envs/analysis.yaml"
    params:
        r_x_min=config["structure"]["r_x_min"],
    message:
        "Wright parameter R_X of the glass of {wildcards.atoms} atoms"
    script:
        "../scripts/compare_structure.py"
