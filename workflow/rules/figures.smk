# Figures as PNG and PDF, and the report.


rule plot_clusters:
    input:
        table=at("frames/table.csv"),
        delta=at("clusters/delta.csv"),
        best=at("clusters/best.json"),
        labels=at("clusters/best_labels.csv"),
        map=at("clusters/map.csv"),
    output:
        figure("delta", "delta", "Clusters"),
        figure("clusters", "clusters", "Clusters"),
        figure("map", "map", "Clusters"),
        [at(f"figures/{name}.pdf") for name in FIGURE_NAMES[:3]],
    log:
        at("logs/plot_clusters.log"),
    conda:
        "../../envs/analysis.yaml"
    message:
        "Figures of the clusters"
    script:
        "../scripts/plot_clusters.py"


rule plot_potential:
    input:
        history=at("potentials/optimal/history.csv"),
        ledger=at("potentials/optimal/ledger.jsonl"),
        predictions=at("potentials/optimal/predictions.csv"),
        forces=at("potentials/optimal/forces.npz"),
        summary=at("potentials/optimal/summary.json"),
    output:
        figure("active_learning", "active_learning", "Potential"),
        figure("parity", "parity", "Potential"),
        [at(f"figures/{name}.pdf") for name in FIGURE_NAMES[3:5]],
    log:
        at("logs/plot_potential.log"),
    conda:
        "../../envs/analysis.yaml"
    message:
        "Figures of the potential"
    script:
        "../scripts/plot_potential.py"


rule plot_glass:
    input:
        glass_files("thermo.csv"),
    output:
        figure("melt_quench", "melt_quench", "Glass"),
        at("figures/melt_quench.pdf"),
    log:
        at("logs/plot_glass.log"),
    conda:
        "../../envs/analysis.yaml"
    message:
        "Figure of the melt-quench"
    script:
        "../scripts/plot_glass.py"


rule plot_structure:
    input:
        sq=[at("structure/reference/sq.csv"), *structure_files("sq.csv")],
        gr=[at("structure/reference/gr.csv"), *structure_files("gr.csv")],
        coordination=[
            at("structure/reference/coordination.csv"),
            *structure_files("coordination.csv"),
        ],
    output:
        figure("structure_factor", "structure_factor", "Structure"),
        figure("partial_structure_factors", "structure_factor", "Structure"),
        figure("pair_distribution", "pair_distribution", "Structure"),
        figure("partial_pair_distributions", "pair_distribution", "Structure"),
        figure("coordination", "coordination", "Structure"),
        [at(f"figures/{name}.pdf") for name in FIGURE_NAMES[6:]],
    log:
        at("logs/plot_structure.log"),
    conda:
        "../../envs/analysis.yaml"
    message:
        "Figures of the structure"
    script:
        "../scripts/plot_structure.py"


rule build_report:
    input:
        figures=[path for path in FIGURES if path.endswith(".png")],
        imported=at("frames/import.json"),
        kernels=at("kernels/kernels.json"),
        best=at("clusters/best.json"),
        delta=at("clusters/delta.csv"),
        potential=at("potentials/optimal/summary.json"),
        history=at("potentials/optimal/history.csv"),
        reference=at("structure/reference/coordination.csv"),
        coordination=structure_files("coordination.csv"),
        rx=structure_files("rx.json"),
        thermo=glass_files("thermo.csv"),
        speed=glass_files("speed.json"),
    output:
        at("report.html"),
    log:
        at("logs/build_report.log"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=config,
        benchmarks=at("benchmarks"),
    message:
        "Writing the report"
    script:
        "../scripts/build_report.py"
