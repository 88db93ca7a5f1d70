# Figures as PNG, PDF and CSV, tables as CSV, their index, and the report.


rule plot_clusters:
    input:
        table=at("frames/table.csv"),
        delta=at("clusters/delta.csv"),
        best=at("clusters/best.json"),
        labels=at("clusters/best_labels.csv"),
        map=at("clusters/map.csv"),
        each=study.delta_files("labels.csv"),
    output:
        figure_files("plot_clusters"),
    log:
        at("logs/plot_clusters.log"),
    benchmark:
        at("benchmarks/plot_clusters.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        deltas=config["clustering"]["deltas"],
    message:
        "Figures of the clusters"
    script:
        "../scripts/plot_clusters.py"


rule plot_potentials:
    input:
        histories=study.loop_files("history.csv"),
        ledgers=study.loop_files("ledger.jsonl"),
        predictions=study.potential_files("predictions.csv"),
        forces=study.potential_files("forces.npz"),
        summaries=study.potential_files("summary.json"),
        comparison=at("potentials/comparison.csv"),
        dimers=study.potential_files("dimers.csv"),
        crystals=study.crystal_files("json"),
        states=study.crystal_files("csv"),
    output:
        figure_files("plot_potentials"),
    log:
        at("logs/plot_potentials.log"),
    benchmark:
        at("benchmarks/plot_potentials.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        structures=config["validation"]["structures"],
    message:
        "Figures of the potentials"
    script:
        "../scripts/plot_potentials.py"


rule plot_glass:
    input:
        thermo=study.glass_files("thermo.csv"),
        outcomes=study.glass_files("outcome.json"),
    output:
        figure_files("plot_glass"),
    log:
        at("logs/plot_glass.log"),
    benchmark:
        at("benchmarks/plot_glass.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    message:
        "Figure of the melt-quench"
    script:
        "../scripts/plot_glass.py"


rule plot_quench:
    input:
        quench=study.quench_files("quench.csv"),
        displacements=study.quench_files("displacements.csv"),
        transition=study.quench_files("transition.json"),
        plateaus=at("structure/reference/plateaus.csv"),
        reference=at("structure/reference/displacements.csv"),
        outcomes=study.glass_files("outcome.json"),
    output:
        figure_files("plot_quench"),
    log:
        at("logs/plot_quench.log"),
    benchmark:
        at("benchmarks/plot_quench.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    message:
        "Figures of the quench"
    script:
        "../scripts/plot_quench.py"


rule plot_structure:
    input:
        sq=study.structure_files("sq.csv", experiments=True),
        gr=study.structure_files("gr.csv", experiments=True),
        coordination=study.structure_files("coordination.csv"),
        angles=study.structure_files("angles.csv"),
        rings=study.structure_files("rings.csv"),
        network=study.structure_files("network.csv"),
        voids=study.structure_files("voids.csv"),
        outcomes=study.glass_files("outcome.json"),
    output:
        figure_files("plot_structure"),
    log:
        at("logs/plot_structure.log"),
    benchmark:
        at("benchmarks/plot_structure.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    threads: 2
    params:
        main=models.main_potential(config),
        compared=models.compared_sizes(config),
        cutoffs=config["structure"]["coordination_cutoffs"],
        experiments=config["structure"]["experiments"],
        settings={key: config["structure"][key] for key in ("q_max", "window")},
    message:
        "Figures of the structure"
    script:
        "../scripts/plot_structure.py"


rule plot_learning_curves:
    input:
        at("learning_curves/summary.csv"),
    output:
        figure_files("plot_learning_curves"),
    log:
        at("logs/plot_learning_curves.log"),
    benchmark:
        at("benchmarks/plot_learning_curves.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    message:
        "Figures of the learning curves"
    script:
        "../scripts/plot_learning_curves.py"


rule make_tables:
    input:
        summaries=study.potential_files("summary.json"),
        comparison=at("potentials/comparison.csv"),
        coordination=study.structure_files("coordination.csv"),
        closest=study.structure_files("closest.csv"),
        rings=study.structure_files("rings.csv"),
        network=study.structure_files("network.csv"),
        rx=study.structure_files("rx.json"),
        quench=study.quench_files("quench.csv"),
        transition=study.quench_files("transition.json"),
        frames=at("frames/table.csv"),
        crystals=study.crystal_files("json"),
        # The figures are drawn first, so that the table of costs holds them.
        figures=study.drawn(FIGURES, kinds=["png"]),
    output:
        [at(f"tables/{table.name}.csv") for table in catalogue.TABLES],
    log:
        at("logs/make_tables.log"),
    benchmark:
        at("benchmarks/make_tables.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        hyperparameters=config["potential"]["hyperparameters"],
        structures=config["validation"]["structures"],
        benchmarks=at("benchmarks"),
        npt=study.npt_stages(),
        experiments=config["structure"]["experiments"],
    message:
        "Tables"
    script:
        "../scripts/make_tables.py"


rule describe_figures:
    output:
        at("figures/README.md"),
    log:
        at("logs/describe_figures.log"),
    benchmark:
        at("benchmarks/describe_figures.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        text=catalogue.readme(config),
    message:
        "Index of figures and tables"
    script:
        "../scripts/describe_figures.py"


rule build_explorer:
    input:
        **study.explorer_files(),
    output:
        at("explorer.html"),
    log:
        at("logs/build_explorer.log"),
    benchmark:
        at("benchmarks/build_explorer.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        study=config["study"],
        cutoffs=config["structure"]["coordination_cutoffs"],
        engine=study.engine,
    message:
        "Writing the explorer"
    script:
        "../scripts/build_explorer.py"


rule build_report:
    input:
        **study.report_files(FIGURES, [table.name for table in catalogue.tables(config)]),
        explorer=at("explorer.html"),
    output:
        at("report.html"),
    log:
        at("logs/build_report.log"),
    benchmark:
        at("benchmarks/build_report.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    threads: 2
    params:
        settings=config,
        logs=at("logs"),
        # The report shows learning curves that exist, but a run for the report fits none: hence a parameter, not an input.
        learning=paths.digests(
            [at(f"learning_curves/{name}.csv") for name in ("summary", "comparison", "savings")]
            + study.drawn(LEARNING_FIGURES, kinds=["png", "dark.png"])
        ),
        study_file=SOURCES[0] if SOURCES else "",
    message:
        "Writing the report"
    script:
        "../scripts/build_report.py"
