# Vibrational density of states: a run at constant energy after each glass, its spectrum, and that of the reference.


rule run_vibrations:
    input:
        start=f"{study.start_folder}/stage_{study.n_stages}/final.restart",
        earlier=f"{study.start_folder}/stage_{study.n_stages}/outcome.json",
        potential=at("potentials/{potential}/gap.xml"),
        plugin=study.pair_style_plugin(),
        own=study.own_lammps(),
        table=at("frames/table.csv"),
        summary=at("frames/import.json"),
    output:
        thermo=f"{study.start_folder}/vibrations/thermo.csv",
        trajectory=f"{study.start_folder}/vibrations/trajectory.lammpstrj",
        velocities=f"{study.start_folder}/vibrations/velocities.lammpstrj",
        outcome=f"{study.start_folder}/vibrations/outcome.json",
    log:
        at("logs/run_vibrations/{potential}_{atoms}_{replica}.log"),
        lammps=at("logs/run_vibrations/{potential}_{atoms}_{replica}.lammps.log"),
    benchmark:
        at("benchmarks/run_vibrations/{potential}_{atoms}_{replica}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    threads: config["glass"]["ranks"]
    resources:
        **asking(vibrations_cost),
    params:
        settings=study.stage_settings(),
        engine=study.engine_of_glass(),
        stage=study.vibrations_stage(),
        n_stages=study.n_stages,
    message:
        "Vibrations of {wildcards.atoms} atoms (replica {wildcards.replica})"
    script:
        "../scripts/run_vibrations.py"


rule analyse_vibrations:
    input:
        velocities=f"{study.start_folder}/vibrations/velocities.lammpstrj",
        thermo=f"{study.start_folder}/vibrations/thermo.csv",
        outcome=f"{study.start_folder}/vibrations/outcome.json",
    output:
        at("structure/{potential}_{atoms}_{replica}/vibrations.csv"),
    log:
        at("logs/analyse_vibrations/{potential}_{atoms}_{replica}.log"),
    benchmark:
        at("benchmarks/analyse_vibrations/{potential}_{atoms}_{replica}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.of_frames(input.velocities, 1e-5)),
    params:
        composition=config["glass"]["composition"],
        timestep=config["glass"]["timestep"],
        resolution=config["glass"]["vibrations"]["resolution"],
        temperature=config["glass"]["cycle"][-1]["temperature"],
    message:
        "Vibrational density of states of {wildcards.atoms} atoms (replica {wildcards.replica})"
    script:
        "../scripts/analyse_vibrations.py"


rule average_vibrations:
    input:
        replicas("vibrations.csv", "{potential}_{atoms}"),
    output:
        at("structure/{potential}_{atoms}/vibrations.csv"),
    log:
        at("logs/average_vibrations/{potential}_{atoms}.log"),
    benchmark:
        at("benchmarks/average_vibrations/{potential}_{atoms}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    message:
        "Averaging the vibrations of {wildcards.atoms} atoms of {wildcards.potential} over the replicas"
    script:
        "../scripts/average_vibrations.py"


rule analyse_reference_vibrations:
    input:
        frames=at("frames/frames.extxyz"),
        # The models tell up to which frequency the frames of the reference would have to resolve vibrations.
        models=study.structure_files("vibrations.csv")[1:],
    output:
        at("structure/reference/vibrations.csv"),
    log:
        at("logs/analyse_reference_vibrations.log"),
    benchmark:
        at("benchmarks/analyse_reference_vibrations.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    resources:
        **asking(lambda wildcards, input: resources.of_frames(input.frames, 1e-3)),
    params:
        temperature=study.reference_temperature(),
        resolution=config["glass"]["vibrations"]["resolution"],
    message:
        "Vibrational density of states of the reference"
    script:
        "../scripts/analyse_reference_vibrations.py"


rule plot_vibrations:
    input:
        study.structure_files("vibrations.csv"),
    output:
        figure_files("plot_vibrations"),
    log:
        at("logs/plot_vibrations.log"),
    benchmark:
        at("benchmarks/plot_vibrations.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    message:
        "Figure of the vibrations"
    script:
        "../scripts/plot_vibrations.py"
