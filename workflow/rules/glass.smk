# Glass models: plug-in, packing, one restartable job per stage of the thermal cycle.


rule build_plugin:
    output:
        at("lammps/quip.so"),
    log:
        at("logs/build_plugin.log"),
        compiler=at("logs/build_plugin.compiler.log"),
    benchmark:
        at("benchmarks/build_plugin.jsonl")
    conda:
        "../../envs/lammps.yaml"
    params:
        built_from=plugin_sources(),
    message:
        "Building pair_style quip for LAMMPS"
    script:
        "../scripts/build_plugin.py"


rule pack_atoms:
    input:
        summary=at("frames/import.json"),
    output:
        f"{GLASS_FOLDER}/packed.data",
    log:
        at("logs/pack_atoms/{potential}_{atoms}_{replica}.log"),
    benchmark:
        at("benchmarks/pack_atoms/{potential}_{atoms}_{replica}.jsonl")
    conda:
        "../../envs/lammps.yaml"
    params:
        settings={key: config["glass"][key] for key in ("composition", "density", "min_distance")},
        seed=config["seed"],
    message:
        "Packing {wildcards.atoms} atoms (replica {wildcards.replica})"
    script:
        "../scripts/pack_atoms.py"


rule estimate_speed:
    input:
        packed=f"{GLASS_FOLDER}/packed.data",
        potential=at("potentials/{potential}/gap.xml"),
        plugin=pair_style_plugin,
    output:
        f"{GLASS_FOLDER}/speed.json",
    log:
        at("logs/estimate_speed/{potential}_{atoms}_{replica}.log"),
    benchmark:
        at("benchmarks/estimate_speed/{potential}_{atoms}_{replica}.jsonl")
    # Told before the first stage begins; as an input of the stages it would redo them, and Snakemake (9.27) overlooks
    # other reasons to run a job whose ancient() input is made again.
    priority: 1
    conda:
        "../../envs/lammps.yaml"
    threads: config["glass"]["ranks"]
    params:
        settings=STAGE_SETTINGS,
        cycle=config["glass"]["cycle"],
    message:
        "Estimating how long the thermal cycle will take"
    script:
        "../scripts/estimate_speed.py"


rule run_stage:
    input:
        start=stage_start,
        earlier=earlier_outcome,
        potential=at("potentials/{potential}/gap.xml"),
        plugin=pair_style_plugin,
        table=density_table,
    output:
        restart=f"{GLASS_FOLDER}/stage_{{stage}}/final.restart",
        thermo=f"{GLASS_FOLDER}/stage_{{stage}}/thermo.csv",
        trajectory=f"{GLASS_FOLDER}/stage_{{stage}}/trajectory.lammpstrj",
        outcome=f"{GLASS_FOLDER}/stage_{{stage}}/outcome.json",
    log:
        at("logs/run_stage/{potential}_{atoms}_{replica}_{stage}.log"),
        lammps=at("logs/run_stage/{potential}_{atoms}_{replica}_{stage}.lammps.log"),
    benchmark:
        at("benchmarks/run_stage/{potential}_{atoms}_{replica}_{stage}.jsonl")
    conda:
        "../../envs/lammps.yaml"
    threads: config["glass"]["ranks"]
    resources:
        **asking(stage_cost),
    params:
        settings=STAGE_SETTINGS,
        stage=lambda wildcards: config["glass"]["cycle"][int(wildcards.stage) - 1],
        before=temperature_before,
        reference_temperature=density_temperature,
        seed=config["seed"],
    message:
        "Melt-quench of {wildcards.atoms} atoms, stage {wildcards.stage}"
    script:
        "../scripts/run_stage.py"


rule finish_glass:
    input:
        thermo=[f"{GLASS_FOLDER}/stage_{stage + 1}/thermo.csv" for stage in range(N_STAGES)],
        trajectory=f"{GLASS_FOLDER}/stage_{N_STAGES}/trajectory.lammpstrj",
        outcome=f"{GLASS_FOLDER}/stage_{N_STAGES}/outcome.json",
    output:
        final=f"{GLASS_FOLDER}/final.extxyz",
        thermo=f"{GLASS_FOLDER}/thermo.csv",
        outcome=f"{GLASS_FOLDER}/outcome.json",
    log:
        at("logs/finish_glass/{potential}_{atoms}_{replica}.log"),
    benchmark:
        at("benchmarks/finish_glass/{potential}_{atoms}_{replica}.jsonl")
    conda:
        "../../envs/lammps.yaml"
    message:
        "Glass of {wildcards.atoms} atoms (replica {wildcards.replica})"
    script:
        "../scripts/finish_glass.py"
