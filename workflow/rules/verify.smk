# What Snakemake does not notice by itself: results that were deleted, changed or truncated after they were made.


rule verify:
    log:
        at("logs/verify.log"),
    retries: 0
    localrule: True
    conda:
        "../../envs/gapglass.yaml"
    params:
        root=study.folder,
        metadata=".snakemake/metadata",
        options=study_options(),
    message:
        "Comparing the results with Snakemake's records of them"
    script:
        "../scripts/verify.py"
