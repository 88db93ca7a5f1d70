# Structure of the reference and of every glass model, and how far they are apart.


rule analyse_reference:
    input:
        frames=at("frames/frames.extxyz"),
    output:
        **{kind: at(f"structure/reference/{kind}.csv") for kind in STRUCTURE_TABLES},
    log:
        at("logs/analyse_reference.log"),
    benchmark:
        at("benchmarks/analyse_reference.jsonl")
    priority: 1
    conda:
        "../../envs/gapglass.yaml"
    # One core, so that it runs beside the descriptors of the last block and nothing waits for it.
    threads: 1
    resources:
        **asking(lambda wildcards, input: resources.of_frames(input.frames, 1e-3)),
    params:
        settings=study.analysis_settings(),
        temperature=study.reference_temperature(),
    message:
        "Structure of the reference"
    script:
        "../scripts/analyse_reference.py"


rule analyse_glass:
    input:
        trajectory=f"{study.glass_folder}/stage_{study.n_stages}/trajectory.lammpstrj",
        outcome=f"{study.glass_folder}/stage_{study.n_stages}/outcome.json",
    output:
        **{
            kind: at(f"structure/{{potential}}_{{atoms}}{{cooling}}_{{replica}}/{kind}.csv")
            for kind in STRUCTURE_TABLES
        },
    log:
        at("logs/analyse_glass/{potential}_{atoms}{cooling}_{replica}.log"),
    benchmark:
        at("benchmarks/analyse_glass/{potential}_{atoms}{cooling}_{replica}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    threads: 2
    resources:
        **asking(lambda wildcards, input: resources.of_frames(input.trajectory, 1e-3)),
    params:
        settings=study.analysis_settings(),
    message:
        "Structure of the glass of {wildcards.atoms} atoms{wildcards.cooling} (replica {wildcards.replica})"
    script:
        "../scripts/analyse_glass.py"


rule analyse_quench:
    input:
        trajectories=lambda wildcards: study.stage_files(wildcards, "trajectory.lammpstrj"),
        thermo=f"{study.glass_folder}/thermo.csv",
    output:
        quench=at("structure/{potential}_{atoms}{cooling}_{replica}/quench.csv"),
        displacements=at("structure/{potential}_{atoms}{cooling}_{replica}/displacements.csv"),
        transition=at("structure/{potential}_{atoms}{cooling}_{replica}/transition.json"),
    log:
        at("logs/analyse_quench/{potential}_{atoms}{cooling}_{replica}.log"),
    benchmark:
        at("benchmarks/analyse_quench/{potential}_{atoms}{cooling}_{replica}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.of_frames(input.trajectories[-1], 1e-3)),
    params:
        cutoffs=config["structure"]["coordination_cutoffs"],
        timestep=config["glass"]["timestep"],
        npt=study.npt_stages(),
    message:
        "Quench of {wildcards.atoms} atoms{wildcards.cooling} (replica {wildcards.replica}): coordination and displacements"
    script:
        "../scripts/analyse_quench.py"


rule analyse_plateaus:
    input:
        frames=at("frames/frames.extxyz"),
    output:
        plateaus=at("structure/reference/plateaus.csv"),
        displacements=at("structure/reference/displacements.csv"),
    log:
        at("logs/analyse_plateaus.log"),
    benchmark:
        at("benchmarks/analyse_plateaus.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.of_frames(input.frames, 1e-3)),
    params:
        cutoffs=config["structure"]["coordination_cutoffs"],
    message:
        "Coordination and displacements of the reference at its temperatures"
    script:
        "../scripts/analyse_plateaus.py"


rule import_experiment:
    input:
        lambda wildcards: experiment(wildcards)["file"],
    output:
        sq=at("structure/experiment_{name}/sq.csv"),
        gr=at("structure/experiment_{name}/gr.csv"),
    log:
        at("logs/import_experiment/{name}.log"),
    benchmark:
        at("benchmarks/import_experiment/{name}.jsonl")
    priority: 1
    retries: 0
    conda:
        "../../envs/gapglass.yaml"
    params:
        entry=experiment,
        settings={key: config["structure"][key] for key in ("q_max", "r_max", "r_bin", "window")},
        composition=config["glass"]["composition"],
        density=config["glass"]["density"],
    message:
        "Reading the measured curve {wildcards.name}"
    script:
        "../scripts/import_experiment.py"


rule average_replicas:
    input:
        **{
            kind: replicas(f"{kind}.csv", "{potential}_{atoms}{cooling}")
            for kind in STRUCTURE_TABLES
        },
    output:
        **{
            kind: at(f"structure/{{potential}}_{{atoms}}{{cooling}}/{kind}.csv")
            for kind in STRUCTURE_TABLES
        },
    log:
        at("logs/average_replicas/{potential}_{atoms}{cooling}.log"),
    benchmark:
        at("benchmarks/average_replicas/{potential}_{atoms}{cooling}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        q_bin=config["structure"]["q_bin"],
    message:
        "Averaging the {wildcards.atoms} atoms{wildcards.cooling} of {wildcards.potential} over the replicas"
    script:
        "../scripts/average_replicas.py"


rule compare_structure:
    input:
        reference=lambda wildcards: study.reference_to_compare(wildcards.model),
        sq=replicas("sq.csv", "{model}"),
        gr=replicas("gr.csv", "{model}"),
        experiment_sq=study.experiment_files("sq.csv"),
        experiment_gr=study.experiment_files("gr.csv"),
    output:
        at("structure/{model}/rx.json"),
    log:
        at("logs/compare_structure/{model}.log"),
    benchmark:
        at("benchmarks/compare_structure/{model}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        settings={key: config["structure"][key] for key in ("r_x_min", "q_bin", "q_max", "window")},
        experiments=config["structure"]["experiments"],
    message:
        "Wright parameter R_X of {wildcards.model}"
    script:
        "../scripts/compare_structure.py"
