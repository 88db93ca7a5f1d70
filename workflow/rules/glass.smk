# Glass models: the pair style of LAMMPS, packing, one restartable job per stage of the thermal cycle.


rule build_plugin:
    output:
        at("lammps/quip.so"),
    log:
        at("logs/build_plugin.log"),
        compiler=at("logs/build_plugin.compiler.log"),
    benchmark:
        at("benchmarks/build_plugin.jsonl")
    priority: 1
    retries: 0
    conda:
        "../../envs/gapglass.yaml"
    params:
        built_from=paths.plugin_ingredients(),
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
    priority: 1
    retries: 0
    conda:
        "../../envs/gapglass.yaml"
    threads: config["glass"]["ranks"]
    params:
        command=config["glass"]["lammps_command"],
        ranks=config["glass"]["ranks"],
        pair_style=config["glass"]["engine"],
        engine=study.engine_of_glass(),
    message:
        "Trying the LAMMPS of glass.lammps_command"
    script:
        "../scripts/check_lammps.py"


rule check_pair_style:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        potential=at("potentials/{potential}/gap.xml"),
        plugin=study.pair_style_plugin(),
        own=study.own_lammps(),
    output:
        at("potentials/{potential}/pair_style.json"),
    log:
        at("logs/check_pair_style/{potential}.log"),
    benchmark:
        at("benchmarks/check_pair_style/{potential}.jsonl")
    priority: 1
    conda:
        "../../envs/gapglass.yaml"
    threads: config["glass"]["ranks"]
    params:
        settings=study.stage_settings(),
        engine=study.engine_of_glass(),
    message:
        "Comparing LAMMPS with Python on one frame and the potential {wildcards.potential}"
    script:
        "../scripts/check_pair_style.py"


rule run_nve:
    input:
        frames=at("frames/frames.extxyz"),
        table=at("frames/table.csv"),
        summary=at("frames/import.json"),
        potential=at("potentials/{potential}/gap.xml"),
        plugin=study.pair_style_plugin(),
        own=study.own_lammps(),
        proofs=lambda wildcards: study.proofs(wildcards.potential),
    output:
        outcome=at("potentials/{potential}/nve/outcome.json"),
        thermo=at("potentials/{potential}/nve/thermo.csv"),
    log:
        at("logs/run_nve/{potential}.log"),
    benchmark:
        at("benchmarks/run_nve/{potential}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    threads: study.nve_settings()["ranks"]
    resources:
        **asking(lambda wildcards, input: resources.run_nve(input.table, config)),
    params:
        settings=study.nve_settings(),
        nve=config["validation"]["nve"],
        engine=study.engine_of_glass(),
        seed=config["seed"],
    message:
        "Constant energy, hotter than the frames, with the potential {wildcards.potential}"
    script:
        "../scripts/run_nve.py"


rule pack_atoms:
    input:
        summary=at("frames/import.json"),
        frames=study.start_frames(),
        table=study.start_table(),
        start=study.start_file(),
    output:
        f"{study.start_folder}/packed.data",
    log:
        at("logs/pack_atoms/{potential}_{atoms}_{replica}.log"),
    benchmark:
        at("benchmarks/pack_atoms/{potential}_{atoms}_{replica}.jsonl")
    priority: 1
    retries: 0
    conda:
        "../../envs/gapglass.yaml"
    params:
        settings={
            key: config["glass"][key]
            for key in ("composition", "density", "start", "closest_fraction")
        },
        seed=config["seed"],
    message:
        "Start of {wildcards.atoms} atoms (replica {wildcards.replica})"
    script:
        "../scripts/pack_atoms.py"


rule estimate_speed:
    input:
        packed=f"{study.start_folder}/packed.data",
        potential=at("potentials/{potential}/gap.xml"),
        plugin=study.pair_style_plugin(),
        own=study.own_lammps(),
    output:
        f"{study.start_folder}/speed.json",
    log:
        at("logs/estimate_speed/{potential}_{atoms}_{replica}.log"),
    benchmark:
        at("benchmarks/estimate_speed/{potential}_{atoms}_{replica}.jsonl")
    # The estimate is no input of the stages, because a new estimate would repeat them. With ancient() around the input
    # Snakemake (9.27) would overlook other reasons to run them. The priority gives the estimate before the first stage.
    priority: 1
    conda:
        "../../envs/gapglass.yaml"
    threads: config["glass"]["ranks"]
    params:
        settings=study.stage_settings(),
        engine=study.engine_of_glass(),
        cycle=config["glass"]["cycle"],
    message:
        "Estimating how long the thermal cycle will take"
    script:
        "../scripts/estimate_speed.py"


rule run_stage:
    input:
        start=lambda wildcards: study.stage_start(wildcards, int(wildcards.stage)),
        earlier=lambda wildcards: study.earlier_outcome(wildcards, int(wildcards.stage)),
        potential=at("potentials/{potential}/gap.xml"),
        harvest=lambda wildcards: study.harvest_summary(wildcards.potential),
        plugin=study.pair_style_plugin(),
        own=study.own_lammps(),
        proofs=lambda wildcards: study.proofs(wildcards.potential),
        table=at("frames/table.csv"),
        summary=at("frames/import.json"),
    output:
        restart=f"{study.glass_folder}/stage_{{stage}}/final.restart",
        thermo=f"{study.glass_folder}/stage_{{stage}}/thermo.csv",
        trajectory=f"{study.glass_folder}/stage_{{stage}}/trajectory.lammpstrj",
        outcome=f"{study.glass_folder}/stage_{{stage}}/outcome.json",
    log:
        at("logs/run_stage/{potential}_{atoms}{cooling}_{replica}_{stage}.log"),
        lammps=at("logs/run_stage/{potential}_{atoms}{cooling}_{replica}_{stage}.lammps.log"),
    benchmark:
        at("benchmarks/run_stage/{potential}_{atoms}{cooling}_{replica}_{stage}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    threads: config["glass"]["ranks"]
    resources:
        **asking(stage_cost),
    params:
        settings=study.stage_settings(),
        engine=study.engine_of_glass(),
        stage=lambda wildcards: study.cycle(wildcards.cooling)[int(wildcards.stage) - 1],
        reference_temperature=density_temperature,
        seed=config["seed"],
    message:
        "Melt-quench of {wildcards.atoms} atoms{wildcards.cooling}, stage {wildcards.stage}"
    script:
        "../scripts/run_stage.py"


rule finish_glass:
    input:
        thermo=lambda wildcards: study.stage_files(wildcards, "thermo.csv"),
        trajectory=f"{study.glass_folder}/stage_{study.n_stages}/trajectory.lammpstrj",
        outcome=f"{study.glass_folder}/stage_{study.n_stages}/outcome.json",
    output:
        final=f"{study.glass_folder}/final.extxyz",
        thermo=f"{study.glass_folder}/thermo.csv",
        outcome=f"{study.glass_folder}/outcome.json",
    log:
        at("logs/finish_glass/{potential}_{atoms}{cooling}_{replica}.log"),
    benchmark:
        at("benchmarks/finish_glass/{potential}_{atoms}{cooling}_{replica}.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        settings={key: config["glass"][key] for key in paths.OF_THE_JUDGEMENT},
    message:
        "Glass of {wildcards.atoms} atoms{wildcards.cooling} (replica {wildcards.replica})"
    script:
        "../scripts/finish_glass.py"
