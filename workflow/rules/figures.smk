# Figures as PNG, PDF and CSV, tables as CSV, their index, and the report.


rule plot_clusters:
    input:
        table=at("frames/table.csv"),
        delta=at("clusters/delta.csv"),
        best=at("clusters/best.json"),
        labels=at("clusters/best_labels.csv"),
        map=at("clusters/map.csv"),
        each=delta_files("labels.csv"),
    output:
        figure_files("plot_clusters"),
    log:
        at("logs/plot_clusters.log"),
    benchmark:
        at("benchmarks/plot_clusters.jsonl")
    conda:
        "../../envs/analysis.yaml"
    params:
        deltas=config["clustering"]["deltas"],
    message:
        "Figures of the clusters"
    script:
        "../scripts/plot_clusters.py"


rule plot_potentials:
    input:
        histories=loop_files("history.csv"),
        ledgers=loop_files("ledger.jsonl"),
        predictions=potential_files("predictions.csv"),
        forces=potential_files("forces.npz"),
        summaries=potential_files("summary.json"),
        comparison=at("potentials/comparison.csv"),
    output:
        figure_files("plot_potentials"),
    log:
        at("logs/plot_potentials.log"),
    benchmark:
        at("benchmarks/plot_potentials.jsonl")
    conda:
        "../../envs/analysis.yaml"
    message:
        "Figures of the potentials"
    script:
        "../scripts/plot_potentials.py"


rule plot_glass:
    input:
        thermo=glass_files("thermo.csv"),
        outcomes=glass_files("outcome.json"),
    output:
        figure_files("plot_glass"),
    log:
        at("logs/plot_glass.log"),
    benchmark:
        at("benchmarks/plot_glass.jsonl")
    conda:
        "../../envs/analysis.yaml"
    message:
        "Figure of the melt-quench"
    script:
        "../scripts/plot_glass.py"


rule plot_structure:
    input:
        sq=structure_files("sq.csv", experiments=True),
        gr=structure_files("gr.csv", experiments=True),
        coordination=structure_files("coordination.csv"),
        angles=structure_files("angles.csv"),
    output:
        figure_files("plot_structure"),
    log:
        at("logs/plot_structure.log"),
    benchmark:
        at("benchmarks/plot_structure.jsonl")
    conda:
        "../../envs/analysis.yaml"
    params:
        main=figures.main_potential(config),
        compared=figures.compared_sizes(config),
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
        "../../envs/analysis.yaml"
    message:
        "Figures of the learning curves"
    script:
        "../scripts/plot_learning_curves.py"


rule make_tables:
    input:
        summaries=potential_files("summary.json"),
        comparison=at("potentials/comparison.csv"),
        coordination=structure_files("coordination.csv"),
        closest=structure_files("closest.csv"),
        rx=structure_files("rx.json"),
        # drawn last, so that the table of costs is complete
        figures=[path for path in FIGURES if path.endswith(".png")],
    output:
        [at(f"tables/{table.name}.csv") for table in figures.TABLES],
    log:
        at("logs/make_tables.log"),
    benchmark:
        at("benchmarks/make_tables.jsonl")
    conda:
        "../../envs/analysis.yaml"
    params:
        hyperparameters=config["potential"]["hyperparameters"],
        benchmarks=at("benchmarks"),
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
        "../../envs/analysis.yaml"
    params:
        text=figures.readme(config),
    message:
        "Index of figures and tables"
    script:
        "../scripts/describe_figures.py"


rule build_report:
    input:
        figures=[path for path in FIGURES if path.endswith(".png")],
        imported=at("frames/import.json"),
        kernels=at("kernels/kernels.json"),
        best=at("clusters/best.json"),
        delta=at("clusters/delta.csv"),
        potentials=potential_files("summary.json"),
        histories=loop_files("history.csv"),
        tables=[at(f"tables/{table.name}.csv") for table in figures.TABLES],
        thermo=glass_files("thermo.csv"),
        outcomes=glass_files("outcome.json"),
        gr=structure_files("gr.csv"),
        speed=glass_files("speed.json"),
    output:
        at("report.html"),
    log:
        at("logs/build_report.log"),
    benchmark:
        at("benchmarks/build_report.jsonl")
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=config,
        logs=at("logs"),
        learning=learning_curves_made(),
    message:
        "Writing the report"
    script:
        "../scripts/build_report.py"
