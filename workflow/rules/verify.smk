# What Snakemake does not notice by itself: results deleted, changed or cut short after they were made.


rule verify:
    log:
        at("logs/verify.log"),
    retries: 0
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        root=STUDY_FOLDER,
        metadata=".snakemake/metadata",
        options=study_options(),
    message:
        "Comparing the results with the records of their making"
    script:
        "../scripts/verify.py"
