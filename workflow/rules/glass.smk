# Glass models: plug-in, packing, one restartable job per stage of the thermal cycle.


rule build_plugin:
    output:
        at("lammps/quip.so"),
    log:
        at("logs/build_plugin.log"),
        compiler=at("logs/build_plugin.compiler.log"),
    benchmark:
        at("benchmarks/build_plugin.jsonl")
    # told early: a compiler that does not work need not wait for the potential
    priority: 1
    # what fails here are files and settings, which a second attempt finds as they were
    retries: 0
    conda:
        "../../envs/lammps.yaml"
    params:
        built_from=plugin_sources(),
    message:
        "Building pair_style quip for LAMMPS"
    script:
        "../scripts/build_plugin.py"


rule check_lammps:
    output:
        at("lammps/own.txt"),
    log:
        at("logs/check_lammps.log"),
    benchmark:
        at("benchmarks/check_lammps.jsonl")
    # told early: a command that does not work need not wait for the potential
    priority: 1
    retries: 0
    conda:
        "../../envs/lammps.yaml"
    threads: config["glass"]["ranks"]
    params:
        command=config["glass"]["lammps_command"],
        ranks=config["glass"]["ranks"],
    message:
        "Trying the LAMMPS of glass.lammps_command"
    script:
        "../scripts/check_lammps.py"


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
        own=own_lammps,
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
        own=own_lammps,
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
