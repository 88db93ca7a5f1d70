# The glass against the cooling rate: its numbers at each rate, and their figure.


rule collect_rates:
    input:
        coordination=study.rated_files("coordination.csv"),
        rx=study.rated_files("rx.json"),
        quenches=[
            path
            for model in study.rated_models().values()
            for path in study.replica_files(model, "quench.csv")
        ],
        reference=at("structure/reference/coordination.csv"),
        frames=at("frames/table.csv"),
    output:
        at("tables/rates.csv"),
    log:
        at("logs/collect_rates.log"),
    benchmark:
        at("benchmarks/collect_rates.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        models=study.rated_models(),
        temperature=study.reference_temperature(),
        discard=config["structure"]["discard_fraction"],
    message:
        "The glass against the cooling rate"
    script:
        "../scripts/collect_rates.py"


rule plot_rates:
    input:
        table=at("tables/rates.csv"),
        sq=study.rated_files("sq.csv"),
        reference=at("structure/reference/sq.csv"),
    output:
        figure_files("plot_rates"),
    log:
        at("logs/plot_rates.log"),
    benchmark:
        at("benchmarks/plot_rates.jsonl")
    conda:
        "../../envs/gapglass.yaml"
    params:
        models=study.rated_models(),
        reference_rate=config["structure"]["reference_rate"],
    message:
        "Figure of the cooling rates"
    script:
        "../scripts/plot_rates.py"
